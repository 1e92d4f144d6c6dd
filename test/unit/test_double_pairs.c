/*
 * test_double_pairs.c: the gradients of twin and head by the loss of a batch's pairs, against central differences, in double
 * precision.
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
#include "network/network_internal.h"
#include "network_help.h"

#define SAMPLES 5
#define PAIRS 6
#define STEP 1e-5

#define INPUT "{'input':{'width':6,'height':5},'layers':["

static const char *const definitions[] = {
	(INPUT "{'type':'pair'},{'type':'conv','maps':3,'kernel':3},{'type':'prelu'},{'type':'max_pool'},{'type':'dense','units':4},"
	"{'type':'prelu'},{'type':'dropout'},{'type':'dense','units':2}]}"),
	(INPUT "{'type':'conv','maps':3,'kernel':2},{'type':'relu'},{'type':'pair'},{'type':'conv','maps':4,'kernel':2},{'type':'relu'},"
	"{'type':'dense','units':2}]}"),
	/* the head begins with a layer that learns nothing, and with one that works in place */
	(INPUT "{'type':'conv','maps':3,'kernel':2},{'type':'batch_norm'},{'type':'tanh'},{'type':'pair'},{'type':'max_pool'},"
	"{'type':'dense','units':1}]}"),
	(INPUT "{'type':'dense','units':4},{'type':'pair'},{'type':'sigmoid'},{'type':'dense','units':5},{'type':'batch_norm'},"
	"{'type':'dense','units':1}]}"),
	(INPUT "{'type':'conv','maps':2,'kernel':3,'padding':1},{'type':'add','from':1},{'type':'pair'},"
	"{'type':'conv','maps':4,'kernel':3,'padding':1},{'type':'relu'},{'type':'conv','maps':4,'kernel':3,'padding':1},{'type':'add','from':5},"
	"{'type':'dense','units':2}]}"),
	(INPUT "{'type':'conv','maps':2,'kernel':3,'padding':1},{'type':'tanh'},{'type':'dense','units':3,'input':0},{'type':'concat','from':3},"
	"{'type':'dense','units':2},{'type':'multiply','from':2},{'type':'pair','name':'both'},{'type':'conv','maps':3,'kernel':1},{'type':'tanh'},"
	"{'type':'conv','maps':3,'kernel':3,'padding':1,'input':'both'},{'type':'add','from':9},{'type':'concat','from':['both',7,9]},"
	"{'type':'dense','units':2}]}"),
	/* a twin that learns nothing */
	(INPUT "{'type':'max_pool'},{'type':'pair'},{'type':'dense','units':3},{'type':'tanh'},{'type':'dense','units':2}]}")
};

static const NetworkPair pairs[PAIRS] = {{0, 1, true}, {2, 0, false}, {3, 4, true}, {1, 4, false}, {2, 2, true}, {4, 3, false}};

typedef struct Setting
{
	const Network *network;
	NetworkWorkspace *workspace;
	const real *input;
	real	   *weights;
	real	   *twin;			/* [SAMPLES, dimensions] */
	real	   *stacked;
	real		output[2 * PAIRS];
	real		output_gradient[2 * PAIRS];
} Setting;

static double
loss_of(Setting *s)
{
	const Network *head = network_head(s->network);

	assert_true(network_forward_training(s->network, s->weights, s->workspace, s->input, SAMPLES, 42, s->twin));
	network_stack(s->network, s->twin, pairs, PAIRS, s->stacked);
	assert_true(network_forward_training(head, s->weights, network_workspace_head(s->workspace), s->stacked, PAIRS, 43, s->output));
	return network_pair_loss(s->network, s->output, pairs, PAIRS, 0.25, s->output_gradient);
}

static void
backward(Setting *s, real *gradient)
{
	const Network *head = network_head(s->network);
	NetworkWorkspace *of_head = network_workspace_head(s->workspace);
	real	   *twin_gradient = calloc(SAMPLES * network_dimensions(s->network), sizeof(real));

	assert_true(network_backward(head, s->weights, of_head, s->stacked, s->output_gradient, gradient));
	assert_int_equal(network_input_gradient(of_head) != NULL, network_learns(s->network));
	if (network_learns(s->network))
		network_unstack(s->network, network_input_gradient(of_head), pairs, PAIRS, twin_gradient);
	assert_true(network_backward(s->network, s->weights, s->workspace, s->input, twin_gradient, gradient));
	free(twin_gradient);
}

