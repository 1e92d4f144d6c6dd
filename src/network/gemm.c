/*
 * gemm.c: matrix products.  The one file that sees cblas.h.
 *
 * The library must be one without threads of its own.  A product of one row goes to gemv, which only reads the matrix
 * once; it adds in another order than gemm, so an embedding may differ in the last bits between alone and in a batch.
 */
#include <cblas.h>

#include "network/network_internal.h"

#ifdef NETWORK_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

void
gemm(bool a_turned, bool b_turned, int m, int n, int k, const real *a, size_t a_lead,
	 const real *b, size_t b_lead, real keep, real *c, size_t c_lead)
{
	if (m == 1 && !a_turned)
		GEMV(CblasRowMajor, b_turned ? CblasNoTrans : CblasTrans, b_turned ? n : k, b_turned ? k : n, 1,
			 b, (int) b_lead, a, 1, keep, c, 1);
	else
		GEMM(CblasRowMajor, a_turned ? CblasTrans : CblasNoTrans, b_turned ? CblasTrans : CblasNoTrans, m, n, k, 1,
			 a, (int) a_lead, b, (int) b_lead, keep, c, (int) c_lead);
}
