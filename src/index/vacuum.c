/*
 * vacuum.c: removes dead rows, block by block.
 *
 * Items of dead rows become free ones and are used again by inserts; leaves without rows become free pages.  Radii stay as they
 * are, which may be larger than necessary.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "common/compat.h"
#include "index/index.h"
#include "index/region.h"

#define LIST_SHARE 8			/* a leaf with an eighth of its items free goes to the free-space list */

typedef struct EmptyLeaf
{
	uint32		region;
	BlockNumber block;
} EmptyLeaf;

typedef struct Vacuum
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;	/* NULL: count only */
	void	   *callback_state;
	bool		freed_nulls;
	IndexMeta	meta;
	IndexLayout layout;
	EmptyLeaf  *empty;			/* leaves without rows */
	int64		empty_count;
	int64		empty_space;
} Vacuum;

static void
note_empty(Vacuum *vacuum, BlockNumber block, uint32 region)
{
	if (vacuum->empty_count == vacuum->empty_space)
	{
		vacuum->empty_space = Max(vacuum->empty_space * 2, 256);
		vacuum->empty = vacuum->empty ? repalloc_huge(vacuum->empty, sizeof(EmptyLeaf) * vacuum->empty_space) :
			palloc(sizeof(EmptyLeaf) * vacuum->empty_space);
	}
	vacuum->empty[vacuum->empty_count].region = region;
	vacuum->empty[vacuum->empty_count++].block = block;
}

/* Whether the region of a leaf exists. */
static bool
is_of_region(Vacuum *vacuum, Page page)
{
	/* it may have been founded after the meta page was read */
	if (INDEX_SPECIAL(page)->region >= vacuum->meta.regions)
		index_read_meta(vacuum->info->index, &vacuum->meta);
	return INDEX_SPECIAL(page)->region < vacuum->meta.regions;
}

/* Puts a leaf with enough free items on the free-space list, and notes one without rows. */
static void
list_leaf(Vacuum *vacuum, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);
	const IndexNode *node = INDEX_NODE(page);
	bool		empty = node->free == node->count;

	if (vacuum->callback == NULL || (!empty && node->free < vacuum->layout.capacity / LIST_SHARE))
		return;
	if (!is_of_region(vacuum, page))
		index_raise_corrupted(vacuum->info->index, BufferGetBlockNumber(buffer),
							  psprintf("It belongs to region %u, but there are %u.", INDEX_SPECIAL(page)->region, vacuum->meta.regions));
	if (empty)
		note_empty(vacuum, BufferGetBlockNumber(buffer), INDEX_SPECIAL(page)->region);
	if (!node->listed)
		index_space_add(vacuum->info->index, &vacuum->meta, buffer);
}

static void
vacuum_leaf(Vacuum *vacuum, Buffer buffer)
{
	Relation	index = vacuum->info->index;
	GenericXLogState *state = NULL;
	Page		page = BufferGetPage(buffer);
	int			count = INDEX_NODE(page)->count;

	index_check_node(index, BufferGetBlockNumber(buffer), page, &vacuum->layout);
	for (int i = 0; i < count; i++)
	{
		IndexItem  *item = &index_items(page, &vacuum->layout)[i];

		if (!ItemPointerIsValid(&item->tid))
			continue;
		if (vacuum->callback == NULL || !vacuum->callback(&item->tid, vacuum->callback_state))
		{
			vacuum->stats->num_index_tuples++;
			continue;
		}
		if (state == NULL)
		{
			state = GenericXLogStart(index);
			page = GenericXLogRegisterBuffer(state, buffer, 0);
			item = &index_items(page, &vacuum->layout)[i];
		}
		ItemPointerSetInvalid(&item->tid);
		INDEX_NODE(page)->free++;
		vacuum->stats->tuples_removed++;
	}
	if (state != NULL)
		GenericXLogFinish(state);
	list_leaf(vacuum, buffer);
}

static void
vacuum_nulls(Vacuum *vacuum, Buffer buffer)
{
	GenericXLogState *state = NULL;
	Page		page = BufferGetPage(buffer);
	int			count = index_null_count(page);
	int			kept = 0;

	for (int i = 0; i < count; i++)
	{
		if (vacuum->callback && vacuum->callback(&INDEX_NULLS(page)[i], vacuum->callback_state))
		{
			if (state == NULL)
			{
				state = GenericXLogStart(vacuum->info->index);
				page = GenericXLogRegisterBuffer(state, buffer, 0);
			}
			vacuum->stats->tuples_removed++;
			vacuum->freed_nulls = true;
			continue;
		}
		if (kept < i)
			INDEX_NULLS(page)[kept] = INDEX_NULLS(page)[i];
		kept++;
	}
	vacuum->stats->num_index_tuples += kept;
	if (state != NULL)
	{
		((PageHeader) page)->pd_lower = (char *) (INDEX_NULLS(page) + kept) - (char *) page;
		GenericXLogFinish(state);
	}
}

