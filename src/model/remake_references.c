/*
 * remake_references.c: references of persons, made anew of their samples while a column of embeddings is migrated.
 *
 * That takes as long as embedding the samples does, so it is done before any lock: for each reference of another version a temporary
 * table gets the person's key, the reference as it was and the new one.  Whoever is enrolled anew meanwhile has another reference
 * than noted there: such persons are done again, the last few of them under the locks of the swap, which then writes all of it.
 *
 * The samples are the caller's query, which may only read, with the caller's rights; tables of references are the caller's own.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "common/compat.h"
#include "common/read_query.h"
#include "common/spi.h"
#include "model/column_users.h"
#include "model/remake_references.h"
#include "model/sql_samples.h"
#include "model/stored_weights.h"

#define MOST_NAMED 10			/* persons without a sample, in a message */
#define MOST_PASSES 5
#define FEW_PERSONS 10			/* are left to the locks */

static const ReadQuery form = {
	.name = "samples",
	.hint = "It must return the primary key of the references' table, and a sample."
};

/* ---- pieces of statements -------------------------------------------------------------------------------------------- */

/*
 * An item for each key, by a form in which @ is the key's column, # its number and ~ its operator of equality.  The table of
 * references is c, and has the columns; in everything else the keys are k1, k2 ...
 */
static char *
each_key(const PersonReferences *references, const char *separator, const char *form)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < list_length(references->keys); i++)
	{
		const PersonKey *key = list_nth(references->keys, i);

		if (i > 0)
			appendStringInfoString(&text, separator);
		for (const char *at = form; *at != '\0'; at++)
		{
			if (*at == '@')
				appendStringInfoString(&text, key->column);
			else if (*at == '~')
				appendStringInfoString(&text, key->equal);
			else if (*at == '#')
				appendStringInfo(&text, "%d", i + 1);
			else
				appendStringInfoChar(&text, *at);
		}
	}
	return text.data;
}

/* "(SELECT ...)" with k1, k2 ..., sample and its place n in the order of the user's query. */
static char *
samples_of(const PersonReferences *references)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "(SELECT ");
	for (int i = 0; i < list_length(references->keys); i++)
	{
		const PersonKey *key = list_nth(references->keys, i);

		appendStringInfo(&text, "CAST(q.k%d AS %s)%s AS k%d, ", i + 1, key->type_name, key->collate, i + 1);
	}
	appendStringInfo(&text, "q.sample, pg_catalog.row_number() OVER () AS n FROM (\n%s\n) q(%s, sample))", references->query,
					 each_key(references, ", ", "k#"));
	return text.data;
}

/* ---- what the call asks for ------------------------------------------------------------------------------------------- */

/* Relation and column of "table.column" or "schema.table.column". */
static Oid
find_table(const char *name, char **column)
{
	List	   *parts = textToQualifiedNameList(cstring_to_text(name));

	if (list_length(parts) < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" is not a column of a table", name),
				 errhint("Each key of the samples is table.column, such as \"customer.signature\"; its value is a query.")));
	*column = strVal(llast(parts));
	parts = list_truncate(parts, list_length(parts) - 1);
	return RangeVarGetRelid(makeRangeVarFromNameList(parts), AccessShareLock, false);
}

