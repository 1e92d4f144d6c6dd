/*
 * distance.h: distance kernels, one table a processor level.                  Pure C.
 *
 * All take two vectors of n finite floats, 1 <= n <= LIMIT_DIMENSIONS, and return a double within 1e-6 relative of the
 * double-precision reference (for the inner product: relative to the product of the lengths).  Symmetric to the last
 * bit: f(a, b) == f(b, a), and f(a, a) == 0 for the distances.  All levels compute the same bits.
 */
#ifndef SIAMESE_DISTANCE_H
#define SIAMESE_DISTANCE_H

#include "common/cpu.h"
#include "common/metric.h"

typedef struct DistanceKernels
{
	double		(*l1) (const float *a, const float *b, int n);	/* sum |a - b| */
	double		(*l2_squared) (const float *a, const float *b, int n);	/* sum (a - b)^2 */
	double		(*inner) (const float *a, const float *b, int n);	/* sum a b */
} DistanceKernels;

/* The table of the level, NULL if this build has none for it; the current level's. */
extern const DistanceKernels *distance_kernels_of(CpuLevel level);
extern const DistanceKernels *distance_kernels(void);

/*
 * |a/|a| - b/|b||^2 = 2 - 2 cos, in 0 .. 4; relative precision is kept for vectors of nearly the same direction (down
 * to 1e-26, the rounding of the lengths).  A vector of length zero is at 2 from every other and at 0 from another of
 * length zero, which keeps the triangle inequality of the chord.
 */
extern double distance_chord_squared(const float *a, const float *b, int n);

/* The distance of the metric; for METRIC_COSINE the chord, the root of distance_chord_squared(). */
extern double distance_between(Metric metric, const float *a, const float *b, int n);

#endif
