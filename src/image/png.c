/*
 * png.c: the pixels of a PNG.
 *
 * Row by row, small images are too short for zlib's fast loop: libdeflate inflates all their rows at once.  Large images are
 * streamed through zlib row by row, with a check for interrupts in between.
 */
#include "image/png_internal.h"

#include <libdeflate.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

/* Of rows that are inflated at once, with their filter bytes. */
#define RAW_BYTES_MAX ((size_t) 16 << 20)

/* Blocks of 256 bytes of surplus data that are accepted after the last row. */
#define SURPLUS_MAX 64

#define PASSES 7

/* The source of rows, each preceded by its filter byte. */
typedef struct PngRows
{
	uint8_t    *next;			/* next row if all were inflated at once; NULL if they are streamed: */
	z_stream	stream;
	const uint8_t *bytes;		/* the image */
	size_t		length;
	size_t		position;		/* of the chunk to feed to the stream next */
	uint8_t    *own[2];			/* the row above and the current one, in turn */
	int			turn;
} PngRows;

typedef struct PngReader
{
	const ImageHeader *header;
	PngParts	parts;
	PngRows		rows;
	const uint8_t *zeros;		/* the row above the first one */
	uint8_t    *line;			/* pixels of a pass's row */
	uint8_t		table[256][3];	/* colour of each value of a single sample of up to 8 bits */
	uint8_t		grey[256];
	ImageRaster *raster;
	const Host *host;
	Status	   *status;
} PngReader;

/* A pass: every step_x-th and step_y-th pixel, from (x, y) on. */
typedef struct PngPass
{
	int			x;
	int			y;
	int			step_x;
	int			step_y;
} PngPass;

/* ---------- pixels ---------- */

static void
png_fill_table(PngReader *reader)
{
	const ImageHeader *header = reader->header;
	const PngParts *parts = &reader->parts;
	int			most = (1 << header->bits) - 1;

	memset(reader->table, 255, sizeof reader->table);	/* colours missing from the palette are white */
	for (int value = 0; value <= most; value++)
	{
		uint8_t    *rgb = reader->table[value];

		if (parts->colour_type != PNG_PALETTE)
			memset(rgb, header->has_clear && header->clear_colour[0] == (uint32_t) value ? 255 : value * 255 / most, 3);
		else
			for (int c = 0; (size_t) value < parts->colours && c < 3; c++)
				rgb[c] = image_over_white(parts->palette[3 * value + c],
										  (size_t) value < parts->alpha_count ? parts->alphas[value] : 255, IMAGE_ALPHA_STRAIGHT);
	}
	for (int value = 0; value < 256; value++)
		reader->grey[value] = image_luminance(reader->table[value][0], reader->table[value][1], reader->table[value][2]);
}

/* Samples of 1, 2, 4 or 8 bits of one row. */
static void
png_convert_narrow(const PngReader *reader, const uint8_t *row, int width, uint8_t *out)
{
	int			bits = reader->header->bits;
	int			most = (1 << bits) - 1;
	int			shift = 8;

	for (int x = 0; x < width; x++)
	{
		int			value;

		shift -= bits;
		value = *row >> shift & most;
		if (reader->raster->channels == 1)
			out[x] = reader->grey[value];
		else
			memcpy(out + 3 * x, reader->table[value], 3);
		if (shift == 0)
		{
			row++;
			shift = 8;
		}
	}
}

static inline bool
png_is_clear(const ImageHeader *header, uint32_t red, uint32_t green, uint32_t blue)
{
	return header->has_clear && header->clear_colour[0] == red && header->clear_colour[1] == green &&
		header->clear_colour[2] == blue;
}

/* Several samples of 8 bits. */
static void
png_convert_wide(const PngReader *reader, const uint8_t *pixel, int width, uint8_t *out)
{
	const ImageHeader *header = reader->header;
	int			green = header->samples >= 3 ? 1 : 0;
	bool		has_alpha = header->samples == 2 || header->samples == 4;

	for (int x = 0; x < width; x++, pixel += header->samples, out += reader->raster->channels)
	{
		uint8_t		rgb[3] = {pixel[0], pixel[green], pixel[2 * green]};

		for (int c = 0; has_alpha && c < 3; c++)
			rgb[c] = image_over_white(rgb[c], pixel[header->samples - 1], IMAGE_ALPHA_STRAIGHT);
		if (png_is_clear(header, rgb[0], rgb[1], rgb[2]))
			memset(rgb, 255, 3);
		image_put_pixel(rgb, reader->raster->channels, out);
	}
}

