/*
 * matrix_internal.h: what the files of the room share.
 */
#ifndef SIAMESE_MATRIX_INTERNAL_H
#define SIAMESE_MATRIX_INTERNAL_H

#include "matrix/matrix.h"

/* ---- openblas.c -------------------------------------------------------------------------------------------------- */

/* matrix_multiply() by OpenBLAS; false, and nothing is done: it is not loaded, or a size is beyond its integers. */
extern bool openblas_multiply(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda,
							  const real *b, size_t ldb, real beta, real *c, size_t ldc);

#endif
