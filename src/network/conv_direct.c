/*
 * conv_direct.c: convolution straight from the input: a line of outputs is a product whose left matrix is the input itself,
 * read with strides, a segment for each line of the window.  Only samples with padding are copied first.  With a window of one
 * pixel the lines of all samples follow one another, as those of one matrix.
 *
 * This is for few channels, where transforms do not pay, for strides above 1, and for windows of one pixel.  Its own backward pass is for the first
 * layer, of which only the weights' gradient is needed; the others take that of conv_patches.
 *
 * Packed weights: panels of maps, the last one filled up by zeros: [panels, kernel height * kernel width * in, PANEL].
 */
#include <string.h>

#include "network/conv_internal.h"

#define LINES_BETWEEN 8			/* checks for interrupts */
#define SHORT_LINE 12			/* pixels: several such lines take turns at a panel of weights, which is then read once */
#define ROW_VALUES 8192			/* of the input, for one product of pixels: 32 kB, for the first cache */
#define LEAST_ROWS 24			/* of such a product; like all, a multiple of the rows that kernels take at once */

static bool
fits(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return conv->groups == 1 && conv->dilation[0] == 1 && conv->dilation[1] == 1;
}

/* Reals of a line with its padding. */
static size_t
padded_line(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return (size_t) (layer->in.width + conv->padding[1] + conv->padding[3]) * layer->in.channels;
}

/* Of a sample with its padding; no padding: 0. */
static size_t
padded_values(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return conv_is_padded(conv) ? (layer->in.height + conv->padding[0] + conv->padding[2]) * padded_line(layer) : 0;
}

/* Whether its own backward pass can be used: it reads the gradient in whole panels. */
static bool
has_own_backward(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return conv->maps % PANEL == 0 && conv->kernel[1] * layer->in.channels >= 8;
}

static size_t
packed(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return PANELS(conv->maps) * conv->kernel[0] * conv->kernel[1] * layer->in.channels * PANEL;
}

static void
pack(const NetworkLayer *layer, const real *weights, real *packed)
{
	const ConvSettings *conv = &layer->settings.conv;
	size_t		rows = (size_t) conv->kernel[0] * conv->kernel[1] * layer->in.channels;

	for (int start = 0; start < conv->maps; start += PANEL, packed += rows * PANEL)
	{
		int			count = conv->maps - start < PANEL ? conv->maps - start : PANEL;

		for (size_t row = 0; row < rows; row++)
		{
			memcpy(packed + row * PANEL, weights + row * conv->maps + start, count * sizeof(real));
			memset(packed + row * PANEL + count, 0, (PANEL - count) * sizeof(real));
		}
	}
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	size_t		own = 2 * (size_t) layer->settings.conv.maps + padded_values(layer);
	size_t		patches = training ? conv_patches.scratch(layer, samples, training) : 0;

	return own > patches ? own : patches;
}

/* The sample itself, or a copy in room with a border of zeros. */
static const real *
pad_sample(const NetworkLayer *layer, const real *sample, real *room)
{
	const ConvSettings *conv = &layer->settings.conv;
	size_t		channels = layer->in.channels;
	size_t		line = padded_line(layer);
	real	   *to = room + conv->padding[0] * line + conv->padding[1] * channels;

	if (!conv_is_padded(conv))
		return sample;
	memset(room, 0, padded_values(layer) * sizeof(real));
	for (int y = 0; y < layer->in.height; y++)
		memcpy(to + y * line, sample + y * layer->in.width * channels, layer->in.width * channels * sizeof(real));
	return room;
}

/* Columns from start on, a panel at most, of output [product->rows, maps]. */
static void
multiply_panel(const LayerPass *pass, const LayerFinish *finish, ProductPass *product, int start, real *output)
{
	int			maps = pass->layer->settings.conv.maps;

	product->columns = maps - start < PANEL ? maps - start : PANEL;
	product->b = pass->packed + start * product->segments * product->depth;
	product->c = output + start;
	product->scale = finish->scale != NULL ? finish->scale + start : NULL;
	product->shift = finish->shift != NULL ? finish->shift + start : NULL;
	matrix_kernels()->product(product);
}

