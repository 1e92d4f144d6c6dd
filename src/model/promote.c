/*
 * promote.c: siamese.promote(model), and whether a new version becomes the one that its name means.
 *
 * The name alone means the finished version that was promoted last: the greatest promoted_at.  So a version that is dropped
 * leaves the name to the one before it, and what says so are the rows themselves, in dumps, on replicas and for subscribers.
 *
 * A version with other weights breaks what is in use with those before: an index over their embeddings refuses each query and
 * each row of the new one, and a trigger that names the model begins to write rows that compare with none before.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/names.h"
#include "model/promote.h"
#include "model/rights.h"
#include "model/row_lookup.h"

#define MOST_NAMED 10			/* indexes and triggers in a message */

/* ---- what is in use ------------------------------------------------------------------------------------------------- */

static void
add_name(StringInfo list, int *count, const char *text)
{
	if ((*count)++ < MOST_NAMED)
		appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", text);
}

/* Indexes with embeddings of these weights. */
static void
add_indexes(StringInfo list, int *count, const char *fingerprint)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(fingerprint);
	uint64		found;

	found = spi_execute("SELECT i.indexrelid::pg_catalog.regclass::pg_catalog.text, i.indrelid::pg_catalog.regclass::pg_catalog.text"
						" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid"
						" JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) c.relam"
						" WHERE CASE WHEN a.amname OPERATOR(pg_catalog.=) 'siamese' AND c.relkind OPERATOR(pg_catalog.=) 'i'"
						" THEN siamese.index_model(c.oid) OPERATOR(pg_catalog.=) $1 ELSE false END ORDER BY 1 USING"
						" OPERATOR(pg_catalog.<)", 1, &type, &value, SPI_OK_SELECT);
	for (uint64 i = 0; i < found; i++)
		add_name(list, count, psprintf("index %s on table %s", SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1),
									   SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2)));
}

/* Whether a trigger's model is the plain name. */
static bool
names_model(bytea *arguments, int count, const char *name)
{
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;

	return model_try_parse_name(model_trigger_model(arguments, count), plain, &version) && version == 0 && strcmp(plain, name) == 0;
}

static void
add_triggers(StringInfo list, int *count, const char *name, Oid migrated)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(migrated);
	uint64		found;

	found = spi_execute("SELECT t.tgname, t.tgrelid::pg_catalog.regclass::pg_catalog.text, t.tgargs, t.tgnargs"
						" FROM " MODEL_EMBEDDING_TRIGGERS " WHERE t.tgrelid OPERATOR(pg_catalog.<>) $1"
						" AND t.tgenabled OPERATOR(pg_catalog.<>) 'D' AND t.tgparentid OPERATOR(pg_catalog.=) 0"
						" ORDER BY 2 USING OPERATOR(pg_catalog.<), 1 USING OPERATOR(pg_catalog.<)",
						1, &type, &value, SPI_OK_SELECT);
	for (uint64 i = 0; i < found; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		bool		isnull;
		Datum		arguments = SPI_getbinval(row, SPI_tuptable->tupdesc, 3, &isnull);
		int			count_of = DatumGetInt16(SPI_getbinval(row, SPI_tuptable->tupdesc, 4, &isnull));

		if (names_model(DatumGetByteaPP(arguments), count_of, name))
			add_name(list, count, psprintf("trigger %s on table %s", SPI_getvalue(row, SPI_tuptable->tupdesc, 1),
										   SPI_getvalue(row, SPI_tuptable->tupdesc, 2)));
	}
}

/* As the tables' owner; in the given context. */
static char *
find_in_use(const char *name, const char *fingerprint, Oid migrated, MemoryContext context)
{
	StringInfoData list;
	int			count = 0;

	initStringInfo(&list);
	add_indexes(&list, &count, fingerprint);
	add_triggers(&list, &count, name, migrated);
	if (count > MOST_NAMED)
		appendStringInfo(&list, " and %d more", count - MOST_NAMED);
	return MemoryContextStrdup(context, list.data);
}

/* ---- promoting ------------------------------------------------------------------------------------------------------ */

/* The version that the name means now and its fingerprint, NULL if there is none; as the tables' owner. */
static char *
read_promoted(const char *name, int *version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(name), Int32GetDatum(0)};

	*version = 0;
	if (spi_execute("SELECT version, fingerprint FROM " MODEL_ROW_OF_NAME, 2, types, values, SPI_OK_SELECT) == 0)
		return NULL;
	*version = spi_int(1);
	return spi_text(2);
}

