/*
 * track_quality.c: siamese.track_quality(truth, tracks): how good the tracks of a video are.
 */
#include "postgres.h"

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

#include "common/check.h"
#include "common/host.h"
#include "common/read_query.h"
#include "evaluation/evaluation.h"
#include "tracking/tracking.h"
#include "training/numbered_names.h"

#define COLUMNS 15

typedef struct Reader
{
	ReadQuery	form;
	MemoryContext context;
	FmgrInfo	track_output;
	NumberedNames *names;
	TrackBoxes	boxes;
	int			room;
} Reader;

static void
check_columns(void *argument, TupleDesc descriptor)
{
	Reader	   *reader = argument;
	Oid			output;
	bool		varlena;

	if (descriptor->natts != 3 || getBaseType(TupleDescAttr(descriptor, 0)->atttypid) != INT4OID ||
		getBaseType(TupleDescAttr(descriptor, 2)->atttypid) != BOXOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the %s' query does not return (frame integer, track, region box)", reader->form.name),
				 errhint("%s", reader->form.hint)));
	getTypeOutputInfo(TupleDescAttr(descriptor, 1)->atttypid, &output, &varlena);
	fmgr_info_cxt(output, &reader->track_output, reader->context);
}

static void
read_row(void *argument, HeapTuple tuple, TupleDesc descriptor)
{
	Reader	   *reader = argument;
	TrackBoxes *boxes = &reader->boxes;
	Datum		value[3];
	bool		isnull[3];
	const BOX  *region;
	TrackBox   *box;

	heap_deform_tuple(tuple, descriptor, value, isnull);
	if (isnull[0] || isnull[1] || isnull[2])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("frame, track and region of the %s cannot be null", reader->form.name),
				 errhint("Leave out detections without a track: WHERE track IS NOT NULL.")));
	if (boxes->count == reader->room)
	{
		if (reader->room > PG_INT32_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many %s: at most %d boxes", reader->form.name, reader->room)));
		reader->room *= 2;
		boxes->box = repalloc_huge(boxes->box, sizeof(TrackBox) * (Size) reader->room);
	}
	region = DatumGetBoxP(value[2]);
	box = &boxes->box[boxes->count++];
	box->frame = DatumGetInt32(value[0]);
	box->track = numbered_names_number(reader->names, OutputFunctionCall(&reader->track_output, value[1]));
	check_region(value[2], reader->form.name, box->frame);
	box->box = (Region) {region->low.x, region->low.y, region->high.x, region->high.y};
}

/* Within an SPI connection; all of it in the current memory context. */
static TrackBoxes
read_tracks(const char *name, const char *query)
{
	Reader		reader = {
		.form = {name, "Pass a SELECT that returns (frame, track, region) of one video, region of type box: box(point(left, top),"
		" point(right, bottom))."},
		.context = CurrentMemoryContext,
		.names = numbered_names_create(),
		.room = 1024
	};
	int			second;

	reader.boxes.box = palloc(sizeof(TrackBox) * reader.room);
	read_query(&reader.form, query, check_columns, read_row, &reader);
	MemoryContextSwitchTo(reader.context);
	numbered_names_freeze(reader.names);
	reader.boxes.tracks = reader.names->count;
	second = track_boxes_sort(&reader.boxes);
	if (second >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("track \"%s\" of the %s has two boxes in frame %d", reader.names->name[reader.boxes.box[second].track],
						name, reader.boxes.box[second].frame),
				 errhint("One call is for one video: the same numbers in two of them are other frames and other tracks.")));
	return reader.boxes;
}

PG_FUNCTION_INFO_V1(siamese_track_quality);

Datum
siamese_track_quality(PG_FUNCTION_ARGS)
{
	char	   *truth_query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *tracks_query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext caller;
	MemoryContext scratch = evaluation_enter(&caller);
	TupleDesc	descriptor;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	TrackQuality quality;
	TrackBoxes	truth;
	TrackBoxes	tracks;
	Status		status;

	SPI_connect();
	MemoryContextSwitchTo(scratch);
	truth = read_tracks("true tracks", truth_query);
	tracks = read_tracks("tracks", tracks_query);
	if (!track_quality_measure(host_server(), &truth, &tracks, &quality, &status))
		check_raise_status(&status);
	SPI_finish();
	evaluation_leave(scratch, caller);
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	evaluation_put(values, nulls, 0, quality.mota);
	evaluation_put(values, nulls, 1, quality.motp);
	evaluation_put(values, nulls, 2, quality.idf1);
	evaluation_put(values, nulls, 3, quality.idp);
	evaluation_put(values, nulls, 4, quality.idr);
	values[5] = Int32GetDatum(quality.switches);
	values[6] = Int32GetDatum(quality.fragmentations);
	values[7] = Int32GetDatum(quality.false_positives);
	values[8] = Int32GetDatum(quality.misses);
	values[9] = Int32GetDatum(quality.mostly_tracked);
	values[10] = Int32GetDatum(quality.mostly_lost);
	values[11] = Int32GetDatum(quality.true_tracks);
	values[12] = Int32GetDatum(quality.true_boxes);
	values[13] = Int32GetDatum(quality.tracks);
	values[14] = Int32GetDatum(quality.boxes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
