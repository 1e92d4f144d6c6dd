/*
 * dense.c: a layer of units that see the whole sample, whatever its shape: y = x W + b.
 *
 * Weights: [in, units], in being height * width * channels; then the biases [units].
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/network_internal.h"

static const SettingRule rules[] = {
	{"units", RULE_INTEGER, offsetof(NetworkLayer, maps), 1, LIMIT_UNITS, NULL},
	{"bias", RULE_BOOLEAN, offsetof(NetworkLayer, bias), 0, 0, NULL},
	{"initial.deviation", RULE_REAL, offsetof(NetworkLayer, initial_deviation), 0, 1e3, NULL},
	{"initial.bias_mean", RULE_REAL, offsetof(NetworkLayer, initial_bias_mean), -1e3, 1e3, NULL},
	{"initial.bias_deviation", RULE_REAL, offsetof(NetworkLayer, initial_bias_deviation), 0, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	layer->bias = true;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	if (layer->maps == 0)
		return layer_error(layer, status, "", "\"units\" is missing.");
	layer->out = (NetworkShape) {1, 1, layer->maps};
	layer->decay_count = shape_values(layer->in) * layer->maps;
	layer->parameter_count = layer->decay_count + (layer->bias ? layer->maps : 0);
	return true;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "dense, %d units", layer->maps);
}

static void
initialize(const NetworkLayer *layer, Random *random, real *parameters, real *statistics)
{
	layer_initialize_matrix(layer, random, shape_values(layer->in), layer->maps, parameters,
							layer->bias ? parameters + layer->decay_count : NULL);
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return 2 * (size_t) layer->maps;
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		values = shape_values(layer->in);
	const real *weights = pass->weights + layer->parameter_offset;
	const real *bias = layer->bias ? weights + layer->decay_count : NULL;
	LayerFinish finish = layer_finish(pass, bias, pass->scratch);

	gemm(false, false, pass->n, layer->maps, (int) values, pass->input, values, weights, layer->maps, 0,
		 pass->output, layer->maps);
	layer_finish_rows(pass, &finish, pass->n, pass->output);
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		values = shape_values(layer->in);
	real	   *gradient = pass->gradient + layer->parameter_offset;

	if (layer->bias)
		pass->kernels->column_sums(pass->output_gradient, pass->n, layer->maps, gradient + layer->decay_count);
	gemm(true, false, (int) values, layer->maps, pass->n, pass->input, values, pass->output_gradient, layer->maps, 1,
		 gradient, layer->maps);
	if (pass->input_gradient != NULL)
		gemm(false, true, pass->n, (int) values, layer->maps, pass->output_gradient, layer->maps,
			 pass->weights + layer->parameter_offset, layer->maps, 0, pass->input_gradient, values);
}

const LayerType layer_dense = {
	.name = "dense",
	.rules = rules,
	.defaults = defaults,
	.shape = shape,
	.describe = describe,
	.initialize = initialize,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};
