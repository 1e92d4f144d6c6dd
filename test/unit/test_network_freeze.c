/*
 * test_network_freeze.c: training of the last layers alone, against networks that consist of these layers, fed with what the others
 * give at inference; and that nothing else changes, to the last bit.
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

#define SAMPLES 6
#define TOLERANCE 2e-5
#define SEED 5

#define INPUT "'input':{'width':10,'height':9,'colour':'colour'}"
#define END ",'join':'l2','optimizer':{'type':'adamw','rate':0.01,'weight_decay':0.1,'average':0.9}"

typedef struct Run
{
	Network    *network;
	NetworkWorkspace *workspace;
	real	   *weights;
	real	   *input;
	real	   *embedding;
	real	   *gradient;
} Run;

static Network *
network_of(const char *layers, const char *end, int learn_last)
{
	char		text[2048];
	Status		status;
	NetworkDefinition *definition;
	Network    *network;

	snprintf(text, sizeof(text), "{" INPUT ",'layers':[%s]%s}", layers, end);
	definition = help_define(text);
	if (learn_last > 0)
		assert_true(network_learn_last(definition, learn_last, &status));
	network = network_create(definition, test_host(), &status);
	assert_non_null(network);
	host_release(test_host(), definition);
	return network;
}

/* Weights and inputs like those of others with the same seeds; variances are positive. */
static Run
start(Network *network)
{
	Status		status;
	size_t		count = network_weight_count(network);
	Run			run = {
		.network = network, .workspace = network_workspace_create(network, SAMPLES, true, test_host(), &status),
		.weights = calloc(count, sizeof(real)), .input = calloc(SAMPLES * network_input_values(network), sizeof(real)),
		.embedding = calloc(SAMPLES * network_dimensions(network), sizeof(real)),
		.gradient = calloc(network_parameter_count(network), sizeof(real))
	};

	help_fill(run.weights, count, 1);
	for (size_t i = network_parameter_count(network); i < count; i++)
		run.weights[i] = 1 + run.weights[i] / 2;
	help_fill(run.input, SAMPLES * network_input_values(network), 2);
	return run;
}

static void
finish(Run *run)
{
	network_workspace_destroy(run->workspace);
	network_destroy(run->network);
	free(run->weights);
	free(run->input);
	free(run->embedding);
	free(run->gradient);
}

static void
pass(Run *run)
{
	size_t		values = SAMPLES * network_dimensions(run->network);
	real	   *wanted = calloc(values, sizeof(real));

	help_fill(wanted, values, 3);
	assert_true(network_forward_training(run->network, run->weights, run->workspace, run->input, SAMPLES, SEED, run->embedding));
	assert_true(network_backward(run->network, run->weights, run->workspace, run->input, wanted, run->gradient));
	free(wanted);
}

static void
infer(const Network *network, const real *weights, const real *input, real *output)
{
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(network, SAMPLES, false, test_host(), &status);

	assert_true(network_forward(network, weights, workspace, input, SAMPLES, output, &status));
	network_workspace_destroy(workspace);
}

static void
compare(const char *what, const char *layers, const real *got, const real *expected, size_t count)
{
	double		largest = 0;

	for (size_t i = 0; i < count; i++)
		largest = fmax(largest, fabs((double) expected[i]));
	for (size_t i = 0; i < count; i++)
		if (!(fabs((double) got[i] - expected[i]) <= TOLERANCE * fmax(largest, 1)))
			fail_msg("%s of %s: value %zu is %g, expected %g", what, layers, i, (double) got[i], (double) expected[i]);
}

