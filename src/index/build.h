/*
 * build.h: the state of an index build, and prototypes by file.
 *
 * build.c builds with one process, build_parallel.c with several.  Both use build_assign.c (the heap's rows get their regions)
 * and build_sort.c (rows sorted by region become pages); what they work with is found by build_sample.c.
 */
#ifndef SIAMESE_INDEX_BUILD_H
#define SIAMESE_INDEX_BUILD_H

#include "access/tableam.h"
#include "common/random.h"
#include "index/cluster.h"
#include "index/index.h"
#include "index/region.h"
#include "port/atomics.h"
#include "utils/tuplesort.h"

#define SAMPLE_SEED 5
#define REACH_SAMPLE 15

/* A row on its way through a build, a varlena for the sort. */
typedef struct IndexVector
{
	int32		vl_len_;		/* do not touch directly */
	float		rounding;		/* rounded up */
	float		x[FLEXIBLE_ARRAY_MEMBER];	/* [coded] */
} IndexVector;

#define INDEX_VECTOR_SIZE(n) (offsetof(IndexVector, x) + sizeof(float) * (n))

/* ---- build_write.c ----------------------------------------------------------------------------------------------- */

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

/* ---- the state of a build ---------------------------------------------------------------------------------------- */

/* n: the dimensions of what is coded, the vectors themselves or their projections; here and below. */

typedef struct IndexBuild IndexBuild;

/* What the build was told. */
typedef struct BuildSettings
{
	int			fill;			/* fillfactor */
	int			regions;		/* the option; 0: by the number of rows */
	int			processes;		/* that may take part, this one included */
	int			memory;			/* kB, this process's share of maintenance_work_mem */
	bool		matrix_library; /* the table is large enough for it */
} BuildSettings;

/* What the sample told; workers need none of it. */
typedef struct BuildSample
{
	int			wanted;			/* rows */
	double		expected_rows;	/* of the table */
	bool		has_recall;
	uint16		recall[INDEX_RECALL_STEPS];
} BuildSample;

/* Of a region's rows: the largest coordinate of each one's difference from the centre. */
typedef struct RegionReach
{
	float		most;
	int			count;
	float		sample[REACH_SAMPLE];
} RegionReach;

typedef struct BuildRegions
{
	int			count;
	const float *centres;		/* [count, n]; NULL: the sample saw no row */
	float		scale;			/* kmeans_scale() of the sample */
	const float *scaled_centres;	/* [count, n]: times that */
	float	   *half_squares;	/* [count]: half of their squared lengths */
	RegionReach *reach;			/* [count] */
} BuildRegions;

/* Rows of the heap that get their regions together. */
typedef struct BuildBatch
{
	int			count;
	ItemPointerData tids[KMEANS_BATCH];
	double		roundings[KMEANS_BATCH];
	float	   *rows;			/* [KMEANS_BATCH, dimensions of the rows] */
	float	   *vectors;		/* [KMEANS_BATCH, n]: the same, or their projections */
	float	   *chosen;			/* [KMEANS_BATCH, n]: those whose region is sought */
	float	   *products;		/* [KMEANS_BATCH, regions] */
} BuildBatch;

/* Consecutive rows near to the first of them go to its region. */
typedef struct BuildRun
{
	float	   *first;			/* [n] */
	int			region;			/* of the first; -1: no row so far */
	double		reach;			/* squared, from the first */
	double		usual_reach;	/* the same while the first one's region is not known: a mean of so many */
	int			means;
} BuildRun;

/* Where rows go when they have a region. */
typedef struct BuildOutput
{
	void		(*put_row) (IndexBuild *build, int region, ItemPointer tid, const IndexVector *row);
	void		(*put_null) (IndexBuild *build, ItemPointer tid);
	struct Participant *participant;	/* in a parallel build */
} BuildOutput;

typedef struct BuildSort
{
	Tuplesortstate *state;
	TupleTableSlot *slot;		/* region, TID, vector: as they come out */
	TupleTableSlot *put_slot;	/* and to be filled */
} BuildSort;

typedef struct BuildProgress
{
	pg_atomic_uint64 *shared_rows_done; /* of the phase, by all processes; NULL: by this one, in rows_done */
	uint64		rows_done;
	double		heap_tuples;
	double		rows;			/* with a value, and without */
	double		nulls;
} BuildProgress;

/* What one process has. */
struct IndexBuild
{
	Relation	heap;
	Relation	index;
	struct IndexInfo *info;
	BuildSettings settings;
	MemoryContext context;
	MemoryContext row_context;	/* reset with each row */
	Random		random;

	/* what the rows have in common */
	Embedding  *like;			/* the first row; NULL so far */
	IndexLayout layout;			/* of leaves, once there is a first row */
	IndexAxes	axes;
	int			prefix;			/* dimensions of the cells' codes */

	BuildSample sample;
	BuildRegions regions;
	BuildBatch	batch;
	BuildRun	run;
	BuildOutput output;
	BuildSort	sort;
	BuildProgress progress;
	IndexWriter *writer;
};

/* ---- build_state.c ----------------------------------------------------------------------------------------------- */

/* memory in kB; process: its number, which makes its random numbers its own. */
extern void build_begin(IndexBuild *build, Relation heap, Relation index, struct IndexInfo *info, int memory, int process);
extern void build_end(IndexBuild *build);

/* If the settings say so. */
extern void build_load_matrix_library(const IndexBuild *build);

/* Fixes what all rows must have in common; raises if this row has not. */
extern void build_check_row(IndexBuild *build, const Embedding *row);

/* Progress: the phase of writing begins; so many more rows are done. */
extern void build_report_writing(IndexBuild *build, double rows);
extern void build_report_rows(IndexBuild *build, int count);

/* ---- build_sample.c ---------------------------------------------------------------------------------------------- */

/* Leaves regions.centres NULL if no row was seen. */
extern void build_find_regions(IndexBuild *build);

/* ---- build_assign.c ---------------------------------------------------------------------------------------------- */

/* Rows of the heap (scan: NULL, or a parallel one) get their regions and go to the output. */
extern void build_scan_heap(IndexBuild *build, TableScanDesc scan);

/* reaches [processes]: what each noted, [regions]. */
extern float build_region_step(const IndexBuild *build, int region, const RegionReach *const *reaches, int processes);

/* ---- build_sort.c ------------------------------------------------------------------------------------------------ */

/* A sort by region: rows are put in, sorted, and written to the pages. */
extern void build_begin_sort(IndexBuild *build);
extern void build_sort_row(IndexBuild *build, int region, ItemPointer tid, const IndexVector *row);
extern void build_sort_rows(IndexBuild *build);
extern void build_write_sorted(IndexBuild *build);
extern void build_end_sort(IndexBuild *build);

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
 * Whether the rows lie near a subspace, by rows [count, n] of the sample and such queries among them.  If so, fixes the build's
 * axes and its layout, and makes projections [count, axes] of the rows, in place.
 */
extern void build_find_axes(IndexBuild *build, float *rows, int count, const SampleQuery *queries, int query_count);

/* ---- build_prefix.c ---------------------------------------------------------------------------------------------- */

/* How many dimensions the codes of cells have, by rows [count, n] of the sample and such queries among them. */
extern int	build_prefix(const IndexBuild *build, const float *rows, int count, const SampleQuery *queries, int query_count);

#endif
