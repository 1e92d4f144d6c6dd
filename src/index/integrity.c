/*
 * integrity.c: siamese.index_check(): reads a whole index and reports every inconsistency.
 *
 * Everything that a search relies on is verified: chains, nodes, that each row's cell is in the directory of its region, and
 * that slacks and radii are large enough, as far as codes tell.  With the heap, each row must be in the index under its TID,
 * once, and within its slack.  Writers wait meanwhile, but not on a standby.
 */
#include "postgres.h"

#include <math.h>

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "common/check.h"
#include "common/compat.h"
#include "index/index.h"
#include "index/region.h"

PG_FUNCTION_INFO_V1(siamese_index_check);

/* Slacks are sums in double, rounded up once; all else is exact. */
#define TOLERANCE 1.00001

/* A row as the index has it. */
typedef struct Entry
{
	ItemPointerData tid;
	uint16		item;
	BlockNumber leaf;			/* InvalidBlockNumber: NULL */
} Entry;

/* A cell, to look up those of rows. */
typedef struct Cell
{
	BlockNumber leaf;
	uint16		generation;		/* of the leaf */
	uint16		cell;
	uint32		region;
	BlockNumber directory;
	int			item;
	float		slack;
} Cell;

typedef struct Check
{
	Relation	index;
	ReturnSetInfo *result;
	MemoryContext context;		/* for one page */
	BlockNumber blocks;
	uint8	   *reached;		/* a bit a block */
	IndexMeta	meta;
	IndexLayout layout;
	IndexLayout directory;
	Metric		metric;
	IndexRegion *regions;
	Cell	   *cells;
	int64		cell_count;
	int64		cell_space;
	Entry	   *entries;
	int64		entry_count;
	int64		entry_space;
} Check;

static void
report(Check *check, BlockNumber block, const char *format,...) __attribute__((format(printf, 3, 4)));

static void
report(Check *check, BlockNumber block, const char *format,...)
{
	Datum		values[2];
	bool		nulls[2] = {!BlockNumberIsValid(block), false};
	char		text[256];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	values[0] = Int64GetDatum(block);
	values[1] = CStringGetTextDatum(text);
	tuplestore_putvalues(check->result->setResult, check->result->setDesc, values, nulls);
}

static void
copy_page(Check *check, BlockNumber block, Page copy)
{
	Buffer		buffer = ReadBuffer(check->index, block);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
}

/* A copy of a page if it is one of this kind and was not reached before; NULL after a report. */
static Page
get_page(Check *check, BlockNumber block, IndexPageKind kind, BlockNumber from)
{
	Page		page = palloc(BLCKSZ);

	CHECK_FOR_INTERRUPTS();
	if (block >= check->blocks)
	{
		report(check, from, "it points to block %u, beyond the end of the index", block);
		return NULL;
	}
	if (check->reached[block / 8] & (1 << block % 8))
	{
		report(check, block, "it is reached twice, the second time from block %u", from);
		return NULL;
	}
	check->reached[block / 8] |= 1 << block % 8;
	copy_page(check, block, page);
	if (index_page_kind(page) == 0)
		report(check, block, "it is not a page of a siamese index");
	else if (INDEX_SPECIAL(page)->block != block)
		report(check, block, "it was written as block %u", INDEX_SPECIAL(page)->block);
	else if (INDEX_SPECIAL(page)->kind != kind)
		report(check, block, "its kind is %d, not %d", INDEX_SPECIAL(page)->kind, kind);
	else
		return page;
	return NULL;
}

static bool
check_owner(Check *check, BlockNumber block, Page page, uint32 region)
{
	if (INDEX_SPECIAL(page)->region != region)
		report(check, block, "it belongs to region %u, not to %u", INDEX_SPECIAL(page)->region, region);
	return INDEX_SPECIAL(page)->region == region;
}

