/*
 * test_double_losses.c: each loss with each join: its value against the formula of its paper, its gradients against central
 * differences, in double precision.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "network_help.h"

#define N 9
#define DIMENSIONS 4
#define STEP 1e-6

/* three labels; samples 3 and 7 are forgeries of theirs; label 4 has one sample only */
static const int32_t labels[N] = {2, 2, 2, 2, 5, 5, 5, 5, 4};
static const uint8_t genuine[N] = {1, 1, 1, 0, 1, 1, 1, 0, 1};

typedef struct Case
{
	const char *join;
	const char *loss;
} Case;

static const Case cases[] = {
	{"l2", "'type':'contrastive','margin':1.5"},
	{"l1", "'type':'contrastive','margin':3"},
	{"cosine", "'type':'contrastive','margin':1.2"},
	{"weighted_l1", "'type':'contrastive','margin':3"},
	{"l2", "'type':'triplet','margin':0.7"},
	{"l1", "'type':'triplet','margin':1"},
	{"cosine", "'type':'triplet','margin':0.3"},
	{"l2", "'type':'cross_entropy'"},
	{"l1", "'type':'cross_entropy'"},
	{"cosine", "'type':'cross_entropy'"},
	{"weighted_l1", "'type':'cross_entropy'"},
	{"cosine", "'type':'cosine_target','genuine_target':1,'forged_target':-0.9"},
	{"cosine", "'type':'supervised_contrastive','temperature':0.5,'forgery_weight':4"},
	{"cosine", "'type':'supervised_contrastive','temperature':0.1,'forgery_weight':1"},
	{"l2", "'type':'squared_contrastive','margin':1.5"},
	{"cosine", "'type':'squared_contrastive','margin':1.2"}
};

typedef struct Setting
{
	Network    *network;
	size_t		parameters;
	real	   *weights;
	real	   *gradient;
	real		embedding[N * DIMENSIONS];
	real		embedding_gradient[N * DIMENSIONS];
	NetworkBatch batch;
} Setting;

static Setting
set_up(const Case *one)
{
	Setting		s;
	char		text[512];

	memset(&s, 0, sizeof(s));
	snprintf(text, sizeof(text), "{'input':{'width':2,'height':2},'layers':[{'type':'dense','units':%d}],"
			 "'join':'%s','loss':{%s}}", DIMENSIONS, one->join, one->loss);
	s.network = help_network(text);
	s.parameters = network_parameter_count(s.network);
	s.weights = calloc(network_weight_count(s.network), sizeof(real));
	s.gradient = calloc(s.parameters, sizeof(real));
	network_initialize(s.network, 3, s.weights);
	help_fill(s.embedding, N * DIMENSIONS, 11);
	s.batch = (NetworkBatch) {.n = N, .label = labels, .genuine = genuine, .seed = 77};
	return s;
}

static void
tear_down(Setting *s)
{
	network_destroy(s->network);
	free(s->weights);
	free(s->gradient);
}

static double
loss_of(Setting *s)
{
	Status		status;
	double		loss;

	s->batch.embedding = s->embedding;
	assert_true(network_loss(s->network, s->weights, &s->batch, test_host(), &loss, s->embedding_gradient, s->gradient, &status));
	assert_int_equal(test_host_outstanding(), 0);
	return loss;
}

static void
check_gradient(const Case *one, Setting *s, real *place, real measured, const char *what, int i)
{
	real		kept = *place;
	double		above,
				below,
				numeric;

	*place = kept + STEP;
	above = loss_of(s);
	*place = kept - STEP;
	below = loss_of(s);
	*place = kept;
	numeric = (above - below) / (2 * STEP);
	if (fabs(numeric - measured) > 1e-6 * fmax(1, fabs(numeric)))
		fail_msg("%s, %s: %s %d has gradient %.9g, measured %.9g", one->join, one->loss, what, i, measured, numeric);
}

static void
test_gradients(void **state)
{
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		Setting		s = set_up(&cases[c]);
		real		embedding_gradient[N * DIMENSIONS];
		real	   *gradient = calloc(s.parameters, sizeof(real));
		double		loss = loss_of(&s);
		double		largest = 0;

		assert_true(loss > 0);
		memcpy(embedding_gradient, s.embedding_gradient, sizeof(embedding_gradient));
		memcpy(gradient, s.gradient, s.parameters * sizeof(real));
		for (int i = 0; i < N * DIMENSIONS; i++)
		{
			check_gradient(&cases[c], &s, &s.embedding[i], embedding_gradient[i], "value", i);
			largest = fmax(largest, fabs(embedding_gradient[i]));
		}
		assert_true(largest > 1e-3);
		for (size_t i = 0; i < s.parameters; i++)
			check_gradient(&cases[c], &s, &s.weights[i], gradient[i], "parameter", i);
		free(gradient);
		tear_down(&s);
	}
}

