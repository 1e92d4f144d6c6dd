/*
 * test_image_deformation.c: elastic matching of pictures: edges whose direction is known, pictures that are moved, and the distance against
 * one that is computed place by place.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "host.h"
#include "image/deformation.h"

#define WIDTH 96
#define HEIGHT 40
#define STEP 3					/* of places, for this size */
#define REACH 3
#define MOST (0.4 * 255 * 255)

static DeformationPlaces
places_of(const uint8_t *raster, int width, int height)
{
	DeformationPlaces places;
	Status		status;

	assert_true(deformation_places(raster, width, height, test_host(), &places, &status));
	assert_true(places.count <= DEFORMATION_MOST);
	assert_true(deformation_is_valid(&places));
	return places;
}

static void
release(DeformationPlaces *places)
{
	host_release(test_host(), places->place);
}

/* Strokes: arcs of ink two pixels wide, moved by so many pixels. */
static void
draw(uint64_t seed, int right, int down, uint8_t *raster)
{
	Random		random = random_stream(seed, 0);

	memset(raster, 0, WIDTH * HEIGHT);
	for (int arc = 0; arc < 4; arc++)
	{
		double		x = random_range(&random, 24, 72);
		double		y = random_range(&random, 14, 26);
		double		radius = random_range(&random, 4, 9);

		for (double t = 0; t < 4; t += 0.02)
			for (int thick = 0; thick < 2; thick++)
			{
				int			column = (int) (x + (radius + thick) * cos(t + arc)) + right;
				int			row = (int) (y + (radius + thick) * sin(t + arc)) + down;

				raster[row * WIDTH + column] = 255;
			}
	}
}

/* As the header defines it. */
static double
plain_one_way(const DeformationPlaces *a, const DeformationPlaces *b)
{
	double		sum = 0;

	for (int i = 0; i < a->count; i++)
	{
		const uint8_t *p = a->place + i * DEFORMATION_PLACE;
		double		least = MOST;

		for (int k = 0; k < b->count; k++)
		{
			const uint8_t *q = b->place + k * DEFORMATION_PLACE;
			double		square = 0;

			if (abs(p[0] - q[0]) > REACH || abs(p[1] - q[1]) > REACH)
				continue;
			for (int v = 2; v < DEFORMATION_PLACE; v++)
				square += pow((double) p[v] - q[v], 2);
			least = fmin(least, square);
		}
		sum += least / MOST;
	}
	return sum / a->count;
}

static void
test_against_plain(void **state)
{
	uint8_t		raster[2][WIDTH * HEIGHT];

	(void) state;
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		DeformationPlaces a;
		DeformationPlaces b;

		draw(seed, 0, 0, raster[0]);
		draw(seed + seed % 3, 1, 2, raster[1]);
		a = places_of(raster[0], WIDTH, HEIGHT);
		b = places_of(raster[1], WIDTH, HEIGHT);
		assert_true(a.count > 20 && b.count > 20);
		assert_float_equal(deformation_distance(&a, &b), (plain_one_way(&a, &b) + plain_one_way(&b, &a)) / 2, 1e-6);
		assert_true(deformation_distance(&a, &b) == deformation_distance(&b, &a));
		assert_true(deformation_distance(&a, &a) == 0);
		release(&a);
		release(&b);
	}
}

/* A step from black to white has one direction, in the squares on its two sides, and no place is far from it. */
static void
test_directions(void **state)
{
	static const struct { double down; double right; int direction; } edges[] = {{0, 1, 0}, {1, 0, 3}};
	uint8_t		raster[60 * 60];

	(void) state;
	for (size_t e = 0; e < sizeof edges / sizeof edges[0]; e++)
	{
		DeformationPlaces places;

		for (int y = 0; y < 60; y++)
			for (int x = 0; x < 60; x++)
				raster[y * 60 + x] = edges[e].right * (x - 30) + edges[e].down * (y - 30) >= 0 ? 200 : 0;
		places = places_of(raster, 60, 60);
		assert_true(places.count > 0);
		for (int i = 0; i < places.count; i++)
		{
			const uint8_t *place = places.place + i * DEFORMATION_PLACE;

			/* 20 places of 3 pixels along the side; squares of 5 */
			assert_true(fabs((place[edges[e].down > 0] + 0.5) * 3 - 30) <= 5 + 3);
			for (int k = 0; k < DEFORMATION_VALUES; k++)
				assert_true(place[2 + k] == 0 || k % DEFORMATION_DIRECTIONS == edges[e].direction);
		}
		release(&places);
	}
}

/* An edge between two directions counts for both, by its angle: of 15 degrees, half and half of 0 and 30. */
static void
test_between_directions(void **state)
{
	uint8_t		raster[60 * 60];
	DeformationPlaces places;
	const uint8_t *place;

	(void) state;
	for (int y = 0; y < 60; y++)
		for (int x = 0; x < 60; x++)
			raster[y * 60 + x] = (uint8_t) rint(fmin(fmax(128 + 60 * ((x - 29.5) * cos(M_PI / 12) + (y - 29.5) * sin(M_PI / 12)) / 12, 0), 255));
	places = places_of(raster, 60, 60);
	place = places.place + places.count / 2 * DEFORMATION_PLACE;
	for (int square = 0; square < 4; square++)
	{
		const uint8_t *value = place + 2 + square * DEFORMATION_DIRECTIONS;

		if (value[0] > 60)
			assert_true(abs(value[0] - value[1]) <= value[0] / 8);
	}
	release(&places);
}

