/*
 * nulls.c: rows whose value is NULL: their TIDs alone, on a chain of pages.
 *
 * They are at no distance, but ORDER BY returns them last, IS NULL asks for them, and an index without them could not serve a
 * plan without conditions.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/rel.h"

#include "index/region.h"

void
index_null_page_init(Page page, BlockNumber next)
{
	INDEX_SPECIAL(page)->next = next;
	((PageHeader) page)->pd_lower = MAXALIGN(SizeOfPageHeaderData);
}

void
index_null_put(Page page, const ItemPointerData *tid)
{
	INDEX_NULLS(page)[index_null_count(page)] = *tid;
	((PageHeader) page)->pd_lower += sizeof *tid;
}

/* The first page with free space from a page of the chain on, exclusively locked; InvalidBuffer: none. */
static Buffer
find_space(Relation index, BlockNumber block)
{
	IndexWalk	walk = {0};

	while (BlockNumberIsValid(block))
	{
		Buffer		buffer = index_read(index, block, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_NULLS);

		index_walk(index, &walk, block);
		if (index_null_count(BufferGetPage(buffer)) < INDEX_NULLS_PER_PAGE)
			return buffer;
		block = INDEX_SPECIAL(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	}
	return InvalidBuffer;
}

static void
put_logged(Relation index, Buffer buffer, const ItemPointerData *tid)
{
	GenericXLogState *state = GenericXLogStart(index);

	index_null_put(GenericXLogRegisterBuffer(state, buffer, 0), tid);
	GenericXLogFinish(state);
}

void
index_null_insert(Relation index, const ItemPointerData *tid)
{
	IndexMeta	meta;
	Buffer		buffer;
	Buffer		meta_buffer;
	BlockNumber begin;
	GenericXLogState *state;
	IndexMeta  *changed;
	Page		page;

	index_read_meta(index, &meta);
	buffer = find_space(index, meta.nulls_space);
	if (BufferIsValid(buffer) && BufferGetBlockNumber(buffer) == meta.nulls_space)
	{
		put_logged(index, buffer, tid);
		UnlockReleaseBuffer(buffer);
		return;
	}
	begin = BufferIsValid(buffer) ? BufferGetBlockNumber(buffer) : InvalidBlockNumber;
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);

	/* The meta page is locked first, so that one of several sessions adds the new page and the others find it. */
	meta_buffer = index_read(index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	meta = *INDEX_META(BufferGetPage(meta_buffer));
	buffer = find_space(index, BlockNumberIsValid(begin) ? begin : meta.nulls_space);
	state = GenericXLogStart(index);
	changed = INDEX_META(GenericXLogRegisterBuffer(state, meta_buffer, 0));
	if (BufferIsValid(buffer))
		page = GenericXLogRegisterBuffer(state, buffer, 0);
	else
	{
		buffer = index_new_page(state, index, INDEX_PAGE_NULLS, INDEX_NO_REGION, &page);
		index_null_page_init(page, changed->nulls);
		changed->nulls = BufferGetBlockNumber(buffer);
	}
	changed->nulls_space = BufferGetBlockNumber(buffer);
	index_null_put(page, tid);
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(meta_buffer);
}
