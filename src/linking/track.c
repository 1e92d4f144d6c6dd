/*
 * track.c: siamese.track(frame, region, score, appearance, model, frame_rate) OVER (PARTITION BY video).
 *
 * A window function may look at all rows of its partition: the first call links them, the others give what was found.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "common/check.h"
#include "common/host.h"
#include "linking/detections.h"
#include "linking/options.h"
#include "linking/stored_tracker.h"

enum
{
	FRAME, REGION, SCORE, APPEARANCE, MODEL, RATE
};

/* What is kept for all rows of a partition. */
typedef struct Partition
{
	bool		done;
	int			track[FLEXIBLE_ARRAY_MEMBER];	/* [rows]: from 0; -1: none */
} Partition;

static Datum
argument(WindowObject window, int number, int64 row, bool *isnull)
{
	bool		out;

	return WinGetFuncArgInPartition(window, number, (int) row, WINDOW_SEEK_HEAD, false, isnull, &out);
}

/* The tracker, loaded once for all partitions of a query. */
static const StoredTracker *
find_tracker(FunctionCallInfo fcinfo, WindowObject window)
{
	FmgrInfo   *function = fcinfo->flinfo;
	MemoryContext caller;
	Datum		model;
	bool		isnull;

	if (function->fn_extra != NULL)
		return function->fn_extra;
	if (!get_fn_expr_arg_stable(function, MODEL) || (PG_NARGS() > RATE && !get_fn_expr_arg_stable(function, RATE)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model and frame rate of siamese.track() must be the same for all rows"),
				 errhint("Pass constants or parameters.")));
	model = argument(window, MODEL, 0, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the model of siamese.track() cannot be null")));
	caller = MemoryContextSwitchTo(function->fn_mcxt);
	function->fn_extra = tracker_by_name(TextDatumGetCString(model));
	MemoryContextSwitchTo(caller);
	return function->fn_extra;
}

static double
frame_rate(FunctionCallInfo fcinfo, WindowObject window, const Tracker *tracker)
{
	Datum		rate;
	bool		isnull;

	rate = argument(window, RATE, 0, &isnull);
	if (isnull)
		return tracker->frame_rate;
	check_frame_rate(DatumGetFloat8(rate));
	return DatumGetFloat8(rate);
}

/* Detections without frame, region or score are no detections: they get no track. */
static void
read_rows(WindowObject window, int64 rows, DetectionList *list, Looks *looks, int *row_of)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);

	for (int64 row = 0; row < rows; row++)
	{
		Datum		value[4];
		bool		isnull[4];

		CHECK_FOR_INTERRUPTS();
		/* the box last: each argument() may free what the one before pointed to */
		value[FRAME] = argument(window, FRAME, row, &isnull[FRAME]);
		value[SCORE] = argument(window, SCORE, row, &isnull[SCORE]);
		value[REGION] = argument(window, REGION, row, &isnull[REGION]);
		if (isnull[FRAME] || isnull[REGION] || isnull[SCORE])
			continue;
		row_of[list->count] = (int) row;
		detections_add(list, DatumGetInt32(value[FRAME]), value[REGION], DatumGetFloat8(value[SCORE]), -1, list->count);
		if (looks != NULL)
		{
			value[APPEARANCE] = argument(window, APPEARANCE, row, &isnull[APPEARANCE]);
			looks_add(looks, value[APPEARANCE], isnull[APPEARANCE]);
		}
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(caller);
}

static void
link_partition(FunctionCallInfo fcinfo, WindowObject window, int64 rows, Partition *partition)
{
	const StoredTracker *stored = find_tracker(fcinfo, window);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese track", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	DetectionList *list = detections_create("detections");
	Looks	   *looks = stored->looks.fingerprint != 0 ? looks_create(&stored->looks) : NULL;
	int		   *row_of = palloc_extended(sizeof(int) * rows, MCXT_ALLOC_HUGE);
	int		   *track;
	Video		video;
	int			tracks;
	Status		status;

	read_rows(window, rows, list, looks, row_of);
	detections_sort(list);
	track = palloc_extended(sizeof(int) * Max(list->count, 1), MCXT_ALLOC_HUGE);
	video = (Video) {
		.detection = list->detection, .count = list->count, .frame_rate = frame_rate(fcinfo, window, &stored->tracker),
		.appearance = looks != NULL ? looks_appearance(looks) : NULL
	};
	if (!tracker_run(host_server(), &stored->tracker, &video, track, &tracks, &status))
		check_raise_status(&status);
	for (int64 row = 0; row < rows; row++)
		partition->track[row] = -1;
	for (int i = 0; i < list->count; i++)
		partition->track[row_of[list->detection[i].source]] = track[i];
	partition->done = true;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

PG_FUNCTION_INFO_V1(siamese_track);

Datum
siamese_track(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	int64		rows = WinGetPartitionRowCount(window);
	Partition  *partition;
	int			track;

	if (rows > (int64) ((MaxAllocSize - sizeof(Partition)) / sizeof(int)))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many detections: at most %zu in a partition", (MaxAllocSize - sizeof(Partition)) / sizeof(int))));
	partition = WinGetPartitionLocalMemory(window, offsetof(Partition, track) + sizeof(int) * rows);
	if (!partition->done)
		link_partition(fcinfo, window, rows, partition);
	track = partition->track[WinGetCurrentPosition(window)];
	if (track < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(track + 1);
}
