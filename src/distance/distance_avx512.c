/*
 * distance_avx512.c: distance kernels for AVX-512.
 */
#include "distance/distance_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#define DISTANCE_KERNELS distance_avx512
#define LANES 8

typedef __m256 Part;
typedef __m512d Sum;

static inline __attribute__((always_inline)) Sum
widen(Part x)
{
	return _mm512_cvtps_pd(x);
}

static inline __attribute__((always_inline)) Part
load_some(const float *x, uint32_t present)
{
	return _mm256_maskz_loadu_ps((__mmask8) present, x);
}

#include "distance/distance_kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
