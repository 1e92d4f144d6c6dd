/*
 * migrate_column.c: CALL siamese.migrate_column(target, source, destination, model): moves a column of embeddings to another
 * version of its model while the table is read and written; siamese.abandon_migration(target, destination) gives up.
 *
 * A second column, the shadow, is filled in batches (embed_table.c) while a trigger siamese.embed_on_write keeps it true, and
 * gets the same indexes.  One transaction then promotes the version, drops the old column and gives its name, and those of its
 * indexes, to the shadow.  The trigger marks what was begun: the next call goes on from there.
 *
 * Nothing that other sessions do is refused meanwhile, and each statement of theirs sees either the old column and the old
 * version or both new: it takes its snapshot after its lock on the table, and the promotion is committed before that is free.
 * References of persons that the call has samples of are made anew in the same transaction (remake_references.c).
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "common/spi.h"
#include "embedding/embedding.h"
#include "model/column_users.h"
#include "model/embed_table.h"
#include "model/migration.h"
#include "model/model.h"
#include "model/names.h"
#include "model/promote.h"
#include "model/remake_references.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/sql_samples.h"

#define ROWS_AT_ONCE 256
#define MOST_PASSES 20			/* over a table whose rows move into pages that were filled already */

/* ---- what can be migrated --------------------------------------------------------------------------------------------- */

static void
refuse(const ColumnMigration *migration, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("column \"%s\" of table %s cannot be migrated", migration->destination, migration->name),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

/* The old column is dropped in the end: what depends on it would be lost, or would hinder that after hours. */
static void
check_dependents(const ColumnMigration *migration)
{
	StringInfoData list;
	uint64		found = migration_catalog(migration,
									 "SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_catalog.pg_depend d"
									 " WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
									 " AND d.refobjid OPERATOR(pg_catalog.=) $1 AND d.refobjsubid OPERATOR(pg_catalog.=) $2"
									 " AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid OPERATOR(pg_catalog.=)"
									 " d.objid AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c"
									 " WHERE c.conindid OPERATOR(pg_catalog.=) i.indexrelid))"
									 " AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c"
									 " WHERE c.oid OPERATOR(pg_catalog.=) d.objid AND c.contype OPERATOR(pg_catalog.=) 'n')"
									 " UNION ALL SELECT 'the privileges of the column' FROM pg_catalog.pg_attribute a"
									 " WHERE a.attrelid OPERATOR(pg_catalog.=) $1 AND a.attnum OPERATOR(pg_catalog.=) $2"
									 " AND a.attacl IS NOT NULL", migration->destination);

	initStringInfo(&list);
	for (uint64 i = 0; i < found; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", migration_cell(i, 1));
	if (found > 0)
		refuse(migration, psprintf("It would be dropped with what depends on it: %s.", list.data),
			   "Drop that first and create it again afterwards, or add a column of your own and fill it with siamese.embed_table().");
}

static void
check_target(const ColumnMigration *migration)
{
	Relation	table = table_open(migration->table, AccessShareLock);
	AttrNumber	number = get_attnum(migration->table, migration->destination);

	if (!compat_owns_relation(migration->table))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, RelationGetRelationName(table));
	if (table->rd_rel->relkind != RELKIND_RELATION || table->rd_rel->relispartition || table->rd_rel->relhassubclass)
		refuse(migration, "It is not of a plain table: partitions and children have columns in common.",
			   "Add a column to the parent, fill it with siamese.embed_table() and rename the columns.");
	if (RelationUsesLocalBuffers(table))
		refuse(migration, "The table is temporary.", "UPDATE it.");
	if (number <= 0 || !embedding_is_type(getBaseType(get_atttype(migration->table, number))))
		refuse(migration, "There is no such column of type embedding.", "Its name is the third argument.");
	number = get_attnum(migration->table, migration->source);
	if (number <= 0 || !model_takes_type(migration->input_kind, get_atttype(migration->table, number)))
		refuse(migration, psprintf("There is no column \"%s\" of type %s.", migration->source,
								   model_sample_type_name(migration->input_kind)),
			   "The second argument is the name of the column of samples, as the model takes them.");
	table_close(table, AccessShareLock);
	check_dependents(migration);
}

/* ---- the shadow ------------------------------------------------------------------------------------------------------- */

/* The model of the trigger that a call before this one has made; NULL if there is none. */
static char *
begun_model(const ColumnMigration *migration)
{
	Oid			types[2] = {OIDOID, TEXTOID};
	Datum		values[2] = {ObjectIdGetDatum(migration->table), CStringGetTextDatum(migration->trigger)};
	bool		isnull;

	if (spi_execute("SELECT t.tgargs FROM " MODEL_EMBEDDING_TRIGGERS
					" WHERE t.tgrelid OPERATOR(pg_catalog.=) $1 AND t.tgname OPERATOR(pg_catalog.=) $2"
					" AND t.tgnargs OPERATOR(pg_catalog.=) 3", 2, types, values, SPI_OK_SELECT) == 0)
		return NULL;
	return pstrdup(model_trigger_argument(DatumGetByteaPP(spi_datum(1, &isnull)), 2));
}

static void
drop_shadow(const ColumnMigration *migration)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2] = {CStringGetTextDatum(migration->name), CStringGetTextDatum(migration->shadow)};

	migration_run(psprintf("DROP TRIGGER %s ON %s", quote_identifier(migration->trigger), migration->name));
	migration_run(psprintf("ALTER TABLE %s DROP COLUMN %s", migration->name, quote_identifier(migration->shadow)));
	spi_execute("DELETE FROM siamese.embedding_run WHERE target OPERATOR(pg_catalog.=) $1"
				" AND destination OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
}

