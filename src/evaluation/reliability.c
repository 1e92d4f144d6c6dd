/*
 * reliability.c: siamese.reliability(model, examples, bins, seed, refs): stated probabilities, and the shares of genuine pairs that
 * examples show.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/compat.h"
#include "common/settings.h"
#include "evaluation/evaluation.h"
#include "evaluation/reference_decisions.h"
#include "evaluation/reliability.h"
#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/calibration.h"
#include "verification/score.h"

/* The weight of a pair of each kind: genuine ones have the prior in total, impostors the rest, each kind of them an equal part. */
static void
weigh_kinds(const PairDistances *pairs, const ModelCalibration *calibration, double prior, double *weight)
{
	int			kinds = 0;
	bool		as_calibrated = false;

	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		as_calibrated |= pairs->set[kind].count > 0 && calibration->fitted_on.pairs[kind] > 0;
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		weight[kind] = pairs->set[kind].count > 0 && (calibration->fitted_on.pairs[kind] > 0 || !as_calibrated) ? 1 : 0;
		kinds += weight[kind] > 0;
	}
	weight[PAIR_GENUINE] = prior / (double) pairs->set[PAIR_GENUINE].count;
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		weight[kind] *= (1 - prior) / (kinds * (double) Max(pairs->set[kind].count, 1));
}

/* Replicates of the observed share between two thresholds of the grid (place -1: from the start). */
static void
replicate_share(const Bootstrap *resampled, const PairDistances *pairs, const double *weight, int before, int place,
				float *value)
{
	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
	{
		double		mass[PAIR_KINDS] = {0};

		for (int kind = 0; kind < PAIR_KINDS; kind++)
			if (weight[kind] > 0)
				mass[kind] = weight[kind] * (double) pairs->set[kind].count *
					(bootstrap_at(resampled, (PairKind) kind, place)[r] -
					 (before < 0 ? 0 : bootstrap_at(resampled, (PairKind) kind, before)[r]));
		value[r] = (float) (mass[PAIR_GENUINE] / (mass[PAIR_GENUINE] + mass[PAIR_RANDOM] + mass[PAIR_SKILLED]));
	}
}

void
reliability_measure(const Evaluation *evaluation, const ModelCalibration *calibration, double prior, int bins,
					Reliability *reliability)
{
	const PairDistances *pairs = &evaluation->pairs;
	double		weight[PAIR_KINDS];
	double		edge[RELIABILITY_MOST_BINS];
	double		mass = 0;
	double		last = -INFINITY;
	int64		next[PAIR_KINDS] = {0};
	int			kind;
	int			groups = 0;
	Bootstrap  *resampled;
	float	   *value = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);

	memset(reliability, 0, sizeof *reliability);
	weigh_kinds(pairs, calibration, prior, weight);
	while ((kind = pairs_nearest(pairs, next)) >= 0)
	{
		double		distance = pairs->set[kind].pair[next[kind]++].distance;
		ReliabilityBin *bin;

		if (weight[kind] == 0)
			continue;
		if (reliability->bins == 0 ||
			(mass >= (double) reliability->bins / bins && distance > last && reliability->bins < bins))
			reliability->bins++;
		bin = &reliability->bin[reliability->bins - 1];
		bin->weight += weight[kind];
		bin->predicted += weight[kind] * calibration_probability(calibration, distance, prior);
		bin->observed += kind == PAIR_GENUINE ? weight[kind] : 0;
		bin->pairs++;
		edge[reliability->bins - 1] = last = distance;
		mass += weight[kind];
	}
	resampled = bootstrap_pairs(pairs, edge, reliability->bins, evaluation->seed);
	for (kind = 0; kind < PAIR_KINDS; kind++)
		if (weight[kind] > 0)
			groups = Max(groups, resampled->groups[kind]);
	for (int i = 0; i < reliability->bins; i++)
	{
		ReliabilityBin *bin = &reliability->bin[i];

		bin->predicted /= bin->weight;
		bin->observed /= bin->weight;
		replicate_share(resampled, pairs, weight, i - 1, i, value);
		bin->interval = score_interval(bin->observed, bootstrap_deviation(value), groups, false);
		reliability->error += bin->weight * fabs(bin->predicted - bin->observed);
	}
	pfree(value);
}

PG_FUNCTION_INFO_V1(siamese_reliability);

Datum
siamese_reliability(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			bins = PG_GETARG_INT32(2);
	int			refs = evaluation_refs_argument(fcinfo, 4);
	MemoryContext caller;
	MemoryContext scratch;
	Evaluation	evaluation;
	Reliability reliability;

	if (bins < 2 || bins > RELIABILITY_MOST_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of bins is out of range: %d", bins),
				 errdetail("It must be from 2 to %d.", RELIABILITY_MOST_BINS)));
	InitMaterializedSRF(fcinfo, 0);
	scratch = evaluation_enter(&caller);
	evaluation_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
					 (uint64) PG_GETARG_INT64(3), &evaluation);
	evaluation_decide(&evaluation, refs);
	reliability_measure(&evaluation, &evaluation.calibration, setting_prior, bins, &reliability);
	for (int i = 0; i < reliability.bins; i++)
	{
		const ReliabilityBin *bin = &reliability.bin[i];
		Datum		values[8];
		bool		nulls[8] = {false};

		values[0] = Int32GetDatum(i + 1);
		evaluation_put(values, nulls, 1, bin->predicted);
		evaluation_put(values, nulls, 2, bin->observed);
		evaluation_put_interval(values, nulls, 3, bin->interval);
		evaluation_put(values, nulls, 5, bin->weight);
		values[6] = Int64GetDatum(bin->pairs);
		evaluation_put(values, nulls, 7, reliability.error);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	evaluation_leave(scratch, caller);
	return (Datum) 0;
}
