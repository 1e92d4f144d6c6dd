/*
 * embedder.h: many samples through a network, on all threads.
 */
#ifndef SIAMESE_EMBEDDER_H
#define SIAMESE_EMBEDDER_H

#include "common/threads.h"
#include "network/network.h"

#define EMBEDDER_AT_ONCE 16		/* samples in one pass of a thread, where memory is plenty */

typedef struct Embedder Embedder;

/*
 * In the current memory context.  Network, weights, packed (NULL: pack the weights here) and pool are not owned; they must live as
 * long and must not change.  at_once: samples in one pass of a thread through the network.
 */
extern Embedder *embedder_create(const Network *network, const real *weights, const real *packed, ThreadPool *pool,
								 int at_once);

/*
 * Samples [count] -> embedding [count, dimensions].  Each thread takes one contiguous part, so that the result does not depend
 * on timing.  False if a cancel or a termination is pending; raises on any other failure.
 */
extern bool embedder_run(Embedder *embedder, const uint8 *const *sample, int count, float *embedding);

#endif
