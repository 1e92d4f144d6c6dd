/*
 * index.h: the access method siamese: pages, and prototypes by file.  README.md tells words, bounds, locks and costs.
 */
#ifndef SIAMESE_INDEX_H
#define SIAMESE_INDEX_H

#include "postgres.h"

#include "access/genam.h"
#include "access/generic_xlog.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"

#include "common/compat.h"
#include "common/limits.h"
#include "distance/code.h"
#include "embedding/embedding.h"

/* Strategies of the operator class. */
#define INDEX_WITHIN 1			/* <@ ball */
#define INDEX_SAME 2			/* ~= embedding */
#define INDEX_DISTANCE 3		/* <-> embedding, for ORDER BY */

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
#define INDEX_MAGIC 0x53494134	/* "SIA4" */
#define INDEX_RECALL_STEPS 32

typedef struct IndexMeta
{
	uint32		magic;
	uint16		dimensions;		/* 0: no row so far */
	uint16		axes;			/* dimensions of the images that are coded; 0: the vectors themselves are */
	uint16		prefix;			/* so many of what is coded, the first, the codes of cells have */
	uint8		metric;
	uint8		beginning;		/* counts how often the index was emptied */
	float		stray;			/* IndexAxes has it */
	uint64		model;			/* fingerprint, 0: unbound */
	uint32		regions;
	uint32		built_regions;	/* by the build */
	uint64		built_rows;
	uint64		built_cells;
	uint64		strays;			/* inserted ones, about */
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

/* ---- free_space.c ------------------------------------------------------------------------------------------------ */

/* A page for something new, free or at the end, exclusively locked; *page: its image in the record, initialised. */
extern Buffer index_new_page(GenericXLogState *state, Relation index, IndexPageKind kind, uint32 region, Page *page);

/* Frees what is there but the meta page and pages of NULLs, of an index without regions; the meta page is exclusively locked. */
extern void index_free_leftovers(Relation index);

/* The first node of a region's directory, made if need be; appending: one more after the node in buffer, which is locked. */
extern BlockNumber index_first_directory(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *layout);
extern BlockNumber index_append_directory(Relation index, Buffer buffer, uint32 region, const IndexLayout *layout);

static inline bool
index_has_space(const IndexNode *node, const IndexLayout *layout)
{
	return node->free > 0 || node->count < layout->capacity;
}

/* A region's list of leaves with free space: a new leaf if it is empty; a leaf, locked, to it; its first leaf, locked, off it. */
extern void index_space_new_leaf(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *layout);
extern void index_space_add(Relation index, const IndexMeta *meta, Buffer leaf);
extern void index_space_remove(Relation index, const IndexMeta *meta, Buffer leaf);

/* The first leaf of the list as read from the region's record, exclusively locked; InvalidBuffer: it has changed. */
extern Buffer index_space_first(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *layout, BlockNumber first);

/* Frees those of some leaves [count] of a region that have no rows, and the cells that point to them.  Orders leaves. */
extern void index_space_free_leaves(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *directory, BlockNumber *leaves,
							int count);

/* ---- meta.c ------------------------------------------------------------------------------------------------------ */

/* A map of vectors: the mean [n] is subtracted, then products are taken with rows [count, n]; count 0: none. */
typedef struct IndexAxes
{
	int			count;
	const float *mean;
	const float *rows;
	float		stray;			/* a vector whose squared distance from the axes' subspace is more is badly told by them */
} IndexAxes;

/* What a backend keeps of an index (rd_amcache): it never changes but for growing, until it is emptied. */
typedef struct IndexCache
{
	IndexLayout layout;
	IndexLayout directory;
	Metric		metric;
	uint64		model;
	uint32		regions;
	uint16		axes;
	uint16		dimensions;
	uint8		beginning;
	float		stray;
	float		values[FLEXIBLE_ARRAY_MEMBER];	/* steps [regions], centres [regions, coded], mean and axes [1 + axes, dimensions] */
} IndexCache;

static inline const float *
index_cache_centre(const IndexCache *cache, uint32 region)
{
	return cache->values + cache->regions + (Size) region * cache->layout.dimensions;
}

/* Of an index that may have no row so far: cache may be NULL. */
static inline IndexAxes
index_cache_axes(const IndexCache *cache)
{
	IndexAxes	axes = {0};

	if (cache != NULL && cache->axes > 0)
	{
		axes.count = cache->axes;
		axes.mean = index_cache_centre(cache, cache->regions);
		axes.rows = axes.mean + cache->dimensions;
		axes.stray = cache->stray;
	}
	return axes;
}

extern void index_meta_init(Page page, int fill);
extern void index_read_meta(Relation index, IndexMeta *meta);

/* The regions' centres as of this meta page; NULL while there is no row. */
extern const IndexCache *index_cache(Relation index, const IndexMeta *meta);

/* The records of all regions as they are now [meta->regions], palloc'd. */
extern IndexRegion *index_read_regions(Relation index, const IndexMeta *meta);
extern Buffer index_lock_region(Relation index, const IndexMeta *meta, uint32 region, int lock, IndexRegion **record);

/* Raises unless the embedding is of the index's model, metric and dimensions. */
extern void index_check_embedding(Relation index, const IndexMeta *meta, const Embedding *embedding);

/* A step that is neither zero nor denormal, for residuals up to reach around a centre [n]. */
extern float index_step(double reach, const float *centre, int n);

/* ---- axes.c ------------------------------------------------------------------------------------------------------ */

/*
 * The vector as the index sees it, float [coded]: for cosine of length one, and with axes its image.  Returns how far it may lie from
 * what it stands for, by rounding.
 */
extern double index_vector(const IndexAxes *axes, const Embedding *embedding, float *vector);

/* Its two steps, the second one for x float [count, n], which is spent: -> images float [count, axes]; what may be off is added to roundings. */
extern double index_unit_vector(const Embedding *embedding, float *x);
extern void index_images(const IndexAxes *axes, int count, int n, float *x, double *roundings, float *images);

/* The floats of the mean and the axes. */
static inline Size
index_axes_floats(int axes, int dimensions)
{
	return axes > 0 ? (Size) (1 + axes) * dimensions : 0;
}

/* Whether a vector with this image is badly told by it. */
extern bool index_is_stray(const IndexAxes *axes, const Embedding *embedding, const float *image);

/* By so much, at most, rows float [count, n] as a map make a distance longer. */
extern double index_axes_stretch(const float *rows, int count, int n);

/* ---- handler.c, options.c, cost.c, validate.c -------------------------------------------------------------------- */

extern int	index_fill(Relation index);
extern int	index_option_regions(Relation index);	/* 0: by the number of rows */
extern bytea *index_options(Datum reloptions, bool validate);
extern void index_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
					   Selectivity *selectivity, double *correlation, double *pages);
