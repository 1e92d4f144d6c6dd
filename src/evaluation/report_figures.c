/*
 * report_figures.c: the figures of the report: distances, ROC and DET curves, reliability, training by epoch.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "common/spi.h"
#include "evaluation/reliability.h"
#include "evaluation/report.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

#define HISTOGRAM_BINS 48
#define BAND_POINTS 60
#define CURVE_POINTS 600
#define LOWEST_RATE 1e-4		/* that a curve shows */

static void
open_figure(StringInfo out, const char *title)
{
	appendStringInfo(out, "<figure><h3>%s</h3>\n", title);
}

static void
close_figure(StringInfo out, const char *caption)
{
	appendStringInfo(out, "<figcaption>%s</figcaption></figure>\n", caption);
}

/* A legend of the kinds of pairs that the examples have. */
static void
put_legend(const Report *report, bool genuine)
{
	appendStringInfoString(report->out, "<p class=\"legend\">");
	for (int kind = genuine ? PAIR_GENUINE : PAIR_RANDOM; kind < PAIR_KINDS; kind++)
		if (report->evaluation.pairs.set[kind].count > 0)
			appendStringInfo(report->out, "<span class=\"%s\">%s</span> ", pair_kind_name((PairKind) kind),
							 kind == PAIR_GENUINE ? "genuine pairs" : kind == PAIR_RANDOM ? "random impostors" : "skilled impostors");
	appendStringInfoString(report->out, "</p>\n");
}

/* ---- distances ------------------------------------------------------------------------------------------------------ */

void
figure_histogram(Report *report)
{
	const PairDistances *pairs = &report->evaluation.pairs;
	double		least = 0;
	double		largest = 0;
	double		share[PAIR_KINDS][HISTOGRAM_BINS] = {{0}};
	double		highest = 0;
	Chart		chart = {.out = report->out};
	Point		point[2 * HISTOGRAM_BINS + 2];

	for (int kind = 0; kind < PAIR_KINDS; kind++)
		if (pairs->set[kind].count > 0)
		{
			least = fmin(least, pairs->set[kind].pair[0].distance);
			largest = fmax(largest, pairs->set[kind].pair[pairs->set[kind].count - 1].distance);
		}
	if (!(largest > least))
		largest = 1;
	for (int kind = 0; kind < PAIR_KINDS; kind++)
	{
		for (int64 i = 0; i < pairs->set[kind].count; i++)
		{
			int			bin = (int) ((pairs->set[kind].pair[i].distance - least) / (largest - least) * HISTOGRAM_BINS);

			share[kind][Min(bin, HISTOGRAM_BINS - 1)] += 1.0 / (double) pairs->set[kind].count;
		}
		for (int bin = 0; bin < HISTOGRAM_BINS; bin++)
			highest = fmax(highest, share[kind][bin]);
	}

	open_figure(report->out, "Distances");
	chart.x = (Axis) {.label = "distance", .low = least, .high = largest};
	chart.y = (Axis) {.label = "share of the pairs of a kind", .high = highest * 1.08, .percent = true};
	chart_begin(&chart, "Histogram of distances",
				"Shares of genuine, random and skilled pairs by distance, with the threshold of the same identity.");
	for (int kind = PAIR_KINDS - 1; kind >= 0; kind--)
	{
		int			points = 0;

		if (pairs->set[kind].count == 0)
			continue;
		point[points++] = (Point) {least, 0};
		for (int bin = 0; bin < HISTOGRAM_BINS; bin++)
		{
			point[points++] = (Point) {least + (largest - least) * bin / HISTOGRAM_BINS, share[kind][bin]};
			point[points++] = (Point) {least + (largest - least) * (bin + 1) / HISTOGRAM_BINS, share[kind][bin]};
		}
		point[points++] = (Point) {largest, 0};
		chart_area(&chart, pair_kind_name((PairKind) kind), point, points);
	}
	chart_mark(&chart, report->evaluation.calibration.threshold,
				  psprintf("threshold %.4g", report->evaluation.calibration.threshold));
	chart_end(&chart);
	put_legend(report, true);
	close_figure(report->out, "The less the kinds overlap, the better. Left of the threshold a pair counts as the same identity.");
}

