/*
 * page.h: pages of an index as they are stored, and functions on pages and nodes; see README.md, "Pages".
 */
#ifndef SIAMESE_INDEX_PAGE_H
#define SIAMESE_INDEX_PAGE_H

#include "postgres.h"

#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#include "common/limits.h"
#include "distance/code.h"

/* ---- pages ------------------------------------------------------------------------------------------------------- */

typedef enum IndexPageKind
{
	INDEX_PAGE_META = 1,
	INDEX_PAGE_REGIONS,
	INDEX_PAGE_CENTRES,
	INDEX_PAGE_DIRECTORY,		/* first page of a node of cells */
	INDEX_PAGE_LEAF,			/* first page of a node of rows */
	INDEX_PAGE_MORE,			/* further page of a node */
	INDEX_PAGE_NULLS,
	INDEX_PAGE_AXES,
	INDEX_PAGE_EMPTIED,			/* first page of a leaf that vacuum is about to free: cells may still point to it */
	INDEX_PAGE_FREE
} IndexPageKind;

#define INDEX_PAGE_LAST INDEX_PAGE_FREE

#define INDEX_PAGE_MAGIC 0x51A5

typedef struct IndexSpecial
{
	uint16		kind;			/* IndexPageKind */
	uint16		magic;			/* INDEX_PAGE_MAGIC */
	BlockNumber next;			/* of the chain (leaves: of the free-space list), InvalidBlockNumber at its end */
	BlockNumber block;			/* the page's own number */
	uint32		region;			/* whose node's page it is, or INDEX_NO_REGION */
	uint16		generation;		/* another one when vacuum has freed the page; never 0 */
	uint16		padding;
} IndexSpecial;

#define INDEX_NO_REGION UINT32_MAX

#define INDEX_SPECIAL(page) ((IndexSpecial *) PageGetSpecialPointer(page))
#define INDEX_PAGE_END (BLCKSZ - MAXALIGN(sizeof(IndexSpecial)))

/* The kind of any page; 0: it is none of an index of this access method. */
static inline IndexPageKind
index_page_kind(Page page)
{
	if (PageIsNew(page) || PageGetSpecialSize(page) != MAXALIGN(sizeof(IndexSpecial)) || INDEX_SPECIAL(page)->magic != INDEX_PAGE_MAGIC)
		return (IndexPageKind) 0;
	return (IndexPageKind) INDEX_SPECIAL(page)->kind;
}

#define INDEX_META_BLOCK 0
/* "SIA" and a digit, the version of the format: whoever changes what pages hold takes the next one. */
#define INDEX_FORMAT 4
#define INDEX_MAGIC_OF(format) (0x53494130 + (format))
#define INDEX_MAGIC INDEX_MAGIC_OF(INDEX_FORMAT)
#define INDEX_RECALL_STEPS 32

typedef struct IndexMeta
{
	uint32		magic;
	uint16		dimensions;		/* 0: no row so far */
	uint16		axes;			/* dimensions of the projections that are coded; 0: the vectors themselves are */
	uint16		prefix;			/* so many of what is coded, the first, the codes of cells have */
	uint8		metric;
	uint8		resets;		/* counts how often the index was emptied */
	float		outlier;			/* IndexAxes has it */
	uint64		model;			/* fingerprint, 0: unbound */
	uint32		regions;
	uint32		built_regions;	/* by the build */
	uint64		built_rows;
	uint64		built_cells;
	uint64		outliers;			/* inserted ones, about */
	BlockNumber first_axes;		/* chains; any may be absent */
	BlockNumber first_regions;
	BlockNumber last_regions;
	BlockNumber last_centres;
	BlockNumber nulls;			/* newest page first */
	BlockNumber nulls_space;		/* where the search for free space begins */
	uint32		fill;			/* fillfactor of the build */
	/* recall [i]: share of the ten nearest rows that the nearest 2^(i/2) regions hold, in 1/65535; 0: unknown */
	uint16		recall[INDEX_RECALL_STEPS];
} IndexMeta;

#define INDEX_META(page) ((IndexMeta *) PageGetContents(page))

/* The dimensions of the codes of rows, and of centres. */
static inline int
index_coded(const IndexMeta *meta)
{
	return meta->axes > 0 ? meta->axes : meta->dimensions;
}

typedef struct IndexRegion
{
	float		step;
	float		radius;			/* most distance of a row to the centre, rounded up */
	float		typical;		/* slack of a usual cell, in units */
	BlockNumber directory;		/* first node of its cells, InvalidBlockNumber: it has had no row so far */
	BlockNumber space;			/* first leaf of its free-space list, InvalidBlockNumber: none */
	BlockNumber centre;			/* page where its floats begin */
	uint32		centre_number;	/* on that page */
} IndexRegion;

#define INDEX_REGIONS_PER_PAGE ((INDEX_PAGE_END - MAXALIGN(SizeOfPageHeaderData)) / sizeof(IndexRegion))
#define INDEX_REGIONS(page) ((IndexRegion *) PageGetContents(page))
#define INDEX_FLOATS_PER_PAGE ((int) ((INDEX_PAGE_END - MAXALIGN(SizeOfPageHeaderData)) / sizeof(float)))

