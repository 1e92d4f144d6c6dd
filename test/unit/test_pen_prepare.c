/*
 * test_pen_prepare.c: trajectories that are refused; preparation and features against pen/make_pen.py; distortion, drawing.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "host.h"
#include "pen/pen.h"
#include "pen/pen_numbers.h"

#define ROWS ((int) (sizeof(pen_trajectory) / sizeof(pen_trajectory[0])))
#define LENGTH ((int) (sizeof(pen_sample_time) / sizeof(pen_sample_time[0])))

/* All features. */
static PenPreparation
preparation(int length)
{
	PenPreparation p = {.length = length, .drift = true, .rate = 100, .feature_count = PEN_FEATURES};

	for (int i = 0; i < PEN_FEATURES; i++)
		p.feature[i] = (uint8_t) i;
	return p;
}

static void
assert_near(const float *found, const float *expected, int count, double tolerance)
{
	for (int i = 0; i < count; i++)
	{
		if (!(fabs((double) found[i] - expected[i]) <= tolerance))
			fail_msg("value %d is %.9g, not %.9g", i, found[i], expected[i]);
	}
}

static void
refused(const float *points, int rows, int columns, const char *detail)
{
	float		sample[LIMIT_INPUT_SIDE * PEN_VALUES];
	PenPreparation p = preparation(32);
	Status		status = {0};

	assert_false(pen_prepare(&(PenRows) {points, NULL, rows, columns}, &p, sample, &status));
	assert_int_equal(status.code, STATUS_PEN);
	assert_string_equal(status.detail, detail);
}

/* The trajectory with one value changed. */
static void
refused_with(int row, int column, float value, const char *detail)
{
	float		points[ROWS][4];

	memcpy(points, pen_trajectory, sizeof(points));
	points[row - 1][column] = value;
	refused(points[0], ROWS, 4, detail);
}

static void
test_refused(void **state)
{
	static float many[LIMIT_PEN_POINTS + 1][2];
	float		same[20][4];

	refused_with(3, 0, NAN, "Row 3: x is NaN.");
	refused_with(70, 1, -INFINITY, "Row 70: y is infinite.");
	refused_with(1, 2, INFINITY, "Row 1: the pressure is infinite.");
	refused_with(12, 3, NAN, "Row 12: the time is NaN.");
	refused_with(5, 2, -2, "Row 5: the pressure is -2; it must not be negative.");
	refused_with(5, 2, -0.5f, "Row 5: the pressure is -0.5; it must not be negative.");
	refused_with(5, 3, 3.25f, "Row 5: the time runs backwards, from 3.53033876 to 3.25.");
	refused(pen_trajectory[0], 1, 4, "It has 1 point; it must have 10 to 20000.");
	refused(pen_trajectory[0], 9, 4, "It has 9 points; it must have 10 to 20000.");
	refused(pen_trajectory[0], 0, 4, "It has 0 points; it must have 10 to 20000.");
	for (int i = 0; i <= LIMIT_PEN_POINTS; i++)
		many[i][0] = many[i][1] = (float) i;
	refused(many[0], LIMIT_PEN_POINTS + 1, 2, "It has 20001 points; it must have 10 to 20000.");
	refused(pen_trajectory[0], 20, 1, "A row has 1 value; it must have 2 to 4: x, y, then pressure, then time.");
	refused(pen_trajectory[0], 20, 5, "A row has 5 values; it must have 2 to 4: x, y, then pressure, then time.");
	for (int i = 0; i < 20; i++)
		memcpy(same[i], (float[4]) {2, 3, 1, 0}, sizeof(same[i]));
	refused(same[0], 20, 4, "The pen does not move: x is 2 and y is 3 in all 20 rows.");
	same[7][0] = 9;
	refused(same[0], 20, 4, "The time does not advance: it is 0 in all 20 rows.");
	for (int i = 0; i < 20; i++)
		same[i][2] = 0;
	refused(same[0], 20, 4, "The pen is never down: the pressure is 0 in all 20 rows.");
}

