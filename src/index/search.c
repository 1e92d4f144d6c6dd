/*
 * search.c: best first, by lower bounds: regions, then cells, then rows.
 *
 * What was not opened has a least bound, the frontier: the least of the next region's, of the cells' that were not opened,
 * and of the rows that were dropped to save memory.  A row whose bound does not pass the frontier can be returned.  If
 * there is none, either the frontier is moved by opening more, or one row is returned with the frontier as its bound (a
 * probe): the executor may find that it has enough.
 *
 * Of the rows only the first so many are kept.  If more are asked for, all is searched again, and more are kept, within work_mem; rows never
 * move and bounds never change, so those that were returned before are known by their bounds and TIDs.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/settings.h"
#include "distance/distance.h"
#include "index/search_internal.h"

#define SEARCH_FIRST_BATCH 2	/* directory nodes that give at least one cell to the first batch of leaves */
#define SEARCH_BATCH_GROWTH 4
#define SEARCH_FIRST_KEEP 256	/* rows */
#define SEARCH_KEEP_GROWTH 16
#define REGION_ROUNDING (1 - 3e-6)

/*
 * A search's memory is large enough to come from the system and go back to it each time, and pages that are touched for the
 * first time cost more than the search.  So one search is kept between scans, with what it has allocated.
 */
static Search *spare = NULL;

#define SPARE_BYTES (16 * 1024 * 1024)

Search *
search_begin(Relation index)
{
	Search	   *search = spare;

	if (search != NULL)
	{
		spare = NULL;
		/* An error ends the scan without search_end(): its memory goes with the executor's. */
		MemoryContextSetParent(search->context, CurrentMemoryContext);
	}
	else
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese index search", ALLOCSET_DEFAULT_SIZES);

		search = MemoryContextAllocZero(context, sizeof *search);
		search->context = context;
		search->sums = MemoryContextAlloc(context, sizeof(uint32) * INDEX_MOST_ITEMS);
		search->bounds = MemoryContextAlloc(context, sizeof(float) * INDEX_MOST_ITEMS);
	}
	search->index = index;
	memset(&search->counts, 0, sizeof search->counts);
	return search;
}

void
search_end(Search *search)
{
	if (spare != NULL || MemoryContextMemAllocated(search->context, true) > SPARE_BYTES)
	{
		MemoryContextDelete(search->context);
		return;
	}
	MemoryContextSetParent(search->context, TopMemoryContext);
	search->index = NULL;
	spare = search;
}

const SearchCounts *
search_counts(const Search *search)
{
	return &search->counts;
}

/* ---- the query --------------------------------------------------------------------------------------------------- */

/* The nearest regions that the settings allow; 0: all. */
static int
allowed_regions(const Search *search)
{
	int			allowed = setting_probes;

	if (allowed == 0 && setting_target_recall < 1)
	{
		int			i = 0;

		/* without a measured curve: all */
		while (i < INDEX_RECALL_STEPS && search->meta.recall[i] < setting_target_recall * 65535)
			i++;
		if (i < INDEX_RECALL_STEPS)
		{
			/* regions that inserts founded are not in the curve */
			allowed = (int) ceil(pow(2, i / 2.0)) + (search->meta.regions - search->meta.built_regions);
		}
	}
	return allowed;
}

/* A lower bound of the distances of a region's rows. */
static float
region_bound(const Search *search, const IndexCache *cache, int region)
{
	double		distance = search->distances[region];
	double		bound;

	if (search->metric == METRIC_L1)
		distance = distance_kernels()->l1(search->vector, index_cache_centre(cache, region), search->layout.dimensions);
	else
		distance = sqrt(distance);
	bound = distance * REGION_ROUNDING - search->rounding - (double) search->regions[region].radius * cache->values[region];
	return bound > 0 ? (float) Min(bound * REGION_ROUNDING, FLT_MAX) : 0;
}

/*
 * The regions that will be visited at most, all or the allowed number of nearest ones, the nearest first.  Near is Euclidean,
 * whatever the metric: so rows got their regions.
 */
