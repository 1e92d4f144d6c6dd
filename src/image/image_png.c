/*
 * image_png.c: PNG (ISO/IEC 15948): its size, a copy with only what libpng needs, and the pixels of the usual kind.
 *
 * libpng asks zlib for one row after the other, and a row of a small image is too short for zlib's fast loop.  Here libdeflate
 * inflates all rows at once.  What is not of the usual kind (interlaced, very large, chunks in an unusual order, anything
 * damaged) is left to Leptonica and libpng, whose word on it counts.
 */
#include "image/image_internal.h"

#include <libdeflate.h>
#include <string.h>

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

/* The chunk at *position: its data and length; moves *position behind it.  False at the end or when it is cut off. */
static bool
png_next(const uint8_t *bytes, size_t length, size_t *position, const uint8_t **type, size_t *size)
{
	if (length - *position < PNG_CHUNK_FRAME)
		return false;
	*size = image_be32(bytes + *position);
	if (*size > length - *position - PNG_CHUNK_FRAME)
		return false;
	*type = bytes + *position + 4;
	*position += *size + PNG_CHUNK_FRAME;
	return true;
}

static bool
png_is(const uint8_t *type, const char *name)
{
	return memcmp(type, name, 4) == 0;
}

/* The colour that tRNS names, brought to 8 bits; grey: the same three times. */
static void
png_clear_colour(const uint8_t *data, size_t size, int colour_type, ImageHeader *header)
{
	int			values = colour_type == PNG_RGB ? 3 : 1;

	if ((colour_type != PNG_RGB && colour_type != PNG_GREY) || size < 2 * (size_t) values)
		return;
	for (int i = 0; i < 3; i++)
	{
		uint32_t	value = image_be16(data + (values == 3 ? 2 * i : 0));

		if (header->bits == 16)
			value >>= 8;
		else
		{
			uint32_t	most = (1u << header->bits) - 1;

			value = (value & most) * 255 / most;
		}
		header->clear_colour[i] = (int) value;
	}
}

bool
image_png_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	size_t		position = PNG_SIGNATURE;
	const uint8_t *type;
	const uint8_t *data;
	size_t		size;
	int			colour_type;
	bool		depth_fits;

	if (!png_next(bytes, length, &position, &type, &size) || !png_is(type, "IHDR") || size != 13)
		return image_broken(IMAGE_FORMAT_PNG, "ends within its header", status);
	data = type + 4;
	header->width = image_be32(data);
	header->height = image_be32(data + 4);
	header->bits = data[8];
	colour_type = data[9];
	depth_fits = header->bits == 8 || (colour_type != PNG_PALETTE && header->bits == 16) ||
		((colour_type == PNG_GREY || colour_type == PNG_PALETTE) &&
		 (header->bits == 1 || header->bits == 2 || header->bits == 4));
	if ((colour_type != PNG_GREY && colour_type != PNG_RGB && colour_type != PNG_PALETTE &&
		 colour_type != PNG_GREY_ALPHA && colour_type != PNG_RGB_ALPHA) || !depth_fits)
		return image_broken(IMAGE_FORMAT_PNG, "has a colour type or depth that does not exist", status);
	header->samples = colour_type == PNG_RGB ? 3 : colour_type == PNG_GREY_ALPHA ? 2 : colour_type == PNG_RGB_ALPHA ? 4 : 1;
	while (png_next(bytes, length, &position, &type, &size) && !png_is(type, "IEND"))
	{
		if (png_is(type, "tRNS"))
			png_clear_colour(type + 4, size, colour_type, header);
		else if (png_is(type, "eXIf"))
			header->orientation = image_tiff_orientation(type + 4, size);
	}
	return true;
}

bool
image_png_pack(const uint8_t *bytes, size_t length, const ImageHeader *header, const Host *host,
			   uint8_t **packed, size_t *packed_length, Status *status)
{
	size_t		position = PNG_SIGNATURE;
	size_t		filled = PNG_SIGNATURE;
	const uint8_t *type;
	size_t		size;
	bool		ended = false;

	*packed = host_allocate(host, length, 1, status);
	if (*packed == NULL)
		return false;
	memcpy(*packed, bytes, PNG_SIGNATURE);
	while (!ended && png_next(bytes, length, &position, &type, &size))
	{
		/* A grey or RGB image's tRNS is header->clear_colour; Leptonica would make the whole image transparent. */
		bool		wanted = png_is(type, "IHDR") || png_is(type, "PLTE") || png_is(type, "IDAT") || png_is(type, "IEND") ||
			(png_is(type, "tRNS") && header->clear_colour[0] < 0);

		ended = png_is(type, "IEND");
		if (wanted)
		{
			memcpy(*packed + filled, type - 4, size + PNG_CHUNK_FRAME);
			filled += size + PNG_CHUNK_FRAME;
		}
	}
	if (!ended)
	{
		host_release(host, *packed);
		*packed = NULL;
		return image_broken(IMAGE_FORMAT_PNG, "is cut off", status);
	}
	*packed_length = filled;
	return true;
}

