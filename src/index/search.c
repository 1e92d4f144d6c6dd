/*
 * search.c: best first, by lower bounds: regions, then cells, then rows.
 *
 * What was not opened has a least bound, the frontier: the least of the next region's, of the cells' that were not opened,
 * and of the rows that were dropped to save memory.  A row whose bound does not pass the frontier can be returned.  If
 * there is none, either the frontier is moved by opening more, or one row is returned with the frontier as its bound (a
 * probe): the executor may find that it has enough.
 *
 * The queue of candidates is limited.  If more rows are asked for, all is searched again with a longer queue, within work_mem.
 * Rows never move and bounds never change, so rows that were returned before are recognised by their bounds and TIDs.
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/settings.h"
#include "distance/distance.h"
#include "index/search_internal.h"
#include "index/select_float.h"

#define FIRST_BATCH 2			/* directory nodes that give at least one cell to the first batch of leaves */
#define BATCH_GROWTH 4
#define FIRST_LIMIT 256			/* candidates */
#define LIMIT_GROWTH 16
#define REGION_ROUNDING (1 - 3e-6)

/*
 * A search needs so much memory that it comes from the system and goes back to it each time, and touching new pages costs more
 * than the search.  So one search with its memory is reused by later scans.
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
	double		distance = search->query.distances[region];
	double		bound;

	if (search->metric == METRIC_L1)
		distance = distance_kernels()->l1(search->query.vector, index_cache_centre(cache, region), search->layout.dimensions);
	else
		distance = sqrt(distance);
	bound = distance * REGION_ROUNDING - search->query.rounding - (double) search->regions[region].radius * cache->values[region];
	return bound > 0 ? (float) Min(bound * REGION_ROUNDING, FLT_MAX) : 0;
}

/*
 * The regions that will be visited at most, all or the allowed number of nearest ones, the nearest first.  Nearness is
 * Euclidean for all metrics, as when rows got their regions.
 */
