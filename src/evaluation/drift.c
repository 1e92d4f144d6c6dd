/*
 * drift.c: siamese.drift(model, examples, seed): do people look like those whom the model's calibration was fitted on?
 *
 * Each genuine sample is compared with the reference of its identity's other ones.  How far such samples lie is stated by the calibration
 * (ReferenceScores.rejected), for each number of samples on file; among people of the same kind, the same shares lie beyond.  No forgery
 * is needed, nor a person who is not on file yet.
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
#include "evaluation/reference_measure.h"
#include "verification/bootstrap.h"
#include "verification/reference_calibration.h"
#include "verification/score.h"

#define MOST_SAMPLES 24			/* of an identity */

static const double shares[] = {0.5, 0.2, 0.1, 0.05, 0.02, 0.01};

typedef struct Drift
{
	ReferenceMeasure measure;
	PairDistances pairs;		/* genuine alone: as "distance" the least of the shares beyond whose threshold the sample lies, else 1 */
	int			supported;		/* shares that all calibrations used state */
	int			people;			/* that the least supported of them was fitted on */
} Drift;

/* The least share of shares [supported] beyond whose threshold a distance lies; 1: none. */
static double
least_share(const ReferenceScores *scores, int supported, double distance)
{
	double		least = 1;

	for (int i = 0; i < supported; i++)
	{
		if (distance > reference_rejected_threshold(scores, shares[i]))
			least = shares[i];
	}
	return least;
}

static int
supported_by(const ReferenceScores *scores)
{
	int			supported = 0;

	while (supported < lengthof(shares) && scores->rejected > 0 &&
		   shares[supported] >= scores->rate[scores->rejected - 1] * (1 - 1e-9))
		supported++;
	return supported;
}

/* Every sample of a label against the reference of its last others, in the order of the rows. */
static void
compare_label(Drift *drift, int label)
{
	const ExampleLabel *who = &drift->measure.evaluation->examples->label[label];
	int			count = Min(who->genuine, MOST_SAMPLES);
	int		   *sample = evaluation_in_row_order(drift->measure.evaluation->examples, label);

	for (int left_out = 0; left_out < count && count > 1; left_out++)
	{
		int			other[REFERENCE_WINDOW];
		int			others = Min(count - 1, REFERENCE_WINDOW);
		Reference  *reference;
		const ReferenceScores *scores;
		double		distance;

		for (int i = count - 1, n = others; n > 0; i--)
		{
			if (i != left_out)
				other[--n] = sample[i];
		}
		reference = reference_measure_make(&drift->measure, other, others);
		distance = reference_measure_distance(&drift->measure, reference, sample[left_out], &scores);
		pair_set_add(&drift->pairs.set[PAIR_GENUINE], least_share(scores, drift->supported, distance), other[0], sample[left_out]);
		pfree(reference);
	}
	pfree(sample);
}

/* Over all numbers of samples that the labels will be compared with. */
static void
find_support(Drift *drift)
{
	const Examples *examples = drift->measure.evaluation->examples;

	drift->supported = lengthof(shares);
	drift->people = PG_INT32_MAX;
	for (int label = 0; label < examples->labels; label++)
	{
		int			others = Min(examples->label[label].genuine - 1, REFERENCE_WINDOW);
		const ReferenceScores *scores;
		int			supported;

		if (others < 1)
			continue;
		scores = reference_scores_of(drift->measure.calibration, others, drift->measure.elastic);
		supported = supported_by(scores);
		drift->supported = Min(drift->supported, supported);
		drift->people = Min(drift->people, Max(scores->scores.fitted_on.identities, 1));
	}
}

static void
put_share(ReturnSetInfo *result, const Drift *drift, const Bootstrap *resampled, double share)
{
	const PairSet *genuine = &drift->pairs.set[PAIR_GENUINE];
	int			people = resampled->groups[PAIR_GENUINE];
	double		observed = score_accepted(genuine, share);
	double		deviation = bootstrap_deviation(bootstrap_at(resampled, PAIR_GENUINE, bootstrap_place(resampled, share)));
	/* what the calibration states is itself of some people only */
	ScoreInterval interval = score_interval(observed, deviation * sqrt(1 + (double) people / drift->people),
											Min(people, drift->people), false);
	Datum		values[7];
	bool		nulls[7] = {false};

	values[0] = Float8GetDatum(share);
	values[1] = Float8GetDatum(observed);
	evaluation_put_interval(values, nulls, 2, interval);
	values[4] = Int64GetDatum(genuine->count);
	values[5] = Int32GetDatum(people);
	values[6] = BoolGetDatum(share < interval.low || share > interval.high);
	nulls[6] = isnan(interval.low);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(siamese_drift);

Datum
siamese_drift(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	MemoryContext scratch;
	Evaluation	evaluation;
	Drift		drift;
	Bootstrap  *resampled;

	InitMaterializedSRF(fcinfo, 0);
	scratch = evaluation_enter(&caller);
	evaluation_run(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
				   (uint64) PG_GETARG_INT64(2), &evaluation);
	drift = (Drift) {.measure = reference_measure(&evaluation), .pairs = evaluation.pairs};
	find_support(&drift);
	if (drift.supported == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the model's calibration states no share of genuine samples beyond a distance"),
				 errdetail("It was fitted on too few of them."),
				 errhint("Call siamese.calibrate() with more people, or train with more identities held out.")));
	for (int label = 0; label < evaluation.examples->labels; label++)
		compare_label(&drift, label);
	evaluation_need_genuine(&drift.pairs);
	pair_set_sort(&drift.pairs.set[PAIR_GENUINE]);
	resampled = bootstrap_pairs(&drift.pairs, shares, drift.supported, evaluation.seed);
	for (int i = 0; i < drift.supported; i++)
		put_share(result, &drift, resampled, shares[i]);
	evaluation_leave(scratch, caller);
	return (Datum) 0;
}
