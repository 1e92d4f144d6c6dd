/*
 * error_rates.c: siamese.evaluate(model, examples, refs, seed) and siamese.roc(model, examples, impostors).
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/compat.h"
#include "evaluation/decision_rules.h"
#include "evaluation/evaluation.h"
#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

#define LARGEST_REFS 1000
#define ROC_SEED 1
#define ROC_POINTS 200

/* One row; threshold NaN: the model's threshold does not apply to these decisions. */
static void
put_score(ReturnSetInfo *result, const PairDistances *pairs, PairKind kind, const char *rule, double threshold, uint64 seed)
{
	const PairSet *genuine = &pairs->set[PAIR_GENUINE];
	const PairSet *impostor = &pairs->set[kind];
	bool		decided = !isnan(threshold);
	double	   *grid;
	int			thresholds = bootstrap_grid(pairs, &threshold, decided, &grid);
	Bootstrap  *resampled = bootstrap_pairs(pairs, grid, thresholds, seed);
	float	   *replicates = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);
	Score		score = score_pairs(genuine, impostor);
	double		far = decided ? score_accepted(impostor, threshold) : NAN;
	double		frr = decided ? 1 - score_accepted(genuine, threshold) : NAN;
	ScoreInterval interval = {NAN, NAN};
	Datum		values[16];
	bool		nulls[16] = {false};

	values[0] = CStringGetTextDatum(pair_kind_name(kind));
	values[1] = CStringGetTextDatum(rule);
	values[2] = Int64GetDatum(genuine->count);
	values[3] = Int64GetDatum(impostor->count);
	evaluation_put(values, nulls, 4, score.eer);
	bootstrap_eer(resampled, kind, replicates);
	evaluation_put_interval(values, nulls, 5, score_interval(score.eer, bootstrap_deviation(replicates),
														  Min(resampled->groups[PAIR_GENUINE], resampled->groups[kind]), false));
	evaluation_put(values, nulls, 7, score.auc);
	evaluation_put(values, nulls, 8, 1 - (far + frr) / 2);
	evaluation_put(values, nulls, 9, threshold);
	evaluation_put(values, nulls, 10, far);
	if (decided)
		interval = bootstrap_rate_interval(resampled, kind, threshold, far);
	evaluation_put_interval(values, nulls, 11, interval);
	evaluation_put(values, nulls, 13, frr);
	if (decided)
	{
		interval = bootstrap_rate_interval(resampled, PAIR_GENUINE, threshold, 1 - frr);
		interval = (ScoreInterval) {1 - interval.high, 1 - interval.low};
	}
	evaluation_put_interval(values, nulls, 14, interval);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	pfree(resampled->accepted[PAIR_GENUINE]);
	pfree(resampled->accepted[kind]);
}

static void
put_scores(ReturnSetInfo *result, const PairDistances *pairs, const char *rule, double threshold, uint64 seed)
{
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		PairDistances one = *pairs;

		if (pairs->set[kind].count == 0)
			continue;
		one.set[kind == PAIR_RANDOM ? PAIR_SKILLED : PAIR_RANDOM].count = 0;
		put_score(result, &one, (PairKind) kind, rule, threshold, seed);
	}
}

PG_FUNCTION_INFO_V1(siamese_evaluate);

Datum
siamese_evaluate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			refs = PG_GETARG_INT32(2);
	MemoryContext caller;
	MemoryContext scratch;
	Evaluation	evaluation;

	if (refs < 0 || refs > LARGEST_REFS)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of references is out of range: %d", refs),
				 errdetail("It must be from 0 to %d.", LARGEST_REFS)));
	InitMaterializedSRF(fcinfo, 0);
	scratch = evaluation_enter(&caller);
	evaluation_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
					 (uint64) PG_GETARG_INT64(3), &evaluation);
	put_scores(result, &evaluation.pairs, "pair", evaluation.calibration.threshold, evaluation.seed);
	if (refs > 0)
	{
		PairDistances pairs[DECISION_RULES];

		decision_pairs(&evaluation, refs, pairs);
		for (int rule = 0; rule < DECISION_RULES; rule++)
			put_scores(result, &pairs[rule], decision_rule_name((DecisionRule) rule), NAN, evaluation.seed);
	}
	evaluation_leave(scratch, caller);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(siamese_roc);

Datum
siamese_roc(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		skilled = strcmp(kind, "skilled") == 0;
	MemoryContext caller;
	MemoryContext scratch;
	Evaluation	evaluation;
	const PairSet *genuine = &evaluation.pairs.set[PAIR_GENUINE];
	const PairSet *impostor = &evaluation.pairs.set[skilled ? PAIR_SKILLED : PAIR_RANDOM];
	double		last = -INFINITY;

	if (!skilled && strcmp(kind, "random") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of impostors: \"%s\"", kind),
				 errhint("The kinds are \"random\" (other identities) and \"skilled\" (forgeries).")));
	InitMaterializedSRF(fcinfo, 0);
	scratch = evaluation_enter(&caller);
	evaluation_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), ROC_SEED, &evaluation);
	if (impostor->count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no %s impostors", kind)));

	/* thresholds at even shares of the genuine and of the impostor pairs, so that both ends of the curve are covered */
	for (int i = 0, k = 0; i <= ROC_POINTS || k <= ROC_POINTS;)
	{
		double		from_genuine = i > ROC_POINTS ? INFINITY
			: genuine->pair[(genuine->count - 1) * (int64) i / ROC_POINTS].distance;
		double		from_impostor = k > ROC_POINTS ? INFINITY
			: impostor->pair[(impostor->count - 1) * (int64) k / ROC_POINTS].distance;
		double		threshold = Min(from_genuine, from_impostor);
		Datum		values[3];
		bool		nulls[3] = {false};

		if (from_genuine <= from_impostor)
			i++;
		else
			k++;
		if (threshold == last)
			continue;
		last = threshold;
		values[0] = Float8GetDatum(threshold);
		values[1] = Float8GetDatum(score_accepted(impostor, threshold));
		values[2] = Float8GetDatum(1 - score_accepted(genuine, threshold));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	evaluation_leave(scratch, caller);
	return (Datum) 0;
}