static void
find_keys(PersonReferences *references)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(references->table);
	uint64		found;

	found = spi_read("SELECT pg_catalog.quote_ident(a.attname), a.atttypid, pg_catalog.format('OPERATOR(%I.%s)', s.nspname, p.oprname),"
					 " CASE WHEN l.oid IS NOT NULL THEN pg_catalog.format(' COLLATE %I.%I', ls.nspname, l.collname) ELSE '' END,"
					 " i.indnkeyatts::pg_catalog.int4"
					 " FROM pg_catalog.pg_index i CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY k(number, n)"
					 " JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid AND a.attnum OPERATOR(pg_catalog.=) k.number"
					 " JOIN pg_catalog.pg_opclass o ON o.oid OPERATOR(pg_catalog.=) i.indclass[k.n OPERATOR(pg_catalog.-) 1]"
					 " JOIN pg_catalog.pg_am y ON y.oid OPERATOR(pg_catalog.=) o.opcmethod AND y.amname OPERATOR(pg_catalog.=) 'btree'"
					 " JOIN pg_catalog.pg_amop m ON m.amopfamily OPERATOR(pg_catalog.=) o.opcfamily AND m.amoplefttype OPERATOR(pg_catalog.=) o.opcintype"
					 " AND m.amoprighttype OPERATOR(pg_catalog.=) o.opcintype AND m.amopstrategy OPERATOR(pg_catalog.=) 3"
					 " JOIN pg_catalog.pg_operator p ON p.oid OPERATOR(pg_catalog.=) m.amopopr"
					 " JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) p.oprnamespace"
					 " LEFT JOIN pg_catalog.pg_collation l ON l.oid OPERATOR(pg_catalog.=) a.attcollation"
					 " LEFT JOIN pg_catalog.pg_namespace ls ON ls.oid OPERATOR(pg_catalog.=) l.collnamespace"
					 " WHERE i.indrelid OPERATOR(pg_catalog.=) $1 AND i.indisprimary AND k.n OPERATOR(pg_catalog.<=) i.indnkeyatts"
					 " ORDER BY k.n USING OPERATOR(pg_catalog.<)", 1, &type, &value, 0);
	for (uint64 i = 0; i < found; i++)
	{
		SPITupleTable *rows = SPI_tuptable;
		bool		isnull;
		PersonKey  *key = palloc(sizeof(PersonKey));

		key->column = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		key->type = getBaseType(DatumGetObjectId(spi_datum_of(i, 2, &isnull)));
		key->equal = SPI_getvalue(rows->vals[i], rows->tupdesc, 3);
		key->type_name = format_type_be_qualified(key->type);
		key->collate = SPI_getvalue(rows->vals[i], rows->tupdesc, 4);
		references->keys = lappend(references->keys, key);
	}
	if (found == 0 || found != (uint64) spi_int(5))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s has no primary key", get_rel_name(references->table)),
				 errdetail("The samples' query tells by it whose they are."),
				 errhint("ALTER TABLE ... ADD PRIMARY KEY, or make the references of %s by UPDATE.", references->name)));
}

/* The query without a semicolon at its end: it becomes a part of another. */
static char *
trimmed(char *query)
{
	Size		length = strlen(query);

	while (length > 0 && strchr("; \t\r\n", query[length - 1]) != NULL)
		length--;
	query[length] = '\0';
	return query;
}

typedef struct QueryCheck
{
	const ColumnMigration *migration;
	const PersonReferences *references;
} QueryCheck;

static void
check_columns(void *argument, TupleDesc descriptor)
{
	const QueryCheck *check = argument;
	const PersonReferences *references = check->references;
	int			keys = list_length(references->keys);
	Oid			sample;

	if (descriptor->natts != keys + 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg_plural("the samples' query returns %d column", "the samples' query returns %d columns",
							   descriptor->natts, descriptor->natts),
				 errdetail("For %s it must return (%s, sample).", references->name, each_key(references, ", ", "@"))));
	for (int i = 0; i < keys; i++)
	{
		const PersonKey *key = list_nth(references->keys, i);
		Oid			type = TupleDescAttr(descriptor, i)->atttypid;

		if (!can_coerce_type(1, &type, (Oid *) &key->type, COERCION_IMPLICIT))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column %d of the samples' query is of type %s, not %s", i + 1, format_type_be(type), format_type_be(key->type)),
					 errdetail("For %s it must return (%s, sample).", references->name, each_key(references, ", ", "@"))));
	}
	sample = TupleDescAttr(descriptor, keys)->atttypid;
	if (!model_takes_type(check->migration->input_kind, sample))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column %d of the samples' query is of type %s, not %s", keys + 1, format_type_be(sample),
						model_sample_type_name(check->migration->input_kind)),
				 errdetail("It must be what model \"%s\" embeds.", check->migration->model)));
}

