/*
 * build_assign.c: one pass of an index build over the heap: each row gets its region.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/parallel.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/compat.h"
#include "distance/distance.h"
#include "index/build.h"
#include "index/select_float.h"

#define RUN_REACH 0.25			/* of the squared distance of a run's first row to its centre: rows as near to it join the run */
#define RUN_MEANS 256			/* runs that the usual reach is a mean of, about */
#define CLIP_BEYOND 4				/* a region's step takes coordinates up to so many times the median row's largest */

/* ---- the step of a region ---------------------------------------------------------------------------------------- */

/* Notes the largest coordinate of a row's difference from its centre, for the region's step. */
static void
note_reach(IndexBuild *build, int region, const float *vector)
{
	int			n = build->layout.dimensions;
	const float *centre = build->regions.centres + (Size) region * n;
	RegionReach *reach = &build->regions.reach[region];
	float		most = 0;

	for (int i = 0; i < n; i++)
	{
		float		residual = fabsf(vector[i] - centre[i]);

		most = Max(most, residual);
	}
	reach->most = Max(reach->most, most);
	if (reach->count < REACH_SAMPLE)
		reach->sample[reach->count] = most;
	else
	{
		double		drawn = random_uniform(&build->random) * (reach->count + 1);

		if (drawn < REACH_SAMPLE)
			reach->sample[(int) drawn] = most;
	}
	reach->count++;
}

float
build_region_step(const IndexBuild *build, int region, const RegionReach *const *reaches, int processes)
{
	float		sample[REACH_SAMPLE * LIMIT_BUILD_PROCESSES];
	float		most = 0;
	int			count = 0;

	for (int i = 0; i < processes; i++)
	{
		const RegionReach *reach = &reaches[i][region];
		int			length = Min(reach->count, REACH_SAMPLE);

		memcpy(sample + count, reach->sample, length * sizeof(float));
		count += length;
		most = Max(most, reach->most);
	}
	if (count > 0)
	{
		float		median = index_select_float(sample, count, count / 2 + 1);

		/* outliers are clipped, unless most of the rows are equal */
		if (median > 0)
			most = Min(most, CLIP_BEYOND * median);
	}
	return index_step(most, build->regions.centres + (Size) region * build->layout.dimensions, build->layout.dimensions);
}

/* ---- regions of a batch ------------------------------------------------------------------------------------------ */

static void
begin_assigning(IndexBuild *build)
{
	BuildRegions *regions = &build->regions;
	int			n = build->layout.dimensions;

	regions->scaled_centres = regions->centres;
	if (regions->scale != 1)
	{
		Size		values = (Size) regions->count * n;
		float	   *scaled = MemoryContextAllocHuge(build->context, sizeof(float) * values);

		memcpy(scaled, regions->centres, sizeof(float) * values);
		kmeans_multiply(scaled, values, regions->scale);
		regions->scaled_centres = scaled;
	}
	regions->half_squares = MemoryContextAlloc(build->context, sizeof(float) * regions->count);
	kmeans_half_squares(regions->scaled_centres, regions->count, n, regions->half_squares);
	build->batch.products = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * regions->count);
	build->batch.chosen = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * n);
	build->run.first = MemoryContextAlloc(build->context, sizeof(float) * n);
	build->run.region = -1;
	if (regions->reach == NULL)
		regions->reach = MemoryContextAllocZero(build->context, sizeof(RegionReach) * regions->count);
}

static const float *
batch_vector(const IndexBuild *build, int row)
{
	return build->batch.vectors + (Size) row * build->layout.dimensions;
}

static double
squared_distance(const IndexBuild *build, const float *a, const float *b)
{
	return distance_kernels()->l2_squared(a, b, build->layout.dimensions);
}

/* The nearest regions of some rows of the batch, whose vectors are copied together for that. */
static void
find_nearest_regions(IndexBuild *build, const int *rows, int count, int32 *nearest)
{
	const BuildRegions *regions = &build->regions;
	float	   *vectors = build->batch.chosen;
	int			n = build->layout.dimensions;
	int32		found[KMEANS_BATCH];

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		memcpy(vectors + (Size) i * n, batch_vector(build, rows[i]), n * sizeof(float));
	kmeans_multiply(vectors, (Size) count * n, regions->scale);
	kmeans_assign(vectors, n, count, regions->scaled_centres, regions->half_squares, regions->count, n, build->batch.products, found);
	for (int i = 0; i < count; i++)
		nearest[rows[i]] = found[i];
}

/* The region of a run's first row is known: how near other rows must be to join it. */
static void
begin_run(IndexBuild *build, const float *first, int region)
{
	BuildRun   *run = &build->run;

	run->region = region;
	run->reach = RUN_REACH * squared_distance(build, first, build->regions.centres + (Size) region * build->layout.dimensions);
	run->means = Min(run->means + 1, RUN_MEANS);
	run->usual_reach += (run->reach - run->usual_reach) / run->means;
}

/*
 * Rows of one identity often come together in a table, and the planes between regions cut through many identities.  So a row
 * that is much nearer to the first row of the current run than that one is to the centre of its region joins the run and goes
 * to the same region, and the identity becomes one cell.  Whether it does is known only when the first row's region is; where
 * runs begin is guessed before, by the usual reach, so that no region need be sought for the rows that join.
 */