/* One or more samples of 16 bits. */
static void
png_convert_deep(const PngReader *reader, const uint8_t *pixel, int width, uint8_t *out)
{
	const ImageHeader *header = reader->header;
	int			colours = header->samples >= 3 ? 3 : 1;
	bool		has_alpha = header->samples == 2 || header->samples == 4;
	uint32_t	value[3];

	for (int x = 0; x < width; x++, pixel += 2 * header->samples, out += reader->raster->channels)
	{
		uint32_t	alpha = has_alpha ? image_be16(pixel + 2 * colours) : 0;
		uint8_t		rgb[3];

		for (int c = 0; c < 3; c++)
		{
			value[c] = image_be16(pixel + (colours == 3 ? 2 * c : 0));
			reader->raster->used |= value[c];
			rgb[c] = (uint8_t) (value[c] >> header->dropped);
			if (has_alpha)
				rgb[c] = image_over_white(rgb[c], alpha >> header->dropped_alpha & 255, IMAGE_ALPHA_STRAIGHT);
		}
		reader->raster->used_alpha |= alpha;
		if (png_is_clear(header, value[0], value[1], value[2]))
			memset(rgb, 255, 3);
		image_put_pixel(rgb, reader->raster->channels, out);
	}
}

static void
png_convert(const PngReader *reader, const uint8_t *row, int width, uint8_t *out)
{
	const ImageHeader *header = reader->header;

	if (header->bits == 16)
		png_convert_deep(reader, row, width, out);
	else if (header->samples > 1)
		png_convert_wide(reader, row, width, out);
	else if (header->bits == 8 && reader->parts.colour_type == PNG_GREY && !header->has_clear && reader->raster->channels == 1)
		memcpy(out, row, (size_t) width);
	else
		png_convert_narrow(reader, row, width, out);
}

/* ---------- rows ---------- */

/* Feeds the next IDAT to the stream; false if there is none. */
static bool
png_feed(PngRows *rows)
{
	const uint8_t *type;
	size_t		size;

	while (image_png_next(rows->bytes, rows->length, &rows->position, &type, &size) && !png_is(type, "IEND"))
		if (png_is(type, "IDAT"))
		{
			rows->stream.next_in = (z_const Bytef *) type + 4;
			rows->stream.avail_in = (uInt) size;
			return true;
		}
	return false;
}

/* One step of inflate(), which may have output pending without input; Z_OK: go on. */
static int
png_inflate(PngRows *rows)
{
	int			result = inflate(&rows->stream, Z_NO_FLUSH);

	if ((result != Z_OK && result != Z_BUF_ERROR) || rows->stream.avail_out == 0 || rows->stream.avail_in > 0)
		return result;
	return png_feed(rows) ? Z_OK : Z_DATA_ERROR;
}

/* The stream's next `count` bytes. */
static bool
png_stream(PngRows *rows, uint8_t *out, size_t count)
{
	int			result = Z_OK;

	rows->stream.next_out = out;
	rows->stream.avail_out = (uInt) count;
	while (rows->stream.avail_out > 0 && result == Z_OK)
		result = png_inflate(rows);
	return rows->stream.avail_out == 0;
}

/* Whether the stream ends with the right checksum; a little surplus data after the last row is harmless. */
static bool
png_stream_ends(PngRows *rows)
{
	uint8_t		surplus[256];
	int			result = Z_OK;

	for (int i = 0; i < SURPLUS_MAX && result == Z_OK; i++)
	{
		rows->stream.next_out = surplus;
		rows->stream.avail_out = sizeof surplus;
		result = png_inflate(rows);
	}
	return result == Z_STREAM_END;
}

/* The next row, preceded by its filter byte; NULL if the data is damaged. */
static uint8_t *
png_next_row(PngRows *rows, size_t row_bytes)
{
	uint8_t    *row = rows->next;

	if (row != NULL)
	{
		rows->next += row_bytes + 1;
		return row;
	}
	row = rows->own[rows->turn ^= 1];
	return png_stream(rows, row, row_bytes + 1) ? row : NULL;
}

