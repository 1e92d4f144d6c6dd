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
	Network    *network;
	ThreadPool *pool;
	Sampler    *sampler;
	uint64		seed;
	NetworkProgress progress;
	real	   *weights;		/* [weight_count], as the optimizer moves them */
	real	   *average;		/* [weight_count], what is evaluated and stored; the same array without averaging */
	real	   *memory;			/* [optimizer_count] */
	struct LearnerBuffers *buffers;
} Learner;

/* In the current memory context.  epochs: how many there will be, which fixes the rate's schedule. */
extern Learner *learner_create(const NetworkDefinition *definition, const Examples *examples, const Split *split,
							   int epochs, uint64 seed, int threads);

/*
 * One batch: the mean loss.  Raises when it is not finite.  False, and the weights as they were, when a cancel or a
 * termination is pending (the sampler has gone on, so the learner is not to be used any more).
 */
extern bool learner_step(Learner *learner, double *loss);
extern int	learner_batch_size(const Learner *learner);

#endif
