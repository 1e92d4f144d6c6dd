/*
 * embed_examples.h: embeddings of many examples.
 */
#ifndef SIAMESE_EMBED_EXAMPLES_H
#define SIAMESE_EMBED_EXAMPLES_H

#include "postgres.h"

#include "common/threads.h"
#include "network/network.h"
#include "training/examples.h"

#define EMBED_SAMPLES_AT_ONCE 16	/* of a thread, where there is memory */

/*
 * Embeds the examples index [count] on all threads, each at_once samples in a pass: embedding [count, dimensions].  False
 * if a cancel or a termination is pending.
 */
extern bool embed_examples(const Network *network, const real *weights, ThreadPool *pool, const Examples *examples,
						   const int *index, int count, int at_once, float *embedding);

#endif
