/*
 * test_image_png.c: the reader of PNG beside Leptonica's: the same pixels, for generated files of every kind, whole and damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <leptonica/allheaders.h>
#include <libdeflate.h>

#include "common/random.h"
#include "host.h"
#include "image/image_internal.h"

#define FILES 4000
#define DAMAGES 20000
#define PIXELS 4000000
#define SIDE_MAX 40
#define ROOM (1 << 20)

typedef struct Kind
{
	int			colour_type;
	int			bits;
	int			samples;
} Kind;

static const Kind kinds[] = {
	{0, 1, 1}, {0, 2, 1}, {0, 4, 1}, {0, 8, 1}, {0, 16, 1}, {2, 8, 3}, {2, 16, 3}, {3, 1, 1}, {3, 2, 1}, {3, 4, 1}, {3, 8, 1},
	{4, 8, 2}, {4, 16, 2}, {6, 8, 4}, {6, 16, 4}
};

typedef struct File
{
	uint8_t		bytes[ROOM];
	size_t		length;
} File;

static void
put(File *file, const void *data, size_t length)
{
	assert_true(file->length + length <= ROOM);
	memcpy(file->bytes + file->length, data, length);
	file->length += length;
}

static void
put_32(File *file, uint32_t value)
{
	uint8_t		bytes[4] = {(uint8_t) (value >> 24), (uint8_t) (value >> 16), (uint8_t) (value >> 8), (uint8_t) value};

	put(file, bytes, 4);
}

static void
put_chunk(File *file, const char *type, const void *data, size_t length)
{
	size_t		start;

	put_32(file, (uint32_t) length);
	start = file->length;
	put(file, type, 4);
	put(file, data, length);
	put_32(file, libdeflate_crc32(0, file->bytes + start, length + 4));
}

static void
fill_random(uint8_t *bytes, size_t length, Random *random)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t) random_below(random, 256);
}

static void
put_colours(File *file, const Kind *kind, Random *random)
{
	uint8_t		bytes[3 * 256];

	if (kind->colour_type == 3)
	{
		size_t		colours = (size_t) 1 << kind->bits;

		fill_random(bytes, 3 * colours, random);
		put_chunk(file, "PLTE", bytes, 3 * colours);
		if (random_below(random, 2) == 0)
		{
			fill_random(bytes, colours, random);
			put_chunk(file, "tRNS", bytes, 1 + random_below(random, (uint32_t) colours));
		}
	}
}

/* Rows of every step-th pixel, all noise or all nearly alike, each with a filter of its own; returns their bytes. */
static size_t
fill_rows(uint8_t *raw, const Kind *kind, int width, int height, const int pass[4], bool noise, Random *random)
{
	size_t		columns = (size_t) (width > pass[0] ? (width - pass[0] + pass[2] - 1) / pass[2] : 0);
	size_t		rows = (size_t) (height > pass[1] && columns > 0 ? (height - pass[1] + pass[3] - 1) / pass[3] : 0);
	size_t		row_bytes = (columns * (size_t) (kind->samples * kind->bits) + 7) / 8;

	for (size_t i = 0; i < (row_bytes + 1) * rows; i++)
		raw[i] = (uint8_t) (i % (row_bytes + 1) == 0 ? random_below(random, 5) : random_below(random, noise ? 256 : 3));
	return (row_bytes + 1) * rows;
}

