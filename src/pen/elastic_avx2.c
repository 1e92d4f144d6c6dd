/*
 * elastic_avx2.c: dynamic time warping for AVX2.
 */
#include "pen/elastic_internal.h"

#if defined(__x86_64__)

#include <math.h>
#include <stdlib.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma")
#endif

#define ELASTIC_WARP elastic_warp_avx2
#include "pen/elastic_warp.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
