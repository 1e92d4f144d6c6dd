/*
 * conv.c: convolution: its settings, its weights, and which method computes it.
 */
#include <stdio.h>

#include "common/limits.h"
#include "network/conv_internal.h"

/* Values under the window, in a group. */
static size_t
patch_values(const NetworkLayer *layer)
{
	return (size_t) layer->kernel[0] * layer->kernel[1] * (layer->in.channels / layer->groups);
}

static const SettingRule rules[] = {
	{"maps", RULE_INTEGER, offsetof(NetworkLayer, maps), 1, LIMIT_MAPS, NULL},
	{"kernel", RULE_SIDES, offsetof(NetworkLayer, kernel), 1, LIMIT_KERNEL, NULL},
	{"stride", RULE_SIDES, offsetof(NetworkLayer, stride), 1, LIMIT_KERNEL, NULL},
	{"padding", RULE_SIDES, offsetof(NetworkLayer, padding), 0, LIMIT_KERNEL, NULL},
	{"groups", RULE_INTEGER, offsetof(NetworkLayer, groups), 1, LIMIT_MAPS, NULL},
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
	layer->stride[0] = layer->stride[1] = 1;
	layer->groups = 1;
	layer->bias = true;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	if (layer->maps == 0)
		return layer_error(layer, status, "", "\"maps\" is missing.");
	if (layer->kernel[0] == 0 || layer->kernel[1] == 0)
		return layer_error(layer, status, "", "\"kernel\" is missing.");
	if (layer->maps % layer->groups != 0 || layer->in.channels % layer->groups != 0)
		return layer_error(layer, status, "", "%d groups do not divide its %d maps and the %d channels of its input.",
						   layer->groups, layer->maps, layer->in.channels);
	if (!layer_window(layer, status))
		return false;
	layer->out.channels = layer->maps;
	layer->decay_count = patch_values(layer) * layer->maps;
	layer->parameter_count = layer->decay_count + (layer->bias ? layer->maps : 0);
	return true;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	int			length = snprintf(text, size, "conv %dx%d, %d maps", layer->kernel[0], layer->kernel[1], layer->maps);

	if (layer->stride[0] != 1 || layer->stride[1] != 1)
		length += snprintf(text + length, size - length, ", stride %d", layer->stride[0]);
	if (layer->padding[0] != 0 || layer->padding[1] != 0)
		length += snprintf(text + length, size - length, ", padding %d", layer->padding[0]);
	if (layer->groups != 1)
		snprintf(text + length, size - length, ", %d groups", layer->groups);
}

static void
initialize(const NetworkLayer *layer, Random *random, real *parameters, real *statistics)
{
	size_t		fan_out = (size_t) layer->kernel[0] * layer->kernel[1] * (layer->maps / layer->groups);

	layer_initialize_matrix(layer, random, patch_values(layer), fan_out,
							parameters, layer->bias ? parameters + layer->decay_count : NULL);
}

/*
 * The choice of a method follows from the shape alone, never from a trial: the same network gives the same bits on every
 * run.  Transforms must save enough multiplications to pay for themselves, and their vectors are channels.
 */
const ConvMethod *
conv_method(const NetworkLayer *layer)
{
	double		plain = (double) layer->kernel[0] * layer->kernel[1];
	double		fourier = conv_fourier_work(layer);
	double		winograd = conv_winograd_work(layer);

	if (!layer->spare_memory && layer->in.channels >= PANEL && layer->maps >= PANEL)
	{
		if (winograd <= fourier && winograd * 1.5 < plain)
			return &conv_winograd;
		if (fourier * 2 < plain)
			return &conv_fourier;
	}
	if (layer->groups == 1 && (layer->out.width >= 12 || layer->in.channels < 8))
		return &conv_direct;
	return &conv_patches;
}

static void
plan(NetworkLayer *layer)
{
	layer->method = conv_method(layer);
	layer->packed_count = layer->method->packed != NULL ? layer->method->packed(layer) : 0;
}

static void
pack(const NetworkLayer *layer, const real *weights, real *packed)
{
	layer->method->pack(layer, weights + layer->parameter_offset, packed);
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return layer->method->scratch(layer, samples, training);
}

static void
forward(const LayerPass *pass)
{
	pass->layer->method->forward(pass);
}

static void
backward(const LayerPass *pass)
{
	pass->layer->method->backward(pass);
}

const LayerType layer_conv = {
	.name = "conv",
	.rules = rules,
	.applies_scale = true,
	.applies_relu = true,
	.defaults = defaults,
	.shape = shape,
	.describe = describe,
	.initialize = initialize,
	.plan = plan,
	.pack = pack,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};
