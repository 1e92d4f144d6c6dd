/*
 * train_tracker.c: CALL siamese.train_tracker(model, examples, appearance, options).
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/host.h"
#include "common/read_query.h"
#include "embedding/embedding.h"
#include "linking/detections.h"
#include "linking/options.h"
#include "linking/stored_tracker.h"
#include "model/names.h"
#include "model/promote.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/sql_samples.h"
#include "training/numbered_names.h"

#define COLUMNS 5				/* that all examples have */
#define MOST_COLUMNS 7
#define FRAME_RATE 25.0			/* where nothing is said */

typedef struct Sequence
{
	DetectionList *detections;
	NumberedNames *tracks;
	double		frame_rate;		/* 0: not told yet */
} Sequence;

typedef struct TrackerTraining
{
	const char *name;
	const char *query;
	const char *appearance;		/* NULL: geometry alone */
	Jsonb	   *options;
	TrackerSettings settings;
	double		frame_rate;		/* of the options */
	MemoryContext context;		/* of the whole call, over its commits */

	/* columns */
	FmgrInfo	sequence_output;
	FmgrInfo	track_output;
	Oid			score_type;
	Oid			rate_type;
	int			look_column;	/* from 0; -1: none */
	int			rate_column;

	LooksModel	looks_model;
	Looks	   *looks;
	int			rows;
	NumberedNames *sequence_names;
	Sequence   *sequence;		/* [sequence_room] */
	int			sequence_room;
} TrackerTraining;

static const ReadQuery form = {"examples", "Pass a SELECT that returns (sequence, frame integer, region box, score, track), then, if an"
	" appearance is given, the image bytea or the appearance embedding, and optionally frame_rate."};

/* ---- columns -------------------------------------------------------------------------------------------------------- */

static void
raise_columns(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("the examples' query does not return (sequence, frame integer, region box, score, track, ...)"),
			 errhint("%s", form.hint)));
}

static void
find_output(Oid type, FmgrInfo *output, MemoryContext context)
{
	Oid			function;
	bool		varlena;

	getTypeOutputInfo(type, &function, &varlena);
	fmgr_info_cxt(function, output, context);
}

static void
open_looks(TrackerTraining *training, bool images)
{
	MemoryContext caller = MemoryContextSwitchTo(training->context);
	Model	   *model = model_by_name(training->appearance);

	training->looks_model = (LooksModel) {
		.fingerprint = model->fingerprint, .compares_pairs = model->scorer != NULL, .metric = model->metric,
		.dimensions = model->dimensions
	};
	model_calibration_of(training->appearance, &training->looks_model.calibration);
	training->looks = images ? looks_of_images(&training->looks_model, model, maintenance_work_mem) : looks_create(&training->looks_model);
	MemoryContextSwitchTo(caller);
}

static void
check_columns(void *argument, TupleDesc descriptor)
{
	TrackerTraining *training = argument;
	bool		images = false;

	if (descriptor->natts < COLUMNS || descriptor->natts > MOST_COLUMNS ||
		getBaseType(TupleDescAttr(descriptor, 1)->atttypid) != INT4OID ||
		getBaseType(TupleDescAttr(descriptor, 2)->atttypid) != BOXOID ||
		!detections_number_type(TupleDescAttr(descriptor, 3)->atttypid))
		raise_columns();
	find_output(TupleDescAttr(descriptor, 0)->atttypid, &training->sequence_output, training->context);
	find_output(TupleDescAttr(descriptor, 4)->atttypid, &training->track_output, training->context);
	training->score_type = TupleDescAttr(descriptor, 3)->atttypid;
	training->look_column = training->rate_column = -1;
	for (int i = COLUMNS; i < descriptor->natts; i++)
	{
		Oid			type = getBaseType(TupleDescAttr(descriptor, i)->atttypid);

		if (training->look_column < 0 && (type == BYTEAOID || embedding_is_type(type)))
		{
			training->look_column = i;
			images = type == BYTEAOID;
		}
		else if (training->rate_column < 0 && detections_number_type(type))
		{
			training->rate_column = i;
			training->rate_type = type;
		}
		else
			raise_columns();
	}
	if ((training->look_column >= 0) != (training->appearance != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 training->appearance != NULL ? errmsg("the examples have neither images nor embeddings for the appearance")
				 : errmsg("the examples have images or embeddings, but no appearance is given"),
				 errhint("Name a model as the appearance and return image bytea or its embeddings, or neither.")));
	if (training->appearance != NULL)
		open_looks(training, images);
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

static Sequence *
find_sequence(TrackerTraining *training, const char *name)
{
	int			known = training->sequence_names->count;
	int			number = numbered_names_number(training->sequence_names, name);
	Sequence   *sequence;

	if (number < known)
		return &training->sequence[number];
	if (number == training->sequence_room)
	{
		training->sequence_room *= 2;
		training->sequence = repalloc_huge(training->sequence, sizeof(Sequence) * (Size) training->sequence_room);
	}
	sequence = &training->sequence[number];
	MemoryContextSwitchTo(training->context);
	*sequence = (Sequence) {.detections = detections_create("examples"), .tracks = numbered_names_create()};
	return sequence;
}

static void
set_frame_rate(const TrackerTraining *training, Sequence *sequence, const char *name, double rate)
{
	check_frame_rate(rate);
	if (sequence->frame_rate != 0 && sequence->frame_rate != rate)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sequence \"%s\" of the examples has two frame rates", name),
				 errdetail("They are %g and %g.", sequence->frame_rate, rate)));
	sequence->frame_rate = rate;
}