/* ---- error rates ----------------------------------------------------------------------------------------------------- */

/* The share of genuine pairs accepted at these false-accept rates, in one replicate: accepted [rates]. */
static void
replicate_curve(const Bootstrap *resampled, PairKind kind, int replicate, const double *rate, int rates, float *accepted)
{
	int			next = 0;
	double		far_before = 0;
	double		tar_before = 0;

	for (int i = 0; i < rates; i++)
		accepted[i] = NAN;
	for (int t = 0; t < resampled->thresholds && next < rates; t++)
	{
		double		far = bootstrap_at(resampled, kind, t)[replicate];
		double		tar = bootstrap_at(resampled, PAIR_GENUINE, t)[replicate];

		if (isnan(far) || isnan(tar))
			return;
		for (; next < rates && far >= rate[next]; next++)
			accepted[next] = (float) (far > far_before ?
									  tar_before + (rate[next] - far_before) / (far - far_before) * (tar - tar_before) : tar);
		far_before = far;
		tar_before = tar;
	}
	for (; next < rates; next++)
		accepted[next] = 1;
}

/* Between the 2.5th and the 97.5th percentile of the replicates. */
static void
put_band(const Report *report, Chart *chart, PairKind kind)
{
	double		rate[BAND_POINTS];
	float	   *curve = palloc(sizeof(float) * BAND_POINTS);
	float	   *value = palloc(sizeof(float) * BAND_POINTS * BOOTSTRAP_REPLICATES);
	Point		point[2 * BAND_POINTS];

	for (int i = 0; i < BAND_POINTS; i++)
		rate[i] = chart->x.low * pow(chart->x.high / chart->x.low, i / (BAND_POINTS - 1.0));
	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
	{
		replicate_curve(report->resampled, kind, r, rate, BAND_POINTS, curve);
		for (int i = 0; i < BAND_POINTS; i++)
			value[(Size) i * BOOTSTRAP_REPLICATES + r] = curve[i];
	}
	for (int i = 0; i < BAND_POINTS; i++)
	{
		double		low;
		double		high;

		bootstrap_percentiles(value + (Size) i * BOOTSTRAP_REPLICATES, &low, &high);
		point[i] = (Point) {rate[i], isnan(low) ? 0 : low};
		point[2 * BAND_POINTS - 1 - i] = (Point) {rate[i], isnan(high) ? 1 : high};
	}
	chart_area(chart, psprintf("band %s", pair_kind_name(kind)), point, 2 * BAND_POINTS);
	pfree(value);
	pfree(curve);
}

/* (FAR, accepted genuine pairs) at thresholds all along the curve, both ends drawn densely. */
static int
curve_points(const Report *report, PairKind kind, Point *point)
{
	const PairDistances *pairs = &report->evaluation.pairs;
	const Bootstrap *resampled = report->resampled;
	int			step = Max(resampled->thresholds / CURVE_POINTS, 1);
	int			points = 0;

	for (int t = 0; t < resampled->thresholds && points < CURVE_POINTS; t += step)
		point[points++] = (Point) {
			score_accepted(&pairs->set[kind], resampled->threshold[t]),
			score_accepted(&pairs->set[PAIR_GENUINE], resampled->threshold[t])
		};
	return points;
}

static double
lowest_rate(const Report *report)
{
	double		most = 0;

	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		most = fmax(most, (double) report->evaluation.pairs.set[kind].count);
	return pow(10, fmin(floor(log10(fmax(LOWEST_RATE, 1 / fmax(most, 10)))), -1));
}

static Point
operating_point(const Report *report, PairKind kind)
{
	const PairDistances *pairs = &report->evaluation.pairs;
	double		threshold = report->evaluation.calibration.threshold;

	return (Point) {score_accepted(&pairs->set[kind], threshold), score_accepted(&pairs->set[PAIR_GENUINE], threshold)};
}

