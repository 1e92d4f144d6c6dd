/*
 * kernels_portable.c: the kernels for any processor.
 */
#include <math.h>
#include <string.h>

#include "network/kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
#if !defined(NETWORK_DOUBLE) && !defined(__SANITIZE_ADDRESS__)	/* tests: no need for minutes of optimizing */
#pragma GCC optimize("O3", "no-math-errno")
#endif
#endif

#define KERNELS network_kernels_portable
#define VECTOR_BYTES 16
#define PRODUCT_ROWS 6
#define COMPLEX_ROWS 3

#include "network/kernels.inc"
