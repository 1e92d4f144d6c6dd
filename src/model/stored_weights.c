/*
 * stored_weights.c: weights in siamese.model_weights, in parts of 1 MB, under the fingerprint of definition and weights.
 *
 * They are little-endian 4-byte floats on every machine, so that dumps and exported models can be read everywhere.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/rights.h"
#include "model/server_network.h"
#include "model/stored_weights.h"

void
model_encode_weights(const real *weights, size_t count, char *bytes)
{
#ifdef WORDS_BIGENDIAN
	for (size_t i = 0; i < count; i++)
	{
		uint32		word;

		memcpy(&word, &weights[i], sizeof word);
		word = pg_bswap32(word);
		memcpy(bytes + i * sizeof word, &word, sizeof word);
	}
#else
	memcpy(bytes, weights, count * sizeof(float));
#endif
}

void
model_decode_weights(const char *bytes, size_t count, real *weights)
{
#ifdef WORDS_BIGENDIAN
	for (size_t i = 0; i < count; i++)
	{
		uint32		word;

		memcpy(&word, bytes + i * sizeof word, sizeof word);
		word = pg_bswap32(word);
		memcpy(&weights[i], &word, sizeof word);
	}
#else
	memcpy(weights, bytes, count * sizeof(float));
#endif
}

char *
model_definition_text(Jsonb *definition)
{
	char	   *text = JsonbToCString(NULL, &definition->root, VARSIZE(definition));

	return pg_server_to_any(text, (int) strlen(text), PG_UTF8);
}

uint64
model_fingerprint(Jsonb *definition, const real *weights, size_t count)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	char	   *text = model_definition_text(definition);
	char	   *part = palloc(LIMIT_WEIGHT_PART);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint64		fingerprint = 0;

	if (pg_cryptohash_init(hash) < 0 || pg_cryptohash_update(hash, (uint8 *) text, strlen(text) + 1) < 0)
		elog(ERROR, "could not compute a SHA-256");
	for (size_t done = 0; done < count; done += MODEL_PART_VALUES)
	{
		size_t		values = Min(MODEL_PART_VALUES, count - done);

		CHECK_FOR_INTERRUPTS();
		model_encode_weights(weights + done, values, part);
		if (pg_cryptohash_update(hash, (uint8 *) part, values * sizeof(float)) < 0)
			elog(ERROR, "could not compute a SHA-256");
	}
	if (pg_cryptohash_final(hash, digest, sizeof digest) < 0)
		elog(ERROR, "could not compute a SHA-256");
	pg_cryptohash_free(hash);
	pfree(part);
	pfree(text);
	for (int i = 0; i < 8; i++)
		fingerprint = fingerprint << 8 | digest[i];
	return fingerprint ? fingerprint : 1;	/* 0 means "unbound" in an embedding */
}

char *
model_fingerprint_text(uint64 fingerprint)
{
	return psprintf("%016llx", (unsigned long long) fingerprint);
}

uint64
model_fingerprint_parse(const char *text)
{
	char	   *end;
	uint64		fingerprint = strtoull(text, &end, 16);

	if (strlen(text) != 16 || *end != '\0' || fingerprint == 0)
		check_raise_damaged_model(psprintf("\"%s\" is not a fingerprint of 16 hexadecimal digits.", text));
	return fingerprint;
}

void
model_digest(const char *bytes, size_t length, uint8 *digest)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	bool		done = pg_cryptohash_init(hash) >= 0;

	for (size_t at = 0; done && at < length; at += LIMIT_WEIGHT_PART)
	{
		CHECK_FOR_INTERRUPTS();
		done = pg_cryptohash_update(hash, (const uint8 *) bytes + at, Min(LIMIT_WEIGHT_PART, length - at)) >= 0;
	}
	if (!done || pg_cryptohash_final(hash, digest, MODEL_DIGEST_BYTES) < 0)
		elog(ERROR, "could not compute a SHA-256");
	pg_cryptohash_free(hash);
}

void
model_store_weights(uint64 fingerprint, const real *weights, size_t count)
{
	Oid			types[3] = {TEXTOID, INT4OID, BYTEAOID};
	Datum		values[3];
	bytea	   *part = palloc(VARHDRSZ + LIMIT_WEIGHT_PART);
	SPIPlanPtr	plan = spi_prepare("INSERT INTO siamese.model_weights (fingerprint, part, weights) VALUES ($1, $2, $3)"
								   " ON CONFLICT DO NOTHING", 3, types);

	values[0] = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	values[2] = PointerGetDatum(part);
	for (size_t done = 0; done < count; done += MODEL_PART_VALUES)
	{
		size_t		part_values = Min(MODEL_PART_VALUES, count - done);

		CHECK_FOR_INTERRUPTS();
		model_encode_weights(weights + done, part_values, VARDATA(part));
		SET_VARSIZE(part, VARHDRSZ + part_values * sizeof(float));
		values[1] = Int32GetDatum((int32) (done / MODEL_PART_VALUES));
		if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not write weights");
	}
	SPI_freeplan(plan);
	pfree(part);
}

void
model_load_weights(uint64 fingerprint, real *weights, size_t count)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	size_t		done = 0;
	ModelCaller caller;
	SPIPlanPtr	plan;

	model_act_as_owner(&caller);
	plan = spi_prepare("SELECT weights FROM siamese.model_weights WHERE fingerprint OPERATOR(pg_catalog.=) $1"
					   " AND part OPERATOR(pg_catalog.=) $2", 2, types);
	values[0] = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	for (int part = 0; done < count; part++)
	{
		size_t		expected = Min(MODEL_PART_VALUES, count - done);
		bytea	   *bytes;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		values[1] = Int32GetDatum(part);
		if (SPI_execute_plan(plan, values, NULL, true, 1) != SPI_OK_SELECT)
			elog(ERROR, "could not read weights");
		if (SPI_processed == 0)
			check_raise_damaged_model(psprintf("Part %d of the weights of %016llx is missing.",
											   part, (unsigned long long) fingerprint));
		bytes = DatumGetByteaPP(spi_datum(1, &isnull));
		if (VARSIZE_ANY_EXHDR(bytes) != expected * sizeof(float))
			check_raise_damaged_model(psprintf("Part %d of the weights of %016llx has %zu bytes, not %zu.",
											   part, (unsigned long long) fingerprint,
											   (size_t) VARSIZE_ANY_EXHDR(bytes), expected * sizeof(float)));
		model_decode_weights(VARDATA_ANY(bytes), expected, weights + done);
		done += expected;
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freeplan(plan);
	model_act_as_caller(&caller);
}

real *
model_load_all_weights(uint64 fingerprint, size_t *count)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	ModelCaller user;
	bool		isnull;
	int64		bytes;
	real	   *weights;

	model_act_as_owner(&user);
	spi_read("SELECT pg_catalog.sum(pg_catalog.octet_length(weights)) FROM siamese.model_weights"
			 " WHERE fingerprint OPERATOR(pg_catalog.=) $1", 1, &type, &value, 1);
	bytes = DatumGetInt64(spi_datum(1, &isnull));
	model_act_as_caller(&user);
	if (isnull)
		check_raise_damaged_model(psprintf("The weights of %016llx are missing.", (unsigned long long) fingerprint));
	if (bytes / sizeof(float) > LIMIT_PARAMETERS)
		check_raise_damaged_model(psprintf("The weights of %016llx have %lld bytes.", (unsigned long long) fingerprint, (long long) bytes));
	MemoryContextSwitchTo(caller);
	*count = bytes / sizeof(float);
	weights = server_reals(*count);
	model_load_weights(fingerprint, weights, *count);
	return weights;
}
