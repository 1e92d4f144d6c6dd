/*
 * memory.h: how a training keeps within maintenance_work_mem.
 */
#ifndef SIAMESE_MEMORY_H
#define SIAMESE_MEMORY_H

#include "training/training.h"

typedef struct MemoryPlan
{
	const Network *network;
	int			threads;
	int			least_samples;	/* that a thread can work off at once */
	Size		total;			/* maintenance_work_mem; all sizes are in bytes */
	Size		fixed;			/* what does not depend on the examples and cannot shrink */
	Size		examples;		/* that reading the examples may take ... */
	Size		most_examples;	/* ... or their list alone */
	Size		needed;			/* for a plan at all */
	Size		whole;			/* that would do without computing anything twice */
} MemoryPlan;

/* Before the examples are read.  False when maintenance_work_mem is too small. */
extern bool memory_plan(MemoryPlan *plan, const NetworkDefinition *definition, const Network *network, int threads);

/* After a plan that failed: an error that says what is needed. */
extern void memory_plan_raise(const MemoryPlan *plan) __attribute__((noreturn));

/*
 * How many samples of a batch a thread works off at once, when the examples and their lists have taken so many bytes.
 * wanted: 0, or what an earlier call said and must be so again.  Raises when it does not fit.
 */
extern int	memory_plan_samples(MemoryPlan *plan, int batch, Size taken, int wanted);

/* One sentence for people. */
extern char *memory_plan_text(const MemoryPlan *plan, const Examples *examples, int batch, int samples);

#endif
