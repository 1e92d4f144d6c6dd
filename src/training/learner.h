/*
 * learner.h: a network in training: weights, their moving average, the optimizer's memory, and one step.
 *
 * Plain computing on all threads; nothing here touches a table.
 */
#ifndef SIAMESE_LEARNER_H
#define SIAMESE_LEARNER_H

#include "training/training.h"

typedef struct Learner
{
	const NetworkDefinition *definition;
	const Examples *examples;
	const Split *split;
	Network    *network;
	ThreadPool *pool;
	Sampler    *sampler;
	MemoryContext sampler_context;
	uint64		seed;
	NetworkProgress progress;	/* the planned steps are the caller's to set */
	int			samples_at_once;	/* of each thread, between the way forth and the way back; the caller's to set */
	real	   *weights;		/* [weight_count], as the optimizer moves them */
	real	   *average;		/* [weight_count], what is evaluated and stored; the same array without averaging */
	real	   *memory;			/* [optimizer_count] */
	struct LearnerBuffers *buffers;
} Learner;

/* In the current memory context. */
extern Learner *learner_create(const NetworkDefinition *definition, Network *network, const Examples *examples,
							   const Split *split, uint64 seed, int threads);

/* As it was after learner_create: initial weights, nothing drawn, no step done. */
extern void learner_begin(Learner *learner);

/* After weights was filled from elsewhere, before the first step. */
extern void learner_set_weights(Learner *learner);

/*
 * One batch: the mean loss.  Raises when it is not finite.  False when a cancel or a termination is pending: then weights
 * and sampler are in between, and the learner is not to be used any more.
 */
extern bool learner_step(Learner *learner, double *loss);
extern int	learner_batch_size(const Learner *learner);

/* Gives back the memory for activations until the next step. */
extern void learner_rest(Learner *learner);

/* The sampler as it is before this step: what was drawn until there is drawn again.  False as above. */
extern bool learner_go_to(Learner *learner, int64 step);

#endif
