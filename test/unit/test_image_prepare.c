/*
 * test_image_prepare.c: the geometry of the preparation against closed forms, its averages against a naive computation in
 * double precision, polarity and background on pictures whose ink is known.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/random.h"
#include "host.h"
#include "image/image.h"

#define PIXELS 50000000

/* A picture as a PGM or PPM, which every value passes unchanged. */
typedef struct Picture
{
	int			width;
	int			height;
	int			channels;
	size_t		header;
	size_t		length;
	uint8_t    *bytes;
	uint8_t    *pixels;
} Picture;

static Picture
new_picture(int width, int height, int channels, int level)
{
	Picture		picture = {.width = width, .height = height, .channels = channels};
	char		header[64];
	size_t		size = (size_t) width * (size_t) height * (size_t) channels;

	picture.header = (size_t) snprintf(header, sizeof header, "P%d %d %d 255\n", channels == 1 ? 5 : 6, width, height);
	picture.length = picture.header + size;
	picture.bytes = malloc(picture.length);
	memcpy(picture.bytes, header, picture.header);
	picture.pixels = picture.bytes + picture.header;
	memset(picture.pixels, level, size);
	return picture;
}

static void
draw_box(Picture *picture, int left, int top, int right, int bottom, int level)
{
	for (int y = top; y < bottom; y++)
		memset(picture->pixels + (size_t) (y * picture->width + left) * (size_t) picture->channels, level,
			   (size_t) (right - left) * (size_t) picture->channels);
}

static void
prepare(const Picture *picture, const ImagePreparation *preparation, uint8_t *raster)
{
	Host	   *host = test_host();
	Status		status = {0};

	if (!image_prepare(picture->bytes, picture->length, preparation, PIXELS, host, raster, &status))
		fail_msg("%s", status.detail);
	assert_int_equal(test_host_outstanding(), 0);
}

/* Length of the overlap of two intervals. */
static double
overlap(double a, double b, double c, double d)
{
	double		length = fmin(b, d) - fmax(a, c);

	return length > 0 ? length : 0;
}

/* Mean of the picture under target pixel (x, y) when area maps to place; fill outside both. */
static double
naive_mean(const Picture *picture, int channel, const double area[4], const double place[4], double fill, int x, int y)
{
	double		scale_x = area[2] / place[2];
	double		scale_y = area[3] / place[3];
	double		left = area[0] + (x - place[0]) * scale_x;
	double		top = area[1] + (y - place[1]) * scale_y;
	double		sum = 0;
	double		weight = 0;

	for (int v = 0; v < picture->height; v++)
		for (int u = 0; u < picture->width; u++)
		{
			double		share = overlap(left, left + scale_x, u, u + 1.0) / scale_x * overlap(top, top + scale_y, v, v + 1.0) / scale_y;

			sum += share * picture->pixels[(v * picture->width + u) * picture->channels + channel];
			weight += share;
		}
	return sum + (1 - weight) * fill;
}

static void
shrinking_averages(void **state)
{
	static const int sizes[][4] = {{105, 105, 40, 40}, {105, 105, 28, 28}, {64, 48, 64, 48}, {200, 30, 33, 17}, {31, 31, 30, 29}, {50, 7, 1, 1}};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (int channels = 1; channels <= 3; channels += 2)
		{
			Picture		picture = new_picture(sizes[i][0], sizes[i][1], channels, 0);
			int			width = sizes[i][2];
			int			height = sizes[i][3];
			uint8_t    *raster = malloc((size_t) (width * height * channels));
			Random		random = random_stream(7, i);
			ImagePreparation preparation = {.width = width, .height = height, .channels = channels, .fit = IMAGE_FIT_STRETCH};
			double		area[4] = {0, 0, sizes[i][0], sizes[i][1]};
			double		place[4] = {0, 0, width, height};

			for (int k = 0; k < picture.width * picture.height * channels; k++)
				picture.pixels[k] = random_below(&random, 2) ? 255 : (uint8_t) random_below(&random, 256);
			prepare(&picture, &preparation, raster);
			for (int y = 0; y < height; y++)
				for (int x = 0; x < width; x++)
					for (int c = 0; c < channels; c++)
						if (fabs(raster[(y * width + x) * channels + c] - naive_mean(&picture, c, area, place, 0, x, y)) > 0.51)
							fail_msg("%dx%d -> %dx%d: pixel %d, %d differs", sizes[i][0], sizes[i][1], width, height, x, y);
			free(raster);
			free(picture.bytes);
		}
}