/* Some steps of the optimizer, statistics and averages as in a training: the first layers' weights are the same bits. */
static void
step(Run *run, size_t frozen, size_t frozen_statistics)
{
	size_t		count = network_weight_count(run->network);
	size_t		parameters = network_parameter_count(run->network);
	real	   *before = malloc(count * sizeof(real));
	real	   *average = malloc(count * sizeof(real));
	real	   *memory = calloc(network_optimizer_count(run->network), sizeof(real));
	bool		moved = false;

	memcpy(before, run->weights, count * sizeof(real));
	memcpy(average, run->weights, count * sizeof(real));
	for (int i = 0; i < 3; i++)
	{
		NetworkProgress progress = {i, 100, 10};

		memset(run->gradient, 0, parameters * sizeof(real));
		pass(run);
		for (size_t k = 0; k < frozen; k++)
			assert_true(run->gradient[k] == 0);
		network_update_statistics(run->network, run->workspace, run->weights);
		network_clip_gradient(run->network, run->gradient);
		network_optimizer_part(run->network, &progress, memory, run->gradient, run->weights, 0, parameters);
		network_average_part(run->network, &progress, run->weights, average, 0, count / 3);
		network_average_part(run->network, &progress, run->weights, average, count / 3, count);
	}
	for (int i = 0; i < 2; i++)
	{
		const real *now = i == 0 ? run->weights : average;

		assert_memory_equal(now, before, frozen * sizeof(real));
		assert_memory_equal(now + parameters, before + parameters, frozen_statistics * sizeof(real));
		for (size_t k = frozen; k < count; k++)
			if (k < parameters || k >= parameters + frozen_statistics)
				moved |= now[k] != before[k];
		assert_true(moved);
		moved = false;
	}
	free(before);
	free(average);
	free(memory);
}

/* Layers that stay, with 3 channels at the end, and those that learn. */
static const struct
{
	const char *first;
	const char *last;
	int			learning;
}			divided[] = {
	{"{'type':'conv','maps':3,'kernel':3,'padding':1,'bias':false},{'type':'batch_norm'},{'type':'hard_swish'}",
	"{'type':'conv','maps':8,'kernel':3,'stride':2,'padding':1,'bias':false},{'type':'batch_norm'},{'type':'relu'},{'type':'max_pool'},"
	"{'type':'dense','units':5}", 3},
	/* the norm after the last convolution that stays learns: it is not folded into that */
	{"{'type':'conv','maps':4,'kernel':3},{'type':'batch_norm'},{'type':'relu'},{'type':'conv','maps':3,'kernel':1}",
	"{'type':'batch_norm'},{'type':'relu'},{'type':'dense','units':4}", 2},
	/* so does an activation after a norm that stays */
	{"{'type':'conv','maps':3,'kernel':5,'padding':2,'bias':false},{'type':'batch_norm'}",
	"{'type':'prelu'},{'type':'mean_pool'},{'type':'dense','units':4}", 2},
	/* a residual block, squeeze and excitation, pools and norms of other kinds */
	{"{'type':'conv','maps':16,'kernel':3,'padding':1},{'type':'batch_norm'},{'type':'relu','name':'a'},"
	"{'type':'conv','maps':16,'kernel':3,'padding':1},{'type':'instance_norm'},{'type':'add','from':'a'},{'type':'prelu','name':'b'},"
	"{'type':'global_mean'},{'type':'dense','units':16},{'type':'hard_sigmoid'},{'type':'multiply','from':'b'},{'type':'dropout'},"
	"{'type':'local_response_norm'},{'type':'conv','maps':3,'kernel':1,'groups':1},{'type':'max_pool'}",
	"{'type':'conv','maps':6,'kernel':2},{'type':'relu'},{'type':'attention_pool','heads':2},{'type':'dense','units':4},{'type':'l2_norm'}", 3},
	/* a depthwise convolution, packed weights that follow from the weights of training */
	{"{'type':'conv','maps':36,'kernel':3,'padding':1,'bias':false},{'type':'batch_norm'},{'type':'clip'},"
	"{'type':'conv','maps':36,'kernel':3,'padding':1,'groups':36},{'type':'batch_norm'},{'type':'clip'},"
	"{'type':'conv','maps':36,'kernel':3,'padding':1},{'type':'conv','maps':3,'kernel':1}",
	"{'type':'conv','maps':36,'kernel':3,'padding':1},{'type':'conv','maps':36,'kernel':3},{'type':'batch_norm'},{'type':'relu'},"
	"{'type':'dense','units':4}", 4}
};

