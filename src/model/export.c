/*
 * export.c: siamese.export_model(model): a model as plain data.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/compat.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/definition_jsonb.h"
#include "model/exported.h"
#include "model/model.h"
#include "model/names.h"
#include "model/row_cache.h"
#include "model/stored_weights.h"

/* The header of the row that the name means, in UTF-8, in the current memory context. */
static char *
read_header(const char *model, size_t weights)
{
	MemoryContext caller = CurrentMemoryContext;
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	Oid			types[3] = {TEXTOID, INT4OID, INT8OID};
	Datum		values[3];
	char	   *header;

	model_parse_name(model, plain, &version);
	values[0] = CStringGetTextDatum(plain);
	values[1] = Int32GetDatum(version);
	values[2] = Int64GetDatum((int64) weights);
	SPI_connect();
	if (spi_read("SELECT pg_catalog.jsonb_build_object('name', name, 'version', version, 'network', network,"
				 " 'fingerprint', fingerprint, 'metric', metric, 'dimensions', dimensions, 'seed', seed,"
				 " 'epochs', epochs, 'threads', threads, 'weights', $3, 'scores', scores,"
				 " 'calibration', calibration, 'definition', definition) FROM " MODEL_ROW_OF_NAME, 3, types, values, 1) != 1)
		elog(ERROR, "siamese.model has no row of \"%s\"", model);
	header = MemoryContextStrdup(caller, spi_text(1));
	SPI_finish();
	return pg_server_to_any(header, (int) strlen(header), PG_UTF8);
}

/* Of a network from the copy that all backends share; those of a tracker are read. */
static const real *
read_weights(const char *name, size_t *count)
{
	uint64		fingerprint = model_find_named(name);
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	MemoryContext caller = CurrentMemoryContext;
	const real *weights = NULL;
	bool		isnull;

	SPI_connect();
	if (spi_read("SELECT definition FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1",
				 1, &type, &value, 1) == 1 && definition_is_tracker(DatumGetJsonbP(spi_datum(1, &isnull))))
	{
		MemoryContextSwitchTo(caller);
		weights = model_load_all_weights(fingerprint, count);
	}
	SPI_finish();
	if (weights == NULL)
	{
		const Model *model = model_by_fingerprint(fingerprint);

		*count = network_weight_count(model->network);
		weights = model->weights;
	}
	return weights;
}

static char *
put_length(char *to, size_t length)
{
	uint32		word = pg_hton32((uint32) length);

	memcpy(to, &word, sizeof word);
	return to + sizeof word;
}

PG_FUNCTION_INFO_V1(siamese_export_model);

Datum
siamese_export_model(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	size_t		count;
	const real *weights = read_weights(name, &count);
	char	   *header = read_header(name, count);
	size_t		header_bytes = strlen(header);
	uint64		total = EXPORTED_MAGIC_BYTES + EXPORTED_LENGTH_BYTES + header_bytes + exported_weight_bytes(count) +
		EXPORTED_DIGEST_BYTES;
	bytea	   *result;
	char	   *to;

	if (total > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("model \"%s\" is too large to be exported", name),
				 errdetail("It would have %llu bytes; a value can have %zu.", (unsigned long long) total,
						   (size_t) (MaxAllocSize - VARHDRSZ))));
	result = palloc(VARHDRSZ + total);
	SET_VARSIZE(result, VARHDRSZ + total);
	to = VARDATA(result);
	memcpy(to, EXPORTED_MAGIC, EXPORTED_MAGIC_BYTES);
	to = put_length(to + EXPORTED_MAGIC_BYTES, header_bytes);
	memcpy(to, header, header_bytes);
	to += header_bytes;
	for (size_t done = 0; done < count; done += MODEL_PART_VALUES)
	{
		size_t		values = Min(MODEL_PART_VALUES, count - done);

		CHECK_FOR_INTERRUPTS();
		to = put_length(to, values * sizeof(float));
		model_encode_weights(weights + done, values, to);
		to += values * sizeof(float);
	}
	model_digest(VARDATA(result), to - VARDATA(result), (uint8 *) to);
	PG_RETURN_BYTEA_P(result);
}
