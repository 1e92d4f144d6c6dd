/*
 * migrate_indexes.c: the indexes of a column that is migrated, built anew over its shadow.
 */
#include "postgres.h"

#include "access/attmap.h"
#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "parser/parse_utilcmd.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "common/spi.h"
#include "model/migration.h"

List *
migration_indexes(const ColumnMigration *migration)
{
	List	   *list = NIL;
	uint64		found = migration_catalog(migration,
									 "SELECT DISTINCT c.oid, c.relname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c"
									 " ON c.oid OPERATOR(pg_catalog.=) d.objid JOIN pg_catalog.pg_index i"
									 " ON i.indexrelid OPERATOR(pg_catalog.=) c.oid"
									 " WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
									 " AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
									 " AND d.refobjid OPERATOR(pg_catalog.=) $1 AND d.refobjsubid OPERATOR(pg_catalog.=) $2"
									 " AND i.indisvalid", migration->destination);
	MemoryContext caller = MemoryContextSwitchTo(migration->context);

	for (uint64 i = 0; i < found; i++)
	{
		MigrationIndex *index = palloc(sizeof(MigrationIndex));
		bool		isnull;

		index->old = DatumGetObjectId(spi_datum_of(i, 1, &isnull));
		index->name = migration_cell(i, 2);
		index->shadow = makeObjectName(index->name, "migration", NULL);
		list = lappend(list, index);
	}
	MemoryContextSwitchTo(caller);
	return list;
}

/* CREATE INDEX CONCURRENTLY as the old one, over the shadow; NULL if a call before this one has built it. */
static IndexStmt *
index_statement(const ColumnMigration *migration, const MigrationIndex *index)
{
	Oid			namespace = get_rel_namespace(migration->table);
	Oid			built = get_relname_relid(index->shadow, namespace);
	MemoryContext caller;
	Relation	table;
	Relation	old;
	AttrMap    *map;
	IndexStmt  *statement;
	ListCell   *element;

	if (OidIsValid(built) && IndexGetRelation(built, true) == migration->table && get_index_isvalid(built))
		return NULL;
	/* one that was interrupted, or that a call for another version left */
	if (OidIsValid(built))
		migration_run(psprintf("DROP INDEX %s", quote_qualified_identifier(get_namespace_name(namespace), index->shadow)));
	table = table_open(migration->table, AccessShareLock);
	old = index_open(index->old, AccessShareLock);
	caller = MemoryContextSwitchTo(migration->context);
	map = make_attrmap(RelationGetNumberOfAttributes(table));
	for (int i = 0; i < map->maplen; i++)
		map->attnums[i] = i + 1;
	map->attnums[get_attnum(migration->table, migration->destination) - 1] = get_attnum(migration->table, migration->shadow);
	statement = generateClonedIndexStmt(makeRangeVar(get_namespace_name(namespace), pstrdup(RelationGetRelationName(table)), -1), old,
										map, NULL);
	foreach(element, list_concat_copy(statement->indexParams, statement->indexIncludingParams))
	{
		IndexElem  *column = lfirst(element);

		if (column->name != NULL && strcmp(column->name, migration->destination) == 0)
			column->name = migration->shadow;
		column->indexcolname = NULL;
	}
	statement->idxname = index->shadow;
	statement->concurrent = true;
	MemoryContextSwitchTo(caller);
	index_close(old, AccessShareLock);
	table_close(table, AccessShareLock);
	return statement;
}

/*
 * CREATE INDEX CONCURRENTLY commits by itself, so it is refused in a transaction block and in functions.  Here is neither: the
 * call is a statement by itself, and no SPI connection and no snapshot is left open.  It runs as the client had sent it.
 */
static void
create_index(const ColumnMigration *migration, IndexStmt *statement)
{
	PlannedStmt *planned;
	MemoryContext caller = MemoryContextSwitchTo(migration->context);

	planned = makeNode(PlannedStmt);
	planned->commandType = CMD_UTILITY;
	planned->canSetTag = false;
	planned->utilityStmt = (Node *) statement;
	planned->stmt_location = -1;
	PushActiveSnapshot(GetTransactionSnapshot());
	ProcessUtility(planned, "CREATE INDEX CONCURRENTLY", false, PROCESS_UTILITY_TOPLEVEL, NULL, NULL, None_Receiver, NULL);
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	MemoryContextSwitchTo(caller);
}

void
migration_build_indexes(const ColumnMigration *migration)
{
	List	   *indexes;
	ListCell   *element;

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	indexes = migration_indexes(migration);
	SPI_commit();
	SPI_finish();
	foreach(element, indexes)
	{
		IndexStmt  *statement;

		SPI_connect_ext(SPI_OPT_NONATOMIC);
		statement = index_statement(migration, lfirst(element));
		SPI_commit();
		SPI_finish();
		if (statement == NULL)
			continue;
		ereport(NOTICE, (errmsg("building index \"%s\"", statement->idxname)));
		create_index(migration, statement);
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		SPI_commit();
		SPI_finish();
	}
}
