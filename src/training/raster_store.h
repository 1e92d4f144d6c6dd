/*
 * raster_store.h: prepared rasters by number, in memory up to a limit and in a temporary file beyond it.
 *
 * All rasters of one store have the same size.  If they do not fit, all are written to the file and the first ones are kept
 * in memory as well, so that the limit can be lowered at any time.  The file is one of the server's temporary files: in the
 * database's tablespace (it outlives transactions, which files in temp_tablespaces may not), subject to temp_file_limit,
 * removed with the store's memory context, also after an error.
 */
#ifndef SIAMESE_RASTER_STORE_H
#define SIAMESE_RASTER_STORE_H

#include "postgres.h"

typedef struct RasterStore RasterStore;

/* In the current memory context. */
extern RasterStore *raster_store_create(int raster_bytes, Size limit);

/* From now on at most limit bytes in memory. */
extern void raster_store_limit(RasterStore *store, Size limit);

/* Numbers are given from 0 on.  Raises when the file cannot be written. */
extern int	raster_store_add(RasterStore *store, const uint8 *raster);

/* Points into memory, or to buffer [raster_bytes], filled from the file.  No raster can be added after the first call. */
extern const uint8 *raster_store_get(RasterStore *store, int number, uint8 *buffer);

extern Size raster_store_memory(const RasterStore *store);	/* bytes in memory */
extern bool raster_store_spilled(const RasterStore *store);

#endif
