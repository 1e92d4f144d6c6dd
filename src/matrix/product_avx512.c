/*
 * product_avx512.c: the kernels of products for AVX-512.
 */
#include "matrix/product.h"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#if !defined(REAL_IS_DOUBLE) && !defined(__SANITIZE_ADDRESS__)	/* tests: no need for minutes of optimizing */
#pragma GCC optimize("O3", "no-math-errno")
#endif
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#define KERNELS matrix_kernels_avx512
#define VECTOR_BYTES 64
#define PRODUCT_ROWS 12
#define COMPLEX_ROWS 6

#include "matrix/product.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
