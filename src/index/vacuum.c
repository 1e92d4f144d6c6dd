/*
 * vacuum.c: removes dead rows: all blocks in order, each page by itself.
 *
 * Items of dead rows become free ones and are used again by inserts.  Radii stay as they are: they may be larger than need be.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "index/index.h"

typedef struct Vacuum
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;	/* NULL: count only */
	void	   *callback_state;
	bool		freed_nulls;
	IndexLayout layout;
} Vacuum;

static void
vacuum_leaf(Vacuum *vacuum, Buffer buffer)
{
	Relation	index = vacuum->info->index;
	GenericXLogState *state = NULL;
	Page		page = BufferGetPage(buffer);
	int			count = INDEX_NODE(page)->count;

	index_check_node(index, BufferGetBlockNumber(buffer), page, &vacuum->layout);
	for (int i = 0; i < count; i++)
	{
		IndexItem  *item = &index_items(page, &vacuum->layout)[i];

		if (!ItemPointerIsValid(&item->tid))
			continue;
		if (vacuum->callback == NULL || !vacuum->callback(&item->tid, vacuum->callback_state))
		{
			vacuum->stats->num_index_tuples++;
			continue;
		}
		if (state == NULL)
		{
			state = GenericXLogStart(index);
			page = GenericXLogRegisterBuffer(state, buffer, 0);
			item = &index_items(page, &vacuum->layout)[i];
		}
		ItemPointerSetInvalid(&item->tid);
		INDEX_NODE(page)->free++;
		vacuum->stats->tuples_removed++;
	}
	if (state != NULL)
		GenericXLogFinish(state);
}

static void
vacuum_nulls(Vacuum *vacuum, Buffer buffer)
{
	GenericXLogState *state = NULL;
	Page		page = BufferGetPage(buffer);
	int			count = index_null_count(page);
	int			kept = 0;

	for (int i = 0; i < count; i++)
	{
		if (vacuum->callback && vacuum->callback(&INDEX_NULLS(page)[i], vacuum->callback_state))
		{
			if (state == NULL)
			{
				state = GenericXLogStart(vacuum->info->index);
				page = GenericXLogRegisterBuffer(state, buffer, 0);
			}
			vacuum->stats->tuples_removed++;
			vacuum->freed_nulls = true;
			continue;
		}
		if (kept < i)
			INDEX_NULLS(page)[kept] = INDEX_NULLS(page)[i];
		kept++;
	}
	vacuum->stats->num_index_tuples += kept;
	if (state != NULL)
	{
		((PageHeader) page)->pd_lower = (char *) (INDEX_NULLS(page) + kept) - (char *) page;
		GenericXLogFinish(state);
	}
}

/* Inserts look for room among NULLs from the newest page on again. */
static void
reset_nulls_room(Relation index)
{
	Buffer		buffer = index_read(index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	GenericXLogState *state = GenericXLogStart(index);
	IndexMeta  *meta = INDEX_META(GenericXLogRegisterBuffer(state, buffer, 0));

	meta->nulls_room = meta->nulls;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
}

static void
vacuum_index(Vacuum *vacuum)
{
	Relation	index = vacuum->info->index;
	IndexMeta	meta;
	BlockNumber block = INDEX_META_BLOCK + 1;
	BlockNumber blocks;

	index_read_meta(index, &meta);
	vacuum->stats->num_index_tuples = 0;
	vacuum->stats->estimated_count = false;

	/* What is appended meanwhile holds no row that is dead by now, but is counted. */
	while (block < (blocks = RelationGetNumberOfBlocks(index)))
		for (; block < blocks; block++)
		{
			Buffer		buffer;
			Page		page;

			compat_vacuum_delay_point();
			buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, vacuum->info->strategy);
			LockBuffer(buffer, vacuum->callback ? BUFFER_LOCK_EXCLUSIVE : BUFFER_LOCK_SHARE);
			page = BufferGetPage(buffer);
			/* A page may be new: an extension that a crash cut short. */
			if (!PageIsNew(page) && PageGetSpecialSize(page) == MAXALIGN(sizeof(IndexSpecial)))
			{
				if (INDEX_SPECIAL(page)->kind == INDEX_PAGE_LEAF)
				{
					if (vacuum->layout.dimensions == 0)
					{
						index_read_meta(index, &meta);
						index_layout(&vacuum->layout, index_coded(&meta));
					}
					vacuum_leaf(vacuum, buffer);
				}
				else if (INDEX_SPECIAL(page)->kind == INDEX_PAGE_NULLS)
					vacuum_nulls(vacuum, buffer);
			}
			UnlockReleaseBuffer(buffer);
		}
	vacuum->stats->num_pages = block;
	if (vacuum->freed_nulls)
		reset_nulls_room(index);
}

IndexBulkDeleteResult *
index_am_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback, void *callback_state)
{
	Vacuum		vacuum = {.info = info, .stats = stats, .callback = callback, .callback_state = callback_state};

	if (stats == NULL)
		vacuum.stats = palloc0(sizeof *stats);
	vacuum_index(&vacuum);
	return vacuum.stats;
}

IndexBulkDeleteResult *
index_am_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Vacuum		vacuum = {.info = info};

	if (info->analyze_only)
		return stats;
	/* After a bulk delete the numbers are known. */
	vacuum.stats = stats;
	if (stats == NULL)
	{
		vacuum.stats = palloc0(sizeof *stats);
		vacuum_index(&vacuum);
	}
	if (vacuum.stats->num_index_tuples == 0 && index_reset(info->index))
		vacuum.stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return vacuum.stats;
}
