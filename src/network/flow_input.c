/*
 * flow_input.c: optical flow as a part of the input: two samples -> the inputs of their twins.
 *
 * Each side of a pair gets two channels besides its own: where each of its pixels has moved to in the other picture, across and
 * down, as shares of the shorter side.  The flow is that of the pictures as the network sees them, distorted ones in training: of
 * their lightness (L*, grey, or the luma of red, green and blue).
 */
#include "network/input_internal.h"
#include "network/network_internal.h"

bool
network_has_flow(const Network *network)
{
	return network->definition->flow;
}

static size_t
pixels_of(const NetworkDefinition *definition)
{
	return (size_t) definition->image.width * definition->image.height;
}

size_t
network_kept_values(const Network *network)
{
	const NetworkDefinition *definition = network->definition;

	return definition->flow ? pixels_of(definition) * definition->image.channels : (size_t) network->dimensions;
}

/* Two grey pictures and a flow, then what image_flow() works with. */
size_t
network_flow_bytes(const Network *network)
{
	const NetworkDefinition *definition = network->definition;

	if (!definition->flow)
		return 0;
	return 4 * pixels_of(definition) * sizeof(float) + image_flow_bytes(definition->image.width, definition->image.height);
}

/* 0 to 255. */
static void
lightness(const NetworkDefinition *definition, const real *input, float *grey)
{
	int			channels = definition->image.channels;
	size_t		pixels = pixels_of(definition);

	for (size_t i = 0; i < pixels; i++)
	{
		double		value[3] = {0};

		for (int c = 0; c < channels; c++)
			value[c] = input[i * channels + c] * definition->deviation[c] + definition->mean[c];
		grey[i] = (float) (255 * (channels == 1 || definition->luv ? value[0] : 0.299 * value[0] + 0.587 * value[1] + 0.114 * value[2]));
	}
}

/* The channels of one side, then the flow. */
static void
join_channels(const NetworkDefinition *definition, const real *own, const float *flow, real *input)
{
	int			channels = definition->image.channels;
	int			width = definition->image.width;
	int			height = definition->image.height;
	real		scale = (real) 1 / (real) (width < height ? width : height);
	size_t		pixels = pixels_of(definition);

	for (size_t i = 0; i < pixels; i++)
	{
		for (int c = 0; c < channels; c++)
			*input++ = *own++;
		for (int c = 0; c < IMAGE_FLOW_CHANNELS; c++)
			*input++ = (real) *flow++ * scale;
	}
}

bool
network_flow_inputs(const Network *network, const real *a, const real *b, const Host *host, void *memory, real *inputs, Status *status)
{
	const NetworkDefinition *definition = network->definition;
	int			width = definition->image.width;
	int			height = definition->image.height;
	size_t		pixels = pixels_of(definition);
	float	   *first = memory;
	float	   *second = first + pixels;
	float	   *flow = second + pixels;
	void	   *work = flow + IMAGE_FLOW_CHANNELS * pixels;

	lightness(definition, a, first);
	lightness(definition, b, second);
	if (!image_flow(first, second, width, height, host, work, flow, status))
		return false;
	join_channels(definition, a, flow, inputs);
	if (!image_flow(second, first, width, height, host, work, flow, status))
		return false;
	join_channels(definition, b, flow, inputs + network_input_values(network));
	return true;
}