/* ---------- pixels ---------- */

/* Rows that are inflated at once; larger images are read row by row, by libpng. */
#define RAW_BYTES_MAX ((size_t) 16 << 20)

/* What the chunks before the end hold. */
typedef struct PngParts
{
	int			colour_type;
	const uint8_t *palette;		/* uint8 [colours, 3] */
	size_t		colours;
	const uint8_t *alphas;		/* uint8 [alpha_count], of the first colours */
	size_t		alpha_count;
	const uint8_t *data;		/* the first IDAT's */
	size_t		data_length;	/* of all IDATs */
	int			data_chunks;
} PngParts;

static bool
png_sum_holds(const uint8_t *type, size_t size)
{
	return libdeflate_crc32(0, type, size + 4) == image_be32(type + 4 + size);
}

/* A PLTE or tRNS; false when it is none for this image, or not in its place. */
static bool
png_take_colours(const uint8_t *type, size_t size, PngParts *parts)
{
	if (parts->data != NULL || parts->colour_type != PNG_PALETTE)
		return false;
	if (png_is(type, "PLTE"))
	{
		if (parts->palette != NULL || size == 0 || size % 3 != 0 || size > 3 * 256)
			return false;
		parts->palette = type + 4;
		parts->colours = size / 3;
		return true;
	}
	if (parts->palette == NULL || parts->alphas != NULL || size > parts->colours)
		return false;
	parts->alphas = type + 4;
	parts->alpha_count = size;
	return true;
}

/* False when a chunk that is needed is damaged, missing or out of order, or when the image is interlaced. */
static bool
png_find_parts(const uint8_t *bytes, size_t length, PngParts *parts)
{
	size_t		position = PNG_SIGNATURE;
	const uint8_t *type;
	size_t		size;

	memset(parts, 0, sizeof *parts);
	/* IHDR, as image_png_header() has seen */
	if (!png_next(bytes, length, &position, &type, &size) || !png_sum_holds(type, size) || type[14] != 0 || type[15] != 0 || type[16] != 0)
		return false;
	parts->colour_type = type[13];
	while (png_next(bytes, length, &position, &type, &size) && !png_is(type, "IEND"))
	{
		bool		single = parts->colour_type == PNG_GREY || parts->colour_type == PNG_RGB;

		if (png_is(type, "IHDR"))
			return false;
		if (png_is(type, "PLTE") || (png_is(type, "tRNS") && !single))
		{
			if (!png_sum_holds(type, size) || !png_take_colours(type, size, parts))
				return false;
		}
		else if (png_is(type, "IDAT"))
		{
			if (!png_sum_holds(type, size))
				return false;
			if (parts->data_chunks++ == 0)
				parts->data = type + 4;
			parts->data_length += size;
		}
		else
			continue;
	}
	return png_is(type, "IEND") && parts->data != NULL &&
		(parts->colour_type != PNG_PALETTE || parts->palette != NULL);
}

/* All IDATs' data in one piece: the image's own bytes when there is one, else *joined. */
static const uint8_t *
png_join_data(const uint8_t *bytes, size_t length, const PngParts *parts, const Host *host, uint8_t **joined, Status *status)
{
	size_t		position = PNG_SIGNATURE;
	size_t		filled = 0;
	const uint8_t *type;
	size_t		size;

	*joined = NULL;
	if (parts->data_chunks == 1)
		return parts->data;
	*joined = host_allocate(host, parts->data_length, 1, status);
	while (*joined != NULL && filled < parts->data_length && png_next(bytes, length, &position, &type, &size))
		if (png_is(type, "IDAT"))
		{
			memcpy(*joined + filled, type + 4, size);
			filled += size;
		}
	return *joined;
}

static bool
png_inflate(const uint8_t *data, size_t length, uint8_t *raw, size_t raw_bytes)
{
	struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
	size_t		read;
	size_t		written = 0;
	bool		done = inflater != NULL &&
		libdeflate_zlib_decompress_ex(inflater, data, length, raw, raw_bytes, &read, &written) == LIBDEFLATE_SUCCESS;

	if (inflater != NULL)
		libdeflate_free_decompressor(inflater);
	return done && written == raw_bytes;
}

