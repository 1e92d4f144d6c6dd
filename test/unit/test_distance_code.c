/*
 * test_distance_code.c: codes, their errors and the lower bounds, at every level that this processor supports, against long double.
 *
 * What the index's exactness rests on: errors are never less than the true ones, bounds never above the true distance, nor
 * above the one that the room computes.  They must also be near to it, or the index would be slow and no test would see it.
 */
#include <float.h>
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
#include "distance/code.h"
#include "distance/distance.h"

#define ROWS 9
#define CELL 4					/* rows of the first cell */

static const int large[] = {127, 128, 255, 1021, 4096, 15999, LIMIT_DIMENSIONS};

/* Where software computes long double, as on 64-bit ARM, some of the sizes must do. */
#define SIZE_STEP (LDBL_MANT_DIG > 64 ? 13 : 1)
#define MOST_LARGE (LDBL_MANT_DIG > 64 ? 1021 : LIMIT_DIMENSIONS)

/* Allocated to the byte and off alignment, so that the sanitizers see a read too far. */
static void *
odd(size_t size)
{
	char	   *block = malloc(size + 4);

	assert_non_null(block);
	return block + 4;
}

static void
odd_free(void *memory)
{
	free((char *) memory - 4);
}

static void
for_each_level(void (*check) (const CodeKernels *kernels, Random *random, int n), uint64_t seed)
{
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		Random		random = random_stream(seed, level);

		if (!cpu_force_level((CpuLevel) level))
			continue;
		assert_non_null(code_kernels_of((CpuLevel) level));
		assert_ptr_equal(code_kernels(), code_kernels_of((CpuLevel) level));
		for (int n = 1; n <= 140; n += SIZE_STEP)
			check(code_kernels(), &random, n);
		for (size_t i = 0; i < sizeof large / sizeof large[0] && large[i] <= MOST_LARGE; i++)
			check(code_kernels(), &random, large[i]);
	}
	cpu_unforce_level();
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

static void
check_sums(const CodeKernels *kernels, Random *random, int n)
{
	int			count = (int) random_below(random, 12);
	size_t		stride = n + random_below(random, 5);
	uint8_t    *query = odd(n);
	uint8_t    *codes = odd(count > 0 ? (count - 1) * stride + n : 0);
	bool		far = random_below(random, 4) == 0;

	for (int i = 0; i < n; i++)
		query[i] = far ? 1 : 1 + random_below(random, 255);
	for (size_t i = 0; count > 0 && i < (count - 1) * stride + n; i++)
		codes[i] = far ? 255 : 1 + random_below(random, 255);
	for (int l1 = 0; l1 < 2; l1++)
	{
		uint32_t   *sums = odd(count * sizeof *sums);

		for (int row = 0; row < count; row++)
			sums[row] = 1000 + row;
		(l1 ? kernels->l1 : kernels->l2_squared) (query, codes, n, stride, count, sums);
		for (int row = 0; row < count; row++)
		{
			uint32_t	expected = 1000 + row;

			for (int i = 0; i < n; i++)
			{
				int			difference = (int) query[i] - codes[row * stride + i];

				expected += l1 ? abs(difference) : difference * difference;
			}
			assert_int_equal(sums[row], expected);
		}
		odd_free(sums);
	}
	odd_free(query);
	odd_free(codes);
}

static void
test_sums(void **state)
{
	for_each_level(check_sums, 1);
}

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

typedef enum Data
{
	DATA_CLUSTER,				/* rows around a centre */
	DATA_FAR,					/* queries far away from them */
	DATA_OUTLIERS,				/* and some rows that the box does not hold */
	DATA_OFFSET,				/* a centre far from zero */
	DATA_EQUAL,
	DATA_HUGE,
	DATA_TINY,
	DATA_ZERO,					/* some vectors are zero */
	DATA_ENDS,					/* of the floats: FLT_MAX of both signs, denormal values, and what lies between */
	DATA_OPPOSITE,				/* rows near FLT_MAX, the query near -FLT_MAX */
	DATA_KINDS
} Data;

