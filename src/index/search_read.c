/*
 * search_read.c: reading directories and leaves: bounds of cells and of rows.
 *
 * Pages are scattered over the buffers, so each access begins with a cache miss.  A search remembers the buffer of each block:
 * that saves the look-up, and the next page can be prefetched while the current one is being processed.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/compat.h"
#include "index/search_internal.h"

#define ROWS_AT_ONCE 16

/* ---- pages ------------------------------------------------------------------------------------------------------- */

void
search_begin_visits(Search *search, BlockNumber blocks)
{
	SearchPages *pages = &search->pages;
	CompatLocator locator = compat_locator(search->index);

	if (pages->visits != NULL && pages->visit_space >= blocks && memcmp(&pages->locator, &locator, sizeof locator) == 0)
		return;
	if (pages->visit_space < blocks)
	{
		if (pages->visits)
			pfree(pages->visits);
		pages->visits = NULL;
		pages->visit_space = 0;
		pages->visits = MemoryContextAllocHuge(search->context, sizeof(SearchVisit) * (Size) blocks);
		pages->visit_space = blocks;
	}
	for (BlockNumber i = 0; i < pages->visit_space; i++)
	{
		pages->visits[i].buffer = InvalidBuffer;
		pages->visits[i].used = BLCKSZ;
	}
	pages->locator = locator;
}

