/*
 * region.h: the meta page and a backend's cache of it, axes, and the space of regions.
 */
#ifndef SIAMESE_INDEX_REGION_H
#define SIAMESE_INDEX_REGION_H

#include "access/generic_xlog.h"

#include "embedding/embedding.h"
#include "index/page.h"

/* ---- meta.c ------------------------------------------------------------------------------------------------------ */

/* A map of vectors: the mean [n] is subtracted, then products are taken with rows [count, n]; count 0: none. */
typedef struct IndexAxes
{
	int			count;
	const float *mean;
	const float *rows;
	float		outlier;			/* a vector whose squared distance from the axes' subspace is more is badly told by them */
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
	uint8		resets;
	float		outlier;
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
		axes.outlier = cache->outlier;
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
 * The vector as the index sees it, float [coded]: for cosine of length one, and with axes its projection.  Returns how far it
 * may lie from what it stands for, by rounding.
 */
extern double index_vector(const IndexAxes *axes, const Embedding *embedding, float *vector);

/*
 * Its two steps.  The second one, for vectors x float [count, n], which it overwrites, gives projections float [count, axes]
 * and adds what they may be off by to roundings.
 */
extern double index_unit_vector(const Embedding *embedding, float *x);
extern void index_project(const IndexAxes *axes, int count, int n, float *x, double *roundings, float *projections);

/* The floats of the mean and the axes. */
static inline Size
index_axes_floats(int axes, int dimensions)
{
	return axes > 0 ? (Size) (1 + axes) * dimensions : 0;
}

/* Whether a vector with this projection lies far from the subspace of the axes. */
extern bool index_is_outlier(const IndexAxes *axes, const Embedding *embedding, const float *projection);

/* By so much, at most, rows float [count, n] as a map make a distance longer. */
extern double index_axes_stretch(const float *rows, int count, int n);

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
extern void index_space_free_leaves(Relation index, const IndexMeta *meta, uint32 region, const IndexLayout *directory,
									BlockNumber *leaves, int count);

/* ---- nulls.c ----------------------------------------------------------------------------------------------------- */

/* Rows on a page of NULLs; pd_lower says how many. */
static inline int
index_null_count(Page page)
{
	return (((PageHeader) page)->pd_lower - MAXALIGN(SizeOfPageHeaderData)) / sizeof(ItemPointerData);
}
extern void index_null_page_init(Page page, BlockNumber next);	/* after index_page_init() */
extern void index_null_put(Page page, const ItemPointerData *tid);
extern void index_null_insert(Relation index, const ItemPointerData *tid);

/* ---- reset.c ----------------------------------------------------------------------------------------------------- */

/* Makes an index without rows as empty as a new one, if nobody uses it now; false: it was left as it is. */
extern bool index_reset(Relation index);

#endif
