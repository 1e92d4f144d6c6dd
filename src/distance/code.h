/*
 * code.h: distances of 8-bit codes and the lower bounds made of them.        Pure C.
 *
 * A code of n dimensions is n bytes; byte b stands for centre + step * (b - CODE_ZERO).  src/index/README.md proves the
 * bounds.  Sums are integers, exact on every level; bounds are floats that levels may round differently, always downward
 * enough.
 */
#ifndef SIAMESE_CODE_H
#define SIAMESE_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/cpu.h"
#include "common/metric.h"

#define CODE_ZERO 128
#define CODE_REACH 127			/* a byte stands for -127 .. 127 steps */

/* A query in one region's units; METRIC_COSINE is METRIC_L2 of unit vectors, here and below. */
typedef struct CodeQuery
{
	float		error;			/* of the code to the query limited to the box, not less than the true one */
	float		clip;			/* of the limited query to the query, not more than the true one */
	float		step;
} CodeQuery;

typedef struct CodeKernels
{
	/* sums [count] += sum over n bytes of |a - b|, or of its square; codes lie stride bytes apart */
	void		(*l1) (const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums);
	void		(*l2_squared) (const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums);

	/* for code_query(): x float [n] -> code uint8 [n]; the errors' sum and that of what the box cut off (of |.|, or of squares) */
	void		(*quantise) (bool l1, const float *x, const float *centre, float inverse, int n, uint8_t *code, float *error,
							 float *clip);

	/* lower bounds float [count], in 0 .. FLT_MAX, of the distances of a query to rows (or cells) of these slacks */
	void		(*bounds) (bool l1, const uint32_t *sums, const float *slacks, int count, const CodeQuery *query, float *bounds);

	/* for code_row() and code_row_distance(), in double: the code, the slack's sum, and the part of it that the box cut off */
	void		(*row_code) (bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code,
							 double *slack, double *outside);
	double		(*row_distance) (bool l1, const float *x, const float *centre, double inverse, int n,
								 const uint8_t *code);
} CodeKernels;

extern const CodeKernels *code_kernels_of(CpuLevel level);	/* NULL if this build has none for it */
extern const CodeKernels *code_kernels(void);

#define CODE_FLOAT_ROUNDING 1.2e-7	/* by so much of its length a vector is moved at most when it is rounded to floats */

/* All below: rounding is how far, at most, x lies from the vector that it stands for. */

/* A query -> its code uint8 [n] and the errors in units. */
extern void code_query(Metric metric, const float *x, double rounding, const float *centre, float step, int n, uint8_t *code,
					   CodeQuery *query);

/*
 * A row -> its code uint8 [n]; returns the slack in units, rounded up (infinite when it overflows).  clipped, if not NULL: the
 * part of the slack that comes from limiting the row to the box.
 */
extern float code_row(Metric metric, const float *x, double rounding, const float *centre, float step, int n, uint8_t *code,
					  float *clipped);

/* Distance in units of a row to the point of a code, computed in double and rounded up as a slack is. */
extern float code_row_distance(Metric metric, const float *x, double rounding, const float *centre, float step, int n,
							   const uint8_t *code);

/* From the sum of two codes: their distance in units. */
extern double code_distance(Metric metric, uint32_t sum);

#endif
