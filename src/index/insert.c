/*
 * insert.c: a row into the index.
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

#define CHOICES 4				/* near cells whose leaves are tried */
#define CLIPPED_TOO_MUCH 4		/* times what rounding takes: such a row founds a region */
#define REACH_OF_NEW 2			/* a new region's box reaches so many times as far as the nearest centre */
#define STRAYS_AT_ONCE 16
#define ROWS_PER_CELL 4			/* a leaf gets no new cell unless its cells have that many rows, but for the first two */

typedef struct Choice
{
	BlockNumber directory;		/* node and item of the cell; InvalidBlockNumber: none */
	int			item;
	BlockNumber leaf;
	uint16		cell;
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
	float		head_slack;		/* of the code's head */
	float		clipped;
	float		radius;			/* the row's distance to the centre, in units */
	IndexRegion record;			/* a copy */
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
	insertion->head_slack = code_row_distance(metric, insertion->vector, insertion->rounding, insertion->centre, insertion->step,
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

/* A page at the end of a chain: prepared in memory, linked by the caller's record. */
static Buffer
new_page(GenericXLogState *state, Relation index, IndexPageKind kind, Page *page)
{
	Buffer		buffer = index_extend(index);

	*page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);
	index_page_init(*page, kind);
	return buffer;
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
		Buffer		buffer = new_page(state, index, INDEX_PAGE_CENTRES, &page);

		memcpy(PageGetContents(page), centre + start, Min(n - start, INDEX_FLOATS_PER_PAGE) * sizeof(float));
		INDEX_SPECIAL(page)->next = next;
		GenericXLogFinish(state);
		next = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
	}
	return next;
}

/* A new node without items; returns its first block. */
static BlockNumber
new_node(Relation index, const IndexLayout *layout, IndexPageKind kind, uint32 region)
{
	BlockNumber more[LIMIT_NODE_PAGES];
	BlockNumber block;
	GenericXLogState *state;
	Page		page;
	Buffer		buffer;

	for (int i = 0; i < layout->pages - 1; i++)
	{
		state = GenericXLogStart(index);
		buffer = new_page(state, index, INDEX_PAGE_MORE, &page);
		GenericXLogFinish(state);
		more[i] = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
	}
	state = GenericXLogStart(index);
	buffer = new_page(state, index, kind, &page);
	index_node_init(page, kind, layout, region, more);
	GenericXLogFinish(state);
	block = BufferGetBlockNumber(buffer);
	UnlockReleaseBuffer(buffer);
	return block;
}

/* The regions that inserts may found: their pages must not outgrow the rows. */
static bool
may_found_region(const IndexMeta *meta)
{
	return meta->regions < LIMIT_REGIONS && meta->regions < 2 * meta->built_regions + 16;
}