/* A zigzag of 100 points, a step of the time apart from a start on, in single or in double precision. */
static bool
takes_time(double start, double step, bool wide, float *sample, Status *status)
{
	static float single[100][4];
	static double both[100][4];
	PenPreparation p = preparation(32);
	PenRows		rows = {wide ? NULL : single[0], wide ? both[0] : NULL, 100, 4};

	for (int i = 0; i < 100; i++)
	{
		double		point[4] = {i, i % 7, 1, start + step * i};

		for (int k = 0; k < 4; k++)
		{
			both[i][k] = point[k];
			single[i][k] = (float) point[k];
		}
	}
	return pen_prepare(&rows, &p, sample, status);
}

static void
refuses_time(double start, double step, const char *detail, const char *hint)
{
	float		sample[32 * PEN_VALUES];
	Status		status = {0};

	assert_false(takes_time(start, step, false, sample, &status));
	assert_int_equal(status.code, STATUS_PEN);
	assert_string_equal(status.detail, detail);
	assert_string_equal(status.hint, hint);
}

/* Times that cannot be seconds, and those that single precision rounds too coarsely, which double precision does not. */
static void
test_time(void **state)
{
	const char *unit = "The fourth column is the time in seconds. Divide milliseconds by 1000, microseconds by 1000000.";
	const char *far = "Subtract the time of the first point before converting to real, or pass double precision[].";
	const double starts[] = {5, 36000, 2e7, 1.7e9};
	float		sample[32 * PEN_VALUES];
	float		other[32 * PEN_VALUES];
	Status		status = {0};

	assert_true(takes_time(0, 0.01, false, sample, &status));
	assert_true(takes_time(0, 0.001, false, other, &status));
	assert_true(takes_time(0, 0.1, false, other, &status));
	refuses_time(0, 10, "The trajectory lasts 990 s with 100 points, 10 s apart; a signature takes seconds, and a tablet records about"
				 " 100 points in each.", unit);
	refuses_time(0, 10000, "The trajectory lasts 990000 s with 100 points, 1e+04 s apart; a signature takes seconds, and a tablet records"
				 " about 100 points in each.", unit);
	refuses_time(0, 1e-5, "The trajectory lasts 0.00099 s with 100 points, 1e-05 s apart; a signature takes seconds, and a tablet records"
				 " about 100 points in each.", unit);
	refuses_time(36000, 0.01, "The time goes from 36000 to 36000.9883 in 100 points: this far from 0, real rounds it to steps of"
				 " 0.0043 s.", far);
	refuses_time(2e7, 0.01, "The time goes from 20000000 to 20000000 in 100 points: this far from 0, real rounds it to steps of 2.4 s.", far);
	refuses_time(1.7e12, 10, "The time goes from 1.70000004e+12 to 1.70000004e+12 in 100 points: this far from 0, real rounds it to steps of"
				 " 2e+05 s.", far);
	for (int i = 0; i < 4; i++)
	{
		assert_true(takes_time(starts[i], 0.01, true, other, &status));
		assert_near(other, sample, 32 * PEN_VALUES, 1e-4);
	}
}

/* Both precisions of the same numbers give the same sample, bit for bit. */
static void
test_wide(void **state)
{
	double		wide[ROWS][4];
	float		sample[32 * PEN_VALUES];
	float		other[32 * PEN_VALUES];
	PenPreparation p = preparation(32);
	Status		status = {0};

	for (int i = 0; i < ROWS; i++)
		for (int k = 0; k < 4; k++)
			wide[i][k] = pen_trajectory[i][k];
	for (int arc = 0; arc < 2; arc++)
	{
		p.resampling = (PenResampling) arc;
		assert_true(pen_prepare(&(PenRows) {pen_trajectory[0], NULL, ROWS, 4}, &p, sample, &status));
		assert_true(pen_prepare(&(PenRows) {NULL, wide[0], ROWS, 4}, &p, other, &status));
		assert_memory_equal(sample, other, sizeof(sample));
	}
	wide[3][1] = 1e39;
	assert_false(pen_prepare(&(PenRows) {NULL, wide[0], ROWS, 4}, &p, other, &status));
	assert_string_equal(status.detail, "Row 4: y is 1e+39, outside the range of real.");
}

