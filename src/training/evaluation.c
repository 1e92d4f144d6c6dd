/*
 * evaluation.c: embeddings of many examples, and the distances of their pairs.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/host.h"
#include "distance/distance.h"
#include "training/training.h"

#define SAMPLES_AT_ONCE 16		/* of one thread's pass through the network */
#define PASSES_AT_ONCE 4		/* of a thread between two fetches of rasters */

typedef struct EmbedWork
{
	const Network *network;
	const real *weights;
	const uint8 **raster;		/* [count] */
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
	for (int i = first; i < last; i += SAMPLES_AT_ONCE)
	{
		int			n = Min(SAMPLES_AT_ONCE, last - i);

		if (!network_embed(work->network, work->weights, work->workspace[thread],
						   work->raster + i, n,
						   work->embedding + (size_t) i * dimensions, &work->status[thread]))
			return;
	}
}

bool
evaluation_embed(const Network *network, const real *weights, ThreadPool *pool, const Examples *examples,
				 const int *index, int count, float *embedding)
{
	int			threads = thread_pool_size(pool);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese embedding", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	EmbedWork	work = {.network = network, .weights = weights, .threads = threads};
	int			most = SAMPLES_AT_ONCE * PASSES_AT_ONCE * threads;
	uint8	   *buffer = palloc_extended((Size) most * examples->raster_bytes, MCXT_ALLOC_HUGE);
	Status		status;
	bool		complete = true;

	work.raster = palloc(sizeof(uint8 *) * most);
	work.workspace = palloc(sizeof(NetworkWorkspace *) * threads);
	work.status = palloc0(sizeof(Status) * threads);
	for (int i = 0; i < threads; i++)
	{
		work.workspace[i] = network_workspace_create(network, SAMPLES_AT_ONCE, false, host_server(), &status);
		if (work.workspace[i] == NULL)
			check_raise_status(&status);
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

/* ---- pairs ---------------------------------------------------------------------------------------------------------- */

/* What one identity offers among the embeddings: genuine ones at first, forged ones after them. */
typedef struct Group
{
	int			first;
	int			genuine;
	int			forged;
} Group;

typedef struct PairWalk
{
	const float *embedding;
	Metric		metric;
	int			dimensions;
	int64		visited;
} PairWalk;

static void
add_pair(PairWalk *walk, DistanceSet *set, int a, int b)
{
	if ((walk->visited++ & 0xFFF) == 0)
		CHECK_FOR_INTERRUPTS();
	distance_set_add(set, distance_between(walk->metric, walk->embedding + (size_t) a * walk->dimensions,
										   walk->embedding + (size_t) b * walk->dimensions, walk->dimensions));
}

/* Whether to take a pair, when a kind has more than limit of them: each with the same probability, by seed. */
static bool
taken(Random *random, int64 total, int64 limit)
{
	return total <= limit || random_uniform(random) * (double) total < (double) limit;
}

static void
walk_random_pairs(PairWalk *walk, const Group *group, int groups, const int *owner, int genuine_total,
				  const int *genuine_index, int64 limit, Random *random, DistanceSet *set)
{
	int64		total = (int64) genuine_total * (genuine_total - 1) / 2;

	for (int g = 0; g < groups; g++)
		total -= (int64) group[g].genuine * (group[g].genuine - 1) / 2;
	if (total <= limit)
	{
		for (int a = 0; a < genuine_total; a++)
			for (int b = a + 1; b < genuine_total; b++)
				if (owner[a] != owner[b])
					add_pair(walk, set, genuine_index[a], genuine_index[b]);
		return;
	}
	while (set->count < limit)
	{
		int			a = (int) random_below(random, (uint32) genuine_total);
		int			b = (int) random_below(random, (uint32) genuine_total);

		if (owner[a] != owner[b])
			add_pair(walk, set, genuine_index[a], genuine_index[b]);
	}
}

void
evaluation_pairs(const Examples *examples, const int *labels, int label_count, const float *embedding,
				 Metric metric, int dimensions, int64 limit, uint64 seed, PairDistances *pairs)
{
	Group	   *group = palloc(sizeof(Group) * Max(label_count, 1));
	PairWalk	walk = {embedding, metric, dimensions, 0};
	Random		random = random_stream(seed, 3);
	int64		genuine_pairs = 0;
	int64		skilled_pairs = 0;
	int			count = 0;
	int			genuine_total = 0;
	int		   *owner;
	int		   *genuine_index;

	for (int g = 0; g < label_count; g++)
	{
		const ExampleLabel *label = &examples->label[labels[g]];

		group[g] = (Group) {count, label->genuine, label->forged};
		count += label->genuine + label->forged;
		genuine_total += label->genuine;
		genuine_pairs += (int64) label->genuine * (label->genuine - 1) / 2;
		skilled_pairs += (int64) label->genuine * label->forged;
	}
	owner = palloc_extended(sizeof(int) * (genuine_total + 1), MCXT_ALLOC_HUGE);
	genuine_index = palloc_extended(sizeof(int) * (genuine_total + 1), MCXT_ALLOC_HUGE);
	genuine_total = 0;
	distance_set_init(&pairs->genuine);
	distance_set_init(&pairs->random);
	distance_set_init(&pairs->skilled);

	for (int g = 0; g < label_count; g++)
		for (int a = 0; a < group[g].genuine; a++)
		{
			owner[genuine_total] = g;
			genuine_index[genuine_total++] = group[g].first + a;
			for (int b = a + 1; b < group[g].genuine; b++)
				if (taken(&random, genuine_pairs, limit))
					add_pair(&walk, &pairs->genuine, group[g].first + a, group[g].first + b);
			for (int b = 0; b < group[g].forged; b++)
				if (taken(&random, skilled_pairs, limit))
					add_pair(&walk, &pairs->skilled, group[g].first + a, group[g].first + group[g].genuine + b);
		}
	walk_random_pairs(&walk, group, label_count, owner, genuine_total, genuine_index, limit, &random, &pairs->random);
	distance_set_sort(&pairs->genuine);
	distance_set_sort(&pairs->random);
	distance_set_sort(&pairs->skilled);
	pfree(owner);
	pfree(genuine_index);
	pfree(group);
}
