/*
 * pair_scorer.h: pairs of samples through a network with a layer "pair", on all threads.
 *
 * Of each sample a side is made once (network.h), and each pair of sides then costs the head alone: 100 candidates against one
 * query are 101 twins and 100 heads, each head in both orders.
 */
#ifndef SIAMESE_PAIR_SCORER_H
#define SIAMESE_PAIR_SCORER_H

#include "common/threads.h"
#include "model/model.h"
#include "network/network.h"

#define PAIRS_AT_ONCE 8			/* in one pass of a thread through a head, where memory is plenty */

typedef struct PairScorer PairScorer;

/*
 * In the current memory context.  Network, weights, packed (NULL: pack the weights here) and pool are not owned; they must live as
 * long and must not change.  at_once: pairs, or samples, in one pass of a thread through the network.
 */
extern PairScorer *pair_scorer_create(const Network *network, const real *weights, const real *packed, ThreadPool *pool,
									  int at_once);

/* The same for a model; raises unless it is one of pairs. */
extern PairScorer *pair_scorer_of_model(const Model *model, ThreadPool *pool, int at_once);

/*
 * Both: false if a cancel or a termination is pending; raises on any other failure, and where a log odds is not finite.  The
 * results depend on neither the threads nor what else is in the call.
 *
 * Prepared samples [count] -> side [count, network_side_bytes()].
 */
extern bool pair_scorer_sides(PairScorer *scorer, const uint8 *const *sample, int count, void *side);

/* Pairs [count] of these sides -> log_odds [count] of "the same"; and hidden [count, network_hidden_values()], or NULL. */
extern bool pair_scorer_compare(PairScorer *scorer, const void *side, const NetworkPair *pair, int count, double *log_odds,
								float *hidden);

#endif
