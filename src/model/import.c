/*
 * import.c: siamese.import_model(model, exported): plain data becomes the next version of a model.
 *
 * Nothing in it is trusted: the digest is checked first, then each field, then the fingerprint of definition and weights.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/definition_jsonb.h"
#include "model/exported.h"
#include "model/import.h"
#include "model/names.h"
#include "model/new_version.h"
#include "model/promote.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/server_network.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"
#include "network/network.h"
#include "tracking/tracker.h"

typedef struct Imported
{
	Jsonb	   *header;
	bool		tracker;		/* has no metric, dimensions and calibration */
	NewVersion	version;
	size_t		count;			/* of weights */
	real	   *weights;
} Imported;

static void bad_value(const char *detail) __attribute__((noreturn));

static void
bad_value(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid exported model"),
			 errdetail("%s", detail),
			 errhint("siamese.export_model() makes one; it must not be changed on the way.")));
}

static uint32
get_length(const char *from)
{
	uint32		word;

	memcpy(&word, from, sizeof word);
	return pg_ntoh32(word);
}

/* ---- the header's fields ------------------------------------------------------------------------------------------- */

static JsonbValue *
get_field(const Imported *imported, const char *key, enum jbvType type)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&imported->header->root, key, (int) strlen(key), NULL);

	if (value == NULL || value->type != type)
		bad_value(psprintf("Its header has no valid \"%s\".", key));
	return value;
}

static char *
get_text(const Imported *imported, const char *key)
{
	JsonbValue *value = get_field(imported, key, jbvString);

	if (value->val.string.len < 1 || value->val.string.len > LIMIT_MODEL_NAME)
		bad_value(psprintf("\"%s\" of its header has %d bytes; it may have 1 to %d.", key, value->val.string.len,
						   LIMIT_MODEL_NAME));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static Jsonb *
get_object(const Imported *imported, const char *key)
{
	JsonbValue *value = get_field(imported, key, jbvBinary);

	if (!JsonContainerIsObject(value->val.binary.data))
		bad_value(psprintf("\"%s\" of its header is not a JSON object.", key));
	return JsonbValueToJsonb(value);
}

static int64
get_number(const Imported *imported, const char *key, int64 least, int64 most)
{
	JsonbValue *value = get_field(imported, key, jbvNumeric);
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	char	   *end;
	long long	number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || number < least || number > most)
		bad_value(psprintf("\"%s\" of its header is %.40s; it must be a whole number from %lld to %lld.", key, text,
						   (long long) least, (long long) most));
	return number;
}

/* A network of pairs has no embeddings: then both are null. */
static void
read_embedding(Imported *imported)
{
	JsonbValue *metric = getKeyJsonValueFromContainer(&imported->header->root, "metric", 6, NULL);

	if (metric != NULL && metric->type == jbvNull)
	{
		get_field(imported, "dimensions", jbvNull);
		imported->version.metric = "";
		return;
	}
	imported->version.metric = get_text(imported, "metric");
	imported->version.dimensions = (int) get_number(imported, "dimensions", 1, LIMIT_DIMENSIONS);
}

static void
read_header(Imported *imported, const char *header, int length)
{
	ModelCalibration calibration;
	JsonbValue *calibration_value;
	char	   *text = pg_any_to_server(header, length, PG_UTF8);

	/* with nothing to convert it returns its argument, which does not end with a zero */
	text = text == header ? pnstrdup(header, length) : text;
	imported->header = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	if (!JB_ROOT_IS_OBJECT(imported->header))
		bad_value("Its header is not a JSON object.");
	imported->version.network = get_text(imported, "network");
	imported->version.fingerprint = model_fingerprint_parse(get_text(imported, "fingerprint"));
	imported->version.seed = get_number(imported, "seed", PG_INT64_MIN, PG_INT64_MAX);
	imported->version.epochs = (int) get_number(imported, "epochs", 1, PG_INT32_MAX);
	imported->version.threads = (int) get_number(imported, "threads", 1, LIMIT_THREADS);
	imported->count = (size_t) get_number(imported, "weights", 1, PG_INT64_MAX);
	imported->version.definition = get_object(imported, "definition");
	imported->version.scores = get_object(imported, "scores");
	imported->tracker = definition_is_tracker(imported->version.definition);
	if (imported->tracker)
	{
		imported->version.metric = "";
		imported->version.calibration = imported->version.scores;
		return;
	}
	read_embedding(imported);
	/* one of an ONNX file that was not calibrated yet */
	calibration_value = getKeyJsonValueFromContainer(&imported->header->root, "calibration", 11, NULL);
	if (calibration_value != NULL && calibration_value->type == jbvNull)
		return;
	imported->version.calibration = get_object(imported, "calibration");
	calibration_from_jsonb(imported->version.calibration, &calibration);
	references_from_jsonb(imported->version.calibration);
}

/* ---- the value ----------------------------------------------------------------------------------------------------- */

/* The definition must have the dimensions, the metric and the number of weights that the header states. */
static void
check_definition(const Imported *imported)
{
	NetworkDefinition *definition = definition_from_jsonb(imported->version.definition);
	Network    *network = server_network(definition);

	if (network_weight_count(network) != imported->count)
		bad_value(psprintf("Its network has %zu weights, but %zu are stated.", network_weight_count(network),
						   imported->count));
	if ((network_head(network) != NULL) != (imported->version.dimensions == 0))
		bad_value(imported->version.dimensions == 0 ? "No metric is stated, but its network makes embeddings."
				  : psprintf("The metric %s is stated, but its network compares pairs.", imported->version.metric));
	if (imported->version.dimensions > 0 && (network_dimensions(network) != imported->version.dimensions ||
									 strcmp(metric_name(definition->metric), imported->version.metric) != 0))
		bad_value(psprintf("Its network makes embeddings of %d dimensions and metric %s, but %d and %s are stated.",
						   network_dimensions(network), metric_name(definition->metric), imported->version.dimensions,
						   imported->version.metric));
	network_destroy(network);
}