/*
 * The row becomes the centre of a new region.  Its box reaches twice as far as the nearest centre (or zero) is: what
 * comes next is of that scale, as far as one can know.
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

	/* One session at a time; the others look again. */
	meta_buffer = index_read(index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	meta = INDEX_META(BufferGetPage(meta_buffer));
	if (meta->regions != insertion->meta.regions || meta->dimensions != insertion->meta.dimensions)
	{
		insertion->meta = *meta;
		UnlockReleaseBuffer(meta_buffer);
		index_check_embedding(index, &insertion->meta, insertion->row);
		index_layout(&insertion->directory, insertion->meta.head);
		choose_region(insertion);
		return;
	}
	insertion->region = meta->regions;
	record.step = insertion->step;
	record.centre = write_centre(index, insertion->centre, n);
	record.directory = record.last_directory = new_node(index, &insertion->directory, INDEX_PAGE_DIRECTORY, insertion->region);
	record.last_leaf = InvalidBlockNumber;

	state = GenericXLogStart(index);
	meta = INDEX_META(GenericXLogRegisterBuffer(state, meta_buffer, 0));
	if (meta->regions % INDEX_REGIONS_PER_PAGE == 0)
	{
		buffer = new_page(state, index, INDEX_PAGE_REGIONS, &page);
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
	meta->head = insertion->directory.dimensions;
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

/* Notes the last directory node or leaf of the region, where the next insert looks first. */
static void
set_last(Insertion *insertion, BlockNumber directory, BlockNumber leaf)
{
	IndexRegion *record;
	Buffer		buffer = index_lock_region(insertion->index, &insertion->meta, insertion->region, BUFFER_LOCK_EXCLUSIVE, &record);
	GenericXLogState *state = GenericXLogStart(insertion->index);
	Page		page = GenericXLogRegisterBuffer(state, buffer, 0);

	record = &INDEX_REGIONS(page)[insertion->region % INDEX_REGIONS_PER_PAGE];
	if (BlockNumberIsValid(directory))
		insertion->record.last_directory = record->last_directory = directory;
	if (BlockNumberIsValid(leaf))
		insertion->record.last_leaf = record->last_leaf = leaf;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

/* The nearest cells of the region, nearest first. */
static void
find_cells(Insertion *insertion, Choice *choices)
{
	const IndexLayout *layout = &insertion->directory;
	Metric		metric = (Metric) insertion->row->metric;
	uint32	   *sums = palloc(sizeof(uint32) * layout->capacity);
	uint32		best[CHOICES];
	BlockNumber block = insertion->record.directory;

	for (int i = 0; i < CHOICES; i++)
	{
		best[i] = UINT32_MAX;
		choices[i].directory = InvalidBlockNumber;
	}
	while (BlockNumberIsValid(block))
	{
		Buffer		buffer = index_read(insertion->index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_DIRECTORY);
		Page		page = BufferGetPage(buffer);
		const IndexItem *items = index_items(page, layout);
		int			count;

		CHECK_FOR_INTERRUPTS();
		index_check_node(insertion->index, block, page, layout);
		count = INDEX_NODE(page)->count;
		index_node_sums(insertion->index, page, layout, metric, insertion->code, count, sums);
		for (int i = 0; i < count; i++)
		{
			int			place = CHOICES;

			while (place > 0 && sums[i] < best[place - 1])
				place--;
			if (place == CHOICES)
				continue;
			memmove(best + place + 1, best + place, (CHOICES - 1 - place) * sizeof *best);
			memmove(choices + place + 1, choices + place, (CHOICES - 1 - place) * sizeof *choices);
			best[place] = sums[i];
			choices[place].directory = block;
			choices[place].item = i;
			choices[place].leaf = ItemPointerGetBlockNumberNoCheck(&items[i].tid);
			choices[place].cell = items[i].cell;
			choices[place].slack = index_slacks(page, layout)[i];
			/* the row is no farther from the cell's point than its own point, and that from it */
			choices[place].needed = nextafterf((float) ((code_distance(metric, sums[i]) + insertion->head_slack) * (1 + 1e-6)), INFINITY);
		}
		block = INDEX_SPECIAL(page)->next;
		UnlockReleaseBuffer(buffer);
	}
	pfree(sums);
}

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

/* Puts the row into a leaf that is locked and has room. */
static void
put_row(Insertion *insertion, Buffer buffer, uint16 cell)
{
	Page		page = BufferGetPage(buffer);
	IndexItem	item = {insertion->tid, cell};
	int			place = INDEX_NODE(page)->count;

	if (INDEX_NODE(page)->free > 0)
	{
		const IndexItem *items = index_items(page, &insertion->layout);

		for (place = 0; place < INDEX_NODE(page)->count && ItemPointerIsValid(&items[place].tid); place++)
			;
		if (place == INDEX_NODE(page)->count)
			index_raise_corrupted(insertion->index, BufferGetBlockNumber(buffer), "It has no free item, though it says so.");
	}
	index_node_put(insertion->index, buffer, &insertion->layout, place, &item, insertion->slack, insertion->code);
}

/* The leaf, exclusively locked, if it has room. */
static Buffer
leaf_with_room(Insertion *insertion, BlockNumber block)
{
	Buffer		buffer = index_read(insertion->index, block, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_LEAF);
	IndexNode  *node = INDEX_NODE(BufferGetPage(buffer));

	index_check_node(insertion->index, block, BufferGetPage(buffer), &insertion->layout);
	if (node->free > 0 || node->count < insertion->layout.capacity)
		return buffer;
	UnlockReleaseBuffer(buffer);
	return InvalidBuffer;
}

static bool
put_into_cell(Insertion *insertion, const Choice *choice)
{
	Buffer		buffer;

	/* Grown before the leaf is locked: a leaf's lock comes before a directory's. */
	grow_cell(insertion, choice);
	buffer = leaf_with_room(insertion, choice->leaf);
	if (!BufferIsValid(buffer))
		return false;
	put_row(insertion, buffer, choice->cell);
	UnlockReleaseBuffer(buffer);
	return true;
}

static bool
wants_cell(const IndexNode *node)
{
	return node->cells < UINT16_MAX && node->cells < 2 + (node->count - node->free) / ROWS_PER_CELL;
}

/* The region's first directory node; regions without rows have none. */
static BlockNumber
first_directory(Insertion *insertion)
{
	IndexRegion *record;
	Buffer		buffer = index_lock_region(insertion->index, &insertion->meta, insertion->region, BUFFER_LOCK_EXCLUSIVE, &record);
	BlockNumber block = record->directory;

	/* another session may have been faster */
	if (!BlockNumberIsValid(block))
	{
		GenericXLogState *state;
		Page		page;

		block = new_node(insertion->index, &insertion->directory, INDEX_PAGE_DIRECTORY, insertion->region);
		state = GenericXLogStart(insertion->index);
		page = GenericXLogRegisterBuffer(state, buffer, 0);
		record = &INDEX_REGIONS(page)[insertion->region % INDEX_REGIONS_PER_PAGE];
		record->directory = record->last_directory = block;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(buffer);
	insertion->record.directory = insertion->record.last_directory = block;
	return block;
}

/* The row becomes a cell of its own, in a leaf that is locked and has room: first the cell's number, then the cell, then the row. */
static void
put_new_cell(Insertion *insertion, Buffer leaf)
{
	Relation	index = insertion->index;
	const IndexLayout *layout = &insertion->directory;
	BlockNumber block = insertion->record.last_directory;
	IndexItem	item;
	Buffer		buffer;
	GenericXLogState *state;

	ItemPointerSet(&item.tid, BufferGetBlockNumber(leaf), 1);
	item.cell = INDEX_NODE(BufferGetPage(leaf))->cells;

	/* The number is taken first: after a crash nobody takes it again. */
	state = GenericXLogStart(index);
	INDEX_NODE(GenericXLogRegisterBuffer(state, leaf, 0))->cells++;
	GenericXLogFinish(state);
	if (!BlockNumberIsValid(block))
		block = first_directory(insertion);
	for (;;)
	{
		Page		page;

		buffer = index_read(index, block, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_DIRECTORY);
		page = BufferGetPage(buffer);
		index_check_node(index, block, page, layout);
		if (INDEX_NODE(page)->count < layout->capacity)
			break;
		if (BlockNumberIsValid(INDEX_SPECIAL(page)->next))
			block = INDEX_SPECIAL(page)->next;
		else
		{
			block = new_node(index, layout, INDEX_PAGE_DIRECTORY, insertion->region);
			state = GenericXLogStart(index);
			INDEX_SPECIAL(GenericXLogRegisterBuffer(state, buffer, 0))->next = block;
			GenericXLogFinish(state);
		}
		UnlockReleaseBuffer(buffer);
	}
	index_node_put(index, buffer, layout, INDEX_NODE(BufferGetPage(buffer))->count, &item, insertion->head_slack, insertion->code);
	UnlockReleaseBuffer(buffer);
	put_row(insertion, leaf, item.cell);
	if (block != insertion->record.last_directory)
		set_last(insertion, block, InvalidBlockNumber);
}

/* ---- the row ----------------------------------------------------------------------------------------------------- */

static void
insert_row(Insertion *insertion)
{
	Choice		choices[CHOICES];
	Buffer		buffer = InvalidBuffer;
	BlockNumber leaf;

	find_region(insertion);
	grow_region(insertion);
	find_cells(insertion, choices);

	/* A cell that the row fits into without making it wider than usual. */
	for (int i = 0; i < CHOICES && BlockNumberIsValid(choices[i].directory); i++)
		if (choices[i].needed <= Max(choices[i].slack, insertion->record.typical) && put_into_cell(insertion, &choices[i]))
			return;

	/* Else a new one, in the nearest leaf or in the last, unless they have many cells for their rows. */
	leaf = BlockNumberIsValid(choices[0].directory) ? choices[0].leaf : insertion->record.last_leaf;
	for (int i = 0; i < 2 && BlockNumberIsValid(leaf); i++, leaf = insertion->record.last_leaf)
	{
		buffer = leaf_with_room(insertion, leaf);
		if (!BufferIsValid(buffer))
			continue;
		if (wants_cell(INDEX_NODE(BufferGetPage(buffer))))
		{
			put_new_cell(insertion, buffer);
			UnlockReleaseBuffer(buffer);
			return;
		}
		UnlockReleaseBuffer(buffer);
	}

	/* Else the nearest cell with room, however wide it becomes. */
	for (int i = 0; i < CHOICES && BlockNumberIsValid(choices[i].directory); i++)
		if (put_into_cell(insertion, &choices[i]))
			return;

	leaf = new_node(insertion->index, &insertion->layout, INDEX_PAGE_LEAF, insertion->region);
	buffer = leaf_with_room(insertion, leaf);
	put_new_cell(insertion, buffer);
	UnlockReleaseBuffer(buffer);
	set_last(insertion, InvalidBlockNumber, leaf);
}

/* For index_stats: one of some is counted, for them all. */
static void
count_stray(Insertion *insertion)
{
	Buffer		buffer;
	GenericXLogState *state;

	if (murmurhash32(ItemPointerGetBlockNumber(&insertion->tid) * MaxOffsetNumber + ItemPointerGetOffsetNumber(&insertion->tid)) %
		STRAYS_AT_ONCE != 0)
		return;
	buffer = index_read(insertion->index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	state = GenericXLogStart(insertion->index);
	INDEX_META(GenericXLogRegisterBuffer(state, buffer, 0))->strays += STRAYS_AT_ONCE;
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
	bool		stray;
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
	index_layout(&insertion.directory, insertion.meta.dimensions > 0 ? insertion.meta.head : index_default_head(n));
	insertion.vector = palloc(sizeof(float) * n);
	insertion.rounding = index_vector(&axes, insertion.row, insertion.vector);
	insertion.centre = palloc(sizeof(float) * n);
	insertion.code = palloc(n);
	/* the axes are the cache's: what comes now may let it go */
	stray = index_is_stray(&axes, insertion.row, insertion.vector);
	insert_row(&insertion);
	if (stray)
		count_stray(&insertion);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	return false;
}