static void
order_regions(Search *search, const IndexCache *cache, int allowed)
{
	SearchRegions *order = &search->order;
	SearchQuery *query = &search->query;
	int			regions = search->meta.regions;
	double		most = INFINITY;

	for (int i = 0; i < regions; i++)
		query->distances[i] = distance_kernels()->l2_squared(query->vector, index_cache_centre(cache, i), search->layout.dimensions);
	if (allowed > 0 && allowed < regions)
	{
		float	   *selected = palloc(sizeof(float) * regions);

		for (int i = 0; i < regions; i++)
			selected[i] = (float) Min(query->distances[i], FLT_MAX);
		/* some more than allowed if floats do not tell them apart */
		most = index_select_float(selected, regions, allowed) * (1 + 1e-6);
		pfree(selected);
	}
	else
		allowed = regions;
	order->count = 0;
	for (int i = 0; i < regions && order->count < allowed; i++)
	{
		RegionBound *last = &order->regions[order->count];
		RegionBound *first = &order->regions[0];

		if (Min(query->distances[i], FLT_MAX) > most)
			continue;
		last->region = i;
		last->bound = region_bound(search, cache, i);
		if (query->distances[i] < query->distances[first->region])
		{
			RegionBound swapped = *first;

			*first = *last;
			*last = swapped;
		}
		order->count++;
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

/* Candidates beyond the nearest ones, limit of them, may be dropped. */
static void
begin_pass(Search *search, int limit)
{
	search->counts.passes++;
	search->order.opened = 0;
	search->order.frontier = 0;
	search->cells.node_count = 0;
	search->cells.count = 0;
	search->cells.batch = FIRST_BATCH;
	search->pages.blocks = RelationGetNumberOfBlocks(search->index);
	search_begin_visits(search, search->pages.blocks);
	if (search->pages.opened)
		pfree(search->pages.opened);
	search->pages.opened = palloc0(search->pages.blocks / 8 + 1);
	candidate_queue_reset(&search->queue, limit);
}

/* Forgets an earlier query, but for the memory. */
static void
reset(Search *search)
{
	memset(&search->counts, 0, sizeof search->counts);
	memset(&search->output, 0, sizeof search->output);
	search->output.settled = -1;
	search->order.count = search->order.opened = 0;
	search->cells.node_count = search->cells.count = 0;
	candidate_queue_reset(&search->queue, FIRST_LIMIT);
	search->all = false;
	search->passes.has_done = false;
	search->passes.returned_count = 0;
	search->passes.returned_sorted = 0;
	search->nulls.block = InvalidBlockNumber;
	search->nulls.count = 0;
	search->limit = INFINITY;
}

static void
free_query(Search *search)
{
	SearchQuery *query = &search->query;
	void	   *arrays[] = {query->vector, query->distances, query->prefix, query->coded, query->in_region, query->codes,
	search->order.regions};

	for (int i = 0; i < lengthof(arrays); i++)
		if (arrays[i] != NULL)
			pfree(arrays[i]);
	memset(query, 0, sizeof *query);
	search->order.regions = NULL;
}

/* Reuses the arrays of the last query if they have the right sizes. */
static void
allocate_query(Search *search)
{
	SearchQuery *query = &search->query;
	uint32		regions = search->meta.regions;
	int			n = search->layout.dimensions;

	if (query->in_region != NULL && query->regions == regions && query->dimensions == n)
		return;
	free_query(search);
	query->vector = palloc(sizeof(float) * n);
	query->distances = palloc(sizeof(double) * regions);
	query->prefix = palloc(n);
	query->coded = palloc(sizeof(bool) * regions);
	query->in_region = palloc(sizeof(CodeQuery) * regions);
	query->codes = MemoryContextAllocHuge(search->context, (Size) n * regions);
	query->regions = regions;
	query->dimensions = n;
	search->order.regions = palloc(sizeof(RegionBound) * regions);
}

void
search_start(Search *search, const Embedding *query, double limit, bool approximate)
{
	MemoryContext previous = MemoryContextSwitchTo(search->context);

	reset(search);
	read_index(search);
	if (search->regions != NULL)
	{
		const IndexCache *cache;
		IndexAxes	axes;

		index_check_embedding(search->index, &search->meta, query);
		allocate_query(search);
		cache = index_cache(search->index, &search->meta);
		axes = index_cache_axes(cache);
		search->query.rounding = index_vector(&axes, query, search->query.vector);
		memset(search->query.coded, 0, sizeof(bool) * search->meta.regions);
		order_regions(search, cache, approximate ? allowed_regions(search) : 0);

		/* as a float that is not less */
		search->limit = limit >= FLT_MAX ? INFINITY : nextafterf((float) limit, INFINITY);
		begin_pass(search, FIRST_LIMIT);
	}
	MemoryContextSwitchTo(previous);
}

void
search_start_all(Search *search)
{
	SearchRegions *order = &search->order;
	MemoryContext previous = MemoryContextSwitchTo(search->context);

	reset(search);
	read_index(search);
	if (search->regions != NULL)
	{
		search->all = true;
		free_query(search);
		order->regions = palloc(sizeof(RegionBound) * search->meta.regions);
		order->count = search->meta.regions;
		for (int i = 0; i < order->count; i++)
		{
			order->regions[i].region = i;
			order->regions[i].bound = 0;
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

	for (int i = 0; i < search->cells.node_count; i++)
		least = Min(least, search->cells.nodes[i].least);
	return least;
}

/* How far to open cells: as many directory nodes as the batch says give one at least; not farther than wanted. */
static float
batch_end(Search *search, float wanted)
{
	SearchCells *cells = &search->cells;
	int			length = 0;
	float		end = INFINITY;

	for (int i = 0; i < cells->node_count; i++)
		if (cells->nodes[i].least <= wanted)
			cells->scratch[length++] = cells->nodes[i].least;
	if (cells->batch < length)
		end = index_select_float(cells->scratch, length, cells->batch);
	if (length > 0 && cells->batch < INT_MAX / BATCH_GROWTH)
		cells->batch *= BATCH_GROWTH;
	return Min(end, wanted);
}

/* Opens the directories of regions with bounds up to most, or the first one alone. */
static void
open_regions(Search *search, float most, bool first)
{
	SearchRegions *order = &search->order;
	int			next = order->opened;

	for (int i = next; i < order->count; i = next)
	{
		RegionBound found = order->regions[i];

		for (next = i + 1; next < order->count && order->regions[next].bound > most && !first; next++)
			;
		if (found.bound > most && !first)
			continue;
		order->regions[i] = order->regions[order->opened];
		order->regions[order->opened++] = found;
		search_open_region(search, found.region, next < order->count ? order->regions[next].region : found.region);
		if (first)
			break;
	}
	order->frontier = INFINITY;
	for (int i = order->opened; i < order->count; i++)
		order->frontier = Min(order->frontier, order->regions[i].bound);
}

/*
 * Moves the frontier; false: all that is within the limit was opened.
 *
 * What may come before the first candidate must be opened before that one can be returned in order; more need not be.
 * Directories are opened as far as that at once, cells in batches, since each may bring a nearer row.  The nearest region comes
 * first and alone, for a near row.
 */
static bool
expand(Search *search)
{
	SearchRegions *order = &search->order;
	SearchOutput *output = &search->output;
	float		least = least_cell(search);
	float		wanted;

	if (order->opened == 0)
	{
		/* its nearest cell: often that holds a row as near as those sought */
		open_regions(search, 0, true);
		least = least_cell(search);
		search_open_cells(search, Min(least, search->limit));
		return true;
	}
	if (search->queue.count == 0 && isinf(least))
	{
		if (order->opened >= order->count || order->frontier > search->limit)
			return false;
		open_regions(search, order->frontier, false);
		least = least_cell(search);
	}
	wanted = search->queue.count > 0 ? Max(search->queue.items[0].bound, Min(least, order->frontier)) : least;
	/* first only so far: the executor may need no more than the rows already returned */
	if (output->settled >= 0 && output->excess > 0)
	{
		while (output->settled + output->excess < Min(least, order->frontier))
			output->excess *= 2;
		wanted = Min(wanted, output->settled + output->excess);
	}
	wanted = Min(wanted, search->limit);
	if (order->frontier <= wanted)
		open_regions(search, wanted, false);
	least = least_cell(search);
	if (search->queue.count == 0)
		wanted = Min(wanted, least);
	if (isinf(least) && order->opened >= order->count)
		return false;
	if (least > search->limit && order->frontier > search->limit)
		return false;
	search_open_cells(search, batch_end(search, wanted));
	return true;
}

/* ---- in order ---------------------------------------------------------------------------------------------------- */

static void
note_returned(Search *search, const Candidate *candidate)
{
	SearchPasses *passes = &search->passes;

	if (passes->returned_count == passes->returned_space)
	{
		passes->returned_space = Max(passes->returned_space * 2, 64);
		passes->returned = passes->returned ?
			repalloc_huge(passes->returned, sizeof(Candidate) * (Size) passes->returned_space) :
			palloc(sizeof(Candidate) * passes->returned_space);
	}
	passes->returned[passes->returned_count++] = *candidate;
}

/* All candidates were returned: search again with a longer queue. */
static void
search_again(Search *search)
{
	SearchPasses *passes = &search->passes;
	int			limit = search->queue.limit;
	double		most = work_mem * 1024.0 / (2 * sizeof(Candidate));	/* the queue grows to twice its limit */
	int			left = 0;

	passes->done = search->queue.last;
	passes->has_done = true;
	for (int i = 0; i < passes->returned_count; i++)
		if (candidate_less(&passes->done, &passes->returned[i]))
			passes->returned[left++] = passes->returned[i];
	qsort(passes->returned, left, sizeof(Candidate), search_compare_tids);
	passes->returned_count = passes->returned_sorted = left;
	begin_pass(search, (int) Min(Max(most, FIRST_LIMIT), (double) limit * LIMIT_GROWTH));
}

bool
search_next(Search *search, ItemPointerData *tid, double *bound)
{
	SearchRegions *order = &search->order;
	SearchOutput *output = &search->output;
	MemoryContext previous = MemoryContextSwitchTo(search->context);
	bool		found = false;

	while (!found && order->count > 0)
	{
		float		least = least_cell(search);
		float		frontier = Min(order->frontier, least);
		Candidate	first;

		if (search->queue.count > 0)
		{
			bool		in_order = search->queue.items[0].bound <= frontier;

			if (in_order || (frontier > output->reported && !output->probed))
			{
				first = candidate_queue_pop(&search->queue);
				output->probed = !in_order;
				if (in_order)
					output->settled = first.bound;
				output->reported = Max(output->reported, Min(first.bound, frontier));
				note_returned(search, &first);
				*tid = first.tid;
				*bound = output->reported;
				search->counts.rows++;
				found = true;
				continue;
			}
		}
		output->probed = false;
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
	SearchRegions *order = &search->order;
	MemoryContext previous = MemoryContextSwitchTo(search->context);

	search->queue.limit = INT_MAX;
	while (search->queue.count == 0 && order->opened < order->count)
	{
		RegionBound *next = &order->regions[order->opened++];

		if (next->bound > search->limit)
			continue;
		search->cells.node_count = 0;
		search->cells.count = 0;
		search_open_region(search, next->region, order->opened < order->count ? next[1].region : next->region);
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
	SearchNulls *nulls = &search->nulls;
	IndexMeta	meta;

	index_read_meta(search->index, &meta);
	nulls->block = meta.nulls;
	nulls->walk = (IndexWalk) {0};
	nulls->count = 0;
	if (nulls->tids == NULL)
		nulls->tids = MemoryContextAlloc(search->context, BLCKSZ);
}

bool
search_next_null(Search *search, ItemPointerData *tid)
{
	SearchNulls *nulls = &search->nulls;

	while (nulls->count == 0 && BlockNumberIsValid(nulls->block))
	{
		Buffer		buffer;
		Page		page;

		index_walk(search->index, &nulls->walk, nulls->block);
		buffer = index_read(search->index, nulls->block, BUFFER_LOCK_SHARE, INDEX_PAGE_NULLS);
		page = BufferGetPage(buffer);
		nulls->count = index_null_count(page);
		if (nulls->count < 0 || nulls->count > INDEX_NULLS_PER_PAGE)
			index_raise_corrupted(search->index, nulls->block, "Its number of items is invalid.");
		memcpy(nulls->tids, INDEX_NULLS(page), nulls->count * sizeof(ItemPointerData));
		nulls->block = INDEX_SPECIAL(page)->next;
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	if (nulls->count == 0)
		return false;
	*tid = nulls->tids[--nulls->count];
	search->counts.rows++;
	return true;
}
