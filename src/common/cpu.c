/*
 * cpu.c: detects the kernel level.
 *
 * __builtin_cpu_supports() of gcc and clang also checks with XGETBV that the operating system saves the wide registers.
 */
#include "common/cpu.h"

static int	forced = -1;
static CpuLevel best;			/* set by a constructor; threads only read it */

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

static void __attribute__((constructor))
find_best(void)
{
	int			level = CPU_LEVEL_COUNT - 1;

#if defined(__x86_64__)
	__builtin_cpu_init();		/* constructors have no order */
#endif
	while (!cpu_supports((CpuLevel) level))
		level--;
	best = (CpuLevel) level;
}

CpuLevel
cpu_level(void)
{
	return forced >= 0 ? (CpuLevel) forced : best;
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
