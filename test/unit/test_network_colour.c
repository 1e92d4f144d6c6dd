/*
 * test_network_colour.c: CIE L*u*v* against values computed from the primaries' chromaticities (IEC 61966-2-1) with other code,
 * and the distortions of colours against closed forms.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "network_help.h"

#define WIDTH 9
#define HEIGHT 7
#define PIXELS (WIDTH * HEIGHT)
#define VALUES (3 * PIXELS)

typedef struct Colour
{
	float		rgb[3];
	float		luv[3];
} Colour;

static const Colour colours[] = {
	{{0, 0, 0}, {0.0000, 0.0000, 0.0000}},
	{{255, 255, 255}, {100.0000, 0.0000, 0.0000}},
	{{255, 0, 0}, {53.2371, 175.0098, 37.7651}},
	{{0, 255, 0}, {87.7355, -83.0671, 107.4181}},
	{{0, 0, 255}, {32.3009, -9.4024, -130.3511}},
	{{255, 255, 0}, {97.1386, 7.7042, 106.8081}},
	{{0, 255, 255}, {91.1148, -70.4644, -15.2054}},
	{{255, 0, 255}, {60.3227, 84.0556, -108.6964}},
	{{119, 119, 119}, {50.0344, 0.0000, 0.0000}},
	{{1, 1, 1}, {0.2742, 0.0000, 0.0000}},
	{{12, 5, 9}, {1.8647, 1.0870, -0.6453}},
	{{200, 150, 120}, {66.0970, 35.4507, 27.5036}},
	{{30, 60, 140}, {27.8477, -10.9692, -62.4848}}
};

#define COLOURS (int) (sizeof(colours) / sizeof(colours[0]))

static NetworkDefinition *
define(const char *colour, const char *distortion)
{
	char		text[512];

	snprintf(text, sizeof(text), "{'input':{'width':9,'height':7,'colour':'%s','mean':0.5,'deviation':0.25},"
			 "'layers':[{'type':'dense','units':5}],'training':{%s}}", colour, distortion);
	return help_define(text);
}

static void
fill_raster(uint8_t *raster)
{
	for (int i = 0; i < VALUES; i++)
		raster[i] = (uint8_t) (40 + i * 37 % 170);
}

/* The picture, 0 to 255, of a distorted copy; black, white and mean have gone. */
static void
distorted(const NetworkDefinition *definition, const uint8_t *raster, uint64_t seed, uint64_t shared, double *picture)
{
	Random		random = random_stream(seed, 5);
	NetworkCopy copy = {.shared = shared};
	real		input[VALUES];

	network_input_distorted(definition, raster, &copy, &random, input);
	for (int i = 0; i < VALUES; i++)
		picture[i] = (input[i] * 0.25 + 0.5) * 255;
}

static double
most_apart(const double *a, const double *b)
{
	double		most = 0;

	for (int i = 0; i < VALUES; i++)
		most = fmax(most, fabs(a[i] - b[i]));
	return most;
}

static void
test_luv(void **state)
{
	ImageLuvTable table;
	float		luv[3];

	image_luv_table(&table);
	for (int i = 0; i < COLOURS; i++)
	{
		image_luv(&table, colours[i].rgb, luv);
		for (int k = 0; k < 3; k++)
			assert_true(fabs(luv[k] - colours[i].luv[k]) < 0.03);
	}
	/* between two levels, and beyond all */
	image_luv(&table, (float[3]) {118.5, 118.5, 118.5}, luv);
	assert_true(luv[0] > 49.6 && luv[0] < 50.03 && fabs(luv[1]) < 0.01 && fabs(luv[2]) < 0.01);
	image_luv(&table, (float[3]) {NAN, 1e30f, -1e30f}, luv);
	assert_true(isfinite(luv[0]) && isfinite(luv[1]) && isfinite(luv[2]));
	image_luv(&table, (float[3]) {300, -20, 0}, luv);
	assert_true(fabs(luv[1] - 175.01) < 0.03);
}

