/*
 * elastic_internal.h: the loops of elastic.c for each level of processor.
 */
#ifndef SIAMESE_ELASTIC_INTERNAL_H
#define SIAMESE_ELASTIC_INTERNAL_H

#include "common/cpu.h"
#include "pen/elastic.h"

#define ELASTIC_LANES 32		/* points at a time: a multiple of every vector's, so that none is left over */

/* Sums of an antidiagonal, with one more before the first and room for whole vectors behind the last. */
#define ELASTIC_SUMS(length) ((size_t) (length) + 2 + ELASTIC_LANES)

/*
 * The least sum from the first pair of points to the last.  a [ELASTIC_VALUES, a_length]; backwards: the other one with its points
 * in reverse order; behind both ELASTIC_LANES bytes, which do not matter; work [3, ELASTIC_SUMS(a_length)].
 */
typedef int32_t (*ElasticWarp) (const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);

extern int32_t elastic_warp_portable(const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);
extern int32_t elastic_warp_avx2(const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);
extern int32_t elastic_warp_avx512(const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);

extern ElasticWarp elastic_warp_of(CpuLevel level);	/* of one that the processor supports */

#endif
