/*
 * insert.c: inserts a row.
 *
 * Radii grow before the row is there, each with a record of its own: whatever a crash or a concurrent scan sees in between,
 * bounds hold.  Locks: a leaf's before its directory's; the meta page's before that of a page of regions.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "distance/distance.h"
#include "index/insert_internal.h"

#define OUTLIERS_AT_ONCE 16
#define ROWS_PER_CELL 8			/* a leaf gets a new cell only if its cells have so many rows on average, but for the first ones */
#define FIRST_CELLS 16			/* this share of its items */

/* ---- cells ------------------------------------------------------------------------------------------------------- */

/* Puts a cell in its place among choices [count], nearest first, if it is near enough. */
static void
choose(Choice *choices, int count, const Choice *cell)
{
	int			place = count;

	while (place > 0 && cell->sum < choices[place - 1].sum)
		place--;
	if (place == count)
		return;
	memmove(choices + place + 1, choices + place, (count - 1 - place) * sizeof *choices);
	choices[place] = *cell;
}

/* The cells of a directory node, which is locked. */
static void
look_at_cells(Insertion *insertion, BlockNumber block, Page page, uint32 *sums)
{
	const IndexLayout *layout = &insertion->directory;
	Metric		metric = (Metric) insertion->row->metric;
	const IndexItem *items = index_items(page, layout);
	int			count = INDEX_NODE(page)->count;

	index_node_sums(insertion->index, page, layout, metric, insertion->code, count, sums);
	for (int i = 0; i < count; i++)
	{
		bool		near = sums[i] < insertion->choices[CHOICES - 1].sum;
		bool		in_listed = ItemPointerGetBlockNumberNoCheck(&items[i].tid) == insertion->record.space &&
			sums[i] < insertion->listed.sum;
		Choice		cell = {.directory = block, .item = i, .leaf = items[i].tid, .cell = items[i].cell, .sum = sums[i]};

		if (!(near || in_listed) || !ItemPointerIsValid(&items[i].tid))
			continue;
		cell.slack = index_slacks(page, layout)[i];
		/* the row is no farther from the cell's point than its own point, and that from it */
		cell.needed = nextafterf((float) ((code_distance(metric, sums[i]) + insertion->prefix_slack) * (1 + 1e-6)), INFINITY);
		choose(insertion->choices, CHOICES, &cell);
		if (in_listed)
			insertion->listed = cell;
	}
}

/* The nearest cells of the region, and where there is space for one more. */
static void
find_cells(Insertion *insertion)
{
	uint32	   *sums = palloc(sizeof(uint32) * insertion->directory.capacity);
	BlockNumber block = insertion->record.directory;
	bool		has_space = false;
	IndexWalk	walk = {0};

	insertion->listed = (Choice) {.directory = InvalidBlockNumber, .sum = UINT32_MAX};
	for (int i = 0; i < CHOICES; i++)
		insertion->choices[i] = insertion->listed;
	insertion->directory_space = InvalidBlockNumber;
	while (BlockNumberIsValid(block))
	{
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		index_walk(insertion->index, &walk, block);
		buffer = index_read(insertion->index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_DIRECTORY);
		page = BufferGetPage(buffer);
		index_check_region(insertion->index, block, page, insertion->region);
		index_check_node(insertion->index, block, page, &insertion->directory);
		look_at_cells(insertion, block, page, sums);
		if (!has_space)
			insertion->directory_space = block;
		has_space = has_space || index_has_space(INDEX_NODE(page), &insertion->directory);
		block = INDEX_SPECIAL(page)->next;
		UnlockReleaseBuffer(buffer);
	}
	pfree(sums);
}

