/*
 * code_internal.h: what the code kernels of all levels share.
 */
#ifndef SIAMESE_CODE_INTERNAL_H
#define SIAMESE_CODE_INTERNAL_H

#include "distance/code.h"

/* How much more than rounding can take is given away; see "Rounding" in src/index/README.md. */
#define CODE_QUERY_ROUNDING 4e-5f
#define CODE_LIMIT 1e18f		/* its square is a float */
#define CODE_SHRINK_SUM (1 - 1e-6f)
#define CODE_SHRINK_ROOT (1 - 2e-6f)
#define CODE_SHRINK_RESULT (1 - 3e-6f)

/* Also for the last elements of the other levels. */
extern void code_quantise_portable(bool l1, const float *x, const float *centre, float inverse, int n, uint8_t *code,
								   float sums[3]);
extern void code_bounds_portable(bool l1, const uint32_t *sums, const float *slacks, int count, const CodeQuery *query,
								 float *bounds);

extern void code_portable_row_code(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code,
								   double *slack, double *outside);
extern double code_portable_row_distance(bool l1, const float *x, const float *centre, double inverse, int n,
										 const uint8_t *code);

extern const CodeKernels code_portable;
#if defined(__x86_64__)
extern const CodeKernels code_avx2;
extern const CodeKernels code_avx512;
#elif defined(__aarch64__)
extern const CodeKernels code_neon;
#endif

#endif
