/*
 * tiff.c: the pixels of a TIFF, by libtiff.
 *
 * libtiff decompresses; the samples are interpreted here, because its own RGBA interface ignores alpha beside a palette and, in
 * most versions, missing data.  One row or tile is requested at a time, with a check for interrupts in between.
 */
#include "image/image_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tiffio.h>

#define FUNCTIONS(DO) \
	DO(TIFFClientOpenExt) DO(TIFFClose) DO(TIFFOpenOptionsAlloc) DO(TIFFOpenOptionsFree) \
	DO(TIFFOpenOptionsSetMaxSingleMemAlloc) DO(TIFFOpenOptionsSetErrorHandlerExtR) DO(TIFFOpenOptionsSetWarningHandlerExtR) \
	DO(TIFFSetSubDirectory) DO(TIFFGetField) DO(TIFFGetFieldDefaulted) DO(TIFFSetField) DO(TIFFIsTiled) DO(TIFFScanlineSize64) \
	DO(TIFFReadScanline) DO(TIFFTileSize64) DO(TIFFTileRowSize64) DO(TIFFReadTile) DO(TIFFNumberOfStrips) DO(TIFFNumberOfTiles) \
	DO(TIFFGetStrileOffset) DO(TIFFGetStrileByteCount) DO(TIFFReadRGBAStripExt)

IMAGE_LIBRARY(tiff, LIBTIFF_LIBRARY, FUNCTIONS);

/* Bytes of a tile; tiles are usually 256 pixels wide. */
#define TILE_BYTES_MAX (32 << 20)

static bool
tiff_load(Status *status)
{
	return image_library_load(&tiff_library, status);
}

typedef struct Reader
{
	const uint8_t *bytes;
	size_t		length;
	size_t		position;
	const ImageHeader *header;
	const Host *host;
	Status	   *status;
	ImageRaster *raster;
	bool		decoding;		/* the directory has been read */
	bool		luma;			/* YCbCr, which libtiff converts to RGB */
	bool		damaged;		/* libtiff has reported damage to the pixels */

	TIFF	   *file;
	uint16_t	photometric;
	uint16_t	compression;
	uint16_t	planar;
	int			colours;		/* samples of a pixel that are its colour: 1, 3 or 4 */
	int			alpha;			/* index of the alpha sample, or -1 */
	ImageAlpha	alpha_kind;
	int			kept;			/* samples of a pixel that are used: the colours and the alpha */
	uint8_t    *samples;		/* uint8 [height, width, kept]: up to 8 bits unchanged, 16 bits without the low ones */
	uint8_t		table[256][3];	/* colour of each value of a single sample */
} Reader;

/* ---------- the file ---------- */

static tmsize_t
file_read(thandle_t handle, void *buffer, tmsize_t size)
{
	Reader	   *reader = handle;
	size_t		left = reader->length - reader->position;
	size_t		count = size < 0 ? 0 : (size_t) size < left ? (size_t) size : left;

	memcpy(buffer, reader->bytes + reader->position, count);
	reader->position += count;
	return (tmsize_t) count;
}

static tmsize_t
file_write(thandle_t handle, void *buffer, tmsize_t size)
{
	return -1;
}

static toff_t
file_seek(thandle_t handle, toff_t offset, int whence)
{
	Reader	   *reader = handle;
	toff_t		base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? reader->position : reader->length;

	if (offset > reader->length - base)
		return (toff_t) -1;
	reader->position = (size_t) (base + offset);
	return reader->position;
}

static int
file_close(thandle_t handle)
{
	return 0;
}

static toff_t
file_size(thandle_t handle)
{
	return ((Reader *) handle)->length;
}

static int
file_map(thandle_t handle, void **base, toff_t *size)
{
	Reader	   *reader = handle;

	*base = (void *) (uintptr_t) reader->bytes;
	*size = reader->length;
	return 1;
}

static void
file_unmap(thandle_t handle, void *base, toff_t size)
{
}

/* ---------- messages ---------- */

/* libtiff's own type of these functions has no format attribute. */
#pragma GCC diagnostic ignored "-Wmissing-format-attribute"

static int
on_error(TIFF *file, void *user, const char *module, const char *format, va_list arguments)
{
	Reader	   *reader = user;

	reader->damaged |= reader->decoding;
	return 1;
}

