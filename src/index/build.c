/*
 * build.c: CREATE INDEX by one process: regions from a sample, one pass over the heap through a sort by region, then the
 * pages.  build_parallel.c does the pass and the pages with several processes, by the same functions.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/parallel.h"
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"

#include "common/random.h"
#include "distance/distance.h"
#include "index/build.h"
#include "index/index.h"

#define FOLLOW 0.25				/* of a leader's squared distance to its centre: a row as near to it goes with it */
#define USUAL_LEADERS 256		/* that the usual reach is a mean of, about */
#define LEAST_PART 64			/* rows of a region that are grouped together, however little memory there is */

/* ---- one pass over the heap -------------------------------------------------------------------------------------- */

/*
 * Whether a row may be left out: one that only snapshots older than the index can see, of another model than the rows that live.  As
 * after a broken HOT chain, the index is then not used by those snapshots.  A REINDEX cannot keep them from it.
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

/* Fixes what all rows must have in common; raises if this row has not. */
void
build_check_row(IndexBuild *build, const Embedding *row)
{
	IndexMeta	like;

	if (build->like == NULL)
	{
		build->like = MemoryContextAlloc(build->context, VARSIZE(row));
		memcpy(build->like, row, VARSIZE(row));
		index_layout(&build->layout, row->dimensions);
	}
	like.model = build->like->model;
	like.metric = build->like->metric;
	like.dimensions = build->like->dimensions;
	index_check_embedding(build->index, &like, row);
}

static void
begin_assigning(IndexBuild *build)
{
	int			n = build->layout.dimensions;

	build->scaled_centres = build->centres;
	if (build->scale != 1)
	{
		Size		values = (Size) build->regions * n;
		float	   *scaled = MemoryContextAllocHuge(build->context, sizeof(float) * values);

		memcpy(scaled, build->centres, sizeof(float) * values);
		kmeans_multiply(scaled, values, build->scale);
		build->scaled_centres = scaled;
	}
	build->halves = MemoryContextAlloc(build->context, sizeof(float) * build->regions);
	kmeans_halves(build->scaled_centres, build->regions, n, build->halves);
	build->scratch = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * build->regions);
	build->chosen_vectors = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * n);
	build->leader = MemoryContextAlloc(build->context, sizeof(float) * n);
	build->leader_region = -1;
	if (build->reach == NULL)
		build->reach = MemoryContextAllocZero(build->context, sizeof(RegionReach) * build->regions);
}

