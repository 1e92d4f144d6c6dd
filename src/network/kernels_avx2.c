/*
 * kernels_avx2.c: the kernels for AVX2 and FMA.
 */
#include <math.h>
#include <string.h>

#include "network/kernels.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#if !defined(REAL_IS_DOUBLE) && !defined(__SANITIZE_ADDRESS__)	/* tests: no need for minutes of optimizing */
#pragma GCC optimize("O3", "no-math-errno")
#endif
#pragma GCC target("avx2,fma")
#endif

#define KERNELS network_kernels_avx2
#define VECTOR_BYTES 32

#include "network/kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