static void
check_tracker(const Imported *imported)
{
	Tracker		tracker;
	Status		status;

	if (!tracker_unpack(host_server(), imported->weights, imported->count, &tracker, &status))
	{
		if (status.code != STATUS_ARGUMENT)
			check_raise_status(&status);
		bad_value(status.detail);
	}
	tracker_release(host_server(), &tracker);
}

static void
read_weights(Imported *imported, const char *from)
{
	imported->weights = server_reals(imported->count);
	for (size_t done = 0; done < imported->count; done += MODEL_PART_VALUES)
	{
		size_t		values = Min(MODEL_PART_VALUES, imported->count - done);

		CHECK_FOR_INTERRUPTS();
		if (get_length(from) != values * sizeof(float))
			bad_value(psprintf("Part %zu of its weights has %u bytes, not %zu.", done / MODEL_PART_VALUES, get_length(from),
							   values * sizeof(float)));
		model_decode_weights(from + EXPORTED_LENGTH_BYTES, values, imported->weights + done);
		from += EXPORTED_LENGTH_BYTES + values * sizeof(float);
		for (size_t i = done; i < done + values; i++)
			if (!isfinite(imported->weights[i]))
				bad_value(psprintf("Its weight %zu is %g.", i + 1, imported->weights[i]));
	}
}

static void
read_exported(Imported *imported, const char *from, size_t length)
{
	const size_t least = EXPORTED_MAGIC_BYTES + EXPORTED_LENGTH_BYTES + EXPORTED_DIGEST_BYTES;
	uint8		digest[EXPORTED_DIGEST_BYTES];
	size_t		header_bytes;

	if (length < least || memcmp(from, EXPORTED_MAGIC, EXPORTED_MAGIC_BYTES) != 0)
		bad_value("It does not begin with the magic bytes of format 1.");
	model_digest(from, length - EXPORTED_DIGEST_BYTES, digest);
	if (memcmp(digest, from + length - EXPORTED_DIGEST_BYTES, EXPORTED_DIGEST_BYTES) != 0)
		bad_value("Its bytes do not match the SHA-256 at its end: some were changed or lost.");
	header_bytes = get_length(from + EXPORTED_MAGIC_BYTES);
	if (header_bytes > length - least)
		bad_value(psprintf("Its header would have %zu bytes, more than the value has.", header_bytes));
	read_header(imported, from + EXPORTED_MAGIC_BYTES + EXPORTED_LENGTH_BYTES, (int) header_bytes);
	if (imported->count > length || exported_weight_bytes(imported->count) != length - least - header_bytes)
		bad_value(psprintf("It has %zu bytes of weights, but %zu weights are stated.", length - least - header_bytes,
						   imported->count));
	if (!imported->tracker)
		check_definition(imported);
	read_weights(imported, from + EXPORTED_MAGIC_BYTES + EXPORTED_LENGTH_BYTES + header_bytes);
	if (model_fingerprint(imported->version.definition, imported->weights, imported->count) != imported->version.fingerprint)
		bad_value("Definition and weights do not have the stated fingerprint.");
	if (imported->tracker)
		check_tracker(imported);
}

char *
model_import(const char *function, const char *name, const char *exported, size_t length)
{
	Imported	imported = {0};
	ModelCaller caller;
	char	   *owner;
	char	   *other;
	int			version;
	MemoryContext context = CurrentMemoryContext;
	PromotionResult promotion;

	check_may_write(function);
	model_plain_name(name);
	read_exported(&imported, exported, length);
	model_lock_name(name, false);
	SPI_connect();
	owner = model_check_owner(name);
	other = imported.tracker ? NULL : model_other_calibration(imported.version.fingerprint, name, imported.version.calibration);
	model_act_as_owner(&caller);
	model_store_weights(imported.version.fingerprint, imported.weights, imported.count);
	version = model_insert_version(&imported.version, name, owner);
	model_act_as_caller(&caller);
	promotion = model_promote_version(name, version, PROMOTE_IF_HARMLESS, InvalidOid, context);
	if (other != NULL)
		ereport(NOTICE,
				(errmsg("the calibration of \"%s\" still applies to embeddings of this model", other),
				 errdetail("It has had the fingerprint %s longer, or the setting siamese.model names it; the imported calibration"
						   " differs from it.", model_fingerprint_text(imported.version.fingerprint)),
				 errhint("SET siamese.model = '%s@%d' makes the imported one apply.", name, version)));
	SPI_finish();
	model_report_promotion(name, version, &promotion);
	host_release(host_server(), imported.weights);
	return psprintf("%s@%d", name, version);
}

PG_FUNCTION_INFO_V1(siamese_import_model);

Datum
siamese_import_model(PG_FUNCTION_ARGS)
{
	bytea	   *exported = PG_GETARG_BYTEA_PP(1);
	char	   *made = model_import("siamese.import_model()", text_to_cstring(PG_GETARG_TEXT_PP(0)), VARDATA_ANY(exported),
									VARSIZE_ANY_EXHDR(exported));

	PG_FREE_IF_COPY(exported, 1);
	PG_RETURN_TEXT_P(cstring_to_text(made));
}
