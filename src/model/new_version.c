/*
 * new_version.c: the row of a version that was imported.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "common/spi.h"
#include "model/new_version.h"
#include "model/stored_weights.h"

int
model_insert_version(const NewVersion *version, const char *name, const char *owner)
{
	Oid			types[12] = {TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, INT4OID, INT8OID, INT4OID, INT4OID, JSONBOID, JSONBOID,
		TEXTOID};
	Datum		values[12];

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(version->network);
	values[2] = CStringGetTextDatum(model_fingerprint_text(version->fingerprint));
	values[3] = JsonbPGetDatum(version->definition);
	values[4] = CStringGetTextDatum(version->metric);
	values[5] = Int32GetDatum(version->dimensions);
	values[6] = Int64GetDatum(version->seed);
	values[7] = Int32GetDatum(version->epochs);
	values[8] = Int32GetDatum(version->threads);
	values[9] = JsonbPGetDatum(version->scores);
	/* a parameter of spi_execute() cannot be NULL */
	values[10] = version->calibration != NULL ? JsonbPGetDatum(version->calibration)
		: DirectFunctionCall1(jsonb_in, CStringGetDatum("null"));
	values[11] = CStringGetTextDatum(owner);
	spi_execute("INSERT INTO siamese.model (name, version, network, fingerprint, definition, metric, dimensions,"
				" seed, epochs, threads, scores, calibration, created_by, finished_at, promoted_at)"
				" SELECT $1, coalesce(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, $2, $3, $4,"
				" CASE WHEN $5 OPERATOR(pg_catalog.<>) '' THEN $5 END, CASE WHEN $6 OPERATOR(pg_catalog.>) 0 THEN $6 END,"
				" $7, $8, $9, $10, CASE WHEN pg_catalog.jsonb_extract_path_text($4, 'kind') IS DISTINCT FROM 'tracker'"
				" AND pg_catalog.jsonb_typeof($11) OPERATOR(pg_catalog.<>) 'null' THEN $11 END,"
				" $12, pg_catalog.now(), NULL"
				" FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 RETURNING version",
				12, types, values, SPI_OK_INSERT_RETURNING);
	return spi_int(1);
}
