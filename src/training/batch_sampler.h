/*
 * batch_sampler.h: which samples make the next batch.
 */
#ifndef SIAMESE_BATCH_SAMPLER_H
#define SIAMESE_BATCH_SAMPLER_H

#include "postgres.h"

#include "network/network.h"
#include "training/examples.h"
#include "training/split.h"

typedef struct Batch
{
	int			n;
	int		   *example;		/* [n], indexes of the examples */
	int32	   *label;			/* [n] */
	uint8	   *genuine;		/* [n] */
	int32	   *frame;			/* [n], of the example */
	NetworkCopy *copy;			/* [n]: how each is distorted; with forge, a genuine sample is made a forgery: genuine is 0 */
} Batch;

typedef struct BatchSampler BatchSampler;

/* In the current memory context; the batches follow from the seed. */
extern BatchSampler *batch_sampler_create(const Examples *examples, const Split *split, const NetworkDefinition *definition,
										  uint64 seed);
extern int	batch_sampler_size(const BatchSampler *sampler); /* n of every batch */
extern void batch_sampler_next(BatchSampler *sampler, Batch *batch);

#endif
