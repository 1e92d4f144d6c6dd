/*
 * raster_store.c: prepared rasters by number, in memory and in a temporary file.
 */
#include "postgres.h"

#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "training/raster_store.h"

#define BLOCK_BYTES (256 * 1024)	/* about the size of a block of rasters */
#define WRITTEN_AT_ONCE (32 * 1024)
#define NO_FILE (-1)

struct RasterStore
{
	int			raster_bytes;
	int			block_rasters;	/* of a block */
	Size		limit;
	int			count;
	int			in_memory;		/* the first ones, in whole blocks except for the last one while there is no file */
	int			blocks;
	int			block_room;
	uint8	  **block;
	File		file;			/* NO_FILE, or all rasters by number */
	off_t		written;		/* bytes of the file */
	int			waiting;		/* bytes in buffer, not yet written */
	char	   *buffer;			/* [WRITTEN_AT_ONCE] */
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

/*
 * Also called after an error, such as a full disk, so nothing may fail here.  A BufFile, which this would otherwise be, would
 * try to write its buffer, fail again, and keep the file until the end of the session.
 */
static void
close_file(void *argument)
{
	RasterStore *store = argument;

	if (store->file != NO_FILE)
		FileClose(store->file);
	store->file = NO_FILE;
}

RasterStore *
raster_store_create(int raster_bytes, Size limit)
{
	RasterStore *store = palloc0(sizeof(RasterStore));

	store->raster_bytes = raster_bytes;
	store->block_rasters = Max(BLOCK_BYTES / raster_bytes, 1);
	store->limit = limit;
	store->file = NO_FILE;
	store->block_room = 64;
	store->block = palloc(sizeof(uint8 *) * store->block_room);
	store->context = CurrentMemoryContext;
	store->callback.func = close_file;
	store->callback.arg = store;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &store->callback);
	return store;
}

static void
write_out(RasterStore *store)
{
	if (store->waiting == 0)
		return;
	if (FileWrite(store->file, store->buffer, store->waiting, store->written, WAIT_EVENT_BUFFILE_WRITE) != store->waiting)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write to temporary file \"%s\": %m", FilePathName(store->file))));
	store->written += store->waiting;
	store->waiting = 0;
}

static void
append(RasterStore *store, const uint8 *raster)
{
	for (int done = 0, part; done < store->raster_bytes; done += part)
	{
		part = Min(store->raster_bytes - done, WRITTEN_AT_ONCE - store->waiting);
		memcpy(store->buffer + store->waiting, raster + done, part);
		store->waiting += part;
		if (store->waiting == WRITTEN_AT_ONCE)
			write_out(store);
	}
}

/* The file outlives transactions, as that of a cursor WITH HOLD does. */
static void
spill(RasterStore *store)
{
	store->buffer = MemoryContextAlloc(store->context, WRITTEN_AT_ONCE);
	store->file = OpenTemporaryFile(true);
	for (int i = 0; i < store->in_memory; i++)
		append(store, in_block(store, i));
}

void
raster_store_limit(RasterStore *store, Size limit)
{
	store->limit = limit;
	while (store->blocks > 0 && raster_store_memory(store) > limit)
	{
		if (store->file == NO_FILE)
			spill(store);
		pfree(store->block[--store->blocks]);
		store->in_memory = Min(store->in_memory, store->blocks * store->block_rasters);
	}
}

int
raster_store_add(RasterStore *store, const uint8 *raster)
{
	if (store->file == NO_FILE && store->in_memory == store->blocks * store->block_rasters)
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
	if (store->file == NO_FILE)
		memcpy(in_block(store, store->in_memory++), raster, store->raster_bytes);
	else
		append(store, raster);
	return store->count++;
}

const uint8 *
raster_store_get(RasterStore *store, int number, uint8 *buffer)
{
	int			bytes;

	if (number < store->in_memory)
		return in_block(store, number);
	write_out(store);
	bytes = FileRead(store->file, (char *) buffer, store->raster_bytes, (off_t) number * store->raster_bytes,
					 WAIT_EVENT_BUFFILE_READ);
	if (bytes < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from temporary file \"%s\": %m", FilePathName(store->file))));
	if (bytes != store->raster_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("could not read from temporary file \"%s\": read only %d of %d bytes",
						FilePathName(store->file), bytes, store->raster_bytes)));
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
	return store->file != NO_FILE;
}
