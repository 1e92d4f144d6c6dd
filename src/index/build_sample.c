/*
 * build_sample.c: a sample of the table, and from it the regions.
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

#include "common/random.h"
#include "index/build.h"

#define SAMPLE_ROWS_PER_REGION 32
#define MATRIX_LIBRARY_ROWS 20000	/* all products with fewer take less time than loading it */
#define LEAVES_PER_REGION 4		/* fewer would leave much of their last one empty */

typedef struct SampleState
{
	IndexBuild *build;
	Random		random;
	int			wanted;			/* rows; 0: not known before the first row */
	int			count;
	double		seen;			/* rows that are not null */
	float	   *rows;			/* [wanted, n] */
	MemoryContext context;
} SampleState;

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *argument)
{
	SampleState *state = argument;
	MemoryContext previous;
	Embedding  *row;
	int			place;

	/* rows that only older snapshots see may be of another model; they are not counted */
	if (isnull[0] || !alive)
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
		state->wanted = Min(state->wanted, state->build->sample.wanted);
		state->rows = MemoryContextAllocHuge(state->context, row_size * state->wanted);
	}
	index_vector(&state->build->axes, row, state->rows + (Size) place * row->dimensions);
	state->count = Max(state->count, place + 1);
	MemoryContextSwitchTo(previous);
	MemoryContextReset(state->build->row_context);
}

/* A small sample decides the number of regions; a larger one is taken if they need it. */
static void
take_sample(IndexBuild *build, SampleState *state, BlockNumber blocks, BlockNumber wanted_blocks)
{
	BlockSamplerData sampler;

	BlockSampler_Init(&sampler, blocks, wanted_blocks, SAMPLE_SEED);
	while (BlockSampler_HasMore(&sampler))
		/* any_visible is not allowed with a snapshot, as CONCURRENTLY has one */
		table_index_build_range_scan(build->heap, build->index, build->info, false, !build->info->ii_Concurrent, false,
									 BlockSampler_Next(&sampler), 1, sample_row, state, NULL);
}

static int
choose_regions(IndexBuild *build, double rows)
{
	int			wanted = build->settings.regions;
	double		leaf_rows = Max(build->layout.capacity * build->settings.fill / 100, 1);

	if (wanted == 0)
		wanted = (int) Min(sqrt(rows), rows / (LEAVES_PER_REGION * leaf_rows));
	/* within a quarter of the memory: the centres once, and for each process their products and reaches */
	wanted = Min(wanted, (int) Min(maintenance_work_mem * 1024.0 / 4 /
								   (sizeof(float) * build->layout.dimensions +
									build->settings.processes * (sizeof(float) * KMEANS_BATCH + sizeof(RegionReach))), LIMIT_REGIONS));
	return Max(wanted, 1);
}

void
build_find_regions(IndexBuild *build)
{
	SampleState state = {build, random_stream(SAMPLE_SEED, 0), 0, 0, 0, NULL, CurrentMemoryContext};
	BlockNumber blocks = RelationGetNumberOfBlocks(build->heap);
	double		rows;
	float	   *centres;
	SampleQuery *queries = palloc(sizeof(SampleQuery) * BUILD_QUERIES);
	int			query_count;
	int			wanted;
	Size		values;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_SAMPLE);
	build->sample.wanted = 1000;
	take_sample(build, &state, blocks, Min(blocks, 300));
	if (state.count == 0)
		take_sample(build, &state, blocks, blocks);
	if (state.count == 0)
		return;
	rows = state.seen * ((double) blocks / Min(blocks, 300));
	build->sample.expected_rows = rows;
	build->settings.matrix_library = rows >= MATRIX_LIBRARY_ROWS;
	build_load_matrix_library(build);
	wanted = choose_regions(build, rows);
	if ((double) wanted * SAMPLE_ROWS_PER_REGION > state.count && blocks > 300)
	{
		double		rows_a_block = Max(state.seen / 300, 1);

		pfree(state.rows);
		state.rows = NULL;
		state.wanted = state.count = 0;
		state.seen = 0;
		build->sample.wanted = wanted * SAMPLE_ROWS_PER_REGION;
		/* four times as many blocks as hold them, or all: neighbours in the heap are often neighbours in space */
		take_sample(build, &state, blocks, (BlockNumber) Min(blocks, Max(4 * build->sample.wanted / rows_a_block, 300)));
	}
	if (state.count == 0)
		return;

	query_count = build_queries(build, state.rows, state.count, queries);
	build_find_axes(build, state.rows, state.count, queries, query_count);
	/* shorter codes, more rows in a leaf: perhaps fewer regions */
	if (build->axes.count > 0)
	{
		int			fewer = choose_regions(build, rows);

		wanted = Min(wanted, fewer);
	}

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_KMEANS);
	centres = MemoryContextAllocHuge(build->context, sizeof(float) * (Size) wanted * build->layout.dimensions);
	values = (Size) state.count * build->layout.dimensions;
	build->regions.scale = kmeans_scale(state.rows, values);
	kmeans_multiply(state.rows, values, build->regions.scale);
	build->regions.count = kmeans_run(state.rows, state.count, build->layout.dimensions, wanted, SAMPLE_SEED, centres);
	kmeans_multiply(state.rows, values, 1 / build->regions.scale);
	kmeans_multiply(centres, (Size) build->regions.count * build->layout.dimensions, 1 / build->regions.scale);
	build->regions.centres = centres;
	build->prefix = build_prefix(build, state.rows, state.count, queries, query_count);
	build_recall(build, state.rows, queries, query_count);
	pfree(queries);
	pfree(state.rows);
}
