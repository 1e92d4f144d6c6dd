/*
 * free_space.c: finds and frees space: pages, directory nodes, and each region's free-space list of leaves.
 *
 * The list is a chain from the region's record through the leaves.  Each change of it is one record of the log, made with the
 * leaf and then the region's page locked.  Only vacuum locks two leaves, in the order of the list.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/rel.h"

#include "common/compat.h"
#include "index/region.h"

/* ---- pages ------------------------------------------------------------------------------------------------------- */

/* A page that vacuum has freed, exclusively locked.  The map gives hints alone: pages that are in use are skipped. */
static Buffer
reuse_page(Relation index)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	BlockNumber block;

	while ((block = GetFreeIndexPage(index)) < blocks)
	{
		Buffer		buffer = ReadBuffer(index, block);

		/* a locked page is in use, and the caller holds locks */
		if (ConditionalLockBuffer(buffer))
		{
			Page		page = BufferGetPage(buffer);

			if (PageIsNew(page) || index_page_kind(page) == INDEX_PAGE_FREE)
				return buffer;
			LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buffer);
	}
	return InvalidBuffer;
}

/* The generation tells a page from what was in the block before. */
static void
init_page(Page page, IndexPageKind kind, BlockNumber block, uint32 region, int next_generation)
{
	uint16		generation = PageIsNew(page) ? 1 : INDEX_SPECIAL(page)->generation + next_generation;

	index_page_init(page, kind, block, region);
	INDEX_SPECIAL(page)->generation = Max(generation, 1);
}

Buffer
index_new_page(GenericXLogState *state, Relation index, IndexPageKind kind, uint32 region, Page *page)
{
	Buffer		buffer = reuse_page(index);

	if (!BufferIsValid(buffer))
		buffer = index_extend(index);
	*page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
	init_page(*page, kind, BufferGetBlockNumber(buffer), region, 0);
	return buffer;
}

/*
 * index_reset() makes the meta page anew, then cuts the pages off.  After a crash in between they are still there, as nodes of
 * regions whose numbers will be given out again.
 */
void
index_free_leftovers(Relation index)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);

	if (blocks == INDEX_META_BLOCK + 1)
		return;
	for (BlockNumber block = INDEX_META_BLOCK + 1; block < blocks; block++)
	{
		Buffer		buffer = ReadBuffer(index, block);

		/* another session holds the lock: it has just added the page */
		if (!ConditionalLockBuffer(buffer))
		{
			ReleaseBuffer(buffer);
			continue;
		}
		if (!PageIsNew(BufferGetPage(buffer)) && index_page_kind(BufferGetPage(buffer)) != INDEX_PAGE_NULLS)
		{
			GenericXLogState *state = GenericXLogStart(index);

			init_page(GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE), INDEX_PAGE_FREE, block, INDEX_NO_REGION, 1);
			GenericXLogFinish(state);
			RecordFreeIndexPage(index, block);
		}
		UnlockReleaseBuffer(buffer);
	}
	IndexFreeSpaceMapVacuum(index);
}