static void
order_regions(Search *search, const IndexCache *cache, int allowed)
{
	int			regions = search->meta.regions;
	double		most = INFINITY;

	for (int i = 0; i < regions; i++)
		search->distances[i] = distance_kernels()->l2_squared(search->vector, index_cache_centre(cache, i), search->layout.dimensions);
	if (allowed > 0 && allowed < regions)
	{
		float	   *selected = palloc(sizeof(float) * regions);

		for (int i = 0; i < regions; i++)
			selected[i] = (float) Min(search->distances[i], FLT_MAX);
		/* some more than allowed if floats do not tell them apart */
		most = index_select_float(selected, regions, allowed) * (1 + 1e-6);
		pfree(selected);
	}
	else
		allowed = regions;
	search->order_count = 0;
	for (int i = 0; i < regions && search->order_count < allowed; i++)
	{
		RegionOrder *order = &search->order[search->order_count];

		if (Min(search->distances[i], FLT_MAX) > most)
			continue;
		order->region = i;
		order->bound = region_bound(search, cache, i);
		if (search->distances[i] < search->distances[search->order[0].region])
		{
			RegionOrder swapped = search->order[0];

			search->order[0] = *order;
			*order = swapped;
		}
		search->order_count++;
	}
}

static void
read_index(Search *search)
{
	const IndexCache *cache;

	index_read_meta(search->index, &search->meta);
	cache = index_cache(search->index, &search->meta);
	if (search->regions)
		pfree(search->regions);
	search->regions = NULL;
	if (cache == NULL)
		return;
	search->regions = index_read_regions(search->index, &search->meta);
	search->layout = cache->layout;
	search->directory = cache->directory;
	search->metric = cache->metric;
}

static void
begin_pass(Search *search, int keep)
{
	search->counts.passes++;
	search->order_next = 0;
	search->next_region = 0;
	search->node_count = 0;
	search->cell_count = 0;
	search->batch = SEARCH_FIRST_BATCH;
	search->blocks = RelationGetNumberOfBlocks(search->index);
	search_begin_visits(search, search->blocks);
	if (search->opened)
		pfree(search->opened);
	search->opened = palloc0(search->blocks / 8 + 1);
	candidate_queue_reset(&search->queue, keep);
}

static void
reset(Search *search)
{
	memset(&search->counts, 0, sizeof search->counts);
	search->order_count = search->order_next = 0;
	search->node_count = search->cell_count = 0;
	candidate_queue_reset(&search->queue, SEARCH_FIRST_KEEP);
	search->reported = 0;
	search->settled = -1;
	search->blur = 0;
	search->probed = false;
	search->every = false;
	search->has_done = false;
	search->returned_count = 0;
	search->returned_sorted = 0;
	search->nulls = InvalidBlockNumber;
	search->null_count = 0;
	search->limit = INFINITY;
}

/* So that search_start() makes its arrays anew. */
static void
free_query(Search *search)
{
	void	   *arrays[] = {search->vector, search->prefix, search->queries, search->codes, search->coded, search->distances,
	search->order};

	for (int i = 0; i < lengthof(arrays); i++)
		if (arrays[i] != NULL)
			pfree(arrays[i]);
	search->vector = NULL;
	search->distances = NULL;
	search->prefix = search->codes = NULL;
	search->queries = NULL;
	search->coded = NULL;
	search->order = NULL;
}

void
search_start(Search *search, const Embedding *query, double limit, bool approximate)
{
	MemoryContext previous = MemoryContextSwitchTo(search->context);
	const IndexCache *cache;
	IndexAxes	axes;
	int			n;

	reset(search);
	read_index(search);
	if (search->regions == NULL)
	{
		MemoryContextSwitchTo(previous);
		return;
	}
	index_check_embedding(search->index, &search->meta, query);
	n = search->layout.dimensions;
	if (search->queries == NULL || search->coded_regions != search->meta.regions || search->coded_dimensions != n)
	{
		free_query(search);
		search->vector = palloc(sizeof(float) * n);
		search->prefix = palloc(n);
		search->queries = palloc(sizeof(CodeQuery) * search->meta.regions);
		search->codes = MemoryContextAllocHuge(search->context, (Size) n * search->meta.regions);
		search->coded = palloc(sizeof(bool) * search->meta.regions);
		search->distances = palloc(sizeof(double) * search->meta.regions);
		search->order = palloc(sizeof(RegionOrder) * search->meta.regions);
		search->coded_regions = search->meta.regions;
		search->coded_dimensions = n;
	}
	cache = index_cache(search->index, &search->meta);
	axes = index_cache_axes(cache);
	search->rounding = index_vector(&axes, query, search->vector);
	memset(search->coded, 0, sizeof(bool) * search->meta.regions);
	order_regions(search, cache, approximate ? allowed_regions(search) : 0);

	/* as a float that is not less */
	search->limit = limit >= FLT_MAX ? INFINITY : nextafterf((float) limit, INFINITY);
	begin_pass(search, SEARCH_FIRST_KEEP);
	MemoryContextSwitchTo(previous);
}

