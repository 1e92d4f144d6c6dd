/*
 * reset.c: empties an index that has no rows left.
 *
 * An index is of one model, and its regions lie where its first rows were.  When vacuum has removed the last row, the index
 * becomes as empty as a new one: the next row decides the model, and the pages go back to the system.
 *
 * Who has read the meta page holds a lock on the index until the last use of what it points to, so nobody may hold one now; the
 * lock is not waited for.  Caches of other processes are outdated by the number of resets.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/storage.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "index/region.h"

static bool
has_rows(Relation index)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	bool		found = false;

	for (BlockNumber block = INDEX_META_BLOCK + 1; block < blocks && !found; block++)
	{
		Buffer		buffer;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBuffer(index, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		found = (index_page_kind(page) == INDEX_PAGE_LEAF && INDEX_NODE(page)->count > INDEX_NODE(page)->free) ||
			(index_page_kind(page) == INDEX_PAGE_NULLS && index_null_count(page) > 0);
		UnlockReleaseBuffer(buffer);
	}
	return found;
}

bool
index_reset(Relation index)
{
	bool		reset = false;

	/* the lock is logged, which needs a transaction id, and parallel mode cannot assign one */
	if (IsInParallelMode() || RelationGetNumberOfBlocks(index) == 1 || !ConditionalLockRelation(index, AccessExclusiveLock))
		return false;
	if (!has_rows(index))
	{
		Buffer		buffer = index_read(index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
		GenericXLogState *state = GenericXLogStart(index);
		Page		page = GenericXLogRegisterBuffer(state, buffer, 0);
		uint8		resets = INDEX_META(page)->resets + 1;

		index_meta_init(page, INDEX_META(page)->fill);
		INDEX_META(page)->resets = resets;
		GenericXLogFinish(state);
		UnlockReleaseBuffer(buffer);
		/* after a crash in between they are pages to which nothing points */
		RelationTruncate(index, INDEX_META_BLOCK + 1);
		reset = true;
	}
	UnlockRelation(index, AccessExclusiveLock);
	return reset;
}