/* Proportions kept, with a margin; the rest has the mean colour of the border. */
static void
photographs_are_fitted(void **state)
{
	Picture		picture = new_picture(90, 60, 3, 0);
	uint8_t		raster[41 * 37 * 3];
	ImagePreparation preparation = {.width = 41, .height = 37, .channels = 3, .margin = 0.1};
	double		place_width = 41 * 0.8;
	double		place_height = place_width * 60 / 90;
	double		area[4] = {0, 0, 90, 60};
	double		place[4] = {(41 - place_width) / 2, (37 - place_height) / 2, place_width, place_height};
	Random		random = random_stream(7, 99);

	for (int k = 0; k < 90 * 60 * 3; k++)
		picture.pixels[k] = (uint8_t) random_below(&random, 256);
	prepare(&picture, &preparation, raster);
	for (int c = 0; c < 3; c++)
	{
		double		border = 0;

		for (int x = 0; x < 90; x++)
			border += picture.pixels[3 * x + c] + picture.pixels[(59 * 90 + x) * 3 + c];
		for (int y = 0; y < 60; y++)
			border += picture.pixels[y * 90 * 3 + c] + picture.pixels[(y * 90 + 89) * 3 + c];
		border = floor(border / 300 + 0.5);
		for (int y = 0; y < 37; y++)
			for (int x = 0; x < 41; x++)
			{
				/* The target pixels at the edge of the place are only partly covered: clip the picture, not the pixel. */
				double		mean = naive_mean(&picture, c, area, place, border, x, y);

				if (fabs(raster[(y * 41 + x) * 3 + c] - mean) > 0.52)
					fail_msg("pixel %d, %d: %d instead of %g", x, y, raster[(y * 41 + x) * 3 + c], mean);
			}
	}
	free(picture.bytes);
}

/* A ramp grown to four times its size is a ramp; its ends are not mixed with anything. */
static void
growing_interpolates(void **state)
{
	Picture		picture = new_picture(10, 10, 1, 0);
	uint8_t		raster[40 * 40];
	ImagePreparation preparation = {.width = 40, .height = 40, .channels = 1};

	for (int k = 0; k < 100; k++)
		picture.pixels[k] = (uint8_t) (20 + 20 * (k % 10));
	prepare(&picture, &preparation, raster);
	for (int y = 0; y < 40; y++)
		for (int x = 0; x < 40; x++)
		{
			double		at = fmin(fmax((x + 0.5) / 4 - 0.5, 0), 9);

			assert_true(fabs(raster[y * 40 + x] - (20 + 20 * at)) <= 0.51);
		}
	free(picture.bytes);
}

/* The ink's box, in the middle, proportions kept, margin free: a rectangle whose corners are known. */
static void
ink_is_cropped_and_fitted(void **state)
{
	for (int dark = 0; dark <= 1; dark++)
	{
		Picture		picture = new_picture(200, 160, 1, dark ? 255 : 0);
		uint8_t		raster[50 * 50];
		ImagePreparation preparation = {
			.width = 50, .height = 50, .channels = 1, .polarity = IMAGE_POLARITY_AUTO, .crop = true, .margin = 0.1
		};

		/* 80 x 40 of ink: fitted into 40 x 40 it is 40 x 20. */
		draw_box(&picture, 30, 70, 110, 110, dark ? 0 : 255);
		/* A speck of dust far away. */
		picture.pixels[3 * 200 + 190] = dark ? 0 : 255;
		prepare(&picture, &preparation, raster);
		for (int y = 0; y < 50; y++)
			for (int x = 0; x < 50; x++)
				assert_int_equal(raster[y * 50 + x], x >= 5 && x < 45 && y >= 15 && y < 35 ? 255 : 0);
		preparation.fit = IMAGE_FIT_STRETCH;
		prepare(&picture, &preparation, raster);
		for (int y = 0; y < 50; y++)
			for (int x = 0; x < 50; x++)
				assert_int_equal(raster[y * 50 + x], x >= 5 && x < 45 && y >= 5 && y < 45 ? 255 : 0);
		free(picture.bytes);
	}
}

static void
mass_centre(const uint8_t *raster, int width, int height, double *x, double *y)
{
	double		mass = 0;

	*x = *y = 0;
	for (int v = 0; v < height; v++)
		for (int u = 0; u < width; u++)
		{
			mass += raster[v * width + u];
			*x += raster[v * width + u] * (u + 0.5);
			*y += raster[v * width + u] * (v + 0.5);
		}
	*x /= mass;
	*y /= mass;
}

