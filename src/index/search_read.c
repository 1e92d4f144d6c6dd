/*
 * search_read.c: reading directories and leaves: bounds of cells and of rows.
 *
 * Pages lie anywhere in the buffers, so that each begins with waiting for memory.  A search remembers where it found a block:
 * that spares the look-up, and a page's memory can be asked for while the one before is being worked on.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "index/search_internal.h"

#define ROWS_AT_ONCE 16

/* ---- pages ------------------------------------------------------------------------------------------------------- */

void
search_begin_visits(Search *search, BlockNumber blocks)
{
	CompatLocator locator = compat_locator(search->index);

	if (search->visits != NULL && search->visit_space >= blocks && memcmp(&search->visited, &locator, sizeof locator) == 0)
		return;
	if (search->visit_space < blocks)
	{
		if (search->visits)
			pfree(search->visits);
		search->visits = NULL;
		search->visit_space = 0;
		search->visits = MemoryContextAllocHuge(search->context, sizeof(SearchVisit) * (Size) blocks);
		search->visit_space = blocks;
	}
	for (BlockNumber i = 0; i < search->visit_space; i++)
	{
		search->visits[i].buffer = InvalidBuffer;
		search->visits[i].used = BLCKSZ;
	}
	search->visited = locator;
}

/* index_read_any() under a share lock, but that nothing is checked. */
static Buffer
visit(Search *search, BlockNumber block)
{
	SearchVisit *visit = block < search->visit_space ? &search->visits[block] : NULL;
	Buffer		buffer;
	Page		page;

	if (visit == NULL)
		return index_read_any(search->index, block, BUFFER_LOCK_SHARE);
	if (BufferIsValid(visit->buffer) &&
		ReadRecentBuffer(compat_locator(search->index), MAIN_FORKNUM, block, visit->buffer))
		buffer = visit->buffer;
	else
		buffer = visit->buffer = ReadBuffer(search->index, block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	visit->used = Min(((PageHeader) page)->pd_lower, BLCKSZ);
	return buffer;
}

/* Asks for the memory of a block that will be visited soon; no pin is needed for that. */
static void
expect(const Search *search, BlockNumber block, int skipped)
{
	const char *page;

	if (block >= search->visit_space || !BufferIsValid(search->visits[block].buffer))
		return;
	page = (const char *) BufferGetPage(search->visits[block].buffer);
	__builtin_prefetch(page);
	for (int i = skipped; i < search->visits[block].used; i += INDEX_CACHE_LINE)
		__builtin_prefetch(page + i);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

int
search_compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) &((const Candidate *) a)->tid, (ItemPointer) &((const Candidate *) b)->tid);
}

static bool
was_returned(const Search *search, const Candidate *candidate)
{
	if (!search->has_done)
		return false;
	return !candidate_less(&search->done, candidate) ||
		bsearch(candidate, search->returned, search->returned_sorted, sizeof(Candidate), search_compare_tids) != NULL;
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

/* A leaf that a cell points to: opened once. */
static void
want_leaf(Search *search, uint32 region, const ItemPointerData *leaf)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(leaf);

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
	if (search->leaf_count == search->leaf_space)
	{
		search->leaf_space = Max(search->leaf_space * 2, 256);
		search->leaves = search->leaves ? repalloc_huge(search->leaves, sizeof(ItemPointerData) * (Size) search->leaf_space) :
			palloc(sizeof(ItemPointerData) * search->leaf_space);
	}
	search->leaves[search->leaf_count++] = *leaf;
}

/* The first dimensions of the query in the units of a region. */
static void
code_dimensions(const Search *search, uint32 region, int dimensions, uint8 *code, CodeQuery *query)
{
	const IndexCache *cache = index_cache(search->index, &search->meta);

	code_query(search->metric, search->vector, search->rounding, index_cache_centre(cache, region), cache->values[region], dimensions, code,
			   query);
}

/* All of them, once. */
static void
code_for_region(Search *search, uint32 region)
{
	if (search->coded[region])
		return;
	code_dimensions(search, region, search->layout.dimensions, search->codes + (Size) region * search->layout.dimensions,
					&search->queries[region]);
	search->coded[region] = true;
	search->blur = Max(search->blur, 2 * search->queries[region].error * search->queries[region].step);
}

/* What a row's bound may be at most. */
static float
most_wanted(const Search *search)
{
	float		cutoff = candidate_queue_cutoff(&search->queue);

	return Min(cutoff, search->limit);
}

/* Most rows are too far: of so many at once, in lanes. */
static inline bool
any_within(const float *bounds, int count, float most)
{
	int			within = 0;

	if (count < ROWS_AT_ONCE)
		return true;
	for (int i = 0; i < ROWS_AT_ONCE; i++)
		within |= bounds[i] <= most;
	return within != 0;
}

