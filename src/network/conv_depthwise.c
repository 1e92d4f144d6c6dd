/*
 * conv_depthwise.c: convolution of each channel by itself (Chollet 2017, Xception; Howard 2017, MobileNets): as many groups as
 * the input has channels, one map or more of each.
 *
 * A product of matrices would have one column.  Here vectors are channels: kernels->depthwise() computes a line of outputs.
 * With several maps of a channel, a copy of each sample has the channel once for each of them.
 *
 * The gradient of the input is, for stride 1, a convolution with the window turned around; for larger strides each output's
 * gradient is spread over its window.
 *
 * Packed weights: [kernel height, kernel width, maps].
 */
#include <string.h>

#include "network/conv_internal.h"

#define LINES_BETWEEN 8			/* checks for interrupts */

static bool
fits(const NetworkLayer *layer)
{
	return layer->settings.conv.groups > 1 && layer->settings.conv.groups == layer->in.channels;
}

static int
window_values(const NetworkLayer *layer)
{
	return layer->settings.conv.kernel[0] * layer->settings.conv.kernel[1];
}

/* Maps of a channel. */
static int
multiplier(const NetworkLayer *layer)
{
	return layer->settings.conv.maps / layer->in.channels;
}

/* Of a sample with each channel as often as it has maps; 0 where it is the sample itself. */
static size_t
repeated_values(const NetworkLayer *layer)
{
	return multiplier(layer) > 1 ? shape_pixels(layer->in) * layer->settings.conv.maps : 0;
}

static size_t
packed(const NetworkLayer *layer)
{
	return (size_t) window_values(layer) * layer->settings.conv.maps;
}

/* Map m of channel c stands at weights [c, window, m]. */
static void
pack(const NetworkLayer *layer, const real *weights, real *packed)
{
	int			maps = multiplier(layer);
	int			window = window_values(layer);

	for (int tap = 0; tap < window; tap++)
	{
		for (int c = 0; c < layer->in.channels; c++)
		{
			for (int m = 0; m < maps; m++)
				*packed++ = weights[((size_t) c * window + tap) * maps + m];
		}
	}
}

/* A folded batch norm, a sample; in training the weights' gradient, the weights, turned too, and the sample's gradient. */
static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return 2 * (size_t) layer->settings.conv.maps + repeated_values(layer) +
		(training ? 3 * packed(layer) + repeated_values(layer) : 0);
}

static DepthwisePass
make_pass(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return (DepthwisePass) {
		.height = layer->in.height, .width = layer->in.width, .channels = conv->maps, .out_width = layer->out.width,
		.kernel = {conv->kernel[0], conv->kernel[1]}, .stride = {conv->stride[0], conv->stride[1]},
		.dilation = {conv->dilation[0], conv->dilation[1]}, .top = conv->padding[0], .left = conv->padding[1]
	};
}

/* The sample itself, or in room with each channel as often as it has maps. */
static const real *
repeat_channels(const NetworkLayer *layer, const real *sample, real *room)
{
	int			maps = multiplier(layer);
	real	   *to = room;

	if (maps == 1)
		return sample;
	for (size_t i = 0; i < shape_values(layer->in); i++)
	{
		for (int m = 0; m < maps; m++)
			*to++ = sample[i];
	}
	return room;
}

static void
sum_repeated(const NetworkLayer *layer, const real *from, real *sample)
{
	int			maps = multiplier(layer);

	for (size_t i = 0; i < shape_values(layer->in); i++)
	{
		sample[i] = *from++;
		for (int m = 1; m < maps; m++)
			sample[i] += *from++;
	}
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	const real *weights = pass->weights + layer->parameter_offset;
	real	   *room = pass->scratch + 2 * conv->maps;
	LayerFinish finish = layer_finish(pass, conv->bias ? weights + layer->decay_count : NULL, pass->scratch);
	DepthwisePass depthwise = make_pass(layer);
	real	   *output = pass->output;

	depthwise.scale = finish.scale;
	depthwise.shift = finish.shift;
	depthwise.relu = finish.relu;
	for (int i = 0; i < pass->n; i++)
	{
		const real *sample = repeat_channels(layer, pass->input + i * shape_values(layer->in), room);

		for (int y = 0; y < layer->out.height; y++, output += (size_t) layer->out.width * conv->maps)
		{
			if (y % LINES_BETWEEN == 0 && pass_interrupted(pass))
				return;
			pass->kernels->depthwise(&depthwise, y, sample, pass->packed, output);
			layer_activate_rows(pass, &finish, layer->out.width, output);
		}
	}
}

