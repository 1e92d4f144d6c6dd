/*
 * search.c: best first, by lower bounds: regions, then cells, then rows.
 *
 * What was not opened has a least bound, the frontier: the least of the next region's, of the cells' that were not opened,
 * and of the rows that were dropped to save memory.  A row whose bound does not pass the frontier can be returned.  If
 * there is none, either the frontier is moved by opening more, or one row is returned with the frontier as its bound (a
 * probe): the executor may find that it has enough.
 *
 * Of the rows only the first so many are kept.  If more are asked for, all is searched again, and more are kept; rows never
 * move and bounds never change, so those that were returned before are known by their bounds and TIDs.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/settings.h"
#include "index/heap.h"
#include "index/search.h"

#define SEARCH_FIRST_BATCH 16	/* directory nodes that give at least one cell to the first batch of leaves */
#define SEARCH_BATCH_GROWTH 8
#define SEARCH_FIRST_KEEP 1024	/* rows */
#define SEARCH_KEEP_GROWTH 16
#define REGION_ROUNDING (1 - 3e-6f)

typedef struct RegionOrder
{
	float		bound;
	float		distance;		/* to the centre */
	uint32		region;
} RegionOrder;

#define ST_SORT sort_regions
#define ST_ELEMENT_TYPE RegionOrder
#define ST_COMPARE(a, b) ((a)->bound != (b)->bound ? ((a)->bound < (b)->bound ? -1 : 1) : \
						  (a)->distance < (b)->distance ? -1 : (a)->distance > (b)->distance)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* A directory node that was bounded. */
typedef struct SearchNode
{
	uint32		region;
	int			first;			/* in cell_bounds */
	int			count;
	float		least;			/* bound of its cells that were not opened; INFINITY: all were */
} SearchNode;

struct Search
{
	Relation	index;
	MemoryContext context;
	IndexMeta	meta;
	IndexLayout layout;
	Metric		metric;
	SearchCounts counts;

	/* the query, in the units of each region */
	IndexRegion *regions;
	CodeQuery  *queries;		/* [regions] */
	uint8	   *codes;			/* [regions, n] */
	float		limit;
	RegionOrder *order;
	int			order_count;
	int			order_next;

	/* cells */
	SearchNode *nodes;
	int			node_count;
	int			node_space;
	float	   *cell_bounds;	/* INFINITY: opened */
	BlockNumber *cell_leaves;
	int			cell_count;
	int			cell_space;
	int			batch;
	uint8	   *opened;			/* a bit a block */
	BlockNumber blocks;
	uint32	   *sums;			/* [capacity] */
	float	   *bounds;			/* [capacity] */
	float	   *scratch;		/* [node_space] */

	/* rows */
	CandidateHeap heap;
	float		reported;
	bool		probed;
	bool		every;			/* without a query */
	bool		has_done;		/* pass 2 and later */
	Candidate	done;			/* all up to this one were returned by earlier passes */
	Candidate  *returned;		/* by this pass; in later ones, those after done, by TID */
	int			returned_count;
	int			returned_space;
	int			returned_sorted;	/* so many of them by earlier passes */

	/* NULLs */
	BlockNumber nulls;
	ItemPointerData *null_tids;	/* of one page */
	int			null_count;
};

Search *
search_begin(Relation index)
{
	Search	   *search = palloc0(sizeof *search);

	search->index = index;
	search->context = CurrentMemoryContext;
	return search;
}

