/*
 * commit_epoch.c: what an epoch commits.
 *
 * One transaction writes a row of siamese.training_epoch, the checkpoint that siamese.resume() continues from (checkpoint.c)
 * and, if the epoch is kept, the version's weights, scores and calibration.  So the version in siamese.model is always
 * complete: the epoch that was kept last.  It is final once finished_at is set; only then may the model's plain name mean it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "common/spi.h"
#include "model/drop.h"
#include "model/rights.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"
#include "training/learner.h"
#include "training/training.h"
#include "verification/calibration.h"

/*
 * Whether the weights of this epoch replace those kept so far.  They do unless the least error of all epochs so far is lower
 * beyond the interval of the difference: so in the end that is the latest epoch which is not worse than the best one, as in
 * the rule of one standard error (Breiman, Friedman, Olshen, Stone 1984, "Classification and regression trees", section
 * 3.4.3).  The schedule ends in the most settled weights, and the least of many errors is low by luck: among few people a
 * first epoch may show none.  With too few for an interval only a network that tells nobody apart any more is not kept.
 */
static bool
is_kept(const Training *training, const EpochResult *result)
{
	const TrainedVersion *version = &training->version;

	if (version->number == 0 || result->error.eer <= version->least_eer)
		return true;
	return !calibration_is_chance(&result->calibration) &&
		!held_out_error_above(&result->error, version->least_eer, version->least_replicate);
}

static void
create_version(Training *training, const EpochResult *result)
{
	Oid			types[13] = {TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, INT4OID, TEXTOID, INT8OID, INT4OID, JSONBOID, JSONBOID,
		INT4OID, JSONBOID};
	Datum		values[13];
	Oid			query_types[3] = {TEXTOID, INT4OID, TEXTOID};
	Datum		query_values[3];
	bool		head = network_head(training->learner->network) != NULL;

	values[0] = CStringGetTextDatum(training->request.model);
	values[1] = CStringGetTextDatum(training->request.network);
	values[2] = CStringGetTextDatum(model_fingerprint_text(training->version.fingerprint));
	values[3] = JsonbPGetDatum(training->request.options.definition);
	/* a network with a head has no embeddings: NULL, which a parameter of spi_execute() cannot be */
	values[4] = CStringGetTextDatum(head ? "" : metric_name(training->definition->metric));
	values[5] = Int32GetDatum(head ? 0 : network_dimensions(training->learner->network));
	values[6] = CStringGetTextDatum(training->version.owner);
	values[7] = Int64GetDatum(training->request.seed);
	values[8] = Int32GetDatum(training->request.epochs);
	values[9] = JsonbPGetDatum(result->scores);
	values[10] = JsonbPGetDatum(calibration_with_references(calibration_to_jsonb(&result->calibration), result->references));
	values[11] = Int32GetDatum(training->request.options.threads);
	values[12] = JsonbPGetDatum(training->request.options.given);
	spi_execute("INSERT INTO siamese.model (name, version, network, fingerprint, definition, metric, dimensions, created_by, seed,"
				" epochs, scores, calibration, threads, options, promoted_at)"
				" SELECT $1, coalesce(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, $2, $3, $4,"
				" CASE WHEN $5 OPERATOR(pg_catalog.<>) '' THEN $5 END, CASE WHEN $6 OPERATOR(pg_catalog.>) 0 THEN $6 END, $7, $8,"
				" $9, $10, $11, $12, $13, NULL FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 RETURNING version",
				13, types, values, SPI_OK_INSERT_RETURNING);
	training->version.number = spi_int(1);
	query_values[0] = values[0];
	query_values[1] = Int32GetDatum(training->version.number);
	query_values[2] = CStringGetTextDatum(training->request.query);
	spi_execute("INSERT INTO siamese.model_examples (name, version, training) VALUES ($1, $2, $3)",
				3, query_types, query_values, SPI_OK_INSERT);
}

static void
replace_weights(Training *training, const EpochResult *result, uint64 previous)
{
	Oid			types[5] = {TEXTOID, INT4OID, TEXTOID, JSONBOID, JSONBOID};
	Datum		values[5];

	values[0] = CStringGetTextDatum(training->request.model);
	values[1] = Int32GetDatum(training->version.number);
	values[2] = CStringGetTextDatum(model_fingerprint_text(training->version.fingerprint));
	values[3] = JsonbPGetDatum(result->scores);
	values[4] = JsonbPGetDatum(calibration_with_references(calibration_to_jsonb(&result->calibration), result->references));
	spi_execute("UPDATE siamese.model SET fingerprint = $3, scores = $4, calibration = $5"
				" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2", 5, types, values, SPI_OK_UPDATE);
	model_drop_unused_weights(previous);
}