static void
any_columns(void *argument, TupleDesc descriptor)
{
}

/* A query that names other things than persons would give a person the samples of another: one key too many is an error. */
static void
raise_unknown(void *argument, HeapTuple tuple, TupleDesc descriptor)
{
	const PersonReferences *references = argument;

	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("the samples' query returns a person whom table %s has not", get_rel_name(references->table)),
			 errdetail("Key (%s)=(%s) is not in it.", each_key(references, ", ", "@"), SPI_getvalue(tuple, descriptor, 1)),
			 errhint("It must return the primary key of that table; leave other persons out, by a join with it.")));
}

static void
check_query(const ColumnMigration *migration, PersonReferences *references)
{
	QueryCheck	check = {migration, references};

	read_query(&form, references->query, check_columns, NULL, &check);
	read_query(&form, psprintf("SELECT pg_catalog.concat_ws(', ', %s) FROM %s s WHERE (%s) IS NOT NULL AND s.sample IS NOT NULL"
							   " AND NOT EXISTS (SELECT FROM %s c WHERE %s) LIMIT 1", each_key(references, ", ", "s.k#"),
							   samples_of(references), each_key(references, ", ", "s.k#"), references->relation,
							   each_key(references, " AND ", "c.@ ~ s.k#")),
			   any_columns, raise_unknown, references);
}

static PersonReferences *
parse_one(const ColumnMigration *migration, const char *name, char *query, int number)
{
	PersonReferences *references = palloc0(sizeof(PersonReferences));
	char	   *column;
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2];

	references->table = find_table(name, &column);
	values[0] = ObjectIdGetDatum(references->table);
	values[1] = CStringGetTextDatum(column);
	if (spi_read("SELECT " COLUMN_REFERENCES " AND c.oid OPERATOR(pg_catalog.=) $1 AND a.attname OPERATOR(pg_catalog.=) $2::pg_catalog.name",
				 2, types, values, 1) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is no column of references in a table of yours", name),
				 errdetail("It must be of type reference, not of a partition, a view or a temporary table, and you must have the rights of"
						   " the table's owner.")));
	references->relation = spi_text(1);
	references->column = spi_text(2);
	references->schema = spi_text(3);
	references->name = spi_text(4);
	references->query = trimmed(query);
	references->work = psprintf("pg_temp.siamese_remade_%d", number);
	find_keys(references);
	check_query(migration, references);
	return references;
}

/* A copy in the current context: SPI's functions change to that of the connection. */
static PersonReferences *
copy_references(const PersonReferences *parsed)
{
	PersonReferences *references = palloc(sizeof(PersonReferences));
	ListCell   *element;

	*references = *parsed;
	references->name = pstrdup(parsed->name);
	references->relation = pstrdup(parsed->relation);
	references->column = pstrdup(parsed->column);
	references->schema = pstrdup(parsed->schema);
	references->query = pstrdup(parsed->query);
	references->work = pstrdup(parsed->work);
	references->keys = NIL;
	foreach(element, parsed->keys)
	{
		PersonKey  *key = palloc(sizeof(PersonKey));

		*key = *(PersonKey *) lfirst(element);
		key->column = pstrdup(key->column);
		key->type_name = pstrdup(key->type_name);
		key->collate = pstrdup(key->collate);
		key->equal = pstrdup(key->equal);
		references->keys = lappend(references->keys, key);
	}
	return references;
}