void
figure_roc(Report *report)
{
	Chart		chart = {.out = report->out};
	Point		point[CURVE_POINTS];

	open_figure(report->out, "ROC: what is accepted");
	chart.x = (Axis) {.label = "impostors accepted (FAR)", .scale = AXIS_LOG, .low = lowest_rate(report), .high = 1, .percent = true};
	chart.y = (Axis) {.label = "genuine pairs accepted (1 - FRR)", .high = 1, .percent = true};
	chart_begin(&chart, "ROC curve", "Share of genuine pairs accepted by share of impostors accepted, with 95 % bands.");
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		if (report->evaluation.pairs.set[kind].count > 0 && !isnan(report->eer[kind].low))
			put_band(report, &chart, (PairKind) kind);
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		if (report->evaluation.pairs.set[kind].count > 0)
		{
			chart_line(&chart, pair_kind_name((PairKind) kind), point, curve_points(report, (PairKind) kind, point));
			chart_dot(&chart, pair_kind_name((PairKind) kind), operating_point(report, (PairKind) kind));
		}
	chart_end(&chart);
	put_legend(report, false);
	close_figure(report->out, "Up and to the left is better. Dots: the model's threshold. Bands: 95 % over identities, or groups of them.");
}

void
figure_det(Report *report)
{
	Chart		chart = {.out = report->out};
	Point		point[CURVE_POINTS];
	Point		diagonal[2];

	open_figure(report->out, "DET: the two errors");
	chart.x = (Axis) {.label = "impostors accepted (FAR)", .scale = AXIS_NORMAL, .low = lowest_rate(report) * 0.8, .high = 0.6, .percent = true};
	chart.y = chart.x;
	chart.y.label = "genuine pairs rejected (FRR)";
	chart.y.low = 0.0008;
	chart_begin(&chart, "DET curve",
				"False rejections by false acceptances, both axes by the quantile of the normal distribution; the diagonal is where both are equal.");
	diagonal[0] = (Point) {fmax(chart.x.low, chart.y.low), fmax(chart.x.low, chart.y.low)};
	diagonal[1] = (Point) {0.6, 0.6};
	chart_line(&chart, "guide", diagonal, 2);
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		if (report->evaluation.pairs.set[kind].count > 0)
		{
			int			all = curve_points(report, (PairKind) kind, point);
			Point		dot = operating_point(report, (PairKind) kind);
			int			points = 0;

			/* points outside of the axes are left out, else they would be drawn along the edges */
			for (int i = 0; i < all; i++)
				if (point[i].x >= chart.x.low && point[i].x <= chart.x.high &&
					1 - point[i].y >= chart.y.low && 1 - point[i].y <= chart.y.high)
					point[points++] = (Point) {point[i].x, 1 - point[i].y};
			dot.y = 1 - dot.y;
			chart_line(&chart, pair_kind_name((PairKind) kind), point, points);
			chart_dot(&chart, pair_kind_name((PairKind) kind), dot);
		}
	chart_end(&chart);
	put_legend(report, false);
	close_figure(report->out, "Down and to the left is better; a straight line means normally distributed scores. The dashed diagonal"
				 " crosses a curve at its equal error rate.");
}

/* ---- probability ----------------------------------------------------------------------------------------------------- */

/* A sentence for examples whose impostors are not of the kinds that the model was calibrated on. */
static const char *
other_impostors(const Report *report)
{
	const int64 *calibrated = report->evaluation.calibration.fitted_on.pairs;

	if ((calibrated[PAIR_SKILLED] > 0) == (report->evaluation.pairs.set[PAIR_SKILLED].count > 0))
		return "";
	return calibrated[PAIR_SKILLED] > 0
		? " The model was calibrated on random and skilled impostors alike; there are no skilled ones here."
		: " The model was calibrated on random impostors alone; the skilled ones are left out here.";
}