/* A point some ms before the last one gets its time; a pressure of -1 is that of a lifted pen. */
static void
test_mended(void **state)
{
	float		points[ROWS][4];
	float		mended[ROWS][4];
	float		sample[32 * PEN_VALUES];
	float		other[32 * PEN_VALUES];
	PenPreparation p = preparation(32);
	Status		status = {0};

	memcpy(points, pen_trajectory, sizeof(points));
	points[20][3] = points[18][3] - 0.0625f;
	for (int i = 0; i < ROWS; i++)
		points[i][2] = points[i][2] == 0 ? -1 : points[i][2];
	memcpy(mended, pen_trajectory, sizeof(mended));
	mended[20][3] = mended[19][3];
	for (int arc = 0; arc < 2; arc++)
	{
		p.resampling = (PenResampling) arc;
		assert_true(pen_prepare(&(PenRows) {points[0], NULL, ROWS, 4}, &p, sample, &status));
		assert_true(pen_prepare(&(PenRows) {mended[0], NULL, ROWS, 4}, &p, other, &status));
		assert_memory_equal(sample, other, sizeof(sample));
	}
	for (int i = 0; i < ROWS; i++)
		points[i][2] = i % 2 ? -1 : 0;
	refused(points[0], ROWS, 4, "The pen is never down: the pressure is 0 in all 70 rows.");
}

static void
test_numbers(void **state)
{
	PenPreparation p = preparation(LENGTH);
	float		sample[LENGTH * PEN_VALUES];
	float		input[LENGTH * PEN_FEATURES];
	Status		status;

	assert_true(pen_prepare(&(PenRows) {pen_trajectory[0], NULL, ROWS, 4}, &p, sample, &status));
	assert_near(sample, pen_sample_time[0], LENGTH * PEN_VALUES, 1e-5);
	pen_features(&p, pen_sample_time[0], input);
	assert_near(input, pen_features_time[0], LENGTH * PEN_FEATURES, 2e-6);

	p.resampling = PEN_RESAMPLING_ARC;
	p.drift = false;
	p.scale = PEN_SCALE_BOTH;
	assert_true(pen_prepare(&(PenRows) {pen_trajectory[0], NULL, ROWS, 4}, &p, sample, &status));
	assert_near(sample, pen_sample_arc[0], LENGTH * PEN_VALUES, 1e-5);
	pen_features(&p, pen_sample_arc[0], input);
	assert_near(input, pen_features_arc[0], LENGTH * PEN_FEATURES, 2e-6);
}

/* The features' names are in the order of PenFeature, and a part of them is that part of all. */
static void
test_choice_of_features(void **state)
{
	PenPreparation p = preparation(LENGTH);
	float		input[LENGTH * 2];

	for (int i = 0; i < PEN_FEATURES; i++)
		assert_non_null(pen_feature_names[i]);
	assert_null(pen_feature_names[PEN_FEATURES]);
	assert_string_equal(pen_feature_names[PEN_FEATURE_LOG_RADIUS], "log_curvature_radius");
	assert_string_equal(pen_feature_names[PEN_FEATURE_DURATION], "duration");
	p.feature_count = 2;
	p.feature[0] = PEN_FEATURE_PRESSURE_CHANGE;
	p.feature[1] = PEN_FEATURE_Y;
	pen_features(&p, pen_sample_time[0], input);
	for (int i = 0; i < LENGTH; i++)
	{
		assert_near(&input[2 * i], &pen_features_time[i][PEN_FEATURE_PRESSURE_CHANGE], 1, 2e-6);
		assert_near(&input[2 * i + 1], &pen_features_time[i][PEN_FEATURE_Y], 1, 2e-6);
	}
}

