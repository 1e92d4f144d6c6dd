/*
 * report.c: siamese.report(model, examples, seed): an evaluation as one page of HTML.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "common/compat.h"
#include "common/limits.h"
#include "common/settings.h"
#include "common/spi.h"
#include "evaluation/evaluation.h"
#include "evaluation/reference_decisions.h"
#include "evaluation/reliability.h"
#include "evaluation/report.h"
#include "evaluation/thresholds.h"
#include "model/names.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

#define RELIABILITY_BINS 15
#define QUERY_CHARACTERS 2000

/* Blue, orange and magenta, which colour-blind people can tell apart, and different dashes. */
static const char style[] =
"<style>\n"
":root{--paper:#fff;--card:#f6f7f9;--ink:#1b2430;--soft:#5c6878;--line:#dde2e8;--genuine:#1f6feb;--random:#c2570c;--skilled:#b0268f;color-scheme:light dark}\n"
"@media(prefers-color-scheme:dark){:root{--paper:#12161c;--card:#1b212a;--ink:#e6eaf0;--soft:#9aa7b7;--line:#2f3844;--genuine:#6ba6ff;--random:#f5a15b;--skilled:#ee82d0}}\n"
"*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
"main{max-width:1140px;margin:0 auto;padding:32px 24px 64px}h1{font-size:30px;line-height:1.2;margin:0 0 4px}h2{font-size:21px;margin:44px 0 12px}h3{font-size:16px;margin:0 0 8px}\n"
"h1,h2,h3,bdi{overflow-wrap:anywhere}p{margin:0 0 10px}small,.soft,figcaption{color:var(--soft)}small{font-size:.86em;font-weight:400}code{font:13px/1.5 ui-monospace,'DejaVu Sans Mono',monospace}\n"
".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:14px;margin:22px 0 8px}.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}\n"
".tile b{display:block;font-size:26px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}.tile small{display:block}.tile span{font-size:14px}\n"
".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));gap:18px}figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;break-inside:avoid}\n"
"figcaption{font-size:14px;margin-top:6px}figcaption b{color:var(--ink)}svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}svg .label{font-size:13px}svg .marked{fill:var(--ink)}\n"
".grid{stroke:var(--line);stroke-width:1;fill:none}.axis{stroke:var(--soft);fill:none}.mark{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:2 3;fill:none}.line{fill:none;stroke-width:2.2;stroke-linejoin:round}\n"
".line.genuine,.bar.genuine{stroke:var(--genuine)}.line.random{stroke:var(--random)}.line.skilled{stroke:var(--skilled);stroke-dasharray:7 3}.line.guide{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:4 4}\n"
".area{fill-opacity:.22;stroke-width:1.6;stroke-linejoin:round}.area.genuine{fill:var(--genuine);stroke:var(--genuine)}.area.random{fill:var(--random);stroke:var(--random)}.area.skilled{fill:var(--skilled);stroke:var(--skilled);stroke-dasharray:5 3}\n"
".area.band{stroke:none;fill-opacity:.16}.dot{stroke:var(--card);stroke-width:1.5}.dot.genuine{fill:var(--genuine)}.dot.random{fill:var(--random)}.dot.skilled{fill:var(--skilled)}.bar{fill:none;stroke-width:1.4;opacity:.8}\n"
".legend{margin:4px 0 0;font-size:14px}.legend span{margin-right:16px;white-space:nowrap}.legend span:before{content:'';display:inline-block;width:18px;height:0;border-top:3px solid;margin-right:7px;vertical-align:middle}\n"
".legend .genuine:before{border-color:var(--genuine)}.legend .random:before{border-color:var(--random)}.legend .skilled:before{border-top-style:dashed;border-color:var(--skilled)}\n"
".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:15px}th,td{text-align:left;padding:7px 14px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}thead th{color:var(--soft);font-weight:500;font-size:14px}\n"
"tbody th{font-weight:600}td small,tbody th small{white-space:nowrap;display:block}.scroll{margin-bottom:12px}.pairs{list-style:none;margin:0 0 24px;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:14px}\n"
".pairs li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px;break-inside:avoid}.pairs p{margin:8px 0 0;font-size:14px;line-height:1.4}.pair{display:flex;gap:8px;align-items:center}\n"
".pair img{flex:1 1 0;min-width:0;width:50%;image-rendering:pixelated;background:#fff;border:1px solid var(--line);border-radius:4px}.query{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 12px;margin:0 0 12px}\n"
"dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
"@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--genuine:#0b4fc4;--random:#a84300;--skilled:#8f0f72}main{max-width:none;padding:0}body{font-size:11pt}h2{break-after:avoid}.figures{grid-template-columns:1fr 1fr}}\n"
"</style>\n";

