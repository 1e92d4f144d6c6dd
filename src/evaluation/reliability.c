/*
 * reliability.c: are a model's stated numbers true of these examples?  siamese.thresholds(model, examples, seed) holds the
 * stated false-accept rates against theirs, siamese.reliability(model, examples, bins, seed) the probability.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/check.h"
#include "common/settings.h"
#include "evaluation/reliability.h"

#define SHOWN_DECADES 3			/* false-accept rates of 10, 1 and 0.1 % are shown even where they are not supported */
#define MOST_DECADES 9

/* ---- false-accept rates -------------------------------------------------------------------------------------------- */

/* What the calibration says of a rate; NULL where it cannot support it. */
static const CalibrationRate *
stated_rate(const ModelCalibration *calibration, double rate)
{
	for (int i = 0; i < calibration->rates; i++)
		if (fabs(calibration->rate[i].rate / rate - 1) < 1e-6)
			return &calibration->rate[i];
	return NULL;
}

int
thresholds_measure(const Evaluation *evaluation, const ModelCalibration *calibration, ThresholdCheck *check)
{
	double		threshold[MOST_DECADES];
	double	   *grid;
	int			grid_count;
	int			count = 0;
	int			checks = 0;
	Bootstrap  *resampled = NULL;

	for (int decade = 1; decade <= MOST_DECADES; decade++)
	{
		const CalibrationRate *stated = stated_rate(calibration, pow(10, -decade));

		if (stated != NULL)
			threshold[count++] = stated->threshold;
	}
	if (evaluation != NULL && count > 0)
	{
		grid_count = bootstrap_grid(&evaluation->pairs, threshold, count, &grid);
		resampled = bootstrap_pairs(&evaluation->pairs, grid, grid_count, evaluation->seed);
	}
	for (int decade = 1; decade <= MOST_DECADES; decade++)
	{
		const CalibrationRate *stated = stated_rate(calibration, pow(10, -decade));

		if (stated == NULL && decade > SHOWN_DECADES)
			continue;
		for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		{
			ThresholdCheck *row = &check[checks];
			const PairSet *genuine;
			const PairSet *impostor;
			ScoreInterval accepted;

			if (evaluation == NULL ? kind != PAIR_RANDOM : evaluation->pairs.set[kind].count == 0)
				continue;
			*row = (ThresholdCheck) {
				.rate = pow(10, -decade), .stated = stated, .measured = resampled != NULL && stated != NULL,
				.impostors = (PairKind) kind
			};
			checks++;
			if (!row->measured)
				continue;
			genuine = &evaluation->pairs.set[PAIR_GENUINE];
			impostor = &evaluation->pairs.set[kind];
			row->far = score_accepted(impostor, stated->threshold);
			row->frr = 1 - score_accepted(genuine, stated->threshold);
			row->far_interval = bootstrap_rate_interval(resampled, (PairKind) kind, stated->threshold, row->far);
			accepted = bootstrap_rate_interval(resampled, PAIR_GENUINE, stated->threshold, 1 - row->frr);
			row->frr_interval = (ScoreInterval) {1 - accepted.high, 1 - accepted.low};
		}
	}
	return checks;
}

PG_FUNCTION_INFO_V1(siamese_thresholds);

Datum
siamese_thresholds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	MemoryContext scratch;
	Evaluation	evaluation;
	bool		examples = !PG_ARGISNULL(1);
	char	   *name;
	ThresholdCheck check[PAIR_KINDS * MOST_DECADES];
	int			checks;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		return (Datum) 0;
	scratch = evaluation_enter(&caller);
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (examples)
		evaluation_run(name, text_to_cstring(PG_GETARG_TEXT_PP(1)), (uint64) PG_GETARG_INT64(2), &evaluation);
	else
	{
		model_by_name(name);
		model_calibration_of(name, &evaluation.calibration);
	}
	checks = thresholds_measure(examples ? &evaluation : NULL, &evaluation.calibration, check);
	for (int i = 0; i < checks; i++)
	{
		const ThresholdCheck *row = &check[i];
		Datum		values[13];
		bool		nulls[13];

		memset(nulls, true, sizeof nulls);
		evaluation_put(values, nulls, 0, row->rate);
		if (row->stated != NULL)
		{
			evaluation_put(values, nulls, 1, row->stated->threshold);
			evaluation_put_interval(values, nulls, 2, row->stated->threshold_interval);
			evaluation_put_interval(values, nulls, 4, row->stated->rate_interval);
		}
		if (examples)
		{
			nulls[6] = false;
			values[6] = CStringGetTextDatum(pair_kind_name(row->impostors));
		}
		if (row->measured)
		{
			evaluation_put(values, nulls, 7, row->far);
			evaluation_put_interval(values, nulls, 8, row->far_interval);
			evaluation_put(values, nulls, 10, row->frr);
			evaluation_put_interval(values, nulls, 11, row->frr_interval);
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	evaluation_leave(scratch, caller);
	return (Datum) 0;
}

/* ---- probability --------------------------------------------------------------------------------------------------- */

/* What a pair of each kind weighs: genuine ones the prior in all, impostors the rest, each kind of them as much. */
static void
weigh_kinds(const PairDistances *pairs, const ModelCalibration *calibration, double prior, double *weight)
{
	int			kinds = 0;
	bool		as_calibrated = false;

	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		as_calibrated |= pairs->set[kind].count > 0 && calibration->pairs[kind] > 0;
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		weight[kind] = pairs->set[kind].count > 0 && (calibration->pairs[kind] > 0 || !as_calibrated) ? 1 : 0;
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
	double		last = -1;
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
