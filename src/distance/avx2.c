/*
 * avx2.c: distance kernels for AVX2 and FMA: 32 lanes are eight registers of four doubles.
 */
#include "distance/distance_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma")))

AVX2_INLINE __m256d
step_l1(__m256d sum, __m128 a, __m128 b)
{
	__m128		difference = _mm_andnot_ps(_mm_set1_ps(-0.0f), _mm_sub_ps(a, b));

	return _mm256_add_pd(sum, _mm256_cvtps_pd(difference));
}

AVX2_INLINE __m256d
step_l2_squared(__m256d sum, __m128 a, __m128 b)
{
	__m256d		difference = _mm256_cvtps_pd(_mm_sub_ps(a, b));

	return _mm256_fmadd_pd(difference, difference, sum);
}

AVX2_INLINE __m256d
step_inner(__m256d sum, __m128 a, __m128 b)
{
	return _mm256_fmadd_pd(_mm256_cvtps_pd(a), _mm256_cvtps_pd(b), sum);
}

typedef __m256d (*StepFunction) (__m256d sum, __m128 a, __m128 b);

typedef struct Sums
{
	__m256d		s0, s1, s2, s3, s4, s5, s6, s7;
} Sums;

AVX2_INLINE void
step_block(StepFunction step, Sums *sums, const float *a, const float *b)
{
	sums->s0 = step(sums->s0, _mm_loadu_ps(a), _mm_loadu_ps(b));
	sums->s1 = step(sums->s1, _mm_loadu_ps(a + 4), _mm_loadu_ps(b + 4));
	sums->s2 = step(sums->s2, _mm_loadu_ps(a + 8), _mm_loadu_ps(b + 8));
	sums->s3 = step(sums->s3, _mm_loadu_ps(a + 12), _mm_loadu_ps(b + 12));
	sums->s4 = step(sums->s4, _mm_loadu_ps(a + 16), _mm_loadu_ps(b + 16));
	sums->s5 = step(sums->s5, _mm_loadu_ps(a + 20), _mm_loadu_ps(b + 20));
	sums->s6 = step(sums->s6, _mm_loadu_ps(a + 24), _mm_loadu_ps(b + 24));
	sums->s7 = step(sums->s7, _mm_loadu_ps(a + 28), _mm_loadu_ps(b + 28));
}

AVX2_INLINE double
sum_steps(StepFunction step, const float *a, const float *b, int n)
{
	__m256d		zero = _mm256_setzero_pd();
	Sums		sums = {zero, zero, zero, zero, zero, zero, zero, zero};
	double		lanes[8];
	int			i = 0;

	for (; i + DISTANCE_LANES <= n; i += DISTANCE_LANES)
		step_block(step, &sums, a + i, b + i);
	if (i < n)
	{
		DistanceTail tail;

		distance_tail(&tail, a + i, b + i, n - i);
		step_block(step, &sums, tail.a, tail.b);
	}
	_mm256_storeu_pd(lanes, _mm256_add_pd(_mm256_add_pd(sums.s0, sums.s4), _mm256_add_pd(sums.s2, sums.s6)));
	_mm256_storeu_pd(lanes + 4, _mm256_add_pd(_mm256_add_pd(sums.s1, sums.s5), _mm256_add_pd(sums.s3, sums.s7)));
	return distance_fold(lanes);
}

AVX2 static double
avx2_l1(const float *a, const float *b, int n)
{
	double		sum = sum_steps(step_l1, a, b, n);

	return isinf(sum) ? distance_l1_halved(a, b, n) : sum;
}

AVX2 static double
avx2_l2_squared(const float *a, const float *b, int n)
{
	double		sum = sum_steps(step_l2_squared, a, b, n);

	return isinf(sum) ? distance_l2_squared_halved(a, b, n) : sum;
}

AVX2 static double
avx2_inner(const float *a, const float *b, int n)
{
	return sum_steps(step_inner, a, b, n);
}

const DistanceKernels distance_avx2 = {avx2_l1, avx2_l2_squared, avx2_inner};

#endif
