/*
 * train.c: CALL siamese.train(model, examples, network, epochs, seed, options).
 *
 * After each epoch one transaction commits a row of siamese.training_epoch and, when the held-out error is the lowest so
 * far, the version's weights, scores and calibration.  So the version that stands in siamese.model is always whole: the
 * best epoch until now.  finished_at says that it is the final one; only then does the model's plain name mean it.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "portability/instr_time.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "common/check.h"
#include "training/learner.h"
#include "training/training.h"

#define HELD_OUT_PAIRS 200000	/* of each kind, that an epoch's scores are computed from */

typedef struct Training
{
	char	   *model;
	char	   *network;
	char	   *query;
	int			epochs;
	int64		seed;
	TrainingOptions options;
	MemoryContext context;		/* outlives the transactions */
	NetworkDefinition *definition;
	Examples   *examples;
	Split	   *split;
	Learner    *learner;
	uint8	  **held_out;		/* rasters, in the order of the split */
	int			held_out_count;
	float	   *embedding;		/* [held_out_count, dimensions] */
	int			version;		/* 0 until the first epoch */
	uint64		fingerprint;	/* of the best epoch */
	int			best_epoch;
	double		best_error;
	instr_time	start;
} Training;

typedef struct EpochResult
{
	int			epoch;
	double		loss;
	double		eer;			/* mean of random and skilled where there are forgeries */
	double		auc;
	double		error;			/* what "best" means: EER, and AUC between equal ones */
	double		images_per_second;
	double		elapsed;		/* seconds since the start */
	double		remaining;
	ModelCalibration calibration;
	Jsonb	   *scores;
} EpochResult;

static double
seconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

static char *
duration_text(double seconds)
{
	int64		whole = (int64) rint(seconds);

	if (whole >= 3600)
		return psprintf("%lld:%02d h", (long long) (whole / 3600), (int) (whole / 60 % 60));
	return psprintf("%d:%02d min", (int) (whole / 60), (int) (whole % 60));
}

/* ---- held-out scores ------------------------------------------------------------------------------------------------ */

static void
gather_held_out(Training *training)
{
	const Examples *examples = training->examples;
	const Split *split = training->split;

	for (int i = 0; i < split->held_out; i++)
	{
		const ExampleLabel *label = &examples->label[split->held_out_label[i]];

		training->held_out_count += label->genuine + label->forged;
	}
	training->held_out = palloc_extended(sizeof(uint8 *) * training->held_out_count, MCXT_ALLOC_HUGE);
	training->held_out_count = 0;
	for (int i = 0; i < split->held_out; i++)
	{
		const ExampleLabel *label = &examples->label[split->held_out_label[i]];

		for (int k = 0; k < label->genuine + label->forged; k++)
			training->held_out[training->held_out_count++] = examples->example[label->first + k].raster;
	}
	training->embedding = palloc_extended(sizeof(float) * training->held_out_count *
										  network_dimensions(training->learner->network), MCXT_ALLOC_HUGE);
}

/*
 * Impostors for the calibration: random ones, and where there are forgeries as many skilled ones, so that the threshold
 * stands for both.
 */
static void
mix_impostors(const PairDistances *pairs, DistanceSet *impostor)
{
	distance_set_init(impostor);
	if (pairs->skilled.count == 0)
	{
		for (int64 i = 0; i < pairs->random.count; i++)
			distance_set_add(impostor, pairs->random.value[i]);
	}
	else
	{
		int64		count = Min(pairs->random.count, pairs->skilled.count);

		for (int64 i = 0; i < count; i++)
		{
			distance_set_add(impostor, pairs->random.value[i * pairs->random.count / count]);
			distance_set_add(impostor, pairs->skilled.value[i * pairs->skilled.count / count]);
		}
	}
	distance_set_sort(impostor);
}

static Jsonb *
scores_to_jsonb(const Training *training, const Score *random, const Score *skilled, int epoch)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"epoch\": %d, \"held_out_identities\": %d, \"held_out_samples\": %d,"
					 " \"random\": {\"eer\": %.6g, \"auc\": %.6g}",
					 epoch, training->split->held_out, training->held_out_count, random->eer, random->auc);
	if (skilled != NULL)
		appendStringInfo(&text, ", \"skilled\": {\"eer\": %.6g, \"auc\": %.6g}", skilled->eer, skilled->auc);
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

