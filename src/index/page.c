/*
 * page.c: pages and nodes: layout, checks, codes that cross pages.
 */
#include "postgres.h"

#include "access/genam.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "common/check.h"
#include "index/region.h"

/* ---- layout ------------------------------------------------------------------------------------------------------ */

#define NODE_CONTENTS MAXALIGN(SizeOfPageHeaderData)
#define DEFAULT_PREFIX 64

static int
codes_offset(int items, int capacity)
{
	return TYPEALIGN(INDEX_CACHE_LINE, items + capacity * (int) (sizeof(IndexItem) + sizeof(float)));
}

/* Items that fit into a node of so many pages. */
static int
node_capacity(int dimensions, int pages)
{
	int			items = NODE_CONTENTS + MAXALIGN(offsetof(IndexNode, more) + (pages - 1) * sizeof(BlockNumber));
	int			further = (pages - 1) * (INDEX_PAGE_END - INDEX_MORE_CODES);
	int			capacity = (INDEX_PAGE_END - items + further) / (dimensions + (int) (sizeof(IndexItem) + sizeof(float)));

	while (capacity > 0 && (codes_offset(items, capacity) > INDEX_PAGE_END ||
							(int64) capacity * dimensions > INDEX_PAGE_END - codes_offset(items, capacity) + further))
		capacity--;
	return capacity;
}

/* The fewest pages a node that waste less than a sixteenth, or the number that wastes least. */
void
index_layout(IndexLayout *layout, int dimensions)
{
	double		best = 0;

	layout->dimensions = dimensions;
	layout->pages = 1;
	layout->capacity = 0;
	for (int pages = 1; pages <= LIMIT_NODE_PAGES && best < 15.0 / 16; pages++)
	{
		int			capacity = node_capacity(dimensions, pages);
		double		used = capacity * (dimensions + 12.0) / (pages * (INDEX_PAGE_END - NODE_CONTENTS));

		if (used > best)
		{
			best = used;
			layout->pages = pages;
			layout->capacity = capacity;
		}
	}
	layout->items = NODE_CONTENTS + MAXALIGN(offsetof(IndexNode, more) + (layout->pages - 1) * sizeof(BlockNumber));
	layout->slacks = layout->items + layout->capacity * sizeof(IndexItem);
	layout->codes = codes_offset(layout->items, layout->capacity);
	layout->centre_pages = (dimensions + INDEX_FLOATS_PER_PAGE - 1) / INDEX_FLOATS_PER_PAGE;
}

