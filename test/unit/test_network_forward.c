/*
 * test_network_forward.c: the built-in networks against PyTorch (network/make_forward.py), at every level of kernels;
 * and what must hold for one sample and for many, alone and from two threads.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/cpu.h"
#include "network/forward.h"
#include "host.h"
#include "network/network_internal.h"
#include "network_help.h"
#include "presets.h"

#define SAMPLES 2
#define FIRST 12

#define PRESET(name) {#name, name##_settings, sizeof(name##_settings) / sizeof(name##_settings[0])}

/* First those of forward_numbers, in its order; "photo_layers" is no preset: it has the layers that they lack. */
static const struct
{
	const char *name;
	const NetworkSetting *settings;
	int			count;
}			presets[] = {
	PRESET(bromley), PRESET(bromley_b), PRESET(compact), PRESET(hollaender), PRESET(koch), PRESET(patch), PRESET(photo),
	PRESET(photo_layers), PRESET(signet), PRESET(tracking_cost), PRESET(tracking_in_network), PRESET(tracking_in_network_plain),
	PRESET(tracking_joint), PRESET(tracking_joint_plain), PRESET(pen), PRESET(signature)
};

#define PRESETS ((int) (sizeof(presets) / sizeof(presets[0])))
#define FIRST_LARGE 9			/* those of tracking: of 30 million weights, five of them */
#define LAST_LARGE 13

static Network *
make_network(int preset)
{
	Status		status;
	NetworkDefinition *definition = network_define(presets[preset].settings, presets[preset].count, test_host(), &status);
	Network    *network;

	if (definition == NULL)
		fail_msg("%s", status.detail);
	network = network_create(definition, test_host(), &status);
	assert_non_null(network);
	host_release(test_host(), definition);
	return network;
}

static void
scale_range(real *weights, size_t start, size_t count, double factor, double shift)
{
	for (size_t i = start; i < start + count; i++)
		weights[i] = (real) (weights[i] * factor + shift);
}

/* The same numbers as in make_forward.py. */
static real *
make_weights(const Network *network)
{
	size_t		count = network_weight_count(network);
	real	   *weights = calloc(count, sizeof(real));

	help_fill(weights, count, 1);
	for (int i = 0; i < network->definition->layer_count; i++)
	{
		const NetworkLayer *layer = &network->definition->layers[i];
		size_t		start = layer->parameter_offset;
		size_t		half = layer->in.channels;

		if (layer->type == &layer_conv || layer->type == &layer_dense)
		{
			scale_range(weights, start, layer->decay_count, sqrt(6.0 / (layer->decay_count / layer->out.channels)), 0);
			scale_range(weights, start + layer->decay_count, layer->parameter_count - layer->decay_count, 0.1, 0);
		}
		else if (layer->type == &layer_attention_pool)
			scale_range(weights, start, layer->parameter_count, 0.1, 0);
		else if (layer->type == &layer_batch_norm)
		{
			scale_range(weights, start, half, 0.3, 1);
			scale_range(weights, start + half, half, 0.3, 0);
			scale_range(weights, layer->statistic_offset, half, 0.3, 0);
			scale_range(weights, layer->statistic_offset + half, half, 0.5, 1);
		}
	}
	return weights;
}

static real *
make_input(const Network *network, int samples)
{
	size_t		count = (size_t) network_input_values(network) * samples;
	real	   *input = calloc(count, sizeof(real));

	help_fill(input, count, 2);
	scale_range(input, 0, count, 0.5, 0.5);
	return input;
}

static void
run(const Network *network, const real *weights, const real *input, int samples, real *embedding)
{
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(network, samples, false, test_host(), &status);

	assert_non_null(workspace);
	assert_true(network_forward(network, weights, workspace, input, samples, embedding, &status));
	network_workspace_destroy(workspace);
}

/* Values of a row of run(): an embedding, or of a pair what goes into the last layer, then the output. */
static int
row_values(const Network *network)
{
	const Network *head = network_head(network);

	return head == NULL ? network_dimensions(network) : (int) network_hidden_values(network) + network_dimensions(head);
}

