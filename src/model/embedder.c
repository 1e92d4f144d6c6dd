/*
 * embedder.c: many samples through a network, on all threads.
 */
#include "postgres.h"

#include "common/check.h"
#include "common/host.h"
#include "model/embedder.h"
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
	Status		status;

	if (packed == NULL)
	{
		size_t		count = network_packed_count(network);
		real	   *own = host_allocate(host_server(), Max(count, 1), sizeof(real), &status);

		if (own == NULL)
			check_raise_status(&status);
		network_pack(network, weights, own);
		packed = own;
	}
	embedder->network = network;
	embedder->weights = weights;
	embedder->pool = pool;
	embedder->workspace = palloc(sizeof(NetworkWorkspace *) * threads);
	embedder->status = palloc0(sizeof(Status) * threads);
	for (int i = 0; i < threads; i++)
	{
		embedder->workspace[i] = network_workspace_create(network, at_once, false, host_server(), &status);
		if (embedder->workspace[i] == NULL)
			check_raise_status(&status);
		network_workspace_use(embedder->workspace[i], packed);
	}
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
