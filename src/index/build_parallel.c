/*
 * build_parallel.c: an index build by several processes.
 *
 * Regions are divided among partitions.  Each process takes blocks of the table, gives their rows to regions and appends each
 * row to its own file of the region's partition.  When the table is read, each process takes whole partitions, one after the
 * other: it reads all processes' files of it, sorts their rows by region and writes the nodes.  So both costly parts run
 * in parallel, no process waits for a merge, and the number of partitions determines the memory.  The leader
 * alone writes NULLs, centres, regions, the meta page and the log.
 *
 * A worker may start late, or never: those present share the work (see storage/ipc/barrier.c).
 */
#include "postgres.h"

#include <fcntl.h>

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/barrier.h"
#include "storage/buffile.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "common/compat.h"
#include "index/build.h"

#define KEY_SHARED UINT64CONST(0x51A5000000000001)
#define KEY_SCAN UINT64CONST(0x51A5000000000002)
#define KEY_CENTRES UINT64CONST(0x51A5000000000003)
#define KEY_REACHES UINT64CONST(0x51A5000000000004)
#define KEY_REGIONS UINT64CONST(0x51A5000000000005)
#define KEY_QUERY UINT64CONST(0x51A5000000000006)
#define KEY_BUFFER_USAGE UINT64CONST(0x51A5000000000007)
#define KEY_WAL_USAGE UINT64CONST(0x51A5000000000008)
#define KEY_AXES UINT64CONST(0x51A5000000000009)
#define KEYS 9

#define PARTITIONS_PER_PROCESS 4	/* at least, so that they finish at about the same time */
#define PARTITION_MARGIN 1.5	/* regions differ in size */
#define FILE_BUFFER (BLCKSZ + 512)	/* memory of an open BufFile */

/* Of the barrier; while nodes are written, processes leave it one by one. */
enum
{
	PHASE_ASSIGN, PHASE_STEPS, PHASE_WRITE
};

typedef struct ParallelBuild
{
	Oid			heap;
	Oid			index;
	bool		concurrent;
	int			participants;	/* processes at most: the leader is number 0 */
	int			partitions;
	int			fill;
	bool		matrix_library;
	int			regions;
	uint64		model;
	uint16		dimensions;
	uint16		axes;
	uint16		prefix;
	uint8		metric;
	float		scale;
	SharedFileSet files;
	Barrier		barrier;
	pg_atomic_uint32 next_partition;
	pg_atomic_uint64 rows_done;

	slock_t		mutex;			/* for what follows */
	bool		broken_hot_chain;
	double		heap_tuples;
	double		tuples;
	double		nulls;
	uint64		written_rows;	/* by the workers */
	uint64		written_cells;
} ParallelBuild;

typedef struct Participant
{
	ParallelBuild *shared;
	int			number;
	ParallelTableScanDesc scan;
	RegionReach *reaches;		/* [participants, regions] */
	IndexRegion *regions;
	BufFile   **files;			/* [partitions + 1], NULL: not begun; the last one is for NULLs */
} Participant;

/* A row in a file; an IndexVector follows, unless it is NULL. */
typedef struct RowHeader
{
	int32		region;
	ItemPointerData tid;
} RowHeader;

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void
file_name(char *name, int partition, int process)
{
	snprintf(name, MAXPGPATH, "%d.%d", partition, process);
}

static BufFile *
own_file(IndexBuild *build, int partition)
{
	Participant *participant = build->output.participant;

	if (participant->files[partition] == NULL)
	{
		MemoryContext previous = MemoryContextSwitchTo(build->context);
		char		name[MAXPGPATH];

		file_name(name, partition, participant->number);
		participant->files[partition] = BufFileCreateFileSet(&participant->shared->files.fs, name);
		MemoryContextSwitchTo(previous);
	}
	return participant->files[partition];
}

static void
put_row(IndexBuild *build, int region, ItemPointer tid, const IndexVector *row)
{
	const ParallelBuild *shared = build->output.participant->shared;
	BufFile    *file = own_file(build, (int) ((int64) region * shared->partitions / shared->regions));
	RowHeader	header = {region, *tid};

	BufFileWrite(file, &header, sizeof header);
	BufFileWrite(file, (void *) row, VARSIZE(row));
}

static void
put_null(IndexBuild *build, ItemPointer tid)
{
	RowHeader	header = {-1, *tid};

	BufFileWrite(own_file(build, build->output.participant->shared->partitions), &header, sizeof header);
}

static void
close_files(Participant *participant)
{
	for (int i = 0; i <= participant->shared->partitions; i++)
		if (participant->files[i])
			BufFileClose(participant->files[i]);
	pfree(participant->files);
}

