/*
 * calibration.c: a distance -> a probability; a prior or a false-accept rate -> a threshold.
 */
#include "postgres.h"

#include <math.h>

#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/calibration.h"
#include "verification/regression.h"

static double
logit(double probability)
{
	return log(probability) - log1p(-probability);
}

void
calibration_warn_of_chance(const char *model, const ModelCalibration *calibration)
{
	if (calibration_is_chance(calibration))
		ereport(WARNING,
				(errmsg("model \"%s\" does not tell identities apart", model),
				 errdetail("On the %d identities that it was calibrated on, it is no better than chance: the area under the ROC"
						   " curve is not significantly above 0.5.  With it, verify() and ~= find nothing to be the same.",
						   calibration->fitted_on.identities),
				 errhint("Look at a few samples with siamese.preview(), train for more epochs or with another network, or"
						 " calibrate on more identities.")));
}

void
calibration_warn_of_few(const char *model, const ModelCalibration *calibration)
{
	const CalibrationSource *source = &calibration->fitted_on;
	bool		grouped = source->groups > 0;
	int			units = grouped ? source->groups : source->identities;

	if (units < CALIBRATION_FEW && !calibration_is_chance(calibration))
		ereport(WARNING,
				(grouped ? errmsg("the thresholds of model \"%s\" rest on %d identities of %d group%s", model, source->identities,
								  units, units > 1 ? "s" : "")
				 : errmsg("the thresholds of model \"%s\" rest on %d identities", model, units),
				 units < BOOTSTRAP_LEAST_GROUPS ?
				 errdetail("Among others the error rates may be quite different; with fewer than %d no interval can be given.",
						   BOOTSTRAP_LEAST_GROUPS) :
				 errdetail("Among others the error rates may be quite different; siamese.evaluate() gives intervals."),
				 errhint("Train with more identities, hold out more of them with the option {\"training\": {\"held_out\": ...}}, or"
						 " calibrate on more with siamese.calibrate().")));
}

double
calibration_probability(const ModelCalibration *calibration, double distance, double prior)
{
	double		log_odds = knots_log_odds(calibration->knot, calibration->knots, distance);

	return 1.0 / (1.0 + exp(-(log_odds + logit(prior) - logit(calibration->prior))));
}

double
calibration_even_threshold(const ModelCalibration *calibration, double prior)
{
	const CalibrationKnot *knot = calibration->knot;
	double		even = logit(calibration->prior) - logit(prior);	/* log odds that are even odds at this prior */
	int			last = calibration->knots - 1;

	if (calibration_is_chance(calibration))
		return -INFINITY;
	if (prior == calibration->prior)
		return calibration->threshold;
	if (knot[0].log_odds < even)
		return -INFINITY;
	if (knot[last].log_odds >= even)
		return INFINITY;
	for (int i = last; i > 0; i--)
		if (knot[i - 1].log_odds >= even)
			return knot[i - 1].distance + (knot[i].distance - knot[i - 1].distance) *
				(knot[i - 1].log_odds - even) / (knot[i - 1].log_odds - knot[i].log_odds);
	return knot[0].distance;
}

/*
 * About how many identities, or groups of them, a rate would need: the variance of a rate is about proportional to 1 / their
 * number, and relative to the rate to 1 / rate.
 */
static int
groups_needed(const ModelCalibration *calibration, double far)
{
	double		rate = 0.5;
	double		relative_error = 1;
	double		factor;
	const CalibrationSource *source = &calibration->fitted_on;
	int			groups = source->groups > 0 ? source->groups : source->identities;

	if (calibration->rates > 0)
	{
		rate = calibration->rate[calibration->rates - 1].rate;
		relative_error = calibration->rate[calibration->rates - 1].relative_error;
	}
	factor = pow(relative_error / CALIBRATION_RELATIVE_ERROR, 2) * rate / far;
	if (source->pairs[PAIR_RANDOM] > 0)	/* pairs of two identities: their number grows with the square */
		factor = fmax(factor, sqrt(CALIBRATION_SUPPORT / (far * (double) source->pairs[PAIR_RANDOM])));
	if (source->pairs[PAIR_SKILLED] > 0)
		factor = fmax(factor, CALIBRATION_SUPPORT / (far * (double) source->pairs[PAIR_SKILLED]));
	return (int) fmin(fmax(ceil(groups * factor), BOOTSTRAP_LEAST_GROUPS), PG_INT32_MAX);
}

static void raise_unsupported(const ModelCalibration *calibration, double far) __attribute__((noreturn));

static void
raise_unsupported(const ModelCalibration *calibration, double far)
{
	const CalibrationSource *source = &calibration->fitted_on;
	bool		grouped = source->groups > 0;
	int			missing = groups_needed(calibration, far) - (grouped ? source->groups : source->identities);
	int			more = Max(missing, 1);
	char	   *held_out = grouped
		? psprintf("held-out groups (%d)", source->groups)
		: psprintf("%d held-out identities", source->identities);

	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the model's held-out data cannot support a false-accept rate of %g", far),
			 calibration->rates > 0 ?
			 errdetail("Its %s support rates down to %g; about %d more would be needed.",
					   held_out, calibration->rate[calibration->rates - 1].rate, more) :
			 errdetail("Its %s support no rate at all; about %d more would be needed.", held_out, more),
			 grouped ?
			 errhint("Ask for a higher rate, train with more groups held out, or call siamese.calibrate() with more"
					 " groups than the held-out ones.") :
			 errhint("Ask for a higher rate, train with more identities held out, or call siamese.calibrate() with more"
					 " people than the held-out ones.")));
}

double
calibration_threshold(const ModelCalibration *calibration, double far)
{
	const CalibrationRate *rate = calibration->rate;
	int			i = 0;
	double		share;

	if (isnan(far) || far <= 0 || far > 0.5)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("false-accept rate %g is out of range", far),
				 errdetail("It must be greater than 0 and at most 0.5.")));
	if (calibration_is_chance(calibration))
		return -INFINITY;
	if (calibration->rates == 0 || far < rate[calibration->rates - 1].rate * (1 - 1e-9))
		raise_unsupported(calibration, far);
	while (i + 1 < calibration->rates && rate[i + 1].rate > far)
		i++;
	if (i + 1 >= calibration->rates || far >= rate[i].rate)
		return rate[i].threshold;
	share = log(rate[i].rate / far) / log(rate[i].rate / rate[i + 1].rate);
	return rate[i].threshold + fmin(share, 1.0) * (rate[i + 1].threshold - rate[i].threshold);
}
