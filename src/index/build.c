/*
 * build.c: CREATE INDEX: sample, regions, one pass over the heap through a sort by region, then the pages.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"
#include "utils/tuplesort.h"

#include "common/random.h"
#include "index/build.h"
#include "index/index.h"

/* ---- sample ------------------------------------------------------------------------------------------------------ */

#define SAMPLE_ROWS_PER_REGION 64
#define SAMPLE_SEED 5
#define LEAVES_PER_REGION 4		/* fewer would leave much of their last one empty */

typedef struct SampleState
{
	IndexBuild *build;
	Random		random;
	int			wanted;			/* rows; 0: the first one decides */
	int			count;
	double		seen;			/* rows that are not null */
	float	   *rows;			/* [wanted, n] */
	MemoryContext context;
} SampleState;

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
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *argument)
{
	SampleState *state = argument;
	MemoryContext previous;
	Embedding  *row;
	int			place;

	if (isnull[0])
		return;
	state->seen++;
	place = state->count;
	if (state->wanted > 0 && state->count == state->wanted)
	{
		/* Vitter 1985, algorithm R */
		double		drawn = random_uniform(&state->random) * state->seen;

		if (drawn >= state->wanted)
			return;
		place = (int) drawn;
	}
	previous = MemoryContextSwitchTo(state->build->row_context);
	row = DatumGetEmbedding(values[0]);
	build_check_row(state->build, row);
	if (state->wanted == 0)
	{
		Size		row_size = sizeof(float) * (Size) row->dimensions;
		double		most = maintenance_work_mem * 1024.0 / 2 / row_size;

		state->wanted = (int) Max(Min(most, (double) LIMIT_REGIONS * SAMPLE_ROWS_PER_REGION), 256);
		state->wanted = Min(state->wanted, state->build->sample_rows);
		state->rows = MemoryContextAllocHuge(state->context, row_size * state->wanted);
	}
	index_vector(row, state->rows + (Size) place * row->dimensions);
	state->count = Max(state->count, place + 1);
	MemoryContextSwitchTo(previous);
	MemoryContextReset(state->build->row_context);
}

/* Few rows decide how many regions there are; then as many are sampled as those need. */
static void
take_sample(IndexBuild *build, SampleState *state, BlockNumber blocks, BlockNumber wanted_blocks)
{
	BlockSamplerData sampler;

	BlockSampler_Init(&sampler, blocks, wanted_blocks, SAMPLE_SEED);
	while (BlockSampler_HasMore(&sampler))
		table_index_build_range_scan(build->heap, build->index, build->info, false, true, false,
									 BlockSampler_Next(&sampler), 1, sample_row, state, NULL);
}

static int
choose_regions(IndexBuild *build, double rows)
{
	int			wanted = build->options_regions;
	double		leaf_rows = Max(build->layout.capacity * build->fill / 100, 1);

	if (wanted == 0)
		wanted = (int) Min(sqrt(rows), rows / (LEAVES_PER_REGION * leaf_rows));
	/* centres and their products within the memory */
	wanted = Min(wanted, (int) Min(maintenance_work_mem * 1024.0 / 4 / (sizeof(float) * (build->layout.dimensions + KMEANS_BATCH)),
								   LIMIT_REGIONS));
	return Max(wanted, 1);
}

static void
find_regions(IndexBuild *build)
{
	SampleState state = {build, random_stream(SAMPLE_SEED, 0), 0, 0, 0, NULL, CurrentMemoryContext};
	BlockNumber blocks = RelationGetNumberOfBlocks(build->heap);
	double		rows;
	int			wanted;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_SAMPLE);
	build->sample_rows = 1000;
	take_sample(build, &state, blocks, Min(blocks, 300));
	if (state.count == 0)
		take_sample(build, &state, blocks, blocks);
	if (state.count == 0)
		return;
	rows = state.seen * ((double) blocks / Min(blocks, 300));
	wanted = choose_regions(build, rows);
	if ((double) wanted * SAMPLE_ROWS_PER_REGION > state.count && blocks > 300)
	{
		double		rows_a_block = Max(state.seen / 300, 1);

		pfree(state.rows);
		state.rows = NULL;
		state.wanted = state.count = 0;
		state.seen = 0;
		build->sample_rows = wanted * SAMPLE_ROWS_PER_REGION;
		/* four times as many blocks as hold them, or all: neighbours in the heap are often neighbours in space */
		take_sample(build, &state, blocks, (BlockNumber) Min(blocks, Max(4 * build->sample_rows / rows_a_block, 300)));
	}
	if (state.count == 0)
		return;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_KMEANS);
	build->centres = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) wanted * build->layout.dimensions);
	build->regions = kmeans_run(state.rows, state.count, build->layout.dimensions, wanted, SAMPLE_SEED, build->centres);
	build_recall(build, state.rows, state.count);
	pfree(state.rows);
}