/* Of the pairs (0, 1) and (1, 0) of two samples. */
static void
run_pairs(const Network *network, const real *weights, const real *input, real *rows)
{
	static const NetworkPair pairs[] = {{0, 1, false}, {1, 0, false}};
	const Network *head = network_head(network);
	int			hidden_values = (int) network_hidden_values(network);
	int			outputs = network_dimensions(head);
	real	   *twin = calloc(2 * network_dimensions(network), sizeof(real));
	real	   *stacked = calloc(2 * network_input_values(head), sizeof(real));
	real	   *hidden = calloc(2 * hidden_values, sizeof(real));
	real	   *output = calloc(2 * outputs, sizeof(real));
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(network, 2, false, test_host(), &status);

	assert_true(network_forward(network, weights, workspace, input, 2, twin, &status));
	network_stack(network, twin, pairs, 2, stacked);
	assert_true(workspace_forward(head, weights, network_workspace_head(workspace), stacked, 2, output, hidden, &status));
	for (int i = 0; i < 2; i++)
	{
		memcpy(rows + i * (hidden_values + outputs), hidden + i * hidden_values, hidden_values * sizeof(real));
		memcpy(rows + i * (hidden_values + outputs) + hidden_values, output + i * outputs, outputs * sizeof(real));
	}
	network_workspace_destroy(workspace);
	free(twin);
	free(stacked);
	free(hidden);
	free(output);
}

static void
check_number(const char *name, const char *what, int i, double expected, double found, double tolerance)
{
	if (!(fabs(expected - found) <= tolerance))
		fail_msg("%s at level %s: %s %d is %.8g, PyTorch has %.8g", name, cpu_level_name(cpu_level()), what, i, found,
				 expected);
}

static void
check_numbers(const ForwardNumbers *numbers, const real *embedding, int dimensions)
{
	real	   *factors = calloc(dimensions, sizeof(real));
	double		typical = numbers->length[0] / sqrt(dimensions);

	help_fill(factors, dimensions, 3);
	for (int i = 0; i < FIRST; i++)
		check_number(numbers->name, "value", i, numbers->first[i], embedding[i], 1e-4 * typical);
	for (int sample = 0; sample < SAMPLES; sample++)
	{
		double		square = 0,
					sum = 0;

		for (int i = 0; i < dimensions; i++)
		{
			double		value = embedding[sample * dimensions + i];

			square += value * value;
			sum += value * factors[i];
		}
		check_number(numbers->name, "length", sample, numbers->length[sample], sqrt(square),
					 1e-4 * numbers->length[sample]);
		check_number(numbers->name, "checksum", sample, numbers->checksum[sample], sum, 1e-4 * numbers->length[sample]);
	}
	free(factors);
}

/* The large ones at the highest level alone: they take a second a sample at the lowest. */
static void
test_large(void **state)
{
	for (int i = FIRST_LARGE; i <= LAST_LARGE; i++)
	{
		Network    *network = make_network(i);
		int			values = row_values(network);
		real	   *weights = make_weights(network);
		real	   *input = make_input(network, SAMPLES);
		real	   *rows = calloc(SAMPLES * values, sizeof(real));

		assert_string_equal(presets[i].name, forward_numbers[i].name);
		assert_int_equal(network_parameter_count(network), forward_numbers[i].parameters);
		if (network_head(network) != NULL)
			run_pairs(network, weights, input, rows);
		else
			run(network, weights, input, SAMPLES, rows);
		check_numbers(&forward_numbers[i], rows, values);
		network_destroy(network);
		free(weights);
		free(input);
		free(rows);
	}
}

/* Leal-Taixe 2016, figure 2: the weights of the paper's network, which add up to 30.1 million, and 1.08 G multiplications a pair. */
static void
test_tracking_counts(void **state)
{
	Network    *joint = make_network(LAST_LARGE - 1);
	Network    *plain = make_network(LAST_LARGE);
	Network    *half_way = make_network(LAST_LARGE - 2);
	Network    *cost = make_network(FIRST_LARGE);

	assert_int_equal(network_input_values(network_head(joint)), 10 * 121 * 53);
	assert_int_equal(network_parameter_count(joint), 30100610);
	assert_int_equal(network_multiplications(joint), 0);
	assert_int_equal(network_multiplications(network_head(joint)), 1080964288);
	assert_int_equal(network_parameter_count(plain), 30081794);
	assert_int_equal(network_multiplications(network_head(plain)), 979263808);
	assert_int_equal(network_hidden_values(joint), 512);
	assert_int_equal(network_multiplications(half_way) + network_multiplications(network_head(half_way)),
					 5405 * 49 * 3 * 96 + 1007 * 25 * 96 * 256 + 110 * 25 * 512 * 256 + 5632 * 4096 + 4096 * 1024 + 1024 * 512 + 1024);
	assert_int_equal(network_dimensions(cost), 512);
	network_destroy(joint);
	network_destroy(plain);
	network_destroy(half_way);
	network_destroy(cost);
}

