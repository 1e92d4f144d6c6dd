/*
 * nearest.c: siamese.nearest(target, destination, query, k, id): the k nearest rows of a partitioned table, whose partitions, local or
 * foreign, are all asked at once.
 *
 * SELECT ... ORDER BY destination <-> query LIMIT k over the partitioned table is exact, too, but merges the partitions' orders: it waits
 * for one server after the other, and fetches rows of each by the hundred.  Here each partition answers with its own k nearest, in
 * an Append, which asks foreign servers asynchronously.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/spi.h"
#include "embedding/embedding.h"

#define MOST_NEAREST 1000000

typedef struct NearestQuery
{
	Oid			target;
	char	   *id;				/* columns, quoted */
	char	   *destination;
	char	   *operator;		/* qualified */
} NearestQuery;

static char *
qualified_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

/* The partitions, or the table itself. */
static List *
find_leaves(Oid target)
{
	List	   *leaves = NIL;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(target, AccessShareLock, NULL))
		if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_PARTITIONED_TABLE)
			leaves = lappend_oid(leaves, lfirst_oid(cell));
	return leaves;
}

/*
 * Whether the partitions may be named in a query in place of the table: what the caller may see must not depend on it, so no row
 * security applies to any of them, and the caller may read each.
 */
static bool
may_ask_leaves(Oid target, List *leaves)
{
	ListCell   *cell;

	if (check_enable_rls(target, InvalidOid, true) == RLS_ENABLED || pg_class_aclcheck(target, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return false;
	foreach(cell, leaves)
		if (check_enable_rls(lfirst_oid(cell), InvalidOid, true) == RLS_ENABLED ||
			pg_class_aclcheck(lfirst_oid(cell), GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			return false;
	return true;
}

/* $1: the query, $2: how many. */
static void
append_part(StringInfo query, const NearestQuery *nearest, Oid part, bool only)
{
	appendStringInfo(query, "(SELECT %s::pg_catalog.text AS id, %s %s $1 AS distance, tableoid::pg_catalog.regclass AS part FROM %s%s"
					 " WHERE %s IS NOT NULL ORDER BY %s %s $1 LIMIT $2)",
					 nearest->id, nearest->destination, nearest->operator, only ? "ONLY " : "", qualified_name(part),
					 nearest->destination, nearest->destination, nearest->operator);
}

static char *
make_query(const NearestQuery *nearest)
{
	List	   *leaves = find_leaves(nearest->target);
	StringInfoData query;
	ListCell   *cell;

	initStringInfo(&query);
	/* materialized: the planner would merge the orders, one server after the other, if it knew that they are needed */
	appendStringInfoString(&query, "WITH parts AS MATERIALIZED (");
	if (leaves == NIL || !may_ask_leaves(nearest->target, leaves))
		append_part(&query, nearest, nearest->target, false);
	else
		foreach(cell, leaves)
		{
			if (cell != list_head(leaves))
				appendStringInfoString(&query, " UNION ALL ");
			append_part(&query, nearest, lfirst_oid(cell), true);
		}
	appendStringInfoString(&query, ") SELECT id, distance, part FROM parts ORDER BY distance USING OPERATOR(pg_catalog.<),"
						   " id USING OPERATOR(pg_catalog.<) LIMIT $2");
	return query.data;
}

/* The column of the primary key, if it has one column. */
static char *
key_column(Oid target)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(target);

	if (spi_read("SELECT a.attname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid"
				 " AND a.attnum OPERATOR(pg_catalog.=) i.indkey[0] WHERE i.indrelid OPERATOR(pg_catalog.=) $1 AND i.indisprimary"
				 " AND i.indnkeyatts OPERATOR(pg_catalog.=) 1", 1, &type, &value, 1) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no primary key of one column", get_rel_name(target)),
				 errhint("Name the column that tells rows apart: siamese.nearest(..., id => 'column').")));
	return spi_text(1);
}

static char *
check_column(Oid target, const char *name)
{
	if (get_attnum(target, name) == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", name, get_rel_name(target))));
	return pstrdup(quote_identifier(name));
}

static char *
schema_of_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	char	   *schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	schema = get_namespace_name(((Form_pg_type) GETSTRUCT(tuple))->typnamespace);
	ReleaseSysCache(tuple);
	return schema;
}

PG_FUNCTION_INFO_V1(siamese_nearest);

Datum
siamese_nearest(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			embedding = get_fn_expr_argtype(fcinfo->flinfo, 2);
	Oid			types[2] = {embedding, INT4OID};
	Datum		values[2];
	NearestQuery nearest = {.target = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0)};
	char	   *id = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	int			k = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT32(3);

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		return (Datum) 0;
	if (get_rel_name(nearest.target) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no table with the OID %u", nearest.target)));
	check_count("nearest rows", k, MOST_NEAREST);
	nearest.destination = check_column(nearest.target, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	nearest.operator = psprintf("OPERATOR(%s.<->)", quote_identifier(schema_of_type(embedding)));
	values[0] = PG_GETARG_DATUM(2);
	values[1] = Int32GetDatum(k);
	SPI_connect();
	nearest.id = check_column(nearest.target, id != NULL ? id : key_column(nearest.target));
	spi_read(make_query(&nearest), 2, types, values, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(set->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	return (Datum) 0;
}
