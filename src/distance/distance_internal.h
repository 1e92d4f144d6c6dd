/*
 * distance_internal.h: what the kernels of all levels share.
 *
 * Every level computes the same bits, so that replicas on other processors give the same answers.  The recipe:
 *
 *  - element i is added to lane i % 32; lanes are doubles; absent elements count as zeros;
 *  - a difference is taken in float (rounded once, 6e-8 relative) and then widened, so its square is exact in double, as
 *    is a product of two floats: fused and separate multiply-add cannot differ;
 *  - the 32 lanes are folded in halves: 16 + 16, 8 + 8, and the last 8 by distance_fold().
 *
 * A float difference overflows beyond 3.4e38: the sum is then infinite, and distance_l1_halved() and
 * distance_l2_squared_halved() start again with halved values.
 */
#ifndef SIAMESE_DISTANCE_INTERNAL_H
#define SIAMESE_DISTANCE_INTERNAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "distance/distance.h"

#define DISTANCE_LANES 32

extern double distance_l1_halved(const float *a, const float *b, int n);
extern double distance_l2_squared_halved(const float *a, const float *b, int n);

extern const DistanceKernels distance_portable;
#if defined(__x86_64__)
extern const DistanceKernels distance_avx2;
extern const DistanceKernels distance_avx512;
#elif defined(__aarch64__)
extern const DistanceKernels distance_neon;
#endif

static inline double
distance_fold(const double *lanes)	/* double [8] */
{
	return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* The last n < 32 elements, filled up with zeros. */
typedef struct DistanceTail
{
	float		a[DISTANCE_LANES];
	float		b[DISTANCE_LANES];
} DistanceTail;

static inline void
distance_tail(DistanceTail *tail, const float *a, const float *b, int n)
{
	memset(tail, 0, sizeof *tail);
	memcpy(tail->a, a, n * sizeof(float));
	memcpy(tail->b, b, n * sizeof(float));
}

#endif