/* A heavy block with a long thin arm: its mass, not its box, is in the middle, and all of it is there. */
static void
ink_is_centred_by_mass(void **state)
{
	for (int crop = 0; crop <= 1; crop++)
	{
		Picture		picture = new_picture(200, 200, 1, 240);
		uint8_t		raster[64 * 64];
		double		mass = 0;
		double		scale;
		double		expected;
		double		x;
		double		y;
		ImagePreparation preparation = {
			.width = 64, .height = 64, .channels = 1, .polarity = IMAGE_POLARITY_DARK, .crop = crop != 0, .centre = true
		};

		draw_box(&picture, 60, 60, 90, 90, 0);
		draw_box(&picture, 90, 74, 130, 76, 0);
		prepare(&picture, &preparation, raster);
		mass_centre(raster, 64, 64, &x, &y);
		assert_true(fabs(x - 32) < 0.1 && fabs(y - 32) < 0.1);
		for (int k = 0; k < 64 * 64; k++)
			mass += raster[k];
		/* Centre of mass: (900 * 75 + 80 * 110) / 980; the longer half is the arm's. */
		scale = crop ? 64 / (2 * (130 - (900 * 75 + 80 * 110) / 980.0)) : 64 / 200.0;
		expected = 980 * 255.0 * scale * scale;
		assert_true(fabs(mass - expected) < 0.01 * expected);
		free(picture.bytes);
	}
}

/* Without cropping, centring never pushes ink out. */
static void
centring_keeps_ink_inside(void **state)
{
	Picture		picture = new_picture(100, 100, 1, 255);
	uint8_t		raster[100 * 100];
	ImagePreparation preparation = {.width = 100, .height = 100, .channels = 1, .polarity = IMAGE_POLARITY_DARK, .centre = true};
	double		mass = 0;

	draw_box(&picture, 0, 40, 90, 42, 0);
	draw_box(&picture, 0, 20, 20, 60, 0);
	prepare(&picture, &preparation, raster);
	for (int k = 0; k < 100 * 100; k++)
		mass += raster[k] / 255.0;
	assert_true(fabs(mass - (20 * 40 + 70 * 2)) < 1);
	free(picture.bytes);
}

/* A character of strokes of the given width; touching: ink across a quarter of the border. */
static void
draw_character(Picture *picture, int stroke, int level)
{
	int			w = picture->width;
	int			h = picture->height;

	draw_box(picture, w / 4, h / 5, w / 4 + stroke, h * 4 / 5, level);
	draw_box(picture, w / 4, h / 2, w * 3 / 4, h / 2 + stroke, level);
	draw_box(picture, w * 3 / 4 - stroke, h / 3, w * 3 / 4, h * 4 / 5, level);
}