/* False when a cancel came in between. */
static bool
score_held_out(Training *training, EpochResult *result)
{
	const Learner *learner = training->learner;
	PairDistances pairs;
	DistanceSet impostor;
	Score		random;
	Score		skilled;
	bool		forgeries;

	if (!evaluation_embed(learner->network, learner->average, learner->pool,
						  training->held_out, training->held_out_count, training->embedding))
		return false;
	HOLD_INTERRUPTS();
	evaluation_pairs(training->examples, training->split->held_out_label, training->split->held_out,
					 training->embedding, training->definition->metric, network_dimensions(learner->network),
					 HELD_OUT_PAIRS, (uint64) training->seed, &pairs);
	random = score_distances(&pairs.genuine, &pairs.random);
	result->eer = random.eer;
	result->auc = random.auc;
	forgeries = pairs.skilled.count > 0;
	if (forgeries)
	{
		skilled = score_distances(&pairs.genuine, &pairs.skilled);
		result->eer = (random.eer + skilled.eer) / 2;
		result->auc = (random.auc + skilled.auc) / 2;
	}
	result->error = result->eer + (1 - result->auc) * 1e-3;
	mix_impostors(&pairs, &impostor);
	calibration_fit(&pairs.genuine, &impostor, &result->calibration);
	result->scores = scores_to_jsonb(training, &random, forgeries ? &skilled : NULL, result->epoch);
	RESUME_INTERRUPTS();
	return true;
}

/* ---- what an epoch commits ------------------------------------------------------------------------------------------- */

static void
execute(const char *command, int arguments, Oid *types, Datum *values, int expected)
{
	if (SPI_execute_with_args(command, arguments, types, values, NULL, false, 0) != expected)
		elog(ERROR, "could not execute \"%s\"", command);
}

static void
create_version(Training *training, const EpochResult *result)
{
	Oid			types[12] = {TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, INT4OID, TEXTOID, INT8OID, INT4OID, JSONBOID, JSONBOID, INT4OID};
	Datum		values[12];
	bool		isnull;

	values[0] = CStringGetTextDatum(training->model);
	values[1] = CStringGetTextDatum(training->network);
	values[2] = CStringGetTextDatum(model_fingerprint_text(training->fingerprint));
	values[3] = JsonbPGetDatum(training->options.definition);
	values[4] = CStringGetTextDatum(metric_name(training->definition->metric));
	values[5] = Int32GetDatum(network_dimensions(training->learner->network));
	values[6] = CStringGetTextDatum(training->query);
	values[7] = Int64GetDatum(training->seed);
	values[8] = Int32GetDatum(training->epochs);
	values[9] = JsonbPGetDatum(result->scores);
	values[10] = JsonbPGetDatum(calibration_to_jsonb(&result->calibration));
	values[11] = Int32GetDatum(training->options.threads);
	execute("INSERT INTO siamese.model (name, version, network, fingerprint, definition, metric, dimensions, examples, seed,"
			" epochs, scores, calibration, threads)"
			" SELECT $1, coalesce(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, $2, $3, $4, $5, $6, $7, $8,"
			" $9, $10, $11, $12 FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 RETURNING version",
			12, types, values, SPI_OK_INSERT_RETURNING);
	training->version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
improve_version(Training *training, const EpochResult *result, uint64 previous)
{
	Oid			types[5] = {TEXTOID, INT4OID, TEXTOID, JSONBOID, JSONBOID};
	Datum		values[5];

	values[0] = CStringGetTextDatum(training->model);
	values[1] = Int32GetDatum(training->version);
	values[2] = CStringGetTextDatum(model_fingerprint_text(training->fingerprint));
	values[3] = JsonbPGetDatum(result->scores);
	values[4] = JsonbPGetDatum(calibration_to_jsonb(&result->calibration));
	execute("UPDATE siamese.model SET fingerprint = $3, scores = $4, calibration = $5"
			" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2", 5, types, values, SPI_OK_UPDATE);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" was removed while it was in training",
						training->version, training->model)));
	model_drop_unused_weights(previous);
}