static void
test_pytorch(void **state)
{
	for (int i = 0; i < FIRST_LARGE; i++)
	{
		Network    *network = make_network(i);
		int			dimensions = network_dimensions(network);
		real	   *weights = make_weights(network);
		real	   *input = make_input(network, SAMPLES);
		real	   *embedding = calloc(SAMPLES * dimensions, sizeof(real));

		assert_int_equal(network_parameter_count(network), forward_numbers[i].parameters);
		for (int level = 0; level < CPU_LEVEL_COUNT; level++)
		{
			if (!cpu_force_level(level))
				continue;
			memset(embedding, 0, SAMPLES * dimensions * sizeof(real));
			run(network, weights, input, SAMPLES, embedding);
			check_numbers(&forward_numbers[i], embedding, dimensions);
			/* one at a time */
			for (int sample = 0; sample < SAMPLES; sample++)
				run(network, weights, input + sample * network_input_values(network), 1,
					embedding + sample * dimensions);
			check_numbers(&forward_numbers[i], embedding, dimensions);
		}
		cpu_unforce_level();
		network_destroy(network);
		free(weights);
		free(input);
		free(embedding);
	}
}

/* Koch 2015 as published, with the a_j and the bias, Bromley 1993's outputs; the others as their layers add up to. */
static void
test_counts(void **state)
{
	static const size_t counts[] = {3004, 634, 519648, 2208257, 38951745, 41760, 1549096, 35576, 6461568};
	static const int dimensions[] = {304, 76, 128, 512, 4096, 128, 128, 32, 128};

	for (int i = 0; i < FIRST_LARGE; i++)
	{
		Network    *network = make_network(i);

		assert_int_equal(network_parameter_count(network), counts[i]);
		assert_int_equal(network_dimensions(network), dimensions[i]);
		network_destroy(network);
	}
	assert_int_equal(test_host_outstanding(), 0);
}

/* Each sample's embedding has the same bits whatever stands beside it, at every level. */
static void
check_batches(const Network *network, const char *name)
{
	static const int sizes[] = {1, 2, 3, 5, 7, 16};
	enum {ALL = 33};
	int			dimensions = network_dimensions(network);
	int			values = network_input_values(network);
	real	   *weights = make_weights(network);
	real	   *input = make_input(network, ALL);
	real	   *all = calloc(ALL * dimensions, sizeof(real));
	real	   *some = calloc(ALL * dimensions, sizeof(real));

	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		if (!cpu_force_level(level))
			continue;
		run(network, weights, input, ALL, all);
		for (int i = 0; i < (int) (sizeof(sizes) / sizeof(sizes[0])); i++)
		{
			int			first = (ALL - sizes[i]) / 2;

			run(network, weights, input + first * values, sizes[i], some);
			for (int k = 0; k < sizes[i] * dimensions; k++)
			{
				if (memcmp(&some[k], &all[first * dimensions + k], sizeof(real)) != 0)
					fail_msg("%s at level %s: value %d of sample %d is %.9g among %d and %.9g among %d", name,
							 cpu_level_name(level), k % dimensions, first + k / dimensions, (double) some[k], sizes[i],
							 (double) all[first * dimensions + k], ALL);
			}
		}
	}
	cpu_unforce_level();
	free(weights);
	free(input);
	free(all);
	free(some);
}

static void
test_batches(void **state)
{
	static const char *const others[] = {
		/* products of one row each: a pixel, groups, attention; a depth of more than a block of matrix_multiply() */
		"{'input':{'width':3,'height':1},'layers':[{'type':'conv','maps':40,'kernel':[1,3]},{'type':'conv','maps':600,'kernel':1},"
		"{'type':'batch_norm'},{'type':'relu'},{'type':'conv','maps':30,'kernel':1,'groups':3},{'type':'attention_pool','heads':5},"
		"{'type':'prelu'},{'type':'dense','units':70},{'type':'l2_norm'}],'join':'cosine'}",
		/* columns that fill no panel, rounded weights, a batch norm folded into them, the last layer of the join */
		"{'input':{'width':20,'height':20},'layers':[{'type':'conv','maps':37,'kernel':3,'padding':1},{'type':'batch_norm'},"
		"{'type':'relu'},{'type':'max_pool'},{'type':'conv','maps':37,'kernel':5,'padding':2},{'type':'local_response_norm'},"
		"{'type':'dense','units':45,'weights':'bf16'},{'type':'batch_norm'},{'type':'relu'},{'type':'dense','units':333},"
		"{'type':'sigmoid'}],'join':'weighted_l1','loss':{'type':'cross_entropy'}}"
	};

	for (int i = 0; i < PRESETS; i++)
	{
		Network    *network;

		if (i >= FIRST_LARGE && i <= LAST_LARGE)
			continue;
		network = make_network(i);
		check_batches(network, presets[i].name);
		network_destroy(network);
	}
	for (int i = 0; i < (int) (sizeof(others) / sizeof(others[0])); i++)
	{
		Network    *network = help_network(others[i]);

		check_batches(network, others[i]);
		network_destroy(network);
	}
}