/* ---- numbers -------------------------------------------------------------------------------------------------------- */

/* What more than one part of the page shows. */
static void
gather_numbers(Report *report)
{
	const PairDistances *pairs = &report->evaluation.pairs;
	const ModelCalibration *calibration = &report->evaluation.calibration;
	double	   *grid;
	int			thresholds = bootstrap_grid(pairs, &calibration->threshold, 1, &grid);
	float	   *value = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);

	report->resampled = bootstrap_pairs(pairs, grid, thresholds, report->evaluation.seed);
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		if (pairs->set[kind].count > 0)
		{
			report->score[kind] = score_pairs(&pairs->set[PAIR_GENUINE], &pairs->set[kind]);
			bootstrap_eer(report->resampled, (PairKind) kind, value);
			report->eer[kind] = score_interval(report->score[kind].eer, bootstrap_deviation(value),
											   Min(report->resampled->groups[PAIR_GENUINE], report->resampled->groups[kind]),
											   false);
		}
	reliability_measure(&report->evaluation, calibration, report->prior, RELIABILITY_BINS, &report->reliability);
	report->checks = thresholds_measure(&report->evaluation, calibration, report->check);
}

/* The share of genuine pairs beyond the model's threshold. */
static double
rejected(const Report *report, ScoreInterval *interval)
{
	double		threshold = report->evaluation.calibration.threshold;
	double		accepted = score_accepted(&report->evaluation.pairs.set[PAIR_GENUINE], threshold);
	ScoreInterval found = bootstrap_rate_interval(report->resampled, PAIR_GENUINE, threshold, accepted);

	*interval = (ScoreInterval) {1 - found.high, 1 - found.low};
	return 1 - accepted;
}

/* ---- parts of the page ---------------------------------------------------------------------------------------------- */

static void
put_tile(StringInfo out, const char *what, double share, ScoreInterval interval, const char *note)
{
	appendStringInfo(out, "<div class=\"tile\"><span>%s</span>", what);
	report_percent(out, share, interval);
	appendStringInfo(out, "<small>%s</small></div>\n", note);
}

static void
put_head(const Report *report)
{
	StringInfo	out = report->out;
	const Evaluation *evaluation = &report->evaluation;
	const char *name = evaluation->name != NULL ? evaluation->name : setting_model;
	ScoreInterval none = {NAN, NAN};
	ScoreInterval interval;
	double		frr = rejected(report, &interval);

	appendStringInfoString(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
						   "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>");
	report_text(out, name, LIMIT_MODEL_NAME);
	appendStringInfoString(out, ": report</title>\n");
	appendStringInfoString(out, style);
	appendStringInfoString(out, "</head><body><main>\n<header><h1><bdi>");
	report_text(out, name, LIMIT_MODEL_NAME);
	appendStringInfoString(out, "</bdi></h1>\n<p class=\"soft\">Evaluated on ");
	report_count(out, evaluation->examples->labels);
	appendStringInfoString(out, " identities with ");
	report_count(out, evaluation->examples->count);
	appendStringInfo(out, " samples. Fingerprint <code>%s</code></p></header>\n<section class=\"tiles\" aria-label=\"Key figures\">\n",
					 model_fingerprint_text(evaluation->model->fingerprint));
	if (evaluation->pairs.set[PAIR_RANDOM].count > 0)
		put_tile(out, "Equal error rate, random", report->score[PAIR_RANDOM].eer, report->eer[PAIR_RANDOM],
				 "against other identities");
	if (evaluation->pairs.set[PAIR_SKILLED].count > 0)
		put_tile(out, "Equal error rate, skilled", report->score[PAIR_SKILLED].eer, report->eer[PAIR_SKILLED],
				 "against forgeries");
	put_tile(out, "Genuine pairs rejected", frr, interval, "at the model&#39;s threshold");
	put_tile(out, "Calibration error", report->reliability.error, none, "of the probability, on average");
	appendStringInfoString(out, "</section>\n");
}

