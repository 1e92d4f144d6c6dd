/*
 * link.c: siamese.link(detections, model, options): the tracks of a video, with gaps filled and boxes smoothed.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "common/check.h"
#include "common/host.h"
#include "common/read_query.h"
#include "embedding/embedding.h"
#include "linking/detections.h"
#include "linking/options.h"
#include "linking/stored_tracker.h"
#include "model/row_cache.h"

#define COLUMNS 4				/* that all detections have */
#define SMOOTH_SECONDS 0.8		/* unless it is said otherwise */

typedef struct LinkCall
{
	const StoredTracker *stored;
	MemoryContext context;
	FmgrInfo	id_output;
	Oid			score_type;
	Looks	   *looks;
	DetectionList *detections;
	char	  **id;				/* [detections->room] */
	int			id_room;
	double		frame_rate;
	double		fill;			/* seconds */
	double		smooth;			/* seconds */
} LinkCall;

static const ReadQuery form = {"detections", "Pass a SELECT that returns (id, frame integer, region box, score), then, if the tracker has"
	" an appearance, the image bytea or the appearance embedding, of one video."};

static void
open_looks(LinkCall *call, bool images)
{
	const LooksModel *of = &call->stored->looks;
	MemoryContext caller = MemoryContextSwitchTo(call->context);

	if (!images)
		call->looks = looks_create(of);
	else
	{
		/* raises unless the current user may read a row of it */
		model_calibration(of->fingerprint);
		call->looks = looks_of_images(of, model_by_fingerprint(of->fingerprint), work_mem);
	}
	MemoryContextSwitchTo(caller);
}

static void
check_columns(void *argument, TupleDesc descriptor)
{
	LinkCall   *call = argument;
	Oid			last = descriptor->natts > COLUMNS ? getBaseType(TupleDescAttr(descriptor, COLUMNS)->atttypid) : InvalidOid;
	Oid			output;
	bool		varlena;

	if (descriptor->natts < COLUMNS || descriptor->natts > COLUMNS + 1 ||
		getBaseType(TupleDescAttr(descriptor, 1)->atttypid) != INT4OID ||
		getBaseType(TupleDescAttr(descriptor, 2)->atttypid) != BOXOID ||
		!detections_number_type(TupleDescAttr(descriptor, 3)->atttypid) ||
		(descriptor->natts > COLUMNS && last != BYTEAOID && !embedding_is_type(last)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the detections' query does not return (id, frame integer, region box, score, ...)"),
				 errhint("%s", form.hint)));
	if (descriptor->natts > COLUMNS && call->stored->looks.fingerprint == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the tracker has no appearance, but the detections have images or embeddings"),
				 errhint("Leave out their last column, or train a tracker with an appearance.")));
	getTypeOutputInfo(TupleDescAttr(descriptor, 0)->atttypid, &output, &varlena);
	fmgr_info_cxt(output, &call->id_output, call->context);
	call->score_type = TupleDescAttr(descriptor, 3)->atttypid;
	if (descriptor->natts > COLUMNS)
		open_looks(call, last == BYTEAOID);
}

static void
read_row(void *argument, HeapTuple tuple, TupleDesc descriptor)
{
	LinkCall   *call = argument;
	int			number = call->detections->count;
	Datum		value[COLUMNS + 1];
	bool		isnull[COLUMNS + 1];

	heap_deform_tuple(tuple, descriptor, value, isnull);
	if (isnull[1] || isnull[2] || isnull[3])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("frame, region and score of the detections cannot be null")));
	detections_add(call->detections, DatumGetInt32(value[1]), value[2], detections_number(value[3], call->score_type), -1, number);
	if (number == call->id_room)
	{
		call->id_room *= 2;
		call->id = repalloc_huge(call->id, sizeof(char *) * (Size) call->id_room);
	}
	call->id[number] = isnull[0] ? NULL : MemoryContextStrdup(call->context, OutputFunctionCall(&call->id_output, value[0]));
	if (call->looks != NULL)
		looks_add(call->looks, value[COLUMNS], isnull[COLUMNS]);
}

static Datum
region_datum(const Region *region)
{
	BOX		   *box = palloc(sizeof(BOX));

	box->low.x = region->left;
	box->low.y = region->top;
	box->high.x = region->right;
	box->high.y = region->bottom;
	return BoxPGetDatum(box);
}

static void
return_boxes(const LinkCall *call, const TrackedBox *box, int boxes, ReturnSetInfo *result)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);

	for (int i = 0; i < boxes; i++)
	{
		bool		interpolated = box[i].detection < 0;
		const char *id = interpolated ? NULL : call->id[call->detections->detection[box[i].detection].source];
		Datum		value[6] = {
			id == NULL ? (Datum) 0 : CStringGetTextDatum(id), Int32GetDatum(box[i].track + 1), Int32GetDatum(box[i].frame),
			region_datum(&box[i].region), Float8GetDatum(box[i].score), BoolGetDatum(interpolated)
		};
		bool		isnull[6] = {id == NULL, false, false, false, interpolated, false};

		CHECK_FOR_INTERRUPTS();
		tuplestore_putvalues(result->setResult, result->setDesc, value, isnull);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/* Reads, links and refines, in the context of the call. */
static void
run(LinkCall *call, const char *query, ReturnSetInfo *result)
{
	Video		video;
	TrackedBox *box;
	int			boxes;
	int		   *track;
	int			tracks;
	Status		status;

	call->detections = detections_create("detections");
	call->id_room = 256;
	call->id = palloc(sizeof(char *) * call->id_room);
	SPI_connect();
	MemoryContextSwitchTo(call->context);
	read_query(&form, query, check_columns, read_row, call);
	MemoryContextSwitchTo(call->context);
	if (call->looks != NULL)
		looks_finish(call->looks);
	SPI_finish();
	MemoryContextSwitchTo(call->context);
	detections_sort(call->detections);
	video = (Video) {
		.detection = call->detections->detection, .count = call->detections->count, .frame_rate = call->frame_rate,
		.appearance = call->looks != NULL ? looks_appearance(call->looks) : NULL
	};
	track = palloc_extended(sizeof(int) * Max(video.count, 1), MCXT_ALLOC_HUGE);
	if (!tracker_run(host_server(), &call->stored->tracker, &video, track, &tracks, &status) ||
		!tracks_refine(host_server(), &video, track, tracks, call->fill, call->smooth, &box, &boxes, &status))
		check_raise_status(&status);
	return_boxes(call, box, boxes, result);
}

PG_FUNCTION_INFO_V1(siamese_link);

Datum
siamese_link(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *model = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext caller = CurrentMemoryContext;
	LinkCall	call = {0};

	InitMaterializedSRF(fcinfo, 0);
	call.context = AllocSetContextCreate(caller, "siamese link", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(call.context);
	call.stored = tracker_by_name(model);
	call.frame_rate = call.stored->tracker.frame_rate;
	call.fill = call.stored->tracker.gap;
	call.smooth = SMOOTH_SECONDS;
	{
		const NumberOption option[] = {
			{"frame_rate", LEAST_FRAME_RATE, MOST_FRAME_RATE, false, &call.frame_rate},
			{"interpolate", 0, 100000, false, &call.fill},
			{"smooth", 0, 100000, false, &call.smooth}
		};

		options_read(PG_GETARG_JSONB_P(2), option, lengthof(option));
	}
	run(&call, query, (ReturnSetInfo *) fcinfo->resultinfo);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(call.context);
	return (Datum) 0;
}