static int
png_pass_side(int64_t side, int first, int step)
{
	return side > first ? (int) ((side - first + step - 1) / step) : 0;
}

static size_t
png_row_bytes(const ImageHeader *header, int64_t width)
{
	return ((size_t) width * (size_t) (header->samples * header->bits) + 7) / 8;
}

static const PngPass *
png_passes(const PngReader *reader, int *count)
{
	static const PngPass whole = {0, 0, 1, 1};
	static const PngPass interlaced[PASSES] = {
		{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
	};

	*count = reader->parts.interlaced ? PASSES : 1;
	return reader->parts.interlaced ? interlaced : &whole;
}

static bool
png_decode_pass(PngReader *reader, const PngPass *pass)
{
	const ImageHeader *header = reader->header;
	ImageRaster *raster = reader->raster;
	size_t		channels = (size_t) raster->channels;
	size_t		pixel_bytes = (size_t) (header->samples * header->bits) / 8;
	int			width = png_pass_side(raster->width, pass->x, pass->step_x);
	int			height = width > 0 ? png_pass_side(raster->height, pass->y, pass->step_y) : 0;
	size_t		row_bytes = png_row_bytes(header, width);
	const uint8_t *above = reader->zeros;

	for (int y = 0; y < height; y++)
	{
		uint8_t    *row = png_next_row(&reader->rows, row_bytes);
		size_t		place = (size_t) (pass->y + y * pass->step_y) * (size_t) raster->width + (size_t) pass->x;
		uint8_t    *out = raster->pixels + place * channels;

		if (row == NULL || !image_png_undo_filter(row[0], row + 1, above, row_bytes, pixel_bytes > 1 ? pixel_bytes : 1))
			return image_broken("PNG", "is damaged or truncated: its pixels cannot be decompressed", reader->status);
		above = row + 1;
		png_convert(reader, above, width, pass->step_x == 1 ? out : reader->line);
		for (int x = 0; pass->step_x > 1 && x < width; x++)
			memcpy(out + (size_t) (x * pass->step_x) * channels, reader->line + (size_t) x * channels, channels);
		if (host_interrupted(reader->host, reader->status))
			return false;
	}
	return true;
}

static bool
png_decode_passes(PngReader *reader)
{
	int			count;
	const PngPass *pass = png_passes(reader, &count);

	if (reader->header->samples == 1 && reader->header->bits <= 8)
		png_fill_table(reader);
	for (int i = 0; i < count; i++)
		if (!png_decode_pass(reader, &pass[i]))
			return false;
	return true;
}

/* ---------- the image ---------- */

static voidpf
png_zlib_allocate(voidpf host, uInt count, uInt size)
{
	Status		unused;

	return host_allocate(host, count, size, &unused);
}

static void
png_zlib_release(voidpf host, voidpf memory)
{
	host_release(host, memory);
}

static bool
png_decode_stream(PngReader *reader, const uint8_t *bytes, size_t length)
{
	size_t		row_bytes = png_row_bytes(reader->header, reader->header->width) + 1;
	PngRows    *rows = &reader->rows;
	uint8_t    *memory = host_allocate(reader->host, row_bytes, 2, reader->status);
	bool		done;

	if (memory == NULL)
		return false;
	*rows = (PngRows) {
		.stream = {.zalloc = png_zlib_allocate, .zfree = png_zlib_release, .opaque = (voidpf) reader->host},
		.bytes = bytes, .length = length, .position = PNG_SIGNATURE, .own = {memory, memory + row_bytes}
	};
	if (inflateInit(&rows->stream) != Z_OK)
	{
		host_release(reader->host, memory);
		return status_set(reader->status, STATUS_NO_MEMORY, NULL, "Could not allocate memory to decompress the PNG image.");
	}
	done = png_decode_passes(reader);
	if (done && !png_stream_ends(rows))
		done = image_broken("PNG", "is damaged or truncated: the checksum of its pixels is wrong", reader->status);
	inflateEnd(&rows->stream);
	host_release(reader->host, memory);
	return done;
}

/* The data of all IDATs in one piece: the file's own bytes if there is one IDAT, else *joined. */
static const uint8_t *
png_join_data(const PngReader *reader, const uint8_t *bytes, size_t length, uint8_t **joined)
{
	size_t		position = PNG_SIGNATURE;
	size_t		filled = 0;
	const uint8_t *type;
	size_t		size;

	*joined = NULL;
	if (reader->parts.data_chunks == 1)
		return reader->parts.data;
	*joined = host_allocate(reader->host, reader->parts.data_length, 1, reader->status);
	while (*joined != NULL && filled < reader->parts.data_length && image_png_next(bytes, length, &position, &type, &size))
		if (png_is(type, "IDAT"))
		{
			memcpy(*joined + filled, type + 4, size);
			filled += size;
		}
	return *joined;
}

/* Of all passes, with filter bytes; SIZE_MAX if they are too many to be inflated at once. */
static size_t
png_raw_bytes(const PngReader *reader)
{
	const ImageHeader *header = reader->header;
	int			count;
	const PngPass *pass = png_passes(reader, &count);
	size_t		sum = 0;

	for (int i = 0; i < count; i++)
	{
		int			width = png_pass_side(header->width, pass[i].x, pass[i].step_x);
		int			height = png_pass_side(header->height, pass[i].y, pass[i].step_y);

		if (width == 0 || height == 0)
			continue;
		if (png_row_bytes(header, width) + 1 > RAW_BYTES_MAX / (size_t) height)
			return SIZE_MAX;
		sum += (png_row_bytes(header, width) + 1) * (size_t) height;
	}
	return sum;
}

/* *fits is false if the image has to be streamed: because it is large, or to find the row where its data is damaged. */
static bool
png_decode_at_once(PngReader *reader, const uint8_t *bytes, size_t length, bool *fits)
{
	size_t		raw_bytes = png_raw_bytes(reader);
	struct libdeflate_decompressor *inflater;
	const uint8_t *data;
	uint8_t    *joined;
	size_t		read;
	size_t		written = 0;
	bool		done = false;

	*fits = raw_bytes <= RAW_BYTES_MAX;
	if (!*fits)
		return false;
	data = png_join_data(reader, bytes, length, &joined);
	if (data == NULL)
		return false;
	reader->rows = (PngRows) {.next = host_allocate(reader->host, raw_bytes, 1, reader->status)};
	inflater = reader->rows.next != NULL ? libdeflate_alloc_decompressor() : NULL;
	if (inflater == NULL)
		status_set(reader->status, STATUS_NO_MEMORY, NULL, "Could not allocate memory to decompress the PNG image.");
	else
	{
		uint8_t    *raw = reader->rows.next;

		*fits = libdeflate_zlib_decompress_ex(inflater, data, reader->parts.data_length, raw, raw_bytes, &read,
											  &written) == LIBDEFLATE_SUCCESS && written == raw_bytes;
		libdeflate_free_decompressor(inflater);
		done = *fits && png_decode_passes(reader);
		reader->rows.next = raw;
	}
	host_release(reader->host, reader->rows.next);
	host_release(reader->host, joined);
	return done;
}

static bool
png_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels,
		   const Host *host, ImageRaster *raster, Status *status)
{
	PngReader	reader = {.header = header, .raster = raster, .host = host, .status = status};
	size_t		row_bytes = png_row_bytes(header, header->width);
	uint8_t    *memory;
	bool		fits;
	bool		done;

	if (!image_png_find_parts(bytes, length, &reader.parts, status))
		return false;
	/* the row of zeros, and a row of pixels */
	memory = host_allocate_zero(host, row_bytes + (size_t) header->width * (size_t) channels, 1, status);
	if (memory == NULL)
		return false;
	reader.zeros = memory;
	reader.line = memory + row_bytes;
	if (!image_raster_allocate(raster, header->width, header->height, channels, host, status))
		done = false;
	else
	{
		done = png_decode_at_once(&reader, bytes, length, &fits);
		if (!fits)
			done = png_decode_stream(&reader, bytes, length);
	}
	host_release(host, memory);
	return done || image_raster_drop(raster, host);
}

static bool
is_png(const uint8_t *bytes, size_t length)
{
	return image_starts_with(bytes, length, "\x89PNG\r\n\x1a\n", PNG_SIGNATURE);
}

const ImageFormat image_format_png = {
	.name = "PNG",
	.is_mine = is_png,
	.header = image_png_header,
	.decode = png_decode,
};
