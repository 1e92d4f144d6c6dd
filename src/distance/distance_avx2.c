/*
 * distance_avx2.c: distance kernels for AVX2 and FMA.
 */
#include "distance/distance_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma")
#endif

#define DISTANCE_KERNELS distance_avx2
#define LANES 4

typedef __m128 Part;
typedef __m256d Sum;

static inline __attribute__((always_inline)) Sum
widen(Part x)
{
	return _mm256_cvtps_pd(x);
}

static inline __attribute__((always_inline)) Part
load_some(const float *x, uint32_t present)
{
	__m128i		bits = _mm_setr_epi32(1, 2, 4, 8);

	return _mm_maskload_ps(x, _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int) present), bits), bits));
}

#include "distance/distance_kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