/*
 * Which of left a, above b and upper left c is nearest to a + b - c, ties in this order (ISO/IEC 15948, 9.4).  That is the lesser
 * of a and b when c is so large that 3 c - a - b reaches the greater, the greater one when it does not exceed the lesser,
 * and c otherwise.
 */
static inline int
nearest(int a, int b, int c)
{
	int			low = a < b ? a : b;
	int			high = a < b ? b : a;
	int			bound = 3 * c - a - b;
	int			value = bound >= high ? low : c;

	return bound <= low ? high : value;
}

/* The rows of one-byte pixels, the usual ones, keep the pixel to the left in a register. */
static void
undo_nearest(uint8_t *row, const uint8_t *above, size_t count, size_t step)
{
	int			left = 0;
	int			corner = 0;

	if (step == 1)
		for (size_t i = 0; i < count; i++)
		{
			left = (row[i] + nearest(left, above[i], corner)) & 255;
			corner = above[i];
			row[i] = (uint8_t) left;
		}
	else
	{
		for (size_t i = 0; i < step; i++)
			row[i] = (uint8_t) (row[i] + above[i]);
		for (size_t i = step; i < count; i++)
			row[i] = (uint8_t) (row[i] + nearest(row[i - step], above[i], above[i - step]));
	}
}

static void
undo_mean(uint8_t *row, const uint8_t *above, size_t count, size_t step)
{
	int			left = 0;

	if (step == 1)
		for (size_t i = 0; i < count; i++)
		{
			left = (row[i] + (left + above[i]) / 2) & 255;
			row[i] = (uint8_t) left;
		}
	else
	{
		for (size_t i = 0; i < step; i++)
			row[i] = (uint8_t) (row[i] + above[i] / 2);
		for (size_t i = step; i < count; i++)
			row[i] = (uint8_t) (row[i] + (row[i - step] + above[i]) / 2);
	}
}

static void
undo_above(uint8_t *row, const uint8_t *above, size_t count)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	size_t		i = 0;

	for (; i + IMAGE_WORD <= count; i += IMAGE_WORD)
	{
		uint64_t	a = image_load_word(row + i);
		uint64_t	b = image_load_word(above + i);
		uint64_t	sums = ((a & ~high) + (b & ~high)) ^ ((a ^ b) & high);	/* no carry from one byte to the next */

		memcpy(row + i, &sums, IMAGE_WORD);
	}
	for (; i < count; i++)
		row[i] = (uint8_t) (row[i] + above[i]);
}

/* Rows of row_bytes, each behind its filter's number; `above` the first one are zeros.  step: bytes of a pixel, at least 1. */
static bool
png_undo_filters(uint8_t *raw, const uint8_t *zeros, size_t row_bytes, size_t height, size_t step)
{
	const uint8_t *above = zeros;

	for (size_t y = 0; y < height; y++)
	{
		uint8_t    *row = raw + y * (row_bytes + 1) + 1;

		switch (row[-1])
		{
			case 0:
				break;
			case 1:
				for (size_t i = step; i < row_bytes; i++)
					row[i] = (uint8_t) (row[i] + row[i - step]);
				break;
			case 2:
				undo_above(row, above, row_bytes);
				break;
			case 3:
				undo_mean(row, above, row_bytes, step);
				break;
			case 4:
				undo_nearest(row, above, row_bytes, step);
				break;
			default:
				return false;
		}
		above = row;
	}
	return true;
}

/* What each value of a single sample of up to 8 bits looks like; colours that the palette lacks are white. */
static void
png_fill_table(const ImageHeader *header, const PngParts *parts, uint8_t table[256][3])
{
	int			most = (1 << header->bits) - 1;

	memset(table, 255, 256 * 3);
	for (int value = 0; value <= most; value++)
	{
		uint8_t    *rgb = table[value];

		if (parts->palette != NULL)
			for (int c = 0; (size_t) value < parts->colours && c < 3; c++)
				rgb[c] = image_over_white(parts->palette[3 * value + c],
										  (size_t) value < parts->alpha_count ? parts->alphas[value] : 255, IMAGE_ALPHA_STRAIGHT);
		else
		{
			memset(rgb, value * 255 / most, 3);
			if (image_is_clear(header, rgb))
				memset(rgb, 255, 3);
		}
	}
}