static void
put_rates(const Report *report)
{
	StringInfo	out = report->out;
	const PairDistances *pairs = &report->evaluation.pairs;
	double		threshold = report->evaluation.calibration.threshold;

	appendStringInfoString(out, "<h2>Error rates</h2>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Impostors</th>"
						   "<th scope=\"col\">Pairs</th><th scope=\"col\">Equal error rate</th><th scope=\"col\">AUC</th>"
						   "<th scope=\"col\">FAR at the threshold</th><th scope=\"col\">FRR there</th></tr></thead><tbody>\n");
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		double		far;
		ScoreInterval interval;
		double		frr;

		if (pairs->set[kind].count == 0)
			continue;
		appendStringInfo(out, "<tr><th scope=\"row\">%s</th><td>", kind == PAIR_RANDOM ? "random" : "skilled");
		report_count(out, pairs->set[kind].count);
		appendStringInfoString(out, "<small>");
		report_count(out, pairs->set[PAIR_GENUINE].count);
		appendStringInfoString(out, " genuine</small></td><td>");
		report_percent(out, report->score[kind].eer, report->eer[kind]);
		appendStringInfo(out, "</td><td>%.5f</td><td>", report->score[kind].auc);
		far = score_accepted(&pairs->set[kind], threshold);
		report_percent(out, far, bootstrap_rate_interval(report->resampled, (PairKind) kind, threshold, far));
		appendStringInfoString(out, "</td><td>");
		frr = rejected(report, &interval);
		report_percent(out, frr, interval);
		appendStringInfoString(out, "</td></tr>\n");
	}
	appendStringInfo(out, "</tbody></table></div>\n<p class=\"soft\">The threshold is a distance of %.6g: where a genuine and an"
					 " impostor pair were equally likely when the model was calibrated. In small print: 95 %% intervals, from resampling"
					 " identities %d times (seed " UINT64_FORMAT "); there is none for fewer than %d identities.</p>\n",
					 threshold, BOOTSTRAP_REPLICATES, report->evaluation.seed, BOOTSTRAP_LEAST_GROUPS);
}

static void
put_thresholds(const Report *report)
{
	StringInfo	out = report->out;

	appendStringInfoString(out, "<h2>False-accept rates: stated and observed</h2>\n<div class=\"scroll\"><table><thead><tr>"
						   "<th scope=\"col\">Stated</th><th scope=\"col\">Threshold</th><th scope=\"col\">Impostors</th>"
						   "<th scope=\"col\">Observed here</th><th scope=\"col\">Genuine pairs rejected</th></tr></thead><tbody>\n");
	for (int i = 0; i < report->checks; i++)
	{
		const ThresholdCheck *row = &report->check[i];

		appendStringInfoString(out, "<tr><th scope=\"row\">");
		appendStringInfo(out, "%g %%", 100 * row->rate);
		if (row->stated != NULL)
			appendStringInfo(out, "<small>%s to %s</small>", report_percent_text(row->stated->rate_interval.low),
							 report_percent_text(row->stated->rate_interval.high));
		if (row->stated == NULL)
		{
			int			groups = report->evaluation.calibration.fitted_on.groups;

			appendStringInfo(out, "</th><td colspan=\"4\">not supported by the %d %s of the calibration</td></tr>\n",
							 groups > 0 ? groups : report->evaluation.calibration.fitted_on.identities, groups > 0 ? "groups" : "identities");
		}
		else
		{
			appendStringInfo(out, "</th><td>%.5g<small>%.4g to %.4g</small></td><td>%s</td><td>", row->stated->threshold,
							 row->stated->threshold_interval.low, row->stated->threshold_interval.high,
							 pair_kind_name(row->impostors));
			report_percent(out, row->far, row->far_interval);
			appendStringInfoString(out, "</td><td>");
			report_percent(out, row->frr, row->frr_interval);
			appendStringInfoString(out, "</td></tr>\n");
		}
		/* one line says that a rate is not supported */
		if (row->stated == NULL && i + 1 < report->checks && report->check[i + 1].rate == row->rate)
			i++;
	}
	appendStringInfo(out, "</tbody></table></div>\n<p class=\"soft\"><code>%s</code> uses these thresholds. A stated"
					 " rate is that of the kind of impostor that is accepted more often.</p>\n",
					 report->refs > 0 ? "verify(reference, sample, far)" : "verify(a, b, far)");
}

static void
put_calibration(const Report *report)
{
	const ModelCalibration *calibration = &report->evaluation.calibration;
	StringInfo	out = report->out;

	appendStringInfo(out, "<dt>Calibration</dt><dd>%s regression on ",
					 calibration->method == CALIBRATION_ISOTONIC ? "isotonic" : "logistic");
	report_count(out, calibration->fitted_on.identities);
	appendStringInfoString(out, " identities");
	if (calibration->fitted_on.groups > 0)
	{
		appendStringInfoString(out, " in ");
		report_count(out, calibration->fitted_on.groups);
		appendStringInfoString(out, " groups");
	}
	appendStringInfoString(out, " (");
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		if (calibration->fitted_on.pairs[kind] > 0)
		{
			appendStringInfoString(out, kind ? ", " : "");
			report_count(out, calibration->fitted_on.pairs[kind]);
			appendStringInfo(out, " %s", pair_kind_name((PairKind) kind));
		}
	appendStringInfoString(out, " pairs)</dd>\n");
}

