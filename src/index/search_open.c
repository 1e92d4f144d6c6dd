/*
 * search_open.c: reading directories and leaves: bounds of cells and of rows.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "index/search_internal.h"

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

void
search_open_region(Search *search, uint32 region)
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

void
search_open_cells(Search *search, float most)
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
