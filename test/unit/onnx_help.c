/*
 * onnx_help.c: see onnx_help.h.
 */
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
#include "onnx_help.h"

/* The numbers of layers in "from" and "input" are one higher, as a layer was put before them; " becomes '. */
static void
renumber(const char *from, char *to)
{
	bool		reference = false;

	while (*from != '\0')
	{
		size_t		key = strncmp(from, "\"from\": ", 8) == 0 ? 8 : strncmp(from, "\"input\": ", 9) == 0 ? 9 : 0;
		char	   *end;

		if (key > 0)
		{
			to += sprintf(to, "'%.*s': ", (int) key - 4, from + 1);
			from += key;
			reference = true;
			continue;
		}
		if (*from == '"' || *from == '}')
			reference = false;
		if (reference && *from >= '0' && *from <= '9')
		{
			to += sprintf(to, "%ld", strtol(from, &end, 10) + 1);
			from = end;
			continue;
		}
		*to++ = *from == '"' ? '\'' : *from;
		from++;
	}
	*to = '\0';
}

/*
 * Inputs of a definition are pictures of one channel or three.  Any other is one of one channel, whose first layer makes pixels of
 * channels of each of its runs.
 */
static char *
define_text(const OnnxNetwork *onnx)
{
	size_t		room = strlen(onnx->layers) * 2 + 400;
	char	   *text = malloc(room);
	int			length = snprintf(text, room, "{'input':{'width':%d,'height':%d},'loss':{'type':'triplet'},'join':'l2','layers':["
								  "{'type':'conv','maps':%d,'kernel':[1,%d],'stride':[1,%d],'bias':false}, ", onnx->width * onnx->channels,
								  onnx->height, onnx->channels, onnx->channels, onnx->channels);

	renumber(onnx->layers + 1, text + length);
	strcat(text, "}");
	return text;
}

static void
run_network(const OnnxNetwork *onnx, const Network *network, const float *input, int n, float *output)
{
	size_t		identity = (size_t) onnx->channels * onnx->channels;
	size_t		parameters = network_parameter_count(network);
	real	   *weights = calloc(network_weight_count(network), sizeof(real));
	int			in = onnx->channels * onnx->height * onnx->width;
	int			out = onnx->dimensions;
	int			pixels = onnx->height * onnx->width;
	int			out_pixels = onnx->output_height * onnx->output_width;
	real	   *turned = malloc((size_t) in * sizeof(real));
	real	   *result = malloc((size_t) out * sizeof(real));
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(network, 1, false, test_host(), &status);

	assert_non_null(workspace);
	assert_int_equal(parameters, identity + onnx->parameter_count);
	assert_int_equal(network_weight_count(network) - parameters, onnx->statistic_count);
	for (int c = 0; c < onnx->channels; c++)
		weights[c * onnx->channels + c] = 1;
	for (size_t i = 0; i < onnx->parameter_count; i++)
		weights[identity + i] = onnx->parameters[i];
	for (size_t i = 0; i < onnx->statistic_count; i++)
		weights[parameters + i] = onnx->statistics[i];
	for (int s = 0; s < n; s++)
	{
		for (int i = 0; i < in; i++)
			turned[i % pixels * onnx->channels + i / pixels] = input[s * in + i];
		assert_true(network_forward(network, weights, workspace, turned, 1, result, &status));
		for (int i = 0; i < out; i++)
			output[s * out + i] = (float) result[i % out_pixels * onnx->output_channels + i / out_pixels];
	}
	network_workspace_destroy(workspace);
	free(turned);
	free(result);
	free(weights);
}

Outcome
onnx_run(const void *file, size_t length, const OnnxOptions *options, const float *input, int n, float **output, int *values,
		 Status *status)
{
	OnnxNetwork onnx;
	NetworkDefinition *definition;
	Network    *network;
	const NetworkSetting *leaves;
	char	   *text;
	int			count;

	memset(status, 0, sizeof *status);
	if (!onnx_import(file, length, options, test_host(), &onnx, status))
		return OUTCOME_REFUSED;
	text = define_text(&onnx);
	leaves = help_settings(text, &count);
	definition = network_define(leaves, count, test_host(), status);
	free(text);
	if (definition == NULL)
	{
		onnx_release(test_host(), &onnx);
		return OUTCOME_UNDEFINED;
	}
	network = network_create(definition, test_host(), status);
	assert_non_null(network);
	*values = onnx.dimensions;
	*output = malloc((size_t) n * onnx.dimensions * sizeof(float));
	run_network(&onnx, network, input, n, *output);
	network_destroy(network);
	host_release(test_host(), definition);
	onnx_release(test_host(), &onnx);
	return OUTCOME_RUN;
}
