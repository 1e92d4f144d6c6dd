/*
 * bmp.c: Windows and OS/2 bitmaps with every header, depth and compression except JPEG, PNG and Huffman.
 *
 * Real files deviate from the specification in harmless ways, which are accepted: bytes before or after the pixels, short
 * palettes, alpha that is 0 everywhere.
 */
#include "image/image_internal.h"

#include <string.h>

#define FILE_HEADER 14
#define CORE_HEADER 12			/* OS/2 1.x */
#define OS2_HEADER 64			/* OS/2 2.x; may be truncated to 16 bytes or more */
#define INFO_HEADER 40
#define MASKS_AT 54				/* in the file: after an INFO_HEADER or within a longer one */

typedef enum Compression
{
	PLAIN = 0,
	RUNS_8 = 1,
	RUNS_4 = 2,
	MASKED = 3,
	MASKED_WITH_ALPHA = 6,
	RUNS_24 = 100				/* 4 in a header of OS/2 2.x */
} Compression;

/* From the headers. */
typedef struct Bitmap
{
	int64_t		width;
	int64_t		height;
	bool		upper_first;
	int			bits;			/* per pixel */
	Compression compression;
	uint32_t	mask[4];		/* red, green, blue, alpha; 0: none */
	const uint8_t *palette;		/* blue, green, red of each entry */
	size_t		colours;
	size_t		colour_bytes;	/* of an entry */
	size_t		data_start;
} Bitmap;

static bool
runs(const Bitmap *bitmap)
{
	return bitmap->compression == RUNS_4 || bitmap->compression == RUNS_8 || bitmap->compression == RUNS_24;
}

static bool
known_kind(const Bitmap *bitmap)
{
	switch (bitmap->compression)
	{
		case PLAIN:
			return bitmap->bits == 1 || bitmap->bits == 2 || bitmap->bits == 4 || bitmap->bits == 8 || bitmap->bits == 16 ||
				bitmap->bits == 24 || bitmap->bits == 32;
		case RUNS_8:
			return bitmap->bits == 8;
		case RUNS_4:
			return bitmap->bits == 4;
		case RUNS_24:
			return bitmap->bits == 24;
		case MASKED:
		case MASKED_WITH_ALPHA:
			return bitmap->bits == 16 || bitmap->bits == 32;
		default:
			return false;
	}
}

/* The masks of red, green, blue and alpha; false when one has a gap. */
static bool
read_masks(const uint8_t *bytes, size_t length, uint32_t header_bytes, Bitmap *bitmap)
{
	static const uint32_t usual[2][3] = {{0x7C00, 0x03E0, 0x001F}, {0xFF0000, 0xFF00, 0xFF}};
	bool		has_alpha = header_bytes >= 56 || bitmap->compression == MASKED_WITH_ALPHA;

	memcpy(bitmap->mask, usual[bitmap->bits != 16], sizeof usual[0]);
	if (bitmap->compression == PLAIN || runs(bitmap))
		return true;
	if (length < MASKS_AT + (has_alpha ? 16 : 12))
		return false;
	for (int i = 0; i < (has_alpha ? 4 : 3); i++)
	{
		uint32_t	mask = image_le32(bytes + MASKS_AT + 4 * i);
		uint32_t	low = mask & -mask;

		if ((mask & (mask + low)) != 0)
			return false;
		bitmap->mask[i] = bitmap->bits == 16 ? mask & 0xFFFF : mask;
	}
	return true;
}

/* Where the palette and the pixels are. */
static void
find_data(const uint8_t *bytes, size_t length, uint32_t header_bytes, Bitmap *bitmap)
{
	size_t		start = FILE_HEADER + (size_t) header_bytes;
	uint64_t	named = header_bytes >= INFO_HEADER ? image_le32(bytes + 46) : 0;
	uint64_t	most;

	if (header_bytes == INFO_HEADER && bitmap->compression == MASKED)
		start += 12;
	else if (header_bytes == INFO_HEADER && bitmap->compression == MASKED_WITH_ALPHA)
		start += 16;
	bitmap->colour_bytes = header_bytes == CORE_HEADER ? 3 : 4;
	bitmap->data_start = image_le32(bytes + 10);
	if (bitmap->bits > 8)
		named = 0;
	else if (named == 0 || named > 256)
		named = UINT64_C(1) << bitmap->bits;
	/* The palette ends where the pixels begin, unless their offset is impossible. */
	if (bitmap->data_start < start)
		bitmap->data_start = start + (size_t) named * bitmap->colour_bytes;
	most = start < length ? (bitmap->data_start < length ? bitmap->data_start : length) - start : 0;
	bitmap->palette = bytes + start;
	bitmap->colours = (size_t) (named < most / bitmap->colour_bytes ? named : most / bitmap->colour_bytes);
}

