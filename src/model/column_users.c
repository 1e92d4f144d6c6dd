/*
 * column_users.c: what a new model of a column meets: indexes over its embeddings of another one, triggers that write those of another
 * one, and references that were made of them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "common/compat.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/column_users.h"
#include "model/names.h"
#include "model/row_lookup.h"
#include "model/stored_weights.h"

/*
 * Partial indexes are passed over, since their predicate may leave the rows of other models out; but for one that leaves out NULLs
 * alone, which all rows pass that get an embedding.
 */
void
column_check_indexes(Oid part, const char *source, const char *destination, const char *model, uint64 fingerprint)
{
	Oid			types[3] = {OIDOID, TEXTOID, TEXTOID};
	Datum		values[3] = {
		ObjectIdGetDatum(part), CStringGetTextDatum(destination), CStringGetTextDatum(model_fingerprint_text(fingerprint))
	};
	char	   *index;
	char	   *table;

	if (spi_execute("SELECT c.oid::pg_catalog.regclass::pg_catalog.text, i.indrelid::pg_catalog.regclass"
					" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid"
					" JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) c.relam"
					" WHERE i.indrelid OPERATOR(pg_catalog.=) $1 AND i.indisready AND pg_catalog.has_any_column_privilege(i.indrelid, 'SELECT')"
					" AND (i.indpred IS NULL OR pg_catalog.pg_get_expr(i.indpred, i.indrelid) OPERATOR(pg_catalog.=)"
					" pg_catalog.format('(%I IS NOT NULL)', $2))"
					" AND EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute t"
					" ON t.attrelid OPERATOR(pg_catalog.=) $1 AND t.attname OPERATOR(pg_catalog.=) $2"
					" AND d.refobjsubid OPERATOR(pg_catalog.=) t.attnum"
					" WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
					" AND d.objid OPERATOR(pg_catalog.=) c.oid"
					" AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
					" AND d.refobjid OPERATOR(pg_catalog.=) $1)"
					" AND CASE WHEN a.amname OPERATOR(pg_catalog.=) 'siamese' AND c.relkind OPERATOR(pg_catalog.=) 'i'"
					" THEN siamese.index_model(c.oid) OPERATOR(pg_catalog.<>) $3 ELSE false END"
					" ORDER BY c.relname USING OPERATOR(pg_catalog.<) LIMIT 1", 3, types, values, SPI_OK_SELECT) == 0)
		return;
	index = spi_text(1);
	table = spi_text(2);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index %s is in the way: it holds embeddings of another model than \"%s\"", index, model),
			 get_rel_relispartition(part)
			 ? errhint("Drop it, on the partitioned table if it belongs to one of that, CALL siamese.embed_table(...) again and create it anew.")
			 : errhint("CALL siamese.migrate_column(%s, %s, %s, 'name@version') moves the column with its indexes while the table is in use;"
					   " or DROP INDEX %s, CALL siamese.embed_table(...) again and create the index anew.",
					   quote_literal_cstr(table), quote_literal_cstr(source), quote_literal_cstr(destination), index)));
}

/* The fingerprint that a trigger's model means now; NULL if it means none that the user may read. */
static char *
fingerprint_of(const char *model)
{
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];

	if (!model_try_parse_name(model, plain, &version))
		return NULL;
	values[0] = CStringGetTextDatum(plain);
	values[1] = Int32GetDatum(version);
	return spi_read("SELECT fingerprint FROM " MODEL_ROW_OF_NAME, 2, types, values, 1) == 1 ? spi_text(1) : NULL;
}

void
column_warn_triggers(Oid table, const char *destination, const char *model, uint64 fingerprint)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(table);
	uint64		found = spi_execute("SELECT t.tgname, t.tgargs, t.tgnargs FROM " MODEL_EMBEDDING_TRIGGERS
									" WHERE t.tgrelid OPERATOR(pg_catalog.=) $1 AND t.tgenabled OPERATOR(pg_catalog.<>) 'D' AND t.tgnargs OPERATOR(pg_catalog.>=) 2"
									" ORDER BY 1 USING OPERATOR(pg_catalog.<)", 1, &type, &value, SPI_OK_SELECT);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < found; i++)
	{
		bool		isnull;
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		bytea	   *arguments = DatumGetByteaPP(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		const char *writes = model_trigger_model(arguments, DatumGetInt16(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull)));
		char	   *other;

		if (strcmp(model_trigger_argument(arguments, 1), destination) != 0)
			continue;
		other = fingerprint_of(writes);
		if (other != NULL && strcmp(other, model_fingerprint_text(fingerprint)) != 0)
			ereport(WARNING,
					(errmsg("trigger \"%s\" on table \"%s\" writes embeddings of another model", name, get_rel_name(table)),
					 errdetail("Its model is \"%s\", so rows that are written from now on do not get embeddings of \"%s\".", writes, model),
					 errhint("Make it name \"%s\", or SELECT siamese.promote(...) if it names the model without a version, and call"
							 " siamese.embed_table() again.", model)));
	}
}

/* How many references of a column have weights of the name but not these. */
static int64
count_references(const char *table, const char *column, const char *schema, const char *plain, uint64 fingerprint)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2] = {CStringGetTextDatum(plain), CStringGetTextDatum(model_fingerprint_text(fingerprint))};
	bool		isnull;

	spi_read(psprintf("SELECT pg_catalog.count(*) FROM %s WHERE %s.model(%s) OPERATOR(pg_catalog.=) ANY (SELECT m.fingerprint FROM siamese.model m"
					  " WHERE m.name OPERATOR(pg_catalog.=) $1 AND m.fingerprint OPERATOR(pg_catalog.<>) $2)", table, schema, column),
			 2, types, values, 1);
	return DatumGetInt64(spi_datum(1, &isnull));
}

void
column_report_references(const char *plain, const char *model, uint64 fingerprint)
{
	StringInfoData list;
	int64		total = 0;
	uint64		found = spi_read("SELECT " COLUMN_REFERENCES " ORDER BY 4 USING OPERATOR(pg_catalog.<)", 0, NULL, NULL, 0);
	SPITupleTable *rows = SPI_tuptable;

	initStringInfo(&list);
	for (uint64 i = 0; i < found; i++)
	{
		char	   *text[4];
		int64		count;

		for (int k = 0; k < 4; k++)
			text[k] = SPI_getvalue(rows->vals[i], rows->tupdesc, k + 1);
		count = count_references(text[0], text[1], text[2], plain, fingerprint);
		if (count > 0)
			appendStringInfo(&list, "%s%s (%lld)", total > 0 ? ", " : "", text[3], (long long) count);
		total += count;
	}
	if (total > 0)
		ereport(NOTICE,
				(errmsg("%lld references of persons are of other versions of \"%s\" and must be enrolled anew", (long long) total, plain),
				 errdetail("In columns of tables of yours: %s.", list.data),
				 errhint("Make them from their samples, reference(sample, '%s'); verify() of such a reference and an embedding of \"%s\" is an"
						 " error until then.", model, model)));
}
