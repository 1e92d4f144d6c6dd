/*
 * learner_internal.h: the buffers of a step, and what learner.c and pair_step.c share.
 */
#ifndef SIAMESE_LEARNER_INTERNAL_H
#define SIAMESE_LEARNER_INTERNAL_H

#include "training/learner.h"

/* Memory for one round, allocated by the first step after an evaluation. */
typedef struct RoundBuffers
{
	MemoryContext context;		/* of everything below */
	const uint8 **raster;		/* [threads, samples at once] */
	uint8	   *fetched;		/* buffer for those that are not in memory */
	real	   *packed;			/* the weights of this step, packed for the layers */
	real	  **input;			/* [threads] of [samples at once, input values] */
	NetworkWorkspace **workspace;	/* [threads]; NULL: not allocated */

	/* with a head: [threads] of [samples at once, ...] pairs */
	real	  **stacked;		/* [input values of the head] */
	real	  **output;			/* [its outputs] */
	real	  **output_gradient;

	/* with flow, where the twin runs with the head: [threads] of [2 x samples at once, ...], the sides of these pairs */
	NetworkPair *sides;			/* [samples at once]: numbers of the sides of each pair; without threads */
	void	  **flow;			/* network_flow_bytes() */
	real	  **side_input;		/* [input values] */
	real	  **side_output;	/* [dimensions] */
	real	  **side_gradient;
} RoundBuffers;

typedef struct StepBuffers
{
	int			threads;
	Batch		batch;
	int			rounds;			/* of the batch */
	int			round;			/* the current one */
	real	   *embedding;		/* [batch, dimensions] */
	real	   *embedding_gradient; /* [batch, dimensions] */
	real	  **gradient;		/* [threads] of [parameters] */
	RoundBuffers of_round;

	/* with a head */
	NetworkPair *pair;			/* of the batch */
	int			pairs;
	int			pairs_first;	/* of the current round ... */
	int			pairs_last;		/* ... which ends before this one */
	double	   *part_loss;		/* [threads]: of a thread's part of the round */
} StepBuffers;

/* ---- learner_shared.c ---------------------------------------------------------------------------------------------- */

/* Zeroed memory of any size; raises if there is none. */
extern void *learner_allocate(size_t count, size_t size);

/* Runs work on all threads.  False if a cancel or a termination is pending. */
extern bool learner_run_all(Learner *learner, ThreadWork work);

/* ---- pair_step.c --------------------------------------------------------------------------------------------------- */

/* Memory of a round for the head, in the current memory context. */
extern void pair_step_prepare(Learner *learner);

/*
 * The pairs of a batch through the head, forward and backward, by the outputs of the twin in the step's buffers: the mean
 * loss, the gradient by these outputs, and the head's own, added to those of the threads.  False as above.
 */
extern bool pair_step(Learner *learner, const NetworkBatch *batch, double *loss);

#endif