/* The fax and JPEG decoders only warn about missing or invalid data; other warnings are harmless. */
static int
on_warning(TIFF *file, void *user, const char *module, const char *format, va_list arguments)
{
	Reader	   *reader = user;
	char		text[256];

	vsnprintf(text, sizeof text, format, arguments);
	if (reader->decoding && (strstr(text, "Premature EOF") != NULL ||
							 (strstr(text, "Corrupt JPEG data") != NULL && strstr(text, "extraneous bytes") == NULL)))
		reader->damaged = true;
	return 1;
}

static bool
broken(const Reader *reader, const char *what)
{
	if (errno == ENOMEM)
		return status_set(reader->status, STATUS_NO_MEMORY, NULL, "Could not allocate memory to decode the TIFF image.");
	return image_broken("TIFF", what, reader->status);
}

static bool
open_file(Reader *reader)
{
	TIFFOpenOptions *options;

	if (!image_library_reserve(reader->host, reader->status))
		return false;
	options = tiff.TIFFOpenOptionsAlloc();
	if (options == NULL)
		return broken(reader, "cannot be opened");
	/* more than any row, tile or piece of the file needs: bounds what a damaged directory can request */
	tiff.TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t) (reader->length + TILE_BYTES_MAX +
																  64 * (size_t) reader->header->width));
	tiff.TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, reader);
	tiff.TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, reader);
	/* "h": header only; the directory is selected below */
	reader->file = tiff.TIFFClientOpenExt("image", "rh", reader, file_read, file_write, file_seek, file_close, file_size,
										  file_map, file_unmap, options);
	tiff.TIFFOpenOptionsFree(options);
	if (reader->file == NULL || !tiff.TIFFSetSubDirectory(reader->file, reader->header->data_start))
		return broken(reader, "has a directory that cannot be read");
	reader->decoding = true;
	return true;
}

/* ---------- what the samples mean ---------- */

