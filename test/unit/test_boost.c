/*
 * test_boost.c: gradient boosting against a closed form and against trees that are grown the slow way, from all rows and all places of
 * a split.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "tracking/boost.h"
#include "unit/host.h"

#define ROWS 120
#define FEATURES 3

typedef struct Data
{
	float		x[ROWS * FEATURES];
	unsigned char label[ROWS];
	float		weight[ROWS];
} Data;

static void
make_data(Data *data, uint64_t seed, int missing)
{
	Random		random = random_stream(seed, 0);

	for (int i = 0; i < ROWS; i++)
	{
		float	   *x = data->x + i * FEATURES;

		x[0] = (float) random_normal(&random);
		x[1] = (float) random_below(&random, 4);
		x[2] = (float) random_range(&random, -1e3, 1e3);
		data->label[i] = random_uniform(&random) < 1 / (1 + exp(-(2 * x[0] * (x[1] > 1 ? 1 : -1) + x[2] / 1e3)));
		data->weight[i] = (float) random_range(&random, 0.5, 2);
		for (int f = 0; f < FEATURES && missing; f++)
			if (random_below(&random, 5) == 0)
				x[f] = NAN;
	}
}

/* ---- the slow way ---- */

typedef struct Slow
{
	const Data *data;
	const BoostSettings *settings;
	double		gradient[ROWS];
	double		hessian[ROWS];
	double		score[ROWS];
} Slow;

static double
slow_worth(const Slow *slow, const unsigned char *in, double *hessian)
{
	double		gradient = 0;

	*hessian = 0;
	for (int i = 0; i < ROWS; i++)
	{
		gradient += in[i] ? slow->gradient[i] : 0;
		*hessian += in[i] ? slow->hessian[i] : 0;
	}
	return gradient * gradient / (*hessian + slow->settings->lambda);
}

static void
slow_sides(const Slow *slow, const unsigned char *in, int feature, float threshold, int missing_left, unsigned char *left,
		   unsigned char *right)
{
	for (int i = 0; i < ROWS; i++)
	{
		float		value = slow->data->x[i * FEATURES + feature];
		int			goes_left = isnan(value) ? missing_left : value < threshold;

		left[i] = in[i] && goes_left;
		right[i] = in[i] && !goes_left;
	}
}

static void
slow_grow(Slow *slow, const unsigned char *in, int depth)
{
	unsigned char left[ROWS];
	unsigned char right[ROWS];
	unsigned char best_left[ROWS];
	unsigned char best_right[ROWS];
	double		hessian;
	double		own = slow_worth(slow, in, &hessian);
	double		best = 1e-9;

	for (int f = 0; f < FEATURES && depth < slow->settings->depth; f++)
		for (int place = 0; place < ROWS; place++)
			for (int missing_left = 0; missing_left < 2; missing_left++)
			{
				float		threshold = slow->data->x[place * FEATURES + f];
				double		left_hessian;
				double		right_hessian;
				double		gain;

				if (isnan(threshold))
					continue;
				slow_sides(slow, in, f, threshold, missing_left, left, right);
				gain = slow_worth(slow, left, &left_hessian) + slow_worth(slow, right, &right_hessian) - own;
				if (left_hessian < slow->settings->least_weight || right_hessian < slow->settings->least_weight)
					continue;
				if (gain > best * (1 + 1e-9))
				{
					best = gain;
					memcpy(best_left, left, ROWS);
					memcpy(best_right, right, ROWS);
				}
			}
	if (best > 1e-9)
	{
		slow_grow(slow, best_left, depth + 1);
		slow_grow(slow, best_right, depth + 1);
		return;
	}
	{
		double		gradient = 0;

		for (int i = 0; i < ROWS; i++)
			gradient += in[i] ? slow->gradient[i] : 0;
		for (int i = 0; i < ROWS; i++)
			slow->score[i] -= in[i] ? slow->settings->rate * gradient / (hessian + slow->settings->lambda) : 0;
	}
}

static void
slow_train(Slow *slow, int weighted)
{
	unsigned char all[ROWS];
	double		positive = 0;
	double		total = 0;

	memset(all, 1, ROWS);
	for (int i = 0; i < ROWS; i++)
	{
		double		weight = weighted ? slow->data->weight[i] : 1;

		positive += slow->data->label[i] ? weight : 0;
		total += weight;
	}
	for (int i = 0; i < ROWS; i++)
		slow->score[i] = log(positive / (total - positive));
	for (int tree = 0; tree < slow->settings->trees; tree++)
	{
		for (int i = 0; i < ROWS; i++)
		{
			double		p = 1 / (1 + exp(-slow->score[i]));
			double		weight = weighted ? slow->data->weight[i] : 1;

			slow->gradient[i] = weight * (p - slow->data->label[i]);
			slow->hessian[i] = weight * p * (1 - p);
		}
		slow_grow(slow, all, 0);
	}
}