static void
polarity_is_found(void **state)
{
	static const int cases[][4] = {		/* width, stroke, paper, ink */
		{105, 3, 255, 0}, {105, 3, 0, 255}, {105, 12, 255, 0}, {28, 4, 0, 255}, {28, 4, 255, 0},
		{400, 6, 180, 90}, {400, 6, 90, 180}, {400, 100, 200, 30}, {400, 100, 30, 200}
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (int polarity = IMAGE_POLARITY_AUTO; polarity <= IMAGE_POLARITY_LIGHT; polarity++)
		{
			int			side = cases[i][0];
			bool		dark = cases[i][3] < cases[i][2];
			Picture		picture = new_picture(side, side, 1, cases[i][2]);
			uint8_t    *raster = malloc((size_t) (side * side));
			ImagePreparation preparation = {
				.width = side, .height = side, .channels = 1, .polarity = (ImagePolarity) polarity, .normalise = true
			};

			draw_character(&picture, cases[i][1], cases[i][3]);
			if (polarity == IMAGE_POLARITY_AUTO || (polarity == IMAGE_POLARITY_DARK) == dark)
			{
				prepare(&picture, &preparation, raster);
				for (int k = 0; k < side * side; k++)
					if (raster[k] != (picture.pixels[k] == cases[i][3] ? 255 : 0))
						fail_msg("case %zu: pixel %d of level %d has %d of ink", i, k, picture.pixels[k], raster[k]);
			}
			free(raster);
			free(picture.bytes);
		}
}

/* A scan of a signature-like curve: light that falls from one side to the other, noise, thin ink. */
static Picture
uneven_scan(int width, int height, bool inverted, uint8_t *is_ink)
{
	Picture		picture = new_picture(width, height, 1, 0);
	Random		random = random_stream(3, 14);

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
		{
			double		light = 230 - 110.0 * x / width - 30.0 * y / height;
			double		curve = height / 2.0 + height / 4.0 * sin(x * 18.0 / width) * cos(x * 7.0 / width);
			bool		ink = x > width / 8 && x < width * 7 / 8 && fabs(y - curve) < 3;
			double		value = fmin(fmax((ink ? 0.35 : 1.0) * light + 3 * random_normal(&random), 0), 255);

			is_ink[y * width + x] = ink;
			picture.pixels[y * width + x] = inverted ? 255 - (uint8_t) value : (uint8_t) value;
		}
	return picture;
}

static void
uneven_background_goes(void **state)
{
	enum {width = 600, height = 240};
	uint8_t    *is_ink = malloc(width * height);
	uint8_t    *raster = malloc(width * height);
	uint8_t    *other = malloc(width * height);

	for (int inverted = 0; inverted <= 1; inverted++)
	{
		Picture		picture = uneven_scan(width, height, inverted, is_ink);
		ImagePreparation preparation = {
			.width = width, .height = height, .channels = 1, .polarity = IMAGE_POLARITY_AUTO, .remove_background = true
		};
		int			missed = 0;
		int			false_ink = 0;
		int			ink = 0;

		prepare(&picture, &preparation, inverted ? other : raster);
		for (int k = 0; k < width * height; k++)
		{
			int			level = (inverted ? other : raster)[k];

			ink += is_ink[k];
			missed += is_ink[k] && level == 0;
			false_ink += !is_ink[k] && level != 0;
			/* Ink takes 65 % of the light, everywhere. */
			if (is_ink[k] && level != 0)
				assert_true(abs(level - 166) < 40);
		}
		assert_true(ink > 2000);
		assert_true(missed * 1000 < ink);
		assert_int_equal(false_ink, 0);
		free(picture.bytes);
	}
	assert_memory_equal(raster, other, width * height);
	free(is_ink);
	free(raster);
	free(other);
}

/* Ink of another colour than black, with colour kept: the paper is 0 in every channel. */
static void
colour_keeps_its_ink(void **state)
{
	Picture		picture = new_picture(60, 60, 3, 0);
	uint8_t		raster[60 * 60 * 3];
	ImagePreparation preparation = {
		.width = 60, .height = 60, .channels = 3, .polarity = IMAGE_POLARITY_AUTO, .remove_background = true
	};

	for (int k = 0; k < 60 * 60; k++)
	{
		bool		ink = k % 60 > 20 && k % 60 < 26;

		memcpy(picture.pixels + 3 * k, ink ? (uint8_t[]) {30, 40, 150} : (uint8_t[]) {240, 230, 200}, 3);
	}
	prepare(&picture, &preparation, raster);
	for (int k = 0; k < 60 * 60; k++)
	{
		bool		ink = k % 60 > 20 && k % 60 < 26;

		for (int c = 0; c < 3; c++)
		{
			int			paper = (int[]) {240, 230, 200}[c];
			int			expected = ink ? (int) floor((paper - (int[]) {30, 40, 150}[c]) * 255.0 / paper + 0.5) : 0;

			assert_true(abs(raster[3 * k + c] - expected) <= 1);
		}
	}
	free(picture.bytes);
}

/* Nothing on the paper, or only noise, and kept: no ink, no crop, whatever is asked for. */
static void
blank_paper_stays_blank(void **state)
{
	for (int noise = 0; noise <= 4; noise += 2)
		for (int level = 0; level < 256; level += 85)
		{
			Picture		picture = new_picture(120, 90, 1, level);
			uint8_t		raster[32 * 32];
			Random		random = random_stream(1, (uint64_t) level);
			ImagePreparation preparation = {
				.width = 32, .height = 32, .channels = 1, .polarity = IMAGE_POLARITY_AUTO, .remove_background = true, .crop = true,
				.centre = true, .normalise = true, .keep_blank = true
			};

			for (int k = 0; noise > 0 && level > 85 && k < 120 * 90; k++)
				picture.pixels[k] = (uint8_t) fmin(255, fmax(0, level + noise * random_normal(&random)));
			prepare(&picture, &preparation, raster);
			for (int k = 0; k < 32 * 32; k++)
				if (raster[k] != 0)
					fail_msg("noise %d on level %d: %d of ink", noise, level, raster[k]);
			free(picture.bytes);
		}
}

static StatusCode
prepare_code(const Picture *picture, const ImagePreparation *preparation, Status *status)
{
	uint8_t		raster[32 * 32 * 3];

	status->code = STATUS_OK;
	return image_prepare(picture->bytes, picture->length, preparation, 1000000, test_host(), raster, status) ? STATUS_OK : status->code;
}

/* Unless the preparation keeps it: paper without ink, or a picture that the network would see as one colour. */
static void
nothing_to_see_is_refused(void **state)
{
	for (int channels = 1; channels <= 3; channels += 2)
		for (int noise = 0; noise <= 4; noise += 2)
			for (ImagePolarity polarity = IMAGE_POLARITY_NONE; polarity <= IMAGE_POLARITY_LIGHT; polarity++)
			{
				Picture		picture = new_picture(120, 90, channels, 200);
				Random		random = random_stream(1, (uint64_t) polarity);
				bool		ink = polarity != IMAGE_POLARITY_NONE;
				ImagePreparation preparation = {
					.width = 32, .height = 32, .channels = channels, .polarity = polarity, .crop = ink, .margin = 0.1
				};
				Status		status = {0};
				bool		seen = !ink && noise > 0;	/* a picture as it is shows its noise */

				for (int k = 0; noise > 0 && k < 120 * 90 * channels; k++)
					picture.pixels[k] = (uint8_t) (200 + noise * random_normal(&random));
				assert_int_equal(prepare_code(&picture, &preparation, &status), seen ? STATUS_OK : STATUS_IMAGE_BLANK);
				if (!seen)
				{
					assert_string_equal(status.detail, ink ? "No ink was found on the paper." : "All pixels are equal after preparation.");
					assert_non_null(strstr(status.hint, "\"blank\": \"keep\""));
				}
				preparation.keep_blank = true;
				assert_int_equal(prepare_code(&picture, &preparation, &status), STATUS_OK);
				preparation.keep_blank = false;
				draw_box(&picture, 30, 30, 50, 60, polarity == IMAGE_POLARITY_LIGHT ? 255 : 20);
				assert_int_equal(prepare_code(&picture, &preparation, &status), STATUS_OK);
				free(picture.bytes);
			}
}

static void
normalising_uses_the_range(void **state)
{
	Picture		picture = new_picture(16, 16, 1, 100);
	uint8_t		raster[16 * 16];
	ImagePreparation preparation = {.width = 16, .height = 16, .channels = 1, .normalise = true};

	draw_box(&picture, 0, 0, 4, 4, 50);
	draw_box(&picture, 8, 8, 12, 12, 150);
	prepare(&picture, &preparation, raster);
	assert_int_equal(raster[0], 0);
	assert_int_equal(raster[6 * 16 + 6], 128);
	assert_int_equal(raster[9 * 16 + 9], 255);
	free(picture.bytes);
}

/* A single point becomes a Gaussian of its deviation, also of a colour; plain areas and the total stay. */
static void
smoothing_spreads_a_point(void **state)
{
	Picture		picture = new_picture(31, 21, 3, 40);
	uint8_t		raster[31 * 21 * 3];
	ImagePreparation preparation = {.width = 31, .height = 21, .channels = 3, .smooth = 1.5};
	double		total = 0;

	picture.pixels[(10 * 31 + 15) * 3 + 1] = 240;
	for (int y = 0; y < 21; y++)
		picture.pixels[(y * 31) * 3 + 2] = 140;
	prepare(&picture, &preparation, raster);
	for (int y = 0; y < 21; y++)
	{
		for (int x = 0; x < 31; x++)
		{
			double		apart = (x - 15.0) * (x - 15) + (y - 10.0) * (y - 10);
			double		expected = 40 + 200 * exp(-apart / (2 * 1.5 * 1.5)) / (2 * M_PI * 1.5 * 1.5);

			assert_true(fabs(raster[(y * 31 + x) * 3 + 1] - expected) <= 1.5);
			assert_int_equal(raster[(y * 31 + x) * 3], 40);
			total += raster[(y * 31 + x) * 3 + 1] - 40;
		}
	}
	assert_true(fabs(total - 200) < 40);
	/* beyond the rim the nearest pixel goes on: half of the weight and that of the centre stay with the first column */
	assert_true(raster[(10 * 31) * 3 + 2] > 40 + 50 && raster[(10 * 31) * 3 + 2] < 40 + 75);
	free(picture.bytes);
}

static void
bad_preparations_are_named(void **state)
{
	Picture		picture = new_picture(16, 16, 1, 100);
	uint8_t		raster[16];
	ImagePreparation good = {.width = 4, .height = 4, .channels = 1};
	ImagePreparation bad[7];

	for (int i = 0; i < 7; i++)
		bad[i] = good;
	bad[0].width = 0;
	bad[1].height = 100000;
	bad[2].channels = 2;
	bad[3].margin = 0.5;
	bad[4].margin = NAN;
	bad[5].crop = true;
	bad[6].smooth = -1;
	for (int i = 0; i < 7; i++)
	{
		Status		status = {0};

		assert_false(image_prepare(picture.bytes, picture.length, &bad[i], PIXELS, test_host(), raster, &status));
		assert_int_equal(status.code, STATUS_ARGUMENT);
		assert_true(strlen(status.detail) > 10);
	}
	free(picture.bytes);
}

static bool
is_photograph(const Picture *picture)
{
	Host	   *host = test_host();
	bool		photograph;
	Status		status = {0};

	assert_true(image_is_photograph(picture->bytes, picture->length, PIXELS, host, &photograph, &status));
	assert_int_equal(test_host_outstanding(), 0);
	return photograph;
}

static void
set_pixel(Picture *picture, int x, int y, int red, int green, int blue)
{
	uint8_t    *pixel = picture->pixels + (size_t) (y * picture->width + x) * 3;

	pixel[0] = (uint8_t) red;
	pixel[1] = (uint8_t) green;
	pixel[2] = (uint8_t) blue;
}

/* Ink on any paper is none; what has no ground, or much of other colours, is. */
static void
photographs_are_recognised(void **state)
{
	Random		random = random_stream(7, 0);
	Picture		scan = new_picture(300, 120, 3, 0);
	Picture		digit = new_picture(28, 28, 1, 0);
	Picture		grey = new_picture(200, 200, 1, 0);
	Picture		coat = new_picture(60, 120, 3, 0);
	Status		status = {0};
	bool		photograph;

	/* blue ink on yellow, noisy paper that is darker to one side */
	for (int y = 0; y < 120; y++)
		for (int x = 0; x < 300; x++)
		{
			int			noise = (int) random_range(&random, -6, 6) - x / 20;

			if ((x + 2 * y) % 40 < 4)
				set_pixel(&scan, x, y, 40, 50, 160);
			else
				set_pixel(&scan, x, y, 240 + noise, 230 + noise, 190 + noise);
		}
	draw_box(&digit, 8, 4, 20, 8, 255);
	draw_box(&digit, 8, 4, 12, 24, 200);
	/* a grey landscape: all levels occur alike */
	for (int i = 0; i < 200 * 200; i++)
		grey.pixels[i] = (uint8_t) (i / 200 + (i % 200) / 5);
	/* a coat of another colour than the wall behind */
	for (int y = 0; y < 120; y++)
		for (int x = 0; x < 60; x++)
			if (x > 18 && x < 42 && y > 20)
				set_pixel(&coat, x, y, 160, 40, 30);
			else
				set_pixel(&coat, x, y, 200, 200, 205);
	assert_false(is_photograph(&scan));
	assert_false(is_photograph(&digit));
	assert_true(is_photograph(&grey));
	assert_true(is_photograph(&coat));
	for (int i = 0; ; i++)
	{
		Host	   *host = test_host();

		test_host_fail_after(i);
		if (image_is_photograph(coat.bytes, coat.length, PIXELS, host, &photograph, &status))
			break;
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
	assert_false(image_is_photograph(coat.bytes, 40, PIXELS, test_host(), &photograph, &status));
	assert_int_equal(status.code, STATUS_IMAGE_BROKEN);
	free(scan.bytes);
	free(digit.bytes);
	free(grey.bytes);
	free(coat.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shrinking_averages),
		cmocka_unit_test(photographs_are_fitted),
		cmocka_unit_test(growing_interpolates),
		cmocka_unit_test(ink_is_cropped_and_fitted),
		cmocka_unit_test(ink_is_centred_by_mass),
		cmocka_unit_test(centring_keeps_ink_inside),
		cmocka_unit_test(polarity_is_found),
		cmocka_unit_test(uneven_background_goes),
		cmocka_unit_test(colour_keeps_its_ink),
		cmocka_unit_test(blank_paper_stays_blank),
		cmocka_unit_test(nothing_to_see_is_refused),
		cmocka_unit_test(normalising_uses_the_range),
		cmocka_unit_test(smoothing_spreads_a_point),
		cmocka_unit_test(bad_preparations_are_named),
		cmocka_unit_test(photographs_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
