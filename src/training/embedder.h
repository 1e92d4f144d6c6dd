/*
 * embedder.h: many samples through a network, on all threads.
 */
#ifndef SIAMESE_EMBEDDER_H
#define SIAMESE_EMBEDDER_H

#include "training/training.h"

typedef struct Embedder Embedder;

/*
 * In the current memory context.  Network, weights, packed (of the weights; NULL: pack them here) and pool are not owned and
 * must live as long and stay as they are.
 */
extern Embedder *embedder_create(const Network *network, const real *weights, const real *packed, ThreadPool *pool);

/*
 * Samples [count] -> embedding [count, dimensions].  Each thread takes one run of them, so that the result does not depend
 * on timing.  False when a cancel or a termination is pending; raises on any other failure.
 */
extern bool embedder_run(Embedder *embedder, const uint8 *const *sample, int count, float *embedding);

#endif
