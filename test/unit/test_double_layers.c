/*
 * test_double_layers.c: the backward pass of every layer against central differences, in double precision.
 *
 * The function is the product of the embeddings with fixed numbers; batch norm and dropout are in training mode.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "graph_help.h"
#include "host.h"
#include "network_help.h"

#define SAMPLES 3
#define STEP 1e-5

typedef struct Case
{
	const char *name;
	const char *input;
	const char *layers;
	const char *join;
} Case;

#define DENSE ",{'type':'dense','units':5}"
#define WIDE "'width':6,'height':5"

static const Case cases[] = {
	{"conv", WIDE, "{'type':'conv','maps':3,'kernel':3},{'type':'conv','maps':4,'kernel':[2,3]}" DENSE, "l2"},
	{"conv, stride and padding", WIDE,
		"{'type':'conv','maps':4,'kernel':3,'padding':1},"
	"{'type':'conv','maps':3,'kernel':[3,2],'stride':[1,2],'padding':[2,1],'bias':false}" DENSE, "l2"},
	{"conv, groups", WIDE,
		"{'type':'conv','maps':4,'kernel':3,'padding':1},{'type':'conv','maps':6,'kernel':3,'padding':1,'groups':2},"
	"{'type':'conv','maps':6,'kernel':2,'groups':6}" DENSE, "l2"},
	{"conv, dilation and uneven padding", WIDE, "{'type':'conv','maps':4,'kernel':[2,3],'dilation':2,'padding':[1,2,0,3]},"
	"{'type':'conv','maps':4,'kernel':2,'groups':2,'dilation':[1,2],'padding':[0,0,1,1],'stride':2}" DENSE, "l2"},
	{"conv, depthwise", WIDE, "{'type':'conv','maps':9,'kernel':1},{'type':'conv','maps':9,'kernel':3,'groups':9,'padding':1},"
	"{'type':'relu'},{'type':'conv','maps':18,'kernel':3,'groups':9,'padding':[0,0,1,1],'stride':2}" DENSE, "l2"},
	{"conv 1x1", WIDE, "{'type':'conv','maps':4,'kernel':2},{'type':'conv','maps':5,'kernel':1}" DENSE, "l2"},
	{"conv in colour", "'width':5,'height':5,'colour':'colour'", "{'type':'conv','maps':3,'kernel':3}" DENSE, "l2"},
	{"dense", WIDE, "{'type':'dense','units':7},{'type':'dense','units':4,'bias':false}", "l2"},
	{"max_pool", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'max_pool'}" DENSE, "l2"},
	{"max_pool, overlapping", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'max_pool','size':3,'stride':1}" DENSE, "l2"},
	{"max_pool, gaps", WIDE, "{'type':'conv','maps':3,'kernel':1},{'type':'max_pool','size':[1,2],'stride':3}" DENSE, "l2"},
	{"mean_pool", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'mean_pool','size':[2,3],'stride':[1,2]}" DENSE, "l2"},
	{"max_pool, padding", WIDE,
	"{'type':'conv','maps':9,'kernel':2},{'type':'max_pool','size':3,'stride':2,'padding':1,'ceil':true}" DENSE, "l2"},
	{"max_pool, dilation", WIDE,
	"{'type':'conv','maps':9,'kernel':2},{'type':'max_pool','size':2,'stride':1,'padding':[1,0,0,2],'dilation':[2,3]}" DENSE, "l2"},
	{"mean_pool, dilation", WIDE,
	"{'type':'conv','maps':3,'kernel':2},{'type':'mean_pool','size':[2,3],'stride':1,'padding':1,'dilation':2,'count_padding':true}" DENSE, "l2"},
	{"mean_pool, padding", WIDE,
	"{'type':'conv','maps':9,'kernel':2},{'type':'mean_pool','size':3,'stride':2,'padding':[0,1,2,0],'ceil':true}" DENSE, "l2"},
	{"mean_pool, padding that counts", WIDE,
	"{'type':'conv','maps':3,'kernel':2},{'type':'mean_pool','size':3,'stride':2,'padding':1,'count_padding':true}" DENSE, "l2"},
	{"adaptive_mean_pool", WIDE, "{'type':'conv','maps':9,'kernel':2},{'type':'adaptive_mean_pool','size':[3,2]}" DENSE, "l2"},
	{"global_max", WIDE, "{'type':'conv','maps':9,'kernel':2},{'type':'global_max'}" DENSE, "l2"},
	{"instance_norm", WIDE, "{'type':'conv','maps':17,'kernel':2},{'type':'instance_norm'}" DENSE, "l2"},
	{"instance_norm and relu", WIDE,
	"{'type':'conv','maps':19,'kernel':2,'bias':false},{'type':'instance_norm'},{'type':'relu'},{'type':'max_pool'}" DENSE, "l2"},
	{"instance_norm first", WIDE, "{'type':'instance_norm'}" DENSE, "l2"},
	{"global_mean", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'global_mean'}" DENSE, "l2"},
	{"attention_pool", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'attention_pool','heads':3}" DENSE, "l2"},
	{"attention_pool without places", WIDE, "{'type':'conv','maps':2,'kernel':2},{'type':'attention_pool','places':false}" DENSE, "l2"},
	{"attention_pool of the input", WIDE, "{'type':'attention_pool','heads':5}" DENSE, "l2"},
	{"batch_norm", WIDE, "{'type':'conv','maps':17,'kernel':2},{'type':'batch_norm'}" DENSE ",{'type':'batch_norm'}", "l2"},
	{"batch_norm and relu", WIDE,
		"{'type':'conv','maps':19,'kernel':2,'bias':false},{'type':'batch_norm'},{'type':'relu'},{'type':'max_pool'}" DENSE, "l2"},
	{"batch_norm first", WIDE, "{'type':'batch_norm'}" DENSE, "l2"},
	{"local_response_norm", WIDE,
		"{'type':'conv','maps':7,'kernel':2},{'type':'local_response_norm','size':4,'alpha':0.5,'constant':1}" DENSE, "l2"},
	{"relu", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'relu'}" DENSE ",{'type':'relu'}" DENSE, "l2"},
	{"relu after a pool", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'max_pool'},{'type':'relu'}" DENSE, "l2"},
	{"prelu", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'prelu'}" DENSE ",{'type':'prelu'}", "l2"},
	{"leaky_relu", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'leaky_relu','slope':0.3}" DENSE ",{'type':'leaky_relu'}", "l2"},
	{"clip", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'clip','low':-0.4,'high':0.5}" DENSE ",{'type':'clip'}" DENSE, "l2"},
	{"hard_sigmoid", WIDE, "{'type':'dense','units':6},{'type':'hard_sigmoid'}" DENSE
	",{'type':'hard_sigmoid','slope':0.9,'offset':0.3}", "l2"},
	{"hard_swish", WIDE, "{'type':'conv','maps':3,'kernel':2,'initial':{'deviation':4}},{'type':'hard_swish'}" DENSE
	",{'type':'hard_swish'}", "l2"},
	{"elu", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'elu','alpha':0.7}" DENSE ",{'type':'elu'}", "l2"},
	{"selu", WIDE, "{'type':'conv','maps':3,'kernel':2},{'type':'selu'}" DENSE ",{'type':'selu','alpha':2,'gamma':0.6}", "l2"},
	{"sigmoid", WIDE, "{'type':'dense','units':6},{'type':'sigmoid'}" DENSE ",{'type':'sigmoid'}", "l2"},
	{"tanh", WIDE, "{'type':'conv','maps':2,'kernel':2},{'type':'tanh'}" DENSE ",{'type':'tanh'}", "l2"},
	{"dropout", WIDE, "{'type':'dense','units':9},{'type':'relu'},{'type':'dropout','rate':0.4}" DENSE ",{'type':'dropout'}", "l2"},
	{"dropout after sigmoid", WIDE, "{'type':'dense','units':9},{'type':'sigmoid'},{'type':'dropout','rate':0.4}" DENSE, "l2"},
	{"add", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'name':'start'},{'type':'relu'},"
		"{'type':'conv','maps':3,'kernel':3,'padding':1},{'type':'batch_norm'},{'type':'add','from':2},{'type':'relu'},"
	"{'type':'conv','maps':3,'kernel':3,'padding':1},{'type':'add','from':'start'},{'type':'add','from':2}" DENSE, "l2"},
	{"add of itself", WIDE, "{'type':'conv','maps':3,'kernel':3},{'type':'add','from':1},{'type':'tanh'}" DENSE, "l2"},
	{"add of one pixel", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'name':'map'},{'type':'global_mean'},{'type':'tanh','name':'one'},"
	"{'type':'add','from':'map'},{'type':'tanh'},{'type':'add','from':'one'}" DENSE, "l2"},
	{"pad", WIDE, "{'type':'conv','maps':3,'kernel':3},{'type':'pad','padding':[1,0,2,3],'channels':[2,1]},{'type':'tanh'},"
	"{'type':'conv','maps':2,'kernel':2}" DENSE, "l2"},
	{"pad of the input", WIDE, "{'type':'pad','padding':1},{'type':'conv','maps':2,'kernel':3}" DENSE, "l2"},
	{"multiply", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1},{'type':'tanh'},{'type':'conv','maps':3,'kernel':1},"
	"{'type':'multiply','from':1},{'type':'multiply','from':2},{'type':'multiply','from':4}" DENSE, "l2"},
	{"squeeze and excitation", WIDE,
		"{'type':'conv','maps':4,'kernel':3,'name':'map'},{'type':'global_mean'},{'type':'dense','units':2},{'type':'relu'},"
		"{'type':'dense','units':4},{'type':'sigmoid','name':'gate'},{'type':'multiply','from':'map'},"
	"{'type':'conv','maps':4,'kernel':2,'padding':1},{'type':'multiply','from':'gate'},{'type':'batch_norm'}" DENSE, "l2"},
	{"multiply of itself", WIDE, "{'type':'conv','maps':3,'kernel':3},{'type':'multiply','from':1},{'type':'tanh'}" DENSE, "l2"},
	{"concat", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'name':'a'},{'type':'relu'},{'type':'conv','maps':2,'kernel':1},"
	"{'type':'concat','from':['a',2,0,'a']},{'type':'conv','maps':2,'kernel':1},{'type':'concat','from':1}" DENSE, "l2"},
	{"three readers", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'name':'a'},{'type':'tanh'},{'type':'conv','maps':3,'kernel':1,'input':'a'},"
	"{'type':'conv','maps':3,'kernel':3,'padding':1,'input':'a'},{'type':'add','from':2},{'type':'multiply','from':3}" DENSE, "l2"},
	{"fork before a ReLU", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'name':'a'},{'type':'relu'},{'type':'conv','maps':3,'kernel':1,'input':'a'},"
	"{'type':'batch_norm','name':'b'},{'type':'relu'},{'type':'add','from':'b'},{'type':'add','from':2}" DENSE, "l2"},
	{"ReLU fused further on", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'bias':false},{'type':'batch_norm','name':'norm'},"
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'input':0},{'type':'tanh','name':'other'},{'type':'relu','input':'norm'},"
	"{'type':'add','from':'other'},{'type':'relu'}" DENSE, "l2"},
	{"fork from the input", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'name':'left'},{'type':'relu','name':'a'},"
		"{'type':'max_pool','size':[5,6],'input':0},{'type':'dense','units':3,'input':0},{'type':'concat','from':3},"
	"{'type':'dense','units':3},{'type':'multiply','from':'a'}" DENSE, "l2"},
	{"projection", WIDE,
		"{'type':'conv','maps':3,'kernel':3,'padding':1,'bias':false},{'type':'batch_norm'},{'type':'relu','name':'start'},"
		"{'type':'conv','maps':4,'kernel':1,'stride':2,'bias':false},{'type':'batch_norm','name':'short'},"
		"{'type':'conv','maps':4,'kernel':3,'padding':1,'stride':2,'bias':false,'input':'start'},{'type':'batch_norm'},{'type':'relu'},"
		"{'type':'conv','maps':4,'kernel':3,'padding':1,'bias':false},{'type':'batch_norm'},{'type':'add','from':'short'},{'type':'relu'}"
	DENSE, "l2"},
	{"flatten", WIDE, "{'type':'flatten'},{'type':'dense','units':4},{'type':'flatten'}" DENSE, "l2"},
	{"flatten and pool", WIDE, "{'type':'max_pool'},{'type':'conv','maps':2,'kernel':2},{'type':'flatten'},{'type':'batch_norm'}", "l2"},
	{"l2_norm", WIDE, "{'type':'dense','units':6},{'type':'l2_norm'}" DENSE ",{'type':'l2_norm'}", "l2"},
	{"weighted_l1", WIDE, "{'type':'dense','units':6},{'type':'sigmoid'}", "weighted_l1"}
};

/* What is differentiated: sum over samples and dimensions of embedding times fixed numbers. */
static real
value_of(const Network *network, const real *weights, NetworkWorkspace *workspace, const real *input,
		 const real *fixed, real *embedding)
{
	int			count = SAMPLES * network_dimensions(network);
	real		sum = 0;

	network_forward_training(network, weights, workspace, input, SAMPLES, 42, embedding);
	for (int i = 0; i < count; i++)
		sum += embedding[i] * fixed[i];
	return sum;
}

