/*
 * regression.c: log odds of "the same identity" as a falling function of the distance, by isotonic or logistic regression.
 */
#include "postgres.h"

#include <math.h>

#include "model/stored_calibration.h"
#include "verification/regression.h"

#define MAX_ITERATIONS 100

double
knots_log_odds(const CalibrationKnot *knot, int knots, double distance)
{
	int			low = 0;
	int			high = knots - 1;
	double		share;

	if (!(distance > knot[0].distance))
		return knot[0].log_odds;
	if (distance >= knot[high].distance)
		return knot[high].log_odds;
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (knot[middle].distance <= distance)
			low = middle;
		else
			high = middle;
	}
	share = (distance - knot[low].distance) / (knot[high].distance - knot[low].distance);
	return knot[low].log_odds + share * (knot[high].log_odds - knot[low].log_odds);
}

/* ---- isotonic ------------------------------------------------------------------------------------------------------ */

typedef struct Block
{
	double		genuine;
	double		impostor;
	double		moment;			/* sum of distance times mass of the pairs */
	double		mass;
} Block;

static double
block_odds(const Block *block)
{
	return block->genuine / (block->genuine + block->impostor);
}

int
isotonic_fit(const CalibrationBin *bin, int bins, double least, double largest, double genuine_trial, double impostor_trial,
			 CalibrationKnot *knot)
{
	Block	   *block = palloc(sizeof(Block) * Max(bins, 1));
	int			blocks = 0;
	int			knots = 0;

	for (int i = 0; i < bins; i++)
	{
		double		mass = bin[i].genuine + bin[i].impostor;

		block[blocks++] = (Block) {
			.genuine = bin[i].genuine + (i == bins - 1 ? genuine_trial / 2 : 0),
			.impostor = bin[i].impostor + (i == 0 ? impostor_trial / 2 : 0),
			.moment = bin[i].distance * mass, .mass = mass
		};
		/* neighbours are pooled if the farther one is not less likely to be genuine */
		while (blocks > 1 && block_odds(&block[blocks - 1]) >= block_odds(&block[blocks - 2]))
		{
			Block	   *left = &block[blocks - 2];
			const Block *right = &block[blocks - 1];

			left->genuine += right->genuine;
			left->impostor += right->impostor;
			left->moment += right->moment;
			left->mass += right->mass;
			blocks--;
		}
	}

	/*
	 * Each block's odds are a knot at its mean distance.  From there to both ends the odds change by a factor of two, so that
	 * nearer is more likely even where there are no more pairs.
	 */
	for (int i = 0; i < blocks; i++)
	{
		double		distance = block[i].moment / block[i].mass;
		double		log_odds = log(block[i].genuine / block[i].impostor);

		if (i == 0 && distance > least)
			knot[knots++] = (CalibrationKnot) {least, log_odds + M_LN2};
		knot[knots++] = (CalibrationKnot) {distance, log_odds};
		if (i == blocks - 1 && distance < largest)
			knot[knots++] = (CalibrationKnot) {largest, log_odds - M_LN2};
	}
	pfree(block);
	return knots;
}

/* ---- logistic ------------------------------------------------------------------------------------------------------ */

/* The loss and its first and second derivatives in (slope, offset), of log odds = offset - slope x; x rises from 0 to 1. */
typedef struct Newton
{
	double		loss;
	double		gradient[2];
	double		hessian[3];		/* slope-slope, slope-offset, offset-offset */
} Newton;

static void
add_pairs(Newton *newton, double weight, double target, double x, double slope, double offset)
{
	double		z = offset - slope * x;
	double		p = 1.0 / (1.0 + exp(-z));
	double		curvature = weight * p * (1 - p);

	/* log(1 + exp(z)) - target z, computed without overflow */
	newton->loss += weight * (fmax(z, 0) + log1p(exp(-fabs(z))) - target * z);
	newton->gradient[0] += weight * (target - p) * x;
	newton->gradient[1] += weight * (p - target);
	newton->hessian[0] += curvature * x * x;
	newton->hessian[1] -= curvature * x;
	newton->hessian[2] += curvature;
}

static Newton
evaluate_at(const CalibrationBin *bin, int bins, double least, double scale, const double target[2], double slope, double offset)
{
	Newton		newton = {0};

	for (int i = 0; i < bins; i++)
	{
		add_pairs(&newton, bin[i].genuine, target[0], (bin[i].distance - least) * scale, slope, offset);
		add_pairs(&newton, bin[i].impostor, target[1], (bin[i].distance - least) * scale, slope, offset);
	}
	return newton;
}

/* Newton's method with halved steps (Lin, Lin and Weng 2007, "A note on Platt's outputs"). */
int
logistic_fit(const CalibrationBin *bin, int bins, double least, double largest, double genuine_trial, double impostor_trial,
			 CalibrationKnot *knot)
{
	double		target[2] = {(1 + genuine_trial) / (1 + 2 * genuine_trial), impostor_trial / (1 + 2 * impostor_trial)};
	double		scale = largest > least ? 1.0 / (largest - least) : 1.0;
	double		slope = 0;
	double		offset = 0;
	Newton		now = evaluate_at(bin, bins, least, scale, target, slope, offset);

	for (int iteration = 0; iteration < MAX_ITERATIONS; iteration++)
	{
		double		a = now.hessian[0] + 1e-12;
		double		b = now.hessian[1];
		double		c = now.hessian[2] + 1e-12;
		double		determinant = a * c - b * b;
		double		d_slope = -(c * now.gradient[0] - b * now.gradient[1]) / determinant;
		double		d_offset = -(a * now.gradient[1] - b * now.gradient[0]) / determinant;
		double		step = 1;
		Newton		next;

		if (fabs(now.gradient[0]) < 1e-9 && fabs(now.gradient[1]) < 1e-9)
			break;
		for (;;)
		{
			next = evaluate_at(bin, bins, least, scale, target, slope + step * d_slope, offset + step * d_offset);
			if (next.loss < now.loss || step < 1e-8)
				break;
			step /= 2;
		}
		if (next.loss >= now.loss)
			break;
		slope += step * d_slope;
		offset += step * d_offset;
		now = next;
	}
	/* The probability must not rise with the distance: a model worse than chance gets no slope. */
	if (!(slope > 0))
		slope = offset = 0;
	knot[0] = (CalibrationKnot) {least, offset};
	if (!(largest > least))
		return 1;
	knot[1] = (CalibrationKnot) {largest, offset - slope};
	return 2;
}