static void
read_exactly(BufFile *file, void *target, Size size)
{
	if (BufFileRead(file, target, size) != size)
		elog(ERROR, "a temporary file of an index build is too short");
}

/* The rows of all processes: to the sort, or NULLs to their pages. */
static void
read_partition(IndexBuild *build, int partition)
{
	ParallelBuild *shared = build->output.participant->shared;
	Size		size = INDEX_VECTOR_SIZE(build->layout.dimensions);
	IndexVector *row = palloc(size);

	for (int process = 0; process < shared->participants; process++)
	{
		char		name[MAXPGPATH];
		BufFile    *file;
		RowHeader	header;
		Size		length;

		file_name(name, partition, process);
		file = BufFileOpenFileSet(&shared->files.fs, name, O_RDONLY, true);
		if (file == NULL)
			continue;
		while ((length = BufFileRead(file, &header, sizeof header)) > 0)
		{
			CHECK_FOR_INTERRUPTS();
			if (length != sizeof header)
				elog(ERROR, "a temporary file of an index build is too short");
			if (header.region < 0)
				index_writer_null(build->writer, &header.tid);
			else
			{
				read_exactly(file, row, size);
				build_sort_row(build, header.region, &header.tid, row);
			}
		}
		BufFileClose(file);
		BufFileDeleteFileSet(&shared->files.fs, name, false);
	}
	pfree(row);
}

/* ---- what each process does -------------------------------------------------------------------------------------- */

static void
assign_rows(IndexBuild *build)
{
	Participant *participant = build->output.participant;
	ParallelBuild *shared = participant->shared;

	participant->files = MemoryContextAllocZero(build->context, sizeof(BufFile *) * (shared->partitions + 1));
	build->regions.reach = participant->reaches + (Size) participant->number * shared->regions;
	build->output.put_row = put_row;
	build->output.put_null = put_null;
	build->progress.shared_rows_done = &shared->rows_done;
	build_scan_heap(build, table_beginscan_parallel(build->heap, participant->scan));
	close_files(participant);
	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += build->progress.heap_tuples;
	shared->tuples += build->progress.rows;
	shared->nulls += build->progress.nulls;
	shared->broken_hot_chain |= build->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
}

static void
find_steps(IndexBuild *build)
{
	Participant *participant = build->output.participant;
	ParallelBuild *shared = participant->shared;
	const RegionReach *reaches[LIMIT_BUILD_PROCESSES];

	for (int i = 0; i < shared->participants; i++)
		reaches[i] = participant->reaches + (Size) i * shared->regions;
	for (int i = 0; i < shared->regions; i++)
		index_region_init(&participant->regions[i], build_region_step(build, i, reaches, shared->participants));
	pg_atomic_write_u64(&shared->rows_done, 0);
}

static void
write_partitions(IndexBuild *build)
{
	ParallelBuild *shared = build->output.participant->shared;
	uint32		partition;

	index_writer_regions(build->writer, build->like, &build->axes, shared->prefix, build->regions.centres,
						 build->output.participant->regions, shared->regions);
	while ((partition = pg_atomic_fetch_add_u32(&shared->next_partition, 1)) < shared->partitions)
	{
		build_begin_sort(build);
		read_partition(build, partition);
		build_sort_rows(build);
		build_write_sorted(build);
		build_end_sort(build);
	}
}

/* The work of one process, up to the last node. */
static void
participate(IndexBuild *build)
{
	ParallelBuild *shared = build->output.participant->shared;
	int			phase = BarrierAttach(&shared->barrier);

	if (phase == PHASE_ASSIGN)
	{
		assign_rows(build);
		if (BarrierArriveAndWait(&shared->barrier, PG_WAIT_EXTENSION))
			find_steps(build);
		phase = PHASE_STEPS;
	}
	if (phase == PHASE_STEPS)
		BarrierArriveAndWait(&shared->barrier, PG_WAIT_EXTENSION);
	if (!IsParallelWorker())
		build_report_writing(build, shared->tuples);
	write_partitions(build);
	BarrierDetach(&shared->barrier);
}

/* Found by name, in the worker. */
extern PGDLLEXPORT void siamese_index_build_worker(dsm_segment *segment, shm_toc *toc);