static void
record_epoch(Training *training, const EpochResult *result)
{
	Oid			types[10] = {TEXTOID, INT4OID, INT4OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, BOOLOID};
	Datum		values[10];

	values[0] = CStringGetTextDatum(training->model);
	values[1] = Int32GetDatum(training->version);
	values[2] = Int32GetDatum(result->epoch);
	values[3] = Float8GetDatum(result->loss);
	values[4] = Float8GetDatum(result->eer);
	values[5] = Float8GetDatum(result->auc);
	values[6] = Float8GetDatum(result->images_per_second);
	values[7] = Float8GetDatum(result->elapsed);
	values[8] = Float8GetDatum(result->remaining);
	values[9] = BoolGetDatum(training->best_epoch == result->epoch);
	execute("INSERT INTO siamese.training_epoch (name, version, epoch, loss, eer, auc, images_per_second, elapsed, remaining, best)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, pg_catalog.make_interval(secs => $8), pg_catalog.make_interval(secs => $9), $10)",
			10, types, values, SPI_OK_INSERT);
}

/*
 * One transaction.  It is not interrupted: an epoch that has been computed is not thrown away for the moment that writing
 * it takes.
 */
static void
commit_epoch(Training *training, EpochResult *result)
{
	const Learner *learner = training->learner;
	size_t		count = network_weight_count(learner->network);
	uint64		previous = training->fingerprint;
	bool		better = training->version == 0 || result->error < training->best_error;

	HOLD_INTERRUPTS();
	if (better)
	{
		training->fingerprint = model_fingerprint(training->options.definition, learner->average, count);
		training->best_error = result->error;
		training->best_epoch = result->epoch;
		model_store_weights(training->fingerprint, learner->average, count);
		if (training->version == 0)
			create_version(training, result);
		else if (training->fingerprint != previous)
			improve_version(training, result, previous);
	}
	record_epoch(training, result);
	SPI_commit();
	RESUME_INTERRUPTS();
}

static void
finish_version(Training *training)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->model), Int32GetDatum(training->version)};

	HOLD_INTERRUPTS();
	execute("UPDATE siamese.model SET finished_at = pg_catalog.now()"
			" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_UPDATE);
	SPI_commit();
	RESUME_INTERRUPTS();
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

/*
 * A cancel ends the training but keeps what is committed: it is not raised at once where there is something to keep.
 * Every other interrupt is served as usual.
 */
static bool
cancelled(const Training *training)
{
	if (QueryCancelPending && !ProcDiePending && training->version > 0)
		return true;
	CHECK_FOR_INTERRUPTS();
	return false;
}

/* False when it was cancelled. */
static bool
run_epoch(Training *training, int epoch, EpochResult *result)
{
	Learner    *learner = training->learner;
	int64		steps = learner->progress.epoch_steps;
	instr_time	start;
	double		seconds;
	double		loss = 0;

	INSTR_TIME_SET_CURRENT(start);
	for (int64 step = 0; step < steps; step++)
	{
		double		step_loss;

		if (!learner_step(learner, &step_loss))
		{
			if (cancelled(training))
				return false;
			elog(ERROR, "a step of training ended without an interrupt");
		}
		loss += step_loss;
		if (cancelled(training))
			return false;
	}
	seconds = seconds_since(start);
	memset(result, 0, sizeof *result);
	result->epoch = epoch;
	result->loss = loss / (double) steps;
	result->images_per_second = (double) steps * learner_batch_size(learner) / Max(seconds, 1e-9);
	while (!score_held_out(training, result))
		if (cancelled(training))
			return false;
	result->elapsed = seconds_since(training->start);
	result->remaining = seconds_since(start) * (training->epochs - epoch);
	return true;
}

static void
run_epochs(Training *training)
{
	MemoryContext scratch = AllocSetContextCreate(training->context, "siamese epoch", ALLOCSET_DEFAULT_SIZES);

	for (int epoch = 1; epoch <= training->epochs; epoch++)
	{
		EpochResult result;
		MemoryContext caller = MemoryContextSwitchTo(scratch);
		bool		complete = run_epoch(training, epoch, &result);

		MemoryContextSwitchTo(caller);
		if (!complete)
			break;
		commit_epoch(training, &result);
		/* a NOTICE serves interrupts when it is sent: a cancel is not to be raised there */
		HOLD_INTERRUPTS();
		ereport(NOTICE,
				(errmsg("epoch %d of %d: loss %.4f, held-out EER %.2f %%, AUC %.4f, %.0f images/s, %s%s",
						epoch, training->epochs, result.loss, 100 * result.eer, result.auc, result.images_per_second,
						epoch < training->epochs ? psprintf("%s left", duration_text(result.remaining)) :
						psprintf("%s in all", duration_text(result.elapsed)),
						training->best_epoch == epoch ? ", best so far" : "")));
		RESUME_INTERRUPTS();
		MemoryContextReset(scratch);
	}
	finish_version(training);
	if (cancelled(training))
	{
		ereport(NOTICE,
				(errmsg("training was cancelled; version %d of model \"%s\" keeps epoch %d",
						training->version, training->model, training->best_epoch)));
		CHECK_FOR_INTERRUPTS();
	}
	ereport(NOTICE,
			(errmsg("version %d of model \"%s\" is ready: epoch %d, fingerprint %s",
					training->version, training->model, training->best_epoch,
					model_fingerprint_text(training->fingerprint))));
}

static void
check_trainable(const NetworkDefinition *definition)
{
	if (definition->training.turns && definition->image.width != definition->image.height)
		check_raise_definition(psprintf("\"training.turns\" needs a square input, not %d x %d.",
										definition->image.width, definition->image.height));
	if (definition->training.samples < 2)
		check_raise_definition("\"training.samples\" must be at least 2: a pair of one identity needs two samples.");
}

static void
train(Training *training)
{
	MemoryContext caller;

	caller = MemoryContextSwitchTo(training->context);
	training->definition = definition_from_jsonb(training->options.definition);
	check_trainable(training->definition);
	if (training->epochs == 0)
		training->epochs = training->definition->training.epochs;
	training->examples = examples_read(training->query, training->definition);
	training->split = split_identities(training->examples, training->definition->training.held_out,
									   (uint64) training->seed, training->options.strict);
	training->learner = learner_create(training->definition, training->examples, training->split, training->epochs,
									   (uint64) training->seed, training->options.threads);
	gather_held_out(training);
	MemoryContextSwitchTo(caller);
	ereport(NOTICE,
			(errmsg("training \"%s\" with network \"%s\": %d samples, %d identities, %d held out; %lld steps of %d samples an epoch",
					training->model, training->network, training->examples->count,
					training->split->training + training->split->held_out, training->split->held_out,
					(long long) training->learner->progress.epoch_steps, learner_batch_size(training->learner))));
	/* No snapshot is held while computing: vacuum goes on. */
	SPI_commit();
	run_epochs(training);
}

/*
 * One training of a name at a time.  A session lock, since transactions come and go; the number is a hash of the name
 * within the class of siamese.model, so that it meets no advisory lock of the user's.
 */
static void
name_lock(const char *name, LOCKTAG *tag)
{
	Oid			relation = get_relname_relid("model", get_namespace_oid("siamese", false));

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, relation, DatumGetUInt32(hash_any((const unsigned char *) name, strlen(name))), 1);
}

