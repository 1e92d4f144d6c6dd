/*
 * test_image_flow.c: optical flow against movements that are known: a smooth texture is a sum of waves, whose value is computed
 * where a pixel came from.
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
#include "image/image.h"

#define WAVES 12

/* The second picture shows at A (x - c) + c + shift what the first shows at x. */
typedef struct Movement
{
	double		angle;			/* radians */
	double		scale;
	double		shift_x;
	double		shift_y;
} Movement;

typedef struct Texture
{
	double		across[WAVES];	/* radians a pixel */
	double		down[WAVES];
	double		phase[WAVES];
	double		strength[WAVES];
} Texture;

static Texture
make_texture(uint64_t seed)
{
	Random		random = random_stream(seed, 0);
	Texture		texture;

	for (int i = 0; i < WAVES; i++)
	{
		double		length = exp(random_range(&random, log(8), log(64)));	/* pixels */
		double		direction = random_range(&random, 0, 2 * M_PI);

		texture.across[i] = 2 * M_PI / length * cos(direction);
		texture.down[i] = 2 * M_PI / length * sin(direction);
		texture.strength[i] = 2 * sqrt(length);	/* as in photographs, the longer the stronger; grey levels */
		texture.phase[i] = random_range(&random, 0, 2 * M_PI);
	}
	return texture;
}

static float
grey_level(const Texture *texture, double x, double y)
{
	double		sum = 0;

	for (int i = 0; i < WAVES; i++)
		sum += texture->strength[i] * sin(texture->across[i] * x + texture->down[i] * y + texture->phase[i]);
	return (float) (128 + sum);
}

static float *
flow_between(const float *first, const float *second, int width, int height)
{
	Host	   *host = test_host();
	size_t		bytes = image_flow_bytes(width, height);
	char	   *memory = malloc(bytes + 1);
	float	   *flow = malloc(sizeof(float) * 2 * width * height);
	Status		status;

	memory[bytes] = 42;
	assert_true(image_flow(first, second, width, height, host, memory, flow, &status));
	assert_int_equal(memory[bytes], 42);
	for (int i = 0; i < 2 * width * height; i++)
		assert_true(isfinite(flow[i]));
	free(memory);
	return flow;
}

/* The mean distance between the flow and the truth over the pixels that remain in the picture, and the largest. */
static void
measure(const Movement *movement, int width, int height, uint64_t seed, double *mean, double *most)
{
	Texture		texture = make_texture(seed);
	float	   *first = malloc(sizeof(float) * width * height);
	float	   *second = malloc(sizeof(float) * width * height);
	double		centre_x = (width - 1) / 2.0;
	double		centre_y = (height - 1) / 2.0;
	double		cosine = cos(movement->angle);
	double		sine = sin(movement->angle);
	int			count = 0;
	float	   *flow;

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
		{
			double		u = (x - centre_x - movement->shift_x) / movement->scale;
			double		v = (y - centre_y - movement->shift_y) / movement->scale;

			first[y * width + x] = grey_level(&texture, x, y);
			second[y * width + x] = grey_level(&texture, cosine * u + sine * v + centre_x, -sine * u + cosine * v + centre_y);
		}
	flow = flow_between(first, second, width, height);
	*mean = *most = 0;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
		{
			double		u = x - centre_x;
			double		v = y - centre_y;
			double		there_x = movement->scale * (cosine * u - sine * v) + centre_x + movement->shift_x;
			double		there_y = movement->scale * (sine * u + cosine * v) + centre_y + movement->shift_y;
			double		error = hypot(flow[2 * (y * width + x)] - (there_x - x), flow[2 * (y * width + x) + 1] - (there_y - y));

			if (there_x < 0 || there_x > width - 1 || there_y < 0 || there_y > height - 1)
				continue;
			*mean += error;
			*most = fmax(*most, error);
			count++;
		}
	*mean /= count;
	free(flow);
	free(first);
	free(second);
}

static void
check(Movement movement, double mean_bound, double most_bound)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
	{
		double		mean;
		double		most;

		measure(&movement, 53, 121, seed, &mean, &most);
		assert_true(mean <= mean_bound);
		assert_true(most <= most_bound);
	}
}

static void
test_shifts(void **state)
{
	check((Movement) {0, 1, 0, 0}, 0, 0);
	check((Movement) {0, 1, 1, 0}, 0.01, 0.2);
	check((Movement) {0, 1, 0.3, -0.7}, 0.02, 0.2);
	check((Movement) {0, 1, -2.5, 1.25}, 0.02, 0.2);
	check((Movement) {0, 1, 7.5, -6.25}, 0.02, 0.3);
}

static void
test_turns(void **state)
{
	check((Movement) {0.02, 1, 0, 0}, 0.02, 0.3);
	check((Movement) {-0.1, 1, 1.5, -0.5}, 0.08, 1);
	check((Movement) {0, 1.05, 0, 0}, 0.05, 0.5);
}

static void
test_flat(void **state)
{
	static float first[40 * 30],
				second[40 * 30];
	float	   *flow;

	for (int i = 0; i < 40 * 30; i++)
		first[i] = 100, second[i] = 103;
	flow = flow_between(first, second, 40, 30);
	for (int i = 0; i < 2 * 40 * 30; i++)
		assert_true(flow[i] == 0);
	free(flow);
}

static void
test_small(void **state)
{
	const int	sides[] = {1, 2, 3, 7, 8, 9, 16};
	float		first[16 * 16],
				second[16 * 16];

	for (int i = 0; i < 16 * 16; i++)
		first[i] = (float) (i * 37 % 256), second[i] = (float) (i * 91 % 256);
	for (int i = 0; i < 7; i++)
		for (int j = 0; j < 7; j++)
			free(flow_between(first, second, sides[i], sides[j]));
}

/* What is no grey level does no harm. */
static void
test_odd_values(void **state)
{
	const float odd[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 0, 255};
	float		first[20 * 20],
				second[20 * 20];

	for (int i = 0; i < 20 * 20; i++)
		first[i] = odd[i % 7], second[i] = odd[i * 3 % 5];
	free(flow_between(first, second, 20, 20));
}

static void
test_interrupt(void **state)
{
	static float picture[64 * 64];
	float	   *flow = malloc(sizeof(float) * 2 * 64 * 64);
	void	   *memory = malloc(image_flow_bytes(64, 64));
	Status		status;

	for (int n = 0; n < 15; n++)
	{
		Host	   *host = test_host();

		test_host_interrupt_after(n);
		assert_false(image_flow(picture, picture, 64, 64, host, memory, flow, &status));
		assert_int_equal(status.code, STATUS_INTERRUPTED);
	}
	free(memory);
	free(flow);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shifts),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_odd_values),
		cmocka_unit_test(test_interrupt)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
