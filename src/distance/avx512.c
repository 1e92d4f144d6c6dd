/*
 * avx512.c: distance kernels for AVX-512: 32 lanes are four registers of eight doubles.
 */
#include "distance/distance_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define AVX512_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))

AVX512_INLINE __m512d
step_l1(__m512d sum, __m256 a, __m256 b)
{
	return _mm512_add_pd(sum, _mm512_abs_pd(_mm512_cvtps_pd(_mm256_sub_ps(a, b))));
}

AVX512_INLINE __m512d
step_l2_squared(__m512d sum, __m256 a, __m256 b)
{
	__m512d		difference = _mm512_cvtps_pd(_mm256_sub_ps(a, b));

	return _mm512_fmadd_pd(difference, difference, sum);
}

AVX512_INLINE __m512d
step_inner(__m512d sum, __m256 a, __m256 b)
{
	return _mm512_fmadd_pd(_mm512_cvtps_pd(a), _mm512_cvtps_pd(b), sum);
}

typedef __m512d (*StepFunction) (__m512d sum, __m256 a, __m256 b);

AVX512_INLINE double
sum_steps(StepFunction step, const float *a, const float *b, int n)
{
	__m512d		sum0 = _mm512_setzero_pd();
	__m512d		sum1 = _mm512_setzero_pd();
	__m512d		sum2 = _mm512_setzero_pd();
	__m512d		sum3 = _mm512_setzero_pd();
	double		lanes[8];
	int			i = 0;

	for (; i + DISTANCE_LANES <= n; i += DISTANCE_LANES)
	{
		sum0 = step(sum0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
		sum1 = step(sum1, _mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));
		sum2 = step(sum2, _mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16));
		sum3 = step(sum3, _mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24));
	}
	if (i < n)
	{
		unsigned	left = (1u << (n - i)) - 1; /* a bit an element; a masked load does not touch the others */

		sum0 = step(sum0, _mm256_maskz_loadu_ps(left, a + i), _mm256_maskz_loadu_ps(left, b + i));
		sum1 = step(sum1, _mm256_maskz_loadu_ps(left >> 8, a + i + 8), _mm256_maskz_loadu_ps(left >> 8, b + i + 8));
		sum2 = step(sum2, _mm256_maskz_loadu_ps(left >> 16, a + i + 16), _mm256_maskz_loadu_ps(left >> 16, b + i + 16));
		sum3 = step(sum3, _mm256_maskz_loadu_ps(left >> 24, a + i + 24), _mm256_maskz_loadu_ps(left >> 24, b + i + 24));
	}
	_mm512_storeu_pd(lanes, _mm512_add_pd(_mm512_add_pd(sum0, sum2), _mm512_add_pd(sum1, sum3)));
	return distance_fold(lanes);
}

AVX512 static double
avx512_l1(const float *a, const float *b, int n)
{
	double		sum = sum_steps(step_l1, a, b, n);

	return isinf(sum) ? distance_l1_halved(a, b, n) : sum;
}

AVX512 static double
avx512_l2_squared(const float *a, const float *b, int n)
{
	double		sum = sum_steps(step_l2_squared, a, b, n);

	return isinf(sum) ? distance_l2_squared_halved(a, b, n) : sum;
}

AVX512 static double
avx512_inner(const float *a, const float *b, int n)
{
	return sum_steps(step_inner, a, b, n);
}

const DistanceKernels distance_avx512 = {avx512_l1, avx512_l2_squared, avx512_inner};

#endif