/* More samples than the first layers take at a time. */
static void
check_groups(Network *network, int samples)
{
	int			dimensions = network_dimensions(network);
	real	   *weights = make_weights(network);
	real	   *input = make_input(network, samples);
	real	   *together = calloc(samples * dimensions, sizeof(real));
	real	   *alone = calloc(dimensions, sizeof(real));

	assert_true(network->grouped >= 1 && network->grouped < network->layer_count);
	assert_true(network->group >= 2 && network->group < samples);
	assert_int_not_equal(samples % network->group, 0);
	run(network, weights, input, samples, together);
	for (int sample = 0; sample < samples; sample++)
	{
		run(network, weights, input + sample * network_input_values(network), 1, alone);
		assert_memory_equal(alone, together + sample * dimensions, dimensions * sizeof(real));
	}
	network_destroy(network);
	free(weights);
	free(input);
	free(together);
	free(alone);
}

static void
test_groups(void **state)
{
	check_groups(make_network(2), 7);
	/* an add reads what only the end of the group's layers may leave behind */
	check_groups(help_network("{'input':{'width':36,'height':36},'layers':[{'type':'conv','maps':32,'kernel':3,'padding':1},"
							  "{'type':'max_pool','size':2},{'type':'conv','maps':32,'kernel':3,'padding':1,'name':'a'},"
							  "{'type':'relu'},{'type':'conv','maps':32,'kernel':3,'padding':1},{'type':'add','from':'a'},"
							  "{'type':'mean_pool','size':4},{'type':'conv','maps':8,'kernel':3},{'type':'dense','units':5}]}"), 7);
}

typedef struct Runner
{
	const Network *network;
	const real *weights;
	const real *input;
	NetworkWorkspace *workspace;
	int			samples;
	real	   *embedding;
	real	   *gradient;
} Runner;

static void *
train_once(void *argument)
{
	Runner	   *runner = argument;

	for (int i = 0; i < 3; i++)
	{
		network_forward_training(runner->network, runner->weights, runner->workspace, runner->input, runner->samples, 9,
								 runner->embedding);
		memset(runner->gradient, 0, network_parameter_count(runner->network) * sizeof(real));
		network_backward(runner->network, runner->weights, runner->workspace, runner->input, runner->embedding,
						 runner->gradient);
	}
	return NULL;
}

/* Two threads at once give bit for bit what each gives alone. */
static void
test_threads(void **state)
{
	enum {BATCH = 16, RUNNERS = 4};
	Network    *network = make_network(0);
	real	   *weights = make_weights(network);
	real	   *input = make_input(network, 2 * BATCH);
	size_t		values = network_input_values(network);
	size_t		dimensions = network_dimensions(network);
	size_t		parameters = network_parameter_count(network);
	Runner		runners[RUNNERS];
	Status		status;
	pthread_t	threads[2];

	for (int i = 0; i < RUNNERS; i++)
	{
		runners[i] = (Runner) {network, weights, input + i % 2 * BATCH * values,
			network_workspace_create(network, BATCH, true, test_host(), &status), BATCH,
			calloc(BATCH * dimensions, sizeof(real)), calloc(parameters, sizeof(real))};
		assert_non_null(runners[i].workspace);
	}
	train_once(&runners[0]);
	train_once(&runners[1]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, train_once, &runners[2 + i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++)
	{
		assert_memory_equal(runners[i].embedding, runners[i + 2].embedding, BATCH * dimensions * sizeof(real));
		assert_memory_equal(runners[i].gradient, runners[i + 2].gradient, parameters * sizeof(real));
	}
	assert_memory_not_equal(runners[0].gradient, runners[1].gradient, parameters * sizeof(real));
	for (int i = 0; i < RUNNERS; i++)
	{
		network_workspace_destroy(runners[i].workspace);
		free(runners[i].embedding);
		free(runners[i].gradient);
	}
	network_destroy(network);
	free(weights);
	free(input);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_pytorch), cmocka_unit_test(test_large), cmocka_unit_test(test_tracking_counts),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_threads)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