static bool
agrees(double gradient, double numeric)
{
	return fabs(gradient - numeric) <= 1e-6 * fmax(1, fabs(numeric));
}

static void
check_case(const Case *one)
{
	char		text[9000];
	Status		status;
	Network    *network;
	Host	   *host = test_host();
	NetworkWorkspace *workspace;
	size_t		parameters;
	real	   *weights,
			   *input,
			   *gradient,
			   *embedding,
			   *fixed;
	double		largest = 0;

	snprintf(text, sizeof(text), "{'input':{%s},'layers':[%s],'join':'%s'}", one->input, one->layers, one->join);
	network = help_network(text);
	parameters = network_parameter_count(network);
	workspace = network_workspace_create(network, SAMPLES, true, host, &status);
	weights = calloc(network_weight_count(network), sizeof(real));
	gradient = calloc(parameters, sizeof(real));
	input = calloc(SAMPLES * network_input_values(network), sizeof(real));
	embedding = calloc(SAMPLES * network_dimensions(network), sizeof(real));
	fixed = calloc(SAMPLES * network_dimensions(network), sizeof(real));
	network_initialize(network, 7, weights);
	help_fill(gradient, parameters, 5);
	for (size_t i = 0; i < parameters; i++)
		weights[i] += 0.3 * gradient[i];
	help_fill(input, SAMPLES * network_input_values(network), 1);
	help_fill(fixed, SAMPLES * network_dimensions(network), 2);

	/* the gradient is added to what is there */
	for (size_t i = 0; i < parameters; i++)
		gradient[i] = 1;
	value_of(network, weights, workspace, input, fixed, embedding);
	network_backward(network, weights, workspace, input, fixed, gradient);
	for (size_t i = 0; i < parameters; i++)
	{
		real		kept = weights[i];
		double		numeric = NAN;

		/* a smaller step where the first one meets the corner of a ReLU */
		for (double step = STEP; step > STEP / 1000 && !agrees(gradient[i] - 1, numeric); step /= 10)
		{
			double		above,
						below;

			weights[i] = kept + step;
			above = value_of(network, weights, workspace, input, fixed, embedding);
			weights[i] = kept - step;
			below = value_of(network, weights, workspace, input, fixed, embedding);
			weights[i] = kept;
			numeric = (above - below) / (2 * step);
		}
		largest = fmax(largest, fabs(numeric));
		if (!agrees(gradient[i] - 1, numeric))
			fail_msg("%s: parameter %zu has gradient %.9g, measured %.9g: %s", one->name, i, gradient[i] - 1, numeric, one->layers);
	}
	assert_true(largest > 0.01);
	network_workspace_destroy(workspace);
	network_destroy(network);
	free(weights);
	free(gradient);
	free(input);
	free(embedding);
	free(fixed);
}

static void
test_layers(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_case(&cases[i]);
}

static void
test_graphs(void **state)
{
	static Graph graph;

	for (unsigned seed = 1; seed <= 250; seed++)
	{
		char		name[32];
		Case		one = {name, seed % 2 == 0 ? WIDE : WIDE ",'colour':'colour'", graph.layers, "l2"};

		help_random_graph(seed, 3 + (int) (seed % 12), &graph);
		snprintf(name, sizeof(name), "graph %u", seed);
		check_case(&one);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layers), cmocka_unit_test(test_graphs)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
