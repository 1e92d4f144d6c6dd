/*
 * evaluation.c: embeddings of many examples.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "common/check.h"
#include "common/host.h"
#include "training/training.h"

#define PASSES_AT_ONCE 4		/* of a thread between two fetches of rasters */

typedef struct EmbedWork
{
	const Network *network;
	const real *weights;
	const uint8 **raster;		/* [count] */
	int			at_once;		/* samples of one thread's pass through the network */
	int			count;
	int			threads;
	float	   *embedding;
	NetworkWorkspace **workspace;	/* [threads] */
	Status	   *status;			/* [threads] */
} EmbedWork;

/* Each thread takes one run of samples, so that the result does not depend on timing. */
static void
embed_share(void *argument, int thread)
{
	EmbedWork  *work = argument;
	int			first = (int) ((int64) work->count * thread / work->threads);
	int			last = (int) ((int64) work->count * (thread + 1) / work->threads);
	int			dimensions = network_dimensions(work->network);

	work->status[thread].code = STATUS_OK;
	for (int i = first; i < last; i += work->at_once)
	{
		int			n = Min(work->at_once, last - i);

		if (!network_embed(work->network, work->weights, work->workspace[thread],
						   work->raster + i, n,
						   work->embedding + (size_t) i * dimensions, &work->status[thread]))
			return;
	}
}

bool
evaluation_embed(const Network *network, const real *weights, ThreadPool *pool, const Examples *examples,
				 const int *index, int count, int at_once, float *embedding)
{
	int			threads = thread_pool_size(pool);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese embedding", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	EmbedWork	work = {.network = network, .weights = weights, .threads = threads, .at_once = at_once};
	int			most = at_once * PASSES_AT_ONCE * threads;
	uint8	   *buffer = palloc_extended((Size) most * examples->raster_bytes, MCXT_ALLOC_HUGE);
	real	   *packed;
	Status		status;
	bool		complete = true;

	work.raster = palloc(sizeof(uint8 *) * most);
	work.workspace = palloc(sizeof(NetworkWorkspace *) * threads);
	work.status = palloc0(sizeof(Status) * threads);
	packed = host_allocate(host_server(), network_packed_count(network) + 1, sizeof(real), &status);
	if (packed == NULL)
		check_raise_status(&status);
	network_pack(network, weights, packed);
	for (int i = 0; i < threads; i++)
	{
		work.workspace[i] = network_workspace_create(network, at_once, false, host_server(), &status);
		if (work.workspace[i] == NULL)
			check_raise_status(&status);
		network_workspace_use(work.workspace[i], packed);
	}
	for (int done = 0; done < count && complete; done += work.count)
	{
		work.count = Min(most, count - done);
		work.embedding = embedding + (Size) done * network_dimensions(network);
		examples_fetch(examples, index + done, work.count, buffer, work.raster);
		thread_pool_run(pool, embed_share, &work);
		for (int i = 0; i < threads; i++)
		{
			complete &= work.status[i].code == STATUS_OK;
			if (!complete && work.status[i].code != STATUS_INTERRUPTED && work.status[i].code != STATUS_OK)
				check_raise_status(&work.status[i]);
		}
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return complete;
}
