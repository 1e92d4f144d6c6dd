/*
 * image_leptonica.c: all that touches Leptonica: its readers, and its PNG writer.
 *
 * Leptonica and the libraries below it allocate with malloc, which the header's limits bound, and report on stderr, which
 * in a server is the log: they are silenced while they work.  Nothing of ours is called back from within them, so
 * nothing can jump across them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* fopencookie */
#endif

#include "image/image_internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <leptonica/allheaders.h>

/*
 * Leptonica comes with a dozen other libraries: loading them takes three milliseconds, which a new connection that reads PNG and
 * PNM need not wait for.  So it is loaded when an image first needs it.
 */
#define FUNCTIONS(DO) \
	DO(setMsgSeverity) DO(lept_free) DO(pixCreate) DO(pixDestroy) DO(pixGetData) DO(pixGetWpl) DO(pixGetDimensions) DO(pixGetSpp) \
	DO(pixGetColormap) DO(pixcmapGetCount) DO(pixcmapGetRGBA) DO(pixReadMemPng) DO(pixReadMemJpeg) DO(pixReadMemTiff) \
	DO(pixReadMemBmp) DO(pixReadMemGif) DO(pixReadMemWebP) DO(pixWriteMemPng)

#define TEXT(name) #name
#define TEXT_OF(name) TEXT(name)

static struct
{
#define DECLARE(name) __typeof__(name) *name;
	FUNCTIONS(DECLARE)
}			lept;
static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static void *library;			/* all of lept is there */

static bool
find_functions(void *loaded)
{
#define FIND(name) if ((lept.name = (__typeof__(name) *) dlsym(loaded, #name)) == NULL) return false;
	FUNCTIONS(FIND)
	return true;
}

bool
image_load_leptonica(Status *status)
{
	bool		done;

	pthread_mutex_lock(&load_lock);
	if (library == NULL)
	{
		void	   *loaded = dlopen(TEXT_OF(LEPTONICA_LIBRARY), RTLD_NOW | RTLD_LOCAL);

		if (loaded != NULL && find_functions(loaded))
			library = loaded;
		else
			status_set(status, STATUS_LIBRARY, "Install Leptonica on the server, of the version that the extension was built with.", "%s",
					   dlerror());
	}
	done = library != NULL;
	pthread_mutex_unlock(&load_lock);
	return done;
}

static pthread_mutex_t quiet_lock = PTHREAD_MUTEX_INITIALIZER;
static int	quiet_users;
static l_int32 quiet_severity;
#ifdef __GLIBC__
static FILE *quiet_sink;
static FILE *quiet_stderr;

static ssize_t
swallow(void *cookie, const char *text, size_t size)
{
	return (ssize_t) size;
}
#endif

/*
 * libpng and libjpeg print to the C library's variable stderr, whatever Leptonica's severity is.  glibc lets a program
 * set that variable; the file descriptor 2, to which the server's own messages go, is left alone.
 */
static void
quiet_begin(void)
{
	pthread_mutex_lock(&quiet_lock);
	if (quiet_users++ == 0)
	{
		quiet_severity = lept.setMsgSeverity(L_SEVERITY_NONE);
#ifdef __GLIBC__
		if (quiet_sink == NULL)
		{
			quiet_sink = fopencookie(NULL, "w", (cookie_io_functions_t) {.write = swallow});
			if (quiet_sink != NULL)
				setvbuf(quiet_sink, NULL, _IONBF, 0);
		}
		quiet_stderr = stderr;
		if (quiet_sink != NULL)
			stderr = quiet_sink;
#endif
	}
	pthread_mutex_unlock(&quiet_lock);
}

static void
quiet_end(void)
{
	pthread_mutex_lock(&quiet_lock);
	if (--quiet_users == 0)
	{
		lept.setMsgSeverity(quiet_severity);
#ifdef __GLIBC__
		stderr = quiet_stderr;
#endif
	}
	pthread_mutex_unlock(&quiet_lock);
}

