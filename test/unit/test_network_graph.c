/*
 * test_network_graph.c: random graphs of layers (graph_help.h) at inference against a plain evaluation, which keeps the output of
 * every layer; and the graphs that published networks are made of.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/cpu.h"
#include "graph_help.h"
#include "host.h"
#include "network/network_internal.h"
#include "network_help.h"

#define SAMPLES 7
#define GRAPHS 1500
#define VALUES 4096			/* of any output */

static GraphNode
shape_of(const Graph *graph, int i)
{
	if (i >= 0)
		return graph->node[i];
	return (GraphNode) {.height = graph->height, .width = graph->width, .channels = graph->channels};
}

static double
conv_at(const GraphNode *in, const GraphNode *node, const double *x, const real *weights, int oy, int ox, int map)
{
	double		sum = weights[node->kernel * node->kernel * in->channels * node->maps + map];

	for (int ky = 0; ky < node->kernel; ky++)
		for (int kx = 0; kx < node->kernel; kx++)
		{
			int			y = oy * node->stride - node->kernel / 2 + ky;
			int			place = ox * node->stride - node->kernel / 2 + kx;

			for (int c = 0; c < in->channels && y >= 0 && y < in->height && place >= 0 && place < in->width; c++)
				sum += x[(y * in->width + place) * in->channels + c] *
					weights[((ky * node->kernel + kx) * in->channels + c) * node->maps + map];
		}
	return sum;
}

/* A value of a map, or of what counts for each of its pixels. */
static double
spread(const GraphNode *shape, const double *x, int pixel, int c)
{
	return x[(shape->height * shape->width == 1 ? 0 : pixel) * shape->channels + c];
}

static void
concat(const Graph *graph, const GraphNode *node, double output[][VALUES], const double *input, double *y)
{
	int			at = 0;

	for (int pixel = 0; pixel < node->height * node->width; pixel++)
		for (int k = -1; k < node->sources; k++)
		{
			int			read = k < 0 ? node->input : node->source[k];
			GraphNode	from = shape_of(graph, read);

			for (int c = 0; c < from.channels; c++)
				y[at++] = (read < 0 ? input : output[read])[pixel * from.channels + c];
		}
}

/* One layer of one sample. */
static void
evaluate(const Graph *graph, int i, const NetworkLayer *layer, const real *weights, double output[][VALUES], const double *input)
{
	const GraphNode *node = &graph->node[i];
	const GraphNode in = shape_of(graph, node->input);
	const double *x = node->input < 0 ? input : output[node->input];
	const real *own = weights + layer->parameter_offset;
	const real *statistics = weights + layer->statistic_offset;
	int			pixels = node->height * node->width;
	int			in_values = in.height * in.width * in.channels;

	if (strcmp(node->type, "concat") == 0)
	{
		concat(graph, node, output, input, output[i]);
		return;
	}
	for (int o = 0; o < pixels * node->channels; o++)
	{
		int			c = o % node->channels;
		int			pixel = o / node->channels;
		double		y = node->sources == 0 && strcmp(node->type, "dense") != 0 && strcmp(node->type, "conv") != 0 ? x[o] : 0;

		if (strcmp(node->type, "conv") == 0)
			y = conv_at(&in, node, x, own, pixel / node->width, pixel % node->width, c);
		else if (strcmp(node->type, "dense") == 0)
		{
			y = own[in_values * node->maps + c];
			for (int k = 0; k < in_values; k++)
				y += x[k] * own[k * node->maps + c];
		}
		else if (strcmp(node->type, "global_mean") == 0)
		{
			y = 0;
			for (int k = 0; k < in.height * in.width; k++)
				y += x[k * in.channels + c] / (in.height * in.width);
		}
		else if (strcmp(node->type, "batch_norm") == 0)
			y = own[c] * (y - statistics[c]) / sqrt(statistics[in.channels + c] + 1e-5) + own[in.channels + c];
		else if (strcmp(node->type, "relu") == 0)
			y = fmax(y, 0);
		else if (strcmp(node->type, "prelu") == 0)
			y = y > 0 ? y : y * own[c];
		else if (strcmp(node->type, "tanh") == 0)
			y = tanh(y);
		else if (strcmp(node->type, "sigmoid") == 0)
			y = 1 / (1 + exp(-y));
		else if (node->sources > 0)
		{
			GraphNode	other = shape_of(graph, node->source[0]);
			double		left = spread(&in, x, pixel, c);
			double		right = spread(&other, node->source[0] < 0 ? input : output[node->source[0]], pixel, c);

			y = strcmp(node->type, "add") == 0 ? left + right : left * right;
		}
		output[i][o] = y;
	}
}

static void
make_weights(const Network *network, real *weights)
{
	help_fill(weights, network_weight_count(network), 4);
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];

		for (size_t k = 0; k < layer->decay_count; k++)
			weights[layer->parameter_offset + k] *= (real) sqrt(3.0 * layer->out.channels / layer->decay_count);
		for (int c = 0; layer->type == &layer_batch_norm && c < layer->in.channels; c++)
			weights[layer->statistic_offset + layer->in.channels + c] += (real) 1.5;
	}
}

