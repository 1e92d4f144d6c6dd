/*
 * build_write.c: writes a new index: leaves and directories region by region, then centres, regions and the meta page.
 *
 * Nobody else sees the index yet, so a node is filled in memory and copied to its pages when it is full, and all pages are
 * logged together at the end.  Several processes may write the nodes of one index, each those of its own regions.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "index/build.h"

typedef struct NodeBuilder
{
	IndexPageKind kind;
	const IndexLayout *layout;
	int			limit;			/* items */
	BlockNumber blocks[LIMIT_NODE_PAGES];	/* InvalidBlockNumber: none begun */
	char	   *images;			/* [pages, BLCKSZ] */
} NodeBuilder;

struct IndexWriter
{
	Relation	index;
	IndexMeta	meta;
	IndexLayout layout;
	IndexLayout directory_layout;
	Metric		metric;
	IndexAxes	axes;
	const float *centres;		/* [regions, n] */
	IndexRegion *regions;		/* [meta.regions] */
	NodeBuilder leaf;
	NodeBuilder directory;
	double		slack_sum;		/* of the region's cells, and their number */
	uint64		slack_count;
	Buffer		nulls;			/* newest page of NULLs, pinned */
};

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void
builder_init(IndexWriter *writer, NodeBuilder *builder, IndexPageKind kind, const IndexLayout *layout)
{
	builder->kind = kind;
	builder->layout = layout;
	builder->limit = Max(layout->capacity * (int) writer->meta.fill / 100, 1);
	builder->blocks[0] = InvalidBlockNumber;
	builder->images = palloc((Size) layout->pages * BLCKSZ);
}