/* Contrast and polarity do not matter. */
static void
test_contrast(void **state)
{
	uint8_t		raster[WIDTH * HEIGHT];
	uint8_t		other[WIDTH * HEIGHT];
	DeformationPlaces a;
	DeformationPlaces b;

	(void) state;
	draw(5, 0, 0, raster);
	a = places_of(raster, WIDTH, HEIGHT);
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		other[i] = raster[i] / 5;
	b = places_of(other, WIDTH, HEIGHT);
	assert_int_equal(a.count, b.count);
	assert_memory_equal(a.place, b.place, (size_t) a.count * DEFORMATION_PLACE);
	release(&b);
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		other[i] = 255 - raster[i];
	b = places_of(other, WIDTH, HEIGHT);
	assert_int_equal(a.count, b.count);
	assert_memory_equal(a.place, b.place, (size_t) a.count * DEFORMATION_PLACE);
	release(&a);
	release(&b);
}

/* Moved by whole steps within reach a picture is the same; beyond it, and beside another one, it is not. */
static void
test_moves(void **state)
{
	uint8_t		raster[WIDTH * HEIGHT];
	DeformationPlaces a;
	DeformationPlaces b;
	double		near;
	double		far;
	double		strange;

	(void) state;
	draw(9, 0, 0, raster);
	a = places_of(raster, WIDTH, HEIGHT);
	draw(9, REACH * STEP, 0, raster);
	b = places_of(raster, WIDTH, HEIGHT);
	near = deformation_distance(&a, &b);
	release(&b);
	draw(9, -(REACH + 4) * STEP, 0, raster);
	b = places_of(raster, WIDTH, HEIGHT);
	far = deformation_distance(&a, &b);
	release(&b);
	draw(10, 0, 0, raster);
	b = places_of(raster, WIDTH, HEIGHT);
	strange = deformation_distance(&a, &b);
	release(&b);
	release(&a);
	assert_true(near < 0.01);
	assert_true(far > 0.3 && far <= 1);
	assert_true(strange > 0.3 && strange <= 1);
}

/* A picture without edges has no places: it is the same as another such one, and as far as can be from any other. */
static void
test_nothing(void **state)
{
	uint8_t		raster[WIDTH * HEIGHT];
	DeformationPlaces nothing;
	DeformationPlaces some;

	(void) state;
	memset(raster, 70, sizeof raster);
	nothing = places_of(raster, WIDTH, HEIGHT);
	assert_int_equal(nothing.count, 0);
	draw(1, 0, 0, raster);
	some = places_of(raster, WIDTH, HEIGHT);
	assert_true(deformation_distance(&nothing, &nothing) == 0);
	assert_true(deformation_distance(&nothing, &some) == 1);
	release(&nothing);
	release(&some);
}

/* Of any size and shape; sizes differ. */
static void
test_sizes(void **state)
{
	static const int sizes[][2] = {{1, 1}, {1, 900}, {900, 1}, {3, 2}, {28, 28}, {220, 150}, {2048, 16}, {1000, 700}};
	Random		random = random_stream(3, 0);
	DeformationPlaces last = {0};

	(void) state;
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
	{
		size_t		pixels = (size_t) sizes[s][0] * sizes[s][1];
		uint8_t    *raster = malloc(pixels);
		DeformationPlaces places;

		for (size_t i = 0; i < pixels; i++)
			raster[i] = (uint8_t) random_below(&random, 256);
		places = places_of(raster, sizes[s][0], sizes[s][1]);
		if (s > 0)
		{
			double		distance = deformation_distance(&last, &places);

			assert_true(distance >= 0 && distance <= 1);
			release(&last);
		}
		last = places;
		free(raster);
	}
	release(&last);
}

static void
test_validity(void **state)
{
	uint8_t		raster[WIDTH * HEIGHT];
	DeformationPlaces places;

	(void) state;
	draw(2, 0, 0, raster);
	places = places_of(raster, WIDTH, HEIGHT);
	places.place[0] = DEFORMATION_SIDE;
	assert_false(deformation_is_valid(&places));
	places.place[0] = 0;
	places.place[1] = DEFORMATION_SIDE;
	assert_false(deformation_is_valid(&places));
	places.place[1] = 0;
	assert_true(deformation_is_valid(&places));
	memcpy(places.place + DEFORMATION_PLACE, places.place, DEFORMATION_PLACE);
	assert_false(deformation_is_valid(&places));
	release(&places);
}

static void
test_memory(void **state)
{
	uint8_t		raster[WIDTH * HEIGHT];
	DeformationPlaces places;
	Status		status;

	(void) state;
	draw(2, 0, 0, raster);
	for (int n = 0; n < 2; n++)
	{
		Host	   *host = test_host();

		test_host_fail_after(n);
		assert_false(deformation_places(raster, WIDTH, HEIGHT, host, &places, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_null(places.place);
		assert_int_equal(test_host_outstanding(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_plain),
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_between_directions),
		cmocka_unit_test(test_contrast),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_memory)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
