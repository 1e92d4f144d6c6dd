/*
 * cpu.c: choice of the kernel level.
 *
 * __builtin_cpu_supports of gcc and clang also asks XGETBV whether the operating system saves the wide registers.
 */
#include "common/cpu.h"

static int	forced = -1;

const char *
cpu_level_name(CpuLevel level)
{
	static const char *const names[CPU_LEVEL_COUNT] = {"portable", "neon", "avx2", "avx512"};

	return names[level];
}

bool
cpu_supports(CpuLevel level)
{
	switch (level)
	{
		case CPU_PORTABLE:
			return true;
#if defined(__x86_64__)
		case CPU_AVX2:
			return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
		case CPU_AVX512:
			return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
				__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && cpu_supports(CPU_AVX2);
#elif defined(__aarch64__)
		case CPU_NEON:
			return true;
#endif
		default:
			return false;
	}
}

CpuLevel
cpu_level(void)
{
	static int	best = -1;

	if (forced >= 0)
		return (CpuLevel) forced;
	if (best < 0)
		for (best = CPU_LEVEL_COUNT - 1; !cpu_supports((CpuLevel) best); best--)
			;
	return (CpuLevel) best;
}

bool
cpu_force_level(CpuLevel level)
{
	if (!cpu_supports(level))
		return false;
	forced = (int) level;
	return true;
}

void
cpu_unforce_level(void)
{
	forced = -1;
}