/* ---- one pass over the heap -------------------------------------------------------------------------------------- */

void
build_begin_assigning(IndexBuild *build)
{
	int			n = build->layout.dimensions;

	build->halves = MemoryContextAlloc(build->context, sizeof(float) * build->regions);
	kmeans_halves(build->centres, build->regions, n, build->halves);
	build->scratch = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * build->regions);
	build->batch_vectors = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) KMEANS_BATCH * n);
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

/* The rows of a full batch get their regions and go to the sort. */
static void
assign_batch(IndexBuild *build)
{
	int			n = build->layout.dimensions;
	int32		nearest[KMEANS_BATCH];

	if (build->batch_count == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	if (build->centres == NULL)
	{
		/* The sample saw no row: the first one is the centre of all. */
		build->centres = MemoryContextAlloc(build->context, sizeof(float) * n);
		index_vector(build->batch[0], build->centres);
		build->regions = 1;
	}
	if (build->halves == NULL)
		build_begin_assigning(build);
	for (int i = 0; i < build->batch_count; i++)
		index_vector(build->batch[i], build->batch_vectors + (Size) i * n);
	kmeans_assign(build->batch_vectors, build->batch_count, build->centres, build->halves, build->regions, n, build->scratch, nearest);
	for (int i = 0; i < build->batch_count; i++)
	{
		TupleTableSlot *slot = build->put_slot;

		note_reach(build, nearest[i], build->batch_vectors + (Size) i * n);
		ExecClearTuple(slot);
		slot->tts_values[0] = Int32GetDatum(nearest[i]);
		slot->tts_values[1] = PointerGetDatum(&build->batch_tids[i]);
		slot->tts_values[2] = PointerGetDatum(build->batch[i]);
		memset(slot->tts_isnull, 0, 3 * sizeof(bool));
		ExecStoreVirtualTuple(slot);
		tuplesort_puttupleslot(build->sort, slot);
	}
	build->tuples += build->batch_count;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->tuples);
	build->batch_count = 0;
	MemoryContextReset(build->row_context);
}

static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *argument)
{
	IndexBuild *build = argument;
	MemoryContext previous;
	Embedding  *row;

	if (isnull[0])
	{
		build->add_null(build, tid);
		build->tuples++;
		return;
	}
	previous = MemoryContextSwitchTo(build->row_context);
	row = DatumGetEmbedding(values[0]);
	/* A value that is not a copy belongs to a page of the heap that will be left. */
	if ((Pointer) row == DatumGetPointer(values[0]))
		row = memcpy(palloc(VARSIZE(row)), row, VARSIZE(row));
	build_check_row(build, row);
	build->batch[build->batch_count] = row;
	build->batch_tids[build->batch_count++] = *tid;
	MemoryContextSwitchTo(previous);
	if (build->batch_count == KMEANS_BATCH || (Size) build->batch_count * VARSIZE(row) > BATCH_BYTES)
		assign_batch(build);
}

Tuplesortstate *
build_begin_sort(IndexBuild *build, int memory, SortCoordinate coordinate)
{
	AttrNumber	attributes[] = {1};
	Oid			operators[] = {Int4LessOperator};
	Oid			collations[] = {InvalidOid};
	bool		nulls_first[] = {false};

	return tuplesort_begin_heap(build->slot->tts_tupleDescriptor, 1, attributes, operators, collations, nulls_first, memory,
								coordinate, TUPLESORT_NONE);
}