/* Without a time the rate gives it; without a pressure the pen is down; neither place nor size matters. */
static void
test_columns(void **state)
{
	PenPreparation p = preparation(50);
	float		points[ROWS][2];
	float		sample[50 * PEN_VALUES];
	float		moved[50 * PEN_VALUES];
	Status		status;

	for (int i = 0; i < ROWS; i++)
		memcpy(points[i], pen_trajectory[i], sizeof(points[i]));
	p.rate = 200;
	assert_true(pen_prepare(&(PenRows) {points[0], NULL, ROWS, 2}, &p, sample, &status));
	for (int i = 0; i < 50; i++)
	{
		assert_true(sample[i * PEN_VALUES + PEN_DOWN] == 1 && sample[i * PEN_VALUES + PEN_PRESSURE] == 1);
		assert_near(&sample[i * PEN_VALUES + PEN_TIME], (float[1]) {(ROWS - 1) / 200.0f * i / 49}, 1, 1e-6);
	}
	for (int i = 0; i < ROWS; i++)
	{
		points[i][0] = points[i][0] * 64 + 1000;
		points[i][1] = points[i][1] * 64 - 5;
	}
	assert_true(pen_prepare(&(PenRows) {points[0], NULL, ROWS, 2}, &p, moved, &status));
	assert_near(moved, sample, 50 * PEN_VALUES, 2e-4);
}

/* A straight line, a vertical one, rests at both ends, times that repeat: everything stays finite and within [-1, 1]. */
static void
test_odd_shapes(void **state)
{
	for (int kind = 0; kind < 6; kind++)
	{
		float		points[64][4];
		float		sample[1024 * PEN_VALUES];
		static float input[1024 * PEN_FEATURES];
		PenPreparation p = preparation(kind % 2 ? 1024 : 10);
		Status		status;

		for (int i = 0; i < 64; i++)
		{
			points[i][0] = kind == 1 ? 5 : kind == 2 ? (i == 40) : (float) i;
			points[i][1] = kind == 0 ? 2 * (float) i : kind == 3 ? 0 : (float) (i % 7);
			points[i][2] = kind == 4 ? (i == 3) : 1;
			points[i][3] = kind == 5 ? (float) (i / 32) * 1e-4f : (float) i * (kind == 4 ? 0.2f : 0.01f);
		}
		for (int arc = 0; arc < 2; arc++)
		{
			p.resampling = (PenResampling) arc;
			assert_true(pen_prepare(&(PenRows) {points[0], NULL, 64, 4}, &p, sample, &status));
			pen_features(&p, sample, input);
			for (int i = 0; i < p.length * PEN_FEATURES; i++)
				assert_true(input[i] >= -1 && input[i] <= 1);
		}
	}
}

static void
test_distortion(void **state)
{
	PenDistortion none = {.probability = 1};
	PenDistortion all = {
		.probability = 1, .rotation = 10, .scale = 0.2, .shear = 0.2, .warp = 0.2, .time_warp = 0.5, .tempo = 0.5,
		.pressure = 0.3, .jitter = 0.02, .dropped = 0.3
	};
	PenPreparation p = preparation(200);
	float		sample[200 * PEN_VALUES];
	float		copy[200 * PEN_VALUES];
	float		again[200 * PEN_VALUES];
	Status		status;

	for (int arc = 0; arc < 2; arc++)
	{
		Random		random = random_stream(1, 2);

		p.resampling = (PenResampling) arc;
		assert_true(pen_prepare(&(PenRows) {pen_trajectory[0], NULL, ROWS, 4}, &p, sample, &status));
		pen_distort(&p, &none, sample, &random, copy);
		assert_near(copy, sample, 200 * PEN_VALUES, 1e-4);

		random = random_stream(1, 3);
		pen_distort(&p, &all, sample, &random, copy);
		random = random_stream(1, 3);
		pen_distort(&p, &all, sample, &random, again);
		assert_memory_equal(copy, again, sizeof(copy));
		assert_memory_not_equal(copy, sample, sizeof(copy));
		for (int i = 0; i < 200; i++)
		{
			const float *value = copy + i * PEN_VALUES;

			assert_true(fabsf(value[PEN_X] - sample[i * PEN_VALUES + PEN_X]) < 3);
			assert_true(value[PEN_PRESSURE] >= 0 && value[PEN_PRESSURE] <= 1);
			assert_true(value[PEN_DOWN] == 0 || value[PEN_DOWN] == 1);
			assert_true(i == 0 ? value[PEN_TIME] == 0 : value[PEN_TIME] > value[PEN_TIME - PEN_VALUES]);
		}
	}
}

