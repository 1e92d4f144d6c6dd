/*
 * resume.c: reads what is needed to continue a training that was cancelled or interrupted by a crash.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "common/settings.h"
#include "common/spi.h"
#include "model/rights.h"
#include "model/stored_weights.h"
#include "training/train_options.h"
#include "training/training.h"

/* Columns of the model's row, which is read as the current user. */
typedef enum ModelColumn
{
	COLUMN_VERSION = 1,
	COLUMN_FINISHED,
	COLUMN_NETWORK,
	COLUMN_FINGERPRINT,
	COLUMN_DEFINITION,
	COLUMN_SEED,
	COLUMN_EPOCHS,
	COLUMN_THREADS,
	COLUMN_OPTIONS
} ModelColumn;

/* Columns of its checkpoint, which is read as the tables' owner. */
typedef enum StateColumn
{
	COLUMN_STARTED_BY = 1,
	COLUMN_QUERY,
	COLUMN_EPOCH,
	COLUMN_EPOCH_STEPS,
	COLUMN_SAMPLES_AT_ONCE,
	COLUMN_SPARE_MEMORY,
	COLUMN_DIGEST,
	COLUMN_KEPT_EPOCH,
	COLUMN_LEAST_EER,
	COLUMN_ELAPSED
} StateColumn;

static Datum
column(int number)
{
	bool		isnull;

	return spi_datum(number, &isnull);
}

/* A copy in the training's context. */
static char *
text_column(const Training *training, int number)
{
	return MemoryContextStrdup(training->context, spi_text(number));
}

static Jsonb *
jsonb_column(const Training *training, int number)
{
	MemoryContext caller = MemoryContextSwitchTo(training->context);
	Jsonb	   *copy = DatumGetJsonbPCopy(column(number));

	MemoryContextSwitchTo(caller);
	return copy;
}

/* version 0: the newest. */
static void
read_model(Training *training, int version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->request.model), Int32GetDatum(version)};
	bool		unfinished;

	spi_execute("SELECT version, finished_at, network, fingerprint, definition, seed, epochs, threads, options"
				" FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 AND"
				" ($2 OPERATOR(pg_catalog.=) 0 OR version OPERATOR(pg_catalog.=) $2)"
				" ORDER BY version USING OPERATOR(pg_catalog.>) LIMIT 1", 2, types, values, SPI_OK_SELECT);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 version > 0 ? errmsg("model \"%s\" has no version %d", training->request.model, version)
				 : errmsg("model \"%s\" does not exist", training->request.model),
				 errhint("SELECT name, version FROM siamese.model WHERE finished_at IS NULL lists the unfinished trainings.")));
	training->version.number = DatumGetInt32(column(COLUMN_VERSION));
	spi_datum(COLUMN_FINISHED, &unfinished);
	if (!unfinished)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is nothing to resume: version %d of model \"%s\" is finished",
						training->version.number, training->request.model)));
	training->request.network = text_column(training, COLUMN_NETWORK);
	training->version.fingerprint = model_fingerprint_parse(text_column(training, COLUMN_FINGERPRINT));
	training->request.seed = DatumGetInt64(column(COLUMN_SEED));
	training->request.epochs = DatumGetInt32(column(COLUMN_EPOCHS));
	training->request.options.threads = DatumGetInt32(column(COLUMN_THREADS));
	training->request.options.given = jsonb_column(training, COLUMN_OPTIONS);
	training->request.options.definition = jsonb_column(training, COLUMN_DEFINITION);
}

static void
read_checkpoint(Training *training)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->request.model), Int32GetDatum(training->version.number)};
	const char *user = GetUserNameFromId(GetUserId(), false);
	const char *starter;
	ModelCaller caller;

	model_act_as_owner(&caller);
	spi_execute("SELECT s.started_by, e.training, s.epoch, s.epoch_steps, s.samples_at_once, s.spare_memory,"
				" s.examples_digest, s.kept_epoch, s.least_eer, s.elapsed"
				" FROM siamese.training_state s JOIN siamese.model_examples e"
				" ON e.name OPERATOR(pg_catalog.=) s.name AND e.version OPERATOR(pg_catalog.=) s.version"
				" WHERE s.name OPERATOR(pg_catalog.=) $1 AND s.version OPERATOR(pg_catalog.=) $2",
				2, types, values, SPI_OK_SELECT);
	model_act_as_caller(&caller);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" cannot be resumed: it has no checkpoint",
						training->version.number, training->request.model),
				 errdetail("A later training of the same name replaces it, and dumps do not contain it."),
				 errhint("Train a new version that begins with the epoch that it kept: the option {\"start\": \"%s@%d\"}.",
						 training->request.model, training->version.number)));
	starter = text_column(training, COLUMN_STARTED_BY);
	if (strcmp(starter, user) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the training of model \"%s\" was started by another role, \"%s\"", training->request.model, starter),
				 errdetail("Its examples' query would run with your rights."),
				 errhint("SET ROLE to that role, or train a new version.")));
	training->request.query = text_column(training, COLUMN_QUERY);
	training->version.epoch = DatumGetInt32(column(COLUMN_EPOCH));
	training->resumed.digest = text_column(training, COLUMN_DIGEST);
	training->version.kept_epoch = DatumGetInt32(column(COLUMN_KEPT_EPOCH));
	training->version.least_eer = DatumGetFloat8(column(COLUMN_LEAST_EER));
	training->resumed.elapsed = DatumGetFloat8(column(COLUMN_ELAPSED));
	training->resumed.epoch_steps = DatumGetInt64(column(COLUMN_EPOCH_STEPS));
	training->resumed.samples_at_once = DatumGetInt32(column(COLUMN_SAMPLES_AT_ONCE));
	training->spare_memory = DatumGetBool(column(COLUMN_SPARE_MEMORY));
}

void
resume_read(Training *training, int version)
{
	int			threads;

	read_model(training, version);
	read_checkpoint(training);
	model_check_owner(training->request.model);
	threads = training->request.options.threads;
	if (threads > setting_training_threads)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" was trained with %d threads", training->request.model, threads),
				 errdetail("siamese.training_threads is %d.", setting_training_threads),
				 errhint("The same number of threads is needed for the same result: set siamese.training_threads to %d.", threads)));
	train_options_resume(&training->request.options);
	training->request.options.threads = threads;
}
