/*
 * error_rates.c: siamese.evaluate(model, examples, refs, seed) and siamese.roc(model, examples, impostors, refs).
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/compat.h"
#include "evaluation/evaluation.h"
#include "evaluation/reference_decisions.h"
#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

#define ROC_SEED 1
#define ROC_POINTS 200

static void
put_score(ReturnSetInfo *result, const PairDistances *pairs, PairKind kind, const char *rule, double threshold, uint64 seed)
{
	const PairSet *genuine = &pairs->set[PAIR_GENUINE];
	const PairSet *impostor = &pairs->set[kind];
	double	   *grid;
	int			thresholds = bootstrap_grid(pairs, &threshold, 1, &grid);
	Bootstrap  *resampled = bootstrap_pairs(pairs, grid, thresholds, seed);
	float	   *replicates = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);
	Score		score = score_pairs(genuine, impostor);
	double		far = score_accepted(impostor, threshold);
	double		frr = 1 - score_accepted(genuine, threshold);
	ScoreInterval accepted;
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
	evaluation_put_interval(values, nulls, 11, bootstrap_rate_interval(resampled, kind, threshold, far));
	evaluation_put(values, nulls, 13, frr);
	accepted = bootstrap_rate_interval(resampled, PAIR_GENUINE, threshold, 1 - frr);
	evaluation_put_interval(values, nulls, 14, (ScoreInterval) {1 - accepted.high, 1 - accepted.low});
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
	int			refs = evaluation_refs_argument(fcinfo, 2);
	MemoryContext caller;
	MemoryContext scratch;
	Evaluation	evaluation;

	InitMaterializedSRF(fcinfo, 0);
	scratch = evaluation_enter(&caller);
	evaluation_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
					 (uint64) PG_GETARG_INT64(3), &evaluation);
	evaluation_pairs(&evaluation);
	put_scores(result, &evaluation.pairs, "pair", evaluation.calibration.threshold, evaluation.seed);
	if (refs > 0)
	{
		evaluation_decide(&evaluation, refs);
		put_scores(result, &evaluation.pairs, "reference", evaluation.calibration.threshold, evaluation.seed);
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
	int			refs = evaluation_refs_argument(fcinfo, 3);
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
	evaluation_decide(&evaluation, refs);
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
