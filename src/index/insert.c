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
#include "index/index.h"
#include "index/region.h"

#define CHOICES 4				/* nearest cells whose leaves are tried */
#define CLIPPED_TOO_MUCH 4		/* times the error of rounding: such a row founds a region */
#define REACH_OF_NEW 2			/* the box of a new region extends so many times the distance to the nearest centre */
#define OUTLIERS_AT_ONCE 16
#define ROWS_PER_CELL 8			/* a leaf gets a new cell only if its cells have so many rows on average, but for the first ones */
#define FIRST_CELLS 16			/* this share of its items */

typedef struct Choice
{
	BlockNumber directory;		/* node and item of the cell; InvalidBlockNumber: none */
	int			item;
	ItemPointerData leaf;		/* its pointer */
	uint16		cell;
	uint32		sum;			/* of its code and the row's; UINT32_MAX: none */
	float		slack;			/* the cell's now, and with the row */
	float		needed;
} Choice;

typedef struct Insertion
{
	Relation	index;
	IndexMeta	meta;
	IndexLayout layout;
	IndexLayout directory;
	const Embedding *row;
	ItemPointerData tid;
	float	   *vector;			/* [n] */
	double		rounding;		/* of it */
	uint32		region;
	float		step;
	float	   *centre;			/* [n] */
	uint8	   *code;			/* [n] of the row in the region */
	float		slack;
	float		prefix_slack;		/* of the code's prefix */
	float		clipped;
	float		radius;			/* the row's distance to the centre, in units */
	IndexRegion record;			/* a copy */
	Choice		choices[CHOICES];	/* the nearest cells, nearest first */
	Choice		listed;			/* the nearest one in the first leaf of the free-space list */
	BlockNumber directory_space; /* a directory node with free space, or the last one; InvalidBlockNumber: there is none */
} Insertion;

/* ---- regions ----------------------------------------------------------------------------------------------------- */

static void
code_for_region(Insertion *insertion)
{
	int			n = insertion->layout.dimensions;
	Metric		metric = (Metric) insertion->row->metric;

	memset(insertion->code, CODE_ZERO, n);
	insertion->radius = code_row_distance(metric, insertion->vector, insertion->rounding, insertion->centre, insertion->step, n,
										  insertion->code);
	insertion->slack = code_row(metric, insertion->vector, insertion->rounding, insertion->centre, insertion->step, n,
								insertion->code, &insertion->clipped);
	insertion->prefix_slack = code_row_distance(metric, insertion->vector, insertion->rounding, insertion->centre, insertion->step,
											  insertion->directory.dimensions, insertion->code);
}

/* The nearest region; false if there is none. */
static bool
choose_region(Insertion *insertion)
{
	const IndexCache *cache = index_cache(insertion->index, &insertion->meta);
	int			n = insertion->layout.dimensions;
	double		least = INFINITY;

	if (cache == NULL || cache->regions == 0)
		return false;
	insertion->region = 0;
	for (uint32 i = 0; i < cache->regions; i++)
	{
		double		distance = distance_kernels()->l2_squared(insertion->vector, index_cache_centre(cache, i), n);

		if (distance < least)
		{
			least = distance;
			insertion->region = i;
		}
	}
	insertion->step = cache->values[insertion->region];
	memcpy(insertion->centre, index_cache_centre(cache, insertion->region), sizeof(float) * n);
	code_for_region(insertion);
	return true;
}

/* Writes the floats of a centre to pages of their own. */
static BlockNumber
write_centre(Relation index, const float *centre, int n)
{
	BlockNumber next = InvalidBlockNumber;

	/* from the last page to the first, so that each can be linked to the one after it */
	for (int start = (n - 1) / INDEX_FLOATS_PER_PAGE * INDEX_FLOATS_PER_PAGE; start >= 0; start -= INDEX_FLOATS_PER_PAGE)
	{
		GenericXLogState *state = GenericXLogStart(index);
		Page		page;
		Buffer		buffer = index_new_page(state, index, INDEX_PAGE_CENTRES, INDEX_NO_REGION, &page);

		memcpy(PageGetContents(page), centre + start, Min(n - start, INDEX_FLOATS_PER_PAGE) * sizeof(float));
		INDEX_SPECIAL(page)->next = next;
		GenericXLogFinish(state);
		next = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
	}
	return next;
}

/* The number of regions is limited, so that their pages do not outgrow the rows. */
static bool
may_found_region(const IndexMeta *meta)
{
	return meta->regions < LIMIT_REGIONS && meta->regions < 2 * meta->built_regions + 16;
}