void
figure_reliability(Report *report)
{
	const Reliability *reliability = &report->reliability;
	Chart		chart = {.out = report->out};
	Point		diagonal[2] = {{0, 0}, {1, 1}};
	Point		point[RELIABILITY_MOST_BINS];

	open_figure(report->out, "Is the probability true?");
	chart.x = (Axis) {.label = "probability that verify() states", .high = 1, .percent = true};
	chart.y = (Axis) {.label = "pairs that are genuine", .high = 1, .percent = true};
	chart_begin(&chart, "Reliability diagram",
				"Observed share of genuine pairs by stated probability, in bins of equal weight, with 95 % intervals.");
	chart_line(&chart, "guide", diagonal, 2);
	for (int i = 0; i < reliability->bins; i++)
		point[i] = (Point) {reliability->bin[i].predicted, reliability->bin[i].observed};
	chart_line(&chart, "genuine", point, reliability->bins);
	for (int i = 0; i < reliability->bins; i++)
	{
		if (!isnan(reliability->bin[i].interval.low))
			chart_bar(&chart, "genuine", point[i].x, reliability->bin[i].interval.low, reliability->bin[i].interval.high);
		chart_dot(&chart, "genuine", point[i]);
	}
	chart_end(&chart);
	close_figure(report->out, psprintf("On the dashed diagonal it is. Expected calibration error (mean distance from the diagonal, %d bins"
									   " of equal weight, prior %g): <b>%s</b>.%s", reliability->bins, report->prior,
									   report_percent_text(reliability->error), other_impostors(report)));
}

/* ---- training -------------------------------------------------------------------------------------------------------- */

static double
epoch_value(uint64 row, int column)
{
	bool		isnull;

	return DatumGetFloat8(spi_datum_of(row, column, &isnull));
}

static void
epoch_chart(Report *report, const char *title, const char *label, int column, bool percent)
{
	int			epochs = (int) SPI_processed;
	Point	   *point = palloc(sizeof(Point) * Max(epochs, 1));
	double		highest = 0;
	int			best = 0;
	Chart		chart = {.out = report->out};

	for (int i = 0; i < epochs; i++)
	{
		point[i] = (Point) {epoch_value(i, 1), epoch_value(i, column)};
		highest = fmax(highest, point[i].y);
		if (epoch_value(i, 4) > 0)
			best = i;
	}
	open_figure(report->out, title);
	chart.x = (Axis) {.label = "epoch", .low = point[0].x, .high = fmax(point[epochs - 1].x, point[0].x + 1), .whole = true};
	chart.y = (Axis) {.label = label, .high = highest > 0 ? highest * 1.05 : 1, .percent = percent};
	chart_begin(&chart, title, "By epoch; a dot marks the epoch that was kept.");
	chart_line(&chart, "genuine", point, epochs);
	chart_dot(&chart, "genuine", point[best]);
	chart_end(&chart);
	close_figure(report->out, psprintf("Epoch %d of %d was kept: %s.", (int) point[best].x, (int) point[epochs - 1].x,
									   percent ? report_percent_text(point[best].y) : psprintf("%.4g", point[best].y)));
}

bool
figure_training(Report *report)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(report->evaluation.model->fingerprint));

	if (spi_read("SELECT e.epoch::pg_catalog.float8, e.loss, e.eer, CASE WHEN e.kept THEN 1.0 ELSE 0.0 END::pg_catalog.float8"
				 " FROM siamese.training_epoch e WHERE (e.name, e.version) OPERATOR(pg_catalog.=)"
				 " (SELECT m.name, m.version FROM siamese.model m WHERE m.fingerprint OPERATOR(pg_catalog.=) $1"
				 " AND EXISTS (SELECT FROM siamese.training_epoch x WHERE x.name OPERATOR(pg_catalog.=) m.name"
				 " AND x.version OPERATOR(pg_catalog.=) m.version) ORDER BY m.name, m.version LIMIT 1) ORDER BY e.epoch",
				 1, &type, &value, 0) == 0)
		return false;
	epoch_chart(report, "Training: error on held-out identities", "held-out EER", 3, true);
	epoch_chart(report, "Training: loss", "loss", 2, false);
	return true;
}
