/*
 * png_internal.h: what the files that read PNG share.
 */
#ifndef SIAMESE_PNG_INTERNAL_H
#define SIAMESE_PNG_INTERNAL_H

#include "image/image_internal.h"

#define PNG_SIGNATURE 8
#define PNG_CHUNK_FRAME 12		/* length, type, checksum */

enum
{
	PNG_GREY = 0,
	PNG_RGB = 2,
	PNG_PALETTE = 3,
	PNG_GREY_ALPHA = 4,
	PNG_RGB_ALPHA = 6
};

/* From the chunks, whose checksums have been verified. */
typedef struct PngParts
{
	int			colour_type;
	bool		interlaced;
	const uint8_t *palette;		/* uint8 [colours, 3] */
	size_t		colours;
	const uint8_t *alphas;		/* uint8 [alpha_count], for the first colours */
	size_t		alpha_count;
	const uint8_t *data;		/* the first IDAT's */
	size_t		data_length;	/* of all IDATs */
	int			data_chunks;
} PngParts;

static inline bool
png_is(const uint8_t *type, const char *name)
{
	return memcmp(type, name, 4) == 0;
}

/* png_chunks.c */
extern bool image_png_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);

/*
 * The chunk at *position: a pointer to its type, which its data follows, and the size of the data; advances *position past it.
 * False at the end.
 */
extern bool image_png_next(const uint8_t *bytes, size_t length, size_t *position, const uint8_t **type, size_t *size);

/* False with STATUS_IMAGE_BROKEN if a chunk that is needed is damaged or missing. */
extern bool image_png_find_parts(const uint8_t *bytes, size_t length, PngParts *parts, Status *status);

/*
 * png_filter.c: undoes the filter of a row, given the row above.  step: bytes of a pixel, at least 1.  False when there is no
 * such filter.
 */
extern bool image_png_undo_filter(int filter, uint8_t *row, const uint8_t *above, size_t row_bytes, size_t step);

#endif