typedef struct Case
{
	Data		data;
	Metric		metric;
	int			n;
	float	   *query;			/* [n] */
	float	   *rows;			/* [ROWS, n] */
	float	   *seen;			/* [ROWS, n], as code.c gets them */
	double		rounding;		/* of these */
	float	   *centre;			/* [n], of the space of the codes: for cosine of unit vectors */
	float		step;
} Case;

/* Any float, most of them near the ends of what there is. */
static float
any_float(Random *random)
{
	float		sign = random_below(random, 2) ? 1 : -1;

	switch (random_below(random, 5))
	{
		case 0:
			return sign * FLT_MAX;
		case 1:
			return sign * FLT_MAX * (float) random_uniform(random);
		case 2:
			return sign * 1e-38f * (float) random_uniform(random);
		case 3:
			return sign * FLT_TRUE_MIN * random_below(random, 3);
		default:
			return sign * exp2f(-126 + 250 * (float) random_uniform(random));
	}
}

static void
make_ends(Case *made, Random *random)
{
	for (int i = 0; i < made->n; i++)
	{
		bool		opposite = made->data == DATA_OPPOSITE;

		for (int row = 0; row < ROWS; row++)
			made->rows[(size_t) row * made->n + i] = opposite ? FLT_MAX * (1 - 0.01f * (float) random_uniform(random)) : any_float(random);
		made->query[i] = opposite ? -FLT_MAX * (1 - 0.01f * (float) random_uniform(random)) : any_float(random);
	}
}

static void
make_vectors(Case *made, Random *random)
{
	float		unit = made->data == DATA_HUGE ? 1e37f : made->data == DATA_TINY ? 1e-38f : 1;
	float		offset = made->data == DATA_OFFSET ? 1e4f : 0;

	for (int i = 0; i < made->n; i++)
	{
		float		middle = offset + unit * (float) random_normal(random);

		for (int row = 0; row < ROWS; row++)
		{
			float		spread = made->data == DATA_EQUAL ? 0 : made->data == DATA_OUTLIERS && row % 3 == 0 ? 30 : 0.3f;

			made->rows[(size_t) row * made->n + i] = made->data == DATA_ZERO && row % 4 == 0 ? 0 :
				middle + unit * spread * (float) random_normal(random);
		}
		made->query[i] = made->data == DATA_ZERO && made->n % 2 == 0 ? 0 :
			middle + unit * (made->data == DATA_FAR ? 20 : made->data == DATA_EQUAL ? 0.01f : 0.4f) * (float) random_normal(random);
	}
}

static double
scale_of(const Case *made, const float *x)
{
	double		length = sqrt(distance_kernels()->inner(x, x, made->n));

	return made->metric != METRIC_COSINE ? 1 : length > 0 ? 1 / length : 0;
}

/* A vector as code.c gets it: for cosine of length one, in floats. */
static void
see(const Case *made, const float *x, float *seen)
{
	for (int i = 0; i < made->n; i++)
		seen[i] = (float) (x[i] * scale_of(made, x));
}

/* The centre: of the first rows, in float; the step as the index's build takes it (see README, Rounding). */
static void
make_region(Case *made)
{
	double		reach = 0;
	double		largest = 0;

	made->rounding = made->metric == METRIC_COSINE ? CODE_FLOAT_ROUNDING : 0;
	for (int row = 0; row < ROWS; row++)
		see(made, made->rows + (size_t) row * made->n, made->seen + (size_t) row * made->n);
	for (int i = 0; i < made->n; i++)
	{
		double		sum = 0;

		for (int row = 1; row < CELL; row++)
			sum += (double) made->seen[(size_t) row * made->n + i] / (CELL - 1);
		made->centre[i] = (float) sum;
		largest = fmax(largest, fabs(sum));
	}
	for (int row = 1; row < 3; row++)
		for (int i = 0; i < made->n; i++)
			reach = fmax(reach, fabs((double) made->seen[(size_t) row * made->n + i] - made->centre[i]));
	made->step = (float) fmin(fmax(fmax(reach / CODE_REACH, largest * 0x1p-20), 0x1p-120), 0x1p122);
}

