/*
 * embedder.h: many samples through a network, on all threads.
 */
#ifndef SIAMESE_EMBEDDER_H
#define SIAMESE_EMBEDDER_H

#include "common/threads.h"
#include "model/model.h"

#define EMBEDDER_AT_ONCE 16		/* samples of one thread's pass, where memory is no matter */

typedef struct Embedder Embedder;

/*
 * In the current memory context.  Network, weights, packed (of the weights; NULL: pack them here) and pool are not owned and
 * must live as long and stay as they are.  at_once: samples of one thread's pass through the network.
 */
extern Embedder *embedder_create(const Network *network, const real *weights, const real *packed, ThreadPool *pool,
								 int at_once);

/*
 * Samples [count] -> embedding [count, dimensions].  Each thread takes one run of them, so that the result does not depend
 * on timing.  False when a cancel or a termination is pending; raises on any other failure.
 */
extern bool embedder_run(Embedder *embedder, const uint8 *const *sample, int count, float *embedding);

#endif
