/*
 * test_onnx_export.c: a network that is written as an ONNX file and read again gives the same embeddings, and written once more the
 * same file.
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
#include "network/network.h"
#include "network_help.h"
#include "onnx_help.h"

#define SIDE 12
#define CHANNELS 3
#define INPUT (SIDE * SIDE * CHANNELS)
#define MOST_LEAVES 256

/* The leaves live until the next definition is read, which the import of the file does: so they are copied. */
static NetworkSetting leaf[MOST_LEAVES];
static char texts[MOST_LEAVES][2][96];

static int
copy_leaves(const char *text, int *layers)
{
	int			count;
	const NetworkSetting *from = help_settings(text, &count);

	*layers = 0;
	assert_true(count <= MOST_LEAVES);
	for (int i = 0; i < count; i++)
	{
		leaf[i] = from[i];
		snprintf(texts[i][0], 96, "%s", from[i].path);
		snprintf(texts[i][1], 96, "%s", from[i].text);
		leaf[i].path = texts[i][0];
		leaf[i].text = texts[i][1];
		*layers += strstr(from[i].path, "].type") != NULL;
	}
	return count;
}

/* A file that is read and written again. */
static void
rewrite(const uint8_t *bytes, size_t length, uint8_t **again, size_t *again_length)
{
	OnnxNetwork onnx;
	OnnxDefinition definition = {.preparation = "{}"};
	char		text[6000];
	Status		status;

	if (!onnx_import(bytes, length, &(OnnxOptions) {0}, test_host(), &onnx, &status))
		fail_msg("%s", status.detail);
	snprintf(text, sizeof text, "{'layers':%s}", onnx.layers);
	for (char *c = text; *c != '\0'; c++)
		if (*c == '"')
			*c = '\'';
	definition.count = copy_leaves(text, &definition.layers);
	definition.settings = leaf;
	definition.channels = onnx.channels;
	definition.height = onnx.height;
	definition.width = onnx.width;
	definition.parameters = onnx.parameters;
	definition.parameter_count = onnx.parameter_count;
	definition.statistics = onnx.statistics;
	definition.statistic_count = onnx.statistic_count;
	if (!onnx_export(&definition, test_host(), again, again_length, &status))
		fail_msg("%s", status.detail);
	onnx_release(test_host(), &onnx);
}

/*
 * The file that is written of what was read is the same, byte by byte; unless exact, in which layers vanish or become others that
 * compute the same, only from the second one on.
 */
static void
check_rewritten(const uint8_t *bytes, size_t length, bool exact)
{
	uint8_t    *again;
	uint8_t    *third;
	size_t		again_length;
	size_t		third_length;

	rewrite(bytes, length, &again, &again_length);
	rewrite(again, again_length, &third, &third_length);
	if (exact)
	{
		assert_int_equal(again_length, length);
		assert_memory_equal(again, bytes, length);
	}
	assert_int_equal(third_length, again_length);
	assert_memory_equal(third, again, again_length);
	host_release(test_host(), again);
	host_release(test_host(), third);
}

static void
round_trip(const char *layers, const char *join, bool exact)
{
	char		text[4000];
	OnnxDefinition onnx = {.channels = CHANNELS, .height = SIDE, .width = SIDE, .preparation = "{}", .weighted = strcmp(join, "weighted_l1") == 0};
	Network    *network;
	real	   *weights;
	real		input[INPUT];
	float		turned[INPUT];
	real		embedding[256];
	float	   *result;
	uint8_t    *bytes;
	size_t		length;
	int			values;
	Status		status;
	NetworkWorkspace *workspace;

	snprintf(text, sizeof text, "{'input':{'width':%d,'height':%d,'colour':'colour'},'join':'%s','loss':{'type':'triplet'},'layers':[%s]}",
			 SIDE, SIDE, join, layers);
	network = help_network(text);
	weights = calloc(network_weight_count(network), sizeof(real));
	help_fill(weights, network_weight_count(network), 1);
	for (size_t i = 0; i < network_weight_count(network); i++)
		weights[i] = (real) (weights[i] * 0.3 + (i >= network_parameter_count(network) ? 0.5 : 0));	/* variances above 0 */
	help_fill(input, INPUT, 2);
	for (int i = 0; i < INPUT; i++)
		turned[i % CHANNELS * SIDE * SIDE + i / CHANNELS] = (float) input[i];
	workspace = network_workspace_create(network, 1, false, test_host(), &status);
	assert_true(network_forward(network, weights, workspace, input, 1, embedding, &status));
	onnx.count = copy_leaves(text, &onnx.layers);
	onnx.settings = leaf;
	onnx.parameters = (const float *) weights;
	onnx.parameter_count = network_parameter_count(network);
	onnx.statistics = onnx.parameters + onnx.parameter_count;
	onnx.statistic_count = network_weight_count(network) - onnx.parameter_count;
	if (!onnx_export(&onnx, test_host(), &bytes, &length, &status))
		fail_msg("%s", status.detail);
	if (onnx_run(bytes, length, &(OnnxOptions) {0}, turned, 1, &result, &values, &status) != OUTCOME_RUN)
		fail_msg("%s", status.detail);
	assert_int_equal(values, network_dimensions(network));
	for (int i = 0; i < values; i++)
		if (!(fabs(result[i] - embedding[i]) < 1e-4 * (1 + fabs(embedding[i]))))
			fail_msg("value %d is %g, not %g", i, result[i], (double) embedding[i]);
	check_rewritten(bytes, length, exact);
	free(result);
	free(weights);
	host_release(test_host(), bytes);
	network_workspace_destroy(workspace);
	network_destroy(network);
}

