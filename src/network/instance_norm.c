/*
 * instance_norm.c: each channel of each sample to mean 0 and variance 1 over its pixels (Ulyanov 2016, Instance Normalization),
 * then a learned scale and offset of the channel.  Training and inference are the same: there are no running statistics.
 *
 * It is batch norm of one sample at a time, and uses its sums; a ReLU right after it is done in the same pass, forward and
 * backward.
 *
 * Parameters: scale [channels], offset [channels].  State of a sample: mean, variance, scale, shift: real [4, channels].
 */
#include <string.h>

#include "network/layer_internal.h"

static const SettingRule rules[] = {
	{"epsilon", RULE_REAL, offsetof(NetworkLayer, settings.batch_norm.epsilon), 1e-12, 1, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	layer->settings.batch_norm.epsilon = 1e-5;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	if (shape_pixels(layer->in) == 1)
		return layer_error(layer, status, "Put it before what makes one pixel of the map.",
						   "its input is one pixel, whose variance is 0.");
	layer->parameter_count = 2 * (size_t) layer->in.channels;
	return true;
}

static void
initialize(const InitializePass *pass)
{
	int			channels = pass->layer->in.channels;

	for (int c = 0; c < channels; c++)
	{
		pass->parameters[c] = 1;
		pass->parameters[channels + c] = 0;
	}
}

/* Of the sums, and at inference of the statistics. */
static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return norm_scratch(layer) + 4 * (size_t) layer->in.channels;
}

static void
plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.state_bytes = 4 * (size_t) layer->in.channels * sizeof(real);
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	int			channels = layer->in.channels;
	size_t		pixels = shape_pixels(layer->in);
	const real *gamma = pass->weights + layer->parameter_offset;

	for (int i = 0; i < pass->n && !pass_interrupted(pass); i++)
	{
		const real *x = pass->input + i * pixels * channels;
		real	   *statistics = pass->training ? (real *) pass->state + (size_t) i * 4 * channels :
			pass->scratch + norm_scratch(layer);

		norm_measure(pass, x, pixels, layer->settings.batch_norm.epsilon, gamma, statistics);
		pass->kernels->scale_shift(x, statistics + 2 * channels, statistics + 3 * channels, pixels, channels,
								   layer->plan.fuses_relu, pass->output + i * pixels * channels);
	}
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	int			channels = layer->in.channels;
	size_t		pixels = shape_pixels(layer->in);

	for (int i = 0; i < pass->n && !pass_interrupted(pass); i++)
	{
		size_t		first = i * pixels * channels;

		norm_revert(pass, pass->input + first, pass->output_gradient + first, pixels, layer->settings.batch_norm.epsilon,
					(const real *) pass->state + (size_t) i * 4 * channels, pass->gradient + layer->parameter_offset,
					pass->input_gradient != NULL ? pass->input_gradient + first : NULL);
	}
}

const LayerType layer_instance_norm = {
	.name = "instance_norm",
	.rules = rules,
	.in_place_inference = true,
	.applies_relu = true,
	.reverts_relu = true,
	.defaults = defaults,
	.shape = shape,
	.initialize = initialize,
	.scratch = scratch,
	.plan = plan,
	.forward = forward,
	.backward = backward
};