static PIX *
read_pix(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels, int reduction)
{
	l_int32		warnings = 0;
	PIX		   *pix = NULL;

	quiet_begin();
	switch (header->format)
	{
		case IMAGE_FORMAT_PNG:
			pix = lept.pixReadMemPng(bytes, length);
			break;
		case IMAGE_FORMAT_JPEG:
			/* Bad data is not continued with: half a face must not become an embedding. */
			pix = lept.pixReadMemJpeg(bytes, length, 0, reduction, &warnings,
								 channels == 1 && header->samples == 3 ? L_JPEG_READ_LUMINANCE : 0);
			break;
		case IMAGE_FORMAT_TIFF:
			pix = lept.pixReadMemTiff(bytes, length, 0);
			break;
		case IMAGE_FORMAT_BMP:
			pix = lept.pixReadMemBmp(bytes, length);
			break;
		case IMAGE_FORMAT_GIF:
			pix = lept.pixReadMemGif(bytes, length);
			break;
		case IMAGE_FORMAT_WEBP:
			pix = lept.pixReadMemWebP(bytes, length);
			break;
		default:
			break;
	}
	if (warnings > 0)
		lept.pixDestroy(&pix);
	quiet_end();
	return pix;
}

/* What each value of a sample of up to 8 bits looks like. */
static void
fill_table(PIX *pix, int depth, const ImageHeader *header, uint8_t table[256][3])
{
	PIXCMAP    *colours = lept.pixGetColormap(pix);
	int			most = (1 << depth) - 1;

	memset(table, 255, 256 * 3);
	for (int value = 0; value <= most; value++)
	{
		uint8_t    *rgb = table[value];
		l_int32		red;
		l_int32		green;
		l_int32		blue;
		l_int32		alpha;

		if (colours != NULL)
		{
			if (value >= lept.pixcmapGetCount(colours) || lept.pixcmapGetRGBA(colours, value, &red, &green, &blue, &alpha) != 0)
				continue;
			rgb[0] = image_over_white((uint32_t) red, (uint32_t) alpha, IMAGE_ALPHA_STRAIGHT);
			rgb[1] = image_over_white((uint32_t) green, (uint32_t) alpha, IMAGE_ALPHA_STRAIGHT);
			rgb[2] = image_over_white((uint32_t) blue, (uint32_t) alpha, IMAGE_ALPHA_STRAIGHT);
		}
		else
		{
			bool		invert = header->invert != (depth == 1);	/* a 1 of a single bit is black */

			memset(rgb, (invert ? most - value : value) * 255 / most, 3);
		}
		if (value == header->clear_index || image_is_clear(header, rgb))
			memset(rgb, 255, 3);
	}
}

static void
convert_narrow_rows(PIX *pix, int depth, const ImageHeader *header, ImageRaster *raster)
{
	uint8_t		table[256][3];
	uint8_t		grey[256];
	uint8_t    *out = raster->pixels;

	fill_table(pix, depth, header, table);
	for (int value = 0; value < 256; value++)
		grey[value] = image_luminance(table[value][0], table[value][1], table[value][2]);
	for (int y = 0; y < raster->height; y++)
	{
		const l_uint32 *line = lept.pixGetData(pix) + (size_t) y * (size_t) lept.pixGetWpl(pix);
		int			x = 0;

		/* the usual kind, a word at a time */
		for (; depth == 8 && raster->channels == 1 && x + 4 <= raster->width; x += 4, line++)
		{
			*out++ = grey[*line >> 24];
			*out++ = grey[*line >> 16 & 0xFF];
			*out++ = grey[*line >> 8 & 0xFF];
			*out++ = grey[*line & 0xFF];
		}
		line -= x / 4;
		for (; x < raster->width; x++, out += raster->channels)
		{
			int			bit = x * depth;
			uint32_t	value = line[bit >> 5] >> (32 - depth - (bit & 31)) & ((1u << depth) - 1);

			if (raster->channels == 1)
				*out = grey[value];
			else
				memcpy(out, table[value], 3);
		}
	}
}