/* The most of a row's residual, for the region's step. */
static void
note_reach(IndexBuild *build, int region, const float *vector)
{
	int			n = build->layout.dimensions;
	const float *centre = build->centres + (Size) region * n;
	RegionReach *reach = &build->reach[region];
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

void
build_report_writing(IndexBuild *build, double rows)
{
	static const int params[] = {PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_CREATEIDX_TUPLES_TOTAL, PROGRESS_CREATEIDX_TUPLES_DONE};
	const int64 values[] = {INDEX_PHASE_WRITE, (int64) rows, 0};

	build->rows_done = 0;
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

/* The leader shows what all processes have done. */
void
build_report_rows(IndexBuild *build, int count)
{
	uint64		done = build->shared_rows_done ? pg_atomic_add_fetch_u64(build->shared_rows_done, count) : (build->rows_done += count);

	if (!IsParallelWorker())
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

void
build_sort_row(IndexBuild *build, int region, ItemPointer tid, const IndexVector *row)
{
	TupleTableSlot *slot = build->put_slot;

	ExecClearTuple(slot);
	slot->tts_values[0] = Int32GetDatum(region);
	slot->tts_values[1] = PointerGetDatum(tid);
	slot->tts_values[2] = PointerGetDatum(row);
	memset(slot->tts_isnull, 0, 3 * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(build->sort, slot);
}

static double
squared_distance(const IndexBuild *build, const float *a, const float *b)
{
	return distance_kernels()->l2_squared(a, b, build->layout.dimensions);
}

/* The nearest regions of some rows of the batch, whose vectors are moved together for that. */
static void
find_nearest_regions(IndexBuild *build, const int *rows, int count, int32 *regions)
{
	int			n = build->layout.dimensions;
	int32		nearest[KMEANS_BATCH];

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		memcpy(build->chosen_vectors + (Size) i * n, build->batch_vectors + (Size) rows[i] * n, n * sizeof(float));
	kmeans_multiply(build->chosen_vectors, (Size) count * n, build->scale);
	kmeans_assign(build->chosen_vectors, n, count, build->scaled_centres, build->halves, build->regions, n, build->scratch, nearest);
	for (int i = 0; i < count; i++)
		regions[rows[i]] = nearest[i];
}

/*
 * Rows of one identity often come together in a table, and the planes between regions cut through many identities.  So a row
 * that is much nearer to one before it, the leader, than that one to the centre of its region goes to the same region, and the
 * identity becomes one cell.  Whether it does is known when the leader's region is; which rows are leaders is guessed before,
 * so that for those that follow no region need be sought.
 */
static void
assign_regions(IndexBuild *build, int32 *regions)
{
	int			n = build->layout.dimensions;
	int			chosen[KMEANS_BATCH] = {0};
	int			leaders[KMEANS_BATCH];	/* each row's: itself, or one before it; -1: of the batch before */
	double		distances[KMEANS_BATCH];	/* squared, of those that are not leaders, to theirs */
	int			count = 0;
	int			last = -1;

	for (int i = 0; i < build->batch_count; i++)
	{
		const float *leader = last >= 0 ? build->batch_vectors + (Size) last * n : build->leader;
		double		reach = last < 0 ? build->leader_reach : build->usual_reach;

		distances[i] = last < 0 && build->leader_region < 0 ? INFINITY :
			squared_distance(build, build->batch_vectors + (Size) i * n, leader);
		if (distances[i] > reach)
			chosen[count++] = last = i;
		leaders[i] = last;
	}
	find_nearest_regions(build, chosen, count, regions);
	count = 0;
	for (int i = 0; i < build->batch_count; i++)
	{
		if (leaders[i] == i)
		{
			build->leader_region = regions[i];
			build->leader_reach = FOLLOW * squared_distance(build, build->batch_vectors + (Size) i * n,
															build->centres + (Size) regions[i] * n);
			build->leaders = Min(build->leaders + 1, USUAL_LEADERS);
			build->usual_reach += (build->leader_reach - build->usual_reach) / build->leaders;
		}
		else if (distances[i] <= build->leader_reach)
			regions[i] = build->leader_region;
		else
			chosen[count++] = i;
	}
	find_nearest_regions(build, chosen, count, regions);
	if (last >= 0)
		memcpy(build->leader, build->batch_vectors + (Size) last * n, n * sizeof(float));
}

/* The rows of a full batch get their regions and go to the sort, or wherever put_row sends them. */
static void
assign_batch(IndexBuild *build)
{
	int			n = build->layout.dimensions;
	int32		regions[KMEANS_BATCH];
	IndexVector *row;

	if (build->batch_count == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	if (build->axes.count > 0)
		index_images(&build->axes, build->batch_count, build->like->dimensions, build->batch_rows, build->batch_roundings,
					 build->batch_vectors);
	if (build->centres == NULL)
	{
		/* The sample saw no row: the first one is the centre of all. */
		float	   *centre = MemoryContextAlloc(build->context, sizeof(float) * n);

		memcpy(centre, build->batch_vectors, sizeof(float) * n);
		build->centres = centre;
		build->regions = 1;
		build->head = index_default_head(n);
	}
	if (build->halves == NULL)
		begin_assigning(build);
	assign_regions(build, regions);
	row = palloc(INDEX_VECTOR_SIZE(n));
	SET_VARSIZE(row, INDEX_VECTOR_SIZE(n));
	for (int i = 0; i < build->batch_count; i++)
	{
		memcpy(row->x, build->batch_vectors + (Size) i * n, sizeof(float) * n);
		row->rounding = nextafterf((float) build->batch_roundings[i], INFINITY);
		note_reach(build, regions[i], row->x);
		build->put_row(build, regions[i], &build->batch_tids[i], row);
	}
	pfree(row);
	build->tuples += build->batch_count;
	build_report_rows(build, build->batch_count);
	build->batch_count = 0;
}

static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *argument)
{
	IndexBuild *build = argument;
	MemoryContext previous;
	Embedding  *row;
	int			n;

	if (isnull[0])
	{
		build->put_null(build, tid);
		build->nulls++;
		return;
	}
	previous = MemoryContextSwitchTo(build->row_context);
	row = DatumGetEmbedding(values[0]);
	if (leave_out(build, row, alive))
	{
		MemoryContextSwitchTo(previous);
		MemoryContextReset(build->row_context);
		return;
	}
	build_check_row(build, row);
	n = row->dimensions;
	if (build->batch_rows == NULL)
	{
		build->batch_rows = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * n);
		build->batch_vectors = build->axes.count == 0 ? build->batch_rows :
			MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * build->axes.count);
	}
	build->batch_roundings[build->batch_count] = index_unit_vector(row, build->batch_rows + (Size) build->batch_count * n);
	build->batch_tids[build->batch_count++] = *tid;
	MemoryContextSwitchTo(previous);
	MemoryContextReset(build->row_context);
	if (build->batch_count == KMEANS_BATCH)
		assign_batch(build);
}

void
build_begin_sort(IndexBuild *build)
{
	AttrNumber	attributes[] = {1};
	Oid			operators[] = {Int4LessOperator};
	Oid			collations[] = {InvalidOid};
	bool		nulls_first[] = {false};

	build->sort = tuplesort_begin_heap(build->slot->tts_tupleDescriptor, 1, attributes, operators, collations, nulls_first,
									   build->memory / 2, NULL, TUPLESORT_NONE);
}

void
build_scan_heap(IndexBuild *build, TableScanDesc scan)
{
	build->heap_tuples = table_index_build_scan(build->heap, build->index, build->info, true, !IsParallelWorker(), add_row,
												build, scan);
	assign_batch(build);
}

/* ---- the pages --------------------------------------------------------------------------------------------------- */

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* The step of a region, by what one or several processes noted. */
float
build_region_step(const IndexBuild *build, int region, const RegionReach *const *reaches, int processes)
{
	float		sample[REACH_SAMPLE * BUILD_PROCESSES];
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
		qsort(sample, count, sizeof(float), compare_floats);
		/* outliers are clipped, unless most of the rows are equal */
		if (sample[count / 2] > 0)
			most = Min(most, OUTLIER * sample[count / 2]);
	}
	return index_step(most, build->centres + (Size) region * build->layout.dimensions, build->layout.dimensions);
}

/*
 * The rows of the sort, by region; a region is written in parts that fit into half of the memory, with their vectors and
 * what group.c makes of those.
 */
void
build_write_sorted(IndexBuild *build)
{
	int			n = build->layout.dimensions;
	Size		row_size = MAXALIGN(INDEX_VECTOR_SIZE(n)) + 2 * sizeof(float) * n;
	int			most = (int) Max(Min(build->memory * 1024.0 / 2 / row_size, 1000000), LEAST_PART);
	IndexVector **rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(IndexVector *) * most);
	ItemPointerData *tids = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(ItemPointerData) * most);
	int			count = 0;
	int			region = -1;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese index build: region", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(context);

	for (;;)
	{
		bool		more = tuplesort_gettupleslot(build->sort, true, false, build->slot, NULL);
		int			next = -1;

		if (more)
		{
			slot_getallattrs(build->slot);
			next = DatumGetInt32(build->slot->tts_values[0]);
		}
		if (count > 0 && (next != region || count == most))
		{
			index_writer_rows(build->writer, region, rows, tids, count);
			build_report_rows(build, count);
			MemoryContextReset(context);
			count = 0;
		}
		if (next != region && region >= 0)
			index_writer_region_end(build->writer, region);
		if (!more)
			break;
		region = next;
		tids[count] = *(ItemPointer) DatumGetPointer(build->slot->tts_values[1]);
		/* a copy: aligned, and with a full header, which short values lose in a tuple */
		rows[count++] = (IndexVector *) PG_DETOAST_DATUM_COPY(build->slot->tts_values[2]);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	pfree(rows);
	pfree(tids);
}