static void
check_divided(const char *first, const char *last, int learning)
{
	char		layers[2048];
	char		input[256];
	Status		status;
	NetworkDefinition *definition;
	Run			whole;
	Run			alone;
	Network    *feature = network_of(first, END, 0);
	size_t		frozen = network_parameter_count(feature);
	size_t		frozen_statistics = network_weight_count(feature) - frozen;
	size_t		parameters;

	snprintf(layers, sizeof(layers), "%s,%s", first, last);
	whole = start(network_of(layers, END, learning));
	parameters = network_parameter_count(whole.network);
	assert_int_equal(network_frozen_count(whole.network), frozen);
	assert_int_equal(feature->layers[feature->layer_count - 1].out.channels, 3);
	snprintf(input, sizeof(input), "{'input':{'width':%d,'height':%d,'colour':'colour'},'layers':[",
			 feature->layers[feature->layer_count - 1].out.width, feature->layers[feature->layer_count - 1].out.height);
	snprintf(layers, sizeof(layers), "%s%s]" END "}", input, last);
	definition = help_define(layers);
	alone = start(network_create(definition, test_host(), &status));
	host_release(test_host(), definition);
	assert_int_equal(network_parameter_count(alone.network), parameters - frozen);

	/* the weights of the first layers, and those of the last ones as they are in the whole network */
	memcpy(alone.weights, whole.weights + frozen, (parameters - frozen) * sizeof(real));
	memcpy(alone.weights + parameters - frozen, whole.weights + parameters + frozen_statistics,
		   (network_weight_count(alone.network) - (parameters - frozen)) * sizeof(real));
	{
		real	   *weights = malloc(network_weight_count(feature) * sizeof(real));

		memcpy(weights, whole.weights, frozen * sizeof(real));
		memcpy(weights + frozen, whole.weights + parameters, frozen_statistics * sizeof(real));
		infer(feature, weights, whole.input, alone.input);
		free(weights);
	}
	pass(&alone);
	pass(&whole);
	compare("embedding", layers, whole.embedding, alone.embedding, SAMPLES * network_dimensions(alone.network));
	compare("gradient", layers, whole.gradient + frozen, alone.gradient, parameters - frozen);
	network_update_statistics(alone.network, alone.workspace, alone.weights);
	{
		real	   *weights = malloc(network_weight_count(whole.network) * sizeof(real));

		memcpy(weights, whole.weights, network_weight_count(whole.network) * sizeof(real));
		network_update_statistics(whole.network, whole.workspace, weights);
		compare("statistics", layers, weights + parameters + frozen_statistics, alone.weights + parameters - frozen,
				network_weight_count(alone.network) - (parameters - frozen));
		free(weights);
	}
	step(&whole, frozen, frozen_statistics);
	finish(&whole);
	finish(&alone);
	network_destroy(feature);
}

static void
test_divided(void **state)
{
	for (size_t i = 0; i < sizeof(divided) / sizeof(divided[0]); i++)
		check_divided(divided[i].first, divided[i].last, divided[i].learning);
}

/* Layers that read several of those that stay; without norms of batches and dropout a training of all has the same gradients. */
static void
test_branches(void **state)
{
	static const char layers[] =
		"{'type':'conv','maps':6,'kernel':3,'padding':1,'name':'a'},{'type':'prelu','name':'b'},{'type':'conv','maps':6,'kernel':3,'padding':1},"
		"{'type':'tanh','name':'c'},{'type':'conv','maps':6,'kernel':1,'input':'b'},{'type':'multiply','from':'c'},{'type':'add','from':'b'},"
		"{'type':'concat','from':['a',0]},{'type':'conv','maps':5,'kernel':3},{'type':'relu'},{'type':'dense','units':4}";

	for (int learning = 1; learning <= 6; learning++)
	{
		Run			all = start(network_of(layers, END, 0));
		Run			some = start(network_of(layers, END, learning));
		size_t		frozen = network_frozen_count(some.network);

		pass(&all);
		pass(&some);
		assert_true(learning == 6 ? frozen == 0 : frozen > 0);
		compare("embedding", layers, some.embedding, all.embedding, SAMPLES * 4);
		compare("gradient", layers, some.gradient + frozen, all.gradient + frozen, network_parameter_count(all.network) - frozen);
		if (frozen > 0)
			assert_true(network_workspace_bytes(some.network, SAMPLES, true) < network_workspace_bytes(all.network, SAMPLES, true));
		step(&some, frozen, 0);
		finish(&all);
		finish(&some);
	}
}

