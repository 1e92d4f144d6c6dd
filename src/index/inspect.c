/*
 * inspect.c: opens an index for functions that read it as a whole: is it one of this access method, and may the user.
 *
 * An index's table may have expressions and predicates of its owner, whose functions run when its rows are looked up.  So the
 * functions are for those who may maintain the table, and run as its owner, as REINDEX does.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "common/check.h"
#include "common/compat.h"
#include "index/index.h"
#include "index/region.h"

/* Raises unless it is such an index and the user may look into it; returns its table. */
static Oid
check_index(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	Form_pg_class form;
	char	   *name;
	char		kind;
	Oid			heap;

	if (!HeapTupleIsValid(tuple))
		check_index_missing(oid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	name = pstrdup(NameStr(form->relname));
	kind = form->relkind;
	if ((kind != RELKIND_INDEX && kind != RELKIND_PARTITIONED_INDEX) || form->relam != get_index_am_oid("siamese", false))
		check_index_kind(name);
	ReleaseSysCache(tuple);
	if (kind == RELKIND_PARTITIONED_INDEX)
		check_index_partitioned(name);
	heap = IndexGetRelation(oid, true);
	if (!OidIsValid(heap))
		check_index_missing(oid);
	if (!compat_owns_relation(heap) && !compat_may_maintain(heap))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, name);
	return heap;
}

void
index_inspect_begin(IndexInspection *inspection, Oid index, int lock)
{
	Oid			heap = check_index(index);

	inspection->lock = lock;
	inspection->heap = table_open(heap, lock);
	/* it may have been dropped, or given to somebody else, before the lock was there */
	if (check_index(index) != heap)
		check_index_missing(index);
	GetUserIdAndSecContext(&inspection->user, &inspection->security);
	SetUserIdAndSecContext(inspection->heap->rd_rel->relowner, inspection->security | SECURITY_RESTRICTED_OPERATION);
	inspection->nest_level = NewGUCNestLevel();
	compat_restrict_search_path();
	inspection->index = index_open(index, AccessShareLock);
	if (RELATION_IS_OTHER_TEMP(inspection->index))
		check_index_other_temp();
}

void
index_inspect_end(IndexInspection *inspection)
{
	AtEOXact_GUC(false, inspection->nest_level);
	SetUserIdAndSecContext(inspection->user, inspection->security);
	index_close(inspection->index, AccessShareLock);
	table_close(inspection->heap, inspection->lock);
}