static void
read_row(void *argument, HeapTuple tuple, TupleDesc descriptor)
{
	TrackerTraining *training = argument;
	MemoryContext scratch = CurrentMemoryContext;
	Datum		value[MOST_COLUMNS];
	bool		isnull[MOST_COLUMNS];
	Sequence   *sequence;
	char	   *name;
	int			track = -1;

	heap_deform_tuple(tuple, descriptor, value, isnull);
	if (isnull[0] || isnull[1] || isnull[2] || isnull[3])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("sequence, frame, region and score of the examples cannot be null"),
				 errhint("Only track can be: for a false detection.")));
	name = OutputFunctionCall(&training->sequence_output, value[0]);
	sequence = find_sequence(training, name);
	MemoryContextSwitchTo(scratch);
	if (!isnull[4])
		track = numbered_names_number(sequence->tracks, OutputFunctionCall(&training->track_output, value[4]));
	if (training->rate_column >= 0 && !isnull[training->rate_column])
		set_frame_rate(training, sequence, name, detections_number(value[training->rate_column], training->rate_type));
	detections_add(sequence->detections, DatumGetInt32(value[1]), value[2], detections_number(value[3], training->score_type), track,
				   training->rows++);
	if (training->looks != NULL)
		looks_add(training->looks, value[training->look_column], isnull[training->look_column]);
}

/* A true thing is at one place at a time. */
static void
check_tracks(const TrackerTraining *training, int number)
{
	const Sequence *sequence = &training->sequence[number];
	const DetectionList *list = sequence->detections;
	int		   *frame_of = palloc(sizeof(int) * Max(sequence->tracks->count, 1));
	bool	   *seen = palloc0(sizeof(bool) * Max(sequence->tracks->count, 1));

	for (int i = 0; i < list->count; i++)
	{
		const Detection *detection = &list->detection[i];

		if (detection->track < 0)
			continue;
		if (seen[detection->track] && frame_of[detection->track] == detection->frame)
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("track \"%s\" of sequence \"%s\" of the examples is in frame %d twice",
							sequence->tracks->name[detection->track], training->sequence_names->name[number], detection->frame),
					 errhint("A track has one detection in a frame at most; the same numbers in another video need another sequence.")));
		seen[detection->track] = true;
		frame_of[detection->track] = detection->frame;
	}
	pfree(frame_of);
	pfree(seen);
}

static void
read_examples(TrackerTraining *training)
{
	training->sequence_room = 16;
	training->sequence = palloc(sizeof(Sequence) * training->sequence_room);
	training->sequence_names = numbered_names_create();
	read_query(&form, training->query, check_columns, read_row, training);
	MemoryContextSwitchTo(training->context);
	if (training->rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there are no examples"),
				 errhint("%s", form.hint)));
	numbered_names_freeze(training->sequence_names);
	if (training->looks != NULL)
		looks_finish(training->looks);
	for (int i = 0; i < training->sequence_names->count; i++)
	{
		numbered_names_freeze(training->sequence[i].tracks);
		detections_sort(training->sequence[i].detections);
		check_tracks(training, i);
	}
}

/* ---- the call -------------------------------------------------------------------------------------------------------- */

