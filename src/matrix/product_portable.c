/*
 * product_portable.c: the kernels of products for any processor.
 */
#include "matrix/product.h"

#if defined(__GNUC__) && !defined(__clang__)
#if !defined(REAL_IS_DOUBLE) && !defined(__SANITIZE_ADDRESS__)	/* tests: no need for minutes of optimizing */
#pragma GCC optimize("O3", "no-math-errno")
#endif
#endif

#define KERNELS matrix_kernels_portable
#define VECTOR_BYTES 16
#define PRODUCT_ROWS 6
#define COMPLEX_ROWS 3

#include "matrix/product.inc"
