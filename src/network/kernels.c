/*
 * kernels.c: which table of kernels the processor gets.
 */
#include "common/cpu.h"
#include "network/kernels.h"

const NetworkKernels *
network_kernels(void)
{
	switch (cpu_level())
	{
#if defined(__x86_64__)
		case CPU_AVX512:
			return &network_kernels_avx512;
		case CPU_AVX2:
			return &network_kernels_avx2;
#elif defined(__aarch64__)
		case CPU_NEON:
			return &network_kernels_neon;
#endif
		default:
			return &network_kernels_portable;
	}
}