/* Dropout acts where it belongs to what is learned. */
static void
test_dropout(void **state)
{
	static const char layers[] = "{'type':'conv','maps':6,'kernel':3},{'type':'dropout'},{'type':'conv','maps':6,'kernel':3},{'type':'relu'},"
		"{'type':'dropout'},{'type':'dense','units':8},{'type':'dropout'},{'type':'dense','units':3}";
	static const char plain[] = "{'type':'conv','maps':6,'kernel':3},{'type':'conv','maps':6,'kernel':3},{'type':'relu'},"
		"{'type':'dropout','rate':0},{'type':'dense','units':8},{'type':'dropout'},{'type':'dense','units':3}";
	Run			inactive = start(network_of(layers, END, 1));
	Run			first = start(network_of(layers, END, 2));
	Run			without = start(network_of(plain, END, 0));

	pass(&inactive);
	pass(&first);
	infer(without.network, without.weights, without.input, without.embedding);
	assert_memory_not_equal(inactive.embedding, first.embedding, SAMPLES * 3 * sizeof(real));
	assert_memory_not_equal(inactive.embedding, without.embedding, SAMPLES * 3 * sizeof(real));
	assert_true(first.network->layers[1].plan.omitted || first.network->layers[1].plan.frozen);
	assert_false(first.network->layers[4].plan.frozen);
	assert_true(inactive.network->layers[4].plan.frozen);
	assert_false(inactive.network->layers[6].plan.frozen);
	finish(&inactive);
	finish(&first);
	finish(&without);
}

/* A head alone learns: its gradient is that of a training of all, and nothing is handed to the twin. */
static void
test_heads(void **state)
{
	static const char layers[] = "{'type':'conv','maps':4,'kernel':3},{'type':'relu'},{'type':'pair'},{'type':'conv','maps':4,'kernel':3},"
		"{'type':'relu'},{'type':'dense','units':2}";

	for (int learning = 1; learning <= 3; learning++)
	{
		Network    *all = network_of(layers, "", 0);
		Network    *some = network_of(layers, "", learning);
		size_t		frozen = network_frozen_count(some);
		size_t		count = network_parameter_count(all);
		size_t		values = SAMPLES * network_input_values(network_head(all));
		real	   *weights = calloc(count, sizeof(real));
		real	   *input = calloc(values, sizeof(real));
		real	   *gradient[2];
		real		output[2][SAMPLES * 2];
		real		wanted[SAMPLES * 2];

		help_fill(weights, count, 1);
		help_fill(input, values, 2);
		help_fill(wanted, SAMPLES * 2, 3);
		for (int i = 0; i < 2; i++)
		{
			Network    *network = i == 0 ? all : some;
			Status		status;
			NetworkWorkspace *workspace = network_workspace_create(network, SAMPLES, true, test_host(), &status);
			NetworkWorkspace *head = network_workspace_head(workspace);

			gradient[i] = calloc(count, sizeof(real));
			assert_true(network_forward_training(network_head(network), weights, head, input, SAMPLES, SEED, output[i]));
			assert_true(network_backward(network_head(network), weights, head, input, wanted, gradient[i]));
			assert_true((network_input_gradient(head) != NULL) == (i == 0 || learning == 3));
			assert_true(network_learns(network) == (i == 0 || learning == 3));
			network_workspace_destroy(workspace);
		}
		compare("output", layers, output[1], output[0], SAMPLES * 2);
		compare("gradient", layers, gradient[1] + frozen, gradient[0] + frozen, count - frozen);
		for (size_t i = 0; i < frozen; i++)
			assert_true(gradient[1][i] == 0);
		free(weights);
		free(input);
		free(gradient[0]);
		free(gradient[1]);
		network_destroy(all);
		network_destroy(some);
	}
}

static void
test_range(void **state)
{
	NetworkDefinition *definition = help_define("{" INPUT ",'layers':[{'type':'conv','maps':4,'kernel':3},{'type':'relu'},"
												"{'type':'batch_norm'},{'type':'dense','units':3}],'join':'weighted_l1',"
												"'loss':{'type':'cross_entropy'}}");
	Status		status;
	Network    *network;

	assert_int_equal(network_weighted_layers(definition), 3);
	for (int i = -1; i < 6; i++)
	{
		status.detail[0] = '\0';
		assert_true(network_learn_last(definition, i, &status) == (i >= 1 && i <= 3));
		assert_true(status.detail[0] == '\0' || strstr(status.detail, "from 1 to 3") != NULL);
	}
	assert_true(network_learn_last(definition, 1, &status));
	network = network_create(definition, test_host(), &status);
	assert_int_equal(network_frozen_count(network), 3 * 3 * 3 * 4 + 4 + 8);
	network_destroy(network);
	host_release(test_host(), definition);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_divided),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_dropout),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_range)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