/* The type of the column; where that states dimensions, those of the model. */
static char *
shadow_type(const ColumnMigration *migration)
{
	Oid			type;
	int32		modifier;
	Oid			collation;

	get_atttypetypmodcoll(migration->table, get_attnum(migration->table, migration->destination), &type, &modifier, &collation);
	if (modifier >= 0)
		return psprintf("%s(%d)", format_type_be_qualified(type), migration->dimensions);
	return format_type_be_qualified(type);
}

static char *
storage_of(const ColumnMigration *migration)
{
	if (migration_catalog(migration, "SELECT CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'm' THEN 'MAIN' WHEN 'e' THEN 'EXTERNAL'"
					 " ELSE 'EXTENDED' END FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) $1"
					 " AND attnum OPERATOR(pg_catalog.=) $2", migration->destination) != 1)
		elog(ERROR, "cache lookup failed for column \"%s\"", migration->destination);
	return migration_cell(0, 1);
}

/* Column and trigger in one transaction: each row that is written after it has both. */
static void
make_shadow(const ColumnMigration *migration)
{
	char	   *begun = begun_model(migration);

	if (begun != NULL && strcmp(begun, migration->model) == 0)
		return;
	if (begun != NULL)
	{
		ereport(NOTICE,
				(errmsg("the migration of column \"%s\" to \"%s\" is given up", migration->destination, begun)));
		drop_shadow(migration);
	}
	if (get_attnum(migration->table, migration->shadow) > 0)
		refuse(migration, psprintf("The table has a column \"%s\", which would be its shadow.", migration->shadow), "Rename that.");
	migration_run(psprintf("ALTER TABLE %s ADD COLUMN %s %s, ALTER COLUMN %s SET STORAGE %s", migration->name,
						 quote_identifier(migration->shadow), shadow_type(migration), quote_identifier(migration->shadow),
						 storage_of(migration)));
	migration_run(psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write(%s, %s, %s)",
						 quote_identifier(migration->trigger), migration->name, quote_literal_cstr(migration->source),
						 quote_literal_cstr(migration->shadow), quote_literal_cstr(migration->model)));
}

/* Rows of one snapshot that lack what the swap needs. */
static int64
count_rows(const ColumnMigration *migration, const char *condition)
{
	bool		isnull;

	spi_execute(psprintf("SELECT pg_catalog.count(*) FROM ONLY %s WHERE %s IS NULL AND %s", migration->name,
						 quote_identifier(migration->shadow), condition), 0, NULL, NULL, SPI_OK_SELECT);
	return DatumGetInt64(spi_datum(1, &isnull));
}

/*
 * Passes over the table until one snapshot shows no row without an embedding: rows that are written later have one by the
 * trigger, or kept theirs.  A pass may miss a row that an update has moved into a page which it has left behind.
 */
