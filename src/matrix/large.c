/*
 * large.c: which products OpenBLAS takes over.
 *
 * What make bench-matrix shows to be faster.  From AVX2 on the own kernels keep small products, those of few rows, which read
 * a large matrix once, and shallow ones: so the dense layers of usual batches, where a whole training shows it; below, OpenBLAS knows kernels for processors that the own ones have none for.
 */
#include "common/cpu.h"
#include "matrix/matrix_internal.h"

typedef struct Limits
{
	int			side;			/* least rows and columns */
	int			depth;			/* least depth */
	int			rows_transposed;	/* least rows where b is transposed, whatever the depth */
	double		multiplications;	/* more than these */
} Limits;

static const Limits below_avx2 = {32, 8, 32, 1 << 18};
static const Limits from_avx2 = {256, 256, 256, 1 << 22};

static bool
is_large(bool b_transposed, int m, int n, int k)
{
	const Limits *limits = cpu_level() == CPU_PORTABLE ? &below_avx2 : &from_avx2;

	return m >= limits->side && n >= limits->side && (b_transposed ? m >= limits->rows_transposed : k >= limits->depth) &&
		(double) m * n * k > limits->multiplications;
}

void
matrix_multiply_large(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda, const real *b,
					  size_t ldb, real beta, real *c, size_t ldc)
{
	if (!is_large(b_transposed, m, n, k) ||
		!openblas_multiply(a_transposed, b_transposed, m, n, k, a, lda, b, ldb, beta, c, ldc))
		matrix_multiply(a_transposed, b_transposed, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