static void
put_origin(const Report *report, const char *query)
{
	StringInfo	out = report->out;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	static const char *const row[] = {"Network", "Distance", "Dimensions", "Trained", "By"};

	model_parse_name(report->evaluation.name != NULL ? report->evaluation.name : setting_model, plain, &version);
	values[0] = CStringGetTextDatum(plain);
	values[1] = Int32GetDatum(version);
	if (spi_read("SELECT network, metric, dimensions::pg_catalog.text, pg_catalog.to_char(finished_at, 'YYYY-MM-DD HH24:MI TZ'),"
				 " created_by::pg_catalog.text, version::pg_catalog.text FROM " MODEL_ROW_OF_NAME, 2, types, values, 1) != 1)
		elog(ERROR, "siamese.model has no version %d of \"%s\"", version, plain);
	appendStringInfoString(out, "<h2>Where the numbers come from</h2>\n<dl>\n<dt>Model</dt><dd><bdi>");
	report_text(out, plain, LIMIT_MODEL_NAME);
	appendStringInfo(out, "</bdi>, version %s</dd>\n", spi_text(6));
	for (int i = 0; i < lengthof(row); i++)
	{
		const char *value = spi_text(i + 1);

		appendStringInfo(out, "<dt>%s</dt><dd>", row[i]);
		report_text(out, value ? value : "still in training", 200);
		appendStringInfoString(out, "</dd>\n");
	}
	put_calibration(report);
	if (report->refs > 0)
		appendStringInfo(out, "<dt>References</dt><dd>a person is known by %d sample%s: a pair is one of them and another sample</dd>\n",
						 report->refs, report->refs == 1 ? "" : "s");
	appendStringInfo(out, "<dt>Prior</dt><dd>%g of the compared pairs are genuine (siamese.prior)</dd>\n</dl>\n"
					 "<h3 style=\"margin-top:20px\">Examples</h3>\n<pre class=\"query\"><code>", report->prior);
	report_text(out, query, QUERY_CHARACTERS);
	appendStringInfo(out, "</code></pre>\n<p class=\"soft\">Intervals come from resampling whole %s, because pairs that share one are"
						   " not independent (Snijders, Borgatti 1999; Bolle, Ratha, Pankanti 2004); they are Wilson intervals for the effective"
						   " number of independent trials (Korn, Graubard 1998). They show how the numbers vary among people like these, not"
						   " with other paper, pens or cameras.</p>\n",
						   report->evaluation.examples->grouped ? "groups of identities" : "identities");
}

PG_FUNCTION_INFO_V1(siamese_report);

Datum
siamese_report(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext caller;
	MemoryContext scratch = evaluation_enter(&caller);
	Report		report = {.prior = setting_prior, .refs = evaluation_refs_argument(fcinfo, 3)};
	StringInfoData out;
	text	   *result;

	evaluation_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), query, (uint64) PG_GETARG_INT64(2), &report.evaluation);
	evaluation_decide(&report.evaluation, report.refs);
	gather_numbers(&report);
	initStringInfo(&out);
	report.out = &out;
	put_head(&report);
	put_rates(&report);
	appendStringInfoString(&out, "<h2>Curves</h2>\n<section class=\"figures\">\n");
	figure_histogram(&report);
	figure_reliability(&report);
	figure_roc(&report);
	figure_det(&report);
	SPI_connect();
	MemoryContextSwitchTo(scratch);
	if (!figure_training(&report))
		appendStringInfoString(&out, "<p class=\"soft\">The epochs of the training are not recorded here.</p>\n");
	appendStringInfoString(&out, "</section>\n");
	put_thresholds(&report);
	appendStringInfoString(&out, "<h2>The worst mistakes, as the network sees them</h2>\n");
	pictures_mistakes(&report);
	put_origin(&report, query);
	SPI_finish();
	appendStringInfoString(&out, "</main></body></html>\n");
	MemoryContextSwitchTo(caller);
	result = cstring_to_text_with_len(out.data, out.len);
	evaluation_leave(scratch, caller);
	PG_RETURN_TEXT_P(result);
}
