/*
 * dense.c: a layer of units that see the whole sample, whatever its shape: y = x W + b.
 *
 * Weights: [in, units], in being height * width * channels; then the biases [units].
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/network_internal.h"

#define MULTIPLICATIONS_AT_ONCE ((size_t) 1 << 29)
#define LEAST_AT_ONCE 1024		/* what the products like: shorter ones are slower */

static const SettingRule rules[] = {
	{"units", RULE_INTEGER, offsetof(NetworkLayer, maps), 1, LIMIT_UNITS, NULL},
	{"bias", RULE_BOOLEAN, offsetof(NetworkLayer, bias), 0, 0, NULL},
	{"rate_factor", RULE_REAL, offsetof(NetworkLayer, rate_factor), 0, 1e6, NULL},
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

/*
 * How many of the columns or rows that are left, of so many multiplications each, are worked off before it is asked again
 * whether to stop: a large layer's product takes a quarter of a second of an idle core, and much longer of a busy one.
 */
static int
next_part(int left, size_t multiplications)
{
	size_t		count = MULTIPLICATIONS_AT_ONCE / multiplications / LEAST_AT_ONCE * LEAST_AT_ONCE;

	if (count < LEAST_AT_ONCE)
		count = LEAST_AT_ONCE;
	return left < 2 * LEAST_AT_ONCE || count > (size_t) left ? left : (int) count;
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		values = shape_values(layer->in);
	const real *weights = pass->weights + layer->parameter_offset;
	const real *bias = layer->bias ? weights + layer->decay_count : NULL;
	LayerFinish finish = layer_finish(pass, bias, pass->scratch);

	for (int first = 0, part; first < layer->maps && !pass_interrupted(pass); first += part)
	{
		part = next_part(layer->maps - first, pass->n * values);
		gemm(false, false, pass->n, part, (int) values, pass->input, values, weights + first, layer->maps, 0,
			 pass->output + first, layer->maps);
	}
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
	for (int first = 0, part; first < (int) values && !pass_interrupted(pass); first += part)
	{
		size_t		skipped = (size_t) first * layer->maps;

		part = next_part((int) values - first, (size_t) pass->n * layer->maps);
		gemm(true, false, part, layer->maps, pass->n, pass->input + first, values, pass->output_gradient, layer->maps, 1,
			 gradient + skipped, layer->maps);
		if (pass->input_gradient != NULL)
			gemm(false, true, pass->n, part, layer->maps, pass->output_gradient, layer->maps,
				 pass->weights + layer->parameter_offset + skipped, layer->maps, 0, pass->input_gradient + first, values);
	}
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