void
build_scan_heap(IndexBuild *build, TableScanDesc scan)
{
	build->heap_tuples = table_index_build_scan(build->heap, build->index, build->info, scan == NULL, true, add_row, build, scan);
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

static float *
region_steps(IndexBuild *build)
{
	int			n = build->layout.dimensions;
	float	   *steps = palloc(sizeof(float) * build->regions);

	for (int i = 0; i < build->regions; i++)
	{
		RegionReach *reach = &build->reach[i];
		int			count = Min(reach->count, REACH_SAMPLE);
		float		most = reach->most;

		if (count > 0)
		{
			qsort(reach->sample, count, sizeof(float), compare_floats);
			/* outliers are clipped, unless most of the rows are equal */
			if (reach->sample[count / 2] > 0)
				most = Min(most, OUTLIER * reach->sample[count / 2]);
		}
		steps[i] = index_step(most, build->centres + (Size) i * n, n);
	}
	return steps;
}

/* Rows come sorted by region; a region is written in parts that fit into half of the memory. */
static void
write_regions(IndexBuild *build)
{
	int			n = build->layout.dimensions;
	Size		row_size = MAXALIGN(EMBEDDING_SIZE(n));
	int			most = (int) Max(Min(maintenance_work_mem * 1024.0 / 2 / (row_size + sizeof(float) * n), 1000000), 1024);
	Embedding **rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Embedding *) * most);
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
		rows[count++] = (Embedding *) PG_DETOAST_DATUM_COPY(build->slot->tts_values[2]);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	pfree(rows);
	pfree(tids);
}

static void
add_null_row(IndexBuild *build, ItemPointer tid)
{
	index_writer_null(build->writer, tid);
}

TupleDesc
build_tuple_descriptor(void)
{
	TupleDesc	descriptor = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(descriptor, 1, "region", INT4OID, -1, 0);
	TupleDescInitEntry(descriptor, 2, "tid", TIDOID, -1, 0);
	TupleDescInitEntry(descriptor, 3, "vector", BYTEAOID, -1, 0);
	return descriptor;
}

IndexBuildResult *
index_am_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof *result);
	IndexBuild	build = {0};
	MemoryContext previous;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	build.heap = heap;
	build.index = index;
	build.info = info;
	build.fill = index_fill(index);
	build.options_regions = index->rd_options ? ((IndexOptions *) index->rd_options)->regions : 0;
	build.random = random_stream(SAMPLE_SEED, 1);
	build.add_null = add_null_row;
	build.context = AllocSetContextCreate(CurrentMemoryContext, "siamese index build", ALLOCSET_DEFAULT_SIZES);
	build.row_context = AllocSetContextCreate(build.context, "siamese index build: rows", ALLOCSET_DEFAULT_SIZES);
	previous = MemoryContextSwitchTo(build.context);
	build.writer = index_writer_begin(index, build.fill);
	build.slot = MakeSingleTupleTableSlot(build_tuple_descriptor(), &TTSOpsMinimalTuple);
	build.put_slot = MakeSingleTupleTableSlot(build.slot->tts_tupleDescriptor, &TTSOpsVirtual);

	find_regions(&build);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_ASSIGN);
	build.sort = build_begin_sort(&build, maintenance_work_mem / 2, NULL);
	build_scan_heap(&build, NULL);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_SORT);
	tuplesort_performsort(build.sort);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_WRITE);
	if (build.regions > 0 && build.reach != NULL)
	{
		index_writer_regions(build.writer, build.like, build.centres, region_steps(&build), build.regions);
		write_regions(&build);
	}
	tuplesort_end(build.sort);
	index_writer_end(build.writer, build.has_recall ? build.recall : NULL);

	ExecDropSingleTupleTableSlot(build.put_slot);
	ExecDropSingleTupleTableSlot(build.slot);
	MemoryContextSwitchTo(previous);
	result->heap_tuples = build.heap_tuples;
	result->index_tuples = build.tuples;
	MemoryContextDelete(build.context);
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