/* Samples of 1, 2, 4 or 8 bits of one row. */
static void
png_convert_row(const uint8_t *row, int bits, int width, int channels, const uint8_t table[256][3], const uint8_t grey[256],
				uint8_t *out)
{
	int			most = (1 << bits) - 1;
	int			shift = 8;

	for (int x = 0; x < width; x++)
	{
		int			value;

		shift -= bits;
		value = *row >> shift & most;
		if (channels == 1)
			out[x] = grey[value];
		else
			memcpy(out + 3 * x, table[value], 3);
		if (shift == 0)
		{
			row++;
			shift = 8;
		}
	}
}

static void
png_convert_narrow(const uint8_t *raw, size_t row_bytes, const ImageHeader *header, const PngParts *parts, ImageRaster *raster)
{
	bool		as_it_is = header->bits == 8 && parts->palette == NULL && header->clear_colour[0] < 0 && raster->channels == 1;
	uint8_t		table[256][3];
	uint8_t		grey[256];

	png_fill_table(header, parts, table);
	for (int value = 0; value < 256; value++)
		grey[value] = image_luminance(table[value][0], table[value][1], table[value][2]);
	for (int y = 0; y < raster->height; y++)
	{
		const uint8_t *row = raw + (size_t) y * (row_bytes + 1) + 1;
		uint8_t    *out = raster->pixels + (size_t) y * (size_t) raster->width * (size_t) raster->channels;

		if (as_it_is)
			memcpy(out, row, row_bytes);
		else
			png_convert_row(row, header->bits, raster->width, raster->channels, table, grey, out);
	}
}

static void
png_convert_wide(const uint8_t *raw, size_t row_bytes, const ImageHeader *header, ImageRaster *raster)
{
	size_t		sample = (size_t) header->bits / 8;
	size_t		green = header->samples >= 3 ? sample : 0;
	bool		has_alpha = header->samples == 2 || header->samples == 4;
	uint8_t    *out = raster->pixels;

	for (int y = 0; y < raster->height; y++)
	{
		const uint8_t *pixel = raw + (size_t) y * (row_bytes + 1) + 1;

		/* of 16 bits the upper ones count */
		for (int x = 0; x < raster->width; x++, pixel += sample * (size_t) header->samples, out += raster->channels)
		{
			uint8_t		rgb[3] = {pixel[0], pixel[green], pixel[2 * green]};

			for (int c = 0; has_alpha && c < 3; c++)
				rgb[c] = image_over_white(rgb[c], pixel[sample * (size_t) (header->samples - 1)], IMAGE_ALPHA_STRAIGHT);
			if (image_is_clear(header, rgb))
				memset(rgb, 255, 3);
			image_put_pixel(rgb, raster->channels, out);
		}
	}
}

/* raw has the row of zeros in front. */
static bool
png_decode_rows(uint8_t *raw, size_t row_bytes, const ImageHeader *header, const PngParts *parts, const uint8_t *data,
				int channels, const Host *host, ImageRaster *raster, Status *status)
{
	size_t		height = (size_t) header->height;
	size_t		pixel_bytes = (size_t) (header->samples * header->bits) / 8;
	uint8_t    *rows = raw + row_bytes;

	memset(raw, 0, row_bytes);
	if (!png_inflate(data, parts->data_length, rows, height * (row_bytes + 1)) ||
		!png_undo_filters(rows, raw, row_bytes, height, pixel_bytes > 1 ? pixel_bytes : 1))
		return true;
	raster->width = (int) header->width;
	raster->height = (int) header->height;
	raster->channels = channels;
	raster->pixels = host_allocate(host, (size_t) header->width * height, (size_t) channels, status);
	if (raster->pixels == NULL)
		return false;
	if (header->samples == 1 && header->bits <= 8)
		png_convert_narrow(rows, row_bytes, header, parts, raster);
	else
		png_convert_wide(rows, row_bytes, header, raster);
	return true;
}

bool
image_png_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels,
				 const Host *host, ImageRaster *raster, Status *status)
{
	PngParts	parts;
	size_t		row_bytes = ((size_t) header->width * (size_t) (header->samples * header->bits) + 7) / 8;
	uint8_t    *joined;
	const uint8_t *data;
	uint8_t    *raw;
	bool		done = false;

	raster->pixels = NULL;
	if (row_bytes > RAW_BYTES_MAX / ((size_t) header->height + 1) || !png_find_parts(bytes, length, &parts))
		return true;
	data = png_join_data(bytes, length, &parts, host, &joined, status);
	if (data == NULL)
		return false;
	raw = host_allocate(host, (row_bytes + 1) * ((size_t) header->height + 1), 1, status);
	if (raw != NULL)
		done = png_decode_rows(raw, row_bytes, header, &parts, data, channels, host, raster, status);
	host_release(host, raw);
	host_release(host, joined);
	return done;
}