/* Sum over dimensions to a distance. */
static long double
add(Metric metric, long double sum, long double difference)
{
	return sum + (metric == METRIC_L1 ? fabsl(difference) : difference * difference);
}

static long double
root(Metric metric, long double sum)
{
	return metric == METRIC_L1 ? sum : sqrtl(sum);
}

static long double
true_distance(const Case *made, const float *a, const float *b)
{
	long double a_scale = 1;
	long double b_scale = 1;
	long double sum = 0;

	if (made->metric == METRIC_COSINE)
	{
		long double squares[2] = {0, 0};

		for (int i = 0; i < made->n; i++)
		{
			squares[0] += (long double) a[i] * a[i];
			squares[1] += (long double) b[i] * b[i];
		}
		a_scale = squares[0] > 0 ? 1 / sqrtl(squares[0]) : 0;
		b_scale = squares[1] > 0 ? 1 / sqrtl(squares[1]) : 0;
	}
	for (int i = 0; i < made->n; i++)
		sum = add(made->metric, sum, a[i] * a_scale - b[i] * b_scale);
	return root(made->metric, sum);
}

/* In units: of a row to the point of a code. */
static long double
true_slack(const Case *made, const float *row, const uint8_t *code, bool outside)
{
	double		scale = scale_of(made, row);
	long double sum = 0;

	for (int i = 0; i < made->n; i++)
	{
		long double t = ((long double) row[i] * scale - made->centre[i]) / made->step;

		if (outside)
			t -= fmaxl(fminl(t, CODE_REACH), -CODE_REACH);
		else
			t -= code[i] - CODE_ZERO;
		sum = add(made->metric, sum, t);
	}
	return root(made->metric, sum);
}

/* At least the true one, and not much more than that and twice the rounding. */
static void
assert_above(const Case *made, float value, long double truth)
{
	long double most = truth * (1 + 1e-5L) + 1e-5L + 2 * made->rounding / made->step;

	if (!(value >= truth && (value <= most || truth > FLT_MAX * 0.99L)))
		fail_msg("%.9g for %.12Lg", value, truth);
}

/* ---- rows and queries -------------------------------------------------------------------------------------------- */

static void
check_query(const Case *made, const float *x, uint8_t *code, CodeQuery *query)
{
	long double error = 0;
	long double clip = 0;
	long double allowed = made->metric == METRIC_L1 ? made->n : sqrtl(made->n);

	code_query(made->metric, x, made->rounding, made->centre, made->step, made->n, code, query);
	assert_true(query->step == made->step);
	for (int i = 0; i < made->n; i++)
	{
		long double t = ((long double) x[i] - made->centre[i]) / made->step;
		long double limited = fmaxl(fminl(t, CODE_REACH), -CODE_REACH);

		assert_true(code[i] >= 1 && fabsl(code[i] - CODE_ZERO - limited) <= 0.5L + 4e-5L);
		error = add(made->metric, error, limited - (code[i] - CODE_ZERO));
		clip = add(made->metric, clip, t - limited);
	}
	error = root(made->metric, error);
	clip = root(made->metric, clip);
	/* the rounding of a unit vector to float is allowed for beside these */
	allowed = allowed * 1e-4L + (made->metric == METRIC_COSINE ? 2e-7L / made->step : 0);
	if (!(query->clip <= clip && query->error >= error))
		fail_msg("clip %.9g of %.12Lg, error %.9g of %.12Lg: data %d, metric %d, n %d", query->clip, clip, query->error, error, made->data,
				 made->metric, made->n);
	if (clip < 1e18L)
		assert_true(query->clip >= clip * (1 - 4e-3L) - allowed);
	assert_true(query->error <= error * (1 + 4e-3L) + allowed);
}