/* The further pages of a node, each logged by itself. */
static void
new_more(Relation index, uint32 region, const IndexLayout *layout, BlockNumber *more)
{
	for (int i = 0; i < layout->pages - 1; i++)
	{
		GenericXLogState *state = GenericXLogStart(index);
		Page		page;
		Buffer		buffer = index_new_page(state, index, INDEX_PAGE_MORE, region, &page);

		GenericXLogFinish(state);
		more[i] = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/* The first page of a node without items; what points to it is changed in the same record. */
static Buffer
new_node(GenericXLogState *state, Relation index, IndexPageKind kind, uint32 region, const IndexLayout *layout, const BlockNumber *more,
		 Page *page)
{
	Buffer		buffer = index_new_page(state, index, kind, region, page);
	uint16		generation = INDEX_SPECIAL(*page)->generation;

	index_node_init(*page, kind, BufferGetBlockNumber(buffer), region, layout, more);
	INDEX_SPECIAL(*page)->generation = generation;
	return buffer;
}

/* The region's record in a page that is registered. */
static IndexRegion *
record_of(Page page, uint32 region)
{
	return &INDEX_REGIONS(page)[region % INDEX_REGIONS_PER_PAGE];
}

/* ---- directories ------------------------------------------------------------------------------------------------- */

BlockNumber
index_first_directory(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *layout)
{
	IndexRegion *record;
	Buffer		buffer = index_lock_region(index, meta, region, BUFFER_LOCK_EXCLUSIVE, &record);
	BlockNumber block = record->directory;

	/* another session may have been faster */
	if (!BlockNumberIsValid(block))
	{
		BlockNumber more[LIMIT_NODE_PAGES];
		GenericXLogState *state;
		Buffer		node;
		Page		page;

		new_more(index, region, layout, more);
		state = GenericXLogStart(index);
		node = new_node(state, index, INDEX_PAGE_DIRECTORY, region, layout, more, &page);
		block = BufferGetBlockNumber(node);
		record_of(GenericXLogRegisterBuffer(state, buffer, 0), region)->directory = block;
		GenericXLogFinish(state);
		UnlockReleaseBuffer(node);
	}
	UnlockReleaseBuffer(buffer);
	return block;
}

BlockNumber
index_append_directory(Relation index, Buffer buffer, uint32 region, const IndexLayout *layout)
{
	BlockNumber more[LIMIT_NODE_PAGES];
	GenericXLogState *state;
	BlockNumber block;
	Buffer		node;
	Page		page;

	new_more(index, region, layout, more);
	state = GenericXLogStart(index);
	node = new_node(state, index, INDEX_PAGE_DIRECTORY, region, layout, more, &page);
	block = BufferGetBlockNumber(node);
	INDEX_SPECIAL(GenericXLogRegisterBuffer(state, buffer, 0))->next = block;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(node);
	return block;
}

/* ---- leaves with free space -------------------------------------------------------------------------------------------- */

void
index_space_new_leaf(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *layout)
{
	IndexRegion *record;
	Buffer		buffer = index_lock_region(index, meta, region, BUFFER_LOCK_EXCLUSIVE, &record);

	if (!BlockNumberIsValid(record->space))
	{
		BlockNumber more[LIMIT_NODE_PAGES];
		GenericXLogState *state;
		Buffer		leaf;
		Page		page;

		new_more(index, region, layout, more);
		state = GenericXLogStart(index);
		leaf = new_node(state, index, INDEX_PAGE_LEAF, region, layout, more, &page);
		INDEX_NODE(page)->listed = 1;
		record_of(GenericXLogRegisterBuffer(state, buffer, 0), region)->space = BufferGetBlockNumber(leaf);
		GenericXLogFinish(state);
		UnlockReleaseBuffer(leaf);
	}
	UnlockReleaseBuffer(buffer);
}

void
index_space_add(Relation index, const IndexMeta *meta, Buffer leaf)
{
	uint32		region = INDEX_SPECIAL(BufferGetPage(leaf))->region;
	IndexRegion *record;
	Buffer		buffer = index_lock_region(index, meta, region, BUFFER_LOCK_EXCLUSIVE, &record);
	GenericXLogState *state = GenericXLogStart(index);
	Page		page = GenericXLogRegisterBuffer(state, leaf, 0);

	record = record_of(GenericXLogRegisterBuffer(state, buffer, 0), region);
	INDEX_NODE(page)->listed = 1;
	INDEX_SPECIAL(page)->next = record->space;
	record->space = BufferGetBlockNumber(leaf);
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

void
index_space_remove(Relation index, const IndexMeta *meta, Buffer leaf)
{
	uint32		region = INDEX_SPECIAL(BufferGetPage(leaf))->region;
	IndexRegion *record;
	Buffer		buffer = index_lock_region(index, meta, region, BUFFER_LOCK_EXCLUSIVE, &record);

	/* others may have been put before it meanwhile */
	if (record->space == BufferGetBlockNumber(leaf))
	{
		GenericXLogState *state = GenericXLogStart(index);
		Page		page = GenericXLogRegisterBuffer(state, leaf, 0);

		record_of(GenericXLogRegisterBuffer(state, buffer, 0), region)->space = INDEX_SPECIAL(page)->next;
		INDEX_NODE(page)->listed = 0;
		INDEX_SPECIAL(page)->next = InvalidBlockNumber;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(buffer);
}

static bool
is_listed(Page page, uint32 region)
{
	return INDEX_SPECIAL(page)->kind == INDEX_PAGE_LEAF && INDEX_SPECIAL(page)->region == region && INDEX_NODE(page)->listed;
}

Buffer
index_space_first(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *layout, BlockNumber first)
{
	Buffer		buffer = index_read_any(index, first, BUFFER_LOCK_EXCLUSIVE);
	IndexRegion *record;
	Buffer		region_buffer;
	bool		is_first;

	if (is_listed(BufferGetPage(buffer), region))
	{
		index_check_node(index, first, BufferGetPage(buffer), layout);
		return buffer;
	}
	/* Page and list change together: either it has been taken off meanwhile, or the index is corrupted. */
	region_buffer = index_lock_region(index, meta, region, BUFFER_LOCK_SHARE, &record);
	is_first = record->space == first;
	UnlockReleaseBuffer(region_buffer);
	UnlockReleaseBuffer(buffer);
	if (is_first)
		index_raise_corrupted(index, first, psprintf("The free-space list of region %u leads to it, but it is not on that list.", region));
	return InvalidBuffer;
}

/* ---- freeing ----------------------------------------------------------------------------------------------------- */

/*
 * A step along the list: *next is the leaf after block; before is the one before it, or InvalidBlockNumber.  *empty: if it has no
 * rows, it is to be taken off the list; out: whether it was.  Nobody puts a row into it then, since its generation differs from
 * that in the cells.  False: the list has changed meanwhile.
 */
static bool
follow_list(Relation index, const IndexMeta *meta, uint32 region, BlockNumber before, BlockNumber block, BlockNumber *next, bool *empty)
{
	Buffer		previous = InvalidBuffer;
	Buffer		buffer;
	Page		page;
	bool		followed = true;

	if (BlockNumberIsValid(before))
	{
		previous = index_read_any(index, before, BUFFER_LOCK_EXCLUSIVE);
		followed = is_listed(BufferGetPage(previous), region) && INDEX_SPECIAL(BufferGetPage(previous))->next == block;
	}
	buffer = index_read_any(index, block, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);
	followed = followed && is_listed(page, region);
	*next = INDEX_SPECIAL(page)->next;
	*empty = *empty && followed && INDEX_NODE(page)->count == INDEX_NODE(page)->free;
	if (*empty)
	{
		GenericXLogState *state = GenericXLogStart(index);
		Page		changed = GenericXLogRegisterBuffer(state, buffer, 0);
		IndexRegion *record;

		if (!BufferIsValid(previous))
		{
			previous = index_lock_region(index, meta, region, BUFFER_LOCK_EXCLUSIVE, &record);
			followed = record->space == block;
			record = record_of(GenericXLogRegisterBuffer(state, previous, 0), region);
			record->space = followed ? *next : record->space;
		}
		else
			INDEX_SPECIAL(GenericXLogRegisterBuffer(state, previous, 0))->next = *next;
		if (followed)
		{
			INDEX_SPECIAL(changed)->kind = INDEX_PAGE_EMPTIED;
			INDEX_SPECIAL(changed)->generation = Max((uint16) (INDEX_SPECIAL(changed)->generation + 1), 1);
			INDEX_SPECIAL(changed)->next = InvalidBlockNumber;
			INDEX_NODE(changed)->listed = 0;
			GenericXLogFinish(state);
		}
		else
			GenericXLogAbort(state);
		*empty = followed;
	}
	UnlockReleaseBuffer(buffer);
	if (BufferIsValid(previous))
		UnlockReleaseBuffer(previous);
	return followed;
}

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* Makes free items of the cells whose leaves are among these blocks, sorted. */
static void
free_cells(Relation index, BlockNumber block, uint32 region, const IndexLayout *directory, const BlockNumber *blocks, int count)
{
	IndexWalk	walk = {0};

	while (BlockNumberIsValid(block))
	{
		GenericXLogState *state = NULL;
		Buffer		buffer;
		Page		page;

		compat_vacuum_delay_point();
		index_walk(index, &walk, block);
		buffer = index_read(index, block, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_DIRECTORY);
		page = BufferGetPage(buffer);
		index_check_region(index, block, page, region);
		index_check_node(index, block, page, directory);
		for (int i = 0; i < INDEX_NODE(page)->count; i++)
		{
			BlockNumber leaf = ItemPointerGetBlockNumberNoCheck(&index_items(page, directory)[i].tid);

			if (!ItemPointerIsValid(&index_items(page, directory)[i].tid) ||
				bsearch(&leaf, blocks, count, sizeof leaf, compare_blocks) == NULL)
				continue;
			if (state == NULL)
			{
				state = GenericXLogStart(index);
				page = GenericXLogRegisterBuffer(state, buffer, 0);
			}
			ItemPointerSetInvalid(&index_items(page, directory)[i].tid);
			INDEX_NODE(page)->free++;
		}
		if (state != NULL)
			GenericXLogFinish(state);
		block = INDEX_SPECIAL(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
	}
}

/* The pages of an emptied leaf, the first one last: after a crash it still names the others. */
static void
free_leaf(Relation index, BlockNumber block)
{
	Buffer		buffer = index_read(index, block, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_EMPTIED);
	GenericXLogState *state;

	while (INDEX_NODE(BufferGetPage(buffer))->pages > 0)
	{
		IndexNode  *node = INDEX_NODE(BufferGetPage(buffer));
		BlockNumber more = node->more[node->pages - 1];
		Buffer		more_buffer = index_read(index, more, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_MORE);

		state = GenericXLogStart(index);
		INDEX_NODE(GenericXLogRegisterBuffer(state, buffer, 0))->pages--;
		init_page(GenericXLogRegisterBuffer(state, more_buffer, GENERIC_XLOG_FULL_IMAGE), INDEX_PAGE_FREE, more, INDEX_NO_REGION, 1);
		GenericXLogFinish(state);
		UnlockReleaseBuffer(more_buffer);
		RecordFreeIndexPage(index, more);
	}
	state = GenericXLogStart(index);
	init_page(GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE), INDEX_PAGE_FREE, block, INDEX_NO_REGION, 1);
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
	RecordFreeIndexPage(index, block);
}

static bool
is_emptied(Relation index, BlockNumber block)
{
	Buffer		buffer = index_read_any(index, block, BUFFER_LOCK_SHARE);
	bool		emptied = INDEX_SPECIAL(BufferGetPage(buffer))->kind == INDEX_PAGE_EMPTIED;

	UnlockReleaseBuffer(buffer);
	return emptied;
}

void
index_space_free_leaves(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *directory, BlockNumber *leaves,
						int count)
{
	IndexRegion *record;
	Buffer		buffer = index_lock_region(index, meta, region, BUFFER_LOCK_SHARE, &record);
	BlockNumber block = record->space;
	BlockNumber first_directory = record->directory;
	BlockNumber before = InvalidBlockNumber;
	BlockNumber next;
	IndexWalk	walk = {0};
	bool		followed = true;
	int			gone = 0;

	UnlockReleaseBuffer(buffer);
	qsort(leaves, count, sizeof *leaves, compare_blocks);
	for (; BlockNumberIsValid(block) && followed; block = next)
	{
		bool		wanted = bsearch(&block, leaves, count, sizeof block, compare_blocks) != NULL;

		compat_vacuum_delay_point();
		index_walk(index, &walk, block);
		followed = follow_list(index, meta, region, before, block, &next, &wanted);
		if (!wanted)
			before = block;
	}
	for (int i = 0; i < count; i++)
		if (is_emptied(index, leaves[i]))
			leaves[gone++] = leaves[i];
	/* First the pointers to them, then the pages: after a crash in between, the next vacuum goes on. */
	if (gone > 0)
		free_cells(index, first_directory, region, directory, leaves, gone);
	for (int i = 0; i < gone; i++)
		free_leaf(index, leaves[i]);
}
