/*
 * test_network_views.c: rasters as inputs, distorted copies, and embeddings that are the mean of several views.
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

#define SIDE 8
#define VALUES (SIDE * SIDE)
#define DIMENSIONS 5
#define STILL "'distortion':{}"
#define LIVELY "'distortion':{'rotation':20,'scale':0.2,'shear':0.2,'shift':0.1,'warp':0.05,'contrast':0.2,'noise':0.1}"

static NetworkDefinition *
define(int views, const char *join, const char *distortion)
{
	char		text[512];

	snprintf(text, sizeof(text), "{'input':{'width':8,'height':8,'polarity':'dark','mean':0.25,'deviation':0.5,'views':%d},"
			 "'layers':[{'type':'conv','maps':3,'kernel':3},{'type':'relu'},{'type':'dense','units':5}],"
			 "'join':'%s','training':{%s}}", views, join, distortion);
	return help_define(text);
}

static void
fill_raster(uint8_t *raster)
{
	for (int i = 0; i < VALUES; i++)
		raster[i] = (uint8_t) (i * 37 % 256);
}

static void
test_undistorted(void **state)
{
	NetworkDefinition *definition = define(1, "l2", STILL);
	Random		random = random_stream(1, 1);
	uint8_t		raster[VALUES];
	real		plain[VALUES],
				copy[VALUES];

	fill_raster(raster);
	network_input_from_raster(definition, raster, plain);
	network_input_distorted(definition, raster, &(NetworkCopy) {0}, &random, copy);
	for (int i = 0; i < VALUES; i++)
		assert_true(fabs(plain[i] - copy[i]) < 1e-6);
	host_release(test_host(), definition);
}

/* Four quarter turns are none; one moves (x, y) where arithmetic says. */
static void
test_turns(void **state)
{
	NetworkDefinition *definition = define(1, "l2", STILL);
	uint8_t		raster[VALUES];
	real		plain[VALUES],
				copy[VALUES];

	fill_raster(raster);
	network_input_from_raster(definition, raster, plain);
	for (int turn = 1; turn < 4; turn++)
	{
		Random		random = random_stream(1, turn);

		network_input_distorted(definition, raster, &(NetworkCopy) {.turn = turn}, &random, copy);
		for (int y = 0; y < SIDE; y++)
		{
			for (int x = 0; x < SIDE; x++)
			{
				int			u = turn == 1 ? SIDE - 1 - y : turn == 2 ? SIDE - 1 - x : y;
				int			v = turn == 1 ? x : turn == 2 ? SIDE - 1 - y : SIDE - 1 - x;

				assert_true(fabs(copy[y * SIDE + x] - plain[v * SIDE + u]) < 1e-4);
			}
		}
	}
	host_release(test_host(), definition);
}

/* Of a slope, a warp moves each value by at most its strength; a forgery is warped about three times as much. */
static void
test_forgeries(void **state)
{
	NetworkDefinition *definition = define(1, "l2", "'distortion':{'warp':0.02}");
	uint8_t		raster[VALUES];
	real		plain[VALUES];
	double		apart[2] = {0, 0};
	double		most[2] = {0, 0};

	for (int i = 0; i < VALUES; i++)
		raster[i] = (uint8_t) (20 * (i % SIDE));
	network_input_from_raster(definition, raster, plain);
	for (int round = 0; round < 400; round++)
	{
		Random		random = random_stream(2, round / 2);
		real		copy[VALUES];

		network_input_distorted(definition, raster, &(NetworkCopy) {.forge = round % 2 == 1}, &random, copy);
		for (int i = 0; i < VALUES; i++)
		{
			/* in pixels along the slope; the rim, where paper comes in, aside */
			double		moved = fabs(copy[i] - plain[i]) * 255 * 0.5 / 20;

			if (i % SIDE == 0 || i % SIDE == SIDE - 1 || i / SIDE == 0 || i / SIDE == SIDE - 1)
				continue;
			apart[round % 2] += moved;
			most[round % 2] = fmax(most[round % 2], moved);
		}
	}
	assert_true(most[0] > 0.1 && most[0] < 0.02 * SIDE + 1e-4);
	assert_true(most[1] > 0.4 && most[1] < 4 * 0.02 * SIDE + 1e-4);
	assert_true(apart[1] > 2.5 * apart[0] && apart[1] < 3.5 * apart[0]);
	host_release(test_host(), definition);
}

/* Mirrored by chance, but all copies that share a seed alike; all four ways come. */
static void
test_shared_mirror(void **state)
{
	NetworkDefinition *definition = define(1, "l2", "'distortion':{},'shared_distortion':{'mirror':true}");
	uint8_t		raster[VALUES];
	real		plain[VALUES];
	int			seen[4] = {0};

	assert_true(network_shares_distortion(definition));
	fill_raster(raster);
	network_input_from_raster(definition, raster, plain);
	for (int seed = 1; seed <= 40; seed++)
	{
		int			matches = 0;

		for (int again = 0; again < 2; again++)
		{
			Random		random = random_stream(7, seed * 2 + again);
			NetworkCopy shared = {.shared = (uint64_t) seed};
			real		copy[VALUES];

			network_input_distorted(definition, raster, &shared, &random, copy);
			for (int way = 0; way < 4; way++)
			{
				double		apart = 0;

				for (int i = 0; i < VALUES; i++)
				{
					int			x = way & 1 ? SIDE - 1 - i % SIDE : i % SIDE;
					int			y = way & 2 ? SIDE - 1 - i / SIDE : i / SIDE;

					apart += fabs(copy[i] - plain[y * SIDE + x]);
				}
				if (apart < 1e-4)
				{
					seen[way]++;
					matches += again == 0 ? way + 1 : -(way + 1);
				}
			}
		}
		assert_int_equal(matches, 0);	/* both copies the same way */
	}
	assert_int_equal(seen[0] + seen[1] + seen[2] + seen[3], 80);
	for (int way = 0; way < 4; way++)
		assert_true(seen[way] > 4);
	host_release(test_host(), definition);
}

