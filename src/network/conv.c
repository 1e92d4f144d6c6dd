/*
 * conv.c: convolution: its settings, its weights, and which method computes it.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/conv_internal.h"

#define DIRECT_ROWS 3			/* of a product: so many are worth it without a copy of the input */

/* Values under the window, in a group. */
static size_t
patch_values(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return (size_t) conv->kernel[0] * conv->kernel[1] * (layer->in.channels / conv->groups);
}

static const SettingRule rules[] = {
	{"maps", RULE_INTEGER, offsetof(NetworkLayer, settings.conv.maps), 1, LIMIT_MAPS, NULL},
	{"kernel", RULE_SIDES, offsetof(NetworkLayer, settings.conv.kernel), 1, LIMIT_KERNEL, NULL},
	{"stride", RULE_SIDES, offsetof(NetworkLayer, settings.conv.stride), 1, LIMIT_KERNEL, NULL},
	{"dilation", RULE_SIDES, offsetof(NetworkLayer, settings.conv.dilation), 1, LIMIT_KERNEL, NULL},
	{"padding", RULE_MARGINS, offsetof(NetworkLayer, settings.conv.given_padding), 0, LIMIT_INPUT_SIDE, NULL},
	{"groups", RULE_INTEGER, offsetof(NetworkLayer, settings.conv.groups), 1, LIMIT_MAPS, NULL},
	{"bias", RULE_BOOLEAN, offsetof(NetworkLayer, settings.conv.bias), 0, 0, NULL},
	{"rate_factor", RULE_REAL, offsetof(NetworkLayer, rate_factor), 0, 1e6, NULL},
	{"initial.deviation", RULE_REAL, offsetof(NetworkLayer, settings.conv.initial.deviation), 0, 1e3, NULL},
	{"initial.bias_mean", RULE_REAL, offsetof(NetworkLayer, settings.conv.initial.bias_mean), -1e3, 1e3, NULL},
	{"initial.bias_deviation", RULE_REAL, offsetof(NetworkLayer, settings.conv.initial.bias_deviation), 0, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	ConvSettings *conv = &layer->settings.conv;

	conv->stride[0] = conv->stride[1] = 1;
	conv->dilation[0] = conv->dilation[1] = 1;
	conv->groups = 1;
	conv->bias = true;
	conv->initial.deviation = NAN;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	ConvSettings *conv = &layer->settings.conv;
	int			covered[2];

	if (conv->maps == 0)
		return layer_error(layer, status, "", "\"maps\" is missing.");
	if (conv->kernel[0] == 0 || conv->kernel[1] == 0)
		return layer_error(layer, status, "", "\"kernel\" is missing.");
	if (conv->maps % conv->groups != 0 || layer->in.channels % conv->groups != 0)
		return layer_error(layer, status, "", "%d groups do not divide its %d maps and the %d channels of its input.",
						   conv->groups, conv->maps, layer->in.channels);
	for (int side = 0; side < 2; side++)
		covered[side] = (conv->kernel[side] - 1) * conv->dilation[side] + 1;
	if (!layer_padding(layer, &conv->given_padding, conv->padding, status) ||
		!layer_window(layer, covered, conv->stride, conv->padding, false, status))
		return false;
	layer->out.channels = conv->maps;
	layer->decay_count = patch_values(layer) * conv->maps;
	layer->parameter_count = layer->decay_count + (conv->bias ? conv->maps : 0);
	return true;
}

static bool
same_weights(const NetworkLayer *a, const NetworkLayer *b)
{
	return memcmp(a->settings.conv.kernel, b->settings.conv.kernel, sizeof(a->settings.conv.kernel)) == 0;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	const ConvSettings *conv = &layer->settings.conv;
	int			length = snprintf(text, size, "conv %dx%d, %d maps", conv->kernel[0], conv->kernel[1], conv->maps);

	if (conv->stride[0] != 1 || conv->stride[1] != 1)
		length += snprintf(text + length, size - length, ", stride %d", conv->stride[0]);
	if (conv->dilation[0] != 1 || conv->dilation[1] != 1)
		length += snprintf(text + length, size - length, ", dilation %d", conv->dilation[0]);
	layer_describe_padding(conv->padding, text + length, size - length);
	length += strlen(text + length);
	if (conv->groups != 1)
		snprintf(text + length, size - length, ", %d groups", conv->groups);
}

static void
initialize(const InitializePass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	size_t		fan_out = (size_t) conv->kernel[0] * conv->kernel[1] * (conv->maps / conv->groups);

	layer_initialize_matrix(pass, &conv->initial, patch_values(layer), fan_out);
}

/*
 * The choice of a method follows from the shape alone, never from a trial: the same network gives the same bits on every
 * run.  Transforms must save enough multiplications to pay for themselves, and their vectors are channels.
 */
static const ConvMethod *
choose_method(const NetworkLayer *layer, bool spare_memory)
{
	const ConvSettings *conv = &layer->settings.conv;
	double		plain = (double) conv->kernel[0] * conv->kernel[1];
	double		fourier = conv_fourier_work(layer);
	double		winograd = conv_winograd_work(layer);

	if (conv_depthwise.fits(layer))
		return &conv_depthwise;
	if (!spare_memory && layer->in.channels >= PANEL && conv->maps >= PANEL)
	{
		if (winograd <= fourier && winograd * 1.5 < plain)
			return &conv_winograd;
		if (fourier * 2 < plain)
			return &conv_fourier;
	}
	if (conv_direct.fits(layer) && (layer->out.width >= DIRECT_ROWS || layer->in.channels < 8 ||
									(conv_is_pointwise(layer) && shape_pixels(layer->out) >= DIRECT_ROWS)))
		return &conv_direct;
	return &conv_patches;
}

static void
plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.method = choose_method(layer, spare_memory);
	if (layer->plan.method->packed != NULL)
		layer->plan.packed_count = layer->plan.method->packed(layer);
}

static void
pack(const NetworkLayer *layer, const real *weights, real *packed)
{
	layer->plan.method->pack(layer, weights + layer->parameter_offset, packed);
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return layer->plan.method->scratch(layer, samples, training);
}

static void
forward(const LayerPass *pass)
{
	pass->layer->plan.method->forward(pass);
}

static void
backward(const LayerPass *pass)
{
	pass->layer->plan.method->backward(pass);
}

const LayerType layer_conv = {
	.name = "conv",
	.rules = rules,
	.applies_scale = true,
	.applies_relu = true,
	.defaults = defaults,
	.shape = shape,
	.describe = describe,
	.same_weights = same_weights,
	.initialize = initialize,
	.plan = plan,
	.pack = pack,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};