static void
fill_shadow(const ColumnMigration *migration)
{
	const char *waiting = psprintf("%s IS NOT NULL", quote_identifier(migration->source));
	const char *embedded = psprintf("%s IS NOT NULL", quote_identifier(migration->destination));
	int64		lost;

	for (int pass = 0;; pass++)
	{
		EmbedTableResult result;
		int64		left;

		embed_table(migration->table, migration->source, migration->shadow, migration->model, ROWS_AT_ONCE, &result);
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		left = count_rows(migration, waiting);
		SPI_commit();
		SPI_finish();
		if (left <= result.failed)
			break;
		if (pass == MOST_PASSES)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("rows of table %s change faster than they are embedded", migration->name),
					 errdetail("After %d passes %lld rows have no embedding by \"%s\".", pass + 1, (long long) left, migration->model),
					 errhint("Call siamese.migrate_column() again at a quieter time: it goes on.")));
	}
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	lost = count_rows(migration, embedded);
	if (lost > 0)
		refuse(migration, psprintf("%lld rows have an embedding in it, but no sample in \"%s\" that \"%s\" can embed.", (long long) lost,
								   migration->source, migration->model),
			   "Set the column NULL in these rows, or mend their samples, and call siamese.migrate_column() again: it goes on.");
	SPI_commit();
	SPI_finish();
}

/* ---- the swap ------------------------------------------------------------------------------------------------------------ */

static char *
check_name(const ColumnMigration *migration)
{
	return pstrdup(quote_identifier(makeObjectName("siamese_migration", migration->destination, "check")));
}

static bool
is_not_null(const ColumnMigration *migration)
{
	return migration_catalog(migration, "SELECT FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) $1"
						" AND attnum OPERATOR(pg_catalog.=) $2 AND attnotnull", migration->destination) > 0;
}

/* For a column that is NOT NULL: the scan which proves that is done here, where nobody waits for it. */
static void
prove_not_null(const ColumnMigration *migration)
{
	const char *check = check_name(migration);

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	if (is_not_null(migration))
	{
		if (migration_catalog(migration, psprintf("SELECT FROM pg_catalog.pg_constraint WHERE conrelid OPERATOR(pg_catalog.=) $1"
											 " AND conname OPERATOR(pg_catalog.=) %s AND $2 IS NOT NULL",
											 quote_literal_cstr(makeObjectName("siamese_migration", migration->destination, "check"))),
						 migration->destination) > 0)
			migration_run(psprintf("ALTER TABLE %s DROP CONSTRAINT %s", migration->name, check));
		migration_run(psprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", migration->name, check,
							 quote_identifier(migration->shadow)));
		SPI_commit();
		migration_run(psprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", migration->name, check));
	}
	/* the planner's statistics go with the column */
	SPI_commit();
	migration_run(psprintf("ANALYZE %s (%s)", migration->name, quote_identifier(migration->shadow)));
	SPI_commit();
	SPI_finish();
}

/* Triggers of the column that name a fixed version of the model get the new one; those with the plain name need nothing. */
static void
move_triggers(const ColumnMigration *migration)
{
	uint64		found = migration_catalog(migration,
									 "SELECT pg_catalog.pg_get_triggerdef(t.oid), t.tgargs, t.tgnargs, t.tgname, t.tgenabled"
									 " FROM " MODEL_EMBEDDING_TRIGGERS
									 " WHERE t.tgrelid OPERATOR(pg_catalog.=) $1 AND t.tgnargs OPERATOR(pg_catalog.=) 3 AND $2 IS NOT NULL", migration->destination);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < found; i++)
	{
		bool		isnull;
		const char *argument[3];
		bytea	   *arguments = DatumGetByteaPP(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull));
		char		plain[LIMIT_MODEL_NAME + 1];
		int			version;
		char	   *definition = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *trigger = SPI_getvalue(rows->vals[i], rows->tupdesc, 4);
		char	   *call = NULL;

		for (int k = 0; k < 3; k++)
			argument[k] = model_trigger_argument(arguments, k);
		if (strcmp(argument[1], migration->destination) != 0 || !model_try_parse_name(argument[2], plain, &version) || version == 0)
			continue;
		for (char *next = strstr(definition, " EXECUTE FUNCTION "); next != NULL; next = strstr(next + 1, " EXECUTE FUNCTION "))
			call = next;
		if (call == NULL)
			elog(ERROR, "unexpected definition of a trigger: %s", definition);
		*call = '\0';
		migration_run(psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger), migration->name));
		migration_run(psprintf("%s EXECUTE FUNCTION siamese.embed_on_write(%s, %s, %s)", definition, quote_literal_cstr(argument[0]),
							 quote_literal_cstr(argument[1]), quote_literal_cstr(migration->model)));
		if (SPI_getvalue(rows->vals[i], rows->tupdesc, 5)[0] != 'O')
			migration_run(psprintf("ALTER TABLE %s %s TRIGGER %s", migration->name,
								 SPI_getvalue(rows->vals[i], rows->tupdesc, 5)[0] == 'D' ? "DISABLE" :
								 SPI_getvalue(rows->vals[i], rows->tupdesc, 5)[0] == 'A' ? "ENABLE ALWAYS" : "ENABLE REPLICA",
								 quote_identifier(trigger)));
	}
}

