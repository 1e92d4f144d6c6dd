/*
 * png_write.c: raster -> PNG, by Leptonica.
 *
 * Leptonica and the libraries below it allocate with malloc, bounded by the size of the raster, and report on stderr, which in a
 * server is the log: they are silenced while they work.  They call no function of ours.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* fopencookie */
#endif

#include "image/image_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <leptonica/allheaders.h>

#define FUNCTIONS(DO) \
	DO(setMsgSeverity) DO(lept_free) DO(pixCreate) DO(pixDestroy) DO(pixGetData) DO(pixGetWpl) DO(pixWriteMemPng)

IMAGE_LIBRARY(lept, LEPTONICA_LIBRARY, FUNCTIONS);

bool
image_leptonica_load(Status *status)
{
	return image_library_load(&lept_library, status);
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
 * libpng prints to the C library's stderr whatever Leptonica's severity is.  glibc allows setting that variable; file descriptor
 * 2, which carries the server's own messages, is left alone.
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
		return status_set(status, STATUS_ARGUMENT, NULL, "A raster of %d x %d pixels and %d channels cannot be encoded as PNG.",
						  width, height, channels);
	if (!image_leptonica_load(status))
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
