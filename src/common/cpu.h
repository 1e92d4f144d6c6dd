/*
 * cpu.h: instruction sets of the processor that the operating system supports; detected at load, can be forced in tests.
 *
 * Rooms with kernels for several levels have a table per level and use that of cpu_level().
 */
#ifndef SIAMESE_CPU_H
#define SIAMESE_CPU_H

#include <stdbool.h>

typedef enum CpuLevel
{
	CPU_PORTABLE = 0,			/* C for any processor */
	CPU_NEON = 1,				/* 64-bit ARM */
	CPU_AVX2 = 2,				/* AVX2 and FMA */
	CPU_AVX512 = 3				/* AVX-512 F, BW, DQ, VL */
} CpuLevel;

#define CPU_LEVEL_COUNT 4

extern const char *cpu_level_name(CpuLevel level);	/* "portable", "neon", "avx2", "avx512" */
extern bool cpu_supports(CpuLevel level);
extern CpuLevel cpu_level(void);	/* the forced level, else the best supported one */
/* Not while threads run; false and no change if not supported.  For tests and siamese.kernel_level. */
extern bool cpu_force_level(CpuLevel level);
extern void cpu_unforce_level(void);

#endif
