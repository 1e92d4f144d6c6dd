/*
 * memory_plan.h: how a training keeps within maintenance_work_mem.
 */
#ifndef SIAMESE_MEMORY_PLAN_H
#define SIAMESE_MEMORY_PLAN_H

#include "training/examples.h"

typedef struct MemoryPlan
{
	const Network *network;
	int			threads;
	int			least_samples;	/* that a thread must be able to take at once */
	Size		total;			/* maintenance_work_mem; all sizes are in bytes */
	Size		fixed;			/* what does not depend on the examples and cannot shrink */
	Size		examples;		/* limit for reading the examples ... */
	Size		most_examples;	/* ... and for the list of them alone */
	Size		needed;			/* least total that works at all */
	Size		whole;			/* least total with which nothing is computed twice */
} MemoryPlan;

/* Before the examples are read.  False if maintenance_work_mem is too small. */
extern bool memory_plan(MemoryPlan *plan, const NetworkDefinition *definition, const Network *network, int threads);

/* After a plan that failed: raises an error with the memory needed. */
extern void memory_plan_raise(const MemoryPlan *plan) __attribute__((noreturn));

/*
 * How many samples of a batch a thread takes at once, when the examples and their lists have taken so many bytes.
 * wanted: 0, or the result of an earlier call, which must be the same again.  Raises if it does not fit.
 */
extern int	memory_plan_samples(MemoryPlan *plan, int batch, Size taken, int wanted);

/* Bytes of the activations of all threads, with this many samples each, and of a head as many pairs. */
extern Size memory_plan_activations(const MemoryPlan *plan, int samples);

/* One sentence for people. */
extern char *memory_plan_text(const MemoryPlan *plan, const Examples *examples, int batch, int samples);

#endif
