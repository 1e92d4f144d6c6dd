/*
 * build_state.c: what each process of an index build has, and its progress.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "commands/progress.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "index/build.h"
#include "matrix/matrix.h"

void
build_begin(IndexBuild *build, Relation heap, Relation index, struct IndexInfo *info, int memory, int process)
{
	build->heap = heap;
	build->index = index;
	build->info = info;
	build->settings.memory = memory;
	build->random = random_stream(SAMPLE_SEED, 1 + process);
	build->regions.scale = 1;
	build->context = AllocSetContextCreate(CurrentMemoryContext, "siamese index build", ALLOCSET_DEFAULT_SIZES);
	build->row_context = AllocSetContextCreate(build->context, "siamese index build: rows", ALLOCSET_DEFAULT_SIZES);
}

void
build_end(IndexBuild *build)
{
	MemoryContextDelete(build->context);
}

void
build_load_matrix_library(const IndexBuild *build)
{
	Status		status;

	if (build->settings.matrix_library && !matrix_library_load(host_server(), &status))
		check_raise_status(&status);
}

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

void
build_report_writing(IndexBuild *build, double rows)
{
	static const int params[] = {PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_CREATEIDX_TUPLES_TOTAL, PROGRESS_CREATEIDX_TUPLES_DONE};
	const int64 values[] = {INDEX_PHASE_WRITE, (int64) rows, 0};

	build->progress.rows_done = 0;
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

/* The leader shows what all processes have done. */
void
build_report_rows(IndexBuild *build, int count)
{
	BuildProgress *progress = &build->progress;
	uint64		done = progress->shared_rows_done ? pg_atomic_add_fetch_u64(progress->shared_rows_done, count) :
		(progress->rows_done += count);

	if (!IsParallelWorker())
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}