static bool
read_bitmap(const uint8_t *bytes, size_t length, Bitmap *bitmap, Status *status)
{
	uint32_t	header_bytes;
	uint32_t	compression;

	memset(bitmap, 0, sizeof *bitmap);
	if (length < FILE_HEADER + CORE_HEADER)
		return image_broken("BMP", "ends within its header", status);
	header_bytes = image_le32(bytes + FILE_HEADER);
	if (header_bytes > length - FILE_HEADER)
		return image_broken("BMP", "ends within its header", status);
	if (header_bytes != CORE_HEADER && header_bytes < 16)
		return image_broken("BMP", "has a header of unknown size", status);
	if (header_bytes == CORE_HEADER)
	{
		bitmap->width = image_le16(bytes + 18);
		bitmap->height = image_le16(bytes + 20);
		bitmap->bits = (int) image_le16(bytes + 24);
	}
	else
	{
		bitmap->width = (int32_t) image_le32(bytes + 18);
		bitmap->height = (int32_t) image_le32(bytes + 22);
		bitmap->bits = (int) image_le16(bytes + 28);
		bitmap->upper_first = bitmap->height < 0;
		if (bitmap->upper_first)
			bitmap->height = -bitmap->height;
	}
	compression = header_bytes >= 20 ? image_le32(bytes + 30) : 0;
	if (header_bytes == OS2_HEADER && (compression == 3 || compression == 4))
		compression = compression == 4 ? RUNS_24 : UINT32_MAX;
	bitmap->compression = compression <= RUNS_24 ? (Compression) compression : RUNS_24 + 1;
	if (!known_kind(bitmap))
		return image_broken("BMP", "has an unsupported compression or number of bits per pixel", status);
	if (!read_masks(bytes, length, header_bytes, bitmap))
		return image_broken("BMP", "has colour masks that are truncated or not contiguous", status);
	find_data(bytes, length, header_bytes, bitmap);
	return true;
}

/* Of an uncompressed row; the last one may lack the padding to a multiple of four. */
static uint64_t
row_bytes(const Bitmap *bitmap, bool filled)
{
	uint64_t	bits = (uint64_t) bitmap->width * (uint64_t) bitmap->bits;

	return filled ? (bits + 31) / 32 * 4 : (bits + 7) / 8;
}

static bool
bmp_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	Bitmap		bitmap;

	if (!read_bitmap(bytes, length, &bitmap, status))
		return false;
	header->width = bitmap.width;
	header->height = bitmap.height;
	header->bits = 8;
	header->samples = bitmap.bits > 8 ? 3 : 1;
	header->alpha = bitmap.mask[3] != 0 ? IMAGE_ALPHA_STRAIGHT : IMAGE_ALPHA_IGNORED;
	if (bitmap.width < 1 || bitmap.height < 1)
		return true;			/* reported by the caller */
	if (bitmap.data_start > length || (!runs(&bitmap) && row_bytes(&bitmap, true) * (uint64_t) (bitmap.height - 1) +
									   row_bytes(&bitmap, false) > length - bitmap.data_start))
		return image_broken("BMP", "ends before its last row", status);
	return true;
}

/* The palette's colours, red first; missing ones are white. */
static void
fill_table(const Bitmap *bitmap, uint8_t table[256][3])
{
	memset(table, 255, 256 * 3);
	for (size_t i = 0; i < bitmap->colours; i++)
		for (int c = 0; c < 3; c++)
			table[i][c] = bitmap->palette[i * bitmap->colour_bytes + 2 - (size_t) c];
}

/* The masked part of a pixel, scaled to 0 .. 255. */
static uint32_t
part(uint32_t pixel, uint32_t mask)
{
	uint32_t	low = mask & -mask;

	if (mask == 0)
		return 0;
	return (uint32_t) (((uint64_t) ((pixel & mask) / low) * 255 + mask / low / 2) / (mask / low));
}

static void
convert_row(const uint8_t *row, const Bitmap *bitmap, const ImageHeader *header, uint8_t table[256][3], ImageRaster *raster,
			uint8_t *out)
{
	for (int x = 0; x < raster->width; x++, out += raster->channels)
	{
		int			bit = x * bitmap->bits;
		const uint8_t *at = row + bit / 8;
		uint8_t		rgb[3];

		if (bitmap->bits <= 8)
			memcpy(rgb, table[at[0] >> (8 - bitmap->bits - bit % 8) & ((1 << bitmap->bits) - 1)], 3);
		else if (bitmap->bits == 24)
		{
			rgb[0] = at[2];
			rgb[1] = at[1];
			rgb[2] = at[0];
		}
		else
		{
			uint32_t	pixel = bitmap->bits == 16 ? image_le16(at) : image_le32(at);
			uint32_t	alpha = bitmap->mask[3] != 0 ? part(pixel, bitmap->mask[3]) : 255;

			raster->used_alpha |= alpha;
			for (int c = 0; c < 3; c++)
				rgb[c] = (uint8_t) (header->alpha == IMAGE_ALPHA_IGNORED ? part(pixel, bitmap->mask[c]) :
									image_over_white(part(pixel, bitmap->mask[c]), alpha, IMAGE_ALPHA_STRAIGHT));
		}
		image_put_pixel(rgb, raster->channels, out);
	}
}

