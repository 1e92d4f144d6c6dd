/*
 * embedder.c: many samples through a network, on all threads.
 */
#include "postgres.h"

#include "common/check.h"
#include "model/embedder.h"
#include "model/server_network.h"
#include "network/network.h"

struct Embedder
{
	const Network *network;
	const real *weights;
	ThreadPool *pool;
	NetworkWorkspace **workspace;	/* [threads] */
	Status	   *status;			/* [threads] */

	/* of the run */
	const uint8 *const *sample;
	int			count;
	float	   *embedding;
};

Embedder *
embedder_create(const Network *network, const real *weights, const real *packed, ThreadPool *pool, int at_once)
{
	Embedder   *embedder = palloc0(sizeof(Embedder));
	int			threads = thread_pool_size(pool);

	embedder->network = network;
	embedder->weights = weights;
	embedder->pool = pool;
	embedder->workspace = server_workspaces(network, weights, packed, threads, at_once);
	embedder->status = palloc0(sizeof(Status) * threads);
	return embedder;
}

static void
embed_share(void *argument, int thread)
{
	Embedder   *embedder = argument;
	int			threads = thread_pool_size(embedder->pool);
	int			first = (int) ((int64) embedder->count * thread / threads);
	int			last = (int) ((int64) embedder->count * (thread + 1) / threads);

	embedder->status[thread].code = STATUS_OK;
	network_embed(embedder->network, embedder->weights, embedder->workspace[thread], embedder->sample + first, last - first,
				  embedder->embedding + (size_t) first * network_dimensions(embedder->network), &embedder->status[thread]);
}

bool
embedder_run(Embedder *embedder, const uint8 *const *sample, int count, float *embedding)
{
	bool		complete = true;

	embedder->sample = sample;
	embedder->count = count;
	embedder->embedding = embedding;
	thread_pool_run(embedder->pool, embed_share, embedder);
	for (int i = 0; i < thread_pool_size(embedder->pool); i++)
	{
		const Status *status = &embedder->status[i];

		complete &= status->code == STATUS_OK;
		if (status->code != STATUS_OK && status->code != STATUS_INTERRUPTED)
			check_raise_status(status);
	}
	return complete;
}
