/*
 * test_elastic.c: elastic matching against the plain recurrence in double precision, and what it must not depend on.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "host.h"
#include "pen/elastic_internal.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_begin, host_end)
#define MOST 600

static Host *host;

static int
host_begin(void **state)
{
	host = test_host();
	return 0;
}

static int
host_end(void **state)
{
	return test_host_outstanding() == 0 ? 0 : -1;
}

/* All of the table, the window by its definition: |i / n - j / m| <= ELASTIC_WINDOW, of the middles s = i + j. */
static double
naive(const ElasticSequence *a, const ElasticSequence *b)
{
	double	   *sum = malloc(sizeof(double) * (size_t) (a->length + 1) * (b->length + 1));
	int			width = b->length + 1;
	double		result;

	for (int i = 0; i < (a->length + 1) * width; i++)
		sum[i] = INFINITY;
	sum[0] = 0.0;
	for (int i = 0; i < a->length; i++)
	{
		for (int j = 0; j < b->length; j++)
		{
			double		difference = 0.0;
			double		before = fmin(sum[i * width + j], fmin(sum[i * width + j + 1], sum[(i + 1) * width + j]));

			if (fabs((double) i / a->length - (double) j / b->length) > ELASTIC_WINDOW + 1e-12)
				continue;
			for (int k = 0; k < ELASTIC_VALUES; k++)
				difference += (k == 2 || k == 3 ? 2.0 : 1.0) *
					fabs((double) a->value[k * a->length + i] - (double) b->value[k * b->length + j]);
			sum[(i + 1) * width + j + 1] = difference + before;
		}
	}
	result = sum[a->length * width + b->length] / ELASTIC_UNIT / a->length;
	free(sum);
	return result;
}

static ElasticSequence
noise(Random *random, int length)
{
	ElasticSequence sequence = {length, host_allocate(host, (size_t) length, ELASTIC_VALUES, NULL)};

	for (int i = 0; i < length * ELASTIC_VALUES; i++)
		sequence.value[i] = (int8_t) ((int) random_below(random, 255) - 127);
	return sequence;
}

static void
test_as_the_plain_recurrence(void **state)
{
	static const int lengths[] = {ELASTIC_LEAST, 17, 23, 64, 100, 211, 400};
	Random		random = random_stream(1, 1);

	for (size_t m = 0; m < sizeof(lengths) / sizeof(*lengths); m++)
	{
		for (size_t n = 0; n < sizeof(lengths) / sizeof(*lengths); n++)
		{
			ElasticSequence a = noise(&random, lengths[m]);
			ElasticSequence b = noise(&random, lengths[n]);
			double		expected = naive(&a, &b);

			for (int level = 0; level < CPU_LEVEL_COUNT; level++)
			{
				double		distance;
				Status		status;

				if (!cpu_supports((CpuLevel) level))
					continue;
				assert_true(cpu_force_level((CpuLevel) level));
				assert_true(elastic_distance(&a, &b, host, &distance, &status));
				assert_float_equal(distance, expected, 1e-9);
			}
			cpu_unforce_level();
			host_release(host, a.value);
			host_release(host, b.value);
		}
	}
}

/* A curve written in some seconds; hurry: how unevenly; columns x, y, pressure, time. */
static PenRows
curve(float *points, int rows, double seconds, double hurry, double scale, double angle)
{
	for (int i = 0; i < rows; i++)
	{
		double		time = (double) i / (rows - 1);
		double		at = time + hurry * sin(2.0 * M_PI * time) / (2.0 * M_PI);
		double		x = 3.0 * at + sin(17.0 * at);
		double		y = cos(13.0 * at) + 0.3 * sin(29.0 * at);

		points[4 * i] = (float) (scale * (cos(angle) * x - sin(angle) * y) + 100.0);
		points[4 * i + 1] = (float) (scale * (sin(angle) * x + cos(angle) * y) - 50.0);
		points[4 * i + 2] = (float) (0.5 + 0.3 * sin(11.0 * at));
		points[4 * i + 3] = (float) (seconds * time);
	}
	return (PenRows) {.single = points, .rows = rows, .columns = 4};
}

static double
distance_of(const PenRows *a, const PenRows *b)
{
	ElasticSequence one;
	ElasticSequence other;
	double		distance;
	Status		status;

	assert_true(elastic_sequence(a, host, &one, &status));
	assert_true(elastic_sequence(b, host, &other, &status));
	assert_true(elastic_distance(&one, &other, host, &distance, &status));
	host_release(host, one.value);
	host_release(host, other.value);
	return distance;
}

