/*
 * distance.c: choice of the kernels, and the distances made of them.
 */
#include "distance/distance.h"

#include "distance/distance_internal.h"

/*
 * No fused multiply-add: where the processor always has it (64-bit ARM) a compiler takes it.  That gives other bits than
 * elsewhere, and no symmetry: of two products whose difference is wanted, one alone can be fused.
 */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

/* Below this squared chord the difference of 2 and 2 cos has lost digits. */
#define NEARLY_SAME_DIRECTION 1e-5

const DistanceKernels *
distance_kernels_of(CpuLevel level)
{
	switch (level)
	{
		case CPU_PORTABLE:
			return &distance_portable;
#if defined(__x86_64__)
		case CPU_AVX2:
			return &distance_avx2;
		case CPU_AVX512:
			return &distance_avx512;
#elif defined(__aarch64__)
		case CPU_NEON:
			return &distance_neon;
#endif
		default:
			return NULL;
	}
}

const DistanceKernels *
distance_kernels(void)
{
	return distance_kernels_of(cpu_level());
}

/* Sum of (a / |a| - b / |b|)^2, for vectors of nearly the same direction. */
static double
chord_squared_near(const float *a, double a_length, const float *b, double b_length, int n)
{
	double		a_scale = 1 / a_length;
	double		b_scale = 1 / b_length;
	double		sum = 0;

	for (int i = 0; i < n; i++)
	{
		double		difference = a[i] * a_scale - b[i] * b_scale;

		sum += difference * difference;
	}
	return sum;
}

double
distance_chord_squared(const float *a, const float *b, int n)
{
	const DistanceKernels *kernels = distance_kernels();
	double		a_length = sqrt(kernels->inner(a, a, n));
	double		b_length = sqrt(kernels->inner(b, b, n));
	double		squared;

	if (a_length == 0 || b_length == 0)
		return a_length == b_length ? 0 : 2;
	squared = 2 - 2 * (kernels->inner(a, b, n) / (a_length * b_length));
	if (squared > NEARLY_SAME_DIRECTION)
		return squared < 4 ? squared : 4;
	if (a_length == b_length)
		return kernels->l2_squared(a, b, n) / (a_length * b_length);
	return chord_squared_near(a, a_length, b, b_length, n);
}

double
distance_between(Metric metric, const float *a, const float *b, int n)
{
	switch (metric)
	{
		case METRIC_L1:
			return distance_kernels()->l1(a, b, n);
		case METRIC_COSINE:
			return sqrt(distance_chord_squared(a, b, n));
		default:
			return sqrt(distance_kernels()->l2_squared(a, b, n));
	}
}