PG_FUNCTION_INFO_V1(siamese_train);

Datum
siamese_train(PG_FUNCTION_ARGS)
{
	Training	training = {0};
	LOCKTAG		tag;
	MemoryContext portal_context = PortalContext;
	Jsonb	   *network_definition;
	int			ignored;
	char		plain[LIMIT_MODEL_NAME + 1];

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("siamese.train() cannot run inside a transaction block or a function"),
				 errdetail("It commits after each epoch."),
				 errhint("CALL it by itself.")));
	for (int i = 0; i < 6; i++)
		if (i != 3 && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only the epochs of siamese.train() may be NULL")));

	INSTR_TIME_SET_CURRENT(training.start);
	training.context = AllocSetContextCreate(portal_context, "siamese training", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(training.context);
	training.model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	training.query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	training.network = text_to_cstring(PG_GETARG_TEXT_PP(2));
	training.seed = PG_GETARG_INT64(4);
	model_parse_name(training.model, plain, &ignored);
	if (strchr(training.model, '@') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a model: \"%s\"", training.model),
				 errhint("Leave out \"@\": training makes the next version by itself.")));
	if (!PG_ARGISNULL(3))
	{
		training.epochs = PG_GETARG_INT32(3);
		if (training.epochs < 1 || training.epochs > 100000)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("number of epochs is out of range: %d", training.epochs),
					 errdetail("It must be from 1 to 100000.")));
	}
	network_definition = definition_of_network(training.network);
	training_options(PG_GETARG_JSONB_P(5), network_definition, &training.options);

	name_lock(training.model, &tag);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("model \"%s\" is being trained by another session", training.model),
				 errhint("siamese.training shows its progress.")));
	PG_TRY();
	{
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		train(&training);
		SPI_finish();
	}
	PG_FINALLY();
	{
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(portal_context);
	MemoryContextDelete(training.context);
	return (Datum) 0;
}