static void
learn(const TrackerTraining *training, Tracker *tracker, TrackerScores *scores)
{
	int			count = training->sequence_names->count;
	Video	   *video = palloc(sizeof(Video) * count);
	Status		status;

	for (int i = 0; i < count; i++)
	{
		const Sequence *sequence = &training->sequence[i];

		video[i] = (Video) {
			.detection = sequence->detections->detection, .count = sequence->detections->count,
			.frame_rate = sequence->frame_rate != 0 ? sequence->frame_rate : training->frame_rate,
			.appearance = training->looks != NULL ? looks_appearance(training->looks) : NULL
		};
	}
	if (!tracker_train(host_server(), &training->settings, video, count, tracker, scores, &status))
		check_raise_status(&status);
}

static Jsonb *
scores_jsonb(const TrackerTraining *training, const TrackerScores *scores)
{
	char	   *text = psprintf("{\"mota\": %.6f, \"idf1\": %.6f, \"sequences\": %d, \"detections\": %d}",
								scores->mota, scores->idf1, training->sequence_names->count, training->rows);

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
train_tracker(TrackerTraining *training)
{
	Tracker		tracker;
	TrackerScores scores;
	PromotionResult promotion;
	char	   *owner;
	int			version;

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	owner = MemoryContextStrdup(training->context, model_check_owner(training->name));
	MemoryContextSwitchTo(training->context);
	read_examples(training);
	/* No snapshot is held while computing, unless it takes the model, which is valid until the end of the transaction. */
	if (!training->looks_model.compares_pairs)
		SPI_commit();
	MemoryContextSwitchTo(training->context);
	learn(training, &tracker, &scores);
	version = tracker_store(training->name, owner, training->query, &tracker,
							tracker_definition(&training->looks_model, &training->settings), scores_jsonb(training, &scores),
							training->options);
	promotion = model_promote_version(training->name, version, PROMOTE_IF_HARMLESS, InvalidOid, training->context);
	SPI_commit();
	SPI_finish();
	ereport(NOTICE,
			(errmsg("tracker \"%s@%d\": %d detections in %d sequences", training->name, version, training->rows,
					training->sequence_names->count),
			 errdetail("Each sequence linked by what the others taught: MOTA %.3f, IDF1 %.3f.", scores.mota, scores.idf1)));
	model_report_promotion(training->name, version, &promotion);
}

/* Runs it with the model's name locked: for the session, since the procedure commits. */
static void
run(TrackerTraining *training)
{
	model_lock_name(training->name, true);
	PG_TRY();
	{
		train_tracker(training);
	}
	PG_FINALLY();
	{
		model_unlock_name();
	}
	PG_END_TRY();
}

static void
read_options(TrackerTraining *training)
{
	double		trees;
	double		depth;

	training->settings = tracker_defaults();
	training->frame_rate = FRAME_RATE;
	trees = training->settings.trees;
	depth = training->settings.depth;
	{
		const NumberOption option[] = {
			{"trees", 1, BOOST_MOST_TREES, true, &trees},
			{"depth", 1, BOOST_MOST_DEPTH, true, &depth},
			{"rate", 0.001, 1, false, &training->settings.rate},
			{"gap", 0.001, 100000, false, &training->settings.gap},
			{"frame_rate", LEAST_FRAME_RATE, MOST_FRAME_RATE, false, &training->frame_rate}
		};

		options_read(training->options, option, lengthof(option));
	}
	training->settings.trees = (int) trees;
	training->settings.depth = (int) depth;
}

PG_FUNCTION_INFO_V1(siamese_train_tracker);

Datum
siamese_train_tracker(PG_FUNCTION_ARGS)
{
	static const char *const argument[] = {"model", "examples", "appearance", "options"};
	TrackerTraining training = {0};

	check_procedure_call(fcinfo, "train_tracker", "It commits before it computes.");
	training.context = AllocSetContextCreate(PortalContext, "siamese tracker", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(training.context);
	for (int i = 0; i < 4; i++)
		if (i != 2 && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only the appearance of siamese.train_tracker() may be NULL"),
					 errdetail("Its argument \"%s\" is.", argument[i])));
	training.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	training.query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	training.appearance = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	training.options = PG_GETARG_JSONB_P_COPY(3);
	model_plain_name(training.name);
	read_options(&training);
	run(&training);
	MemoryContextSwitchTo(PortalContext);
	MemoryContextDelete(training.context);
	return (Datum) 0;
}
