/*
 * kernels_neon.c: the kernels for 64-bit ARM, whose baseline has NEON and fused multiply-add.
 */
#include <math.h>
#include <string.h>

#include "network/kernels.h"

#if defined(__aarch64__)

#if defined(__GNUC__) && !defined(__clang__)
#if !defined(REAL_IS_DOUBLE) && !defined(__SANITIZE_ADDRESS__)	/* tests: no need for minutes of optimizing */
#pragma GCC optimize("O3", "no-math-errno", "no-schedule-insns")	/* to schedule before registers are given would spill the sums */
#endif
#endif

#define KERNELS network_kernels_neon
#define VECTOR_BYTES 16

#include "network/kernels.inc"

#endif