/* index_read_any() with a share lock, without its checks. */
static Buffer
visit(Search *search, BlockNumber block)
{
	SearchVisit *visit = block < search->pages.visit_space ? &search->pages.visits[block] : NULL;
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

/* Prefetches a block that will be visited soon; that needs no pin. */
static void
expect(const Search *search, BlockNumber block, int skipped)
{
	const char *page;

	if (block >= search->pages.visit_space || !BufferIsValid(search->pages.visits[block].buffer))
		return;
	page = (const char *) BufferGetPage(search->pages.visits[block].buffer);
	__builtin_prefetch(page);
	for (int i = skipped; i < search->pages.visits[block].used; i += INDEX_CACHE_LINE)
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
	const SearchPasses *passes = &search->passes;

	if (!passes->has_done)
		return false;
	return !candidate_less(&passes->done, candidate) ||
		bsearch(candidate, passes->returned, passes->returned_sorted, sizeof(Candidate), search_compare_tids) != NULL;
}

static bool
mark_opened(Search *search, BlockNumber block)
{
	SearchPages *pages = &search->pages;
	uint8		bit = 1 << (block % 8);

	if (pages->opened[block / 8] & bit)
		return false;
	pages->opened[block / 8] |= bit;
	return true;
}

/* A leaf that a cell points to: opened once. */
static void
want_leaf(Search *search, uint32 region, const ItemPointerData *leaf)
{
	SearchPages *pages = &search->pages;
	SearchLeaves *leaves = &search->leaves;
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(leaf);

	if (unlikely(block >= pages->blocks))
	{
		/* it may be a new one */
		BlockNumber blocks = RelationGetNumberOfBlocks(search->index);

		if (block >= blocks)
			index_raise_corrupted(search->index, search->regions[region].directory,
								  psprintf("A cell of region %u points to block %u, beyond the end of the index.", region, block));
		pages->opened = repalloc(pages->opened, blocks / 8 + 1);
		memset(pages->opened + pages->blocks / 8 + 1, 0, blocks / 8 - pages->blocks / 8);
		pages->blocks = blocks;
	}
	if (!mark_opened(search, block))
		return;
	if (leaves->count == leaves->space)
	{
		leaves->space = Max(leaves->space * 2, 256);
		leaves->pointers = leaves->pointers ? repalloc_huge(leaves->pointers, sizeof(ItemPointerData) * (Size) leaves->space) :
			palloc(sizeof(ItemPointerData) * leaves->space);
	}
	leaves->pointers[leaves->count++] = *leaf;
}

/* The first dimensions of the query in the units of a region. */
static void
code_dimensions(const Search *search, uint32 region, int dimensions, uint8 *code, CodeQuery *query)
{
	const IndexCache *cache = index_cache(search->index, &search->meta);

	code_query(search->metric, search->query.vector, search->query.rounding, index_cache_centre(cache, region),
			   cache->values[region], dimensions, code, query);
}

/* All of them, once. */
static void
code_for_region(Search *search, uint32 region)
{
	SearchQuery *query = &search->query;

	if (query->coded[region])
		return;
	code_dimensions(search, region, search->layout.dimensions, query->codes + (Size) region * search->layout.dimensions,
					&query->in_region[region]);
	query->coded[region] = true;
	search->output.excess = Max(search->output.excess, 2 * query->in_region[region].error * query->in_region[region].step);
}

/* What a row's bound may be at most. */
static float
most_wanted(const Search *search)
{
	float		cutoff = candidate_queue_cutoff(&search->queue);

	return Min(cutoff, search->limit);
}

/* Most rows are too far away: tests so many at once, without branches. */
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

/* Its rows come to the queue; if vacuum has freed it meanwhile, all its rows were dead before this scan began. */
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
	if (search->all)
		memset(search->bounds, 0, sizeof(float) * count);
	else
	{
		index_node_sums(search->index, page, layout, search->metric, search->query.codes + (Size) region * layout->dimensions, count,
						search->sums);
		code_kernels()->bounds(search->metric == METRIC_L1, search->sums, index_slacks(page, layout), count,
							   &search->query.in_region[region], search->bounds);
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
	SearchCells *cells = &search->cells;

	if (cells->count + more > cells->space)
	{
		Size		space = Max(cells->space * 2, cells->count + more + 1024);

		if (cells->bounds)
			cells->bounds = repalloc_huge(cells->bounds, sizeof(float) * space);
		else
			cells->bounds = MemoryContextAllocHuge(search->context, sizeof(float) * space);
		cells->space = (int) space;
	}
	if (cells->node_count == cells->node_space)
	{
		cells->node_space = Max(cells->node_space * 2, 512);
		cells->nodes = cells->nodes ? repalloc_huge(cells->nodes, sizeof(SearchNode) * cells->node_space) :
			palloc(sizeof(SearchNode) * cells->node_space);
		cells->scratch = cells->scratch ? repalloc_huge(cells->scratch, sizeof(float) * cells->node_space) :
			palloc(sizeof(float) * cells->node_space);
	}
}

/* The bounds of a node's cells, which is locked; of free ones INFINITY, as of opened ones. */
static void
bound_cells(Search *search, SearchNode *found, Page page, const CodeQuery *query)
{
	const IndexLayout *layout = &search->directory;
	float	   *bounds = search->cells.bounds + found->first;
	const IndexItem *items = index_items(page, layout);

	if (search->all)
		memset(bounds, 0, sizeof(float) * found->count);
	else
	{
		index_node_sums(search->index, page, layout, search->metric, search->query.prefix, found->count, search->sums);
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
	SearchCells *cells = &search->cells;
	const IndexLayout *layout = &search->directory;
	BlockNumber block = search->regions[region].directory;
	IndexWalk	walk = {0};
	CodeQuery	query;

	search->counts.regions++;
	if (!search->all)
		code_dimensions(search, region, layout->dimensions, search->query.prefix, &query);
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
		found = &cells->nodes[cells->node_count++];
		found->block = block;
		found->region = region;
		found->first = cells->count;
		found->count = INDEX_NODE(page)->count;
		bound_cells(search, found, page, &query);
		cells->count += found->count;
		search->counts.cells += found->count;
		block = INDEX_SPECIAL(page)->next;
		UnlockReleaseBuffer(buffer);
	}
}

void
search_open_cells(Search *search, float most)
{
	SearchCells *cells = &search->cells;
	SearchLeaves *leaves = &search->leaves;

	for (int i = 0; i < cells->node_count; i++)
	{
		SearchNode *node = &cells->nodes[i];
		float		least = INFINITY;
		Buffer		buffer;
		const IndexItem *items;

		if (node->least > most || isinf(node->least))
			continue;
		leaves->count = 0;
		buffer = visit(search, node->block);
		index_check_page(search->index, node->block, BufferGetPage(buffer), INDEX_PAGE_DIRECTORY);
		items = index_items(BufferGetPage(buffer), &search->directory);
		for (int cell = node->first; cell < node->first + node->count; cell++)
		{
			if (cells->bounds[cell] > most)
				least = Min(least, cells->bounds[cell]);
			else if (!isinf(cells->bounds[cell]))
			{
				/* a cell that vacuum has freed, or that replaced it, has no row that this scan sees */
				cells->bounds[cell] = INFINITY;
				if (ItemPointerIsValid(&items[cell - node->first].tid))
					want_leaf(search, node->region, &items[cell - node->first].tid);
			}
		}
		UnlockReleaseBuffer(buffer);
		node->least = least;
		if (!search->all)
			code_for_region(search, node->region);
		for (int leaf = 0; leaf < leaves->count; leaf++)
		{
			if (leaf + 1 < leaves->count)
				expect(search, ItemPointerGetBlockNumberNoCheck(&leaves->pointers[leaf + 1]), search->layout.items);
			open_leaf(search, node->region, &leaves->pointers[leaf]);
		}
	}
}