static void
infer(const Network *network, const real *weights, const real *input, int n, real *output)
{
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(network, n, false, test_host(), &status);

	assert_non_null(workspace);
	assert_true(network_forward(network, weights, workspace, input, n, output, &status));
	network_workspace_destroy(workspace);
}

typedef struct Counts
{
	int			fused;
	int			folded;
	int			in_place;
	int			grouped;
	int			spared;			/* outputs that need no buffer of their own */
} Counts;

static void
check_graph(unsigned seed, Counts *counts)
{
	static Graph graph;
	static double output[GRAPH_NODES][VALUES];
	char		text[9000];
	Network    *network;
	real	   *weights;
	real	   *input;
	real		found[SAMPLES * 4];
	real		alone[4];

	help_random_graph(seed, 3 + (int) (seed % 18), &graph);
	snprintf(text, sizeof(text), "{'input':{'width':6,'height':5,'colour':'%s'},'layers':[%s]}",
			 graph.channels == 3 ? "colour" : "grey", graph.layers);
	network = help_network(text);
	weights = calloc(network_weight_count(network), sizeof(real));
	input = calloc((size_t) SAMPLES * network_input_values(network), sizeof(real));
	make_weights(network, weights);
	help_fill(input, (size_t) SAMPLES * network_input_values(network), seed);
	assert_int_equal(network->layer_count, graph.count);
	if (network->grouped > 0)
		network->group = 1 + (int) (seed % 4);	/* so that a batch takes several */
	infer(network, weights, input, SAMPLES, found);
	for (int s = 0; s < SAMPLES; s++)
	{
		const real *sample = input + s * network_input_values(network);
		double		values[VALUES];
		double		largest = 1;

		for (int i = 0; i < network_input_values(network); i++)
			values[i] = sample[i];
		for (int i = 0; i < graph.count; i++)
		{
			assert_true(graph.node[i].height * graph.node[i].width * graph.node[i].channels <= VALUES);
			assert_int_equal(shape_values(network->layers[i].out), graph.node[i].height * graph.node[i].width * graph.node[i].channels);
			evaluate(&graph, i, &network->layers[i], weights, output, values);
			for (int k = 0; k < graph.node[i].height * graph.node[i].width * graph.node[i].channels; k++)
				largest = fmax(largest, fabs(output[i][k]));
		}
		for (int k = 0; k < 4; k++)
			if (!(fabs(found[s * 4 + k] - output[graph.count - 1][k]) <= 1e-5 * largest))
				fail_msg("graph %u: value %d of sample %d is %.8g, expected %.8g: %s", seed, k, s, (double) found[s * 4 + k],
						 output[graph.count - 1][k], graph.layers);
		infer(network, weights, sample, 1, alone);
		assert_memory_equal(alone, found + s * 4, sizeof(alone));
	}
	for (int i = 0; i < network->layer_count; i++)
	{
		counts->fused += network->layers[i].plan.fused;
		counts->folded += network->layers[i].plan.folded;
		counts->in_place += network->layers[i].plan.in_place_inference;
	}
	counts->grouped += network->grouped > 0;
	counts->spared += network->layer_count - network->slot_count;
	network_destroy(network);
	free(weights);
	free(input);
}

static void
test_random(void **state)
{
	Counts		counts = {0};

	for (unsigned seed = 1; seed <= GRAPHS; seed++)
		check_graph(seed, &counts);
	/* so the tests above have seen what they are for */
	print_message("%d fused, %d folded, %d in place, %d with groups, %d buffers spared\n", counts.fused, counts.folded, counts.in_place,
				  counts.grouped, counts.spared);
	assert_true(counts.fused > 200 && counts.folded > 80 && counts.in_place > 2000 && counts.grouped > 1000 && counts.spared > 9000);
	assert_int_equal(test_host_outstanding(), 0);
}