static void
check_row(const Case *made, const float *row, const float *seen, uint8_t *code, float *slack)
{
	float		clipped;

	*slack = code_row(made->metric, seen, made->rounding, made->centre, made->step, made->n, code, &clipped);
	assert_above(made, *slack, true_slack(made, row, code, false));
	if (made->rounding == 0)
		assert_above(made, clipped, true_slack(made, row, code, true));
	for (int i = 0; i < made->n; i++)
		assert_true(code[i] >= 1);
	assert_true(code_row(made->metric, seen, made->rounding, made->centre, made->step, made->n, code, NULL) == *slack);
}

/* A bound, and what it may be at least: it gives away the errors twice, when nothing was clipped. */
static void
check_bound(const Case *made, float bound, const CodeQuery *query, float slack, const float *x, const float *row, bool tight)
{
	long double truth = true_distance(made, x, row);
	double		computed = distance_between(made->metric, x, row, made->n);

	if (!(bound >= 0 && bound <= truth && bound <= computed))
		fail_msg("bound %.9g of %.12Lg, computed %.12g: data %d, metric %d, n %d", bound, truth, computed, made->data,
				 made->metric, made->n);
	if (tight && query->clip == 0 && truth < FLT_MAX && isfinite(slack) && made->data != DATA_ZERO &&
		!(bound >= (truth - 2.0L * made->step * ((long double) slack + query->error)) * (1 - 1e-4L)))
		fail_msg("bound %.9g is far from %.12Lg: data %d, metric %d, n %d", bound, truth, made->data, made->metric, made->n);
}

static void
check_case(const CodeKernels *kernels, const Case *made)
{
	int			n = made->n;
	bool		l1 = made->metric == METRIC_L1;
	float	   *x = odd(n * sizeof *x);
	uint8_t    *query_code = odd(n);
	uint8_t    *codes = odd((size_t) (ROWS + 1) * n);
	float	   *slacks = odd((ROWS + 1) * sizeof *slacks);
	float	   *bounds = odd((ROWS + 1) * sizeof *bounds);
	uint32_t   *sums = odd((ROWS + 1) * sizeof *sums);
	CodeQuery	query;

	see(made, made->query, x);
	check_query(made, x, query_code, &query);
	for (int row = 0; row < ROWS; row++)
		check_row(made, made->rows + (size_t) row * n, made->seen + (size_t) row * n, codes + (size_t) row * n, &slacks[row]);

	/* the last one stands for a cell: the code of the second row, for the first ones together */
	memcpy(codes + (size_t) ROWS * n, codes + n, n);
	slacks[ROWS] = 0;
	for (int row = 0; row < CELL; row++)
	{
		const float *member = made->rows + (size_t) row * n;
		float		distance = code_row_distance(made->metric, made->seen + (size_t) row * n, made->rounding, made->centre,
												 made->step, n, codes + n);

		assert_above(made, distance, true_slack(made, member, codes + n, false));
		slacks[ROWS] = fmaxf(slacks[ROWS], distance);
	}
	memset(sums, 0, (ROWS + 1) * sizeof *sums);
	(l1 ? kernels->l1 : kernels->l2_squared) (query_code, codes, n, n, ROWS + 1, sums);
	kernels->bounds(l1, sums, slacks, ROWS + 1, &query, bounds);
	for (int row = 0; row < ROWS; row++)
		check_bound(made, bounds[row], &query, slacks[row], made->query, made->rows + (size_t) row * n, true);
	for (int row = 0; row < CELL; row++)
		check_bound(made, bounds[ROWS], &query, slacks[ROWS], made->query, made->rows + (size_t) row * n, false);
	odd_free(x);
	odd_free(query_code);
	odd_free(codes);
	odd_free(slacks);
	odd_free(bounds);
	odd_free(sums);
}