static void
test_round_trips(void **state)
{
	round_trip("{'type':'conv','maps':8,'kernel':3,'padding':1,'bias':false},{'type':'batch_norm'},{'type':'relu','name':'a'},"
			   "{'type':'conv','maps':8,'kernel':3,'padding':[0,1,2,1],'groups':4},{'type':'clip'},{'type':'add','from':'a'},"
			   "{'type':'global_mean'},{'type':'conv','maps':8,'kernel':1},{'type':'hard_sigmoid'},{'type':'multiply','from':6},"
			   "{'type':'max_pool'},{'type':'concat','from':11},{'type':'dense','units':20},{'type':'prelu'},{'type':'l2_norm'}", "cosine", false);
	round_trip("{'type':'conv','maps':6,'kernel':[3,2],'stride':2,'dilation':2},{'type':'prelu'},{'type':'mean_pool','size':2,'stride':1},"
			   "{'type':'flatten'},{'type':'dense','units':12,'bias':false},{'type':'tanh'},{'type':'dropout'},{'type':'dense','units':9},"
			   "{'type':'leaky_relu','slope':0.3},{'type':'selu'},{'type':'elu','alpha':0.5},{'type':'sigmoid'}", "weighted_l1", false);
	round_trip("{'type':'conv','maps':6,'kernel':3,'padding':1},{'type':'instance_norm'},{'type':'hard_swish'},{'type':'max_pool','size':3,'stride':2,"
			   "'padding':1},{'type':'max_pool','size':2,'stride':1,'dilation':[2,1]},{'type':'mean_pool','size':3,'stride':2,'padding':1,"
			   "'count_padding':true},{'type':'global_max'}", "l2", true);
	round_trip("{'type':'conv','maps':6,'kernel':3},{'type':'pad','padding':[1,0,2,1],'channels':[1,2]},{'type':'conv','maps':8,'kernel':2},"
			   "{'type':'adaptive_mean_pool','size':[4,5]},{'type':'dense','units':5}", "cosine", false);
	/* layers of maps after a dense one */
	round_trip("{'type':'dense','units':8},{'type':'conv','maps':8,'kernel':1,'groups':8},{'type':'batch_norm'},{'type':'pad','padding':[1,0,2,1]},"
			   "{'type':'conv','maps':3,'kernel':2},{'type':'global_mean'}", "l2", true);
	assert_int_equal(test_host_outstanding(), 0);
}

/* What ONNX has several operators for, or one of its own kind. */
static void
test_special(void **state)
{
	round_trip("{'type':'conv','maps':7,'kernel':3},{'type':'local_response_norm','size':5,'alpha':0.3,'beta':0.6,'constant':1.7},{'type':'relu'},"
			   "{'type':'adaptive_mean_pool','size':[3,4]},{'type':'dense','units':5}", "l2", true);
	round_trip("{'type':'conv','maps':5,'kernel':[4,2]},{'type':'hard_sigmoid'},{'type':'attention_pool','heads':3},{'type':'dense','units':5}", "l2", true);
	round_trip("{'type':'conv','maps':5,'kernel':3},{'type':'leaky_relu','slope':0.123456789},{'type':'attention_pool','heads':2,'places':false},"
			   "{'type':'l2_norm'}", "cosine", true);
	/* of the input itself, and of what others read, too */
	round_trip("{'type':'attention_pool','heads':2},{'type':'tanh'},{'type':'dense','units':6},{'type':'conv','maps':6,'kernel':3,'input':0},"
			   "{'type':'adaptive_mean_pool','size':7},{'type':'attention_pool','heads':1},{'type':'add','from':3},{'type':'global_mean','input':4},"
			   "{'type':'multiply','from':7}", "l2", true);
	assert_int_equal(test_host_outstanding(), 0);
}