/* One part alone does what its name says. */
static void
test_parts_of_distortion(void **state)
{
	PenDistortion turned = {.probability = 1, .rotation = 30};
	PenDistortion slower = {.probability = 1, .tempo = 0.5};
	PenPreparation p = preparation(100);
	float		sample[100 * PEN_VALUES];
	float		copy[100 * PEN_VALUES];
	Random		random = random_stream(5, 6);
	double		ratio;
	Status		status;

	assert_true(pen_prepare(&(PenRows) {pen_trajectory[0], NULL, ROWS, 4}, &p, sample, &status));
	pen_distort(&p, &turned, sample, &random, copy);
	for (int i = 0; i < 100; i++)
	{
		const float *a = sample + i * PEN_VALUES;
		const float *b = copy + i * PEN_VALUES;

		assert_near((float[1]) {hypotf(b[PEN_X], b[PEN_Y])}, (float[1]) {hypotf(a[PEN_X], a[PEN_Y])}, 1, 1e-4);
	}
	pen_distort(&p, &slower, sample, &random, copy);
	ratio = copy[99 * PEN_VALUES + PEN_TIME] / sample[99 * PEN_VALUES + PEN_TIME];
	assert_true(ratio > exp(-0.5) && ratio < exp(0.5) && fabs(ratio - 1) > 1e-3);
	for (int i = 0; i < 100; i++)
		assert_near(copy + i * PEN_VALUES, sample + i * PEN_VALUES, 3, 1e-4);

	/* four ways of mirroring, two directions of time */
	{
		PenDistortion other = {.probability = 1, .mirror = true, .reverse = true};
		int			seen[8] = {0};

		for (int round = 0; round < 100; round++)
		{
			pen_distort(&p, &other, sample, &random, copy);
			for (int way = 0; way < 8; way++)
			{
				double		apart = 0;

				for (int i = 0; i < 100; i++)
				{
					const float *a = sample + (way & 4 ? 99 - i : i) * PEN_VALUES;
					const float *b = copy + i * PEN_VALUES;
					double		time = way & 4 ? sample[99 * PEN_VALUES + PEN_TIME] - a[PEN_TIME] : a[PEN_TIME];

					apart = fmax(apart, fabs(b[PEN_X] - (way & 1 ? -1 : 1) * a[PEN_X]));
					apart = fmax(apart, fabs(b[PEN_Y] - (way & 2 ? -1 : 1) * a[PEN_Y]));
					apart = fmax(apart, fabs(b[PEN_PRESSURE] - a[PEN_PRESSURE]));
					apart = fmax(apart, fabs(b[PEN_TIME] - time));
				}
				seen[way] += apart < 1e-4;
			}
		}
		for (int way = 0; way < 8; way++)
			assert_true(seen[way] > 2);
		assert_int_equal(seen[0] + seen[1] + seen[2] + seen[3] + seen[4] + seen[5] + seen[6] + seen[7], 100);
	}
}

static void
test_drawing(void **state)
{
	PenPreparation p = preparation(1024);
	static float sample[1024 * PEN_VALUES];
	char	   *svg;
	size_t		length;
	Status		status;
	Host	   *host = test_host();
	static float hatched[1024][3];

	/* the pen goes up and down at every point: the most strokes there can be */
	for (int i = 0; i < 1024; i++)
		memcpy(hatched[i], (float[3]) {(float) (i * 7 % 1000), (float) (i * 13 % 997), (float) (i % 2)}, sizeof(hatched[i]));
	assert_true(pen_prepare(&(PenRows) {hatched[0], NULL, 1024, 3}, &p, sample, &status));
	assert_true(pen_draw(&p, sample, host, &svg, &length, &status));
	assert_memory_equal(svg, "<svg ", 5);
	assert_memory_equal(svg + length - 7, "</svg>\n", 7);
	host_release(host, svg);
	assert_int_equal(test_host_outstanding(), 0);
	for (int n = 0; n < 2; n++)
	{
		host = test_host();
		test_host_fail_after(n);
		assert_false(pen_draw(&p, sample, host, &svg, &length, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_time), cmocka_unit_test(test_wide), cmocka_unit_test(test_mended),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_choice_of_features),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_odd_shapes),
		cmocka_unit_test(test_distortion),
		cmocka_unit_test(test_parts_of_distortion),
		cmocka_unit_test(test_drawing)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