void
search_end(Search *search)
{
	MemoryContextDelete(search->context);
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

static void
order_regions(Search *search, bool approximate)
{
	int			allowed = approximate ? allowed_regions(search) : 0;

	search->order_count = search->meta.regions;
	for (int i = 0; i < search->order_count; i++)
	{
		const CodeQuery *query = &search->queries[i];

		search->order[i].region = i;
		search->order[i].distance = query->distance * query->step;
		search->order[i].bound = allowed > 0 ? search->order[i].distance : 0;
	}
	if (allowed > 0 && allowed < search->order_count)
	{
		sort_regions(search->order, search->order_count);
		search->order_count = allowed;
	}
	for (int i = 0; i < search->order_count; i++)
	{
		uint32		region = search->order[i].region;
		const CodeQuery *query = &search->queries[region];
		float		bound = (query->distance * REGION_ROUNDING - search->regions[region].radius) * query->step * REGION_ROUNDING;

		search->order[i].bound = bound > 0 ? Min(bound, FLT_MAX) : 0;
	}
	sort_regions(search->order, search->order_count);
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
	search->metric = cache->metric;
	if (search->sums == NULL)
	{
		search->sums = palloc(sizeof(uint32) * search->layout.capacity);
		search->bounds = palloc(sizeof(float) * search->layout.capacity);
	}
}

static void
begin_pass(Search *search, int keep)
{
	search->counts.passes++;
	search->order_next = 0;
	search->node_count = 0;
	search->cell_count = 0;
	search->batch = SEARCH_FIRST_BATCH;
	search->blocks = RelationGetNumberOfBlocks(search->index);
	if (search->opened)
		pfree(search->opened);
	search->opened = palloc0(search->blocks / 8 + 1);
	heap_reset(&search->heap, keep);
}

static void
reset(Search *search)
{
	memset(&search->counts, 0, sizeof search->counts);
	search->order_count = 0;
	search->reported = 0;
	search->probed = false;
	search->every = false;
	search->has_done = false;
	search->returned_count = 0;
	search->returned_sorted = 0;
	search->nulls = InvalidBlockNumber;
	search->null_count = 0;
	search->limit = INFINITY;
}

void
search_start(Search *search, const Embedding *query, double limit, bool approximate)
{
	MemoryContext previous = MemoryContextSwitchTo(search->context);
	const IndexCache *cache;
	uint32		before = search->meta.regions;
	float	   *vector;
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
	if (search->queries == NULL || before != search->meta.regions)
	{
		if (search->queries)
		{
			pfree(search->queries);
			pfree(search->codes);
			pfree(search->order);
		}
		search->queries = palloc(sizeof(CodeQuery) * search->meta.regions);
		search->codes = MemoryContextAllocHuge(search->context, (Size) n * search->meta.regions);
		search->order = palloc(sizeof(RegionOrder) * search->meta.regions);
	}
	vector = palloc(sizeof(float) * n);
	index_vector(query, vector);
	cache = index_cache(search->index, &search->meta);
	for (uint32 i = 0; i < search->meta.regions; i++)
		code_query(search->metric, vector, index_cache_centre(cache, i), cache->values[i], n, search->codes + (Size) i * n,
				   &search->queries[i]);
	pfree(vector);

	/* as a float that is not less */
	search->limit = limit >= FLT_MAX ? INFINITY : nextafterf((float) limit, INFINITY);
	order_regions(search, approximate);
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
		if (search->order)
			pfree(search->order);
		search->order = palloc(sizeof(RegionOrder) * search->meta.regions);
		search->order_count = search->meta.regions;
		for (int i = 0; i < search->order_count; i++)
		{
			search->order[i].region = i;
			search->order[i].bound = 0;
		}
		/* so that search_start() makes its arrays anew */
		if (search->queries)
		{
			pfree(search->queries);
			pfree(search->codes);
			search->queries = NULL;
		}
		begin_pass(search, INT_MAX);
	}
	MemoryContextSwitchTo(previous);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) &((const Candidate *) a)->tid, (ItemPointer) &((const Candidate *) b)->tid);
}

static bool
was_returned(const Search *search, const Candidate *candidate)
{
	if (!search->has_done)
		return false;
	return !candidate_less(&search->done, candidate) ||
		bsearch(candidate, search->returned, search->returned_sorted, sizeof(Candidate), compare_tids) != NULL;
}

static bool
mark_opened(Search *search, BlockNumber block)
{
	uint8		bit = 1 << (block % 8);

	if (search->opened[block / 8] & bit)
		return false;
	search->opened[block / 8] |= bit;
	return true;
}