/* The input as its formula says, as it is and as a copy without distortion. */
static void
test_input(void **state)
{
	NetworkDefinition *definition = define("luv", "'distortion':{}");
	uint8_t		raster[VALUES];
	real		plain[VALUES];
	real		copy[VALUES];
	Random		random = random_stream(1, 1);

	for (int i = 0; i < PIXELS; i++)
		for (int k = 0; k < 3; k++)
			raster[3 * i + k] = (uint8_t) colours[i % COLOURS].rgb[k];
	network_input_from_raster(definition, raster, plain);
	network_input_distorted(definition, raster, &(NetworkCopy) {0}, &random, copy);
	for (int i = 0; i < PIXELS; i++)
		for (int k = 0; k < 3; k++)
		{
			double		value = ((k > 0 ? 50 : 0) + colours[i % COLOURS].luv[k]) / 100;

			assert_true(fabs(plain[3 * i + k] - (value - 0.5) / 0.25) < 0.002);
			assert_true(fabs(plain[3 * i + k] - copy[3 * i + k]) < 1e-5);
		}
	host_release(test_host(), definition);
}

static void
test_flip(void **state)
{
	NetworkDefinition *never = define("colour", "'distortion':{}");
	NetworkDefinition *always = define("colour", "'distortion':{'flip':1}");
	NetworkDefinition *often = define("colour", "'distortion':{'flip':0.75}");
	uint8_t		raster[VALUES];
	double		plain[VALUES];
	double		other[VALUES];
	int			flipped = 0;

	fill_raster(raster);
	distorted(never, raster, 1, 0, plain);
	distorted(always, raster, 1, 0, other);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			for (int k = 0; k < 3; k++)
				assert_true(fabs(other[3 * (y * WIDTH + x) + k] - plain[3 * (y * WIDTH + WIDTH - 1 - x) + k]) < 0.01);
	for (int seed = 0; seed < 1000; seed++)
	{
		distorted(often, raster, seed, 0, other);
		flipped += most_apart(plain, other) > 1;
	}
	assert_true(flipped > 680 && flipped < 820);
	host_release(test_host(), never);
	host_release(test_host(), always);
	host_release(test_host(), often);
}

/* One rectangle of the mean, up to the share of the area, anywhere; what is around it stays. */
static void
test_erase(void **state)
{
	NetworkDefinition *never = define("colour", "'distortion':{}");
	NetworkDefinition *erase = define("colour", "'distortion':{'erase':0.5}");
	uint8_t		raster[VALUES];
	double		plain[VALUES];
	double		other[VALUES];
	double		total = 0;
	bool		corner[2] = {false, false};

	for (int i = 0; i < VALUES; i++)
		raster[i] = (uint8_t) (i * 37 % 100);	/* nowhere the mean, 127.5 */
	distorted(never, raster, 1, 0, plain);
	for (int seed = 0; seed < 400; seed++)
	{
		int			left = WIDTH;
		int			right = -1;
		int			top = HEIGHT;
		int			bottom = -1;
		int			erased = 0;

		distorted(erase, raster, seed, 0, other);
		for (int i = 0; i < PIXELS; i++)
		{
			bool		gone = fabs(other[3 * i] - 127.5) < 1e-4;

			for (int k = 0; k < 3; k++)
				assert_true(fabs(other[3 * i + k] - (gone ? 127.5 : plain[3 * i + k])) < 1e-3);
			if (!gone)
				continue;
			erased++;
			left = i % WIDTH < left ? i % WIDTH : left;
			right = i % WIDTH > right ? i % WIDTH : right;
			top = i / WIDTH < top ? i / WIDTH : top;
			bottom = i / WIDTH > bottom ? i / WIDTH : bottom;
		}
		assert_true(erased == 0 || erased == (right - left + 1) * (bottom - top + 1));
		assert_true(erased <= PIXELS / 2);
		total += erased;
		corner[0] = corner[0] || (left == 0 && top == 0);
		corner[1] = corner[1] || (right == WIDTH - 1 && bottom == HEIGHT - 1);
	}
	/* the mean share is a quarter, less what whole pixels and the picture's sides cut off */
	assert_true(total / 400 > 0.12 * PIXELS && total / 400 < 0.25 * PIXELS);
	assert_true(corner[0] && corner[1]);
	host_release(test_host(), never);
	host_release(test_host(), erase);
}

