/*
 * elastic_avx512.c: dynamic time warping for AVX-512.
 */
#include "pen/elastic_internal.h"

#if defined(__x86_64__)

#include <math.h>
#include <stdlib.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#define ELASTIC_WARP elastic_warp_avx512
#include "pen/elastic_warp.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
