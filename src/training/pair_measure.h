/*
 * pair_measure.h: distances of pairs of examples by a network with a layer "pair": minus the log odds of "the same".
 */
#ifndef SIAMESE_PAIR_MEASURE_H
#define SIAMESE_PAIR_MEASURE_H

#include "postgres.h"

#include "common/threads.h"
#include "network/network.h"
#include "training/examples.h"
#include "verification/score.h"

/*
 * The most pairs of a kind that are measured: heads are costly, so they are as many as take about so many multiplications by
 * weights, but at least PAIRS_LEAST and at most "most".
 */
#define PAIRS_LEAST 1000
#define VALIDATION_MULTIPLICATIONS 1e12
#define EVALUATION_MULTIPLICATIONS 1e13

extern int64 pair_measure_limit(const Network *network, double multiplications, int64 most);

typedef struct PairMeasure PairMeasure;

/*
 * In the current memory context.  Network, weights and pool are not owned.  The pairs' samples are numbers into example [samples],
 * which are indexes of examples.  bytes: about how much memory it may take for sides of samples.
 */
extern PairMeasure *pair_measure_create(const Network *network, const real *weights, ThreadPool *pool, const Examples *examples,
										const int *example, int samples, Size bytes);

/*
 * Sets the distances of the set's pairs, which it sorts by their samples: if the sides of all samples fit into memory, each is
 * made once for all calls; if not, again for each block of pairs.  Raises on a cancel.
 */
extern void pair_measure_run(PairMeasure *measure, PairSet *set);

#endif
