/*
 * fusion.c: a logistic regression on two logarithms.
 */
#include "postgres.h"

#include <math.h>

#include "verification/fusion.h"

#define LEAST_VALUE 1e-6		/* what keeps a logarithm finite where a sample is the same as one on file */
#define RIDGE 1e-3
#define ITERATIONS 50
#define TERMS 3					/* the two logarithms, standardized, and the offset */

typedef struct Standard
{
	double		mean[2];
	double		deviation[2];
} Standard;

static void
logarithms(const FusionSample *sample, double x[2])
{
	x[0] = log(Max(sample->distance, LEAST_VALUE));
	x[1] = log(Max(sample->elastic, LEAST_VALUE));
}

static bool
counts(const FusionSample *sample)
{
	return sample->kind == PAIR_GENUINE || sample->kind == PAIR_SKILLED;
}

static Standard
standardize(const FusionSample *sample, int64 count, int64 used)
{
	Standard	standard = {0};

	for (int64 i = 0; i < count; i++)
	{
		double		x[2];

		logarithms(&sample[i], x);
		for (int k = 0; k < 2 && counts(&sample[i]); k++)
		{
			standard.mean[k] += x[k] / used;
			standard.deviation[k] += x[k] * x[k] / used;
		}
	}
	for (int k = 0; k < 2; k++)
		standard.deviation[k] = sqrt(Max(standard.deviation[k] - standard.mean[k] * standard.mean[k], LEAST_VALUE));
	return standard;
}

/* Solves the symmetric system, positive definite by its ridge, in place: the result is in b. */
static void
solve(double a[TERMS][TERMS], double b[TERMS])
{
	for (int i = 0; i < TERMS; i++)
	{
		for (int row = i + 1; row < TERMS; row++)
		{
			double		factor = a[row][i] / a[i][i];

			for (int k = i; k < TERMS; k++)
				a[row][k] -= factor * a[i][k];
			b[row] -= factor * b[i];
		}
	}
	for (int i = TERMS - 1; i >= 0; i--)
	{
		for (int k = i + 1; k < TERMS; k++)
			b[i] -= a[i][k] * b[k];
		b[i] /= a[i][i];
	}
}

/* One step of Newton's method on the log odds of a forgery, coefficient [TERMS]; returns the largest change. */
static double
newton_step(const FusionSample *sample, int64 count, const int64 *of_kind, const Standard *standard, double *coefficient)
{
	double		hessian[TERMS][TERMS] = {{0}};
	double		gradient[TERMS] = {0};
	double		largest = 0;

	for (int i = 0; i < 2; i++)
	{
		hessian[i][i] = RIDGE;
		gradient[i] = -RIDGE * coefficient[i];
	}
	hessian[2][2] = RIDGE * 1e-3;
	for (int64 i = 0; i < count; i++)
	{
		double		x[TERMS];
		double		probability;
		double		weight;

		if (!counts(&sample[i]))
			continue;
		logarithms(&sample[i], x);
		for (int k = 0; k < 2; k++)
			x[k] = (x[k] - standard->mean[k]) / standard->deviation[k];
		x[2] = 1;
		probability = 1 / (1 + exp(-(coefficient[0] * x[0] + coefficient[1] * x[1] + coefficient[2])));
		weight = 0.5 / (double) of_kind[sample[i].kind];
		for (int k = 0; k < TERMS; k++)
		{
			gradient[k] += weight * ((sample[i].kind == PAIR_SKILLED) - probability) * x[k];
			for (int m = 0; m < TERMS; m++)
				hessian[k][m] += weight * probability * (1 - probability) * x[k] * x[m];
		}
	}
	solve(hessian, gradient);
	for (int k = 0; k < TERMS; k++)
	{
		/* a bound on the step keeps Newton's method from overshooting where the kinds are nearly separate */
		double		step = Max(Min(gradient[k], 2), -2);

		coefficient[k] += step;
		largest = Max(largest, fabs(step));
	}
	return largest;
}

double
fusion_weight(const FusionSample *sample, int64 count, int identities)
{
	int64		of_kind[PAIR_KINDS] = {0};
	double		coefficient[TERMS] = {0};
	double		fitted = FUSION_USUAL_WEIGHT;
	Standard	standard;

	for (int64 i = 0; i < count; i++)
		of_kind[sample[i].kind]++;
	if (of_kind[PAIR_GENUINE] == 0 || of_kind[PAIR_SKILLED] == 0)
		return FUSION_USUAL_WEIGHT;
	standard = standardize(sample, count, of_kind[PAIR_GENUINE] + of_kind[PAIR_SKILLED]);
	for (int i = 0; i < ITERATIONS; i++)
	{
		if (newton_step(sample, count, of_kind, &standard, coefficient) < 1e-6)
			break;
	}
	for (int k = 0; k < 2; k++)
		coefficient[k] = Max(coefficient[k] / standard.deviation[k], 0);
	if (coefficient[0] + coefficient[1] > 0)
		fitted = coefficient[1] / (coefficient[0] + coefficient[1]);
	return (identities * fitted + FUSION_USUAL_IDENTITIES * FUSION_USUAL_WEIGHT) / (identities + FUSION_USUAL_IDENTITIES);
}
