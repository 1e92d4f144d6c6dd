/*
 * embed_examples.c: embeddings of many examples.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "model/embedder.h"
#include "network/network.h"
#include "training/embed_examples.h"
#include "training/examples.h"
#include "training/progress.h"

#define PASSES_AT_ONCE 4		/* of each thread, between two fetches of rasters */

bool
embed_examples(const Network *network, const real *weights, ThreadPool *pool, const Examples *examples,
			   const int *index, int count, int at_once, float *embedding)
{
	int			threads = thread_pool_size(pool);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese embedding", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Embedder   *embedder = embedder_create(network, weights, NULL, pool, at_once);
	int			most = at_once * PASSES_AT_ONCE * threads;
	uint8	   *buffer = palloc_extended((Size) most * examples->raster_bytes, MCXT_ALLOC_HUGE);
	const uint8 **raster = palloc(sizeof(uint8 *) * most);
	bool		complete = true;
	int			n;

	for (int done = 0; done < count && complete; done += n)
	{
		n = Min(most, count - done);
		examples_fetch(examples, index + done, n, buffer, raster);
		complete = embedder_run(embedder, raster, n, embedding + (Size) done * network_dimensions(network));
		progress_examples(done + n);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return complete;
}
