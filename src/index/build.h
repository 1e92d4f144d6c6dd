/*
 * build.h: what the files of an index build share.
 */
#ifndef SIAMESE_INDEX_BUILD_H
#define SIAMESE_INDEX_BUILD_H

#include "access/tableam.h"
#include "common/random.h"
#include "index/index.h"
#include "utils/tuplesort.h"

#define REACH_SAMPLE 15
#define OUTLIER 4				/* a region's step takes coordinates up to so many times the median row's largest */
#define BATCH_BYTES (8 * 1024 * 1024)

/* Of the rows of a region, the largest coordinate of each row's residual. */
typedef struct RegionReach
{
	float		most;
	int			count;
	float		sample[REACH_SAMPLE];
} RegionReach;

typedef struct IndexBuild IndexBuild;
struct IndexBuild
{
	Relation	heap;
	Relation	index;
	struct IndexInfo *info;
	int			fill;
	int			options_regions;
	MemoryContext context;
	MemoryContext row_context;	/* reset with each batch */
	Random		random;

	Embedding  *like;			/* the first row; NULL so far */
	IndexLayout layout;			/* once there is a first row */
	int			sample_rows;
	int			regions;
	float	   *centres;		/* [regions, n] */
	float	   *halves;
	float	   *scratch;
	bool		has_recall;
	uint16		recall[INDEX_RECALL_STEPS];

	int			batch_count;
	Embedding  *batch[KMEANS_BATCH];
	ItemPointerData batch_tids[KMEANS_BATCH];
	float	   *batch_vectors;	/* [KMEANS_BATCH, n] */
	RegionReach *reach;			/* [regions] */
	void		(*add_null) (IndexBuild *build, ItemPointer tid);

	TupleTableSlot *slot;		/* region, tid, vector */
	TupleTableSlot *put_slot;	/* the same, to fill */
	Tuplesortstate *sort;
	IndexWriter *writer;
	double		heap_tuples;
	double		tuples;
};

extern void build_check_row(IndexBuild *build, const Embedding *row);
extern void build_begin_assigning(IndexBuild *build);
extern Tuplesortstate *build_begin_sort(IndexBuild *build, int memory, SortCoordinate coordinate);
extern void build_scan_heap(IndexBuild *build, TableScanDesc scan);
extern TupleDesc build_tuple_descriptor(void);

/* recall.c: how many of a row's ten nearest the nearest regions hold, measured on the sample. */
extern void build_recall(IndexBuild *build, const float *rows, int count);

#endif
