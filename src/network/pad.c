/*
 * pad.c: zeros around a map, and before and behind its channels.
 *
 * [height, width, channels] -> [top + height + bottom, left + width + right, before + channels + behind].  Residual networks
 * without weights in their shortcuts widen them so (He et al. 2016, "Deep residual learning", section 3.3, option A).
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/layer_internal.h"

static const SettingRule rules[] = {
	{"padding", RULE_MARGINS, offsetof(NetworkLayer, settings.pad.given_padding), 0, LIMIT_KERNEL, NULL},
	{"channels", RULE_SIDES, offsetof(NetworkLayer, settings.pad.channels), 0, LIMIT_MAPS, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static bool
shape(NetworkLayer *layer, Status *status)
{
	PadSettings *pad = &layer->settings.pad;

	if (!layer_padding(layer, &pad->given_padding, pad->padding, status))
		return false;
	layer->out.height += pad->padding[0] + pad->padding[2];
	layer->out.width += pad->padding[1] + pad->padding[3];
	if (layer->in.channels > LIMIT_MAPS - pad->channels[0] - pad->channels[1])
		return layer_error(layer, status, "", "its output would have %d channels, more than %d.",
						   layer->in.channels + pad->channels[0] + pad->channels[1], LIMIT_MAPS);
	layer->out.channels += pad->channels[0] + pad->channels[1];
	if (shape_values(layer->out) == shape_values(layer->in))
		return layer_error(layer, status, "Give \"padding\", or \"channels\": [before, behind].", "it adds nothing.");
	return true;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	const PadSettings *pad = &layer->settings.pad;
	size_t		length = snprintf(text, size, "pad");

	layer_describe_padding(pad->padding, text + length, size - length);
	length = strlen(text);
	if (pad->channels[0] != 0 || pad->channels[1] != 0)
		snprintf(text + length, size - length, ", channels %d,%d", pad->channels[0], pad->channels[1]);
}

/* Where the input's pixel [row, column] stands in a sample of the output. */
static size_t
place_of(const NetworkLayer *layer, int row, int column)
{
	const PadSettings *pad = &layer->settings.pad;

	return ((size_t) (row + pad->padding[0]) * layer->out.width + column + pad->padding[1]) * layer->out.channels + pad->channels[0];
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		channels = layer->in.channels;
	size_t		out = shape_values(layer->out);
	const real *from = pass->input;

	memset(pass->output, 0, pass->n * out * sizeof(real));
	for (int i = 0; i < pass->n; i++)
		for (int row = 0; row < layer->in.height; row++)
			for (int column = 0; column < layer->in.width; column++, from += channels)
				memcpy(pass->output + i * out + place_of(layer, row, column), from, channels * sizeof(real));
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		channels = layer->in.channels;
	size_t		out = shape_values(layer->out);
	real	   *to = pass->input_gradient;

	if (to == NULL)
		return;
	for (int i = 0; i < pass->n; i++)
		for (int row = 0; row < layer->in.height; row++)
			for (int column = 0; column < layer->in.width; column++, to += channels)
				memcpy(to, pass->output_gradient + i * out + place_of(layer, row, column), channels * sizeof(real));
}

const LayerType layer_pad = {
	.name = "pad",
	.rules = rules,
	.shape = shape,
	.describe = describe,
	.forward = forward,
	.backward = backward
};
