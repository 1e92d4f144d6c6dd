/*
 * matrix.h: products of matrices, and principal components.          Pure C.
 *
 * Built twice: real is float in the extension and double (-DREAL_IS_DOUBLE) where tests check gradients.
 */
#ifndef SIAMESE_MATRIX_H
#define SIAMESE_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

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

/*
 * The same, by OpenBLAS where that is loaded and faster: for training and for what decides how fast an index is, never for what is
 * stored or compared, whose bits must not depend on the version of a library.
 */
extern void matrix_multiply_large(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda,
								  const real *b, size_t ldb, real beta, real *c, size_t ldc);

/*
 * Loads OpenBLAS for matrix_multiply_large(), once in a process; on the main thread, before any other is started.  It starts no
 * thread: a build of it that would is refused.
 */
extern bool matrix_library_load(const Host *host, Status *status);

/*
 * The mean of rows x [count, n] and their covariance [n, n], but for a factor, by so many of them as are used, evenly spread.
 * varies: false if these are all the same; then there is no covariance.
 */
extern bool matrix_covariance(const real *x, int count, int n, int used, const Host *host, real *mean, real *covariance, bool *varies,
							  Status *status);

/* components [count, n]: orthonormal rows that span, about, the directions of the largest eigenvalues of covariance [n, n]. */
extern bool matrix_components(const real *covariance, int count, int n, uint64_t seed, const Host *host, real *components,
							  Status *status);

/* Makes rows [count, n] orthonormal, each against those before it (Gram-Schmidt); one that is a mix of those becomes zero. */
extern void matrix_orthonormalize(real *rows, int count, int n);

#endif
