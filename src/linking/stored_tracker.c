/*
 * stored_tracker.c: trackers as rows of siamese.model.
 *
 *     {"kind": "tracker",
 *      "trees": 100, "depth": 3, "rate": 0.1, "gap": 3,
 *      "appearance": {"fingerprint": "0123456789abcdef", "metric": "cosine", "dimensions": 128,
 *                     "calibration": {...}}}        as in siamese.model.calibration; without appearance: null
 *
 * Metric and dimensions of an appearance that compares pairs are null.
 *
 * The numbers of tracker_pack() are the row's weights.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "common/limits.h"
#include "common/spi.h"
#include "linking/stored_tracker.h"
#include "model/definition_jsonb.h"
#include "model/rights.h"
#include "model/row_cache.h"
#include "model/server_network.h"
#include "model/stored_weights.h"

/* ---- writing ------------------------------------------------------------------------------------------------------- */

Jsonb *
tracker_definition(const LooksModel *looks, const TrackerSettings *settings)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"kind\": \"tracker\", \"trees\": %d, \"depth\": %d, \"rate\": %.9g, \"gap\": %.9g, \"appearance\": ",
					 settings->trees, settings->depth, settings->rate, settings->gap);
	if (looks->fingerprint == 0)
		appendStringInfoString(&text, "null}");
	else
	{
		Jsonb	   *calibration = calibration_to_jsonb(&looks->calibration);

		appendStringInfo(&text, "{\"fingerprint\": \"%s\", ", model_fingerprint_text(looks->fingerprint));
		if (looks->compares_pairs)
			appendStringInfoString(&text, "\"metric\": null, \"dimensions\": null");
		else
			appendStringInfo(&text, "\"metric\": \"%s\", \"dimensions\": %d", metric_name(looks->metric), looks->dimensions);
		appendStringInfo(&text, ", \"calibration\": %s}}", JsonbToCString(NULL, &calibration->root, VARSIZE(calibration)));
	}
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

int
tracker_store(const char *name, const char *owner, const char *query, const Tracker *tracker, Jsonb *definition, Jsonb *scores,
			  Jsonb *options)
{
	Oid			types[6] = {TEXTOID, TEXTOID, JSONBOID, TEXTOID, JSONBOID, JSONBOID};
	Datum		values[6];
	Oid			query_types[3] = {TEXTOID, INT4OID, TEXTOID};
	Datum		query_values[3];
	size_t		count = tracker_packed_count(tracker);
	real	   *packed = server_reals(count);
	ModelCaller caller;
	uint64		fingerprint;
	int			version;

	tracker_pack(tracker, packed);
	fingerprint = model_fingerprint(definition, packed, count);
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	values[2] = JsonbPGetDatum(definition);
	values[3] = CStringGetTextDatum(owner);
	values[4] = JsonbPGetDatum(scores);
	values[5] = JsonbPGetDatum(options);
	model_act_as_owner(&caller);
	model_store_weights(fingerprint, packed, count);
	spi_execute("INSERT INTO siamese.model (name, version, network, fingerprint, definition, created_by, seed, epochs, threads, scores,"
				" options, finished_at, promoted_at)"
				" SELECT $1, coalesce(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, 'tracker', $2, $3, $4, 0, 1, 1, $5, $6,"
				" pg_catalog.now(), NULL FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 RETURNING version",
				6, types, values, SPI_OK_INSERT_RETURNING);
	version = spi_int(1);
	query_values[0] = values[0];
	query_values[1] = Int32GetDatum(version);
	query_values[2] = CStringGetTextDatum(query);
	spi_execute("INSERT INTO siamese.model_examples (name, version, training) VALUES ($1, $2, $3)", 3, query_types, query_values,
				SPI_OK_INSERT);
	model_act_as_caller(&caller);
	return version;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static JsonbValue *
member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, (int) strlen(key), NULL);

	if (value == NULL)
		check_raise_damaged_model(psprintf("The tracker's definition has no \"%s\".", key));
	return value;
}