extern bool index_validate(Oid opclass);

/* ---- build.c, kmeans.c, group.c, build_write.c ------------------------------------------------------------------- */

#define INDEX_PHASE_SAMPLE 2
#define INDEX_PHASE_KMEANS 3
#define INDEX_PHASE_ASSIGN 4
#define INDEX_PHASE_SORT 5
#define INDEX_PHASE_WRITE 6

extern IndexBuildResult *index_am_build(Relation heap, Relation index, struct IndexInfo *info);
extern void index_build_empty(Relation index);
extern char *index_build_phase(int64 phase);

/*
 * A power of two by which to multiply values float [count] so that sums of their squares neither overflow nor vanish in single
 * precision; 1 for values as networks make them.
 */
extern float kmeans_scale(const float *values, Size count);
extern void kmeans_multiply(float *values, Size count, float scale);

/* Lloyd's algorithm on rows float [count, n] -> centres float [k, n]; returns how many are in use (no two are equal). */
extern int	kmeans_run(const float *rows, int count, int n, int k, uint64 seed, float *centres);

/* The nearest centre (Euclidean) of each row, lead floats apart: into nearest [count]; halves float [k] of squared lengths by kmeans_halves(). */
extern void kmeans_halves(const float *centres, int k, int n, float *halves);
extern void kmeans_assign(const float *rows, Size lead, int count, const float *centres, const float *halves, int k, int n,
						  float *scratch, int32 *nearest);
#define KMEANS_BATCH 256		/* rows of kmeans_assign at once; scratch is float [KMEANS_BATCH, k] */