/* Where the next pixel of a run goes; rows count from the first one in the file. */
typedef struct Pen
{
	int64_t		x;
	int64_t		y;
} Pen;

static void
put_run_pixel(const Bitmap *bitmap, const uint8_t rgb[3], ImageRaster *raster, Pen *pen)
{
	int64_t		y = bitmap->upper_first ? pen->y : bitmap->height - 1 - pen->y;

	if (pen->x < bitmap->width)
		image_put_pixel(rgb, raster->channels, raster->pixels + (y * bitmap->width + pen->x) * raster->channels);
	pen->x++;
}

/* The colour of pixel i of a run, or of literal pixels, whose bytes begin at data. */
static void
run_colour(const Bitmap *bitmap, uint8_t table[256][3], const uint8_t *data, int i, uint8_t rgb[3])
{
	if (bitmap->compression == RUNS_24)
		for (int c = 0; c < 3; c++)
			rgb[c] = data[3 * i + 2 - c];
	else
		memcpy(rgb, table[bitmap->compression == RUNS_8 ? data[i] : i % 2 == 0 ? data[i / 2] >> 4 : data[i / 2] & 15], 3);
}

/* Skipped pixels are white; data that ends before the last row is an error. */
static bool
decode_runs(const uint8_t *bytes, size_t length, const Bitmap *bitmap, uint8_t table[256][3], const Host *host,
			ImageRaster *raster, Status *status)
{
	size_t		at = bitmap->data_start;
	size_t		unit = bitmap->compression == RUNS_24 ? 3 : 1;
	Pen			pen = {0, 0};

	memset(raster->pixels, 255, (size_t) raster->width * (size_t) raster->height * (size_t) raster->channels);
	while (pen.y < bitmap->height - 1 || (pen.y < bitmap->height && pen.x < bitmap->width))
	{
		const uint8_t *code = bytes + at;
		int			count;
		size_t		size;
		uint8_t		rgb[3];

		if (length - at < 2)
			return image_broken("BMP", "ends before its last row", status);
		count = code[0] != 0 ? code[0] : code[1];
		at += 2;
		if (code[0] == 0 && count == 0)
		{
			pen = (Pen) {0, pen.y + 1};
			if (host_interrupted(host, status))
				return false;
			continue;
		}
		if (code[0] == 0 && count == 1)
			break;
		size = code[0] != 0 ? unit : count == 2 ? 2 :
			bitmap->compression == RUNS_4 ? (size_t) (count + 1) / 2 : unit * (size_t) count;
		at -= code[0] != 0 ? 1 : 0;
		if (length - at < size)
			return image_broken("BMP", "ends within a run", status);
		if (code[0] == 0 && count == 2)
			pen = (Pen) {pen.x + bytes[at], pen.y + bytes[at + 1]};
		else
			for (int i = 0; i < count; i++)
			{
				run_colour(bitmap, table, bytes + at, code[0] == 0 ? i : bitmap->compression == RUNS_4 ? i % 2 : 0, rgb);
				put_run_pixel(bitmap, rgb, raster, &pen);
			}
		/* literal pixels are padded to an even number of bytes */
		at += size + (code[0] == 0 && count > 2 ? size % 2 : 0);
		if (at > length)
			at = length;
	}
	return true;
}

static bool
bmp_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels, const Host *host,
		   ImageRaster *raster, Status *status)
{
	Bitmap		bitmap;
	uint8_t		table[256][3];
	bool		done = true;

	if (!read_bitmap(bytes, length, &bitmap, status) ||
		!image_raster_allocate(raster, bitmap.width, bitmap.height, channels, host, status))
		return false;
	fill_table(&bitmap, table);
	if (runs(&bitmap))
		done = decode_runs(bytes, length, &bitmap, table, host, raster, status);
	for (int y = 0; !runs(&bitmap) && done && y < raster->height; y++)
	{
		const uint8_t *row = bytes + bitmap.data_start + (size_t) y * row_bytes(&bitmap, true);
		int			to = bitmap.upper_first ? y : raster->height - 1 - y;

		done = !host_interrupted(host, status);
		convert_row(row, &bitmap, header, table, raster,
					raster->pixels + (size_t) to * (size_t) raster->width * (size_t) channels);
	}
	return done || image_raster_drop(raster, host);
}

static bool
is_bmp(const uint8_t *bytes, size_t length)
{
	return image_starts_with(bytes, length, "BM", 2);
}

const ImageFormat image_format_bmp = {
	.name = "BMP",
	.is_mine = is_bmp,
	.header = bmp_header,
	.decode = bmp_decode,
	.zero_alpha_is_none = true,
};