void
siamese_index_build_worker(dsm_segment *segment, shm_toc *toc)
{
	ParallelBuild *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	BufferUsage *buffer_usage = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	WalUsage   *wal_usage = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	Relation	heap;
	Relation	index;
	struct IndexInfo *info;
	IndexBuild	build = {0};
	Participant participant = {.shared = shared, .number = ParallelWorkerNumber + 1};
	uint64		rows;
	uint64		cells;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	heap = table_open(shared->heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
	index = index_open(shared->index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
	info = BuildIndexInfo(index);
	info->ii_Concurrent = shared->concurrent;
	SharedFileSetAttach(&shared->files, segment);
	InstrStartParallelQuery();

	participant.scan = shm_toc_lookup(toc, KEY_SCAN, false);
	participant.reaches = shm_toc_lookup(toc, KEY_REACHES, false);
	participant.regions = shm_toc_lookup(toc, KEY_REGIONS, false);
	build_begin(&build, heap, index, info, Max(maintenance_work_mem / shared->participants, 64), participant.number);
	build.output.participant = &participant;
	build.settings.fill = shared->fill;
	build.settings.matrix_library = shared->matrix_library;
	build_load_matrix_library(&build);
	build.regions.centres = shm_toc_lookup(toc, KEY_CENTRES, false);
	build.regions.count = shared->regions;
	build.regions.scale = shared->scale;
	build.like = MemoryContextAllocZero(build.context, EMBEDDING_SIZE(0));
	build.like->model = shared->model;
	build.like->metric = shared->metric;
	build.like->dimensions = shared->dimensions;
	build.axes.count = shared->axes;
	build.axes.mean = shm_toc_lookup(toc, KEY_AXES, true);
	build.axes.rows = build.axes.count > 0 ? build.axes.mean + shared->dimensions : NULL;
	index_layout(&build.layout, shared->axes > 0 ? shared->axes : shared->dimensions);
	build.writer = index_writer_join(index, shared->fill);
	participate(&build);
	index_writer_written(build.writer, &rows, &cells);
	build_end(&build);

	SpinLockAcquire(&shared->mutex);
	shared->written_rows += rows;
	shared->written_cells += cells;
	SpinLockRelease(&shared->mutex);
	InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber], &wal_usage[ParallelWorkerNumber]);
	index_close(index, NoLock);
	table_close(heap, NoLock);
}

/* ---- the leader -------------------------------------------------------------------------------------------------- */

static int
choose_partitions(const IndexBuild *build)
{
	/* the vector, its sort's header and item */
	double		bytes = build->sample.expected_rows * (INDEX_VECTOR_SIZE(build->layout.dimensions) + 64);
	double		share = build->settings.memory * 1024.0 / 2;
	double		most = Min(Min(build->regions.count, LIMIT_BUILD_PARTITIONS), share / FILE_BUFFER);
	double		wanted = Max(bytes * PARTITION_MARGIN / share, PARTITIONS_PER_PROCESS * build->settings.processes);

	return (int) Max(Min(wanted, most), 1);
}

typedef struct ParallelSizes
{
	Size		scan;
	Size		centres;
	Size		axes;
	Size		reaches;
	Size		regions;
	Size		query;
} ParallelSizes;

static void
estimate(ParallelContext *context, const IndexBuild *build, Snapshot snapshot, ParallelSizes *sizes)
{
	shm_toc_estimator *estimator = &context->estimator;

	sizes->scan = table_parallelscan_estimate(build->heap, snapshot);
	sizes->centres = sizeof(float) * (Size) build->regions.count * build->layout.dimensions;
	sizes->axes = sizeof(float) * index_axes_floats(build->axes.count, build->like->dimensions);
	sizes->reaches = sizeof(RegionReach) * (Size) build->regions.count * build->settings.processes;
	sizes->regions = sizeof(IndexRegion) * (Size) build->regions.count;
	sizes->query = debug_query_string ? strlen(debug_query_string) + 1 : 0;
	shm_toc_estimate_chunk(estimator, sizeof(ParallelBuild));
	shm_toc_estimate_chunk(estimator, sizes->scan);
	shm_toc_estimate_chunk(estimator, sizes->centres);
	shm_toc_estimate_chunk(estimator, sizes->axes);
	shm_toc_estimate_chunk(estimator, sizes->reaches);
	shm_toc_estimate_chunk(estimator, sizes->regions);
	shm_toc_estimate_chunk(estimator, sizes->query);
	shm_toc_estimate_chunk(estimator, sizeof(BufferUsage) * context->nworkers);
	shm_toc_estimate_chunk(estimator, sizeof(WalUsage) * context->nworkers);
	shm_toc_estimate_keys(estimator, KEYS);
}

static void *
allocate(ParallelContext *context, uint64 key, Size size)
{
	void	   *memory = shm_toc_allocate(context->toc, size);

	memset(memory, 0, size);
	shm_toc_insert(context->toc, key, memory);
	return memory;
}