/* The node's first page, its further ones marked as reached; NULL after a report. */
static Page
get_node(Check *check, BlockNumber block, IndexPageKind kind, uint32 region, BlockNumber from)
{
	Page		page = get_page(check, block, kind, from);
	const IndexLayout *layout = kind == INDEX_PAGE_LEAF ? &check->layout : &check->directory;
	IndexNode  *node;

	if (page == NULL)
		return NULL;
	node = INDEX_NODE(page);
	if (node->count > layout->capacity || node->free > node->count || node->pages != layout->pages - 1)
	{
		report(check, block, "its number of items or pages is invalid");
		return NULL;
	}
	if (!check_owner(check, block, page, region))
		return NULL;
	for (int i = 0; i < node->pages; i++)
	{
		Page		more = get_page(check, node->more[i], INDEX_PAGE_MORE, block);

		if (more == NULL || !check_owner(check, node->more[i], more, region))
			return NULL;
	}
	return page;
}

static void
add_entry(Check *check, const ItemPointerData *tid, BlockNumber leaf, int item)
{
	if (check->entry_count == check->entry_space)
	{
		check->entry_space = Max(check->entry_space * 2, 1024);
		check->entries = check->entries ? repalloc_huge(check->entries, sizeof(Entry) * check->entry_space) :
			MemoryContextAllocHuge(GetMemoryChunkContext(check->reached), sizeof(Entry) * check->entry_space);
	}
	check->entries[check->entry_count].tid = *tid;
	check->entries[check->entry_count].leaf = leaf;
	check->entries[check->entry_count++].item = item;
}

static void
add_cell(Check *check, const Cell *cell)
{
	if (check->cell_count == check->cell_space)
	{
		check->cell_space = Max(check->cell_space * 2, 1024);
		check->cells = check->cells ? repalloc_huge(check->cells, sizeof(Cell) * check->cell_space) :
			MemoryContextAllocHuge(GetMemoryChunkContext(check->reached), sizeof(Cell) * check->cell_space);
	}
	check->cells[check->cell_count++] = *cell;
}

static int
compare_cells(const void *a, const void *b)
{
	const Cell *x = a;
	const Cell *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	return (int) x->cell - (int) y->cell;
}

static int
compare_entries(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) &((const Entry *) a)->tid, (ItemPointer) &((const Entry *) b)->tid);
}

static double
distance_of_codes(const Check *check, const uint8 *a, const uint8 *b, int n)
{
	uint32		sum = 0;

	(check->metric == METRIC_L1 ? code_kernels()->l1 : code_kernels()->l2_squared) (a, b, n, n, 1, &sum);
	return code_distance(check->metric, sum);
}

/* ---- directories ------------------------------------------------------------------------------------------------- */

