/*
 * pair_scorer.c: pairs of samples through a network with a layer "pair", on all threads.
 */
#include "postgres.h"

#include <math.h>

#include "common/check.h"
#include "model/pair_scorer.h"
#include "model/server_network.h"

struct PairScorer
{
	const Network *network;
	const real *weights;
	ThreadPool *pool;
	NetworkWorkspace **workspace;	/* [threads] */
	Status	   *status;			/* [threads] */

	/* of the run */
	int			count;
	const uint8 *const *sample;
	char	   *made;			/* sides, by pair_scorer_sides() */
	const void *side;
	const NetworkPair *pair;
	double	   *log_odds;
	float	   *hidden;
};

PairScorer *
pair_scorer_create(const Network *network, const real *weights, const real *packed, ThreadPool *pool, int at_once)
{
	PairScorer *scorer = palloc0(sizeof(PairScorer));
	int			threads = thread_pool_size(pool);

	scorer->network = network;
	scorer->weights = weights;
	scorer->pool = pool;
	scorer->workspace = server_workspaces(network, weights, packed, threads, at_once);
	scorer->status = palloc0(sizeof(Status) * threads);
	return scorer;
}

PairScorer *
pair_scorer_of_model(const Model *model, ThreadPool *pool, int at_once)
{
	if (network_head(model->network) == NULL)
		check_raise_not_of_pairs();
	return pair_scorer_create(model->network, model->weights, model->packed, pool, at_once);
}

/* A thread's part of the run: one contiguous range. */
static int
share_start(const PairScorer *scorer, int thread)
{
	return (int) ((int64) scorer->count * thread / thread_pool_size(scorer->pool));
}

static void
sides_share(void *argument, int thread)
{
	PairScorer *scorer = argument;
	int			first = share_start(scorer, thread);

	network_sides(scorer->network, scorer->weights, scorer->workspace[thread], scorer->sample + first,
				  share_start(scorer, thread + 1) - first, scorer->made + first * network_side_bytes(scorer->network),
				  &scorer->status[thread]);
}

static void
compare_share(void *argument, int thread)
{
	PairScorer *scorer = argument;
	int			first = share_start(scorer, thread);
	float	   *hidden = scorer->hidden;

	network_compare(scorer->network, scorer->weights, scorer->workspace[thread], scorer->side, scorer->pair + first,
					share_start(scorer, thread + 1) - first, scorer->log_odds + first,
					hidden != NULL ? hidden + first * network_hidden_values(scorer->network) : NULL, &scorer->status[thread]);
}

static bool
run(PairScorer *scorer, ThreadWork work)
{
	int			threads = thread_pool_size(scorer->pool);

	for (int i = 0; i < threads; i++)
		scorer->status[i].code = STATUS_OK;
	thread_pool_run(scorer->pool, work, scorer);
	for (int i = 0; i < threads; i++)
		if (scorer->status[i].code != STATUS_OK && scorer->status[i].code != STATUS_INTERRUPTED)
			check_raise_status(&scorer->status[i]);
	for (int i = 0; i < threads; i++)
		if (scorer->status[i].code != STATUS_OK)
			return false;
	return true;
}

bool
pair_scorer_sides(PairScorer *scorer, const uint8 *const *sample, int count, void *side)
{
	scorer->sample = sample;
	scorer->count = count;
	scorer->made = side;
	return run(scorer, sides_share);
}

bool
pair_scorer_compare(PairScorer *scorer, const void *side, const NetworkPair *pair, int count, double *log_odds, float *hidden)
{
	scorer->side = side;
	scorer->pair = pair;
	scorer->count = count;
	scorer->log_odds = log_odds;
	scorer->hidden = hidden;
	if (!run(scorer, compare_share))
		return false;
	for (int i = 0; i < count; i++)
		if (!isfinite(log_odds[i]))
			check_raise_damaged_model(psprintf("Its network computes %g as the log odds of a pair.", log_odds[i]));
	return true;
}
