/*
 * elastic_internal.h: the loops of elastic.c for each level of processor.
 */
#ifndef SIAMESE_ELASTIC_INTERNAL_H
#define SIAMESE_ELASTIC_INTERNAL_H

#include "common/cpu.h"
#include "pen/elastic.h"

/*
 * The least sum from the first pair of points to the last.  a [ELASTIC_VALUES, a_length]; backwards: the other one with its points
 * in reverse order; work [ELASTIC_WORK(a_length)].
 */
typedef int32_t (*ElasticWarp) (const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);

#define ELASTIC_WORK(length) (3 * ((size_t) (length) + 2))

extern int32_t elastic_warp_portable(const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);
extern int32_t elastic_warp_avx2(const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);
extern int32_t elastic_warp_avx512(const int8_t *a, int a_length, const int8_t *backwards, int b_length, int32_t *work);

extern ElasticWarp elastic_warp_of(CpuLevel level);	/* of one that the processor supports */

#endif