/*
 * The row becomes the centre of a new region.  Its box extends twice as far as the nearest centre (or zero) is: the best guess of
 * the scale of what comes next.
 */
static void
found_region(Insertion *insertion, double reach)
{
	Relation	index = insertion->index;
	int			n = insertion->layout.dimensions;
	IndexRegion record = {0};
	Buffer		meta_buffer;
	Buffer		buffer;
	Buffer		previous = InvalidBuffer;
	IndexMeta  *meta;
	Page		page;
	GenericXLogState *state;

	memcpy(insertion->centre, insertion->vector, sizeof(float) * n);
	insertion->step = index_step(reach * REACH_OF_NEW, insertion->centre, n);

	/* One session at a time; the others choose again. */
	meta_buffer = index_read(index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	meta = INDEX_META(BufferGetPage(meta_buffer));
	if (meta->regions != insertion->meta.regions || meta->dimensions != insertion->meta.dimensions)
	{
		insertion->meta = *meta;
		UnlockReleaseBuffer(meta_buffer);
		index_check_embedding(index, &insertion->meta, insertion->row);
		index_layout(&insertion->directory, insertion->meta.prefix);
		choose_region(insertion);
		return;
	}
	if (meta->regions == 0)
		index_free_leftovers(index);
	insertion->region = meta->regions;
	record.step = insertion->step;
	record.centre = write_centre(index, insertion->centre, n);
	record.directory = record.space = InvalidBlockNumber;

	state = GenericXLogStart(index);
	meta = INDEX_META(GenericXLogRegisterBuffer(state, meta_buffer, 0));
	if (meta->regions % INDEX_REGIONS_PER_PAGE == 0)
	{
		buffer = index_new_page(state, index, INDEX_PAGE_REGIONS, INDEX_NO_REGION, &page);
		if (BlockNumberIsValid(meta->last_regions))
		{
			previous = index_read(index, meta->last_regions, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_REGIONS);
			INDEX_SPECIAL(GenericXLogRegisterBuffer(state, previous, 0))->next = BufferGetBlockNumber(buffer);
		}
		else
			meta->first_regions = BufferGetBlockNumber(buffer);
		meta->last_regions = BufferGetBlockNumber(buffer);
	}
	else
	{
		buffer = index_read(index, meta->last_regions, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_REGIONS);
		page = GenericXLogRegisterBuffer(state, buffer, 0);
	}
	INDEX_REGIONS(page)[meta->regions % INDEX_REGIONS_PER_PAGE] = record;
	meta->dimensions = insertion->row->dimensions;
	meta->prefix = insertion->directory.dimensions;
	meta->metric = insertion->row->metric;
	meta->model = insertion->row->model;
	meta->regions++;
	GenericXLogFinish(state);
	if (BufferIsValid(previous))
		UnlockReleaseBuffer(previous);
	insertion->meta = *INDEX_META(BufferGetPage(meta_buffer));
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(meta_buffer);
	code_for_region(insertion);
}

static double
largest(const float *values, const float *from, int n)
{
	double		most = 0;

	for (int i = 0; i < n; i++)
		most = Max(most, fabs(values[i] - (from ? (double) from[i] : 0)));
	return most;
}

static void
find_region(Insertion *insertion)
{
	int			n = insertion->layout.dimensions;
	float		rounding = insertion->row->metric == METRIC_L1 ? n / 2.0f : sqrtf((float) n) / 2;

	if (!choose_region(insertion))
		found_region(insertion, largest(insertion->vector, NULL, n));
	else if (insertion->clipped > CLIPPED_TOO_MUCH * rounding && may_found_region(&insertion->meta))
		found_region(insertion, largest(insertion->vector, insertion->centre, n));
}

static void
grow_region(Insertion *insertion)
{
	IndexRegion *record;
	Buffer		buffer = index_lock_region(insertion->index, &insertion->meta, insertion->region, BUFFER_LOCK_SHARE, &record);
	bool		grow = record->radius < insertion->radius;

	insertion->record = *record;
	UnlockReleaseBuffer(buffer);
	if (!grow)
		return;
	buffer = index_lock_region(insertion->index, &insertion->meta, insertion->region, BUFFER_LOCK_EXCLUSIVE, &record);
	if (record->radius < insertion->radius)
	{
		GenericXLogState *state = GenericXLogStart(insertion->index);
		Page		page = GenericXLogRegisterBuffer(state, buffer, 0);

		INDEX_REGIONS(page)[insertion->region % INDEX_REGIONS_PER_PAGE].radius = insertion->radius;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(buffer);
}

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
	find_region(insertion);
	do
	{
		grow_region(insertion);
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