static void
test_what_counts(void **state)
{
	static float file[4 * MOST];
	static float other[4 * MOST];
	PenRows		a = curve(file, 300, 3.0, 0.0, 1.0, 0.0);
	PenRows		b;
	double		uneven;
	double		slow;

	assert_float_equal(distance_of(&a, &a), 0.0, 0.0);
	b = curve(other, 300, 3.0, 0.0, 37.0, 0.0);	/* size and place do not count */
	assert_true(distance_of(&a, &b) < 0.01);
	b = curve(other, 600, 3.0, 0.0, 1.0, 0.0);	/* nor does the tablet's rate */
	assert_true(distance_of(&a, &b) < 0.25);
	b = curve(other, 300, 3.0, 0.3, 1.0, 0.0);	/* the rhythm does: acceleration */
	uneven = distance_of(&a, &b);
	b = curve(other, 600, 6.0, 0.0, 1.0, 0.0);	/* evenly slow: the same in standard deviations, only rounded otherwise */
	slow = distance_of(&a, &b);
	assert_true(uneven > 0.2 && uneven < 2.0);
	assert_true(slow < 0.5);
	b = curve(other, 300, 3.0, 0.0, 1.0, 1.0);	/* turned by a radian */
	assert_true(distance_of(&a, &b) > 0.5);
	for (int i = 0; i < 300; i++)	/* backwards: another signature */
	{
		for (int k = 0; k < 3; k++)
			other[4 * i + k] = file[4 * (299 - i) + k];
	}
	assert_true(distance_of(&a, &b) > 1.5 * uneven);
}

/* A network's sample of the trajectory gives nearly the same sequence: as many points, and near. */
static void
test_of_a_sample(void **state)
{
	static const PenPreparation dense = {.length = 200, .resampling = PEN_RESAMPLING_TIME, .scale = PEN_SCALE_Y, .rate = 100, .drift = true};
	static float points[4 * MOST];
	static float sample[200 * PEN_VALUES];
	PenRows		pen = curve(points, 300, 3.0, 0.3, 5.0, 0.2);
	ElasticSequence raw;
	ElasticSequence sampled;
	double		distance;
	Status		status;

	assert_true(pen_prepare(&pen, &dense, sample, &status));
	assert_true(elastic_sequence(&pen, host, &raw, &status));
	assert_true(elastic_sequence_of_sample(sample, dense.length, host, &sampled, &status));
	assert_int_equal(sampled.length, raw.length);
	assert_true(elastic_distance(&raw, &sampled, host, &distance, &status));
	assert_true(distance < 0.2);
	host_release(host, sampled.value);
	/* a pen that rests: nothing changes, nothing fails */
	for (int i = 0; i < dense.length * PEN_VALUES; i++)
		sample[i] = 0.0f;
	assert_true(elastic_sequence_of_sample(sample, dense.length, host, &sampled, &status));
	assert_int_equal(sampled.length, ELASTIC_LEAST);
	for (int i = 0; i < ELASTIC_LEAST * ELASTIC_VALUES; i++)
		assert_int_equal(sampled.value[i], 0);
	host_release(host, sampled.value);
	host_release(host, raw.value);
}

/* Standard deviations as bytes; what does not change is 0; without a time, a row is a point. */
static void
test_sequences(void **state)
{
	static float points[4 * MOST];
	static float flat[2 * 40];
	PenRows		pen = curve(points, 300, 2.5, 0.0, 1.0, 0.0);
	PenRows		narrow = {.single = flat, .rows = 40, .columns = 2};
	ElasticSequence sequence;
	Status		status;

	assert_true(elastic_sequence(&pen, host, &sequence, &status));
	assert_int_equal(sequence.length, 251);
	for (int k = 0; k < ELASTIC_VALUES; k++)
	{
		double		sum = 0.0;
		double		square = 0.0;

		for (int i = 0; i < sequence.length; i++)
		{
			sum += sequence.value[k * sequence.length + i];
			square += sequence.value[k * sequence.length + i] * sequence.value[k * sequence.length + i];
		}
		assert_float_equal(sum / sequence.length, 0.0, 0.5);
		assert_float_equal(sqrt(square / sequence.length), ELASTIC_UNIT, 1.0);
	}
	host_release(host, sequence.value);

	for (int i = 0; i < 40; i++)
	{
		flat[2 * i] = (float) i;
		flat[2 * i + 1] = (float) (i % 7);
	}
	assert_true(elastic_sequence(&narrow, host, &sequence, &status));
	assert_int_equal(sequence.length, 40);
	for (int i = 0; i < 40; i++)
		assert_int_equal(sequence.value[4 * 40 + i], 0);
	host_release(host, sequence.value);
	pen = curve(points, 600, 30.0, 0.0, 1.0, 0.0);
	assert_true(elastic_sequence(&pen, host, &sequence, &status));
	assert_int_equal(sequence.length, ELASTIC_MOST);
	host_release(host, sequence.value);
}

static void
test_bad_input(void **state)
{
	static float points[4 * MOST];
	PenRows		pen = curve(points, 9, 1.0, 0.0, 1.0, 0.0);
	ElasticSequence sequence;
	Status		status;

	assert_false(elastic_sequence(&pen, host, &sequence, &status));
	assert_int_equal(status.code, STATUS_PEN);
	pen = curve(points, 100, 1.0, 0.0, 1.0, 0.0);
	points[50] = NAN;
	assert_false(elastic_sequence(&pen, host, &sequence, &status));
	assert_int_equal(status.code, STATUS_PEN);
	pen = curve(points, 100, 1.0, 0.0, 1.0, 0.0);
	for (int i = 0; i < 2; i++)
	{
		test_host_fail_after(i);
		assert_false(elastic_sequence(&pen, host, &sequence, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_null(sequence.value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_as_the_plain_recurrence),
		TEST(test_what_counts),
		TEST(test_sequences),
		TEST(test_of_a_sample),
		TEST(test_bad_input),
	};

	return cmocka_run_group_tests_name("elastic", tests, NULL, NULL);
}