void
search_start_all(Search *search)
{
	MemoryContext previous = MemoryContextSwitchTo(search->context);

	reset(search);
	read_index(search);
	if (search->regions != NULL)
	{
		search->every = true;
		free_query(search);
		search->order = palloc(sizeof(RegionOrder) * search->meta.regions);
		search->order_count = search->meta.regions;
		for (int i = 0; i < search->order_count; i++)
		{
			search->order[i].region = i;
			search->order[i].bound = 0;
		}
		begin_pass(search, INT_MAX);
	}
	MemoryContextSwitchTo(previous);
}

/* ---- the frontier -------------------------------------------------------------------------------------------------- */

static float
least_cell(const Search *search)
{
	float		least = INFINITY;

	for (int i = 0; i < search->node_count; i++)
		least = Min(least, search->nodes[i].least);
	return least;
}

/* How far to open cells: as many directory nodes as the batch says give one at least; not farther than wanted. */
static float
batch_end(Search *search, float wanted)
{
	int			length = 0;
	float		end = INFINITY;

	for (int i = 0; i < search->node_count; i++)
		if (search->nodes[i].least <= wanted)
			search->scratch[length++] = search->nodes[i].least;
	if (search->batch < length)
		end = index_select_float(search->scratch, length, search->batch);
	if (length > 0 && search->batch < INT_MAX / SEARCH_BATCH_GROWTH)
		search->batch *= SEARCH_BATCH_GROWTH;
	return Min(end, wanted);
}

/* Opens the directories of regions with bounds up to most, or the first one alone. */
static void
open_regions(Search *search, float most, bool first)
{
	int			next = search->order_next;

	for (int i = next; i < search->order_count; i = next)
	{
		RegionOrder found = search->order[i];

		for (next = i + 1; next < search->order_count && search->order[next].bound > most && !first; next++)
			;
		if (found.bound > most && !first)
			continue;
		search->order[i] = search->order[search->order_next];
		search->order[search->order_next++] = found;
		search_open_region(search, found.region, next < search->order_count ? search->order[next].region : found.region);
		if (first)
			break;
	}
	search->next_region = INFINITY;
	for (int i = search->order_next; i < search->order_count; i++)
		search->next_region = Min(search->next_region, search->order[i].bound);
}

/*
 * Moves the frontier; false: all that is within the limit was opened.
 *
 * What comes before the first of the rows that are known must be opened before that row can be returned in order; more
 * need not.  Directories are opened as far as that at once, cells in batches, since each may bring a nearer row.  The nearest
 * region comes first and by itself: it brings a near row.
 */
static bool
expand(Search *search)
{
	float		least = least_cell(search);
	float		wanted;

	if (search->order_next == 0)
	{
		/* its nearest cell: often that holds a row as near as those that are wanted */
		open_regions(search, 0, true);
		least = least_cell(search);
		search_open_cells(search, Min(least, search->limit));
		return true;
	}
	if (search->queue.count == 0 && isinf(least))
	{
		if (search->order_next >= search->order_count || search->next_region > search->limit)
			return false;
		open_regions(search, search->next_region, false);
		least = least_cell(search);
	}
	wanted = search->queue.count > 0 ? Max(search->queue.items[0].bound, Min(least, search->next_region)) : least;
	/* before that, the rows that were returned may turn out to be all that are wanted */
	if (search->settled >= 0 && search->blur > 0)
	{
		while (search->settled + search->blur < Min(least, search->next_region))
			search->blur *= 2;
		wanted = Min(wanted, search->settled + search->blur);
	}
	wanted = Min(wanted, search->limit);
	if (search->next_region <= wanted)
		open_regions(search, wanted, false);
	least = least_cell(search);
	if (search->queue.count == 0)
		wanted = Min(wanted, least);
	if (isinf(least) && search->order_next >= search->order_count)
		return false;
	if (least > search->limit && search->next_region > search->limit)
		return false;
	search_open_cells(search, batch_end(search, wanted));
	return true;
}

/* ---- in order ---------------------------------------------------------------------------------------------------- */