/* ---- values by the formulas, written down anew ------------------------------------------------------------------------ */

static double
cosine_of(const real *a, const real *b)
{
	double		ab = 0,
				aa = 0,
				bb = 0;

	for (int i = 0; i < DIMENSIONS; i++)
	{
		ab += a[i] * b[i];
		aa += a[i] * a[i];
		bb += b[i] * b[i];
	}
	return ab / sqrt(aa * bb);
}

static double
distance_of(const char *join, const real *a, const real *b)
{
	double		sum = 0;

	for (int i = 0; i < DIMENSIONS; i++)
		sum += strcmp(join, "l2") == 0 ? pow(a[i] - b[i], 2) : fabs(a[i] - b[i]);
	return strcmp(join, "cosine") == 0 ? sqrt(2 - 2 * cosine_of(a, b)) : strcmp(join, "l2") == 0 ? sqrt(sum) : sum;
}

static void
test_contrasts(void **state)
{
	Setting		s = set_up(&cases[12]);
	double		total = 0;
	int			anchors = 0;

	for (int i = 0; i < N; i++)
	{
		double		below = 0,
					above = 0;
		int			positives = 0;

		for (int j = 0; j < N; j++)
		{
			double		cosine = cosine_of(s.embedding + i * DIMENSIONS, s.embedding + j * DIMENSIONS);

			if (i == j)
				continue;
			below += (labels[i] == labels[j] && !genuine[j] ? 4 : 1) * exp(cosine / 0.5);
			if (labels[i] == labels[j] && genuine[j])
			{
				above += cosine / 0.5;
				positives++;
			}
		}
		if (genuine[i] && positives > 0)
		{
			total += log(below) - above / positives;
			anchors++;
		}
	}
	assert_int_equal(anchors, 6);
	assert_true(fabs(loss_of(&s) - total / anchors) < 1e-12);
	tear_down(&s);
}

static void
test_triplets(void **state)
{
	for (int c = 4; c <= 6; c++)
	{
		Setting		s = set_up(&cases[c]);
		double		margin = c == 4 ? 0.7 : c == 5 ? 1 : 0.3;
		double		total = 0;

		for (int i = 0; i < N; i++)
		{
			double		far = 0,
						near = INFINITY;

			for (int j = 0; j < N; j++)
			{
				double		d = distance_of(cases[c].join, s.embedding + i * DIMENSIONS, s.embedding + j * DIMENSIONS);

				if (i != j && labels[i] == labels[j] && genuine[j])
					far = fmax(far, d);
				else if (i != j)
					near = fmin(near, d);
			}
			if (genuine[i] && far > 0)
				total += fmax(margin + far - near, 0);
		}
		assert_true(fabs(loss_of(&s) - total / 6) < 1e-12);
		tear_down(&s);
	}
}

/*
 * Six genuine pairs and six with forgeries: nothing is left to chance.  Mean over the twelve.
 */
static void
test_pairs(void **state)
{
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		bool		contrastive = strstr(cases[c].loss, "'contrastive'") != NULL;
		bool		squared = strstr(cases[c].loss, "'squared_contrastive'") != NULL;
		bool		entropy = strstr(cases[c].loss, "cross") != NULL;
		bool		target = strstr(cases[c].loss, "target'") != NULL;
		bool		weighted = strcmp(cases[c].join, "weighted_l1") == 0;
		Setting		s;
		double		total = 0;
		int			pairs = 0;

		if (!contrastive && !squared && !entropy && !target)
			continue;
		s = set_up(&cases[c]);
		for (int i = 0; i < N; i++)
		{
			for (int j = 0; j < N; j++)
			{
				const real *a = s.embedding + i * DIMENSIONS;
				const real *b = s.embedding + j * DIMENSIONS;
				double		d = distance_of(cases[c].join, a, b);

				if (labels[i] != labels[j] || !genuine[i] || i == j || (genuine[j] && j < i))
					continue;
				pairs++;
				if (contrastive || squared)
				{
					double		margin = atof(strstr(cases[c].loss, "margin':") + 8);

					total += genuine[j] ? d * d : contrastive ? pow(fmax(margin - d, 0), 2) : fmax(margin - d * d, 0);
				}
				else if (target)
					total += pow(cosine_of(a, b) - (genuine[j] ? 1 : -0.9), 2);
				else
				{
					double		bias = s.weights[s.parameters - (weighted ? 1 : 2)];
					double		scale = weighted ? 1 : log(1 + exp(s.weights[s.parameters - 1]));
					double		p = 1 / (1 + exp(scale * d - bias));

					total -= log(genuine[j] ? p : 1 - p);
				}
			}
		}
		assert_int_equal(pairs, 12);
		assert_true(fabs(loss_of(&s) - total / pairs) < 1e-12);
		tear_down(&s);
	}
}