int
index_default_prefix(int dimensions)
{
	return Min(dimensions, DEFAULT_PREFIX);
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

void
index_page_init(Page page, IndexPageKind kind, BlockNumber block, uint32 region)
{
	IndexSpecial *special;

	PageInit(page, BLCKSZ, sizeof(IndexSpecial));
	special = INDEX_SPECIAL(page);
	special->kind = kind;
	special->magic = INDEX_PAGE_MAGIC;
	special->next = InvalidBlockNumber;
	special->block = block;
	special->region = region;
	special->generation = 1;
	special->padding = 0;
	/* What lies between pd_lower and pd_upper is not logged.  By default that is nothing. */
	((PageHeader) page)->pd_lower = ((PageHeader) page)->pd_upper;
}

/* Up to the last byte of the codes on the first page. */
static void
set_lower(Page page, const IndexLayout *layout)
{
	int64		end = layout->codes + (int64) INDEX_NODE(page)->count * layout->dimensions;

	((PageHeader) page)->pd_lower = Min(end, INDEX_PAGE_END);
}

void
index_node_init(Page page, IndexPageKind kind, BlockNumber block, uint32 region, const IndexLayout *layout, const BlockNumber *more)
{
	IndexNode  *node;

	index_page_init(page, kind, block, region);
	node = INDEX_NODE(page);
	node->count = 0;
	node->free = 0;
	node->cells = 0;
	node->pages = layout->pages - 1;
	node->listed = 0;
	node->padding = 0;
	for (int i = 0; i < node->pages; i++)
		node->more[i] = more[i];
	set_lower(page, layout);
}

void
index_raise_corrupted(Relation index, BlockNumber block, const char *detail)
{
	check_index_corrupted(RelationGetRelationName(index), block, detail);
}

/* That it was written as this block, so that swapped pages are noticed. */
static void
check_identity(Relation index, BlockNumber block, Page page)
{
	if (unlikely(PageIsNew(page)))
		index_raise_corrupted(index, block, "The page is empty.");
	if (unlikely(PageGetSpecialSize(page) != MAXALIGN(sizeof(IndexSpecial)) || INDEX_SPECIAL(page)->magic != INDEX_PAGE_MAGIC))
		index_raise_corrupted(index, block, "It is not a page of a siamese index.");
	if (unlikely(INDEX_SPECIAL(page)->block != block))
		index_raise_corrupted(index, block, psprintf("It was written as block %u.", INDEX_SPECIAL(page)->block));
}

static void
check_kind(Relation index, BlockNumber block, Page page, IndexPageKind kind)
{
	if (unlikely(INDEX_SPECIAL(page)->kind != kind))
		index_raise_corrupted(index, block, psprintf("Its kind is %d, not %d.", INDEX_SPECIAL(page)->kind, kind));
}

void
index_check_page(Relation index, BlockNumber block, Page page, IndexPageKind kind)
{
	check_identity(index, block, page);
	check_kind(index, block, page, kind);
}

void
index_check_region(Relation index, BlockNumber block, Page page, uint32 region)
{
	if (unlikely(INDEX_SPECIAL(page)->region != region))
		index_raise_corrupted(index, block, psprintf("It belongs to region %u, not to %u.", INDEX_SPECIAL(page)->region, region));
}

void
index_check_node(Relation index, BlockNumber block, Page page, const IndexLayout *layout)
{
	const IndexNode *node = INDEX_NODE(page);

	if (unlikely(node->count > layout->capacity || node->free > node->count || node->pages != layout->pages - 1))
		index_raise_corrupted(index, block, "Its number of items or pages is invalid.");
}

bool
index_check_leaf(Relation index, const ItemPointerData *pointer, Page page, uint32 region, const IndexLayout *layout)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(pointer);

	check_identity(index, block, page);
	if (INDEX_SPECIAL(page)->generation != ItemPointerGetOffsetNumberNoCheck(pointer))
		return false;
	check_kind(index, block, page, INDEX_PAGE_LEAF);
	index_check_region(index, block, page, region);
	index_check_node(index, block, page, layout);
	return true;
}

void
index_walk(Relation index, IndexWalk *walk, BlockNumber block)
{
	if (unlikely(index_walk_returns(walk, block)))
		index_raise_corrupted(index, block, "Its chain returns to it.");
}

Buffer
index_read_any(Relation index, BlockNumber block, int lock)
{
	Buffer		buffer;

	/* ReadBuffer() would add a page */
	if (unlikely(!BlockNumberIsValid(block)))
		index_raise_corrupted(index, block, "A pointer to a page is invalid.");
	buffer = ReadBuffer(index, block);
	LockBuffer(buffer, lock);
	check_identity(index, block, BufferGetPage(buffer));
	return buffer;
}

Buffer
index_read(Relation index, BlockNumber block, int lock, IndexPageKind kind)
{
	Buffer		buffer = index_read_any(index, block, lock);

	check_kind(index, block, BufferGetPage(buffer), kind);
	return buffer;
}