static void
check_directory(Check *check, uint32 region)
{
	BlockNumber block = check->regions[region].directory;
	BlockNumber from = check->meta.first_regions;

	while (BlockNumberIsValid(block))
	{
		Page		page = get_node(check, block, INDEX_PAGE_DIRECTORY, region, from);

		int			free = 0;

		if (page == NULL)
			return;
		for (int i = 0; i < INDEX_NODE(page)->count; i++)
		{
			const IndexItem *item = &index_items(page, &check->directory)[i];
			Cell		cell = {ItemPointerGetBlockNumberNoCheck(&item->tid), ItemPointerGetOffsetNumberNoCheck(&item->tid), item->cell,
			region, block, i, index_slacks(page, &check->directory)[i]};

			if (!ItemPointerIsValid(&item->tid))
			{
				free++;
				continue;
			}
			if (!(cell.slack >= 0))
				report(check, block, "cell %d has an invalid slack", i);
			if (cell.leaf >= check->blocks)
				report(check, block, "cell %d points to block %u, beyond the end of the index", i, cell.leaf);
			else
				add_cell(check, &cell);
		}
		if (free != INDEX_NODE(page)->free)
			report(check, block, "%d of its items are free, but its header says %d", free, INDEX_NODE(page)->free);
		from = block;
		block = INDEX_SPECIAL(page)->next;
	}
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

static void
check_row(Check *check, Page page, const Cell *cells, int64 cell_count, BlockNumber block, int place, Page *directory,
		  BlockNumber *directory_block, uint8 *code, uint8 *cell_code)
{
	const IndexItem *item = &index_items(page, &check->layout)[place];
	float		slack = index_slacks(page, &check->layout)[place];
	const Cell *cell = NULL;

	add_entry(check, &item->tid, block, place);
	if (!(slack >= 0))
		report(check, block, "row %d has an invalid slack", place);
	for (int64 i = 0; i < cell_count && cell == NULL; i++)
		if (cells[i].cell == item->cell)
			cell = &cells[i];
	if (cell == NULL)
	{
		report(check, block, "row %d belongs to cell %u, which is in no directory", place, item->cell);
		return;
	}
	index_node_code(check->index, page, &check->layout, place, code);
	if (*directory_block != cell->directory)
	{
		copy_page(check, cell->directory, *directory);
		*directory_block = cell->directory;
	}
	index_node_code(check->index, *directory, &check->directory, cell->item, cell_code);
	if (distance_of_codes(check, code, cell_code, check->directory.dimensions) - slack > cell->slack * TOLERANCE)
		report(check, block, "row %d is farther from its cell than the cell's slack", place);
	memset(cell_code, CODE_ZERO, check->layout.dimensions);
	if (distance_of_codes(check, code, cell_code, check->layout.dimensions) - slack > check->regions[cell->region].radius * TOLERANCE)
		report(check, block, "row %d is farther from its region's centre than the region's radius", place);
}

static void
check_leaf(Check *check, const Cell *cells, int64 cell_count, Page directory, uint8 *code, uint8 *cell_code)
{
	BlockNumber block = cells[0].leaf;
	BlockNumber directory_block = InvalidBlockNumber;
	Page		copy = palloc(BLCKSZ);
	Page		page;
	int			free = 0;

	copy_page(check, block, copy);
	/* left by a vacuum that was interrupted; the next one frees it */
	if (index_page_kind(copy) == INDEX_PAGE_EMPTIED)
		return;
	page = get_node(check, block, INDEX_PAGE_LEAF, cells[0].region, cells[0].directory);
	if (page == NULL)
		return;
	for (int64 i = 0; i < cell_count; i++)
	{
		if (cells[i].region != cells[0].region)
			report(check, cells[i].directory, "a cell points to block %u of another region", block);
		if (cells[i].generation != INDEX_SPECIAL(page)->generation)
			report(check, cells[i].directory, "a cell points to an earlier generation of block %u", block);
		if (cells[i].cell >= INDEX_NODE(page)->cells)
			report(check, cells[i].directory, "a cell of block %u has the number %u, but there are %u", block, cells[i].cell,
				   INDEX_NODE(page)->cells);
		if (i > 0 && cells[i].cell == cells[i - 1].cell)
			report(check, cells[i].directory, "cell %u of block %u appears twice", cells[i].cell, block);
	}
	for (int i = 0; i < INDEX_NODE(page)->count; i++)
		if (ItemPointerIsValid(&index_items(page, &check->layout)[i].tid))
			check_row(check, page, cells, cell_count, block, i, &directory, &directory_block, code, cell_code);
		else
			free++;
	if (free != INDEX_NODE(page)->free)
		report(check, block, "%d of its items are free, but its header says %d", free, INDEX_NODE(page)->free);
}

static void
check_leaves(Check *check)
{
	uint8	   *codes = palloc(2 * check->layout.dimensions + 1);
	Page		directory = palloc(BLCKSZ);
	MemoryContext previous = MemoryContextSwitchTo(check->context);

	if (check->cell_count > 0)
		qsort(check->cells, check->cell_count, sizeof(Cell), compare_cells);
	for (int64 first = 0, end; first < check->cell_count; first = end)
	{
		for (end = first + 1; end < check->cell_count && check->cells[end].leaf == check->cells[first].leaf; end++)
			;
		check_leaf(check, check->cells + first, end - first, directory, codes, codes + check->layout.dimensions);
		MemoryContextReset(check->context);
	}
	MemoryContextSwitchTo(previous);
}

/* A region's leaves with free space, where inserts put rows. */
static void
check_free_space(Check *check, uint32 region)
{
	BlockNumber block = check->regions[region].space;
	BlockNumber from = check->meta.first_regions;
	Page		page = palloc(BLCKSZ);
	IndexWalk	walk = {0};

	for (; BlockNumberIsValid(block); from = block, block = INDEX_SPECIAL(page)->next)
	{
		const char *problem = NULL;

		CHECK_FOR_INTERRUPTS();
		if (block >= check->blocks)
			problem = "the next leaf of the free-space list does not exist";
		else if (index_walk_returns(&walk, from))
			problem = "the free-space list returns to it";
		else
		{
			copy_page(check, block, page);
			if (index_page_kind(page) != INDEX_PAGE_LEAF || INDEX_SPECIAL(page)->region != region || !INDEX_NODE(page)->listed)
				problem = "the next leaf of the free-space list is not one";
		}
		if (problem != NULL)
		{
			report(check, from, "%s (region %u)", problem, region);
			return;
		}
	}
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void
check_nulls(Check *check)
{
	BlockNumber from = INDEX_META_BLOCK;
	bool		found_space = !BlockNumberIsValid(check->meta.nulls_space);

	for (BlockNumber block = check->meta.nulls; BlockNumberIsValid(block);)
	{
		Page		page = get_page(check, block, INDEX_PAGE_NULLS, from);
		int			count;

		if (page == NULL)
			return;
		found_space = found_space || block == check->meta.nulls_space;
		count = index_null_count(page);
		if (count < 0 || count > INDEX_NULLS_PER_PAGE)
			report(check, block, "its number of items is invalid");
		else
			for (int i = 0; i < count; i++)
				add_entry(check, &INDEX_NULLS(page)[i], InvalidBlockNumber, i);
		from = block;
		block = INDEX_SPECIAL(page)->next;
		pfree(page);
	}
	if (!found_space)
		report(check, INDEX_META_BLOCK, "the page of NULLs with free space, %u, is not in the chain", check->meta.nulls_space);
}

/* The bounds rely on the map making no distance longer.  False: the map cannot be read, nor rows be compared. */
static bool
check_axes(Check *check)
{
	int			n = check->meta.dimensions;
	Size		total = index_axes_floats(check->meta.axes, n);
	float	   *values = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * total);
	BlockNumber block = check->meta.first_axes;
	BlockNumber from = INDEX_META_BLOCK;

	for (Size done = 0; done < total; done += INDEX_FLOATS_PER_PAGE)
	{
		Page		page = get_page(check, block, INDEX_PAGE_AXES, from);

		if (page == NULL)
			return false;
		memcpy(values + done, PageGetContents(page), Min(total - done, INDEX_FLOATS_PER_PAGE) * sizeof(float));
		from = block;
		block = INDEX_SPECIAL(page)->next;
		pfree(page);
	}
	if (total > 0 && !(index_axes_stretch(values + n, check->meta.axes, n) <= 1))
		report(check, check->meta.first_axes, "the axes make distances longer");
	pfree(values);
	return true;
}

/* Leaves with rows to which no directory points.  Pages without rows may be left by a crash, and harm nothing. */
static void
check_unreached(Check *check)
{
	Page		page = palloc(BLCKSZ);

	for (BlockNumber block = INDEX_META_BLOCK + 1; block < check->blocks; block++)
	{
		IndexPageKind kind;

		CHECK_FOR_INTERRUPTS();
		if (check->reached[block / 8] & (1 << block % 8))
			continue;
		copy_page(check, block, page);
		kind = index_page_kind(page);
		if (PageIsNew(page))
			continue;
		if (kind == 0 || kind > INDEX_PAGE_LAST)
			report(check, block, "it is not a page of a siamese index");
		else if ((kind == INDEX_PAGE_LEAF && INDEX_NODE(page)->count > INDEX_NODE(page)->free) ||
				 (kind == INDEX_PAGE_NULLS && index_null_count(page) > 0))
			report(check, block, "it has rows, but nothing points to it");
	}
	pfree(page);
}

static void
check_twice(Check *check)
{
	if (check->entry_count > 0)
		qsort(check->entries, check->entry_count, sizeof(Entry), compare_entries);
	for (int64 i = 1; i < check->entry_count; i++)
		if (compare_entries(&check->entries[i - 1], &check->entries[i]) == 0)
			report(check, check->entries[i].leaf, "the row (%u,%u) appears twice",
				   ItemPointerGetBlockNumberNoCheck(&check->entries[i].tid), ItemPointerGetOffsetNumberNoCheck(&check->entries[i].tid));
}

/* ---- with the heap ----------------------------------------------------------------------------------------------- */

static void
check_heap_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *argument)
{
	Check	   *check = argument;
	Entry		wanted = {.tid = *tid};
	const Entry *entry = check->entry_count == 0 ? NULL :
		bsearch(&wanted, check->entries, check->entry_count, sizeof(Entry), compare_entries);
	MemoryContext previous;
	Embedding  *row;
	Buffer		buffer;
	Page		page;
	uint8	   *code;
	float	   *vector;
	double		rounding;
	int			n = check->layout.dimensions;

	if (entry == NULL || isnull[0] != !BlockNumberIsValid(entry->leaf))
	{
		report(check, InvalidBlockNumber, "the row (%u,%u) is not in the index%s", ItemPointerGetBlockNumberNoCheck(tid),
			   ItemPointerGetOffsetNumberNoCheck(tid), entry == NULL ? "" : isnull[0] ? " as a NULL" : " with a value");
		return;
	}
	if (isnull[0])
		return;
	previous = MemoryContextSwitchTo(check->context);
	row = DatumGetEmbedding(values[0]);
	if (row->dimensions != check->meta.dimensions || row->model != check->meta.model || row->metric != check->meta.metric)
		report(check, entry->leaf, "row %u belongs to another model", entry->item);
	else
	{
		/* only now: reading the value, perhaps from a TOAST table, may free the cache */
		const IndexCache *cache = index_cache(check->index, &check->meta);
		IndexAxes	axes = index_cache_axes(cache);
		const float *centre;
		uint32		region;

		buffer = index_read(check->index, entry->leaf, BUFFER_LOCK_SHARE, INDEX_PAGE_LEAF);
		page = BufferGetPage(buffer);
		code = palloc(n);
		vector = palloc(sizeof(float) * n);
		rounding = index_vector(&axes, row, vector);
		index_node_code(check->index, page, &check->layout, entry->item, code);
		region = INDEX_SPECIAL(page)->region;
		centre = index_cache_centre(cache, region);
		if (code_row_distance(check->metric, vector, 0, centre, check->regions[region].step, n, code) -
			rounding / check->regions[region].step > index_slacks(page, &check->layout)[entry->item] * TOLERANCE)
			report(check, entry->leaf, "row %u is farther from the heap's value than its slack", entry->item);
		UnlockReleaseBuffer(buffer);
	}
	MemoryContextSwitchTo(previous);
	MemoryContextReset(check->context);
}