/*
 * Orders rows [count, n], which are spent, so that cells are runs: order int [count], ends int [count] of the cells; returns their
 * number.
 */
extern int	group_rows(float *rows, int count, int n, int *order, int *ends);

/* A row on its way through a build, a varlena for the sort. */
typedef struct IndexVector
{
	int32		vl_len_;		/* do not touch directly */
	float		rounding;		/* rounded up */
	float		x[FLEXIBLE_ARRAY_MEMBER];	/* [coded] */
} IndexVector;

#define INDEX_VECTOR_SIZE(n) (offsetof(IndexVector, x) + sizeof(float) * (n))

typedef struct IndexWriter IndexWriter;

/*
 * The meta page, then pages of NULLs; index_writer_regions() comes once, before the first row.  Its regions [count] are changed
 * until the end.  Another process may join: it writes whole regions, and what it wrote is added before the end.
 */
extern IndexWriter *index_writer_begin(Relation index, int fill);
extern IndexWriter *index_writer_join(Relation index, int fill);
extern void index_region_init(IndexRegion *region, float step);
extern void index_writer_regions(IndexWriter *writer, const Embedding *like, const IndexAxes *axes, int prefix, const float *centres,
								 IndexRegion *regions, int count);
extern void index_writer_written(const IndexWriter *writer, uint64 *rows, uint64 *cells);
extern void index_writer_add_written(IndexWriter *writer, uint64 rows, uint64 cells);
extern void index_writer_rows(IndexWriter *writer, uint32 region, IndexVector *const *rows, const ItemPointerData *tids, int count);
extern void index_writer_region_end(IndexWriter *writer, uint32 region);
extern void index_writer_null(IndexWriter *writer, const ItemPointerData *tid);
extern void index_writer_end(IndexWriter *writer, const uint16 *recall);	/* recall: NULL or [INDEX_RECALL_STEPS] */

/* ---- select_float.c ---------------------------------------------------------------------------------------------- */

/* Orders values so that the first count ones are the smallest; returns the largest of those. */
extern float index_select_float(float *values, int length, int count);

/* ---- insert.c, nulls.c, reset.c, vacuum.c ------------------------------------------------------------------------ */

extern bool index_am_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap, IndexUniqueCheck check_unique,
						 bool unchanged, struct IndexInfo *info);

/* Null rows; the page's number of them follows from pd_lower. */
static inline int
index_null_count(Page page)
{
	return (((PageHeader) page)->pd_lower - MAXALIGN(SizeOfPageHeaderData)) / sizeof(ItemPointerData);
}
extern void index_null_page_init(Page page, BlockNumber next);	/* after index_page_init() */
extern void index_null_put(Page page, const ItemPointerData *tid);
extern void index_null_insert(Relation index, const ItemPointerData *tid);

extern IndexBulkDeleteResult *index_am_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
												IndexBulkDeleteCallback callback, void *callback_state);
/* Makes an index without rows as empty as a new one, if nobody uses it now; false: it was left as it is. */
extern bool index_reset(Relation index);

extern IndexBulkDeleteResult *index_am_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/* ---- scan.c, search.c -------------------------------------------------------------------------------------------- */

extern IndexScanDesc index_scan_begin(Relation index, int nkeys, int norderbys);
extern void index_scan_restart(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
extern bool index_scan_tuple(IndexScanDesc scan, ScanDirection direction);
extern int64 index_scan_bitmap(IndexScanDesc scan, TIDBitmap *bitmap);
extern void index_scan_end(IndexScanDesc scan);
extern const struct SearchCounts *index_last_scan(void);

/* ---- inspect.c, index_stats.c, integrity.c ----------------------------------------------------------------------- */

typedef struct IndexInspection
{
	Relation	heap;
	Relation	index;
	int			lock;			/* of the table */
	Oid			user;			/* what to go back to */
	int			security;
	int			nest_level;
} IndexInspection;

/*
 * Opens an index and its table and becomes the table's owner.  Raises, before anything is locked, unless it is an index of this access
 * method and the user owns the table or may maintain it.
 */
extern void index_inspect_begin(IndexInspection *inspection, Oid index, int lock);
extern void index_inspect_end(IndexInspection *inspection);

#endif
