/*
 * matrix.h: products of matrices.          Pure C.
 *
 * Built twice: real is float in the extension and double (-DREAL_IS_DOUBLE) where tests check gradients.
 */
#ifndef SIAMESE_MATRIX_H
#define SIAMESE_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

#ifdef REAL_IS_DOUBLE
typedef double real;
#else
typedef float real;
#endif

/*
 * c [m, n] = a [m, k] b [k, n] + beta c, beta being 0 or 1; transposed: a is stored as [k, m], b as [n, k].
 * lda, ldb, ldc: leading dimensions, from a stored row to the next.
 *
 * Unless b is transposed, a row of c has the same bits whatever the other rows are.
 */
extern void matrix_multiply(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda,
							const real *b, size_t ldb, real beta, real *c, size_t ldc);

#endif