static void
check_bounds(const CodeKernels *kernels, Random *random, int n)
{
	Case		made = {.n = n};

	made.query = odd(n * sizeof(float));
	made.rows = odd(n * sizeof(float) * ROWS);
	made.seen = odd(n * sizeof(float) * ROWS);
	made.centre = odd(n * sizeof(float));
	for (int data = 0; data < DATA_KINDS; data++)
	{
		made.data = (Data) data;
		(data < DATA_ENDS ? make_vectors : make_ends) (&made, random);
		for (int metric = 0; metric < METRIC_COUNT; metric++)
		{
			made.metric = (Metric) metric;
			make_region(&made);
			check_case(kernels, &made);
		}
	}
	odd_free(made.query);
	odd_free(made.rows);
	odd_free(made.seen);
	odd_free(made.centre);
}

static void
test_bounds(void **state)
{
	for_each_level(check_bounds, 2);
}

/* ---- known answers and edges ------------------------------------------------------------------------------------- */

static void
check_known(const CodeKernels *kernels, Random *random, int n)
{
	static const float centre[] = {1, 1, 1};
	static const float x[] = {2, -1.6f, 200};	/* with a step of a half: 2, -5.2, 398 */
	uint8_t		code[3];
	CodeQuery	query;

	code_query(METRIC_L1, x, 0, centre, 0.5f, 3, code, &query);
	assert_int_equal(code[0], 130);
	assert_int_equal(code[1], 123);
	assert_int_equal(code[2], 255);
	assert_float_equal(query.error, 0.2, 1e-3);
	assert_float_equal(query.clip, 271, 1e-2);
	assert_float_equal(code_row(METRIC_L2, x, 0, centre, 0.5f, 3, code, NULL), sqrt(0.04 + 271.0 * 271), 1e-3);
	assert_int_equal(code[1], 123);
	assert_true(code_distance(METRIC_L1, 9) == 9 && code_distance(METRIC_L2, 9) == 3);
}

/* What overflowed bounds nothing. */
static void
check_edges(const CodeKernels *kernels, Random *random, int n)
{
	CodeQuery	query = {.step = 0x1p122f, .clip = 1e18f};
	uint32_t	sums[19];
	float		slacks[19];
	float		bounds[19];

	for (int l1 = 0; l1 < 2; l1++)
	{
		for (int i = 0; i < 19; i++)
		{
			sums[i] = (uint32_t) LIMIT_DIMENSIONS * 254 * 254;
			slacks[i] = i % 3 == 0 ? INFINITY : i % 3 == 1 ? NAN : 0;
		}
		kernels->bounds(l1, sums, slacks, 19, &query, bounds);
		for (int i = 0; i < 19; i++)
			assert_true(bounds[i] == (i % 3 == 2 ? FLT_MAX : 0));
	}
}

/*
 * The formula itself, where nothing else leaves room: without slack and error, a bound is not above what distance.h may compute, and
 * no farther below than that needs.
 */
static void
check_margin(const CodeKernels *kernels, Random *random, int n)
{
	CodeQuery	query = {.step = (float) (0.5 + random_uniform(random))};
	uint32_t	sums[37];
	float		slacks[37] = {0};
	float		bounds[37];

	for (int l1 = 0; l1 < 2; l1++)
	{
		query.clip = random_below(random, 3) == 0 ? 0 : (float) (100 * random_uniform(random));
		for (int i = 0; i < 37; i++)
			sums[i] = 1 + random_below(random, l1 ? 254 * n : 254 * 254 * n);
		kernels->bounds(l1, sums, slacks, 37, &query, bounds);
		for (int i = 0; i < 37; i++)
		{
			long double exact = query.step * (l1 ? query.clip + (long double) sums[i] : sqrtl((long double) query.clip * query.clip + sums[i]));

			if (!(bounds[i] <= exact * (1 - 1e-6L) && bounds[i] >= exact * (1 - 5e-6L)))
				fail_msg("bound %.9g of %.12Lg", bounds[i], exact);
		}
	}
}

static void
test_known(void **state)
{
	for_each_level(check_known, 3);
	for_each_level(check_edges, 4);
	for_each_level(check_margin, 5);
	assert_null(code_kernels_of(CPU_LEVEL_COUNT));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