/* With the cell's leaf locked, so that the cell is what it was when it was read. */
static void
grow_cell(Insertion *insertion, const Choice *choice)
{
	Buffer		buffer;

	if (choice->needed <= choice->slack)
		return;
	buffer = index_read(insertion->index, choice->directory, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_DIRECTORY);
	if (index_slacks(BufferGetPage(buffer), &insertion->directory)[choice->item] < choice->needed)
	{
		GenericXLogState *state = GenericXLogStart(insertion->index);
		Page		page = GenericXLogRegisterBuffer(state, buffer, 0);

		index_slacks(page, &insertion->directory)[choice->item] = choice->needed;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(buffer);
}

/* An item of a node, which is locked and has free space: a free one or a new one. */
static int
find_item(Relation index, Buffer buffer, const IndexLayout *layout)
{
	Page		page = BufferGetPage(buffer);
	int			count = INDEX_NODE(page)->count;
	const IndexItem *items = index_items(page, layout);
	int			place = count;

	if (INDEX_NODE(page)->free > 0)
	{
		for (place = 0; place < count && ItemPointerIsValid(&items[place].tid); place++)
			;
		if (place == count)
			index_raise_corrupted(index, BufferGetBlockNumber(buffer), "It has no free item, although its header says so.");
	}
	return place;
}

/* Puts the row into a leaf that is locked and has free space. */
static void
put_row(Insertion *insertion, Buffer buffer, uint16 cell)
{
	IndexItem	item = {insertion->tid, cell};

	index_node_put(insertion->index, buffer, &insertion->layout, find_item(insertion->index, buffer, &insertion->layout), &item,
				   insertion->slack, insertion->code);
}

/* The cell's leaf, exclusively locked, if it has free space. */
static Buffer
leaf_with_space(Insertion *insertion, const Choice *choice)
{
	Buffer		buffer;

	if (!BlockNumberIsValid(choice->directory))
		return InvalidBuffer;
	buffer = index_read_any(insertion->index, ItemPointerGetBlockNumberNoCheck(&choice->leaf), BUFFER_LOCK_EXCLUSIVE);
	if (index_check_leaf(insertion->index, &choice->leaf, BufferGetPage(buffer), insertion->region, &insertion->layout) &&
		index_has_space(INDEX_NODE(BufferGetPage(buffer)), &insertion->layout))
		return buffer;
	UnlockReleaseBuffer(buffer);
	return InvalidBuffer;
}

static bool
put_into_cell(Insertion *insertion, const Choice *choice)
{
	Buffer		buffer = leaf_with_space(insertion, choice);

	if (!BufferIsValid(buffer))
		return false;
	grow_cell(insertion, choice);
	put_row(insertion, buffer, choice->cell);
	UnlockReleaseBuffer(buffer);
	return true;
}

static bool
wants_cell(const Insertion *insertion, Page leaf)
{
	const IndexNode *node = INDEX_NODE(leaf);

	return node->cells < UINT16_MAX &&
		node->cells < 2 + insertion->layout.capacity / FIRST_CELLS + (node->count - node->free) / ROWS_PER_CELL;
}

/* A directory node with free space, exclusively locked: the one that was seen, or one after it. */
static Buffer
directory_with_space(Insertion *insertion)
{
	Relation	index = insertion->index;
	const IndexLayout *layout = &insertion->directory;
	BlockNumber block = insertion->directory_space;
	IndexWalk	walk = {0};

	if (!BlockNumberIsValid(block))
		block = index_first_directory(index, &insertion->meta, insertion->region, layout);
	for (;;)
	{
		Buffer		buffer = index_read(index, block, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_DIRECTORY);
		Page		page = BufferGetPage(buffer);

		index_walk(index, &walk, block);
		index_check_region(index, block, page, insertion->region);
		index_check_node(index, block, page, layout);
		if (index_has_space(INDEX_NODE(page), layout))
			return buffer;
		block = INDEX_SPECIAL(page)->next;
		if (!BlockNumberIsValid(block))
			block = index_append_directory(index, buffer, insertion->region, layout);
		UnlockReleaseBuffer(buffer);
	}
}

/* The row becomes a cell of its own, in a leaf that is locked and has free space: first its number, then the cell, then the row. */
static void
put_new_cell(Insertion *insertion, Buffer leaf)
{
	Relation	index = insertion->index;
	const IndexLayout *layout = &insertion->directory;
	IndexItem	item;
	Buffer		buffer;
	GenericXLogState *state;

	ItemPointerSet(&item.tid, BufferGetBlockNumber(leaf), INDEX_SPECIAL(BufferGetPage(leaf))->generation);
	item.cell = INDEX_NODE(BufferGetPage(leaf))->cells;

	/* The number is taken first: after a crash nobody takes it again. */
	state = GenericXLogStart(index);
	INDEX_NODE(GenericXLogRegisterBuffer(state, leaf, 0))->cells++;
	GenericXLogFinish(state);
	buffer = directory_with_space(insertion);
	index_node_put(index, buffer, layout, find_item(index, buffer, layout), &item, insertion->prefix_slack, insertion->code);
	UnlockReleaseBuffer(buffer);
	put_row(insertion, leaf, item.cell);
}

/* ---- the row ----------------------------------------------------------------------------------------------------- */

/* Into a near cell that does not become wider than usual, or as a new cell into the leaf of the nearest one. */
static bool
put_near(Insertion *insertion)
{
	Buffer		buffer;
	bool		done;

	for (int i = 0; i < CHOICES; i++)
	{
		const Choice *choice = &insertion->choices[i];

		if (choice->needed <= Max(choice->slack, insertion->record.typical) && put_into_cell(insertion, choice))
			return true;
	}
	buffer = leaf_with_space(insertion, &insertion->choices[0]);
	if (!BufferIsValid(buffer))
		return false;
	done = wants_cell(insertion, BufferGetPage(buffer));
	if (done)
		put_new_cell(insertion, buffer);
	UnlockReleaseBuffer(buffer);
	return done;
}

/* Into the first leaf with free space; false: there was none, or it was full or changed, and the caller must look again. */
static bool
put_into_listed_leaf(Insertion *insertion)
{
	BlockNumber first = insertion->record.space;
	Buffer		buffer;
	Page		page;
	bool		full;

	if (!BlockNumberIsValid(first))
	{
		index_space_new_leaf(insertion->index, &insertion->meta, insertion->region, &insertion->layout);
		return false;
	}
	buffer = index_space_first(insertion->index, &insertion->meta, insertion->region, &insertion->layout, first);
	if (!BufferIsValid(buffer))
		return false;
	page = BufferGetPage(buffer);
	full = !index_has_space(INDEX_NODE(page), &insertion->layout);
	if (full)
		index_space_remove(insertion->index, &insertion->meta, buffer);
	else if (wants_cell(insertion, page) || !BlockNumberIsValid(insertion->listed.directory))
		put_new_cell(insertion, buffer);
	else
	{
		UnlockReleaseBuffer(buffer);
		/* its cells are many for their rows: the nearest cell of all with free space, however wide it becomes */
		for (int i = 0; i < CHOICES; i++)
			if (put_into_cell(insertion, &insertion->choices[i]))
				return true;
		return put_into_cell(insertion, &insertion->listed);
	}
	UnlockReleaseBuffer(buffer);
	return !full;
}

static void
insert_row(Insertion *insertion)
{
	insert_find_region(insertion);
	do
	{
		insert_grow_region(insertion);
		find_cells(insertion);
	} while (!put_near(insertion) && !put_into_listed_leaf(insertion));
}

/* For index_stats: one of OUTLIERS_AT_ONCE is counted for all. */
static void
count_outlier(Insertion *insertion)
{
	Buffer		buffer;
	GenericXLogState *state;

	if (murmurhash32(ItemPointerGetBlockNumber(&insertion->tid) * MaxOffsetNumber + ItemPointerGetOffsetNumber(&insertion->tid)) %
		OUTLIERS_AT_ONCE != 0)
		return;
	buffer = index_read(insertion->index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	state = GenericXLogStart(insertion->index);
	INDEX_META(GenericXLogRegisterBuffer(state, buffer, 0))->outliers += OUTLIERS_AT_ONCE;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

bool
index_am_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap, IndexUniqueCheck check_unique,
			 bool unchanged, struct IndexInfo *info)
{
	Insertion	insertion = {.index = index, .tid = *tid};
	MemoryContext context;
	MemoryContext previous;
	IndexAxes	axes;
	bool		outlier;
	int			n;

	if (isnull[0])
	{
		index_null_insert(index, tid);
		return false;
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "siamese index insert", ALLOCSET_SMALL_SIZES);
	previous = MemoryContextSwitchTo(context);
	insertion.row = DatumGetEmbedding(values[0]);
	index_read_meta(index, &insertion.meta);
	if (insertion.meta.dimensions > 0)
		index_check_embedding(index, &insertion.meta, insertion.row);
	axes = index_cache_axes(index_cache(index, &insertion.meta));
	n = axes.count > 0 ? axes.count : insertion.row->dimensions;
	index_layout(&insertion.layout, n);
	index_layout(&insertion.directory, insertion.meta.dimensions > 0 ? insertion.meta.prefix : index_default_prefix(n));
	insertion.vector = palloc(sizeof(float) * n);
	insertion.rounding = index_vector(&axes, insertion.row, insertion.vector);
	insertion.centre = palloc(sizeof(float) * n);
	insertion.code = palloc(n);
	/* the axes point into the cache, which the next call may free */
	outlier = index_is_outlier(&axes, insertion.row, insertion.vector);
	insert_row(&insertion);
	if (outlier)
		count_outlier(&insertion);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	return false;
}