static char *
member_text(JsonbContainer *object, const char *key)
{
	JsonbValue *value = member(object, key);

	if (value->type != jbvString)
		check_raise_damaged_model(psprintf("\"%s\" of the tracker's definition is not a string.", key));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* What embeddings of the appearance are. */
static void
read_embeddings(JsonbContainer *object, LooksModel *looks)
{
	char	   *metric = member_text(object, "metric");
	JsonbValue *value = member(object, "dimensions");
	double		dimensions;

	if (!metric_of_name(metric, strlen(metric), &looks->metric))
		check_raise_damaged_model(psprintf("\"metric\" of the tracker's definition is \"%s\".", metric));
	dimensions = value->type == jbvNumeric ?
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric))) : 0;
	if (!(dimensions >= 1 && dimensions <= LIMIT_DIMENSIONS))
		check_raise_damaged_model(psprintf("\"dimensions\" of the tracker's definition is not from 1 to %d.", LIMIT_DIMENSIONS));
	looks->dimensions = (int) dimensions;
}

static void
read_looks(Jsonb *definition, LooksModel *looks)
{
	JsonbValue *appearance = member(&definition->root, "appearance");
	JsonbContainer *object;
	JsonbValue *value;

	*looks = (LooksModel) {0};
	if (appearance->type == jbvNull)
		return;
	if (appearance->type != jbvBinary || !JsonContainerIsObject(appearance->val.binary.data))
		check_raise_damaged_model("\"appearance\" of the tracker's definition is not a JSON object.");
	object = appearance->val.binary.data;
	looks->fingerprint = model_fingerprint_parse(member_text(object, "fingerprint"));
	looks->compares_pairs = member(object, "metric")->type == jbvNull;
	if (!looks->compares_pairs)
		read_embeddings(object, looks);
	value = member(object, "calibration");
	if (value->type != jbvBinary)
		check_raise_damaged_model("\"calibration\" of the tracker's definition is not a JSON object.");
	calibration_from_jsonb(JsonbValueToJsonb(value), &looks->calibration);
}

StoredTracker *
tracker_by_name(const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	StoredTracker *stored = palloc0(sizeof(StoredTracker));
	Oid			type = TEXTOID;
	Datum		value;
	Jsonb	   *definition;
	real	   *packed;
	size_t		count;
	Status		status;
	bool		isnull;

	stored->fingerprint = model_find_named(name);
	value = CStringGetTextDatum(model_fingerprint_text(stored->fingerprint));
	SPI_connect();
	if (spi_read("SELECT definition FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1", 1, &type, &value, 1) == 0)
		check_raise_damaged_model(psprintf("No row of siamese.model has the fingerprint %s.",
										   model_fingerprint_text(stored->fingerprint)));
	definition = DatumGetJsonbPCopy(spi_datum(1, &isnull));
	if (!definition_is_tracker(definition))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" is not a tracker", name),
				 errhint("CALL siamese.train_tracker(...) makes one; a model that embeds images can be its appearance.")));
	read_looks(definition, &stored->looks);
	packed = model_load_all_weights(stored->fingerprint, &count);
	if (model_fingerprint(definition, packed, count) != stored->fingerprint)
		check_raise_damaged_model("Definition and numbers of the tracker do not have its fingerprint.");
	MemoryContextSwitchTo(caller);
	if (!tracker_unpack(host_server(), packed, count, &stored->tracker, &status))
	{
		if (status.code != STATUS_ARGUMENT)
			check_raise_status(&status);
		check_raise_damaged_model(status.detail);
	}
	SPI_finish();
	if ((stored->looks.fingerprint != 0) != (stored->tracker.appearance_values > 0))
		check_raise_damaged_model("The tracker's numbers and its definition do not agree on its appearance.");
	return stored;
}