/* Fills the segment, and makes this process a participant. */
static void
share_build(ParallelContext *context, IndexBuild *build, Snapshot snapshot, const ParallelSizes *sizes, Participant *participant)
{
	ParallelBuild *shared = allocate(context, KEY_SHARED, sizeof *shared);
	float	   *centres = allocate(context, KEY_CENTRES, sizes->centres);

	shared->heap = RelationGetRelid(build->heap);
	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->info->ii_Concurrent;
	shared->participants = build->settings.processes;
	shared->partitions = choose_partitions(build);
	shared->fill = build->settings.fill;
	shared->matrix_library = build->settings.matrix_library;
	shared->regions = build->regions.count;
	shared->model = build->like->model;
	shared->metric = build->like->metric;
	shared->dimensions = build->like->dimensions;
	shared->axes = build->axes.count;
	shared->prefix = build->prefix;
	shared->scale = build->regions.scale;
	SharedFileSetInit(&shared->files, context->seg);
	BarrierInit(&shared->barrier, 0);
	pg_atomic_init_u32(&shared->next_partition, 0);
	pg_atomic_init_u64(&shared->rows_done, 0);
	SpinLockInit(&shared->mutex);
	participant->shared = shared;
	participant->number = 0;
	participant->scan = allocate(context, KEY_SCAN, sizes->scan);
	table_parallelscan_initialize(build->heap, participant->scan, snapshot);
	participant->reaches = allocate(context, KEY_REACHES, sizes->reaches);
	participant->regions = allocate(context, KEY_REGIONS, sizes->regions);
	memcpy(centres, build->regions.centres, sizes->centres);
	if (sizes->axes > 0)
		memcpy(allocate(context, KEY_AXES, sizes->axes), build->axes.mean, sizes->axes);
	if (sizes->query > 0)
		memcpy(allocate(context, KEY_QUERY, sizes->query), debug_query_string, sizes->query);
	allocate(context, KEY_BUFFER_USAGE, sizeof(BufferUsage) * context->nworkers);
	allocate(context, KEY_WAL_USAGE, sizeof(WalUsage) * context->nworkers);
}

/* After the last node: adds up what the workers did, and writes what the leader alone writes. */
static void
finish(ParallelContext *context, IndexBuild *build)
{
	ParallelBuild *shared = build->output.participant->shared;
	BufferUsage *buffer_usage = shm_toc_lookup(context->toc, KEY_BUFFER_USAGE, false);
	WalUsage   *wal_usage = shm_toc_lookup(context->toc, KEY_WAL_USAGE, false);

	WaitForParallelWorkersToFinish(context);
	for (int i = 0; i < context->nworkers_launched; i++)
		InstrAccumParallelQuery(&buffer_usage[i], &wal_usage[i]);
	build->progress.heap_tuples = shared->heap_tuples;
	build->progress.rows = shared->tuples;
	build->progress.nulls = shared->nulls;
	build->info->ii_BrokenHotChain |= shared->broken_hot_chain;
	index_writer_add_written(build->writer, shared->written_rows, shared->written_cells);
	read_partition(build, shared->partitions);
	index_writer_end(build->writer, build->sample.has_recall ? build->sample.recall : NULL);
}

bool
build_parallel(IndexBuild *build, int workers)
{
	ParallelContext *context;
	Snapshot	snapshot = build->info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	ParallelSizes sizes;
	Participant participant = {0};
	int			memory = build->settings.memory;
	bool		launched = false;

	EnterParallelMode();
	context = CreateParallelContext("$libdir/siamese", "siamese_index_build_worker", workers);
	estimate(context, build, snapshot, &sizes);
	InitializeParallelDSM(context);
	/* no segment if all of the server's are in use */
	if (context->seg != NULL)
	{
		build->settings.memory = Max(maintenance_work_mem / build->settings.processes, 64);
		share_build(context, build, snapshot, &sizes, &participant);
		LaunchParallelWorkers(context);
		launched = context->nworkers_launched > 0;
	}
	if (launched)
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, INDEX_PHASE_ASSIGN);
		pfree((void *) build->regions.centres);
		build->regions.centres = shm_toc_lookup(context->toc, KEY_CENTRES, false);
		build->output.participant = &participant;
		participate(build);
		finish(context, build);
	}
	else
		build->settings.memory = memory;
	if (IsMVCCSnapshot(snapshot))
		UnregisterSnapshot(snapshot);
	DestroyParallelContext(context);
	ExitParallelMode();
	return launched;
}