/* Each pixel's mean stays, its distance from grey grows or shrinks by at most the share, or turns by at most the angle. */
static void
test_saturation_and_hue(void **state)
{
	NetworkDefinition *saturation = define("colour", "'distortion':{'saturation':0.3}");
	NetworkDefinition *hue = define("colour", "'distortion':{'hue':40}");
	uint8_t		raster[VALUES];
	double		copy[VALUES];
	double		least = 1;
	double		most = 1;
	double		turned = 0;

	for (int i = 0; i < VALUES; i++)
		raster[i] = (uint8_t) (110 + i * 37 % 30);	/* nothing leaves 0 to 255 */
	for (int seed = 0; seed < 200; seed++)
	{
		distorted(saturation, raster, seed, 0, copy);
		for (int i = 0; i < VALUES; i += 3)
		{
			double		mean = (raster[i] + raster[i + 1] + raster[i + 2]) / 3.0;
			double		factor = (copy[i] - mean) / (raster[i] - mean);

			assert_true(fabs((copy[i] + copy[i + 1] + copy[i + 2]) / 3 - mean) < 0.01);
			if (fabs(raster[i] - mean) < 1)
				continue;
			least = fmin(least, factor);
			most = fmax(most, factor);
		}
		distorted(hue, raster, seed, 0, copy);
		for (int i = 0; i < VALUES; i += 3)
		{
			double		mean = (raster[i] + raster[i + 1] + raster[i + 2]) / 3.0;
			double		before = 0,
						after = 0,
						both = 0;

			for (int k = 0; k < 3; k++)
			{
				before += pow(raster[i + k] - mean, 2);
				after += pow(copy[i + k] - mean, 2);
				both += (raster[i + k] - mean) * (copy[i + k] - mean);
			}
			assert_true(fabs(sqrt(before) - sqrt(after)) < 0.02);
			if (before > 100)
				turned = fmax(turned, acos(fmin(both / sqrt(before * after), 1)) * 180 / M_PI);
		}
	}
	assert_true(least > 0.69 && least < 0.75 && most > 1.25 && most < 1.31);
	assert_true(turned > 36 && turned < 40.2);
	host_release(test_host(), saturation);
	host_release(test_host(), hue);
}

static void
test_brightness_and_gamma(void **state)
{
	NetworkDefinition *brightness = define("colour", "'distortion':{'brightness':0.1}");
	NetworkDefinition *gamma = define("grey", "'distortion':{'gamma':0.5}");
	uint8_t		raster[VALUES];
	double		copy[VALUES];
	double		most = 0;
	double		exponent = 0;

	fill_raster(raster);
	for (int seed = 0; seed < 200; seed++)
	{
		Random		random = random_stream(seed, 5);
		real		input[PIXELS];
		double		first = 0;

		distorted(brightness, raster, seed, 0, copy);
		for (int i = 0; i < VALUES; i++)
			assert_true(fabs(copy[i] - raster[i] - (copy[0] - raster[0])) < 0.01);
		most = fmax(most, fabs(copy[0] - raster[0]) / 255);
		network_input_distorted(gamma, raster, &(NetworkCopy) {0}, &random, input);
		for (int i = 0; i < PIXELS; i++)
		{
			double		power = log(input[i] * 0.25 + 0.5) / log(raster[i] / 255.0);

			first = i == 0 ? power : first;
			assert_true(fabs(power - first) < 1e-3);
		}
		exponent = fmax(exponent, fabs(log(first)));
	}
	assert_true(most > 0.09 && most < 0.1001);
	assert_true(exponent > 0.45 && exponent < 0.501);
	host_release(test_host(), brightness);
	host_release(test_host(), gamma);
}

