/*
 * version.c: what an epoch commits.
 *
 * One transaction writes a row of siamese.training_epoch, the state that siamese.resume() goes on from (state.c) and, when
 * the held-out error is the lowest so far, the version's weights, scores and calibration.  So the version that stands in
 * siamese.model is always whole: the best epoch until now.  finished_at says that it is the final one; only then does the
 * model's plain name mean it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "training/train.h"

static void
create_version(Training *training, const EpochResult *result)
{
	Oid			types[13] = {TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, INT4OID, TEXTOID, INT8OID, INT4OID, JSONBOID, JSONBOID,
		INT4OID, JSONBOID};
	Datum		values[13];
	Oid			query_types[3] = {TEXTOID, INT4OID, TEXTOID};
	Datum		query_values[3];
	bool		isnull;

	values[0] = CStringGetTextDatum(training->model);
	values[1] = CStringGetTextDatum(training->network);
	values[2] = CStringGetTextDatum(model_fingerprint_text(training->fingerprint));
	values[3] = JsonbPGetDatum(training->options.definition);
	values[4] = CStringGetTextDatum(metric_name(training->definition->metric));
	values[5] = Int32GetDatum(network_dimensions(training->learner->network));
	values[6] = CStringGetTextDatum(training->owner);
	values[7] = Int64GetDatum(training->seed);
	values[8] = Int32GetDatum(training->epochs);
	values[9] = JsonbPGetDatum(result->scores);
	values[10] = JsonbPGetDatum(calibration_with_references(calibration_to_jsonb(&result->calibration), result->references));
	values[11] = Int32GetDatum(training->options.threads);
	values[12] = JsonbPGetDatum(training->options.given);
	model_execute("INSERT INTO siamese.model (name, version, network, fingerprint, definition, metric, dimensions, created_by, seed,"
			" epochs, scores, calibration, threads, options)"
			" SELECT $1, coalesce(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, $2, $3, $4, $5, $6, $7, $8,"
			" $9, $10, $11, $12, $13 FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 RETURNING version",
			13, types, values, SPI_OK_INSERT_RETURNING);
	training->version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	query_values[0] = values[0];
	query_values[1] = Int32GetDatum(training->version);
	query_values[2] = CStringGetTextDatum(training->query);
	model_execute("INSERT INTO siamese.model_examples (name, version, training) VALUES ($1, $2, $3)",
					3, query_types, query_values, SPI_OK_INSERT);
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
	values[4] = JsonbPGetDatum(calibration_with_references(calibration_to_jsonb(&result->calibration), result->references));
	model_execute("UPDATE siamese.model SET fingerprint = $3, scores = $4, calibration = $5"
			" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2", 5, types, values, SPI_OK_UPDATE);
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
	model_execute("INSERT INTO siamese.training_epoch (name, version, epoch, loss, eer, auc, images_per_second, elapsed, remaining, best)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, pg_catalog.make_interval(secs => $8), pg_catalog.make_interval(secs => $9), $10)",
			10, types, values, SPI_OK_INSERT);
}

/* How many there will be may have changed; schedule.c. */
static void
store_epochs(const Training *training)
{
	Oid			types[3] = {TEXTOID, INT4OID, INT4OID};
	Datum		values[3] = {CStringGetTextDatum(training->model), Int32GetDatum(training->version), Int32GetDatum(training->epochs)};

	model_execute("UPDATE siamese.model SET epochs = $3 WHERE name OPERATOR(pg_catalog.=) $1"
					" AND version OPERATOR(pg_catalog.=) $2 AND epochs OPERATOR(pg_catalog.<>) $3", 3, types, values, SPI_OK_UPDATE);
}

/*
 * What others may have done while an epoch ran, when nothing was locked.  From here on to the end of the transaction the
 * version's row stays; what follows runs as the tables' owner.
 */
static void
lock_version(const Training *training, ModelActor *caller)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->model), Int32GetDatum(training->version)};
	Oid			namespace;

	AcceptInvalidationMessages();
	namespace = get_namespace_oid("siamese", true);
	if (!OidIsValid(namespace) || !OidIsValid(get_relname_relid("model", namespace)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the extension siamese was dropped while model \"%s\" was in training", training->model)));
	model_act_as_owner(caller);
	if (training->version == 0)
		return;
	model_execute("SELECT FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
					" AND version OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE", 2, types, values, SPI_OK_SELECT);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" was removed while it was in training",
						training->version, training->model)));
}

void
version_commit_epoch(Training *training, EpochResult *result)
{
	const Learner *learner = training->learner;
	size_t		count = network_weight_count(learner->network);
	uint64		previous = training->fingerprint;
	bool		first = training->version == 0;
	bool		better = first || result->error < training->best_error;
	ModelActor	caller;

	lock_version(training, &caller);
	if (better)
	{
		training->fingerprint = model_fingerprint(training->options.definition, learner->average, count);
		training->best_error = result->error;
		training->best_epoch = result->epoch;
		model_store_weights(training->fingerprint, learner->average, count);
		if (first)
			create_version(training, result);
		else if (training->fingerprint != previous)
			improve_version(training, result, previous);
	}
	record_epoch(training, result);
	if (!first)
		store_epochs(training);
	state_store(training, result->epoch, result->elapsed, caller.user, first);
	model_act_as_caller(&caller);
	SPI_commit();
	training->epoch = result->epoch;
}

void
version_finish(Training *training)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->model), Int32GetDatum(training->version)};
	ModelActor	caller;

	lock_version(training, &caller);
	model_execute("UPDATE siamese.model SET finished_at = pg_catalog.now()"
					" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_UPDATE);
	state_drop(training);
	model_act_as_caller(&caller);
	SPI_commit();
}
