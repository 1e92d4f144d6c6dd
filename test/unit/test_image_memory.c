/*
 * test_image_memory.c: when malloc fails within a library that reads an image, that is said, never that the image is damaged.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host.h"
#include "image/image.h"
#include "image_samples.h"

/* The address sanitizer has a malloc of its own. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static long allowed = -1;		/* allocations that succeed; -1: all */

/* Smaller blocks can always be had. */
static size_t small;

static bool
fails(size_t size)
{
	if (size < small)
		return false;
	if (allowed == 0)
	{
		errno = ENOMEM;
		return true;
	}
	allowed -= allowed > 0;
	return false;
}

void *
malloc(size_t size)
{
	return fails(size) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails(count * size) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *block, size_t size)
{
	return fails(size) ? NULL : __libc_realloc(block, size);
}

static void
a_library_out_of_memory_is_no_damage(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	uint8_t		raster[20 * 20 * 3];
	ImagePreparation preparation = {.width = 20, .height = 20, .channels = 3, .keep_blank = true};
	Host	   *host = test_host();
	long		most = 0;

	for (size_t i = 0; i < count; i++)
	{
		bool		done = false;

		/* Some versions of libtiff and libwebp do not survive the loss of small blocks, which their readers make sure of before. */
		small = strncmp(samples[i].name, "TIFF", 4) == 0 || strncmp(samples[i].name, "WebP", 4) == 0 ? 8192 : 0;
		for (long n = -1; !done; n++)
		{
			Status		status = {0};

			/* -1: none fails, and the library is loaded */
			allowed = n;
			done = image_prepare(samples[i].bytes, samples[i].length, &preparation, 1000000, host, raster, &status) && n >= 0;
			allowed = -1;
			if (n >= 0 && !done && status.code != STATUS_NO_MEMORY)
				fail_msg("%s, allocation %ld: status %d, %s", samples[i].name, n, status.code, status.detail);
			most = n > most ? n : most;
		}
	}
	assert_int_equal(test_host_outstanding(), 0);
	assert_true(most > 5);
}

#else

static void
a_library_out_of_memory_is_no_damage(void **state)
{
	skip();
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_library_out_of_memory_is_no_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
