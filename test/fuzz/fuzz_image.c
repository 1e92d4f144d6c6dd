/*
 * fuzz_image.c: fuzz_image SEED COUNT
 *
 * COUNT damaged images of all formats are prepared: bits flipped, cut off, spliced, header fields set to extremes, a PNG's
 * checksums mended afterwards.  Each must give an error or a raster; memory must neither grow nor be asked for beyond what
 * the limit of pixels allows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "image/image.h"
#include "unit/host.h"
#include "unit/image_samples.h"

#define MAX_PIXELS 4000000
#define LARGEST_BLOCK (16 * MAX_PIXELS + (1 << 20)) /* of bytes, in one piece */
#define GROWTH (256 * 1024)		/* that a library may keep for itself */
#define ROOM (1 << 18)

/* Of the address sanitizer's runtime; absent in a build without it. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
extern int	__sanitizer_install_malloc_and_free_hooks(void (*on_malloc) (const volatile void *, size_t),
													  void (*on_free) (const volatile void *)) __attribute__((weak));

static size_t largest;

static void
on_malloc(const volatile void *block, size_t size)
{
	if (block != NULL && size > largest)
		largest = size;
}

static void
on_free(const volatile void *block)
{
}

static size_t
live_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

/* A number of 1 to 4 bytes, somewhere, becomes an extreme one. */
static void
set_extreme(uint8_t *bytes, size_t length, Random *random)
{
	static const uint32_t extremes[] = {
		0, 1, 2, 3, 7, 15, 16, 17, 255, 256, 1000, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF
	};
	uint32_t	value = extremes[random_below(random, sizeof extremes / sizeof extremes[0])];
	int			size = 1 << random_below(random, 3);
	bool		big_endian = random_below(random, 2) != 0;
	size_t		reach = random_below(random, 4) != 0 && length > 96 ? 96 : length;
	size_t		at;

	/* The directory of a TIFF stands at the end. */
	if (bytes[0] == 'I' || bytes[0] == 'M')
		at = random_below(random, 2) != 0 && length > 200 ? length - 1 - random_below(random, 200) : random_below(random, (uint32_t) reach);
	else
		at = random_below(random, (uint32_t) reach);
	for (int i = 0; i < size && at + (size_t) i < length; i++)
		bytes[at + (size_t) i] = (uint8_t) (value >> 8 * (big_endian ? size - 1 - i : i));
}

static void
mend_png(uint8_t *bytes, size_t length)
{
	size_t		at = 8;

	while (length >= 12 && at <= length - 12)
	{
		size_t		size = (size_t) bytes[at] << 24 | (size_t) bytes[at + 1] << 16 | (size_t) bytes[at + 2] << 8 | bytes[at + 3];
		uint32_t	crc = 0xFFFFFFFFu;

		if (size > length - at - 12)
			break;
		for (size_t i = 0; i < size + 4; i++)
		{
			crc ^= bytes[at + 4 + i];
			for (int bit = 0; bit < 8; bit++)
				crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
		}
		crc = ~crc;
		for (int i = 0; i < 4; i++)
			bytes[at + 8 + size + (size_t) i] = (uint8_t) (crc >> (24 - 8 * i));
		at += size + 12;
	}
}