/* Everybody who uses the table waits from the lock to the commit, for changes of catalogs alone. */
static PromotionResult
swap(const ColumnMigration *migration)
{
	const char *table = migration->name;
	const char *namespace = get_namespace_name(get_rel_namespace(migration->table));
	char	   *destination = pstrdup(quote_identifier(migration->destination));
	PromotionResult result = {.promoted = true, .in_use = ""};
	char	   *comment = NULL;
	bool		not_null;
	List	   *indexes;
	ListCell   *element;
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	remake_references(migration);
	/* whoever promotes a version has this lock, too, when it looks into the table's indexes */
	if (migration->promotes)
		model_lock_promotion(migration->plain);
	migration_lock_tables(migration);
	check_dependents(migration);
	indexes = migration_indexes(migration);
	not_null = is_not_null(migration);
	if (migration_catalog(migration, "SELECT pg_catalog.col_description($1, $2)", migration->destination) > 0)
		comment = migration_cell(0, 1);
	foreach(element, indexes)
	{
		const MigrationIndex *index = lfirst(element);
		Oid			built = get_relname_relid(index->shadow, get_rel_namespace(migration->table));

		if (!OidIsValid(built) || !get_index_isvalid(built))
			refuse(migration, psprintf("Index \"%s\" was created meanwhile.", index->name),
				   "Call siamese.migrate_column() again: it goes on.");
	}
	if (not_null)
		migration_run(psprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL, DROP CONSTRAINT %s", table,
							 quote_identifier(migration->shadow), check_name(migration)));
	migration_run(psprintf("DROP TRIGGER %s ON %s", quote_identifier(migration->trigger), table));
	migration_run(psprintf("ALTER TABLE %s DROP COLUMN %s", table, destination));
	migration_run(psprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", table, quote_identifier(migration->shadow), destination));
	foreach(element, indexes)
	{
		const MigrationIndex *index = lfirst(element);
		const char *name = quote_qualified_identifier(namespace, index->shadow);

		migration_run(psprintf("ALTER INDEX %s RENAME TO %s", name, quote_identifier(index->name)));
	}
	move_triggers(migration);
	if (comment != NULL)
		migration_run(psprintf("COMMENT ON COLUMN %s.%s IS %s", table, destination, quote_literal_cstr(comment)));
	values[0] = CStringGetTextDatum(migration->name);
	values[1] = CStringGetTextDatum(migration->shadow);
	spi_execute("DELETE FROM siamese.embedding_run WHERE target OPERATOR(pg_catalog.=) $1"
				" AND destination OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
	remake_apply(migration);
	if (migration->promotes)
		result = model_promote_version(migration->plain, migration->version, PROMOTE_ALWAYS, migration->table, migration->context);
	SPI_commit();
	SPI_finish();
	return result;
}

/* ---- the calls ----------------------------------------------------------------------------------------------------------- */

/* What belongs to the target and the destination; copies in the current context. */
static void
name_objects(ColumnMigration *migration, Oid table, text *destination)
{
	migration->context = CurrentMemoryContext;
	migration->table = table;
	if (get_rel_name(table) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no table with the OID %u", table)));
	migration->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
	migration->destination = text_to_cstring(destination);
	migration->shadow = makeObjectName(migration->destination, "migration", NULL);
	migration->trigger = makeObjectName("siamese_migration", migration->destination, NULL);
}

/* Which version, and whether the caller may promote it. */
static void
find_version(ColumnMigration *migration, const char *model)
{
	int			promoted = 0;
	uint64		fingerprint;
	const Model *loaded;
	Oid			type = TEXTOID;
	Datum		value;

	model_parse_name(model, migration->plain, &migration->version);
	fingerprint = model_find(migration->plain, &migration->version);
	migration->fingerprint = fingerprint;
	migration->model = psprintf("%s@%d", migration->plain, migration->version);
	loaded = model_by_name(migration->model);
	model_check_embeds(loaded);
	migration->dimensions = loaded->dimensions;
	migration->input_kind = loaded->definition->input_kind;
	value = CStringGetTextDatum(migration->plain);
	SPI_connect();
	if (spi_execute("SELECT FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 AND promoted_at IS NOT NULL LIMIT 1", 1, &type, &value,
					SPI_OK_SELECT) == 0)
		migration->promotes = true;
	SPI_finish();
	if (!migration->promotes)
		migration->promotes = model_find(migration->plain, &promoted) != fingerprint;
	if (!migration->promotes)
		return;
	SPI_connect();
	model_check_owner(migration->plain);
	SPI_finish();
}

/* One call at a time for a column: the lock that embed_table() takes, too. */
static LOCKTAG
lock_column(const ColumnMigration *migration, bool session)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, get_relname_relid("embedding_run", get_namespace_oid("siamese", false)),
					   migration->table, get_attnum(migration->table, migration->destination));
	if (LockAcquire(&tag, ExclusiveLock, session, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("column \"%s\" of %s is being filled by another session", migration->destination, migration->name),
				 errhint("siamese.embedding_progress shows its progress.")));
	return tag;
}

