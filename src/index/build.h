/*
 * build.h: what the files of an index build share.
 */
#ifndef SIAMESE_INDEX_BUILD_H
#define SIAMESE_INDEX_BUILD_H

#include "access/tableam.h"
#include "common/random.h"
#include "index/index.h"
#include "port/atomics.h"
#include "utils/tuplesort.h"

#define SAMPLE_SEED 5
#define REACH_SAMPLE 15
#define OUTLIER 4				/* a region's step takes coordinates up to so many times the median row's largest */
#define BUILD_PROCESSES LIMIT_BUILD_PROCESSES

/* Of the rows of a region, the largest coordinate of each row's residual. */
typedef struct RegionReach
{
	float		most;
	int			count;
	float		sample[REACH_SAMPLE];
} RegionReach;

/* What a process of a build has; a worker has no sample and no writer of the whole. */
typedef struct IndexBuild IndexBuild;
struct IndexBuild
{
	Relation	heap;
	Relation	index;
	struct IndexInfo *info;
	int			fill;
	int			options_regions;
	int			participants;	/* processes that may take part, the leader included */
	int			memory;			/* kB, this process's share of maintenance_work_mem */
	MemoryContext context;
	MemoryContext row_context;	/* reset with each row */
	Random		random;

	Embedding  *like;			/* the first row; NULL so far */
	IndexLayout layout;			/* of what is coded, once there is a first row */
	IndexAxes	axes;
	int			sample_rows;
	double		expected_rows;	/* by the sample */
	int			regions;
	const float *centres;		/* [regions, n]; here and below n are the dimensions of what is coded */
	float		scale;			/* kmeans_scale() of the sample */
	const float *scaled_centres;	/* [regions, n]: times that */
	float	   *halves;
	float	   *scratch;
	int			head;			/* dimensions of the cells' codes */
	bool		has_recall;
	uint16		recall[INDEX_RECALL_STEPS];

	int			batch_count;
	ItemPointerData batch_tids[KMEANS_BATCH];
	double		batch_roundings[KMEANS_BATCH];
	float	   *batch_rows;		/* [KMEANS_BATCH, dimensions of the rows] */
	float	   *batch_vectors;	/* [KMEANS_BATCH, n]: the same, or their images */
	float	   *chosen_vectors; /* [KMEANS_BATCH, n] */
	float	   *leader;			/* [n], a row that those after it in the table may follow; region -1: none */
	int			leader_region;
	double		leader_reach;	/* squared, of those that follow it */
	double		usual_reach;	/* the same as far as one can tell before the leader's region is known: a mean of so many */
	int			leaders;
	RegionReach *reach;			/* [regions] */
	void		(*put_row) (IndexBuild *build, int region, ItemPointer tid, const IndexVector *row);
	void		(*put_null) (IndexBuild *build, ItemPointer tid);
	struct Participant *participant;	/* build_parallel.c's */
	pg_atomic_uint64 *shared_rows_done; /* of the phase, by all processes; NULL: by this one, in rows_done */
	uint64		rows_done;

	TupleTableSlot *slot;		/* region, tid, vector */
	TupleTableSlot *put_slot;	/* the same, to fill */
	Tuplesortstate *sort;
	IndexWriter *writer;
	double		heap_tuples;
	double		tuples;			/* with a value, and without */
	double		nulls;
};

/* ---- build_sample.c ---------------------------------------------------------------------------------------------- */

/* Leaves centres NULL if no row was seen. */
extern void build_find_regions(IndexBuild *build);

/* ---- build.c ----------------------------------------------------------------------------------------------------- */

extern void build_begin(IndexBuild *build, Relation heap, Relation index, struct IndexInfo *info, int memory, int process);
extern void build_end(IndexBuild *build);

/* Fixes what all rows must have in common; raises if this row has not. */
extern void build_check_row(IndexBuild *build, const Embedding *row);

/* Rows of the heap (scan: NULL, or a parallel one) get their regions and go to put_row and put_null. */
extern void build_scan_heap(IndexBuild *build, TableScanDesc scan);

/* A sort by region; rows go into it by build_sort_row, and from it to the pages. */
extern void build_begin_sort(IndexBuild *build);
extern void build_sort_row(IndexBuild *build, int region, ItemPointer tid, const IndexVector *row);
extern void build_write_sorted(IndexBuild *build);

/* reaches [processes]: what each noted, [regions]. */
extern float build_region_step(const IndexBuild *build, int region, const RegionReach *const *reaches, int processes);

/* Progress: the phase of writing begins; rows are done. */
extern void build_report_writing(IndexBuild *build, double rows);
extern void build_report_rows(IndexBuild *build, int count);

/* ---- build_parallel.c -------------------------------------------------------------------------------------------- */

/* Rows to regions and the pages, by so many workers and this process; false: not possible now, and nothing was done. */
extern bool build_parallel(IndexBuild *build, int workers);

/* ---- build_recall.c ---------------------------------------------------------------------------------------------- */

#define BUILD_QUERIES 64
#define BUILD_NEAREST 10

/* A row of the sample as a query, and its nearest others. */
typedef struct SampleQuery
{
	int			row;
	int			found;
	int			nearest[BUILD_NEAREST];
} SampleQuery;

/* Chooses queries [BUILD_QUERIES] among rows [count, n] and finds their nearest; returns how many there are. */
extern int	build_queries(const IndexBuild *build, const float *rows, int count, SampleQuery *queries);

/* How many of a row's ten nearest the nearest regions hold, measured on the sample. */
extern void build_recall(IndexBuild *build, const float *rows, const SampleQuery *queries, int count);

/* ---- axes.c ------------------------------------------------------------------------------------------------------ */

/*
 * Whether the rows lie near a subspace, by rows [count, n] of the sample and such queries among them.  If so, fixes the build's axes and
 * its layout, and makes images [count, axes] of the rows, in place.
 */
extern void build_find_axes(IndexBuild *build, float *rows, int count, const SampleQuery *queries, int query_count);

/* ---- build_prefix.c ---------------------------------------------------------------------------------------------- */

/* How many dimensions the codes of cells have, by rows [count, n] of the sample and such queries among them. */
extern int	build_head(const IndexBuild *build, const float *rows, int count, const SampleQuery *queries, int query_count);

#endif