/* Networks that compare pairs: definition and weights come back, and the file is the same; but not one that stacks otherwise. */
static void
test_pairs(void **state)
{
	static const char *const layers[] = {
		("{'type':'conv','maps':5,'kernel':3},{'type':'relu'},{'type':'max_pool'},{'type':'pair'},{'type':'conv','maps':4,'kernel':2},{'type':'prelu'},"
		 "{'type':'dense','units':2}"),
		"{'type':'dense','units':6},{'type':'tanh'},{'type':'pair'},{'type':'dense','units':1}",
		"{'type':'pair'},{'type':'conv','maps':4,'kernel':3,'stride':2},{'type':'batch_norm'},{'type':'relu'},{'type':'dense','units':2}"
	};

	for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
	{
		char		text[2000];
		OnnxDefinition onnx = {.channels = CHANNELS, .height = SIDE, .width = SIDE, .preparation = "{}", .settings = leaf};
		OnnxNetwork read;
		Network    *network;
		real	   *weights;
		uint8_t    *bytes;
		size_t		length;
		Status		status;

		snprintf(text, sizeof text, "{'input':{'width':%d,'height':%d,'colour':'colour'},'layers':[%s]}", SIDE, SIDE, layers[i]);
		network = help_network(text);
		assert_non_null(network_head(network));
		weights = calloc(network_weight_count(network), sizeof(real));
		help_fill(weights, network_weight_count(network), 1);
		for (size_t k = network_parameter_count(network); k < network_weight_count(network); k++)
			weights[k] = weights[k] * weights[k];
		onnx.count = copy_leaves(text, &onnx.layers);
		onnx.parameters = (const float *) weights;
		onnx.parameter_count = network_parameter_count(network);
		onnx.statistics = onnx.parameters + onnx.parameter_count;
		onnx.statistic_count = network_weight_count(network) - onnx.parameter_count;
		assert_true(onnx_export(&onnx, test_host(), &bytes, &length, &status));
		check_rewritten(bytes, length, true);
		/* a metric of directions would add a length, which log odds have not */
		if (!onnx_import(bytes, length, &(OnnxOptions) {.unit_length = true}, test_host(), &read, &status))
			fail_msg("%s", status.detail);
		assert_true(read.pair && read.dimensions <= 2);
		/* not the loss's own parameters */
		assert_true(read.parameter_count <= onnx.parameter_count && read.statistic_count == onnx.statistic_count);
		assert_memory_equal(read.parameters, onnx.parameters, read.parameter_count * sizeof(float));
		assert_memory_equal(read.statistics, onnx.statistics, read.statistic_count * sizeof(float));
		onnx_release(test_host(), &read);
		host_release(test_host(), bytes);
		network_destroy(network);
		free(weights);
	}
	assert_int_equal(test_host_outstanding(), 0);
}

/* What ONNX has no operator for, and each allocation that fails. */
static void
test_refused(void **state)
{
	const char *text = "{'input':{'width':4,'height':4},'layers':[{'type':'conv','maps':2,'kernel':2},{'type':'local_response_norm','size':4}]}";
	const char *sound = "{'input':{'width':4,'height':4},'layers':[{'type':'conv','maps':2,'kernel':2},{'type':'dense','units':2}]}";
	static const float weights[200];
	OnnxDefinition onnx = {.channels = 1, .height = 4, .width = 4, .preparation = "{}", .parameters = weights, .parameter_count = 50,
	.settings = leaf};
	uint8_t    *bytes;
	size_t		length;
	Status		status;
	bool		done = false;

	onnx.count = copy_leaves(text, &onnx.layers);
	assert_false(onnx_export(&onnx, test_host(), &bytes, &length, &status));
	assert_int_equal(status.code, STATUS_ONNX_UNSUPPORTED);
	assert_non_null(strstr(status.detail, "local_response_norm"));
	onnx.count = copy_leaves(sound, &onnx.layers);
	for (long fails = 0; !done; fails++)
	{
		Host	   *host = test_host();

		test_host_fail_after(fails);
		done = onnx_export(&onnx, host, &bytes, &length, &status);
		if (done)
			host_release(host, bytes);
		else
			assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
	onnx.parameter_count = 40;
	assert_false(onnx_export(&onnx, test_host(), &bytes, &length, &status));
	assert_int_equal(status.code, STATUS_ARGUMENT);
	assert_int_equal(test_host_outstanding(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trips), cmocka_unit_test(test_special), cmocka_unit_test(test_pairs), cmocka_unit_test(test_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
