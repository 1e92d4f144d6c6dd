/*
 * pooling.c: max_pool, mean_pool and global_mean.  Windows lie wholly inside the map; what is left over at the right
 * and at the bottom is ignored.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/layer_internal.h"

static const SettingRule rules[] = {
	{"size", RULE_SIDES, offsetof(NetworkLayer, settings.pool.kernel), 1, LIMIT_KERNEL, NULL},
	{"stride", RULE_SIDES, offsetof(NetworkLayer, settings.pool.stride), 1, LIMIT_KERNEL, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	PoolSettings *settings = &layer->settings.pool;

	settings->kernel[0] = settings->kernel[1] = 2;	/* stride: the size */
}

static bool
pool_shape(NetworkLayer *layer, Status *status)
{
	static const int padding[2] = {0, 0};
	PoolSettings *settings = &layer->settings.pool;

	return layer_window(layer, settings->kernel, settings->stride, padding, status);
}

static void
describe_pool(const NetworkLayer *layer, char *text, size_t size)
{
	const PoolSettings *settings = &layer->settings.pool;
	int			length = snprintf(text, size, "%s %dx%d", layer->type->name, settings->kernel[0], settings->kernel[1]);

	if (settings->stride[0] != settings->kernel[0] || settings->stride[1] != settings->kernel[1])
		snprintf(text + length, size - length, ", stride %d", settings->stride[0]);
}

static PoolPass
make_pass(const NetworkLayer *layer)
{
	const PoolSettings *settings = &layer->settings.pool;
	PoolPass	pool = {
		.height = layer->in.height, .width = layer->in.width, .channels = layer->in.channels,
		.out_height = layer->out.height, .out_width = layer->out.width,
		.kernel = {settings->kernel[0], settings->kernel[1]}, .stride = {settings->stride[0], settings->stride[1]}
	};

	return pool;
}

/* The place of each maximum: int32 [n, out]. */
static void
max_plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.state_bytes = shape_values(layer->out) * sizeof(PoolPlace);
}

static void
max_forward(const LayerPass *pass)
{
	PoolPass	pool = make_pass(pass->layer);
	size_t		in = shape_values(pass->layer->in);
	size_t		out = shape_values(pass->layer->out);

	for (int i = 0; i < pass->n; i++)
		pass->kernels->max_pool(&pool, pass->input + i * in, pass->output + i * out,
								pass->training ? (PoolPlace *) pass->state + i * out : NULL);
}

static void
max_backward(const LayerPass *pass)
{
	PoolPass	pool = make_pass(pass->layer);
	size_t		in = shape_values(pass->layer->in);
	size_t		out = shape_values(pass->layer->out);

	if (pass->input_gradient == NULL)
		return;
	for (int i = 0; i < pass->n; i++)
		pass->kernels->max_pool_backward(&pool, pass->output_gradient + i * out, (const PoolPlace *) pass->state + i * out,
									 pass->input_gradient + i * in);
}

static void
mean_forward(const LayerPass *pass)
{
	PoolPass	pool = make_pass(pass->layer);

	for (int i = 0; i < pass->n; i++)
		pass->kernels->mean_pool(&pool, pass->input + i * shape_values(pass->layer->in),
								 pass->output + i * shape_values(pass->layer->out));
}

static void
mean_backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const PoolSettings *settings = &layer->settings.pool;
	int			channels = layer->in.channels;
	real		share = (real) 1 / (settings->kernel[0] * settings->kernel[1]);
	const real *output_gradient = pass->output_gradient;

	if (pass->input_gradient == NULL)
		return;
	memset(pass->input_gradient, 0, pass->n * shape_values(layer->in) * sizeof(real));
	for (int i = 0; i < pass->n; i++)
	{
		real	   *sample = pass->input_gradient + i * shape_values(layer->in);

		for (int pixel = 0; pixel < (int) shape_pixels(layer->out); pixel++, output_gradient += channels)
		{
			int			y = pixel / layer->out.width * settings->stride[0];
			int			x = pixel % layer->out.width * settings->stride[1];

			for (int ky = 0; ky < settings->kernel[0]; ky++)
			{
				for (int kx = 0; kx < settings->kernel[1]; kx++)
					pass->kernels->add_scaled(output_gradient, share, channels,
											  sample + ((size_t) (y + ky) * layer->in.width + x + kx) * channels);
			}
		}
	}
}

static bool
global_shape(NetworkLayer *layer, Status *status)
{
	layer->out = (NetworkShape) {1, 1, layer->in.channels};
	return true;
}

static void
global_forward(const LayerPass *pass)
{
	size_t		pixels = shape_pixels(pass->layer->in);
	int			channels = pass->layer->in.channels;

	memset(pass->output, 0, (size_t) pass->n * channels * sizeof(real));
	for (int i = 0; i < pass->n; i++)
		pass->kernels->column_sums(pass->input + i * pixels * channels, pixels, channels,
								   pass->output + (size_t) i * channels);
	pass->kernels->scale((real) 1 / pixels, (size_t) pass->n * channels, pass->output);
}

static void
global_backward(const LayerPass *pass)
{
	size_t		pixels = shape_pixels(pass->layer->in);
	int			channels = pass->layer->in.channels;
	real	   *to = pass->input_gradient;

	if (to == NULL)
		return;
	memset(to, 0, pass->n * pixels * channels * sizeof(real));
	for (size_t row = 0; row < pass->n * pixels; row++, to += channels)
		pass->kernels->add_scaled(pass->output_gradient + row / pixels * channels, (real) 1 / pixels, channels, to);
}

const LayerType layer_max_pool = {
	.name = "max_pool",
	.rules = rules,
	.defaults = defaults,
	.shape = pool_shape,
	.describe = describe_pool,
	.plan = max_plan,
	.forward = max_forward,
	.backward = max_backward
};

const LayerType layer_mean_pool = {
	.name = "mean_pool",
	.rules = rules,
	.defaults = defaults,
	.shape = pool_shape,
	.describe = describe_pool,
	.forward = mean_forward,
	.backward = mean_backward
};

const LayerType layer_global_mean = {
	.name = "global_mean",
	.shape = global_shape,
	.forward = global_forward,
	.backward = global_backward
};
