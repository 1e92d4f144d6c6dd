/*
 * test_distance.c: every level that this processor supports against sums in long double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/random.h"
#include "distance/distance.h"

#define TOLERANCE 1e-6L

/* Allocated to the byte, so that a read beyond the end is seen by the address sanitizer; one float off alignment. */
typedef struct Vector
{
	float	   *block;
	float	   *x;
} Vector;

typedef enum Data
{
	DATA_NORMAL,
	DATA_ZERO,
	DATA_DENORMAL,
	DATA_HUGE,
	DATA_MIXED,					/* every exponent of a float */
	DATA_CLOSE,					/* nearly the same direction */
	DATA_OPPOSITE,
	DATA_KINDS
} Data;

static Vector
vector_make(int n)
{
	Vector		vector;

	vector.block = malloc((n + 1) * sizeof(float));
	assert_non_null(vector.block);
	vector.x = vector.block + 1;
	return vector;
}

static void
fill(Data data, Random *random, float *a, float *b, int n)
{
	double		scale = exp(random_range(random, -20, 20));

	for (int i = 0; i < n; i++)
	{
		a[i] = (float) random_normal(random);
		b[i] = (float) random_normal(random);
		switch (data)
		{
			case DATA_ZERO:
				a[i] = 0;
				break;
			case DATA_DENORMAL:
				a[i] *= 1e-42f;
				b[i] *= 1e-42f;
				break;
			case DATA_HUGE:
				a[i] = a[i] < 0 ? -3.4e38f : 3.3e38f;
				b[i] = b[i] < 0 ? -3.4e38f : 1e38f;
				break;
			case DATA_MIXED:
				a[i] = (float) ldexp(a[i], (int) random_below(random, 250) - 140);
				b[i] = (float) ldexp(b[i], (int) random_below(random, 250) - 140);
				break;
			case DATA_CLOSE:
				b[i] = (float) (scale * (a[i] * (1 + 1e-5 * b[i])));
				break;
			case DATA_OPPOSITE:
				b[i] = -a[i];
				break;
			default:
				break;
		}
	}
}

static long double
reference_l1(const float *a, const float *b, int n)
{
	long double sum = 0;

	for (int i = 0; i < n; i++)
		sum += fabsl((long double) a[i] - b[i]);
	return sum;
}

static long double
reference_l2_squared(const float *a, const float *b, int n)
{
	long double sum = 0;

	for (int i = 0; i < n; i++)
		sum += ((long double) a[i] - b[i]) * ((long double) a[i] - b[i]);
	return sum;
}

static long double
reference_inner(const float *a, const float *b, int n)
{
	long double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (long double) a[i] * b[i];
	return sum;
}

/* The chord as the definition has it: between the ends of the two unit vectors. */
static long double
reference_chord(const float *a, const float *b, int n)
{
	long double a_length = sqrtl(reference_inner(a, a, n));
	long double b_length = sqrtl(reference_inner(b, b, n));
	long double sum = 0;

	if (a_length == 0 || b_length == 0)
		return a_length == b_length ? 0 : sqrtl(2);
	for (int i = 0; i < n; i++)
		sum += (a[i] / a_length - b[i] / b_length) * (a[i] / a_length - b[i] / b_length);
	return sqrtl(sum);
}

static void
assert_near(double value, long double expected, long double scale)
{
	if (!(fabsl(value - expected) <= TOLERANCE * scale))
		fail_msg("%.17g instead of %.17Lg", value, expected);
}

/* Not ==: also tells -0 from 0. */
static void
assert_same_bits(double a, double b)
{
	assert_memory_equal(&a, &b, sizeof a);
}

static void
check_pair(const float *a, const float *b, int n)
{
	double		first[3];
	bool		have_first = false;

	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		const DistanceKernels *kernels = distance_kernels_of((CpuLevel) level);
		double		result[3];

		if (!cpu_supports((CpuLevel) level))
			continue;
		assert_non_null(kernels);
		result[0] = kernels->l1(a, b, n);
		result[1] = kernels->l2_squared(a, b, n);
		result[2] = kernels->inner(a, b, n);
		assert_near(result[0], reference_l1(a, b, n), reference_l1(a, b, n));
		assert_near(result[1], reference_l2_squared(a, b, n), reference_l2_squared(a, b, n));
		assert_near(result[2], reference_inner(a, b, n),
					sqrtl(reference_inner(a, a, n)) * sqrtl(reference_inner(b, b, n)));
		assert_same_bits(result[0], kernels->l1(b, a, n));
		assert_same_bits(result[1], kernels->l2_squared(b, a, n));
		assert_same_bits(result[2], kernels->inner(b, a, n));
		assert_true(kernels->l1(a, a, n) == 0 && kernels->l2_squared(a, a, n) == 0);
		if (have_first)
			for (int i = 0; i < 3; i++)
				assert_same_bits(result[i], first[i]);
		memcpy(first, result, sizeof first);
		have_first = true;
	}
}

static void
check_distances(const float *a, const float *b, int n)
{
	for (int metric = 0; metric < METRIC_COUNT; metric++)
	{
		double		distance = distance_between((Metric) metric, a, b, n);
		long double expected = metric == METRIC_L1 ? reference_l1(a, b, n) :
			metric == METRIC_L2 ? sqrtl(reference_l2_squared(a, b, n)) : reference_chord(a, b, n);

		/* Parallel vectors may be 1e-13 apart, by the rounding of their lengths. */
		assert_near(distance, expected, expected + (metric == METRIC_COSINE ? 1e-7L : 0));
		assert_same_bits(distance, distance_between((Metric) metric, b, a, n));
		assert_true(distance_between((Metric) metric, a, a, n) == 0);
	}
}

