/*
 * pooling.c: max_pool, mean_pool, adaptive_mean_pool, global_mean and global_max.
 *
 * Windows lie within the map and its padding, which is in no maximum and no sum; what is left over at the right and at the
 * bottom is ignored, or with "ceil" has windows of its own.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/layer_internal.h"

#define WINDOW_RULES \
	{"size", RULE_SIDES, offsetof(NetworkLayer, settings.pool.kernel), 1, LIMIT_KERNEL, NULL}, \
	{"stride", RULE_SIDES, offsetof(NetworkLayer, settings.pool.stride), 1, LIMIT_KERNEL, NULL}, \
	{"padding", RULE_MARGINS, offsetof(NetworkLayer, settings.pool.given_padding), 0, LIMIT_KERNEL, NULL}, \
	{"dilation", RULE_SIDES, offsetof(NetworkLayer, settings.pool.dilation), 1, LIMIT_KERNEL, NULL}, \
	{"ceil", RULE_BOOLEAN, offsetof(NetworkLayer, settings.pool.ceil), 0, 0, NULL}

static const SettingRule max_rules[] = {
	WINDOW_RULES,
	{NULL, 0, 0, 0, 0, NULL}
};

static const SettingRule mean_rules[] = {
	WINDOW_RULES,
	{"count_padding", RULE_BOOLEAN, offsetof(NetworkLayer, settings.pool.count_padding), 0, 0, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	PoolSettings *settings = &layer->settings.pool;

	settings->kernel[0] = settings->kernel[1] = 2;	/* stride: the size */
	settings->dilation[0] = settings->dilation[1] = 1;
}

static bool
pool_shape(NetworkLayer *layer, Status *status)
{
	PoolSettings *settings = &layer->settings.pool;
	int			size[2] = {layer->in.height, layer->in.width};
	int			covered[2];

	for (int side = 0; side < 2; side++)
	{
		covered[side] = settings->kernel[side] == 0 ? 0 : (settings->kernel[side] - 1) * settings->dilation[side] + 1;
		if (settings->stride[side] == 0)
			settings->stride[side] = settings->kernel[side];
		/* else a window could lie around the map and have no pixel of it */
		if (settings->dilation[side] > 1 && settings->dilation[side] > size[side])
			return layer_error(layer, status, "", "dilation %d is larger than the map of %d x %d.", settings->dilation[side],
							   layer->in.height, layer->in.width);
	}
	return layer_padding(layer, &settings->given_padding, settings->padding, status) &&
		layer_window(layer, covered, settings->stride, settings->padding, settings->ceil, status);
}

static void
describe_pool(const NetworkLayer *layer, char *text, size_t size)
{
	const PoolSettings *settings = &layer->settings.pool;
	int			length = snprintf(text, size, "%s %dx%d", layer->type->name, settings->kernel[0], settings->kernel[1]);

	if (settings->stride[0] != settings->kernel[0] || settings->stride[1] != settings->kernel[1])
		length += snprintf(text + length, size - length, ", stride %d", settings->stride[0]);
	if (settings->dilation[0] != 1 || settings->dilation[1] != 1)
		length += snprintf(text + length, size - length, ", dilation %d", settings->dilation[0]);
	layer_describe_padding(settings->padding, text + length, size - length);
}

static PoolPass
make_pass(const NetworkLayer *layer)
{
	const PoolSettings *settings = &layer->settings.pool;
	PoolPass	pool = {
		.height = layer->in.height, .width = layer->in.width, .channels = layer->in.channels,
		.out_height = layer->out.height, .out_width = layer->out.width,
		.kernel = {settings->kernel[0], settings->kernel[1]}, .stride = {settings->stride[0], settings->stride[1]},
		.count_padding = settings->count_padding, .gap = {settings->dilation[0] - 1, settings->dilation[1] - 1}
	};

	memcpy(pool.padding, settings->padding, sizeof(pool.padding));
	return pool;
}

/* The window of global_max. */
static PoolPass
make_global_pass(const NetworkLayer *layer)
{
	return (PoolPass) {
		.height = layer->in.height, .width = layer->in.width, .channels = layer->in.channels, .out_height = 1, .out_width = 1,
		.kernel = {layer->in.height, layer->in.width}, .stride = {layer->in.height, layer->in.width}
	};
}

/* Of max_pool or global_max. */
static PoolPass
pass_of(const NetworkLayer *layer)
{
	return layer->type == &layer_global_max ? make_global_pass(layer) : make_pass(layer);
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
	PoolPass	pool = pass_of(pass->layer);
	size_t		in = shape_values(pass->layer->in);
	size_t		out = shape_values(pass->layer->out);

	for (int i = 0; i < pass->n; i++)
		pass->kernels->max_pool(&pool, pass->input + i * in, pass->output + i * out,
								pass->training ? (PoolPlace *) pass->state + i * out : NULL);
}