/* A node: its first page. */
typedef struct IndexNode
{
	uint16		count;			/* items in use, free ones among them */
	uint16		free;			/* items of removed rows, or of cells whose leaf was freed */
	uint16		cells;			/* leaves: the number that the next cell gets */
	uint16		pages;			/* further ones */
	uint16		listed;			/* leaves: 1 if it is on the region's free-space list */
	uint16		padding;
	BlockNumber more[LIMIT_NODE_PAGES - 1];
} IndexNode;

#define INDEX_NODE(page) ((IndexNode *) PageGetContents(page))

/* An item of a leaf is a row, one of a directory a cell. */
typedef struct IndexItem
{
	ItemPointerData tid;		/* the row, or the leaf's block and generation; invalid: free */
	uint16		cell;			/* within its leaf */
} IndexItem;

/* Of nodes; follows from the dimensions of their codes: a leaf's are index_coded(), a directory's the prefix's. */
typedef struct IndexLayout
{
	int			dimensions;
	int			capacity;		/* items of a node */
	int			pages;			/* of a node, the first included */
	int			items;			/* offsets on the first page: IndexItem [capacity], float slack [capacity], codes */
	int			slacks;
	int			codes;
	int			centre_pages;	/* of a centre */
} IndexLayout;

#define INDEX_MOST_ITEMS (BLCKSZ / 13)	/* of a node, which has 12 bytes and a dimension at least for each */
#define INDEX_MORE_CODES 64		/* offset of the codes on the further pages of a node */
#define INDEX_CACHE_LINE 64

/* The rows of the page of NULLs. */
#define INDEX_NULLS_PER_PAGE ((INDEX_PAGE_END - MAXALIGN(SizeOfPageHeaderData)) / sizeof(ItemPointerData))
#define INDEX_NULLS(page) ((ItemPointerData *) PageGetContents(page))

/* ---- page.c ------------------------------------------------------------------------------------------------------ */

extern void index_layout(IndexLayout *layout, int dimensions);
extern int	index_default_prefix(int dimensions);	/* while no row tells better */

#define INDEX_ROWS_PER_CELL 8.0	/* while no cell is counted */

extern void index_page_init(Page page, IndexPageKind kind, BlockNumber block, uint32 region);
extern void index_node_init(Page page, IndexPageKind kind, BlockNumber block, uint32 region, const IndexLayout *layout,
							const BlockNumber *more);

/* Reads, locks and checks; raises ERRCODE_INDEX_CORRUPTED.  lock: BUFFER_LOCK_SHARE or _EXCLUSIVE. */
extern Buffer index_read(Relation index, BlockNumber block, int lock, IndexPageKind kind);
extern Buffer index_read_any(Relation index, BlockNumber block, int lock);	/* of any kind */
extern void index_check_page(Relation index, BlockNumber block, Page page, IndexPageKind kind);
extern void index_check_node(Relation index, BlockNumber block, Page page, const IndexLayout *layout);
extern void index_check_region(Relation index, BlockNumber block, Page page, uint32 region);

/* Checks a leaf that a cell points to; false: vacuum has freed it since, and what is there now is none of the cell's. */
extern bool index_check_leaf(Relation index, const ItemPointerData *pointer, Page page, uint32 region, const IndexLayout *layout);
extern Buffer index_extend(Relation index);	/* a new page at the end, exclusively locked */

/* For walks along a chain: raises when it comes back to a block (Brent 1980). */
typedef struct IndexWalk
{
	uint32		steps;
	BlockNumber mark;
} IndexWalk;

static inline bool
index_walk_returns(IndexWalk *walk, BlockNumber block)
{
	if (walk->steps > 0 && block == walk->mark)
		return true;
	if ((walk->steps & (walk->steps - 1)) == 0)
		walk->mark = block;
	walk->steps++;
	return false;
}

extern void index_walk(Relation index, IndexWalk *walk, BlockNumber block);

static inline IndexItem *
index_items(Page page, const IndexLayout *layout)
{
	return (IndexItem *) ((char *) page + layout->items);
}

static inline float *
index_slacks(Page page, const IndexLayout *layout)
{
	return (float *) ((char *) page + layout->slacks);
}

/* Part of the code of an item: which page of the node, where on it and how many bytes, from byte start of the code on. */
extern int	index_code_part(const IndexLayout *layout, int item, int start, int *page, int *offset);

/* Sums of the query's code and the codes of items 0 .. count-1 of a locked node (uint32 [count]). */
extern void index_node_sums(Relation index, Page page, const IndexLayout *layout, Metric metric, const uint8 *code, int count,
							uint32 *sums);

/* Copies an item's code out of a locked node. */
extern void index_node_code(Relation index, Page page, const IndexLayout *layout, int item, uint8 *code);

/* Writes an item into a locked node and logs it; item may be count (a new one). */
extern void index_node_put(Relation index, Buffer buffer, const IndexLayout *layout, int number, const IndexItem *item, float slack,
						   const uint8 *code);
extern void index_raise_corrupted(Relation index, BlockNumber block, const char *detail) __attribute__((noreturn));

#endif
