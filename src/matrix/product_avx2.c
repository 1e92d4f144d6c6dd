/*
 * product_avx2.c: the kernels of products for AVX2 and FMA.
 */
#include "matrix/product.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#if !defined(REAL_IS_DOUBLE) && !defined(__SANITIZE_ADDRESS__)	/* tests: no need for minutes of optimizing */
#pragma GCC optimize("O3", "no-math-errno")
#endif
#pragma GCC target("avx2,fma")
#endif

#define KERNELS matrix_kernels_avx2
#define VECTOR_BYTES 32
#define PRODUCT_ROWS 6
#define COMPLEX_ROWS 3

#include "matrix/product.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