/* ---- ends of the range ------------------------------------------------------------------------------------------------ */

/* Equal embeddings and embeddings of length 0: finite gradients. */
static void
test_no_distance(void **state)
{
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		for (int zero = 0; zero < 2; zero++)
		{
			Setting		s = set_up(&cases[c]);

			for (int i = 0; i < N * DIMENSIONS; i++)
				s.embedding[i] = zero ? 0 : 0.3 + i % DIMENSIONS;
			assert_true(isfinite(loss_of(&s)));
			for (int i = 0; i < N * DIMENSIONS; i++)
				assert_true(isfinite(s.embedding_gradient[i]));
			for (size_t i = 0; i < s.parameters; i++)
				assert_true(isfinite(s.gradient[i]));
			tear_down(&s);
		}
	}
}

/* No two samples of a label: no loss, no gradient. */
static void
test_no_pair(void **state)
{
	static const int32_t apart[N] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		Setting		s = set_up(&cases[c]);

		s.batch.label = apart;
		s.embedding_gradient[0] = 5;
		assert_true(loss_of(&s) == 0);
		for (int i = 0; i < N * DIMENSIONS; i++)
			assert_true(s.embedding_gradient[i] == 0);
		tear_down(&s);
	}
}

/* Without forgeries the negative pairs are impostors, as many as genuine ones, chosen by the seed alone. */
static void
test_impostors(void **state)
{
	static const uint8_t all[N] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
	Setting		s = set_up(&cases[0]);
	double		first;

	s.batch.genuine = all;
	first = loss_of(&s);
	assert_true(loss_of(&s) == first);
	s.batch.seed++;
	assert_true(loss_of(&s) != first);
	tear_down(&s);
}

/*
 * Bromley 1993, section 4: of the pairs 50 % are genuine, 40 % with forgeries, 10 % with impostors.  Genuine pairs lie on each
 * other and cost nothing.  First impostors are opposite, for nothing, and a forgery stands at a right angle and costs 1;
 * then the other way round: the impostors that are drawn more often weigh no more.
 */
static void
test_mix_of_pairs(void **state)
{
	static const int32_t label[12] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2};
	static const uint8_t is_genuine[12] = {1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0};
	const struct
	{
		const char *loss;
		double		forged;		/* of the 12 negative pairs */
	}			mix[] = {
		{"'type':'cosine_target'", 12}, {"'type':'cosine_target','forged_share':0.8", 10}, {"'type':'cosine_target','forged_share':0", 0}
	};

	for (int m = 0; m < 6; m++)
	{
		bool		forgeries_cost = m < 3;
		Case		one = {"cosine", mix[m % 3].loss};
		double		expected = (forgeries_cost ? mix[m % 3].forged : 12 - mix[m % 3].forged) / 24;
		Setting		s = set_up(&one);
		Status		status;
		real		embedding[12 * DIMENSIONS] = {0};
		real		embedding_gradient[12 * DIMENSIONS];
		double		loss;

		for (int i = 0; i < 12; i++)
		{
			bool		across = forgeries_cost ? !is_genuine[i] : label[i] == 2;
			bool		opposite = forgeries_cost ? label[i] == 2 && is_genuine[i] : !is_genuine[i];

			embedding[i * DIMENSIONS + across] = opposite ? -1 : 1;
		}
		s.batch = (NetworkBatch) {.n = 12, .embedding = embedding, .label = label, .genuine = is_genuine, .seed = 5};
		assert_true(network_loss(s.network, s.weights, &s.batch, test_host(), &loss, embedding_gradient, s.gradient, &status));
		if (fabs(loss - expected) > 1e-9)
			fail_msg("%s: loss %g, expected %g", one.loss, loss, expected);
		tear_down(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gradients),
		cmocka_unit_test(test_contrasts),
		cmocka_unit_test(test_triplets),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_no_distance),
		cmocka_unit_test(test_no_pair),
		cmocka_unit_test(test_impostors),
		cmocka_unit_test(test_mix_of_pairs)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
