/*
 * learner.h: a network in training: weights, their moving average, the optimizer's memory, and one step.
 *
 * Computes on all threads; nothing here touches a table.
 */
#ifndef SIAMESE_LEARNER_H
#define SIAMESE_LEARNER_H

#include "common/threads.h"
#include "training/batch_sampler.h"
#include "training/examples.h"
#include "training/split.h"

typedef struct Learner
{
	const NetworkDefinition *definition;
	const Examples *examples;
	const Split *split;
	Network    *network;
	ThreadPool *pool;
	BatchSampler *sampler;
	MemoryContext sampler_context;
	uint64		seed;
	NetworkProgress progress;	/* the caller sets how many steps are planned */
	int			samples_at_once;	/* of each thread, between its forward and backward pass; set by the caller */
	real	   *weights;		/* [weight_count], as the optimizer moves them */
	real	   *average;		/* [weight_count], what is evaluated and stored; the same array without averaging */
	real	   *memory;			/* [optimizer_count] */
	struct StepBuffers *buffers;
} Learner;

/* In the current memory context. */
extern Learner *learner_create(const NetworkDefinition *definition, Network *network, const Examples *examples,
							   const Split *split, uint64 seed, int threads);

/* As it was after learner_create(): initial weights, no batch drawn, no step done. */
extern void learner_reset(Learner *learner);

/* After weights were filled from elsewhere, before the first step: the average begins with them. */
extern void learner_set_weights(Learner *learner);

/*
 * One batch: the mean loss.  Raises if it is not finite.  False if a cancel or a termination is pending: then weights and
 * sampler are in an undefined state, and the learner must not be used any more.
 */
extern bool learner_step(Learner *learner, double *loss);
extern int	learner_batch_size(const Learner *learner);

/* Frees the memory for activations until the next step. */
extern void learner_release_activations(Learner *learner);

/* Draws batches without computing until the sampler is where it was before this step.  False as above. */
extern bool learner_skip_to(Learner *learner, int64 step);

#endif