/* A window of one pixel: all pixels of all samples are the rows of one matrix. */
static void
forward_pixels(const LayerPass *pass, const LayerFinish *finish, ProductPass *product)
{
	const NetworkLayer *layer = pass->layer;
	size_t		channels = layer->in.channels;
	int			maps = layer->settings.conv.maps;
	size_t		total = pass->n * shape_pixels(layer->out);
	size_t		together = ROW_VALUES / channels / LEAST_ROWS * LEAST_ROWS;

	if (together < LEAST_ROWS)
		together = LEAST_ROWS;
	for (size_t row = 0; row < total && !pass_interrupted(pass); row += together)
	{
		product->rows = total - row < together ? total - row : together;
		product->a = pass->input + row * channels;
		for (int start = 0; start < maps; start += PANEL)
			multiply_panel(pass, finish, product, start, pass->output + row * maps);
		layer_activate_rows(pass, finish, product->rows, pass->output + row * maps);
	}
}

/* Count lines of the output from line y on. */
static void
forward_lines(const LayerPass *pass, const LayerFinish *finish, ProductPass *product, const real *sample, int y, int count, real *output)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	size_t		line = (size_t) layer->out.width * conv->maps;

	for (int start = 0; start < conv->maps; start += PANEL)
	{
		for (int i = 0; i < count; i++)
		{
			product->a = sample + (y + i) * conv->stride[0] * padded_line(layer);
			multiply_panel(pass, finish, product, start, output + (y + i) * line);
		}
	}
	layer_activate_rows(pass, finish, (size_t) count * layer->out.width, output + y * line);
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	const real *weights = pass->weights + layer->parameter_offset;
	size_t		channels = layer->in.channels;
	real	   *room = pass->scratch + 2 * conv->maps;
	LayerFinish finish = layer_finish(pass, conv->bias ? weights + layer->decay_count : NULL, pass->scratch);
	ProductPass product = {
		.rows = layer->out.width, .segments = conv->kernel[0], .depth = conv->kernel[1] * channels,
		.a_row = conv->stride[1] * channels, .a_segment = padded_line(layer), .a_step = 1, .b_step = PANEL, .c_row = conv->maps,
		.relu = finish.relu
	};
	int			together;

	if (conv_is_pointwise(layer))
	{
		forward_pixels(pass, &finish, &product);
		return;
	}
	together = layer->out.width < SHORT_LINE ? LINES_BETWEEN : 1;
	for (int i = 0; i < pass->n; i++)
	{
		const real *sample = pad_sample(layer, pass->input + i * shape_values(layer->in), room);
		real	   *output = pass->output + i * shape_values(layer->out);

		for (int y = 0; y < layer->out.height; y += together)
		{
			int			left = layer->out.height - y;

			if (y % LINES_BETWEEN == 0 && pass_interrupted(pass))
				return;
			forward_lines(pass, &finish, &product, sample, y, left < together ? left : together, output);
		}
	}
}

/* dW [kernel line, kernel column * in, maps] += over all outputs: input under that place times dY */
static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	size_t		channels = layer->in.channels;
	size_t		line = padded_line(layer);
	real	   *gradient = pass->gradient + layer->parameter_offset;
	real	   *room = pass->scratch;
	const MatrixKernels *kernels = matrix_kernels();
	ProductPass product = {
		.rows = conv->kernel[1] * channels, .columns = PANEL, .segments = layer->out.height, .depth = layer->out.width,
		.a_row = 1, .a_segment = conv->stride[0] * line, .a_step = conv->stride[1] * channels, .b_step = conv->maps,
		.c_row = conv->maps, .add = true
	};

	if (pass->input_gradient != NULL || !has_own_backward(layer))
	{
		conv_patches.backward(pass);
		return;
	}
	for (int i = 0; i < pass->n && !pass_interrupted(pass); i++)
	{
		const real *sample = pad_sample(layer, pass->input + i * shape_values(layer->in), room);
		const real *output_gradient = pass->output_gradient + i * shape_values(layer->out);

		if (conv->bias)
			pass->kernels->column_sums(output_gradient, shape_pixels(layer->out), conv->maps,
									   gradient + layer->decay_count);
		for (int start = 0; start < conv->maps; start += PANEL)
		{
			product.b = output_gradient + start;
			for (int y = 0; y < conv->kernel[0]; y++)
			{
				product.a = sample + y * line;
				product.c = gradient + (y * product.rows) * conv->maps + start;
				kernels->product(&product);
			}
		}
	}
}

const ConvMethod conv_direct = {
	.name = "direct",
	.fits = fits,
	.packed = packed,
	.pack = pack,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};