/* Own distortion after the shared one: of a slope, two shared shifts of a seed differ by the own warp at most. */
static void
test_shared_and_own(void **state)
{
	NetworkDefinition *definition = define(1, "l2", "'distortion':{'warp':0.01},'shared_distortion':{'warp':0.1,'scale':0.2}");
	uint8_t		raster[VALUES];
	double		within = 0;
	double		between = 0;
	real		last[VALUES] = {0};

	for (int i = 0; i < VALUES; i++)
		raster[i] = (uint8_t) (20 * (i % SIDE));
	for (int seed = 1; seed <= 50; seed++)
	{
		real		copy[2][VALUES];

		for (int again = 0; again < 2; again++)
		{
			Random		random = random_stream(9, seed * 2 + again);
			NetworkCopy shared = {.shared = (uint64_t) seed};

			network_input_distorted(definition, raster, &shared, &random, copy[again]);
		}
		for (int y = 3; y < 5; y++)
			for (int x = 3; x < 5; x++)
			{
				double		apart = fabs(copy[0][y * SIDE + x] - copy[1][y * SIDE + x]) * 255 * 0.5 / 20;

				within = fmax(within, apart);
				between = fmax(between, seed == 1 ? 0 : fabs(copy[0][y * SIDE + x] - last[y * SIDE + x]) * 255 * 0.5 / 20);
			}
		memcpy(last, copy[0], sizeof(last));
	}
	/* each own warp moves by 0.01 of the width at most, which the shared mapping stretches by at most e^0.2 + 0.4 */
	assert_true(within > 0 && within < 2 * 0.01 * SIDE * (exp(0.2) + 0.4));
	assert_true(between > 4 * within);
	host_release(test_host(), definition);
}

/* What network_embed gives with a workspace of so many samples. */
static void
embed(const NetworkDefinition *definition, int samples, const uint8_t *const *raster, int n, real *embedding)
{
	Status		status;
	Network    *network = network_create(definition, test_host(), &status);
	NetworkWorkspace *workspace = network_workspace_create(network, samples, false, test_host(), &status);
	real		weights[4096];

	assert_true(network_weight_count(network) <= 4096);
	network_initialize(network, 3, weights);
	assert_true(network_embed(network, weights, workspace, raster, n, embedding, &status));
	network_workspace_destroy(workspace);
	network_destroy(network);
}

static void
test_views(void **state)
{
	uint8_t		first[VALUES],
				second[VALUES];
	const uint8_t *raster[2] = {first, second};
	const char *joins[] = {"l2", "cosine"};

	fill_raster(first);
	for (int i = 0; i < VALUES; i++)
		second[i] = (uint8_t) (255 - first[VALUES - 1 - i] / 2);
	for (int j = 0; j < 2; j++)
	{
		NetworkDefinition *one = define(1, joins[j], LIVELY);
		NetworkDefinition *still = define(4, joins[j], STILL);
		NetworkDefinition *several = define(4, joins[j], LIVELY);
		real		plain[2 * DIMENSIONS],
					same[2 * DIMENSIONS],
					mean[2 * DIMENSIONS],
					other[2 * DIMENSIONS];
		double		moved = 0;

		embed(one, 2, raster, 2, plain);
		embed(still, 4, raster, 2, same);
		embed(several, 4, raster, 2, mean);
		for (int sample = 0; sample < 2; sample++)
		{
			double		length = 0;
			double		mean_length = 0;

			for (int i = 0; i < DIMENSIONS; i++)
			{
				length += pow(plain[sample * DIMENSIONS + i], 2);
				mean_length += pow(mean[sample * DIMENSIONS + i], 2);
			}
			for (int i = 0; i < DIMENSIONS; i++)
			{
				double		expected = plain[sample * DIMENSIONS + i] / (j == 1 ? sqrt(length) : 1);

				/* views that do not differ change nothing but the length that "cosine" does not look at */
				assert_true(fabs(same[sample * DIMENSIONS + i] - expected) < 1e-5);
				moved += fabs(mean[sample * DIMENSIONS + i] - expected);
			}
			if (j == 1)
				assert_true(fabs(mean_length - 1) < 1e-5);
		}
		assert_true(moved > 0.01);

		/* how many run at once does not matter */
		for (int samples = 1; samples < 4; samples++)
		{
			embed(several, samples, raster, 2, other);
			for (int i = 0; i < 2 * DIMENSIONS; i++)
				assert_true(fabs(other[i] - mean[i]) < 1e-5);
		}
		host_release(test_host(), one);
		host_release(test_host(), still);
		host_release(test_host(), several);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undistorted),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_forgeries),
		cmocka_unit_test(test_shared_mirror),
		cmocka_unit_test(test_shared_and_own),
		cmocka_unit_test(test_views)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
