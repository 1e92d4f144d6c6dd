/*
 * calibration_transfer.c: a model's own calibration, moved to other people of whom there are no forgeries.
 */
#include "postgres.h"

#include <math.h>

#include "verification/calibration.h"

/* The identities that the model's own calibration counts like, where others show how far genuine samples lie. */
#define OWN_IDENTITIES 2.0

/* The threshold of the same rate among these people's own impostors, if they support it; else infinity. */
static double
threshold_here(const ModelCalibration *here, double rate)
{
	for (int i = 0; i < here->rates; i++)
	{
		if (fabs(here->rate[i].rate / rate - 1) < 1e-6)
			return here->rate[i].threshold;
	}
	return INFINITY;
}

void
calibration_transfer(const ModelCalibration *own, double ratio, ModelCalibration *calibration)
{
	double		identities = calibration->fitted_on.identities;
	double		moved = pow(ratio, identities / (identities + OWN_IDENTITIES));
	double		certainty = identities / (identities + 1);
	double		least = INFINITY;
	ModelCalibration result = *own;

	if (calibration_is_chance(calibration) || calibration_is_chance(own))
		return;
	for (int i = 0; i < result.knots; i++)
	{
		result.knot[i].distance *= moved;
		result.knot[i].log_odds *= certainty;
	}
	result.threshold *= moved;
	for (int i = 0; i < result.rates; i++)
	{
		CalibrationRate *rate = &result.rate[i];
		double		here = threshold_here(calibration, rate->rate);

		least = Min(least, here);
		least = rate->threshold = Min(least, rate->threshold);
	}
	result.fitted_on = calibration->fitted_on;
	result.fitted_on.pairs[PAIR_SKILLED] = own->fitted_on.pairs[PAIR_SKILLED];
	*calibration = result;
}