/* A flat picture stays; the weights of a point's spread add up, and their variance is the square of the blur, at most. */
static void
test_blur(void **state)
{
	NetworkDefinition *definition = define("colour", "'distortion':{'blur':1}");
	uint8_t		raster[VALUES];
	double		copy[VALUES];
	double		most = 0;

	memset(raster, 77, sizeof(raster));
	distorted(definition, raster, 3, 0, copy);
	for (int i = 0; i < VALUES; i++)
		assert_true(fabs(copy[i] - 77) < 0.01);
	memset(raster, 0, sizeof(raster));
	raster[3 * (3 * WIDTH + 4) + 1] = 255;
	for (int seed = 0; seed < 100; seed++)
	{
		double		sum = 0;
		double		variance = 0;

		distorted(definition, raster, seed, 0, copy);
		for (int y = 0; y < HEIGHT; y++)
			for (int x = 0; x < WIDTH; x++)
			{
				assert_true(fabs(copy[3 * (y * WIDTH + x)]) < 0.01);
				sum += copy[3 * (y * WIDTH + x) + 1] / 255;
				variance += copy[3 * (y * WIDTH + x) + 1] / 255 * (x - 4) * (x - 4);
			}
		assert_true(fabs(sum - 1) < 1e-3);
		most = fmax(most, variance);
	}
	assert_true(most > 0.85 && most < 1.001);
	host_release(test_host(), definition);
}

/* The colours of one identity change alike, those of another otherwise; the grey of them does with none. */
static void
test_shared(void **state)
{
	NetworkDefinition *definition = define("colour", "'distortion':{},'shared_distortion':{'hue':180,'saturation':0.2}");
	NetworkDefinition *still = define("colour", "'distortion':{}");
	uint8_t		raster[VALUES];
	double		plain[VALUES];
	double		copy[3][VALUES];

	assert_true(network_shares_distortion(definition) && !network_shares_distortion(still));
	fill_raster(raster);
	distorted(still, raster, 1, 0, plain);
	distorted(definition, raster, 1, 11, copy[0]);
	distorted(definition, raster, 2, 11, copy[1]);
	distorted(definition, raster, 1, 12, copy[2]);
	assert_true(most_apart(copy[0], copy[1]) == 0);
	assert_true(most_apart(copy[0], copy[2]) > 20 && most_apart(copy[0], plain) > 20);
	host_release(test_host(), definition);
	host_release(test_host(), still);
}

/* The older parts of a distortion are drawn as if the later ones did not exist. */
static void
test_streams(void **state)
{
	NetworkDefinition *older = define("colour", "'distortion':{'rotation':9,'shift':0.1,'warp':0.1,'contrast':0.1}");
	NetworkDefinition *later = define("colour", "'distortion':{'rotation':9,'shift':0.1,'warp':0.1,'contrast':0.1,'hue':1e-9,"
									  "'blur':1e-200,'flip':1e-9,'erase':1e-9}");
	uint8_t		raster[VALUES];
	double		copy[2][VALUES];

	for (int i = 0; i < VALUES; i++)
		raster[i] = (uint8_t) (110 + i * 37 % 30);
	for (int seed = 0; seed < 20; seed++)
	{
		distorted(older, raster, seed, 0, copy[0]);
		distorted(later, raster, seed, 0, copy[1]);
		assert_true(most_apart(copy[0], copy[1]) < 0.01);	/* nothing is a number for fmax() to pass over, either */
		assert_true(isfinite(copy[1][0]) && isfinite(copy[1][VALUES - 1]));
	}
	host_release(test_host(), older);
	host_release(test_host(), later);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_luv),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_flip),
		cmocka_unit_test(test_erase),
		cmocka_unit_test(test_saturation_and_hue),
		cmocka_unit_test(test_brightness_and_gamma),
		cmocka_unit_test(test_blur),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_streams)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
