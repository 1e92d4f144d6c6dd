/*
 * kernels_portable.c: the kernels for any processor.
 */
#include <math.h>
#include <string.h>

#include "network/kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
#if !defined(REAL_IS_DOUBLE) && !defined(__SANITIZE_ADDRESS__)	/* tests: no need for minutes of optimizing */
#pragma GCC optimize("O3", "no-math-errno")
#endif
#endif

#define KERNELS network_kernels_portable
#define VECTOR_BYTES 16

#include "network/kernels.inc"