static void
check_heap(Check *check, Relation heap, Snapshot snapshot)
{
	struct IndexInfo *info = BuildIndexInfo(check->index);
	TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, true);

	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	info->ii_Concurrent = true;	/* by the snapshot, as the second phase of CREATE INDEX CONCURRENTLY does */
	table_index_build_scan(heap, check->index, info, true, false, check_heap_row, check, scan);
}

Datum
siamese_index_check(PG_FUNCTION_ARGS)
{
	bool		with_heap = PG_GETARG_BOOL(1);
	IndexInspection inspection;
	Check		check = {0};
	Snapshot	snapshot;

	InitMaterializedSRF(fcinfo, 0);
	index_inspect_begin(&inspection, PG_GETARG_OID(0), RecoveryInProgress() ? AccessShareLock : ShareLock);
	check.index = inspection.index;
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	check.result = (ReturnSetInfo *) fcinfo->resultinfo;
	check.context = AllocSetContextCreate(CurrentMemoryContext, "siamese index check", ALLOCSET_DEFAULT_SIZES);
	check.blocks = RelationGetNumberOfBlocks(check.index);
	check.reached = palloc0(check.blocks / 8 + 1);
	index_read_meta(check.index, &check.meta);
	check.metric = (Metric) check.meta.metric;
	if (check.meta.dimensions > 0)
	{
		index_layout(&check.layout, index_coded(&check.meta));
		index_layout(&check.directory, check.meta.prefix);
		check.regions = index_read_regions(check.index, &check.meta);
		with_heap &= check_axes(&check);
	}
	for (uint32 i = 0; i < check.meta.regions; i++)
	{
		MemoryContext previous = MemoryContextSwitchTo(check.context);

		check_directory(&check, i);
		check_free_space(&check, i);
		MemoryContextSwitchTo(previous);
		MemoryContextReset(check.context);
	}
	check_leaves(&check);
	check_nulls(&check);
	check_unreached(&check);
	check_twice(&check);
	if (with_heap)
		check_heap(&check, inspection.heap, snapshot);

	UnregisterSnapshot(snapshot);
	index_inspect_end(&inspection);
	return (Datum) 0;
}
