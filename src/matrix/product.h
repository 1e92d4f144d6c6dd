/*
 * product.h: the kernels that products of matrices consist of, one table of them for each level of processor.          Pure C.
 *
 * product.inc holds the code once; product_*.c compile it for their level.
 */
#ifndef SIAMESE_MATRIX_PRODUCT_H
#define SIAMESE_MATRIX_PRODUCT_H

#include <stdint.h>
#include <string.h>

#include "matrix/matrix.h"

/*
 * A product with one panel of PANEL columns: c [rows, columns] = a [rows, segments * depth] b [segments * depth, PANEL].
 * a may be anything that strides can say: patches under the window of a convolution (a segment a line of the window),
 * or a matrix stored by columns.
 *
 * Of complex numbers, PANEL real parts are followed by their PANEL imaginary parts: a row of b is real [2, PANEL], c is
 * [rows, 2, PANEL], and in a the imaginary part stands PANEL reals behind the real one.
 */
#define PANEL 32
#define PANELS(columns) (((size_t) (columns) + PANEL - 1) / PANEL)

typedef struct ProductPass
{
	size_t		rows;
	int			columns;		/* 1 to PANEL; complex: always PANEL */
	int			segments;
	size_t		depth;
	const real *a;
	size_t		a_row;			/* reals from a row to the next */
	size_t		a_segment;
	size_t		a_step;			/* from a value of a segment to the next */
	const real *b;
	const uint16_t *b_bf16;		/* of product_bf16: b as bf16 */
	size_t		b_step;			/* from a row to the next */
	real	   *c;
	size_t		c_row;
	bool		add;			/* to what is in c */
	/* of real numbers only: y = scale c + shift, then ReLU; behind the last product of a sum */
	const real *scale;			/* [columns]; NULL: 1; needs shift */
	const real *shift;			/* [columns]; NULL: 0 */
	bool		relu;
} ProductPass;

/* bf16: a float's sign, exponent and first 7 bits of the fraction, rounded to the nearest, ties to even. */
static inline uint16_t
bf16_of(float value)
{
	uint32_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	return (uint16_t) ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static inline float
bf16_value(uint16_t bf16)
{
	uint32_t	bits = (uint32_t) bf16 << 16;
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

typedef struct MatrixKernels
{
	void		(*product) (const ProductPass *product);
	void		(*product_bf16) (const ProductPass *product);
	void		(*product_complex) (const ProductPass *product);
	/* y [width] += sum over count rows of factor[row] * row */
	void		(*add_rows) (const real *factor, const real *rows, size_t stride, size_t count, size_t width, real *y);
	/* y [count] += x [width] times each row */
	void		(*dot_rows) (const real *x, const real *rows, size_t stride, size_t count, size_t width, real *y);
	/* sum of x y, in double precision */
	double		(*inner) (const real *x, const real *y, size_t count);
	/* y += x */
	void		(*add) (const real *x, size_t count, real *y);
} MatrixKernels;

/* The table of cpu_level(). */
extern const MatrixKernels *matrix_kernels(void);

extern const MatrixKernels matrix_kernels_portable;
#if defined(__x86_64__)
extern const MatrixKernels matrix_kernels_avx2;
extern const MatrixKernels matrix_kernels_avx512;
#elif defined(__aarch64__)
extern const MatrixKernels matrix_kernels_neon;
#endif

#endif