static void
record_epoch(Training *training, const EpochResult *result)
{
	Oid			types[10] = {TEXTOID, INT4OID, INT4OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, BOOLOID};
	Datum		values[10];

	values[0] = CStringGetTextDatum(training->request.model);
	values[1] = Int32GetDatum(training->version.number);
	values[2] = Int32GetDatum(result->epoch);
	values[3] = Float8GetDatum(result->loss);
	values[4] = Float8GetDatum(result->error.eer);
	values[5] = Float8GetDatum(result->error.auc);
	values[6] = Float8GetDatum(result->images_per_second);
	values[7] = Float8GetDatum(result->elapsed);
	values[8] = Float8GetDatum(result->remaining);
	values[9] = BoolGetDatum(training->version.kept_epoch == result->epoch);
	spi_execute("INSERT INTO siamese.training_epoch"
				" (name, version, epoch, loss, eer, auc, images_per_second, elapsed, remaining, kept)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, pg_catalog.make_interval(secs => $8),"
				" pg_catalog.make_interval(secs => $9), $10)",
				10, types, values, SPI_OK_INSERT);
}

/* Their number may have been cut (time_budget.c). */
static void
store_epochs(const Training *training)
{
	Oid			types[3] = {TEXTOID, INT4OID, INT4OID};
	Datum		values[3] = {
		CStringGetTextDatum(training->request.model), Int32GetDatum(training->version.number),
		Int32GetDatum(training->request.epochs)
	};

	spi_execute("UPDATE siamese.model SET epochs = $3 WHERE name OPERATOR(pg_catalog.=) $1"
				" AND version OPERATOR(pg_catalog.=) $2 AND epochs OPERATOR(pg_catalog.<>) $3", 3, types, values, SPI_OK_UPDATE);
}

/* Locks the table of models, so that the extension cannot be dropped until the end of the transaction; false if it was. */
static bool
lock_models(void)
{
	Oid			namespace;
	Oid			models;

	AcceptInvalidationMessages();
	namespace = get_namespace_oid("siamese", true);
	models = OidIsValid(namespace) ? get_relname_relid("model", namespace) : InvalidOid;
	if (!OidIsValid(models))
		return false;
	LockRelationOid(models, RowExclusiveLock);
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(models));
}

/*
 * Nothing is locked while an epoch runs, so checks that the version was not removed meanwhile, and locks its row until the
 * end of the transaction.  What follows runs as the tables' owner.
 */
static void
lock_version(const Training *training, ModelCaller *caller)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->request.model), Int32GetDatum(training->version.number)};

	if (!lock_models())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the extension siamese was dropped during the training of model \"%s\"", training->request.model)));
	model_act_as_owner(caller);
	if (training->version.number == 0)
		return;
	if (spi_execute("SELECT FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
					" AND version OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE", 2, types, values, SPI_OK_SELECT) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" was removed during its training",
						training->version.number, training->request.model)));
}

void
commit_epoch(Training *training, EpochResult *result)
{
	const Learner *learner = training->learner;
	size_t		count = network_weight_count(learner->network);
	uint64		previous = training->version.fingerprint;
	bool		first = training->version.number == 0;
	ModelCaller caller;

	lock_version(training, &caller);
	if (is_kept(training, result))
	{
		training->version.fingerprint = model_fingerprint(training->request.options.definition, learner->average, count);
		training->version.kept_epoch = result->epoch;
		model_store_weights(training->version.fingerprint, learner->average, count);
		if (first)
			create_version(training, result);
		else if (training->version.fingerprint != previous)
			replace_weights(training, result, previous);
	}
	if (first || result->error.eer <= training->version.least_eer)
	{
		training->version.least_eer = result->error.eer;
		memcpy(training->version.least_replicate, result->error.replicate, sizeof result->error.replicate);
	}
	record_epoch(training, result);
	if (!first)
		store_epochs(training);
	checkpoint_store(training, result->epoch, result->elapsed, caller.user, first);
	model_act_as_caller(&caller);
	SPI_commit();
	training->version.epoch = result->epoch;
}

Jsonb *
commit_finished(Training *training, PromotionResult *promotion)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->request.model), Int32GetDatum(training->version.number)};
	ModelCaller caller;
	MemoryContext context;
	Jsonb	   *scores;
	bool		isnull;

	lock_version(training, &caller);
	spi_execute("UPDATE siamese.model SET finished_at = pg_catalog.now()"
				" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2 RETURNING scores",
				2, types, values, SPI_OK_UPDATE_RETURNING);
	context = MemoryContextSwitchTo(training->context);
	scores = DatumGetJsonbPCopy(spi_datum(1, &isnull));
	MemoryContextSwitchTo(context);
	checkpoint_drop(training);
	model_act_as_caller(&caller);
	*promotion = model_promote_version(training->request.model, training->version.number, training->request.options.promotion,
									   InvalidOid, training->context);
	SPI_commit();
	return scores;
}
