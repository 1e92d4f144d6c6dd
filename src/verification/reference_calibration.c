/*
 * reference_calibration.c: a distance to a reference -> a probability and thresholds, by the number of its embeddings.
 */
#include "postgres.h"

#include <math.h>

#include "model/stored_calibration.h"
#include "verification/calibration.h"
#include "verification/reference_calibration.h"
#include "verification/score.h"

const int	reference_sizes[REFERENCE_SIZES] = {1, 2, 3, 4, 5, 6};

static const double rejected_rates[] = {0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001};

StaticAssertDecl(lengthof(rejected_rates) <= REFERENCE_REJECTED, "every rate has a place");

void
reference_scores_fit(const PairDistances *pairs, int references, uint64 seed, ReferenceScores *scores)
{
	const PairSet *genuine = &pairs->set[PAIR_GENUINE];

	scores->references = references;
	scores->rejected = 0;
	calibration_fit(pairs, seed, &scores->scores);
	for (int i = 0; i < lengthof(rejected_rates); i++)
	{
		int64		beyond = (int64) floor(rejected_rates[i] * (double) genuine->count + 1e-9);

		if (beyond < REFERENCE_SUPPORT)
			break;
		scores->rate[scores->rejected] = rejected_rates[i];
		scores->threshold[scores->rejected++] = genuine->pair[genuine->count - 1 - beyond].distance;
	}
}

const ReferenceScores *
reference_scores_of(const ReferenceCalibration *calibration, int count, bool fused)
{
	const ReferenceScores *size = fused ? calibration->elastic : calibration->size;
	int			sizes = fused ? calibration->elastic_sizes : calibration->sizes;
	int			i = 0;

	while (i + 1 < sizes && size[i + 1].references <= count)
		i++;
	return &size[i];
}

double
reference_fused_distance(double distance, double elastic, double weight)
{
	return pow(distance, 1 - weight) * pow(elastic, weight);
}

double
reference_rejected_threshold(const ReferenceScores *scores, double frr)
{
	int			i = 0;
	double		share;

	if (isnan(frr) || frr <= 0 || frr > 0.5)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("false-reject rate %g is out of range", frr),
				 errdetail("It must be greater than 0 and at most 0.5.")));
	if (scores->rejected == 0 || frr < scores->rate[scores->rejected - 1] * (1 - 1e-9))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the model's held-out data cannot support a false-reject rate of %g", frr),
				 scores->rejected > 0 ?
				 errdetail("It supports rates down to %g.", scores->rate[scores->rejected - 1]) :
				 errdetail("It supports no rate at all."),
				 errhint("Ask for a higher rate, or train with more identities held out.")));
	while (i + 1 < scores->rejected && scores->rate[i + 1] > frr)
		i++;
	if (i + 1 >= scores->rejected || frr >= scores->rate[i])
		return scores->threshold[i];
	share = log(scores->rate[i] / frr) / log(scores->rate[i] / scores->rate[i + 1]);
	return scores->threshold[i] + share * (scores->threshold[i + 1] - scores->threshold[i]);
}