static void
write_null(IndexBuild *build, ItemPointer tid)
{
	index_writer_null(build->writer, tid);
}

static TupleDesc
sort_descriptor(void)
{
	TupleDesc	descriptor = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(descriptor, 1, "region", INT4OID, -1, 0);
	TupleDescInitEntry(descriptor, 2, "tid", TIDOID, -1, 0);
	TupleDescInitEntry(descriptor, 3, "vector", BYTEAOID, -1, 0);
	return descriptor;
}

/* What each process has of its own; memory in kB. */
void
build_begin(IndexBuild *build, Relation heap, Relation index, IndexInfo *info, int memory, int process)
{
	MemoryContext previous;

	build->heap = heap;
	build->index = index;
	build->info = info;
	build->memory = memory;
	build->random = random_stream(SAMPLE_SEED, 1 + process);
	build->scale = 1;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "siamese index build", ALLOCSET_DEFAULT_SIZES);
	build->row_context = AllocSetContextCreate(build->context, "siamese index build: rows", ALLOCSET_DEFAULT_SIZES);
	previous = MemoryContextSwitchTo(build->context);
	build->slot = MakeSingleTupleTableSlot(sort_descriptor(), &TTSOpsMinimalTuple);
	build->put_slot = MakeSingleTupleTableSlot(build->slot->tts_tupleDescriptor, &TTSOpsVirtual);
	MemoryContextSwitchTo(previous);
}