static void
max_backward(const LayerPass *pass)
{
	PoolPass	pool = pass_of(pass->layer);
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
	PoolPass	pool = make_pass(layer);
	int			channels = layer->in.channels;
	const real *output_gradient = pass->output_gradient;

	if (pass->input_gradient == NULL)
		return;
	memset(pass->input_gradient, 0, pass->n * shape_values(layer->in) * sizeof(real));
	for (int i = 0; i < pass->n; i++)
	{
		real	   *sample = pass->input_gradient + i * shape_values(layer->in);

		for (int pixel = 0; pixel < (int) shape_pixels(layer->out); pixel++, output_gradient += channels)
		{
			int			oy = pixel / layer->out.width;
			int			ox = pixel % layer->out.width;
			PoolWindow	window = pool_window(&pool, oy, ox);
			real		share = pool_share(&pool, &window, oy, ox);

			for (int ky = 0; ky < window.bottom - window.top; ky++)
			{
				for (int kx = 0; kx < window.right - window.left; kx++)
					pass->kernels->add_scaled(output_gradient, share, channels,
											  sample + (window.first + pool_pixel(&pool, ky, kx)) * channels);
			}
		}
	}
}

/* ---- adaptive_mean_pool: a map of a given size; windows from floor(i in / out) to ceil((i + 1) in / out) (PyTorch's) --- */

static const SettingRule adaptive_rules[] = {
	{"size", RULE_SIDES, offsetof(NetworkLayer, settings.pool.kernel), 1, LIMIT_INPUT_SIDE, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static bool
adaptive_shape(NetworkLayer *layer, Status *status)
{
	PoolSettings *settings = &layer->settings.pool;

	if (settings->kernel[0] == 0 || settings->kernel[1] == 0)
		return layer_error(layer, status, "", "\"size\" is missing: the height and the width of its output.");
	layer->out = (NetworkShape) {settings->kernel[0], settings->kernel[1], layer->in.channels};
	return true;
}

static void
adaptive_describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "adaptive_mean_pool to %dx%d", layer->out.height, layer->out.width);
}

static PoolWindow
adaptive_window(const NetworkLayer *layer, int oy, int ox)
{
	PoolWindow	window = {
		.top = oy * layer->in.height / layer->out.height,
		.bottom = ((oy + 1) * layer->in.height + layer->out.height - 1) / layer->out.height,
		.left = ox * layer->in.width / layer->out.width,
		.right = ((ox + 1) * layer->in.width + layer->out.width - 1) / layer->out.width
	};

	window.first = (size_t) window.top * layer->in.width + window.left;
	return window;
}

static void
adaptive_forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	int			channels = layer->in.channels;
	real	   *y = pass->output;

	for (int i = 0; i < pass->n && !pass_interrupted(pass); i++)
	{
		const real *sample = pass->input + i * shape_values(layer->in);

		for (int pixel = 0; pixel < (int) shape_pixels(layer->out); pixel++, y += channels)
		{
			PoolWindow	window = adaptive_window(layer, pixel / layer->out.width, pixel % layer->out.width);
			int			columns = window.right - window.left;

			memset(y, 0, channels * sizeof(real));
			for (int line = 0; line < window.bottom - window.top; line++)
				pass->kernels->column_sums(sample + (window.first + (size_t) line * layer->in.width) * channels, columns, channels,
										   y);
			pass->kernels->scale((real) 1 / (columns * (window.bottom - window.top)), channels, y);
		}
	}
}

static void
adaptive_backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	int			channels = layer->in.channels;
	const real *output_gradient = pass->output_gradient;

	if (pass->input_gradient == NULL)
		return;
	memset(pass->input_gradient, 0, pass->n * shape_values(layer->in) * sizeof(real));
	for (int i = 0; i < pass->n && !pass_interrupted(pass); i++)
	{
		real	   *sample = pass->input_gradient + i * shape_values(layer->in);

		for (int pixel = 0; pixel < (int) shape_pixels(layer->out); pixel++, output_gradient += channels)
		{
			PoolWindow	window = adaptive_window(layer, pixel / layer->out.width, pixel % layer->out.width);
			int			columns = window.right - window.left;
			int			lines = window.bottom - window.top;

			for (int place = 0; place < lines * columns; place++)
			{
				size_t		from = window.first + (size_t) (place / columns) * layer->in.width + place % columns;

				pass->kernels->add_scaled(output_gradient, (real) 1 / (lines * columns), channels, sample + from * channels);
			}
		}
	}
}

/* ---- global_mean and global_max: one window, as large as the map ------------------------------------------------------ */

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
	.rules = max_rules,
	.defaults = defaults,
	.shape = pool_shape,
	.describe = describe_pool,
	.plan = max_plan,
	.forward = max_forward,
	.backward = max_backward
};

const LayerType layer_mean_pool = {
	.name = "mean_pool",
	.rules = mean_rules,
	.defaults = defaults,
	.shape = pool_shape,
	.describe = describe_pool,
	.forward = mean_forward,
	.backward = mean_backward
};

const LayerType layer_adaptive_mean_pool = {
	.name = "adaptive_mean_pool",
	.rules = adaptive_rules,
	.shape = adaptive_shape,
	.describe = adaptive_describe,
	.forward = adaptive_forward,
	.backward = adaptive_backward
};

const LayerType layer_global_mean = {
	.name = "global_mean",
	.shape = global_shape,
	.forward = global_forward,
	.backward = global_backward
};

const LayerType layer_global_max = {
	.name = "global_max",
	.shape = global_shape,
	.plan = max_plan,
	.forward = max_forward,
	.backward = max_backward
};
