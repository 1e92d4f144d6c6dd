/*
 * code_rows.h: the code of a row and a row's distance to a code, in double: compiled by each level for itself.
 *
 * Sums are in lanes and loops have no branches, so that compilers make vectors of them.  Included once in a file, after
 * "#pragma GCC optimize"; the functions are inlined into the level's own.
 */
#ifndef SIAMESE_CODE_ROWS_H
#define SIAMESE_CODE_ROWS_H

#include <math.h>

#include "distance/code_internal.h"

#define CODE_LANES 8
#define CODE_INLINE static inline __attribute__((always_inline))

CODE_INLINE double
code_fold(const double lanes[CODE_LANES])
{
	double		sum = 0;

	for (int lane = 0; lane < CODE_LANES; lane++)
		sum += lanes[lane];
	return sum;
}

CODE_INLINE void
code_elements(bool l1, const float *x, const float *centre, double inverse, int count, uint8_t *code,
			  double *sums, double *outside)
{
	double		t[CODE_LANES];
	double		limited[CODE_LANES];
	int			integer[CODE_LANES];
	int			beyond = 0;

	for (int i = 0; i < count; i++)
		t[i] = (x[i] - (double) centre[i]) * inverse;
	for (int i = 0; i < count; i++)
	{
		limited[i] = t[i];
		beyond |= !(fabs(t[i]) <= CODE_REACH);
	}
	/* seldom, and with branches */
	if (beyond)
		for (int i = 0; i < count; i++)
			limited[i] = t[i] < -CODE_REACH ? -CODE_REACH : t[i] > CODE_REACH ? CODE_REACH : t[i];
	for (int i = 0; i < count; i++)
		/* rounds half up: which of two neighbours it is does not matter */
		integer[i] = (int) (limited[i] + (CODE_ZERO + 0.5));
	for (int i = 0; i < count; i++)
		code[i] = (uint8_t) integer[i];
	for (int i = 0; i < count; i++)
	{
		double		error = t[i] - (integer[i] - CODE_ZERO);
		double		clip = t[i] - limited[i];

		sums[i] += l1 ? fabs(error) : error * error;
		outside[i] += l1 ? fabs(clip) : clip * clip;
	}
}

CODE_INLINE void
code_all(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code, double *sums,
		 double *outside)
{
	int			whole = n - n % CODE_LANES;

	for (int i = 0; i < whole; i += CODE_LANES)
		code_elements(l1, x + i, centre + i, inverse, CODE_LANES, code + i, sums, outside);
	code_elements(l1, x + whole, centre + whole, inverse, n - whole, code + whole, sums, outside);
}

CODE_INLINE void
distance_elements(bool l1, const float *x, const float *centre, double inverse, int count, const uint8_t *code,
				  double *sums)
{
	for (int i = 0; i < count; i++)
	{
		double		difference = (x[i] - (double) centre[i]) * inverse - (code[i] - CODE_ZERO);

		sums[i] += l1 ? fabs(difference) : difference * difference;
	}
}

CODE_INLINE void
distance_all(bool l1, const float *x, const float *centre, double inverse, int n, const uint8_t *code, double *sums)
{
	int			whole = n - n % CODE_LANES;

	for (int i = 0; i < whole; i += CODE_LANES)
		distance_elements(l1, x + i, centre + i, inverse, CODE_LANES, code + i, sums);
	distance_elements(l1, x + whole, centre + whole, inverse, n - whole, code + whole, sums);
}

/* As CodeKernels has them. */
CODE_INLINE void
code_rows_code(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code, double *slack,
			   double *outside)
{
	double		slacks[CODE_LANES] = {0};
	double		outsides[CODE_LANES] = {0};

	if (l1)
		code_all(true, x, centre, inverse, n, code, slacks, outsides);
	else
		code_all(false, x, centre, inverse, n, code, slacks, outsides);
	*slack = code_fold(slacks);
	*outside = code_fold(outsides);
}

CODE_INLINE double
code_rows_distance(bool l1, const float *x, const float *centre, double inverse, int n, const uint8_t *code)
{
	double		sums[CODE_LANES] = {0};

	if (l1)
		distance_all(true, x, centre, inverse, n, code, sums);
	else
		distance_all(false, x, centre, inverse, n, code, sums);
	return code_fold(sums);
}

#endif