/* Copies the node to its pages. */
static void
builder_end(IndexWriter *writer, NodeBuilder *builder)
{
	if (!BlockNumberIsValid(builder->blocks[0]))
		return;
	for (int i = 0; i < builder->layout->pages; i++)
	{
		Buffer		buffer = ReadBuffer(writer->index, builder->blocks[i]);

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		memcpy(BufferGetPage(buffer), builder->images + (Size) i * BLCKSZ, BLCKSZ);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
	builder->blocks[0] = InvalidBlockNumber;
}

static void
builder_begin(IndexWriter *writer, NodeBuilder *builder, uint32 region)
{
	BlockNumber blocks[LIMIT_NODE_PAGES];

	for (int i = 0; i < builder->layout->pages; i++)
	{
		Buffer		buffer = index_extend(writer->index);

		blocks[i] = BufferGetBlockNumber(buffer);
		index_page_init(BufferGetPage(buffer), i == 0 ? builder->kind : INDEX_PAGE_MORE, blocks[i], region);
		MarkBufferDirty(buffer);
		UnlockReleaseBuffer(buffer);
	}
	if (BlockNumberIsValid(builder->blocks[0]))
		INDEX_SPECIAL((Page) builder->images)->next = builder->kind == INDEX_PAGE_DIRECTORY ? blocks[0] : InvalidBlockNumber;
	builder_end(writer, builder);
	memcpy(builder->blocks, blocks, sizeof blocks);
	index_node_init((Page) builder->images, builder->kind, blocks[0], region, builder->layout, blocks + 1);
	for (int i = 1; i < builder->layout->pages; i++)
		index_page_init((Page) (builder->images + (Size) i * BLCKSZ), INDEX_PAGE_MORE, blocks[i], region);
}

static bool
builder_is_full(const NodeBuilder *builder)
{
	return !BlockNumberIsValid(builder->blocks[0]) || INDEX_NODE((Page) builder->images)->count >= builder->limit;
}

static void
builder_add(NodeBuilder *builder, const IndexItem *item, float slack, const uint8 *code)
{
	Page		page = (Page) builder->images;
	IndexNode  *node = INDEX_NODE(page);
	const IndexLayout *layout = builder->layout;

	for (int start = 0; start < layout->dimensions;)
	{
		int			part_page;
		int			offset;
		int			length = index_code_part(layout, node->count, start, &part_page, &offset);

		memcpy(builder->images + (Size) part_page * BLCKSZ + offset, code + start, length);
		start += length;
	}
	index_items(page, layout)[node->count] = *item;
	index_slacks(page, layout)[node->count] = slack;
	node->count++;
	((PageHeader) page)->pd_lower = Min(layout->codes + (int64) node->count * layout->dimensions, INDEX_PAGE_END);
}

/* ---- the writer -------------------------------------------------------------------------------------------------- */

IndexWriter *
index_writer_begin(Relation index, int fill)
{
	IndexWriter *writer = palloc0(sizeof *writer);
	Buffer		buffer = index_extend(index);

	Assert(BufferGetBlockNumber(buffer) == INDEX_META_BLOCK);
	index_meta_init(BufferGetPage(buffer), fill);
	writer->index = index;
	writer->meta = *INDEX_META(BufferGetPage(buffer));
	writer->nulls = InvalidBuffer;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	return writer;
}

/* For a worker, which writes nodes only; the leader has the meta page. */
IndexWriter *
index_writer_join(Relation index, int fill)
{
	IndexWriter *writer = palloc0(sizeof *writer);

	writer->index = index;
	writer->meta.fill = fill;
	writer->nulls = InvalidBuffer;
	return writer;
}

void
index_region_init(IndexRegion *region, float step)
{
	memset(region, 0, sizeof *region);
	region->step = step;
	region->directory = InvalidBlockNumber;
	region->space = InvalidBlockNumber;
}

void
index_writer_regions(IndexWriter *writer, const Embedding *like, const IndexAxes *axes, int prefix, const float *centres,
					 IndexRegion *regions, int count)
{
	writer->meta.dimensions = like->dimensions;
	writer->meta.axes = axes->count;
	writer->meta.outlier = axes->outlier;
	writer->meta.prefix = prefix;
	writer->meta.metric = like->metric;
	writer->meta.model = like->model;
	writer->metric = (Metric) like->metric;
	writer->axes = *axes;
	index_layout(&writer->layout, index_coded(&writer->meta));
	index_layout(&writer->directory_layout, prefix);
	builder_init(writer, &writer->leaf, INDEX_PAGE_LEAF, &writer->layout);
	builder_init(writer, &writer->directory, INDEX_PAGE_DIRECTORY, &writer->directory_layout);
	writer->centres = centres;
	writer->meta.regions = writer->meta.built_regions = count;
	writer->regions = regions;
}

void
index_writer_written(const IndexWriter *writer, uint64 *rows, uint64 *cells)
{
	*rows = writer->meta.built_rows;
	*cells = writer->meta.built_cells;
}

void
index_writer_add_written(IndexWriter *writer, uint64 rows, uint64 cells)
{
	writer->meta.built_rows += rows;
	writer->meta.built_cells += cells;
}

/* Writes one cell: rows order[first .. end - 1]; it may go on in a second leaf, as a second cell with the same centre. */
static void
write_cell(IndexWriter *writer, uint32 region, IndexVector *const *rows, const ItemPointerData *tids, const int *order, int first,
		   int end, uint8 *cell_code, uint8 *code, float *mean)
{
	int			n = writer->layout.dimensions;
	int			prefix = writer->directory_layout.dimensions;
	IndexRegion *record = &writer->regions[region];
	const float *centre = writer->centres + (Size) region * n;
	IndexItem	cell_item = {0};
	float		share = 1.0f / (end - first);

	memset(mean, 0, prefix * sizeof(float));
	for (int i = first; i < end; i++)
		for (int j = 0; j < prefix; j++)
			mean[j] += rows[order[i]]->x[j] * share;
	code_row(writer->metric, mean, 0, centre, record->step, prefix, cell_code, NULL);

	while (first < end)
	{
		float		cell_slack = 0;
		IndexNode  *node;

		if (builder_is_full(&writer->leaf) || INDEX_SPECIAL((Page) writer->leaf.images)->region != region)
			builder_begin(writer, &writer->leaf, region);
		node = INDEX_NODE((Page) writer->leaf.images);
		ItemPointerSet(&cell_item.tid, writer->leaf.blocks[0], INDEX_SPECIAL((Page) writer->leaf.images)->generation);
		cell_item.cell = node->cells++;
		do
		{
			int			row = order[first++];
			IndexItem	item;
			const float *vector = rows[row]->x;
			float		rounding = rows[row]->rounding;
			float		slack = code_row(writer->metric, vector, rounding, centre, record->step, n, code, NULL);
			float		distance;

			item.tid = tids[row];
			item.cell = cell_item.cell;
			builder_add(&writer->leaf, &item, slack, code);
			distance = code_row_distance(writer->metric, vector, rounding, centre, record->step, prefix, cell_code);
			cell_slack = Max(cell_slack, distance);
			memset(code, CODE_ZERO, n);
			distance = code_row_distance(writer->metric, vector, rounding, centre, record->step, n, code);
			record->radius = Max(record->radius, distance);
			writer->meta.built_rows++;
		} while (first < end && !builder_is_full(&writer->leaf));

		if (builder_is_full(&writer->directory) || INDEX_SPECIAL((Page) writer->directory.images)->region != region)
		{
			builder_begin(writer, &writer->directory, region);
			if (!BlockNumberIsValid(record->directory))
				record->directory = writer->directory.blocks[0];
		}
		builder_add(&writer->directory, &cell_item, cell_slack, cell_code);
		writer->meta.built_cells++;
		if (isfinite(cell_slack))
			writer->slack_sum += cell_slack;
		writer->slack_count++;
	}
}

void
index_writer_rows(IndexWriter *writer, uint32 region, IndexVector *const *rows, const ItemPointerData *tids, int count)
{
	int			n = writer->layout.dimensions;
	float	   *vectors = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * (Size) count * n);
	int		   *order = palloc(sizeof(int) * count);
	int		   *ends = palloc(sizeof(int) * count);
	uint8	   *codes = palloc(2 * (Size) n);
	float	   *mean = palloc(sizeof(float) * n);
	int			cells;

	for (int i = 0; i < count; i++)
		memcpy(vectors + (Size) i * n, rows[i]->x, sizeof(float) * n);
	cells = group_rows(vectors, count, n, order, ends);
	for (int i = 0; i < cells; i++)
	{
		CHECK_FOR_INTERRUPTS();
		write_cell(writer, region, rows, tids, order, i == 0 ? 0 : ends[i - 1], ends[i], codes, codes + n, mean);
	}
	pfree(vectors);
	pfree(order);
	pfree(ends);
	pfree(codes);
	pfree(mean);
}