static void
open_leaf(Search *search, uint32 region, BlockNumber block)
{
	const IndexLayout *layout = &search->layout;
	Buffer		buffer;
	Page		page;
	IndexNode  *node;
	const IndexItem *items;
	int			count;

	if (unlikely(block >= search->blocks))
	{
		/* it may be a new one */
		BlockNumber blocks = RelationGetNumberOfBlocks(search->index);

		if (block >= blocks)
			index_raise_corrupted(search->index, search->regions[region].directory,
								  psprintf("A cell of region %u points to block %u, which is not there.", region, block));
		search->opened = repalloc(search->opened, blocks / 8 + 1);
		memset(search->opened + search->blocks / 8 + 1, 0, blocks / 8 - search->blocks / 8);
		search->blocks = blocks;
	}
	if (!mark_opened(search, block))
		return;
	CHECK_FOR_INTERRUPTS();
	buffer = index_read(search->index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_LEAF);
	page = BufferGetPage(buffer);
	index_check_node(search->index, block, page, layout);
	node = INDEX_NODE(page);
	if (unlikely(node->region != region))
		index_raise_corrupted(search->index, block, psprintf("It belongs to region %u, not to %u.", node->region, region));
	count = node->count;
	items = index_items(page, layout);
	search->counts.leaves++;
	search->counts.codes += count;
	if (search->every)
		memset(search->bounds, 0, sizeof(float) * count);
	else
	{
		index_node_sums(search->index, page, layout, search->metric, search->codes + (Size) region * layout->dimensions, count,
						search->sums);
		code_kernels()->bounds(search->metric == METRIC_L1, search->sums, index_slacks(page, layout), count,
							   &search->queries[region], search->bounds);
	}
	for (int i = 0; i < count; i++)
	{
		Candidate	candidate;

		if (search->bounds[i] > heap_cutoff(&search->heap) || search->bounds[i] > search->limit ||
			!ItemPointerIsValid(&items[i].tid))
			continue;
		candidate.bound = search->bounds[i];
		candidate.tid = items[i].tid;
		if (!was_returned(search, &candidate))
			heap_push(&search->heap, &candidate);
	}
	UnlockReleaseBuffer(buffer);
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

static void
need_cells(Search *search, int more)
{
	if (search->cell_count + more > search->cell_space)
	{
		Size		space = Max(search->cell_space * 2, search->cell_count + more + 1024);

		if (search->cell_bounds)
		{
			search->cell_bounds = repalloc_huge(search->cell_bounds, sizeof(float) * space);
			search->cell_leaves = repalloc_huge(search->cell_leaves, sizeof(BlockNumber) * space);
		}
		else
		{
			search->cell_bounds = MemoryContextAllocHuge(search->context, sizeof(float) * space);
			search->cell_leaves = MemoryContextAllocHuge(search->context, sizeof(BlockNumber) * space);
		}
		search->cell_space = (int) space;
	}
	if (search->node_count == search->node_space)
	{
		search->node_space = Max(search->node_space * 2, 512);
		search->nodes = search->nodes ? repalloc_huge(search->nodes, sizeof(SearchNode) * search->node_space) :
			palloc(sizeof(SearchNode) * search->node_space);
		search->scratch = search->scratch ? repalloc_huge(search->scratch, sizeof(float) * search->node_space) :
			palloc(sizeof(float) * search->node_space);
	}
}

/* Bounds all cells of a region. */
static void
open_region(Search *search, uint32 region)
{
	const IndexLayout *layout = &search->layout;
	BlockNumber block = search->regions[region].directory;

	search->counts.regions++;
	while (BlockNumberIsValid(block))
	{
		Buffer		buffer = index_read(search->index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_DIRECTORY);
		Page		page = BufferGetPage(buffer);
		IndexNode  *node = INDEX_NODE(page);
		const IndexItem *items = index_items(page, layout);
		SearchNode *found;
		float	   *bounds;

		CHECK_FOR_INTERRUPTS();
		index_check_node(search->index, block, page, layout);
		if (unlikely(node->region != region))
			index_raise_corrupted(search->index, block, psprintf("It belongs to region %u, not to %u.", node->region, region));
		need_cells(search, node->count);
		found = &search->nodes[search->node_count++];
		found->region = region;
		found->first = search->cell_count;
		found->count = node->count;
		found->least = INFINITY;
		bounds = search->cell_bounds + search->cell_count;
		if (search->every)
			memset(bounds, 0, sizeof(float) * node->count);
		else
		{
			index_node_sums(search->index, page, layout, search->metric, search->codes + (Size) region * layout->dimensions,
							node->count, search->sums);
			code_kernels()->bounds(search->metric == METRIC_L1, search->sums, index_slacks(page, layout), node->count,
								   &search->queries[region], bounds);
		}
		for (int i = 0; i < node->count; i++)
		{
			search->cell_leaves[search->cell_count + i] = ItemPointerGetBlockNumberNoCheck(&items[i].tid);
			found->least = Min(found->least, bounds[i]);
		}
		search->cell_count += node->count;
		search->counts.cells += node->count;
		block = INDEX_SPECIAL(page)->next;
		UnlockReleaseBuffer(buffer);
	}
}

/* Opens the leaves of all cells with bounds up to most. */
static void
open_cells(Search *search, float most)
{
	for (int i = 0; i < search->node_count; i++)
	{
		SearchNode *node = &search->nodes[i];
		float		least = INFINITY;

		if (node->least > most || isinf(node->least))
			continue;
		for (int cell = node->first; cell < node->first + node->count; cell++)
		{
			if (search->cell_bounds[cell] > most)
				least = Min(least, search->cell_bounds[cell]);
			else if (!isinf(search->cell_bounds[cell]))
			{
				search->cell_bounds[cell] = INFINITY;
				open_leaf(search, node->region, search->cell_leaves[cell]);
			}
		}
		node->least = least;
	}
}

static float
least_cell(const Search *search)
{
	float		least = INFINITY;

	for (int i = 0; i < search->node_count; i++)
		least = Min(least, search->nodes[i].least);
	return least;
}

static float
next_region(const Search *search)
{
	return search->order_next < search->order_count ? search->order[search->order_next].bound : INFINITY;
}

/* How far to open cells: as many directory nodes as the batch says give one at least. */
static float
batch_end(Search *search)
{
	int			length = 0;
	float		end = INFINITY;

	for (int i = 0; i < search->node_count; i++)
		if (!isinf(search->nodes[i].least))
			search->scratch[length++] = search->nodes[i].least;
	if (search->batch < length)
		end = select_floats(search->scratch, length, search->batch);
	if (search->batch < INT_MAX / SEARCH_BATCH_GROWTH)
		search->batch *= SEARCH_BATCH_GROWTH;
	/* cells of the next region may come before the rest */
	end = Min(end, next_region(search));
	return Min(end, search->limit);
}

/* Moves the frontier; false: all that is within the limit was opened. */
static bool
expand(Search *search)
{
	float		least = least_cell(search);

	if (next_region(search) <= least && next_region(search) <= search->limit && search->order_next < search->order_count)
	{
		do
		{
			int			node = search->node_count;

			open_region(search, search->order[search->order_next++].region);
			for (; node < search->node_count; node++)
				least = Min(least, search->nodes[node].least);
		} while (search->order_next < search->order_count && next_region(search) <= least);
		return true;
	}
	if (isinf(least) || least > search->limit)
		return false;
	open_cells(search, batch_end(search));
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
	int			keep = search->heap.keep;
	int			left = 0;

	search->done = search->heap.last;
	search->has_done = true;
	for (int i = 0; i < search->returned_count; i++)
		if (candidate_less(&search->done, &search->returned[i]))
			search->returned[left++] = search->returned[i];
	qsort(search->returned, left, sizeof(Candidate), compare_tids);
	search->returned_count = search->returned_sorted = left;
	begin_pass(search, keep > INT_MAX / SEARCH_KEEP_GROWTH ? INT_MAX : keep * SEARCH_KEEP_GROWTH);
}

bool
search_next(Search *search, ItemPointerData *tid, double *bound)
{
	MemoryContext previous = MemoryContextSwitchTo(search->context);
	bool		found = false;

	while (!found && search->order_count > 0)
	{
		float		frontier = Min(next_region(search), least_cell(search));
		Candidate	first;

		if (search->heap.count > 0)
		{
			bool		in_order = search->heap.items[0].bound <= frontier;

			if (in_order || (frontier > search->reported && !search->probed))
			{
				first = heap_pop(&search->heap);
				search->probed = !in_order;
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
		if (expand(search) || search->heap.count > 0)
			continue;
		if (!search->heap.dropped)
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

	search->heap.keep = INT_MAX;
	while (search->heap.count == 0 && search->order_next < search->order_count && next_region(search) <= search->limit)
	{
		search->node_count = 0;
		search->cell_count = 0;
		open_region(search, search->order[search->order_next++].region);
		open_cells(search, Min(search->limit, FLT_MAX));
	}
	MemoryContextSwitchTo(previous);
	if (search->heap.count == 0)
		return false;
	*tid = search->heap.items[--search->heap.count].tid;
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
	search->null_count = 0;
	if (search->null_tids == NULL)
		search->null_tids = MemoryContextAlloc(search->context, BLCKSZ);
}

bool
search_next_null(Search *search, ItemPointerData *tid)
{
	while (search->null_count == 0 && BlockNumberIsValid(search->nulls))
	{
		Buffer		buffer = index_read(search->index, search->nulls, BUFFER_LOCK_SHARE, INDEX_PAGE_NULLS);
		Page		page = BufferGetPage(buffer);

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