/* A group of samples at a time; what is read after the groups, from the input too. */
static void
test_groups(void **state)
{
	enum {BATCH = 9};
	static const struct
	{
		const char *layers;
		int			grouped;
	}			cases[] = {
		/* a fork from the network's input */
		{"{'type':'conv','maps':32,'kernel':3,'padding':1},{'type':'relu'},{'type':'max_pool','name':'pool'},"
		"{'type':'mean_pool','input':0},{'type':'concat','from':'pool'},{'type':'conv','maps':8,'kernel':3,'stride':2},{'type':'dense','units':5}", 6},
		/* the network's input is read again by a layer behind them, of many weights */
		{"{'type':'conv','maps':4,'kernel':3,'padding':1,'name':'a'},{'type':'max_pool'},{'type':'dense','units':210,'input':0},"
		"{'type':'dense','units':210,'input':2},{'type':'concat','from':3},{'type':'dense','units':5}", 2},
		/* a block whose start is the end of the groups */
		{"{'type':'conv','maps':32,'kernel':3,'padding':1,'name':'a'},{'type':'dense','units':7},{'type':'dense','units':32},"
		"{'type':'multiply','from':'a'},{'type':'mean_pool','size':4},{'type':'dense','units':5}", 1},
		/* what stands before their end is read behind them: they end before it */
		{"{'type':'conv','maps':4,'kernel':3,'padding':1,'name':'a'},{'type':'max_pool','name':'pool'},{'type':'mean_pool','input':'a'},"
		"{'type':'dense','units':300},{'type':'global_mean','input':'pool'},{'type':'concat','from':4},{'type':'dense','units':5}", 1},
		/* the last layer before the many weights works in place */
		{"{'type':'max_pool','size':2},{'type':'conv','maps':4,'kernel':3,'padding':1},{'type':'tanh'},{'type':'dense','units':300},"
		"{'type':'dense','units':5}", 1},
		/* they end with a residual block, whose sum and ReLU are worked out in place, and which several read */
		{"{'type':'conv','maps':8,'kernel':3,'padding':1},{'type':'relu','name':'start'},{'type':'conv','maps':8,'kernel':3,'padding':1},"
		"{'type':'batch_norm'},{'type':'add','from':'start'},{'type':'relu','name':'end'},{'type':'mean_pool'},{'type':'dense','units':300},"
		"{'type':'global_mean','input':'end'},{'type':'concat','from':8},{'type':'dense','units':5}", 6},
		{"{'type':'conv','maps':8,'kernel':3,'padding':1},{'type':'batch_norm'},{'type':'relu'},{'type':'dropout'},{'type':'mean_pool'},"
		"{'type':'dense','units':300},{'type':'global_mean','input':4},{'type':'concat','from':6},{'type':'dense','units':5}", 4},
		/* squeeze and excitation within them */
		{"{'type':'conv','maps':32,'kernel':3,'padding':1,'name':'a'},{'type':'global_mean'},{'type':'dense','units':4},{'type':'relu'},"
		"{'type':'dense','units':32},{'type':'sigmoid'},{'type':'multiply','from':'a'},{'type':'max_pool'},{'type':'dense','units':5}", 8}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[1024];
		Network    *network;
		real	   *weights;
		real	   *input;
		real		together[BATCH * 5];
		real		alone[5];

		snprintf(text, sizeof(text), "{'input':{'width':36,'height':36},'layers':[%s]}", cases[i].layers);
		network = help_network(text);
		if (network->grouped != cases[i].grouped)
			fail_msg("%s: %d layers in groups", cases[i].layers, network->grouped);
		network->group = 2;
		weights = calloc(network_weight_count(network), sizeof(real));
		input = calloc((size_t) BATCH * network_input_values(network), sizeof(real));
		make_weights(network, weights);
		help_fill(input, (size_t) BATCH * network_input_values(network), 5);
		infer(network, weights, input, BATCH, together);
		for (int s = 0; s < BATCH; s++)
		{
			infer(network, weights, input + (size_t) s * network_input_values(network), 1, alone);
			assert_memory_equal(alone, together + s * 5, sizeof(alone));
		}
		network_destroy(network);
		free(weights);
		free(input);
	}
}

/* What a graph says of itself: numbers and names, and what each layer reads. */
static void
test_described(void **state)
{
	static const char *const expected[] = {
		"conv ", "relu, of the input ", "concat layer 1, the input, 1 ", "multiply layer 3 ", "dense 4, of layer 4 "
	};
	Network    *network = help_network("{'input':{'width':6,'height':5},'layers':[{'type':'conv','maps':4,'kernel':3,'padding':1},"
									   "{'type':'relu','input':0},{'type':'concat','from':[1,0,1]},{'type':'multiply','from':3},"
									   "{'type':'dense','units':4}]}");
	char		line[160];

	for (int i = 0; i < 4; i++)
	{
		assert_true(network_describe_layer(network, i, line, sizeof(line)));
		if (strncmp(line, expected[i], strlen(expected[i])) != 0)
			fail_msg("layer %d is \"%s\"", i + 1, line);
	}
	network_destroy(network);
}

/* A chain keeps its buffers: two that take turns. */
static void
test_chain(void **state)
{
	Network    *network = help_network("{'input':{'width':20,'height':20},'layers':[{'type':'conv','maps':8,'kernel':3},{'type':'batch_norm'},"
									   "{'type':'relu'},{'type':'conv','maps':8,'kernel':3},{'type':'relu'},{'type':'conv','maps':8,'kernel':3},"
									   "{'type':'max_pool'},{'type':'conv','maps':8,'kernel':3},{'type':'dense','units':4}]}");

	for (int i = 0; i < network->layer_count; i++)
		assert_false(network->layers[i].plan.branches);
	assert_true(network->slot_count <= 3);
	network_destroy(network);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_described),
		cmocka_unit_test(test_chain)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