static void
test_slow_way(void **state)
{
	for (int trial = 0; trial < 12; trial++)
	{
		Data		data;
		Slow		slow;
		BoostSettings settings = boost_defaults(6);
		Boost		boost;
		Status		status;
		Host	   *host = test_host();

		settings.depth = 1 + trial % 4;
		settings.rate = trial % 2 ? 0.3 : 1;
		settings.lambda = trial % 3;
		settings.least_weight = 0.5;
		make_data(&data, trial, trial % 4 == 3);
		slow = (Slow) {.data = &data, .settings = &settings};
		slow_train(&slow, trial % 2);
		assert_true(boost_train(host, &settings, ROWS, FEATURES, data.x, data.label, trial % 2 ? data.weight : NULL, &boost, &status));
		assert_true(boost_check(&boost));
		for (int i = 0; i < ROWS; i++)
			assert_true(fabs(boost_log_odds(&boost, data.x + i * FEATURES) - slow.score[i]) < 1e-6);
		boost_release(host, &boost);
		assert_int_equal(test_host_outstanding(), 0);
	}
}

/* One stump: 6 rows below, 2 of them positive; 4 above, 3 of them: leaves of Newton's step, by hand. */
static void
test_stump(void **state)
{
	float		x[10] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1};
	unsigned char label[10] = {1, 1, 0, 0, 0, 0, 1, 1, 1, 0};
	BoostSettings settings = {.trees = 1, .depth = 1, .rate = 1, .lambda = 1, .least_weight = 0.1};
	Boost		boost;
	Status		status;
	Host	   *host = test_host();

	assert_true(boost_train(host, &settings, 10, 1, x, label, NULL, &boost, &status));
	assert_true(fabs(boost.base) < 1e-12);	/* five of ten */
	/* gradients: 6 * 0.5 - 2 = 1 and 4 * 0.5 - 3 = -1; second derivatives: 1.5 and 1 */
	assert_true(fabs(boost_log_odds(&boost, &x[0]) + 1 / 2.5) < 1e-12);
	assert_true(fabs(boost_log_odds(&boost, &x[9]) - 1 / 2.0) < 1e-12);
	assert_int_equal(boost.nodes, 3);
	boost_release(host, &boost);
}

/* More distinct values than bins: the borders lie near quantiles, and the function is learnt. */
static void
test_many_values(void **state)
{
	enum {MANY = 20000};
	static float x[MANY * 2];
	static unsigned char label[MANY];
	Random		random = random_stream(9, 0);
	BoostSettings settings = boost_defaults(40);
	Boost		boost;
	Status		status;
	Host	   *host = test_host();
	int			right = 0;

	settings.rate = 0.3;
	for (int i = 0; i < MANY; i++)
	{
		x[2 * i] = (float) random_normal(&random);
		x[2 * i + 1] = (float) random_normal(&random);
		label[i] = x[2 * i] * x[2 * i + 1] > 0;
	}
	assert_true(boost_train(host, &settings, MANY / 2, 2, x, label, NULL, &boost, &status));
	for (int i = MANY / 2; i < MANY; i++)
		right += (boost_log_odds(&boost, x + 2 * i) > 0) == label[i];
	assert_true(right > 0.97 * MANY / 2);
	boost_release(host, &boost);
	assert_int_equal(test_host_outstanding(), 0);
}

static void
test_trouble(void **state)
{
	Data		data;
	BoostSettings settings = boost_defaults(3);
	unsigned char alike[ROWS] = {0};
	Boost		boost;
	Status		status;
	Host	   *host = test_host();

	make_data(&data, 1, 0);
	assert_false(boost_train(host, &settings, ROWS, FEATURES, data.x, alike, NULL, &boost, &status));
	assert_int_equal(status.code, STATUS_ARGUMENT);
	assert_int_equal(test_host_outstanding(), 0);
	for (int i = 0; ; i++)
	{
		host = test_host();
		test_host_fail_after(i);
		if (boost_train(host, &settings, ROWS, FEATURES, data.x, data.label, NULL, &boost, &status))
			break;
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
	boost_release(host, &boost);
	host = test_host();
	test_host_interrupt_after(5);
	assert_false(boost_train(host, &settings, ROWS, FEATURES, data.x, data.label, NULL, &boost, &status));
	assert_int_equal(status.code, STATUS_INTERRUPTED);
	assert_int_equal(test_host_outstanding(), 0);
}

static void
test_check(void **state)
{
	int			root = 0;
	BoostNode	node[3] = {{.feature = 0, .left = 1, .threshold = 0}, {.feature = -1, .value = 1}, {.feature = -1, .value = 2}};
	Boost		boost = {.features = 1, .trees = 1, .nodes = 3, .root = &root, .node = node};

	assert_true(boost_check(&boost));
	node[0].left = 0;			/* a circle */
	assert_false(boost_check(&boost));
	node[0].left = 2;			/* the right child is not there */
	assert_false(boost_check(&boost));
	node[0].left = 1;
	node[0].feature = 1;
	assert_false(boost_check(&boost));
	node[0].feature = 0;
	node[2].value = NAN;
	assert_false(boost_check(&boost));
	node[2].value = 2;
	root = 3;
	assert_false(boost_check(&boost));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stump),
		cmocka_unit_test(test_slow_way),
		cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