/* Later than every other version of the name, also where the clock was set back. */
static void
write_promoted(const char *name, int version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(name), Int32GetDatum(version)};

	spi_execute("UPDATE siamese.model SET promoted_at = (SELECT greatest(pg_catalog.clock_timestamp(),"
				" pg_catalog.max(o.promoted_at) OPERATOR(pg_catalog.+) '1 microsecond'::pg_catalog.interval)"
				" FROM siamese.model o WHERE o.name OPERATOR(pg_catalog.=) $1 AND o.version OPERATOR(pg_catalog.<>) $2)"
				" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_UPDATE);
}

/* Raises unless the version exists and is finished; as the tables' owner. */
static char *
read_fingerprint(const char *name, int version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(name), Int32GetDatum(version)};
	bool		unfinished;

	if (spi_execute("SELECT fingerprint, finished_at FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
					" AND version OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE", 2, types, values, SPI_OK_SELECT) == 0)
		model_raise_missing(name, version);
	spi_datum(2, &unfinished);
	if (unfinished)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" is not finished", version, name),
				 errhint("CALL siamese.resume('%s@%d') continues its training.", name, version)));
	return spi_text(1);
}

PromotionResult
model_promote_version(const char *name, int version, Promotion promotion, Oid migrated, MemoryContext context)
{
	PromotionResult result = {.in_use = ""};
	ModelCaller caller;
	char	   *fingerprint;
	char	   *meant;
	bool		same;

	model_lock_promotion(name);
	model_act_as_owner(&caller);
	fingerprint = read_fingerprint(name, version);
	meant = read_promoted(name, &result.before);
	same = meant != NULL && strcmp(meant, fingerprint) == 0;
	if (meant != NULL && !same)
		result.in_use = find_in_use(name, meant, migrated, context);
	result.promoted = promotion == PROMOTE_ALWAYS ||
		(promotion == PROMOTE_SAME_WEIGHTS && (same || meant == NULL)) ||
		(promotion == PROMOTE_IF_HARMLESS && result.in_use[0] == '\0');
	if (result.promoted)
		write_promoted(name, version);
	model_act_as_caller(&caller);
	return result;
}

void
model_report_promotion(const char *name, int version, const PromotionResult *result)
{
	if (result->promoted && result->in_use[0] == '\0')
		return;
	if (result->promoted)
		ereport(NOTICE,
				(errmsg("\"%s\" means version %d from now on, but version %d is in use", name, version, result->before),
				 errdetail("With version %d: %s.", result->before, result->in_use),
				 errhint("Queries that name \"%s\" fail there until the column is embedded again; SELECT siamese.promote('%s@%d') goes"
						 " back.", name, name, result->before)));
	else if (result->before == 0)
		ereport(NOTICE,
				(errmsg("version %d of model \"%s\" was not promoted: no version has the name alone", version, name),
				 errhint("SELECT siamese.promote('%s@%d') makes the name mean it.", name, version)));
	else
		ereport(NOTICE,
				(errmsg("version %d of model \"%s\" was not promoted: the name still means version %d", version, name, result->before),
				 result->in_use[0] == '\0' ? 0 : errdetail("In use with version %d: %s.", result->before, result->in_use),
				 result->in_use[0] == '\0' ? errhint("SELECT siamese.promote('%s@%d') makes the name mean it.", name, version)
				 : errhint("CALL siamese.migrate_column(table, source, destination, '%s@%d') moves a column with its indexes and"
						   " promotes the version; SELECT siamese.promote('%s@%d') promotes it at once.", name, version, name, version)));
}

PG_FUNCTION_INFO_V1(siamese_promote);

Datum
siamese_promote(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char		name[LIMIT_MODEL_NAME + 1];
	int			version;
	PromotionResult result;

	check_may_write("siamese.promote()");
	model_parse_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), name, &version);
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("no version is named: \"%s\"", name),
				 errhint("Write name@version, for example \"%s@3\": the one that \"%s\" shall mean.", name, name)));
	SPI_connect();
	model_check_owner(name);
	result = model_promote_version(name, version, PROMOTE_ALWAYS, InvalidOid, context);
	SPI_finish();
	model_report_promotion(name, version, &result);
	if (result.before == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s@%d", name, result.before)));
}