static void
report_references(const ColumnMigration *migration)
{
	SPI_connect();
	column_report_references(migration->plain, migration->model, migration->fingerprint);
	SPI_finish();
}

static PromotionResult
migrate(ColumnMigration *migration, Jsonb *samples)
{
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	check_target(migration);
	migration->references = remake_parse(migration, samples);
	make_shadow(migration);
	SPI_commit();
	SPI_finish();
	fill_shadow(migration);
	migration_build_indexes(migration);
	prove_not_null(migration);
	return swap(migration);
}

PG_FUNCTION_INFO_V1(siamese_migrate_column);

Datum
siamese_migrate_column(PG_FUNCTION_ARGS)
{
	MemoryContext outer = CurrentMemoryContext;
	ColumnMigration migration = {0};
	PromotionResult result;
	Jsonb	   *samples;
	LOCKTAG		tag;

	check_procedure_call(fcinfo, "migrate_column", "It commits as it goes.");
	if (SPI_inside_nonatomic_context())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("siamese.migrate_column() cannot run inside a procedure"),
				 errdetail("It creates indexes concurrently."),
				 errhint("CALL it by itself.")));
	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("no argument of siamese.migrate_column() but samples may be NULL")));
	MemoryContextSwitchTo(AllocSetContextCreate(PortalContext, "siamese migrate_column", ALLOCSET_DEFAULT_SIZES));
	name_objects(&migration, PG_GETARG_OID(0), PG_GETARG_TEXT_PP(2));
	migration.source = text_to_cstring(PG_GETARG_TEXT_PP(1));
	samples = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P_COPY(4);
	find_version(&migration, text_to_cstring(PG_GETARG_TEXT_PP(3)));
	tag = lock_column(&migration, true);
	PG_TRY();
	{
		result = migrate(&migration, samples);
	}
	PG_FINALLY();
	{
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	ereport(NOTICE,
			(errmsg("column \"%s\" of table %s has embeddings of \"%s\"", migration.destination, migration.name, migration.model)));
	if (migration.promotes)
		model_report_promotion(migration.plain, migration.version, &result);
	remake_report(&migration);
	report_references(&migration);
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(migration.context);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(siamese_abandon_migration);

Datum
siamese_abandon_migration(PG_FUNCTION_ARGS)
{
	ColumnMigration migration = {0};
	bool		begun;

	check_may_write("siamese.abandon_migration()");
	name_objects(&migration, PG_GETARG_OID(0), PG_GETARG_TEXT_PP(1));
	if (!compat_owns_relation(migration.table))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(migration.table));
	lock_column(&migration, false);
	SPI_connect();
	begun = begun_model(&migration) != NULL;
	if (begun)
		drop_shadow(&migration);
	SPI_finish();
	PG_RETURN_BOOL(begun);
}