Buffer
index_extend(Relation index)
{
	/* also an index of this transaction, which several processes may build */
	bool		shared = !RelationUsesLocalBuffers(index);
	Buffer		buffer;

	if (shared)
		LockRelationForExtension(index, ExclusiveLock);
	buffer = ReadBuffer(index, P_NEW);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (shared)
		UnlockRelationForExtension(index, ExclusiveLock);
	return buffer;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

int
index_code_part(const IndexLayout *layout, int item, int start, int *page, int *offset)
{
	int64		place = (int64) item * layout->dimensions + start;
	int			first = INDEX_PAGE_END - layout->codes;
	int			further = INDEX_PAGE_END - INDEX_MORE_CODES;
	int			left;

	if (place < first)
	{
		*page = 0;
		*offset = layout->codes + (int) place;
		left = first - (int) place;
	}
	else
	{
		place -= first;
		*page = 1 + (int) (place / further);
		*offset = INDEX_MORE_CODES + (int) (place % further);
		left = further - (int) (place % further);
	}
	return Min(left, layout->dimensions - start);
}

/* A further page of a node, whose lock covers this one's reading. */
static Buffer
read_more(Relation index, Page first, int page, int lock)
{
	BlockNumber block = INDEX_NODE(first)->more[page - 1];
	Buffer		buffer = index_read(index, block, lock, INDEX_PAGE_MORE);

	index_check_region(index, block, BufferGetPage(buffer), INDEX_SPECIAL(first)->region);
	return buffer;
}

void
index_node_sums(Relation index, Page page, const IndexLayout *layout, Metric metric, const uint8 *code, int count, uint32 *sums)
{
	const CodeKernels *kernels = code_kernels();
	void		(*sum) (const uint8_t *, const uint8_t *, int, size_t, int, uint32_t *);
	Buffer		more = InvalidBuffer;
	int			more_page = 0;

	sum = metric == METRIC_L1 ? kernels->l1 : kernels->l2_squared;
	memset(sums, 0, count * sizeof *sums);
	if (layout->pages == 1)
	{
		sum(code, (const uint8 *) page + layout->codes, layout->dimensions, layout->dimensions, count, sums);
		return;
	}
	for (int item = 0; item < count; item++)
		for (int start = 0; start < layout->dimensions;)
		{
			int			part_page;
			int			offset;
			int			length = index_code_part(layout, item, start, &part_page, &offset);
			Page		source = page;

			if (part_page > 0)
			{
				if (part_page != more_page)
				{
					if (more_page > 0)
						UnlockReleaseBuffer(more);
					more = read_more(index, page, part_page, BUFFER_LOCK_SHARE);
					more_page = part_page;
				}
				source = BufferGetPage(more);
			}
			sum(code + start, (const uint8 *) source + offset, length, length, 1, &sums[item]);
			start += length;
		}
	if (more_page > 0)
		UnlockReleaseBuffer(more);
}

void
index_node_code(Relation index, Page page, const IndexLayout *layout, int item, uint8 *code)
{
	for (int start = 0; start < layout->dimensions;)
	{
		int			part_page;
		int			offset;
		int			length = index_code_part(layout, item, start, &part_page, &offset);

		if (part_page == 0)
			memcpy(code + start, (char *) page + offset, length);
		else
		{
			Buffer		more = read_more(index, page, part_page, BUFFER_LOCK_SHARE);

			memcpy(code + start, (char *) BufferGetPage(more) + offset, length);
			UnlockReleaseBuffer(more);
		}
		start += length;
	}
}

void
index_node_put(Relation index, Buffer buffer, const IndexLayout *layout, int number, const IndexItem *item, float slack,
			   const uint8 *code)
{
	GenericXLogState *state = GenericXLogStart(index);
	Page		page = GenericXLogRegisterBuffer(state, buffer, 0);
	IndexNode  *node = INDEX_NODE(page);
	Buffer		more[MAX_GENERIC_XLOG_PAGES];
	int			used = 0;

	for (int start = 0; start < layout->dimensions;)
	{
		int			part_page;
		int			offset;
		int			length = index_code_part(layout, number, start, &part_page, &offset);
		Page		target = page;

		if (part_page > 0)
		{
			more[used] = read_more(index, page, part_page, BUFFER_LOCK_EXCLUSIVE);
			target = GenericXLogRegisterBuffer(state, more[used++], 0);
		}
		memcpy((char *) target + offset, code + start, length);
		start += length;
	}
	index_items(page, layout)[number] = *item;
	index_slacks(page, layout)[number] = slack;
	if (number == node->count)
	{
		node->count++;
		set_lower(page, layout);
	}
	else
		node->free--;
	if (INDEX_SPECIAL(page)->kind == INDEX_PAGE_LEAF && item->cell >= node->cells)
		node->cells = item->cell + 1;
	GenericXLogFinish(state);
	while (used > 0)
		UnlockReleaseBuffer(more[--used]);
}