static void
turn_weights(const NetworkLayer *layer, const real *packed, real *turned)
{
	int			maps = layer->settings.conv.maps;
	int			window = window_values(layer);

	for (int tap = 0; tap < window; tap++)
		memcpy(turned + (size_t) tap * maps, packed + (size_t) (window - 1 - tap) * maps, maps * sizeof(real));
}

/* What makes the input's gradient of the output's, where strides are 1, with the window turned around. */
static DepthwisePass
make_turned_pass(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;
	DepthwisePass depthwise = make_pass(layer);

	depthwise.height = layer->out.height;
	depthwise.width = layer->out.width;
	depthwise.out_width = layer->in.width;
	depthwise.top = (conv->kernel[0] - 1) * conv->dilation[0] - conv->padding[0];
	depthwise.left = (conv->kernel[1] - 1) * conv->dilation[1] - conv->padding[1];
	return depthwise;
}

/* weights [2, packed]: as they are, then turned around */
static void
sample_gradient(const LayerPass *pass, const real *weights, const real *output_gradient, real *gradient)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	DepthwisePass depthwise = make_pass(layer);

	if (conv->stride[0] == 1 && conv->stride[1] == 1)
	{
		DepthwisePass turned = make_turned_pass(layer);

		for (int y = 0; y < layer->in.height; y++)
			pass->kernels->depthwise(&turned, y, output_gradient, weights + packed(layer),
									 gradient + (size_t) y * layer->in.width * conv->maps);
		return;
	}
	memset(gradient, 0, shape_pixels(layer->in) * conv->maps * sizeof(real));
	for (int y = 0; y < layer->out.height; y++)
		pass->kernels->depthwise_spread(&depthwise, y, output_gradient + (size_t) y * layer->out.width * conv->maps, weights,
										gradient);
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	int			maps = multiplier(layer);
	int			window = window_values(layer);
	real	   *gradient = pass->gradient + layer->parameter_offset;
	real	   *weight_gradient = pass->scratch;
	real	   *weights = weight_gradient + packed(layer);
	real	   *room = weights + 2 * packed(layer);
	real	   *room_gradient = room + repeated_values(layer);
	DepthwisePass depthwise = make_pass(layer);

	pack(layer, pass->weights + layer->parameter_offset, weights);
	turn_weights(layer, weights, weights + packed(layer));
	memset(weight_gradient, 0, packed(layer) * sizeof(real));
	for (int i = 0; i < pass->n && !pass_interrupted(pass); i++)
	{
		const real *sample = repeat_channels(layer, pass->input + i * shape_values(layer->in), room);
		const real *output_gradient = pass->output_gradient + i * shape_values(layer->out);

		if (conv->bias)
			pass->kernels->column_sums(output_gradient, shape_pixels(layer->out), conv->maps, gradient + layer->decay_count);
		for (int y = 0; y < layer->out.height; y++)
			pass->kernels->depthwise_gradient(&depthwise, y, sample, output_gradient + (size_t) y * layer->out.width * conv->maps,
											  weight_gradient);
		if (pass->input_gradient != NULL)
		{
			real	   *to = pass->input_gradient + i * shape_values(layer->in);

			sample_gradient(pass, weights, output_gradient, maps > 1 ? room_gradient : to);
			if (maps > 1)
				sum_repeated(layer, room_gradient, to);
		}
	}
	for (int tap = 0; tap < window; tap++)
	{
		for (int c = 0; c < layer->in.channels; c++)
		{
			for (int m = 0; m < maps; m++)
				gradient[((size_t) c * window + tap) * maps + m] += *weight_gradient++;
		}
	}
}

const ConvMethod conv_depthwise = {
	.name = "depthwise",
	.fits = fits,
	.packed = packed,
	.pack = pack,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};