static size_t
mutate(const ImageSample *samples, size_t count, uint8_t *bytes, Random *random)
{
	const ImageSample *sample = &samples[random_below(random, (uint32_t) count)];
	size_t		length = sample->length;

	memcpy(bytes, sample->bytes, length);
	for (uint32_t left = 1 + random_below(random, 4); left > 0 && length > 0; left--)
	{
		const ImageSample *other = &samples[random_below(random, (uint32_t) count)];
		size_t		from;
		size_t		size;
		size_t		at;

		switch (random_below(random, 8))
		{
			case 0:
			case 1:
				for (uint32_t i = 1 + random_below(random, 8); i > 0; i--)
					bytes[random_below(random, (uint32_t) length)] ^= (uint8_t) (1 << random_below(random, 8));
				break;
			case 2:
			case 3:
			case 4:
				set_extreme(bytes, length, random);
				break;
			case 5:
				length = random_below(random, (uint32_t) length);
				break;
			case 6:				/* a piece of another image over this one's bytes */
				from = random_below(random, (uint32_t) other->length);
				size = random_below(random, 64) + 1;
				at = random_below(random, (uint32_t) length);
				size = size < other->length - from ? size : other->length - from;
				size = size < length - at ? size : length - at;
				memcpy(bytes + at, other->bytes + from, size);
				break;
			default:			/* some bytes twice, or left out */
				at = random_below(random, (uint32_t) length);
				size = random_below(random, 64);
				size = size < length - at ? size : length - at;
				if (random_below(random, 2) != 0 && length + size <= ROOM)
				{
					memmove(bytes + at + size, bytes + at, length - at);
					length += size;
				}
				else
				{
					memmove(bytes + at, bytes + at + size, length - at - size);
					length -= size;
				}
				break;
		}
	}
	if (random_below(random, 4) != 0)
		mend_png(bytes, length);
	return length;
}

static ImagePreparation
draw_preparation(Random *random)
{
	ImagePreparation preparation = {
		.width = 1 + (int) random_below(random, 64), .height = 1 + (int) random_below(random, 64),
		.channels = random_below(random, 2) ? 3 : 1, .polarity = (ImagePolarity) random_below(random, 4),
		.fit = (ImageFit) random_below(random, 2), .margin = random_range(random, 0, 0.4), .normalise = random_below(random, 2) != 0,
		.keep_blank = random_below(random, 4) != 0
	};

	if (preparation.polarity != IMAGE_POLARITY_NONE)
	{
		preparation.remove_background = random_below(random, 2) != 0;
		preparation.crop = random_below(random, 2) != 0;
		preparation.centre = random_below(random, 2) != 0;
	}
	return preparation;
}

int
main(int argc, char **argv)
{
	uint64_t	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	long		mutations = argc > 2 ? strtol(argv[2], NULL, 10) : 10000;
	static uint8_t work[ROOM];
	static uint8_t raster[64 * 64 * 3];
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	long		decoded = 0;
	size_t		settled = 0;

	for (size_t i = 0; i < count; i++)
		if (samples[i].length > ROOM / 2)
			return fprintf(stderr, "sample %s is too large to be mutated\n", samples[i].name), 1;
	if (__sanitizer_install_malloc_and_free_hooks)
		__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	for (long i = 0; i < mutations; i++)
	{
		Random		random = random_stream(seed, (uint64_t) i);
		size_t		length = mutate(samples, count, work, &random);
		ImagePreparation preparation = draw_preparation(&random);
		uint8_t    *bytes = malloc(length ? length : 1);	/* of just that length, for the sanitizer */
		Status		status = {0};
		Host	   *host = test_host();
		bool		done;

		memcpy(bytes, work, length);
		done = image_prepare(bytes, length, &preparation, MAX_PIXELS, host, raster, &status);
		free(bytes);
		decoded += done;
		if (!done && (status.detail[0] == '\0' || (status.code != STATUS_IMAGE_FORMAT && status.code != STATUS_IMAGE_BROKEN &&
												   status.code != STATUS_IMAGE_TOO_LARGE && status.code != STATUS_IMAGE_BLANK)))
			return printf("mutation %ld: status %d \"%s\"\n", i, status.code, status.detail), 1;
		if (test_host_outstanding() != 0)
			return printf("mutation %ld: %ld allocations were not released\n", i, test_host_outstanding()), 1;
		if (largest > LARGEST_BLOCK)
			return printf("mutation %ld: %zu bytes were asked for in one piece\n", i, largest), 1;
		/* The first tenth lets the libraries take what they keep. */
		if (i == mutations / 10)
			settled = live_bytes();
		else if (i > mutations / 10 && live_bytes() > settled + GROWTH)
			return printf("mutation %ld: memory has grown from %zu to %zu bytes\n", i, settled, live_bytes()), 1;
	}
	printf("%ld mutations, %ld decoded, %ld refused\n", mutations, decoded, mutations - decoded);
	return 0;
}