static void
check_definition(int number)
{
	Status		status;
	Network    *network = help_network(definitions[number]);
	size_t		parameters = network_parameter_count(network);
	int			samples = SAMPLES > PAIRS ? SAMPLES : PAIRS;
	real	   *input = calloc(SAMPLES * network_input_values(network), sizeof(real));
	real	   *gradient = calloc(parameters, sizeof(real));
	double		largest = 0;
	Setting		s = {
		.network = network, .input = input, .weights = calloc(network_weight_count(network), sizeof(real)),
		.workspace = network_workspace_create(network, samples, true, test_host(), &status),
		.twin = calloc(SAMPLES * network_dimensions(network), sizeof(real)),
		.stacked = calloc(PAIRS * network_input_values(network_head(network)), sizeof(real))
	};

	network_initialize(network, 7, s.weights);
	help_fill(gradient, parameters, 5);
	for (size_t i = 0; i < parameters; i++)
		s.weights[i] += 0.3 * gradient[i];
	help_fill(input, SAMPLES * network_input_values(network), 1);
	for (size_t i = 0; i < parameters; i++)
		gradient[i] = 1;
	loss_of(&s);
	backward(&s, gradient);
	for (size_t i = 0; i < parameters; i++)
	{
		real		kept = s.weights[i];
		double		above,
					below,
					numeric;

		s.weights[i] = kept + STEP;
		above = loss_of(&s);
		s.weights[i] = kept - STEP;
		below = loss_of(&s);
		s.weights[i] = kept;
		numeric = (above - below) / (2 * STEP);
		largest = fmax(largest, fabs(numeric));
		if (fabs(gradient[i] - 1 - numeric) > 1e-6 * fmax(1, fabs(numeric)))
			fail_msg("definition %d: parameter %zu has gradient %.9g, measured %.9g", number, i, gradient[i] - 1, numeric);
	}
	assert_true(largest > 0.01);
	network_workspace_destroy(s.workspace);
	network_destroy(network);
	free(input);
	free(gradient);
	free(s.weights);
	free(s.twin);
	free(s.stacked);
	assert_int_equal(test_host_outstanding(), 0);
}

static void
test_gradients(void **state)
{
	for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++)
		check_definition((int) i);
}

/* -log of the softmax of two outputs, or of the logistic function of one; by hand. */
static void
test_loss(void **state)
{
	const NetworkPair two[] = {{0, 1, true}, {0, 1, false}};
	const real	output[] = {0.5, 2, -1, 3};
	real		gradient[4];
	Network    *network = help_network("{'input':{'width':2,'height':2},'layers':[{'type':'pair'},{'type':'dense','units':2}]}");
	double		loss = network_pair_loss(network, output, two, 2, 0.5, gradient);

	assert_true(fabs(loss - 0.5 * (-log(exp(2.0) / (exp(0.5) + exp(2.0))) - log(exp(-1.0) / (exp(-1.0) + exp(3.0))))) < 1e-12);
	assert_true(fabs(gradient[0] - 0.5 * exp(0.5) / (exp(0.5) + exp(2.0))) < 1e-12 && gradient[1] == -gradient[0]);
	assert_true(fabs(gradient[3] - 0.5 * exp(3.0) / (exp(-1.0) + exp(3.0))) < 1e-12 && gradient[2] == -gradient[3]);
	network_destroy(network);
	network = help_network("{'input':{'width':2,'height':2},'layers':[{'type':'pair'},{'type':'dense','units':1}]}");
	loss = network_pair_loss(network, output, two, 2, 1, gradient);
	assert_true(fabs(loss - (log(1 + exp(-0.5)) + log(1 + exp(2.0)))) < 1e-12);
	assert_true(fabs(gradient[0] + 1 / (1 + exp(0.5))) < 1e-12 && fabs(gradient[1] - 1 / (1 + exp(-2.0))) < 1e-12);
	network_destroy(network);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gradients), cmocka_unit_test(test_loss)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
