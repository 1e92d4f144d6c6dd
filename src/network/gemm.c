/*
 * gemm.c: matrix products.  The one file that sees cblas.h.
 *
 * OpenBLAS must be the build with OpenMP.  The one with threads of its own starts them when it is loaded; the one without
 * threads hands two callers the same buffer (measured: 1 of 28 products of two threads was wrong).  With OpenMP each
 * calling thread says by itself how many threads a product may take: here always one, and none is ever started.
 *
 * A product of one row goes to gemv, which only reads the matrix once; it adds in another order than gemm, so an embedding
 * may differ in the last bits between alone and in a batch.
 */
#include <cblas.h>
#include <math.h>

#include "network/network_internal.h"

#ifdef NETWORK_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

/* OpenMP's, of libgomp; its header comes with one compiler only. */
extern void omp_set_num_threads(int threads);
extern int	omp_get_max_threads(void);

void
gemm(bool a_turned, bool b_turned, int m, int n, int k, const real *a, size_t a_lead,
	 const real *b, size_t b_lead, real keep, real *c, size_t c_lead)
{
	int			threads = omp_get_max_threads();

	/* A setting of the calling thread, given back for whoever else uses OpenMP on it. */
	if (threads != 1)
		omp_set_num_threads(1);
	if (m == 1 && !a_turned)
		GEMV(CblasRowMajor, b_turned ? CblasNoTrans : CblasTrans, b_turned ? n : k, b_turned ? k : n, 1,
			 b, (int) b_lead, a, 1, keep, c, 1);
	else
		GEMM(CblasRowMajor, a_turned ? CblasTrans : CblasNoTrans, b_turned ? CblasTrans : CblasNoTrans, m, n, k, 1,
			 a, (int) a_lead, b, (int) b_lead, keep, c, (int) c_lead);
	if (threads != 1)
		omp_set_num_threads(threads);
}

#define CHECK_SIDE 33			/* of the matrices; no multiple of a vector's length */

bool
network_check_library(Status *status)
{
	real		a[CHECK_SIDE * CHECK_SIDE];
	real		b[CHECK_SIDE * CHECK_SIDE];
	real		c[CHECK_SIDE * CHECK_SIDE];

	if (openblas_get_parallel() != OPENBLAS_OPENMP)
		return status_set(status, STATUS_ARGUMENT,
						  "Install the build with OpenMP (on Debian: libopenblas0-openmp); it must be found before any other.",
						  "OpenBLAS (%.160s) is not the build with OpenMP: the others start threads or cannot serve two.",
						  openblas_get_config());
	for (int i = 0; i < CHECK_SIDE * CHECK_SIDE; i++)
	{
		a[i] = (real) (i * 37 % 101 - 50) / 50;
		b[i] = (real) (i * 53 % 97 - 48) / 48;
	}
	gemm(false, false, CHECK_SIDE, CHECK_SIDE, CHECK_SIDE, a, CHECK_SIDE, b, CHECK_SIDE, 0, c, CHECK_SIDE);
	for (int row = 0; row < CHECK_SIDE; row++)
		for (int column = 0; column < CHECK_SIDE; column++)
		{
			double		sum = 0;

			for (int k = 0; k < CHECK_SIDE; k++)
				sum += (double) a[row * CHECK_SIDE + k] * b[k * CHECK_SIDE + column];
			if (!(fabs(sum - c[row * CHECK_SIDE + column]) < 1e-4))
				return status_set(status, STATUS_ARGUMENT,
								  "Set OPENBLAS_CORETYPE=Haswell in the server's environment, or install a newer OpenBLAS.",
								  "OpenBLAS (%.160s) computes %g for a sum of products that is %g.",
								  openblas_get_config(), (double) c[row * CHECK_SIDE + column], sum);
		}
	return true;
}