static bool
fill_table(Reader *reader)
{
	int			most = (1 << (reader->header->bits < 8 ? reader->header->bits : 8)) - 1;
	uint16_t   *map[3];
	bool		wide = false;

	if (reader->photometric != PHOTOMETRIC_PALETTE)
	{
		for (int v = 0; v <= most; v++)
			memset(reader->table[v], (reader->photometric == PHOTOMETRIC_MINISWHITE ? most - v : v) * 255 / most, 3);
		return true;
	}
	if (!tiff.TIFFGetField(reader->file, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
		return broken(reader, "has no palette");
	/* some writers use only the lower 8 of the 16 bits */
	for (int v = 0; v <= most; v++)
		wide = wide || map[0][v] > 255 || map[1][v] > 255 || map[2][v] > 255;
	for (int v = 0; v <= most; v++)
		for (int c = 0; c < 3; c++)
			reader->table[v][c] = (uint8_t) (wide ? map[c][v] >> 8 : map[c][v]);
	return true;
}

/* The first extra sample that is declared as alpha; if nothing is declared, the first one. */
static void
find_alpha(Reader *reader)
{
	uint16_t	count = 0;
	uint16_t   *kinds = NULL;
	bool		told = tiff.TIFFGetField(reader->file, TIFFTAG_EXTRASAMPLES, &count, &kinds) != 0;
	int			extra = reader->header->samples - reader->colours;

	reader->alpha = -1;
	reader->alpha_kind = IMAGE_ALPHA_STRAIGHT;
	if (!told && extra > 0)
		reader->alpha = reader->colours;
	for (int i = 0; told && i < count && i < extra && reader->alpha < 0; i++)
		if (kinds[i] == EXTRASAMPLE_ASSOCALPHA || kinds[i] == EXTRASAMPLE_UNASSALPHA)
		{
			reader->alpha = reader->colours + i;
			if (kinds[i] == EXTRASAMPLE_ASSOCALPHA)
				reader->alpha_kind = IMAGE_ALPHA_PREMULTIPLIED;
		}
	reader->kept = reader->colours + (reader->alpha >= 0);
}

static bool
read_directory(Reader *reader)
{
	const ImageHeader *header = reader->header;
	uint32_t	width = 0;
	uint32_t	height = 0;
	uint16_t	samples = 0;
	uint16_t	bits = 0;
	uint16_t	inks = INKSET_CMYK;

	tiff.TIFFGetField(reader->file, TIFFTAG_IMAGEWIDTH, &width);
	tiff.TIFFGetField(reader->file, TIFFTAG_IMAGELENGTH, &height);
	tiff.TIFFGetFieldDefaulted(reader->file, TIFFTAG_SAMPLESPERPIXEL, &samples);
	tiff.TIFFGetFieldDefaulted(reader->file, TIFFTAG_BITSPERSAMPLE, &bits);
	tiff.TIFFGetFieldDefaulted(reader->file, TIFFTAG_COMPRESSION, &reader->compression);
	tiff.TIFFGetFieldDefaulted(reader->file, TIFFTAG_PLANARCONFIG, &reader->planar);
	tiff.TIFFGetFieldDefaulted(reader->file, TIFFTAG_INKSET, &inks);
	if (!tiff.TIFFGetField(reader->file, TIFFTAG_PHOTOMETRIC, &reader->photometric))
		reader->photometric = samples >= 3 ? PHOTOMETRIC_RGB :
			reader->compression >= COMPRESSION_CCITTRLE && reader->compression <= COMPRESSION_CCITTFAX4 ? PHOTOMETRIC_MINISWHITE :
			PHOTOMETRIC_MINISBLACK;
	/* the image that is decoded must be the one whose header was checked */
	if (width != header->width || height != header->height || samples != header->samples || bits != header->bits)
		return broken(reader, "does not match its header");
	if (reader->photometric == PHOTOMETRIC_YCBCR && reader->compression == COMPRESSION_JPEG)
	{
		tiff.TIFFSetField(reader->file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
		reader->photometric = PHOTOMETRIC_RGB;
	}
	reader->luma = reader->photometric == PHOTOMETRIC_YCBCR && bits == 8 && samples == 3 &&
		reader->planar == PLANARCONFIG_CONTIG && !tiff.TIFFIsTiled(reader->file);
	if (reader->luma)
		reader->photometric = PHOTOMETRIC_RGB;
	if (reader->photometric == PHOTOMETRIC_MASK)
		reader->photometric = PHOTOMETRIC_MINISBLACK;
	if (reader->photometric > PHOTOMETRIC_PALETTE && (reader->photometric != PHOTOMETRIC_SEPARATED || inks != INKSET_CMYK))
		return broken(reader, "has an unsupported colour space");
	reader->colours = reader->photometric == PHOTOMETRIC_RGB ? 3 : reader->photometric == PHOTOMETRIC_SEPARATED ? 4 : 1;
	if (samples < reader->colours)
		return broken(reader, "has too few samples for its colour space");
	if (reader->colours > 1 && bits < 8)
		return broken(reader, "has colours of less than 8 bits per sample, which is not supported");
	find_alpha(reader);
	return reader->colours > 1 || fill_table(reader);
}

/* A progressive JPEG within a TIFF would be decoded in one call that cannot be interrupted. */
static bool
check_jpeg_parts(const Reader *reader)
{
	uint32_t	parts = tiff.TIFFIsTiled(reader->file) ? tiff.TIFFNumberOfTiles(reader->file) :
		tiff.TIFFNumberOfStrips(reader->file);

	for (uint32_t i = 0; i < parts && reader->compression == COMPRESSION_JPEG; i++)
	{
		uint64_t	offset = tiff.TIFFGetStrileOffset(reader->file, i);
		uint64_t	size = tiff.TIFFGetStrileByteCount(reader->file, i);
		ImageHeader header = {.orientation = 1};
		Status		unused;

		if (offset > reader->length || size > reader->length - offset || size < 4)
			return broken(reader, "is truncated");
		if (!image_jpeg_header(reader->bytes + offset, (size_t) size, &header, &unused) || header.scans > header.samples)
			return broken(reader, "holds JPEG data that is damaged or of an unsupported kind");
	}
	return true;
}

/* ---------- samples ---------- */

/* Copies `count` pixels of a row from libtiff, of `stored` samples each, the first of which is number `first`. */
static void
keep_samples(Reader *reader, const uint8_t *in, int stored, int first, uint8_t *out, int count)
{
	int			bits = reader->header->bits;

	for (int s = 0; s < stored; s++)
	{
		int			sample = first + s;
		bool		is_alpha = sample == reader->alpha;
		int			to = is_alpha ? reader->colours : sample;

		if (sample >= reader->colours && !is_alpha)
			continue;
		if (bits == 8)
			for (int x = 0; x < count; x++)
				out[x * reader->kept + to] = in[x * stored + s];
		else if (bits == 16)
		{
			uint32_t   *used = is_alpha ? &reader->raster->used_alpha : &reader->raster->used;
			int			dropped = is_alpha ? reader->header->dropped_alpha : reader->header->dropped;

			for (int x = 0; x < count; x++)
			{
				uint16_t	value;

				memcpy(&value, in + 2 * ((size_t) x * (size_t) stored + (size_t) s), 2);
				*used |= value;
				out[x * reader->kept + to] = (uint8_t) (value >> dropped);
			}
		}
		else
			for (int x = 0; x < count; x++)
			{
				int			bit = (x * stored + s) * bits;

				out[x * reader->kept + to] = (uint8_t) (in[bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1));
			}
	}
}

static bool
take_strips(Reader *reader, int plane, int stored)
{
	const ImageHeader *header = reader->header;
	size_t		needed = ((size_t) header->width * (size_t) stored * (size_t) header->bits + 7) / 8;
	size_t		size = (size_t) tiff.TIFFScanlineSize64(reader->file);
	uint8_t    *row;
	bool		done = true;

	if (size < needed || size > needed + 64)
		return broken(reader, "has rows of an unsupported size");
	row = host_allocate(reader->host, size, 1, reader->status);
	if (row == NULL)
		return false;
	for (int y = 0; y < header->height && done; y++)
	{
		if (tiff.TIFFReadScanline(reader->file, row, (uint32_t) y, (uint16_t) plane) < 0 || reader->damaged)
			done = broken(reader, "is damaged or truncated: pixels are missing");
		else
			keep_samples(reader, row, stored, plane,
						 reader->samples + (size_t) y * (size_t) header->width * (size_t) reader->kept, (int) header->width);
		done = done && !host_interrupted(reader->host, reader->status);
	}
	host_release(reader->host, row);
	return done;
}

static bool
take_tiles(Reader *reader, int plane, int stored)
{
	const ImageHeader *header = reader->header;
	uint32_t	tile_width = 0;
	uint32_t	tile_height = 0;
	uint64_t	size = tiff.TIFFTileSize64(reader->file);
	uint64_t	row_size = tiff.TIFFTileRowSize64(reader->file);
	uint8_t    *tile;
	bool		done = true;

	tiff.TIFFGetField(reader->file, TIFFTAG_TILEWIDTH, &tile_width);
	tiff.TIFFGetField(reader->file, TIFFTAG_TILELENGTH, &tile_height);
	if (tile_width == 0 || tile_height == 0 || size > TILE_BYTES_MAX || row_size * tile_height > size ||
		row_size < ((uint64_t) tile_width * (uint64_t) (stored * header->bits) + 7) / 8)
		return broken(reader, "has tiles of an unsupported size");
	tile = host_allocate(reader->host, (size_t) size, 1, reader->status);
	if (tile == NULL)
		return false;
	for (int64_t top = 0; top < header->height && done; top += tile_height)
		for (int64_t left = 0; left < header->width && done; left += tile_width)
		{
			int64_t		wide = header->width - left < tile_width ? header->width - left : tile_width;
			int64_t		high = header->height - top < tile_height ? header->height - top : tile_height;

			if (tiff.TIFFReadTile(reader->file, tile, (uint32_t) left, (uint32_t) top, 0, (uint16_t) plane) < 0 ||
				reader->damaged)
				done = broken(reader, "is damaged or truncated: a tile is missing");
			for (int64_t y = 0; y < high && done; y++)
			{
				size_t		place = (size_t) (top + y) * (size_t) header->width + (size_t) left;

				keep_samples(reader, tile + (size_t) y * (size_t) row_size, stored, plane,
							 reader->samples + place * (size_t) reader->kept, (int) wide);
			}
			done = done && !host_interrupted(reader->host, reader->status);
		}
	host_release(reader->host, tile);
	return done;
}

/* Strips of YCbCr as RGBA, which libtiff delivers bottom row first. */
static bool
take_luma_strips(Reader *reader)
{
	const ImageHeader *header = reader->header;
	uint32_t	rows = 0;
	uint32_t   *strip;
	bool		done = true;

	tiff.TIFFGetFieldDefaulted(reader->file, TIFFTAG_ROWSPERSTRIP, &rows);
	if (rows == 0 || rows > header->height)
		rows = (uint32_t) header->height;
	tiff.TIFFSetField(reader->file, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);	/* applied in decode.c */
	strip = host_allocate(reader->host, (size_t) header->width * rows, sizeof(uint32_t), reader->status);
	if (strip == NULL)
		return false;
	for (int64_t top = 0; top < header->height && done; top += rows)
	{
		int64_t		high = header->height - top < rows ? header->height - top : rows;

		if (!tiff.TIFFReadRGBAStripExt(reader->file, (uint32_t) top, strip, 1) || reader->damaged)
			done = broken(reader, "is damaged or truncated: pixels are missing");
		for (int64_t y = 0; y < high && done; y++)
		{
			const uint32_t *row = strip + (high - 1 - y) * header->width;
			uint8_t    *out = reader->samples + (top + y) * header->width * 3;

			for (int64_t x = 0; x < header->width; x++, out += 3)
			{
				out[0] = TIFFGetR(row[x]);
				out[1] = TIFFGetG(row[x]);
				out[2] = TIFFGetB(row[x]);
			}
		}
		done = done && !host_interrupted(reader->host, reader->status);
	}
	host_release(reader->host, strip);
	return done;
}

static bool
take_samples(Reader *reader)
{
	bool		separate = reader->planar == PLANARCONFIG_SEPARATE && reader->header->samples > 1;
	int			planes = separate ? reader->header->samples : 1;
	int			stored = separate ? 1 : reader->header->samples;
	bool		done = true;

	if (reader->luma)
		return take_luma_strips(reader);
	for (int plane = 0; plane < planes && done; plane++)
		if (plane < reader->colours || plane == reader->alpha)
			done = tiff.TIFFIsTiled(reader->file) ? take_tiles(reader, plane, stored) : take_strips(reader, plane, stored);
	return done;
}

/* ---------- pixels ---------- */

static bool
convert(Reader *reader)
{
	ImageRaster *raster = reader->raster;
	const uint8_t *in = reader->samples;
	uint8_t    *out = raster->pixels;
	int			bits = reader->header->bits;
	int			most = bits < 8 ? (1 << bits) - 1 : 255;

	for (int y = 0; y < raster->height; y++)
	{
		for (int x = 0; x < raster->width; x++, in += reader->kept, out += raster->channels)
		{
			uint8_t		rgb[3];

			if (reader->colours == 1)
				memcpy(rgb, reader->table[in[0]], 3);
			else
				for (int c = 0; c < 3; c++)
					rgb[c] = (uint8_t) (reader->colours == 3 ? in[c] : ((255 - in[c]) * (255 - in[3]) + 127) / 255);
			for (int c = 0; reader->alpha >= 0 && c < 3; c++)
				rgb[c] = image_over_white(rgb[c], (uint32_t) in[reader->colours] * 255 / (uint32_t) most, reader->alpha_kind);
			image_put_pixel(rgb, raster->channels, out);
		}
		if (host_interrupted(reader->host, reader->status))
			return false;
	}
	return true;
}

static bool
tiff_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels, const Host *host,
			ImageRaster *raster, Status *status)
{
	Reader		reader = {.bytes = bytes, .length = length, .header = header, .host = host, .status = status, .raster = raster};
	bool		done;

	if (!tiff_load(status))
		return false;
	errno = 0;					/* libtiff reports a failed malloc in no other way */
	done = open_file(&reader) && read_directory(&reader) && check_jpeg_parts(&reader);
	if (done)
		reader.samples = host_allocate(host, (size_t) header->width * (size_t) header->height, (size_t) reader.kept, status);
	done = done && reader.samples != NULL && take_samples(&reader) &&
		image_raster_allocate(raster, header->width, header->height, channels, host, status) && convert(&reader);
	/* libtiff ignores a tag whose allocation fails */
	if (done && errno == ENOMEM)
		done = broken(&reader, "");
	if (reader.file != NULL)
		tiff.TIFFClose(reader.file);
	host_release(host, reader.samples);
	return done || image_raster_drop(raster, host);
}

static bool
is_tiff(const uint8_t *bytes, size_t length)
{
	return image_starts_with(bytes, length, "II*\0", 4) || image_starts_with(bytes, length, "MM\0*", 4) ||
		image_starts_with(bytes, length, "II+\0", 4) || image_starts_with(bytes, length, "MM\0+", 4);
}

const ImageFormat image_format_tiff = {
	.name = "TIFF",
	.is_mine = is_tiff,
	.header = image_tiff_header,
	.decode = tiff_decode,
	.load = tiff_load,
};