static void
check_sizes(Random *random, int n)
{
	Vector		a = vector_make(n);
	Vector		b = vector_make(n);

	for (int data = 0; data < DATA_KINDS; data++)
	{
		fill((Data) data, random, a.x, b.x, n);
		check_pair(a.x, b.x, n);
		for (int level = 0; level < CPU_LEVEL_COUNT; level++)
			if (cpu_force_level((CpuLevel) level))
				check_distances(a.x, b.x, n);
		cpu_unforce_level();
	}
	free(a.block);
	free(b.block);
}

static void
test_small(void **state)
{
	Random		random = random_stream(1, 0);

	for (int n = 1; n <= 70; n++)
		for (int i = 0; i < 3; i++)
			check_sizes(&random, n);
}

static void
test_large(void **state)
{
	static const int sizes[] = {127, 128, 255, 1021, 4096, 15999, LIMIT_DIMENSIONS};
	Random		random = random_stream(2, 0);

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		check_sizes(&random, sizes[i]);
}

/* The known answers, so that a common error of kernels and reference cannot hide. */
static void
test_known(void **state)
{
	static const float a[] = {1, 2, 3};
	static const float b[] = {4, 6, 3};
	static const float x[] = {2, 0};
	static const float y[] = {0, 5};
	static const float minus_x[] = {-7, 0};
	static const float zero[] = {0, 0};

	assert_true(distance_between(METRIC_L1, a, b, 3) == 7);
	assert_true(distance_between(METRIC_L2, a, b, 3) == 5);
	assert_true(distance_kernels()->inner(a, b, 3) == 25);
	assert_true(distance_between(METRIC_COSINE, x, y, 2) == sqrt(2));
	assert_true(distance_between(METRIC_COSINE, x, minus_x, 2) == 2);
	assert_true(distance_between(METRIC_COSINE, x, zero, 2) == sqrt(2));
	assert_true(distance_between(METRIC_COSINE, zero, zero, 2) == 0);
	assert_true(distance_chord_squared(x, y, 2) == 2);
}

/* A sum of 16,000 equal terms: float lanes would lose it. */
static void
test_long_sum(void **state)
{
	static float a[LIMIT_DIMENSIONS];
	static float b[LIMIT_DIMENSIONS];

	for (int i = 0; i < LIMIT_DIMENSIONS; i++)
		a[i] = 0.1f;
	a[0] = 30000;
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
		if (cpu_force_level((CpuLevel) level))
		{
			assert_near(distance_between(METRIC_L1, a, b, LIMIT_DIMENSIONS), 30000 + 15999 * (long double) 0.1f, 1e-3L);
			assert_near(distance_kernels()->l2_squared(a, b, LIMIT_DIMENSIONS),
						9e8L + 15999 * (long double) 0.1f * 0.1f, 1e3L);
		}
	cpu_unforce_level();
}

static void
test_triangle(void **state)
{
	Random		random = random_stream(3, 0);

	for (int i = 0; i < 3000; i++)
	{
		float		x[3][4];
		int			n = 1 + (int) random_below(&random, 4);

		for (int j = 0; j < 3; j++)
			for (int k = 0; k < n; k++)
				x[j][k] = random_below(&random, 4) == 0 ? 0 : (float) random_normal(&random);
		for (int metric = 0; metric < METRIC_COUNT; metric++)
		{
			double		ab = distance_between((Metric) metric, x[0], x[1], n);
			double		bc = distance_between((Metric) metric, x[1], x[2], n);
			double		ac = distance_between((Metric) metric, x[0], x[2], n);

			assert_true(ac <= (ab + bc) * (1 + 1e-6));
		}
	}
}

/* Nearly the same direction: the same bits on every processor, so each product is rounded, whatever could be fused. */
static void
test_near_direction(void **state)
{
	Random		random = random_stream(4, 0);

	for (int i = 0; i < 100; i++)
	{
		float		a[8];
		float		b[8];
		double		a_length;
		double		b_length;
		double		sum = 0;

		for (int k = 0; k < 8; k++)
		{
			a[k] = (float) random_normal(&random);
			b[k] = 1.7f * a[k] + 1e-4f * (float) random_normal(&random);
		}
		a_length = sqrt(distance_kernels()->inner(a, a, 8));
		b_length = sqrt(distance_kernels()->inner(b, b, 8));
		for (int k = 0; k < 8; k++)
		{
			volatile double a_part = a[k] * (1 / a_length);
			volatile double b_part = b[k] * (1 / b_length);
			volatile double square = (a_part - b_part) * (a_part - b_part);

			sum += square;
		}
		assert_true(sum < 1e-6 && distance_chord_squared(a, b, 8) == sum);
	}
}

static void
test_levels(void **state)
{
	assert_non_null(distance_kernels_of(CPU_PORTABLE));
	assert_null(distance_kernels_of(CPU_LEVEL_COUNT));
	assert_ptr_equal(distance_kernels(), distance_kernels_of(cpu_level()));
	assert_true(cpu_force_level(CPU_PORTABLE));
	assert_ptr_equal(distance_kernels(), distance_kernels_of(CPU_PORTABLE));
	cpu_unforce_level();
	assert_int_equal(cpu_force_level(CPU_NEON) && cpu_force_level(CPU_AVX2), false);
	cpu_unforce_level();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_long_sum),
		cmocka_unit_test(test_triangle),
		cmocka_unit_test(test_near_direction),
		cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