/* Lets inserts look for free space from the newest page of NULLs on. */
static void
reset_nulls_space(Relation index)
{
	Buffer		buffer = index_read(index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	GenericXLogState *state = GenericXLogStart(index);
	IndexMeta  *meta = INDEX_META(GenericXLogRegisterBuffer(state, buffer, 0));

	meta->nulls_space = meta->nulls;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

static int
compare_empty(const void *a, const void *b)
{
	const EmptyLeaf *x = a;
	const EmptyLeaf *y = b;

	if (x->region != y->region)
		return x->region < y->region ? -1 : 1;
	return x->block < y->block ? -1 : x->block > y->block ? 1 : 0;
}

/* Leaves without rows become free pages, region by region. */
static void
free_leaves(Vacuum *vacuum)
{
	BlockNumber *leaves = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(BlockNumber) * Max(vacuum->empty_count, 1));
	IndexLayout directory;

	index_layout(&directory, vacuum->meta.prefix);
	if (vacuum->empty_count > 0)
		qsort(vacuum->empty, vacuum->empty_count, sizeof(EmptyLeaf), compare_empty);
	for (int64 first = 0, end; first < vacuum->empty_count; first = end)
	{
		uint32		region = vacuum->empty[first].region;
		int			count = 0;

		for (end = first; end < vacuum->empty_count && vacuum->empty[end].region == region; end++)
			leaves[count++] = vacuum->empty[end].block;
		index_space_free_leaves(vacuum->info->index, &vacuum->meta, region, &directory, leaves, count);
		vacuum->stats->pages_newly_deleted += count;
	}
	pfree(leaves);
	if (vacuum->empty != NULL)
		pfree(vacuum->empty);
}

static void
vacuum_page(Vacuum *vacuum, Buffer buffer)
{
	Relation	index = vacuum->info->index;
	Page		page = BufferGetPage(buffer);

	/* A crash may have left a new page. */
	if (PageIsNew(page))
	{
		vacuum->stats->pages_free++;
		RecordFreeIndexPage(index, BufferGetBlockNumber(buffer));
		return;
	}
	switch (index_page_kind(page))
	{
		case INDEX_PAGE_LEAF:
			/* left by a crash while the index was emptied */
			if (INDEX_NODE(page)->count == INDEX_NODE(page)->free && !is_of_region(vacuum, page))
				break;
			index_check_page(index, BufferGetBlockNumber(buffer), page, INDEX_PAGE_LEAF);
			if (vacuum->layout.dimensions == 0)
			{
				index_read_meta(index, &vacuum->meta);
				index_layout(&vacuum->layout, index_coded(&vacuum->meta));
			}
			vacuum_leaf(vacuum, buffer);
			break;
		case INDEX_PAGE_NULLS:
			index_check_page(index, BufferGetBlockNumber(buffer), page, INDEX_PAGE_NULLS);
			vacuum_nulls(vacuum, buffer);
			break;
		case INDEX_PAGE_EMPTIED:	/* by an earlier vacuum that was interrupted */
			if (is_of_region(vacuum, page))
				note_empty(vacuum, BufferGetBlockNumber(buffer), INDEX_SPECIAL(page)->region);
			break;
		case INDEX_PAGE_FREE:
			vacuum->stats->pages_free++;
			RecordFreeIndexPage(index, BufferGetBlockNumber(buffer));
			break;
		default:
			break;
	}
}

/* With the extension lock, so that pages just added are locked by those who added them. */
static BlockNumber
count_blocks(Relation index)
{
	bool		shared = !RelationUsesLocalBuffers(index);
	BlockNumber blocks;

	if (shared)
		LockRelationForExtension(index, ExclusiveLock);
	blocks = RelationGetNumberOfBlocks(index);
	if (shared)
		UnlockRelationForExtension(index, ExclusiveLock);
	return blocks;
}

static void
vacuum_index(Vacuum *vacuum)
{
	Relation	index = vacuum->info->index;
	BlockNumber block = INDEX_META_BLOCK + 1;
	BlockNumber blocks;

	index_read_meta(index, &vacuum->meta);
	vacuum->stats->num_index_tuples = 0;
	vacuum->stats->pages_free = 0;
	vacuum->stats->estimated_count = false;

	/* Pages appended meanwhile hold no dead rows, but are counted. */
	while (block < (blocks = count_blocks(index)))
		for (; block < blocks; block++)
		{
			Buffer		buffer;

			compat_vacuum_delay_point();
			buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, vacuum->info->strategy);
			LockBuffer(buffer, vacuum->callback ? BUFFER_LOCK_EXCLUSIVE : BUFFER_LOCK_SHARE);
			vacuum_page(vacuum, buffer);
			UnlockReleaseBuffer(buffer);
		}
	vacuum->stats->num_pages = block;
	if (vacuum->freed_nulls)
		reset_nulls_space(index);
	free_leaves(vacuum);
	IndexFreeSpaceMapVacuum(index);
}

IndexBulkDeleteResult *
index_am_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback, void *callback_state)
{
	Vacuum		vacuum = {.info = info, .stats = stats, .callback = callback, .callback_state = callback_state};

	if (stats == NULL)
		vacuum.stats = palloc0(sizeof *stats);
	vacuum_index(&vacuum);
	return vacuum.stats;
}

IndexBulkDeleteResult *
index_am_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Vacuum		vacuum = {.info = info};

	if (info->analyze_only)
		return stats;
	/* After a bulk delete the numbers are known. */
	vacuum.stats = stats;
	if (stats == NULL)
	{
		vacuum.stats = palloc0(sizeof *stats);
		vacuum_index(&vacuum);
	}
	if (vacuum.stats->num_index_tuples == 0 && index_reset(info->index))
		vacuum.stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return vacuum.stats;
}
