/*
 * distance_portable.c: distance kernels in plain C, the reference of the others.
 */
#include "distance/distance_internal.h"

typedef void (*BlockFunction) (double *lanes, const float *a, const float *b);

static inline void
block_l1(double *lanes, const float *a, const float *b)
{
	for (int i = 0; i < DISTANCE_LANES; i++)
	{
		float		difference = a[i] - b[i];

		lanes[i] += fabsf(difference);
	}
}

static inline void
block_l2_squared(double *lanes, const float *a, const float *b)
{
	for (int i = 0; i < DISTANCE_LANES; i++)
	{
		float		difference = a[i] - b[i];

		lanes[i] += (double) difference * difference;
	}
}

static inline void
block_inner(double *lanes, const float *a, const float *b)
{
	for (int i = 0; i < DISTANCE_LANES; i++)
		lanes[i] += (double) a[i] * b[i];
}

static inline __attribute__((always_inline)) double
sum_blocks(BlockFunction block, const float *a, const float *b, int n)
{
	double		lanes[DISTANCE_LANES] = {0};
	int			i = 0;

	for (; i + DISTANCE_LANES <= n; i += DISTANCE_LANES)
		block(lanes, a + i, b + i);
	if (i < n)
	{
		DistanceTail tail;

		distance_tail(&tail, a + i, b + i, n - i);
		block(lanes, tail.a, tail.b);
	}
	for (int half = DISTANCE_LANES / 2; half >= 8; half /= 2)
		for (int j = 0; j < half; j++)
			lanes[j] += lanes[j + half];
	return distance_fold(lanes);
}

static double
portable_l1(const float *a, const float *b, int n)
{
	double		sum = sum_blocks(block_l1, a, b, n);

	return isinf(sum) ? distance_l1_halved(a, b, n) : sum;
}

static double
portable_l2_squared(const float *a, const float *b, int n)
{
	double		sum = sum_blocks(block_l2_squared, a, b, n);

	return isinf(sum) ? distance_l2_squared_halved(a, b, n) : sum;
}

static double
portable_inner(const float *a, const float *b, int n)
{
	return sum_blocks(block_inner, a, b, n);
}

/* Values that halving makes inexact (below 2^-125) do not count beside the one that overflowed. */
double
distance_l1_halved(const float *a, const float *b, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
	{
		float		difference = 0.5f * a[i] - 0.5f * b[i];

		sum += fabsf(difference);
	}
	return 2.0 * sum;
}

double
distance_l2_squared_halved(const float *a, const float *b, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
	{
		float		difference = 0.5f * a[i] - 0.5f * b[i];

		sum += (double) difference * difference;
	}
	return 4.0 * sum;
}

const DistanceKernels distance_portable = {portable_l1, portable_l2_squared, portable_inner};
