/*
 * resume.c: what is left of a training that was cancelled or lost.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/settings.h"
#include "training/train.h"

typedef enum ResumeColumn
{
	COLUMN_VERSION = 1,
	COLUMN_FINISHED,
	COLUMN_NETWORK,
	COLUMN_FINGERPRINT,
	COLUMN_DEFINITION,
	COLUMN_EXAMPLES,
	COLUMN_SEED,
	COLUMN_EPOCHS,
	COLUMN_THREADS,
	COLUMN_OPTIONS,
	COLUMN_CREATED_BY,
	COLUMN_EPOCH,
	COLUMN_EPOCH_STEPS,
	COLUMN_SAMPLES_AT_ONCE,
	COLUMN_SPARE_MEMORY,
	COLUMN_DIGEST,
	COLUMN_BEST_EPOCH,
	COLUMN_BEST_ERROR,
	COLUMN_ELAPSED
} ResumeColumn;

static Datum
column(ResumeColumn number)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull);
}

/* A copy in the training's context. */
static char *
text_column(const Training *training, ResumeColumn number)
{
	return MemoryContextStrdup(training->context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number));
}

static Jsonb *
jsonb_column(const Training *training, ResumeColumn number)
{
	MemoryContext caller = MemoryContextSwitchTo(training->context);
	Jsonb	   *copy = DatumGetJsonbPCopy(column(number));

	MemoryContextSwitchTo(caller);
	return copy;
}

static void
check_resumable(const Training *training, int version, bool found)
{
	bool		finished;
	bool		no_state;
	char	   *creator;

	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 version > 0 ? errmsg("model \"%s\" has no version %d", training->model, version)
				 : errmsg("model \"%s\" does not exist", training->model),
				 errhint("SELECT name, version FROM siamese.model WHERE finished_at IS NULL lists the trainings that did not end.")));
	version = DatumGetInt32(column(COLUMN_VERSION));
	SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, COLUMN_FINISHED, &finished);
	finished = !finished;
	if (finished)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is nothing to resume: version %d of model \"%s\" is finished", version, training->model)));
	SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, COLUMN_EPOCH, &no_state);
	if (no_state)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" cannot be resumed: its state of training is gone", version, training->model),
				 errdetail("A later training of the name takes its place, and dumps leave it out."),
				 errhint("A new training can begin from its best epoch: the option {\"start\": \"%s@%d\"}.",
						 training->model, version)));
	creator = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, COLUMN_CREATED_BY);
	if (strcmp(creator, GetUserNameFromId(GetUserId(), false)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the training of model \"%s\" was started by another role, \"%s\"", training->model, creator),
				 errdetail("Its examples' query would run with your rights."),
				 errhint("SET ROLE to that role, or train a new version.")));
}

void
resume_read(Training *training, int version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->model), Int32GetDatum(version)};
	int			threads;

	version_execute("SELECT m.version, m.finished_at, m.network, m.fingerprint, m.definition, m.examples, m.seed, m.epochs,"
					" m.threads, m.options, m.created_by, s.epoch, s.epoch_steps, s.samples_at_once, s.spare_memory, s.examples_digest,"
					" s.best_epoch, s.best_error, s.elapsed"
					" FROM siamese.model m LEFT JOIN siamese.training_state s"
					" ON s.name OPERATOR(pg_catalog.=) m.name AND s.version OPERATOR(pg_catalog.=) m.version"
					" WHERE m.name OPERATOR(pg_catalog.=) $1 AND"
					" ($2 OPERATOR(pg_catalog.=) 0 OR m.version OPERATOR(pg_catalog.=) $2)"
					" ORDER BY m.version USING OPERATOR(pg_catalog.>) LIMIT 1", 2, types, values, SPI_OK_SELECT);
	check_resumable(training, version, SPI_processed > 0);

	training->version = DatumGetInt32(column(COLUMN_VERSION));
	training->network = text_column(training, COLUMN_NETWORK);
	training->fingerprint = model_fingerprint_parse(text_column(training, COLUMN_FINGERPRINT));
	training->query = text_column(training, COLUMN_EXAMPLES);
	training->seed = DatumGetInt64(column(COLUMN_SEED));
	training->epochs = DatumGetInt32(column(COLUMN_EPOCHS));
	training->epoch = DatumGetInt32(column(COLUMN_EPOCH));
	training->digest = text_column(training, COLUMN_DIGEST);
	training->best_epoch = DatumGetInt32(column(COLUMN_BEST_EPOCH));
	training->best_error = DatumGetFloat8(column(COLUMN_BEST_ERROR));
	training->elapsed = DatumGetFloat8(column(COLUMN_ELAPSED));
	training->epoch_steps = DatumGetInt64(column(COLUMN_EPOCH_STEPS));
	training->samples_at_once = DatumGetInt32(column(COLUMN_SAMPLES_AT_ONCE));
	training->spare_memory = DatumGetBool(column(COLUMN_SPARE_MEMORY));
	threads = DatumGetInt32(column(COLUMN_THREADS));
	if (threads > setting_training_threads)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" was trained with %d threads", training->model, threads),
				 errdetail("siamese.training_threads is %d.", setting_training_threads),
				 errhint("The same number of threads is needed for the same result: set siamese.training_threads to %d.", threads)));
	training->options.given = jsonb_column(training, COLUMN_OPTIONS);
	training->options.definition = jsonb_column(training, COLUMN_DEFINITION);
	training_options_resumed(&training->options);
	training->options.threads = threads;
}