/* Compressed, in up to four pieces. */
static void
put_pixels(File *file, const Kind *kind, int width, int height, bool interlaced, Random *random)
{
	static const int whole[4] = {0, 0, 1, 1};
	static const int passes[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
	uint8_t    *raw = malloc(ROOM);
	size_t		length = 0;
	size_t		room = ROOM + 1024;
	uint8_t    *packed = malloc(room);
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor((int) random_below(random, 10));
	bool		noise = random_below(random, 2) == 0;
	size_t		done = 0;

	for (int i = 0; i < (interlaced ? 7 : 1); i++)
		length += fill_rows(raw + length, kind, width, height, interlaced ? passes[i] : whole, noise, random);
	length = libdeflate_zlib_compress(compressor, raw, length, packed, room);
	assert_true(length > 0);
	while (done < length)
	{
		size_t		piece = random_below(random, 3) == 0 ? length - done : 1 + random_below(random, (uint32_t) (length - done));

		put_chunk(file, "IDAT", packed + done, piece);
		done += piece;
	}
	libdeflate_free_compressor(compressor);
	free(packed);
	free(raw);
}

static void
make_file(File *file, const Kind *kind, Random *random)
{
	int			width = 1 + (int) random_below(random, SIDE_MAX);
	int			height = 1 + (int) random_below(random, SIDE_MAX);
	bool		interlaced = random_below(random, 3) == 0;
	uint8_t		header[13] = {0, 0, 0, (uint8_t) width, 0, 0, 0, (uint8_t) height, (uint8_t) kind->bits, (uint8_t) kind->colour_type, 0, 0, interlaced};

	file->length = 0;
	put(file, "\x89PNG\r\n\x1a\n", 8);
	put_chunk(file, "IHDR", header, sizeof header);
	if (random_below(random, 3) == 0)
		put_chunk(file, "tEXt", "Comment\0none", 12);
	put_colours(file, kind, random);
	put_pixels(file, kind, width, height, interlaced, random);
	put_chunk(file, "IEND", "", 0);
}

/* Its pixels over white, as far as Leptonica can be trusted: without a clear colour.  pixels NULL: refused. */
static void
decode_by_leptonica(const uint8_t *bytes, size_t length, int channels, const Host *host, ImageRaster *raster)
{
	PIX		   *read = pixReadMemPng(bytes, length);
	PIX		   *pix = read != NULL ? pixConvertTo32(read) : NULL;
	Status		status;

	memset(raster, 0, sizeof *raster);
	if (pix != NULL && image_raster_allocate(raster, pixGetWidth(pix), pixGetHeight(pix), channels, host, &status))
		for (int y = 0; y < raster->height; y++)
			for (int x = 0; x < raster->width; x++)
			{
				l_int32		value[4] = {0, 0, 0, 255};
				uint8_t		rgb[3];
				l_uint32	pixel;

				pixGetPixel(pix, x, y, &pixel);
				extractRGBAValues(pixel, &value[0], &value[1], &value[2], pixGetSpp(read) == 4 ? &value[3] : NULL);
				if (pixGetColormap(read) != NULL)
				{
					pixGetPixel(read, x, y, &pixel);
					memset(value, 255, sizeof value);
					if ((l_int32) pixel < pixcmapGetCount(pixGetColormap(read)))
						pixcmapGetRGBA(pixGetColormap(read), (l_int32) pixel, &value[0], &value[1], &value[2], &value[3]);
				}
				for (int c = 0; c < 3; c++)
					rgb[c] = image_over_white((uint32_t) value[c] & 255, (uint32_t) value[3] & 255, IMAGE_ALPHA_STRAIGHT);
				image_put_pixel(rgb, channels, raster->pixels + (y * raster->width + x) * channels);
			}
	pixDestroy(&pix);
	pixDestroy(&read);
}

static void
assert_same(const ImageRaster *ours, const ImageRaster *theirs, const char *what, int number)
{
	size_t		values = (size_t) ours->width * (size_t) ours->height * (size_t) ours->channels;

	assert_int_equal(ours->width, theirs->width);
	assert_int_equal(ours->height, theirs->height);
	for (size_t i = 0; i < values; i++)
		if (ours->pixels[i] != theirs->pixels[i])
			fail_msg("%s %d: %d instead of %d at %zu", what, number, ours->pixels[i], theirs->pixels[i], i);
}

static void
whole_files_have_the_same_pixels(void **state)
{
	Host	   *host = test_host();
	static File file;

	for (int i = 0; i < FILES; i++)
	{
		Random		random = random_stream(1, (uint64_t) i);
		int			channels = random_below(&random, 2) == 0 ? 1 : 3;
		ImageHeader header;
		ImageRaster ours = {0};
		ImageRaster theirs;
		Status		status = {0};

		make_file(&file, &kinds[i % (int) (sizeof kinds / sizeof kinds[0])], &random);
		if (!image_header_read(file.bytes, file.length, PIXELS, &header, &status) ||
			!image_format_png.decode(file.bytes, file.length, &header, channels, host, &ours, &status))
			fail_msg("file %d: %s", i, status.detail);
		decode_by_leptonica(file.bytes, file.length, channels, host, &theirs);
		if (ours.pixels == NULL || theirs.pixels == NULL)
			fail_msg("file %d was not decoded", i);
		assert_same(&ours, &theirs, "file", i);
		host_release(host, ours.pixels);
		host_release(host, theirs.pixels);
	}
	assert_int_equal(test_host_outstanding(), 0);
}

/* A byte of a chunk is changed, and its checksum made to fit again or not. */
static void
damage(File *file, Random *random)
{
	size_t		at = 8;

	for (uint32_t skip = random_below(random, 5); skip > 0; skip--)
	{
		size_t		next = at + 12 + image_be32(file->bytes + at);

		if (next + 12 > file->length)
			break;
		at = next;
	}
	{
		uint32_t	size = image_be32(file->bytes + at);
		uint32_t	byte = random_below(random, size + 4);
		uint32_t	bit = random_below(random, 8);
		uint32_t	sum;

		/* not the reserved bit of a chunk's name: newer versions of libpng refuse it, and the format says not to */
		if (byte == 2 && bit == 5)
			bit = 4;
		file->bytes[at + 4 + byte] ^= (uint8_t) (1 << bit);
		if (random_below(random, 4) == 0)
			return;
		sum = libdeflate_crc32(0, file->bytes + at + 4, size + 4);
		for (int i = 0; i < 4; i++)
			file->bytes[at + 8 + size + (uint32_t) i] = (uint8_t) (sum >> (24 - 8 * i));
	}
}

/* What is made of a damaged file, if anything, is what Leptonica makes of it, or of the whole file if it refuses the damaged one. */
static void
damaged_files_have_no_other_pixels(void **state)
{
	Host	   *host = test_host();
	static File whole;
	static File file;
	int			decoded = 0;
	int			refused = 0;

	for (int i = 0; i < DAMAGES; i++)
	{
		Random		random = random_stream(2, (uint64_t) i);
		ImageHeader header;
		ImageRaster ours = {0};
		ImageRaster theirs;
		Status		status = {0};

		make_file(&file, &kinds[i % (int) (sizeof kinds / sizeof kinds[0])], &random);
		whole = file;
		damage(&file, &random);
		if (!image_header_read(file.bytes, file.length, PIXELS, &header, &status))
			continue;
		if (!image_format_png.decode(file.bytes, file.length, &header, 3, host, &ours, &status))
		{
			assert_int_equal(status.code, STATUS_IMAGE_BROKEN);
			refused++;
			continue;
		}
		decoded++;
		decode_by_leptonica(file.bytes, file.length, 3, host, &theirs);
		if (theirs.pixels == NULL)
			decode_by_leptonica(whole.bytes, whole.length, 3, host, &theirs);
		assert_same(&ours, &theirs, "file", i);
		host_release(host, ours.pixels);
		host_release(host, theirs.pixels);
	}
	assert_true(decoded > DAMAGES / 10 && refused > DAMAGES / 10);
	assert_int_equal(test_host_outstanding(), 0);
}

/* Too many rows to be inflated at once; the data in one chunk, or with its last bytes in chunks of their own. */
static void
large_files_are_streamed(void **state)
{
	enum {side = 4200};
	static File file;
	static const size_t tails[] = {0, 1, 4, 5, 9};
	const size_t length = (size_t) side * (side + 1);
	uint8_t    *raw = malloc(length);
	uint8_t    *packed = malloc(ROOM);
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(1);
	size_t		packed_length;
	Host	   *host = test_host();

	for (size_t i = 0; i < length; i++)
		raw[i] = (uint8_t) (i % (side + 1) == 0 ? 0 : i / (side + 1) >> 4);
	packed_length = libdeflate_zlib_compress(compressor, raw, length, packed, ROOM / 2);
	assert_true(packed_length > 0);
	for (size_t t = 0; t < sizeof tails / sizeof tails[0]; t++)
		for (int damaged = 0; damaged <= 1; damaged++)
		{
			uint8_t		header[13] = {0, 0, side >> 8, side & 255, 0, 0, side >> 8, side & 255, 8};
			ImageRaster raster = {0};
			Status		status = {0};

			file.length = 0;
			put(&file, "\x89PNG\r\n\x1a\n", 8);
			put_chunk(&file, "IHDR", header, sizeof header);
			packed[packed_length - 1] ^= (uint8_t) damaged; /* of the checksum */
			put_chunk(&file, "IDAT", packed, packed_length - tails[t]);
			for (size_t i = tails[t]; i > 0; i--)
				put_chunk(&file, "IDAT", packed + packed_length - i, 1);
			put_chunk(&file, "IDAT", "", 0);
			packed[packed_length - 1] ^= (uint8_t) damaged;
			put_chunk(&file, "IEND", "", 0);
			if (image_decode(file.bytes, file.length, 1, 0, (int64_t) side * side, host, &raster, &status) != !damaged)
				fail_msg("tail %zu, %s: %s", tails[t], damaged ? "damaged" : "whole", status.detail);
			for (size_t y = 0; !damaged && y < side; y++)
				assert_memory_equal(raster.pixels + y * side, raw + y * (side + 1) + 1, side);
			host_release(host, raster.pixels);
		}
	assert_int_equal(test_host_outstanding(), 0);
	libdeflate_free_compressor(compressor);
	free(packed);
	free(raw);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_files_have_the_same_pixels),
		cmocka_unit_test(damaged_files_have_no_other_pixels),
		cmocka_unit_test(large_files_are_streamed),
	};

	setMsgSeverity(L_SEVERITY_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