static void
assign_regions(IndexBuild *build, int32 *regions)
{
	BuildRun   *run = &build->run;
	int			chosen[KMEANS_BATCH] = {0};
	int			firsts[KMEANS_BATCH];	/* of each row's run; -1: in the batch before */
	double		distances[KMEANS_BATCH];	/* squared, to it */
	int			count = 0;
	int			first = -1;

	for (int i = 0; i < build->batch.count; i++)
	{
		double		reach = first < 0 ? run->reach : run->usual_reach;

		distances[i] = first < 0 && run->region < 0 ? INFINITY :
			squared_distance(build, batch_vector(build, i), first >= 0 ? batch_vector(build, first) : run->first);
		if (distances[i] > reach)
			chosen[count++] = first = i;
		firsts[i] = first;
	}
	find_nearest_regions(build, chosen, count, regions);
	count = 0;
	for (int i = 0; i < build->batch.count; i++)
	{
		if (firsts[i] == i)
			begin_run(build, batch_vector(build, i), regions[i]);
		else if (distances[i] <= run->reach)
			regions[i] = run->region;
		else
			chosen[count++] = i;
	}
	find_nearest_regions(build, chosen, count, regions);
	if (first >= 0)
		memcpy(run->first, batch_vector(build, first), build->layout.dimensions * sizeof(float));
}

/* The rows of the batch get their regions and go to the output. */
static void
assign_batch(IndexBuild *build)
{
	BuildBatch *batch = &build->batch;
	int			n = build->layout.dimensions;
	int32		regions[KMEANS_BATCH];
	IndexVector *row;

	if (batch->count == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	if (build->axes.count > 0)
		index_project(&build->axes, batch->count, build->like->dimensions, batch->rows, batch->roundings, batch->vectors);
	if (build->regions.centres == NULL)
	{
		/* The sample saw no row: the first one is the centre of all. */
		float	   *centre = MemoryContextAlloc(build->context, sizeof(float) * n);

		memcpy(centre, batch->vectors, sizeof(float) * n);
		build->regions.centres = centre;
		build->regions.count = 1;
		build->prefix = index_default_prefix(n);
	}
	if (build->regions.half_squares == NULL)
		begin_assigning(build);
	assign_regions(build, regions);
	row = palloc(INDEX_VECTOR_SIZE(n));
	SET_VARSIZE(row, INDEX_VECTOR_SIZE(n));
	for (int i = 0; i < batch->count; i++)
	{
		memcpy(row->x, batch_vector(build, i), sizeof(float) * n);
		row->rounding = nextafterf((float) batch->roundings[i], INFINITY);
		note_reach(build, regions[i], row->x);
		build->output.put_row(build, regions[i], &batch->tids[i], row);
	}
	pfree(row);
	build->progress.rows += batch->count;
	build_report_rows(build, batch->count);
	batch->count = 0;
}

/* ---- rows of the heap -------------------------------------------------------------------------------------------- */

/*
 * Whether a row may be left out: one that only snapshots older than the index can see, of another model than the rows that
 * live.  As after a broken HOT chain, the index is then not used by those snapshots.  A REINDEX cannot prevent that.
 */
static bool
leave_out(IndexBuild *build, const Embedding *row, bool alive)
{
	if (alive || ReindexIsProcessingIndex(RelationGetRelid(build->index)) ||
		(build->like != NULL && row->model == build->like->model && row->metric == build->like->metric &&
		 row->dimensions == build->like->dimensions))
		return false;
	build->info->ii_BrokenHotChain = true;
	return true;
}

/* The batch's arrays, once a row tells their dimensions. */
static void
allocate_batch(IndexBuild *build)
{
	BuildBatch *batch = &build->batch;

	batch->rows = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * build->like->dimensions);
	batch->vectors = build->axes.count == 0 ? batch->rows :
		MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * build->axes.count);
}

static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *argument)
{
	IndexBuild *build = argument;
	BuildBatch *batch = &build->batch;
	MemoryContext previous;
	Embedding  *row;

	if (isnull[0])
	{
		build->output.put_null(build, tid);
		build->progress.nulls++;
		return;
	}
	previous = MemoryContextSwitchTo(build->row_context);
	row = DatumGetEmbedding(values[0]);
	if (!leave_out(build, row, alive))
	{
		build_check_row(build, row);
		if (batch->rows == NULL)
			allocate_batch(build);
		batch->roundings[batch->count] = index_unit_vector(row, batch->rows + (Size) batch->count * row->dimensions);
		batch->tids[batch->count++] = *tid;
	}
	MemoryContextSwitchTo(previous);
	MemoryContextReset(build->row_context);
	if (batch->count == KMEANS_BATCH)
		assign_batch(build);
}

void
build_scan_heap(IndexBuild *build, TableScanDesc scan)
{
	build->progress.heap_tuples = table_index_build_scan(build->heap, build->index, build->info, true, !IsParallelWorker(), add_row,
														 build, scan);
	assign_batch(build);
}