List *
remake_parse(const ColumnMigration *migration, Jsonb *samples)
{
	Oid			type = JSONBOID;
	Datum		value = JsonbPGetDatum(samples);
	List	   *list = NIL;
	uint64		found;
	SPITupleTable *rows;

	if (samples == NULL)
		return NIL;
	if (!JB_ROOT_IS_OBJECT(samples))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the samples are not an object"),
				 errhint("Write {\"table.column\": \"SELECT key, sample FROM ...\"}.")));
	found = spi_read("SELECT e.key, CASE pg_catalog.jsonb_typeof(e.value) WHEN 'string' THEN e.value OPERATOR(pg_catalog.#>>) '{}' END"
					 " FROM pg_catalog.jsonb_each($1) e ORDER BY e.key USING OPERATOR(pg_catalog.<)", 1, &type, &value, 0);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < found; i++)
	{
		PersonReferences *references;
		MemoryContext caller;
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *query = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);

		if (query == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the samples of %s are not a query", name),
					 errhint("Write {\"table.column\": \"SELECT key, sample FROM ...\"}.")));
		references = parse_one(migration, name, query, (int) i + 1);
		caller = MemoryContextSwitchTo(migration->context);
		list = lappend(list, copy_references(references));
		MemoryContextSwitchTo(caller);
	}
	return list;
}

/* ---- making them --------------------------------------------------------------------------------------------------------- */

static void
create_work(const PersonReferences *references)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "CREATE TEMPORARY TABLE %s (", strchr(references->work, '.') + 1);
	for (int i = 0; i < list_length(references->keys); i++)
	{
		const PersonKey *key = list_nth(references->keys, i);

		appendStringInfo(&text, "k%d %s%s, ", i + 1, key->type_name, key->collate);
	}
	appendStringInfo(&text, "place pg_catalog.tid, writer pg_catalog.xid, before %s.reference, made %s.reference,"
					 " waiting pg_catalog.bool, PRIMARY KEY (%s)) ON COMMIT DROP",
					 references->schema, references->schema, each_key(references, ", ", "k#"));
	migration_run(text.data);
}

/* Notes the persons whose references are of another version, and not noted as they are now; returns how many. */
static uint64
note_persons(const ColumnMigration *migration, const PersonReferences *references)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2] = {
		CStringGetTextDatum(migration->plain), CStringGetTextDatum(model_fingerprint_text(migration->fingerprint))
	};
	const char *person = each_key(references, " AND ", "c.@ ~ w.k#");

	/* an update of other columns moves the row but leaves the reference */
	spi_execute(psprintf("DELETE FROM %s w WHERE NOT EXISTS (SELECT FROM %s c WHERE %s AND (c.ctid OPERATOR(pg_catalog.=) w.place"
						 " AND c.xmin OPERATOR(pg_catalog.=) w.writer OR pg_catalog.record_image_eq(ROW(c.%s), ROW(w.before))))",
						 references->work, references->relation, person, references->column), 0, NULL, NULL, SPI_OK_DELETE);
	/* OFFSET: references that are noted already are not read */
	return spi_execute(psprintf("INSERT INTO %s SELECT p.*, NULL, true FROM (SELECT %s, c.ctid, c.xmin, c.%s AS before FROM %s c"
								" WHERE NOT EXISTS (SELECT FROM %s w WHERE %s) OFFSET 0) p"
								" WHERE %s.model(p.before) OPERATOR(pg_catalog.=) ANY (SELECT m.fingerprint FROM siamese.model m"
								" WHERE m.name OPERATOR(pg_catalog.=) $1 AND m.fingerprint OPERATOR(pg_catalog.<>) $2)",
								references->work, each_key(references, ", ", "c.@ AS k#"), references->column, references->relation,
								references->work, person, references->schema), 2, types, values, SPI_OK_INSERT);
}

static void
add_context(void *argument)
{
	errcontext("making the references %s anew", ((const PersonReferences *) argument)->name);
}

