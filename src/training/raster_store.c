/*
 * raster_store.c: see raster_store.h.
 */
#include "postgres.h"

#include "storage/buffile.h"
#include "utils/memutils.h"

#include "training/raster_store.h"

#define BLOCK_BYTES (256 * 1024)	/* rasters lie in blocks of about this size */

struct RasterStore
{
	int			raster_bytes;
	int			block_rasters;	/* of a block */
	Size		limit;
	int			count;
	int			in_memory;		/* the first ones: whole blocks, but for the last one until there is a file */
	int			blocks;
	int			block_room;
	uint8	  **block;
	BufFile    *file;			/* NULL, or all rasters by number */
	MemoryContext context;
	MemoryContextCallback callback;
};

static Size
block_bytes(const RasterStore *store)
{
	return (Size) store->block_rasters * store->raster_bytes;
}

static uint8 *
in_block(const RasterStore *store, int number)
{
	return store->block[number / store->block_rasters] +
		(Size) (number % store->block_rasters) * store->raster_bytes;
}

static void
close_file(void *argument)
{
	RasterStore *store = argument;

	if (store->file != NULL)
		BufFileClose(store->file);
	store->file = NULL;
}

RasterStore *
raster_store_create(int raster_bytes, Size limit)
{
	RasterStore *store = palloc0(sizeof(RasterStore));

	store->raster_bytes = raster_bytes;
	store->block_rasters = Max(BLOCK_BYTES / raster_bytes, 1);
	store->limit = limit;
	store->block_room = 64;
	store->block = palloc(sizeof(uint8 *) * store->block_room);
	store->context = CurrentMemoryContext;
	store->callback.func = close_file;
	store->callback.arg = store;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &store->callback);
	return store;
}

/* The file outlives transactions, as the file of a cursor WITH HOLD does. */
static void
spill(RasterStore *store)
{
	MemoryContext caller = MemoryContextSwitchTo(store->context);

	store->file = BufFileCreateTemp(true);
	MemoryContextSwitchTo(caller);
	for (int i = 0; i < store->in_memory; i++)
		BufFileWrite(store->file, in_block(store, i), store->raster_bytes);
}

void
raster_store_limit(RasterStore *store, Size limit)
{
	store->limit = limit;
	while (store->blocks > 0 && raster_store_memory(store) > limit)
	{
		if (store->file == NULL)
			spill(store);
		pfree(store->block[--store->blocks]);
		store->in_memory = Min(store->in_memory, store->blocks * store->block_rasters);
	}
}

int
raster_store_add(RasterStore *store, const uint8 *raster)
{
	if (store->file == NULL && store->in_memory == store->blocks * store->block_rasters)
	{
		if (raster_store_memory(store) + block_bytes(store) > store->limit)
			spill(store);
		else
		{
			if (store->blocks == store->block_room)
			{
				store->block_room *= 2;
				store->block = repalloc_huge(store->block, sizeof(uint8 *) * store->block_room);
			}
			store->block[store->blocks++] = MemoryContextAllocHuge(store->context, block_bytes(store));
		}
	}
	if (store->file == NULL)
		memcpy(in_block(store, store->in_memory++), raster, store->raster_bytes);
	else
		BufFileWrite(store->file, (void *) raster, store->raster_bytes);
	return store->count++;
}

const uint8 *
raster_store_get(RasterStore *store, int number, uint8 *buffer)
{
	if (number < store->in_memory)
		return in_block(store, number);
	if (BufFileSeek(store->file, 0, (off_t) number * store->raster_bytes, SEEK_SET) != 0 ||
		BufFileRead(store->file, buffer, store->raster_bytes) != (size_t) store->raster_bytes)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read image %d from a temporary file", number)));
	return buffer;
}

Size
raster_store_memory(const RasterStore *store)
{
	return store->blocks * block_bytes(store);
}

bool
raster_store_spilled(const RasterStore *store)
{
	return store->file != NULL;
}