static void
convert_wide_rows(PIX *pix, int depth, const ImageHeader *header, ImageRaster *raster)
{
	bool		has_alpha = depth == 32 && lept.pixGetSpp(pix) == 4 && header->alpha != IMAGE_ALPHA_IGNORED;
	uint8_t    *out = raster->pixels;

	for (int y = 0; y < raster->height; y++)
	{
		const l_uint32 *line = lept.pixGetData(pix) + (size_t) y * (size_t) lept.pixGetWpl(pix);

		for (int x = 0; x < raster->width; x++, out += raster->channels)
		{
			uint8_t		rgb[3];

			if (depth == 16)
			{
				uint32_t	value = line[x >> 1] >> (x & 1 ? 0 : 16) & 0xFFFF;

				memset(rgb, (int) ((header->invert ? 65535 - value : value) >> 8), 3);
			}
			else
				for (int c = 0; c < 3; c++)
				{
					uint32_t	colour = line[x] >> (24 - 8 * c) & 0xFF;

					rgb[c] = (uint8_t) (has_alpha ? image_over_white(colour, line[x] & 0xFF, header->alpha) : colour);
				}
			if (image_is_clear(header, rgb))
				memset(rgb, 255, 3);
			image_put_pixel(rgb, raster->channels, out);
		}
	}
}

bool
image_leptonica_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels,
					   int reduction, const Host *host, ImageRaster *raster, Status *status)
{
	PIX		   *pix;
	l_int32		width;
	l_int32		height;
	l_int32		depth;

	if (!image_load_leptonica(status))
		return false;
	pix = read_pix(bytes, length, header, channels, reduction);
	if (pix == NULL)
		return image_broken(header->format, "cannot be decoded: its data is damaged or of an unsupported kind", status);
	/* The reader must have seen the size that was checked (a JPEG may be smaller, by its reduction). */
	if (lept.pixGetDimensions(pix, &width, &height, &depth) != 0 ||
		width > header->width || height > header->height ||
		(depth != 1 && depth != 2 && depth != 4 && depth != 8 && depth != 16 && depth != 32))
	{
		lept.pixDestroy(&pix);
		return image_broken(header->format, "holds another image than its header says", status);
	}
	raster->width = width;
	raster->height = height;
	raster->channels = channels;
	raster->pixels = host_allocate(host, (size_t) width * (size_t) height, (size_t) channels, status);
	if (raster->pixels != NULL)
	{
		if (depth <= 8)
			convert_narrow_rows(pix, depth, header, raster);
		else
			convert_wide_rows(pix, depth, header, raster);
	}
	lept.pixDestroy(&pix);
	return raster->pixels != NULL;
}

bool
image_encode_png(const uint8_t *raster, int width, int height, int channels,
				 const Host *host, uint8_t **png, size_t *length, Status *status)
{
	PIX		   *pix;
	l_uint8    *encoded = NULL;
	size_t		encoded_length = 0;
	l_ok		failed;

	*png = NULL;
	*length = 0;
	if (width < 1 || height < 1 || (channels != 1 && channels != 3))
		return status_set(status, STATUS_ARGUMENT, NULL, "A raster of %d x %d pixels and %d channels cannot be a PNG.",
						  width, height, channels);
	if (!image_load_leptonica(status))
		return false;
	quiet_begin();
	pix = lept.pixCreate(width, height, channels == 1 ? 8 : 32);
	if (pix == NULL)
	{
		quiet_end();
		return status_set(status, STATUS_NO_MEMORY, NULL, "Could not allocate an image of %d x %d pixels.", width, height);
	}
	for (int y = 0; y < height; y++)
	{
		l_uint32   *line = lept.pixGetData(pix) + (size_t) y * (size_t) lept.pixGetWpl(pix);
		const uint8_t *row = raster + (size_t) y * (size_t) width * (size_t) channels;

		for (int x = 0; x < width; x++)
		{
			if (channels == 1)
				line[x >> 2] |= (l_uint32) row[x] << (24 - 8 * (x & 3));
			else
				line[x] = (l_uint32) row[3 * x] << 24 | (l_uint32) row[3 * x + 1] << 16 | (l_uint32) row[3 * x + 2] << 8;
		}
	}
	failed = lept.pixWriteMemPng(&encoded, &encoded_length, pix, 0.0);
	lept.pixDestroy(&pix);
	quiet_end();
	if (!failed && encoded != NULL)
	{
		*png = host_allocate(host, encoded_length, 1, status);
		if (*png != NULL)
		{
			memcpy(*png, encoded, encoded_length);
			*length = encoded_length;
		}
	}
	else
		status_set(status, STATUS_NO_MEMORY, NULL, "Could not encode a PNG of %d x %d pixels.", width, height);
	lept.lept_free(encoded);
	return *png != NULL;
}
