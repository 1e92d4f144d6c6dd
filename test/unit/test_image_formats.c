/*
 * test_image_formats.c: every format and depth is decoded to what it shows; what is damaged or too large is refused.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "host.h"
#include "image/image.h"
#include "image_samples.h"

#define PIXELS 4000000

/* The image as it is: its own size, colour or grey, no polarity. */
static ImagePreparation
as_it_is(int width, int height, int channels)
{
	return (ImagePreparation) {
		.width = width, .height = height, .channels = channels, .polarity = IMAGE_POLARITY_NONE, .fit = IMAGE_FIT_STRETCH,
		.keep_blank = true
	};
}

static double
luminance(const uint8_t *rgb)
{
	return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static void
each_format_shows_its_picture(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	Host	   *host = test_host();

	for (size_t i = 0; i < count; i++)
	{
		const ImageSample *sample = &samples[i];
		size_t		pixels = (size_t) sample->width * (size_t) sample->height;
		uint8_t    *raster = malloc(pixels * 3);
		Status		status = {0};
		int			worst = 0;
		ImagePreparation preparation = as_it_is(sample->width, sample->height, 3);

		if (!image_prepare(sample->bytes, sample->length, &preparation, PIXELS, host, raster, &status))
			fail_msg("%s: %s", sample->name, status.detail);
		for (size_t k = 0; k < pixels * 3; k++)
			worst = abs(raster[k] - sample->expected[k]) > worst ? abs(raster[k] - sample->expected[k]) : worst;
		if (worst > sample->tolerance)
			fail_msg("%s: colours are %d levels off", sample->name, worst);
		preparation = as_it_is(sample->width, sample->height, 1);
		if (!image_prepare(sample->bytes, sample->length, &preparation, PIXELS, host, raster, &status))
			fail_msg("%s: %s", sample->name, status.detail);
		for (size_t k = 0; k < pixels; k++)
			if (fabs(raster[k] - luminance(sample->expected + 3 * k)) > 0.5001 + sample->tolerance)
				fail_msg("%s: grey %d at %zu instead of %g", sample->name, raster[k], k, luminance(sample->expected + 3 * k));
		free(raster);
	}
	assert_int_equal(test_host_outstanding(), 0);
}

static void
exif_turns_the_picture(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	const ImageSample *jpeg = NULL;
	Host	   *host = test_host();

	for (size_t i = 0; i < count; i++)
		if (strcmp(samples[i].name, "JPEG colour") == 0)
			jpeg = &samples[i];
	assert_non_null(jpeg);
	for (int orientation = 0; orientation <= 9; orientation++)
	{
		int			meant = orientation >= 1 && orientation <= 8 ? orientation : 1;
		int			width = meant >= 5 ? jpeg->height : jpeg->width;
		int			height = meant >= 5 ? jpeg->width : jpeg->height;
		size_t		length;
		uint8_t    *bytes = image_sample_with_exif(jpeg, orientation, orientation & 1, &length);
		uint8_t    *raster = malloc((size_t) width * (size_t) height * 3);
		ImagePreparation preparation = as_it_is(width, height, 3);
		Status		status = {0};

		if (!image_prepare(bytes, length, &preparation, PIXELS, host, raster, &status))
			fail_msg("orientation %d: %s", orientation, status.detail);
		for (int y = 0; y < jpeg->height; y++)
			for (int x = 0; x < jpeg->width; x++)
			{
				int			seen_x;
				int			seen_y;

				image_sample_upright(meant, jpeg->width, jpeg->height, x, y, &seen_x, &seen_y);
				for (int c = 0; c < 3; c++)
					if (abs(raster[(seen_y * width + seen_x) * 3 + c] - jpeg->expected[(y * jpeg->width + x) * 3 + c]) > jpeg->tolerance)
						fail_msg("orientation %d: pixel %d, %d is wrong", orientation, x, y);
			}
		free(raster);
		free(bytes);
	}
}

/* An EXIF block with a directory, a count or an offset that leads out of it is no orientation and no error. */
static void
hostile_exif_is_harmless(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	Host	   *host = test_host();

	for (size_t i = 0; i < count; i++)
	{
		size_t		length;
		uint8_t    *bytes;
		uint8_t		raster[20 * 20];
		ImagePreparation preparation = as_it_is(20, 20, 1);
		Status		status = {0};

		if (strcmp(samples[i].name, "JPEG grey") != 0)
			continue;
		bytes = image_sample_with_exif(&samples[i], 6, 0, &length);
		for (int at = 12; at < 38; at++)
		{
			uint8_t		before = bytes[at];

			for (int value = 1; value < 256; value += 127)
			{
				bytes[at] = (uint8_t) (before + value);
				assert_true(image_prepare(bytes, length, &preparation, PIXELS, host, raster, &status));
			}
			bytes[at] = before;
		}
		free(bytes);
	}
}

static StatusCode
prepare_code(const uint8_t *bytes, size_t length, int64_t max_pixels, Status *status)
{
	uint8_t		raster[8 * 8];
	ImagePreparation preparation = as_it_is(8, 8, 1);

	status->code = STATUS_OK;
	status->hint[0] = '\0';
	return image_prepare(bytes, length, &preparation, max_pixels, test_host(), raster, status) ? STATUS_OK : status->code;
}

static void
too_many_pixels_are_refused_unseen(void **state)
{
	size_t		length;
	uint8_t    *bomb = image_sample_bomb(30000, 30000, &length);
	Status		status = {0};
	clock_t		start = clock();

	assert_int_equal(prepare_code(bomb, length, 50000000, &status), STATUS_IMAGE_TOO_LARGE);
	assert_string_equal(status.detail, "The PNG image has 30000 x 30000 pixels; the limit is 50000000 pixels.");
	assert_non_null(strstr(status.hint, "siamese.max_pixels"));
	assert_true((double) (clock() - start) / CLOCKS_PER_SEC < 0.05);
	assert_true(test_host_peak() < 4096);
	free(bomb);

	/* Sides whose product has more than 64 bits when squared, and none at all. */
	bomb = image_sample_bomb(0xFFFFFFFFu, 0xFFFFFFFFu, &length);
	assert_int_equal(prepare_code(bomb, length, INT64_MAX, &status), STATUS_IMAGE_TOO_LARGE);
	free(bomb);
	bomb = image_sample_bomb(0, 10, &length);
	assert_int_equal(prepare_code(bomb, length, 50000000, &status), STATUS_IMAGE_BROKEN);
	free(bomb);
}

static void
the_limit_is_exact_in_every_format(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	Status		status = {0};

	for (size_t i = 0; i < count; i++)
	{
		int64_t		pixels = (int64_t) samples[i].width * samples[i].height;

		if (prepare_code(samples[i].bytes, samples[i].length, pixels, &status) != STATUS_OK)
			fail_msg("%s at its own size: %s", samples[i].name, status.detail);
		if (prepare_code(samples[i].bytes, samples[i].length, pixels - 1, &status) != STATUS_IMAGE_TOO_LARGE)
			fail_msg("%s with a limit one below its size: %d %s", samples[i].name, status.code, status.detail);
	}
}

static void
what_is_no_image_is_refused(void **state)
{
	static const char *const others[] = {"%PDF-1.4", "<svg>", "P9 3 3", "P5", "GIF88a", "RIFF1234WAVE", "B", "\xff\xd8", "\x89PNG"};
	Status		status = {0};

	assert_int_equal(prepare_code((const uint8_t *) "", 0, PIXELS, &status), STATUS_IMAGE_FORMAT);
	assert_string_equal(status.detail, "The image is empty.");
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
	{
		assert_int_equal(prepare_code((const uint8_t *) others[i], strlen(others[i]), PIXELS, &status), STATUS_IMAGE_FORMAT);
		assert_non_null(strstr(status.hint, "WebP"));
	}
}

/* Every length of every sample: an error or a picture, nothing on stderr, nothing left over. */
static void
cut_off_images_are_harmless(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	Status		status = {0};

	for (size_t i = 0; i < count; i++)
	{
		size_t		step = samples[i].length / 700 + 1;

		for (size_t length = 0; length < samples[i].length; length += length < 200 ? 1 : step)
		{
			/* A copy of just that length, so that a sanitizer sees what is read behind it. */
			uint8_t    *cut = malloc(length + 1);
			StatusCode	code;

			memcpy(cut, samples[i].bytes, length);
			cut = realloc(cut, length ? length : 1);
			code = prepare_code(cut, length, PIXELS, &status);
			if (code == STATUS_OK && length < samples[i].length / 2)
				fail_msg("%s was accepted with %zu of %zu bytes", samples[i].name, length, samples[i].length);
			assert_int_equal(test_host_outstanding(), 0);
			free(cut);
		}
	}
}

/* Libraries below report damage on stderr; in a server that is the log. */
static void
damage_is_not_printed(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	Status		status = {0};
	FILE	   *caught = tmpfile();
	int			kept = dup(STDERR_FILENO);
	long		printed;

	assert_non_null(caught);
	fflush(stderr);
	dup2(fileno(caught), STDERR_FILENO);
	for (size_t i = 0; i < count; i++)
	{
		uint8_t    *damaged = malloc(samples[i].length);

		memcpy(damaged, samples[i].bytes, samples[i].length);
		for (size_t at = samples[i].length / 3; at < samples[i].length; at += 7)
			damaged[at] ^= 0x55;
		prepare_code(damaged, samples[i].length, PIXELS, &status);
		free(damaged);
	}
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	fseek(caught, 0, SEEK_END);
	printed = ftell(caught);
	fclose(caught);
	assert_int_equal(printed, 0);
}

static void
running_out_of_memory_is_an_error(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	uint8_t		raster[20 * 20 * 3];
	ImagePreparation preparation = {
		.width = 20, .height = 20, .channels = 3, .polarity = IMAGE_POLARITY_AUTO, .remove_background = true, .crop = true,
		.centre = true, .margin = 0.1, .normalise = true, .keep_blank = true
	};

	for (size_t i = 0; i < count; i += 3)
		for (long n = 0;; n++)
		{
			Host	   *host = test_host();
			Status		status = {0};
			bool		done;

			test_host_fail_after(n);
			done = image_prepare(samples[i].bytes, samples[i].length, &preparation, PIXELS, host, raster, &status);
			assert_int_equal(test_host_outstanding(), 0);
			if (done)
				break;
			assert_int_equal(status.code, STATUS_NO_MEMORY);
			assert_true(n < 100);
		}
	test_host();
}

/* Whether to stop is asked for each row at least. */
static void
an_interrupt_stops_the_work(void **state)
{
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	uint8_t		raster[20 * 20];
	ImagePreparation preparation = {
		.width = 20, .height = 20, .channels = 1, .polarity = IMAGE_POLARITY_DARK, .crop = true, .keep_blank = true
	};

	for (size_t i = 0; i < count; i++)
		for (long n = 0;; n += 1 + n / 4)
		{
			Host	   *host = test_host();
			Status		status = {0};

			test_host_interrupt_after(n);
			if (image_prepare(samples[i].bytes, samples[i].length, &preparation, PIXELS, host, raster, &status))
			{
				if (n < 18)
					fail_msg("%s: asked %ld times at most", samples[i].name, n);
				break;
			}
			assert_int_equal(status.code, STATUS_INTERRUPTED);
			assert_int_equal(test_host_outstanding(), 0);
		}
	test_host();
}

/* The whole image again and again: one of 7,000 x 7,000 pixels may have 20 scans, a small one 100. */
static void
the_scans_of_a_jpeg_are_limited(void **state)
{
	Status		status = {0};
	size_t		length;
	uint8_t    *jpeg = image_sample_of_scans(7000, 7000, 21, &length);

	assert_int_equal(prepare_code(jpeg, length, 50000000, &status), STATUS_IMAGE_TOO_LARGE);
	assert_string_equal(status.detail, "The JPEG image of 7000 x 7000 pixels has 21 scans; the limit for this size is 20.");
	free(jpeg);
	jpeg = image_sample_of_scans(64, 64, 100, &length);
	assert_int_equal(prepare_code(jpeg, length, 50000000, &status), STATUS_OK);
	free(jpeg);
	jpeg = image_sample_of_scans(64, 64, 101, &length);
	assert_int_equal(prepare_code(jpeg, length, 50000000, &status), STATUS_IMAGE_BROKEN);
	free(jpeg);
}

/* Each scan of an image of several is read a row of blocks at a time. */
static void
an_interrupt_stops_a_scan(void **state)
{
	size_t		length;
	uint8_t    *jpeg = image_sample_of_scans(640, 640, 30, &length);
	uint8_t		raster[8 * 8];
	ImagePreparation preparation = as_it_is(8, 8, 1);

	for (long n = 1; n < 30 * 80; n += 101)
	{
		Host	   *host = test_host();
		Status		status = {0};

		test_host_interrupt_after(n);
		assert_false(image_prepare(jpeg, length, &preparation, PIXELS, host, raster, &status));
		assert_int_equal(status.code, STATUS_INTERRUPTED);
		assert_int_equal(test_host_outstanding(), 0);
	}
	test_host();
	free(jpeg);
}

static void
missing_pixels_are_an_error(void **state)
{
	static const char *const tiffs[] = {
		"TIFF RGB in strips", "TIFF RGB in tiles", "TIFF RGB in planes", "TIFF RGB and associated alpha", "TIFF CMYK", "TIFF CMYK 16 bits",
		"TIFF palette with alpha", "TIFF YCbCr in strips"
	};
	size_t		count;
	const ImageSample *samples = image_samples(&count);
	Status		status = {0};

	for (size_t i = 0; i < sizeof tiffs / sizeof tiffs[0]; i++)
	{
		size_t		length;
		uint8_t    *cut = image_sample_cut_tiff(tiffs[i], &length);

		if (prepare_code(cut, length, PIXELS, &status) != STATUS_IMAGE_BROKEN)
			fail_msg("%s is accepted without its last pixels", tiffs[i]);
		free(cut);
	}
	/* A JPEG, or its last scan, that ends too early, with an end marker and without. */
	for (size_t i = 0; i < count; i++)
		if (strcmp(samples[i].name, "JPEG colour") == 0 || strcmp(samples[i].name, "JPEG progressive") == 0)
			for (size_t left_out = 12; left_out < 500; left_out += 29)
			{
				uint8_t    *cut = malloc(samples[i].length);
				size_t		length = samples[i].length - left_out;

				memcpy(cut, samples[i].bytes, length);
				memcpy(cut + length, "\xff\xd9", 2);
				if (prepare_code(cut, length, PIXELS, &status) != STATUS_IMAGE_BROKEN)
					fail_msg("%s is accepted without its last %zu bytes", samples[i].name, left_out);
				/* the scans that follow one may be missing on purpose where there is an end */
				if (prepare_code(cut, length + 2, PIXELS, &status) != STATUS_IMAGE_BROKEN && strcmp(samples[i].name, "JPEG colour") == 0)
					fail_msg("%s is accepted with an end in place of its last %zu bytes", samples[i].name, left_out);
				free(cut);
			}
}

static void
an_encoded_raster_comes_back(void **state)
{
	for (int channels = 1; channels <= 3; channels += 2)
	{
		enum {width = 13, height = 9};
		uint8_t		raster[width * height * 3];
		uint8_t		back[width * height * 3];
		ImagePreparation preparation = as_it_is(width, height, channels);
		Host	   *host = test_host();
		Status		status = {0};
		uint8_t    *png;
		size_t		length;

		for (int i = 0; i < width * height * channels; i++)
			raster[i] = (uint8_t) (i * 37 + i / 11);
		assert_true(image_encode_png(raster, width, height, channels, host, &png, &length, &status));
		assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
		assert_true(image_prepare(png, length, &preparation, PIXELS, host, back, &status));
		assert_memory_equal(raster, back, (size_t) (width * height * channels));
		host_release(host, png);
		assert_int_equal(test_host_outstanding(), 0);
		test_host_fail_after(0);
		assert_false(image_encode_png(raster, width, height, channels, host, &png, &length, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_false(image_encode_png(raster, 0, height, channels, host, &png, &length, &status));
		assert_int_equal(status.code, STATUS_ARGUMENT);
	}
	test_host();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_shows_its_picture),
		cmocka_unit_test(exif_turns_the_picture),
		cmocka_unit_test(hostile_exif_is_harmless),
		cmocka_unit_test(too_many_pixels_are_refused_unseen),
		cmocka_unit_test(the_limit_is_exact_in_every_format),
		cmocka_unit_test(what_is_no_image_is_refused),
		cmocka_unit_test(cut_off_images_are_harmless),
		cmocka_unit_test(damage_is_not_printed),
		cmocka_unit_test(running_out_of_memory_is_an_error),
		cmocka_unit_test(an_interrupt_stops_the_work),
		cmocka_unit_test(an_interrupt_stops_a_scan),
		cmocka_unit_test(the_scans_of_a_jpeg_are_limited),
		cmocka_unit_test(missing_pixels_are_an_error),
		cmocka_unit_test(an_encoded_raster_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