void
build_end(IndexBuild *build)
{
	ExecDropSingleTupleTableSlot(build->put_slot);
	ExecDropSingleTupleTableSlot(build->slot);
	MemoryContextDelete(build->context);
}

static void
build_alone(IndexBuild *build)
{
	build->put_row = build_sort_row;
	build->put_null = write_null;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_ASSIGN);
	build_begin_sort(build);
	build_scan_heap(build, NULL);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_SORT);
	tuplesort_performsort(build->sort);
	build_report_writing(build, build->tuples);
	if (build->regions > 0 && build->reach != NULL)
	{
		const RegionReach *reach = build->reach;
		IndexRegion *regions = palloc(sizeof(IndexRegion) * build->regions);

		for (int i = 0; i < build->regions; i++)
			index_region_init(&regions[i], build_region_step(build, i, &reach, 1));
		index_writer_regions(build->writer, build->like, &build->axes, build->head, build->centres, regions, build->regions);
		build_write_sorted(build);
	}
	tuplesort_end(build->sort);
	index_writer_end(build->writer, build->has_recall ? build->recall : NULL);
}

IndexBuildResult *
index_am_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof *result);
	IndexBuild	build = {0};
	MemoryContext previous;
	int			workers = compat_parallel_build_workers(heap, index, info);

	workers = Min(workers, BUILD_PROCESSES - 1);
	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	build_begin(&build, heap, index, info, maintenance_work_mem, 0);
	build.fill = index_fill(index);
	build.options_regions = index->rd_options ? ((IndexOptions *) index->rd_options)->regions : 0;
	build.participants = workers + 1;
	previous = MemoryContextSwitchTo(build.context);
	build.writer = index_writer_begin(index, build.fill);
	build_find_regions(&build);
	/* A sample without rows leaves the model to the first row, which one process alone may decide. */
	if (workers == 0 || build.centres == NULL || !build_parallel(&build, workers))
		build_alone(&build);
	MemoryContextSwitchTo(previous);
	result->heap_tuples = build.heap_tuples;
	result->index_tuples = build.tuples + build.nulls;
	build_end(&build);
	return result;
}

char *
index_build_phase(int64 phase)
{
	static const char *const names[] = {"initializing", "sampling rows", "finding regions", "assigning rows to regions",
	"sorting rows by region", "writing pages"};

	return phase >= 1 && phase <= lengthof(names) ? pstrdup(names[phase - 1]) : NULL;
}

/* The init fork of an unlogged index: the meta page. */
void
index_build_empty(Relation index)
{
	Buffer		buffer = ReadBufferExtended(index, INIT_FORKNUM, P_NEW, RBM_NORMAL, NULL);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	index_meta_init(BufferGetPage(buffer), index_fill(index));
	MarkBufferDirty(buffer);
	log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}