/* For the persons who are not noted as they are now; returns how many those are.  As many samples count as in the reference before. */
static uint64
make_references(const ColumnMigration *migration, PersonReferences *references)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = add_context, .arg = references};
	uint64		waiting = note_persons(migration, references);

	if (waiting == 0)
		return 0;
	error_context_stack = &callback;
	read_query_into(psprintf("UPDATE %s w SET made = r.made FROM (SELECT %s, %s.reference(s.sample, %s, t.size ORDER BY s.n) AS made"
							 " FROM %s s JOIN (SELECT w.*, pg_catalog.substring(w.before::pg_catalog.text, '^[^/]*/([0-9]+)')"
							 "::pg_catalog.int4 AS size FROM %s w WHERE w.waiting) t ON %s GROUP BY %s, t.size) r WHERE %s",
							 references->work, each_key(references, ", ", "s.k#"), references->schema,
							 quote_literal_cstr(migration->model), samples_of(references), references->work,
							 each_key(references, " AND ", "s.k# ~ t.k#"), each_key(references, ", ", "s.k#"),
							 each_key(references, " AND ", "w.k# ~ r.k#")), SPI_OK_UPDATE);
	error_context_stack = callback.previous;
	spi_execute(psprintf("UPDATE %s SET waiting = false WHERE waiting", references->work), 0, NULL, NULL, SPI_OK_UPDATE);
	return waiting;
}

void
remake_references(const ColumnMigration *migration)
{
	ListCell   *element;

	foreach(element, migration->references)
		create_work(lfirst(element));
	for (int pass = 0; pass < MOST_PASSES; pass++)
	{
		uint64		waiting = 0;

		foreach(element, migration->references)
		{
			PersonReferences *references = lfirst(element);

			waiting += make_references(migration, references);
			migration_run(psprintf("ANALYZE %s", references->work));
		}
		if (waiting <= FEW_PERSONS)
			break;
	}
}

/* ---- into their tables ------------------------------------------------------------------------------------------------- */

static void
note_left(const ColumnMigration *migration, PersonReferences *references)
{
	StringInfoData list;
	MemoryContext caller;

	references->left = (int64) spi_execute(psprintf("SELECT pg_catalog.concat_ws(', ', %s) FROM %s w WHERE w.made IS NULL ORDER BY %s",
													each_key(references, ", ", "w.k#"), references->work,
													each_key(references, ", ", "w.k#")), 0, NULL, NULL, SPI_OK_SELECT);
	caller = MemoryContextSwitchTo(migration->context);
	initStringInfo(&list);
	for (int64 i = 0; i < Min(references->left, MOST_NAMED); i++)
		appendStringInfo(&list, "%s%s%s%s", i > 0 ? ", " : "", list_length(references->keys) > 1 ? "(" : "", migration_cell(i, 1),
						 list_length(references->keys) > 1 ? ")" : "");
	if (references->left > MOST_NAMED)
		appendStringInfo(&list, " and %lld more", (long long) references->left - MOST_NAMED);
	references->left_keys = list.data;
	MemoryContextSwitchTo(caller);
}

void
remake_apply(const ColumnMigration *migration)
{
	ListCell   *element;

	foreach(element, migration->references)
	{
		PersonReferences *references = lfirst(element);

		make_references(migration, references);
		references->made = (int64) spi_execute(psprintf("UPDATE %s c SET %s = w.made FROM %s w WHERE %s AND w.made IS NOT NULL",
														references->relation, references->column, references->work,
														each_key(references, " AND ", "c.@ ~ w.k#")), 0, NULL, NULL, SPI_OK_UPDATE);
		note_left(migration, references);
	}
}

void
remake_report(const ColumnMigration *migration)
{
	ListCell   *element;

	foreach(element, migration->references)
	{
		const PersonReferences *references = lfirst(element);

		ereport(NOTICE,
				(errmsg_plural("%lld reference %s was made anew by \"%s\"", "%lld references %s were made anew by \"%s\"",
							   references->made, (long long) references->made, references->name, migration->model)));
		if (references->left > 0)
			ereport(NOTICE,
					(errmsg_plural("%lld reference %s was left as it was: there is no sample",
								   "%lld references %s were left as they were: there is no sample",
								   references->left, (long long) references->left, references->name),
					 errdetail("Of (%s): %s.", each_key(references, ", ", "@"), references->left_keys)));
	}
}
