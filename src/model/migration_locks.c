/*
 * migration_locks.c: the locks of a migration's last transaction.
 *
 * Whoever uses the table may use those of references in the same transaction, before or after it.  So this session never waits for one
 * table while it holds another: it waits for the first, then asks for the others for a moment without queueing, where no deadlock
 * is seen that would end somebody else's transaction; and if they do not become free, it lets go of all and begins again, in the other
 * order.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

#include "model/migration.h"
#include "model/remake_references.h"

#define MOST_TRIES 60
#define MOMENT_MS 200			/* for which the others are asked for */
#define PAUSE_MS 100			/* after a try; longer after each, up to ten times */

/* A table, and its partitions if it has some. */
static List *
parts_of(Oid table)
{
	if (get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE)
		return find_all_inheritors(table, NoLock, NULL);
	return list_make1_oid(table);
}

static void
wait_for(int milliseconds)
{
	CHECK_FOR_INTERRUPTS();
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, WAIT_EVENT_PG_SLEEP);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Within what is left of the moment. */
static bool
get_lock(Oid table, LOCKMODE mode, int *left)
{
	while (!ConditionalLockRelationOid(table, mode))
	{
		if ((*left)-- <= 0)
			return false;
		wait_for(1);
	}
	return true;
}

/* Waits for one of the tables and then asks for the rest; false if one is not to be had: *busy. */
static bool
try_locks(const ColumnMigration *migration, List *others, bool table_first, Oid *busy)
{
	ListCell   *element;
	int			left = MOMENT_MS;

	if (table_first)
		LockRelationOid(migration->table, AccessExclusiveLock);
	else
		LockRelationOid(linitial_oid(others), ExclusiveLock);
	foreach(element, others)
	{
		*busy = lfirst_oid(element);
		if (!get_lock(*busy, ExclusiveLock, &left))
			return false;
	}
	*busy = migration->table;
	return get_lock(*busy, AccessExclusiveLock, &left);
}

/* The tables of references against writers: readers see the old ones until the end. */
void
migration_lock_tables(const ColumnMigration *migration)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	List	   *others = NIL;
	ListCell   *element;
	Oid			busy = migration->table;

	foreach(element, migration->references)
		others = list_concat_unique_oid(others, parts_of(((PersonReferences *) lfirst(element))->table));
	others = list_delete_oid(others, migration->table);
	if (others == NIL)
	{
		LockRelationOid(migration->table, AccessExclusiveLock);
		return;
	}
	for (int try = 0; try < MOST_TRIES; try++)
	{
		bool		locked;

		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(caller);
		locked = try_locks(migration, others, try % 2 == 0, &busy);
		if (locked)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (locked)
			return;
		wait_for(PAUSE_MS * Min(try + 1, 10));
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("table %s is always in use", get_rel_name(busy)),
			 errdetail("In %d attempts it was not to be had together with the others of the migration.", MOST_TRIES),
			 errhint("Call siamese.migrate_column() again at a quieter time: it goes on.")));
}
