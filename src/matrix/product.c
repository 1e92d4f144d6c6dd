/*
 * product.c: which table of kernels the processor gets.
 */
#include "common/cpu.h"
#include "matrix/product.h"

const MatrixKernels *
matrix_kernels(void)
{
	switch (cpu_level())
	{
#if defined(__x86_64__)
		case CPU_AVX512:
			return &matrix_kernels_avx512;
		case CPU_AVX2:
			return &matrix_kernels_avx2;
#elif defined(__aarch64__)
		case CPU_NEON:
			return &matrix_kernels_neon;
#endif
		default:
			return &matrix_kernels_portable;
	}
}