static void
note_returned(Search *search, const Candidate *candidate)
{
	if (search->returned_count == search->returned_space)
	{
		search->returned_space = Max(search->returned_space * 2, 64);
		search->returned = search->returned ?
			repalloc_huge(search->returned, sizeof(Candidate) * (Size) search->returned_space) :
			palloc(sizeof(Candidate) * search->returned_space);
	}
	search->returned[search->returned_count++] = *candidate;
}

/* All that was kept was returned: search again, and keep more. */
static void
search_again(Search *search)
{
	int			keep = search->queue.limit;
	double		most = work_mem * 1024.0 / (2 * sizeof(Candidate));	/* the queue grows to twice its limit */
	int			left = 0;

	search->done = search->queue.last;
	search->has_done = true;
	for (int i = 0; i < search->returned_count; i++)
		if (candidate_less(&search->done, &search->returned[i]))
			search->returned[left++] = search->returned[i];
	qsort(search->returned, left, sizeof(Candidate), search_compare_tids);
	search->returned_count = search->returned_sorted = left;
	begin_pass(search, (int) Min(Max(most, SEARCH_FIRST_KEEP), (double) keep * SEARCH_KEEP_GROWTH));
}

bool
search_next(Search *search, ItemPointerData *tid, double *bound)
{
	MemoryContext previous = MemoryContextSwitchTo(search->context);
	bool		found = false;

	while (!found && search->order_count > 0)
	{
		float		least = least_cell(search);
		float		frontier = Min(search->next_region, least);
		Candidate	first;

		if (search->queue.count > 0)
		{
			bool		in_order = search->queue.items[0].bound <= frontier;

			if (in_order || (frontier > search->reported && !search->probed))
			{
				first = candidate_queue_pop(&search->queue);
				search->probed = !in_order;
				if (in_order)
					search->settled = first.bound;
				search->reported = Max(search->reported, Min(first.bound, frontier));
				note_returned(search, &first);
				*tid = first.tid;
				*bound = search->reported;
				search->counts.rows++;
				found = true;
				continue;
			}
		}
		search->probed = false;
		if (expand(search) || search->queue.count > 0)
			continue;
		if (!search->queue.dropped)
			break;
		search_again(search);
	}
	MemoryContextSwitchTo(previous);
	return found;
}

/* ---- in no order ------------------------------------------------------------------------------------------------- */

bool
search_next_unordered(Search *search, ItemPointerData *tid)
{
	MemoryContext previous = MemoryContextSwitchTo(search->context);

	search->queue.limit = INT_MAX;
	while (search->queue.count == 0 && search->order_next < search->order_count)
	{
		RegionOrder *next = &search->order[search->order_next++];

		if (next->bound > search->limit)
			continue;
		search->node_count = 0;
		search->cell_count = 0;
		search_open_region(search, next->region, search->order_next < search->order_count ? next[1].region : next->region);
		search_open_cells(search, Min(search->limit, FLT_MAX));
	}
	MemoryContextSwitchTo(previous);
	if (search->queue.count == 0)
		return false;
	*tid = search->queue.items[--search->queue.count].tid;
	search->counts.rows++;
	return true;
}

/* ---- NULLs ------------------------------------------------------------------------------------------------------- */

void
search_start_nulls(Search *search)
{
	IndexMeta	meta;

	index_read_meta(search->index, &meta);
	search->nulls = meta.nulls;
	search->null_walk = (IndexWalk) {0};
	search->null_count = 0;
	if (search->null_tids == NULL)
		search->null_tids = MemoryContextAlloc(search->context, BLCKSZ);
}

bool
search_next_null(Search *search, ItemPointerData *tid)
{
	while (search->null_count == 0 && BlockNumberIsValid(search->nulls))
	{
		Buffer		buffer;
		Page		page;

		index_walk(search->index, &search->null_walk, search->nulls);
		buffer = index_read(search->index, search->nulls, BUFFER_LOCK_SHARE, INDEX_PAGE_NULLS);
		page = BufferGetPage(buffer);
		search->null_count = index_null_count(page);
		if (search->null_count < 0 || search->null_count > INDEX_NULLS_PER_PAGE)
			index_raise_corrupted(search->index, search->nulls, "The number of its items is impossible.");
		memcpy(search->null_tids, INDEX_NULLS(page), search->null_count * sizeof(ItemPointerData));
		search->nulls = INDEX_SPECIAL(page)->next;
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	if (search->null_count == 0)
		return false;
	*tid = search->null_tids[--search->null_count];
	search->counts.rows++;
	return true;
}