/* Its rows come to the queue; if vacuum has freed it since its cell was read, all its rows were dead before this scan began. */
static void
open_leaf(Search *search, uint32 region, const ItemPointerData *leaf)
{
	const IndexLayout *layout = &search->layout;
	Buffer		buffer;
	Page		page;
	IndexNode  *node;
	const IndexItem *items;
	int			count;

	CHECK_FOR_INTERRUPTS();
	buffer = visit(search, ItemPointerGetBlockNumberNoCheck(leaf));
	page = BufferGetPage(buffer);
	if (!index_check_leaf(search->index, leaf, page, region, layout))
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	node = INDEX_NODE(page);
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
	for (int first = 0; first < count; first += ROWS_AT_ONCE)
	{
		float		most = most_wanted(search);
		int			end = Min(first + ROWS_AT_ONCE, count);

		if (!any_within(search->bounds + first, end - first, most))
			continue;
		for (int i = first; i < end; i++)
		{
			Candidate	candidate = {search->bounds[i], items[i].tid};

			if (candidate.bound <= most && ItemPointerIsValid(&candidate.tid) && !was_returned(search, &candidate))
			{
				candidate_queue_push(&search->queue, &candidate);
				most = most_wanted(search);
			}
		}
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
			search->cell_bounds = repalloc_huge(search->cell_bounds, sizeof(float) * space);
		else
			search->cell_bounds = MemoryContextAllocHuge(search->context, sizeof(float) * space);
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

/* The bounds of a node's cells, which is locked; of free ones INFINITY, as of opened ones. */
static void
bound_cells(Search *search, SearchNode *found, Page page, const CodeQuery *query)
{
	const IndexLayout *layout = &search->directory;
	float	   *bounds = search->cell_bounds + found->first;
	const IndexItem *items = index_items(page, layout);

	if (search->every)
		memset(bounds, 0, sizeof(float) * found->count);
	else
	{
		index_node_sums(search->index, page, layout, search->metric, search->prefix, found->count, search->sums);
		code_kernels()->bounds(search->metric == METRIC_L1, search->sums, index_slacks(page, layout), found->count, query, bounds);
	}
	if (INDEX_NODE(page)->free > 0)
		for (int i = 0; i < found->count; i++)
			if (!ItemPointerIsValid(&items[i].tid))
				bounds[i] = INFINITY;
	found->least = INFINITY;
	for (int i = 0; i < found->count; i++)
		found->least = Min(found->least, bounds[i]);
}

void
search_open_region(Search *search, uint32 region, uint32 next)
{
	const IndexLayout *layout = &search->directory;
	BlockNumber block = search->regions[region].directory;
	IndexWalk	walk = {0};
	CodeQuery	query;

	search->counts.regions++;
	if (!search->every)
		code_dimensions(search, region, layout->dimensions, search->prefix, &query);
	while (BlockNumberIsValid(block))
	{
		Buffer		buffer;
		Page		page;
		SearchNode *found;

		CHECK_FOR_INTERRUPTS();
		index_walk(search->index, &walk, block);
		buffer = visit(search, block);
		page = BufferGetPage(buffer);
		index_check_page(search->index, block, page, INDEX_PAGE_DIRECTORY);
		index_check_region(search->index, block, page, region);
		index_check_node(search->index, block, page, layout);
		expect(search, BlockNumberIsValid(INDEX_SPECIAL(page)->next) ? INDEX_SPECIAL(page)->next : search->regions[next].directory,
			   layout->slacks);
		need_cells(search, INDEX_NODE(page)->count);
		found = &search->nodes[search->node_count++];
		found->block = block;
		found->region = region;
		found->first = search->cell_count;
		found->count = INDEX_NODE(page)->count;
		bound_cells(search, found, page, &query);
		search->cell_count += found->count;
		search->counts.cells += found->count;
		block = INDEX_SPECIAL(page)->next;
		UnlockReleaseBuffer(buffer);
	}
}

void
search_open_cells(Search *search, float most)
{
	for (int i = 0; i < search->node_count; i++)
	{
		SearchNode *node = &search->nodes[i];
		float		least = INFINITY;
		Buffer		buffer;
		const IndexItem *items;

		if (node->least > most || isinf(node->least))
			continue;
		search->leaf_count = 0;
		buffer = visit(search, node->block);
		index_check_page(search->index, node->block, BufferGetPage(buffer), INDEX_PAGE_DIRECTORY);
		items = index_items(BufferGetPage(buffer), &search->directory);
		for (int cell = node->first; cell < node->first + node->count; cell++)
		{
			if (search->cell_bounds[cell] > most)
				least = Min(least, search->cell_bounds[cell]);
			else if (!isinf(search->cell_bounds[cell]))
			{
				/* one that vacuum has freed since had no row for this scan; one that came in its place has none, either */
				search->cell_bounds[cell] = INFINITY;
				if (ItemPointerIsValid(&items[cell - node->first].tid))
					want_leaf(search, node->region, &items[cell - node->first].tid);
			}
		}
		UnlockReleaseBuffer(buffer);
		node->least = least;
		if (!search->every)
			code_for_region(search, node->region);
		for (int leaf = 0; leaf < search->leaf_count; leaf++)
		{
			if (leaf + 1 < search->leaf_count)
				expect(search, ItemPointerGetBlockNumberNoCheck(&search->leaves[leaf + 1]), search->layout.items);
			open_leaf(search, node->region, &search->leaves[leaf]);
		}
	}
}