void
index_writer_region_end(IndexWriter *writer, uint32 region)
{
	/* inserts fill the region's last leaf first */
	if (!builder_is_full(&writer->leaf))
	{
		INDEX_NODE((Page) writer->leaf.images)->listed = 1;
		writer->regions[region].space = writer->leaf.blocks[0];
	}
	builder_end(writer, &writer->leaf);
	builder_end(writer, &writer->directory);
	if (writer->slack_count > 0)
		writer->regions[region].typical = (float) (writer->slack_sum / writer->slack_count);
	writer->slack_sum = 0;
	writer->slack_count = 0;
}

void
index_writer_null(IndexWriter *writer, const ItemPointerData *tid)
{
	if (BufferIsValid(writer->nulls))
		LockBuffer(writer->nulls, BUFFER_LOCK_EXCLUSIVE);
	if (!BufferIsValid(writer->nulls) || index_null_count(BufferGetPage(writer->nulls)) == INDEX_NULLS_PER_PAGE)
	{
		if (BufferIsValid(writer->nulls))
			UnlockReleaseBuffer(writer->nulls);
		writer->nulls = index_extend(writer->index);
		index_page_init(BufferGetPage(writer->nulls), INDEX_PAGE_NULLS, BufferGetBlockNumber(writer->nulls), INDEX_NO_REGION);
		index_null_page_init(BufferGetPage(writer->nulls), writer->meta.nulls);
		writer->meta.nulls = writer->meta.nulls_space = BufferGetBlockNumber(writer->nulls);
	}
	index_null_put(BufferGetPage(writer->nulls), tid);
	MarkBufferDirty(writer->nulls);
	LockBuffer(writer->nulls, BUFFER_LOCK_UNLOCK);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* A new page at the end of a chain. */
static Buffer
chain_page(IndexWriter *writer, IndexPageKind kind, BlockNumber *first, BlockNumber *last)
{
	Buffer		buffer = index_extend(writer->index);
	BlockNumber block = BufferGetBlockNumber(buffer);

	index_page_init(BufferGetPage(buffer), kind, block, INDEX_NO_REGION);
	MarkBufferDirty(buffer);
	if (BlockNumberIsValid(*last))
	{
		Buffer		previous = ReadBuffer(writer->index, *last);

		LockBuffer(previous, BUFFER_LOCK_EXCLUSIVE);
		INDEX_SPECIAL(BufferGetPage(previous))->next = block;
		MarkBufferDirty(previous);
		UnlockReleaseBuffer(previous);
	}
	else
		*first = block;
	*last = block;
	return buffer;
}

static void
write_centres(IndexWriter *writer)
{
	int			n = writer->layout.dimensions;
	int			a_page = Max(INDEX_FLOATS_PER_PAGE / n, 1);
	BlockNumber first;

	for (uint32 i = 0; i < writer->meta.regions; i += a_page)
	{
		const float *source = writer->centres + (Size) i * n;
		Size		left = (Size) Min(a_page, writer->meta.regions - i) * n;

		for (int page = 0; page < writer->layout.centre_pages; page++)
		{
			Buffer		buffer = chain_page(writer, INDEX_PAGE_CENTRES, &first, &writer->meta.last_centres);
			Size		count = Min(left, (Size) INDEX_FLOATS_PER_PAGE);

			if (page == 0)
				for (uint32 j = 0; j < a_page && i + j < writer->meta.regions; j++)
				{
					writer->regions[i + j].centre = BufferGetBlockNumber(buffer);
					writer->regions[i + j].centre_number = j;
				}
			memcpy(PageGetContents(BufferGetPage(buffer)), source, count * sizeof(float));
			source += count;
			left -= count;
			UnlockReleaseBuffer(buffer);
		}
	}
}

static void
write_axes(IndexWriter *writer)
{
	Size		total = index_axes_floats(writer->meta.axes, writer->meta.dimensions);
	BlockNumber last = InvalidBlockNumber;

	for (Size done = 0; done < total; done += INDEX_FLOATS_PER_PAGE)
	{
		Buffer		buffer = chain_page(writer, INDEX_PAGE_AXES, &writer->meta.first_axes, &last);

		memcpy(PageGetContents(BufferGetPage(buffer)), writer->axes.mean + done,
			   Min(total - done, INDEX_FLOATS_PER_PAGE) * sizeof(float));
		UnlockReleaseBuffer(buffer);
	}
}

void
index_writer_end(IndexWriter *writer, const uint16 *recall)
{
	Buffer		buffer;

	if (BufferIsValid(writer->nulls))
		ReleaseBuffer(writer->nulls);
	if (writer->meta.dimensions > 0)
	{
		builder_end(writer, &writer->leaf);
		builder_end(writer, &writer->directory);
		write_axes(writer);
		write_centres(writer);
		for (uint32 i = 0; i < writer->meta.regions; i += INDEX_REGIONS_PER_PAGE)
		{
			buffer = chain_page(writer, INDEX_PAGE_REGIONS, &writer->meta.first_regions, &writer->meta.last_regions);
			memcpy(INDEX_REGIONS(BufferGetPage(buffer)), writer->regions + i,
				   Min(INDEX_REGIONS_PER_PAGE, writer->meta.regions - i) * sizeof(IndexRegion));
			UnlockReleaseBuffer(buffer);
		}
	}
	if (recall)
		memcpy(writer->meta.recall, recall, sizeof writer->meta.recall);
	buffer = ReadBuffer(writer->index, INDEX_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	*INDEX_META(BufferGetPage(buffer)) = writer->meta;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	if (RelationNeedsWAL(writer->index))
		log_newpage_range(writer->index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(writer->index), true);
}
