/*
 * build.c: CREATE INDEX: regions from a sample, one pass over the heap through a sort by region, then the pages.
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/compat.h"
#include "index/build.h"

static void
write_null(IndexBuild *build, ItemPointer tid)
{
	index_writer_null(build->writer, tid);
}

/* By this process alone. */
static void
build_serial(IndexBuild *build)
{
	BuildRegions *regions = &build->regions;

	build->output.put_row = build_sort_row;
	build->output.put_null = write_null;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_ASSIGN);
	build_begin_sort(build);
	build_scan_heap(build, NULL);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_SORT);
	build_sort_rows(build);
	build_report_writing(build, build->progress.rows);
	if (regions->count > 0 && regions->reach != NULL)
	{
		const RegionReach *reach = regions->reach;
		IndexRegion *records = palloc(sizeof(IndexRegion) * regions->count);

		for (int i = 0; i < regions->count; i++)
			index_region_init(&records[i], build_region_step(build, i, &reach, 1));
		index_writer_regions(build->writer, build->like, &build->axes, build->prefix, regions->centres, records, regions->count);
		build_write_sorted(build);
	}
	build_end_sort(build);
	index_writer_end(build->writer, build->sample.has_recall ? build->sample.recall : NULL);
}

IndexBuildResult *
index_am_build(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc(sizeof *result);
	IndexBuild	build = {0};
	MemoryContext previous;
	int			workers = compat_parallel_build_workers(heap, index, info);

	workers = Min(workers, LIMIT_BUILD_PROCESSES - 1);
	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	build_begin(&build, heap, index, info, maintenance_work_mem, 0);
	build.settings.fill = index_fill(index);
	build.settings.regions = index_option_regions(index);
	build.settings.processes = workers + 1;
	previous = MemoryContextSwitchTo(build.context);
	build.writer = index_writer_begin(index, build.settings.fill);
	build_find_regions(&build);
	/* A sample without rows leaves the model to the first row, which one process alone may decide. */
	if (workers == 0 || build.regions.centres == NULL || !build_parallel(&build, workers))
		build_serial(&build);
	MemoryContextSwitchTo(previous);
	result->heap_tuples = build.progress.heap_tuples;
	result->index_tuples = build.progress.rows + build.progress.nulls;
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
