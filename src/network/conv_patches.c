/*
 * conv_patches.c: convolution as a product of matrices, whatever its window, stride, dilation, padding and groups.
 *
 * The patches under the window (im2col) of as many output pixels as fit into the second-level cache are laid out as rows of
 * a matrix, which is multiplied with the weights; then comes the next chunk.  The backward pass lays the patches out again
 * instead of storing them.
 */
#include <string.h>

#include "network/conv_internal.h"

#define CHUNK_VALUES (128 * 1024)	/* of the patches: 512 kB */

typedef struct ConvPlan
{
	int			in_channels;	/* of a group */
	int			maps;			/* of a group */
	size_t		patch;			/* values of a patch in a group */
	size_t		pixels;			/* of the output, a sample */
	size_t		chunk;			/* output pixels at once */
	bool		gaps;			/* values side by side in a patch are not in the input */
	bool		plain;			/* a 1 x 1 window on each pixel: the input is its own patches */
} ConvPlan;

static ConvPlan
make_plan(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;
	ConvPlan	plan;

	plan.in_channels = layer->in.channels / conv->groups;
	plan.maps = conv->maps / conv->groups;
	plan.patch = (size_t) conv->kernel[0] * conv->kernel[1] * plan.in_channels;
	plan.pixels = shape_pixels(layer->out);
	plan.chunk = CHUNK_VALUES / plan.patch;
	if (plan.chunk < 16)
		plan.chunk = 16;
	plan.plain = conv_is_pointwise(layer);
	plan.gaps = conv->groups > 1 || conv->dilation[1] > 1;
	return plan;
}

/* A folded batch norm, patches, and the gradient of patches. */
static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	ConvPlan	plan = make_plan(layer);
	size_t		rows = plan.pixels * samples < plan.chunk ? plan.pixels * samples : plan.chunk;

	return rows * plan.patch * (training ? 2 : 1) + 2 * (size_t) layer->settings.conv.maps;
}

/* An output pixel, and where its window lies in the input. */
typedef struct Window
{
	size_t		sample;
	int			y;				/* of the output pixel */
	int			x;
	int			top;			/* of the window; may be negative: padding */
	int			left;
	int			first;			/* columns of the window that lie inside: first to last - 1 */
	int			last;
} Window;

static inline void
place_window(const NetworkLayer *layer, Window *window)
{
	const ConvSettings *conv = &layer->settings.conv;
	int			width = layer->in.width;

	window->top = window->y * conv->stride[0] - conv->padding[0];
	window->left = window->x * conv->stride[1] - conv->padding[1];
	if (conv->dilation[1] == 1)
	{
		window->first = window->left < 0 ? -window->left : 0;
		window->last = window->left + conv->kernel[1] > width ? width - window->left : conv->kernel[1];
	}
	else
	{
		int			room = width - 1 - window->left;

		window->first = window->left < 0 ? (conv->dilation[1] - 1 - window->left) / conv->dilation[1] : 0;
		window->last = room < 0 ? 0 : room / conv->dilation[1] + 1;
		window->last = window->last < conv->kernel[1] ? window->last : conv->kernel[1];
	}
	if (window->first > conv->kernel[1])
		window->first = conv->kernel[1];
	if (window->last < window->first)
		window->last = window->first;
}

static inline Window
first_window(const NetworkLayer *layer, const ConvPlan *plan, size_t pixel)
{
	Window		window;
	int			inside = (int) (pixel % plan->pixels);

	window.sample = pixel / plan->pixels;
	window.y = inside / layer->out.width;
	window.x = inside % layer->out.width;
	place_window(layer, &window);
	return window;
}

static inline void
next_window(const NetworkLayer *layer, Window *window)
{
	if (++window->x == layer->out.width)
	{
		window->x = 0;
		if (++window->y == layer->out.height)
		{
			window->y = 0;
			window->sample++;
		}
	}
	place_window(layer, window);
}

/* memcpy(), without a call for the short runs of grey images. */
static inline void
copy_values(real *to, const real *from, size_t count)
{
	if (count >= 16)
	{
		memcpy(to, from, count * sizeof(real));
		return;
	}
	for (size_t i = 0; i < count; i++)
		to[i] = from[i];
}

/* patches [rows, kernel height, kernel width, in_channels] of the output pixels from start on, of one group. */
static void
take_patches(const NetworkLayer *layer, const ConvPlan *plan, const real *input, int group, size_t start, size_t rows,
			 real *patches)
{
	const ConvSettings *conv = &layer->settings.conv;
	size_t		channels = layer->in.channels;
	size_t		run = plan->in_channels;
	size_t		line = (size_t) conv->kernel[1] * run;
	Window		window = first_window(layer, plan, start);

	for (size_t row = 0; row < rows; row++, next_window(layer, &window))
	{
		const real *sample = input + window.sample * shape_values(layer->in) + group * run;

		for (int ky = 0; ky < conv->kernel[0]; ky++, patches += line)
		{
			int			y = window.top + ky * conv->dilation[0];
			const real *from = sample + ((ptrdiff_t) y * layer->in.width + window.left) * (ptrdiff_t) channels;
			int			first = window.first;
			int			last = window.last;

			if (y < 0 || y >= layer->in.height)
				first = last = 0;
			if (first > 0)
				memset(patches, 0, first * run * sizeof(real));
			if (!plan->gaps)
				copy_values(patches + first * run, from + first * run, (last - first) * run);
			else
			{
				for (int kx = first; kx < last; kx++)
					copy_values(patches + kx * run, from + kx * conv->dilation[1] * channels, run);
			}
			if (last < conv->kernel[1])
				memset(patches + last * run, 0, (conv->kernel[1] - last) * run * sizeof(real));
		}
	}
}

/* The transpose of take_patches(): adds to input_gradient. */
static void
add_patches(const LayerPass *pass, const ConvPlan *plan, int group, size_t start, size_t rows, const real *patches)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	size_t		channels = layer->in.channels;
	size_t		run = plan->in_channels;
	size_t		line = (size_t) conv->kernel[1] * run;
	Window		window = first_window(layer, plan, start);

	for (size_t row = 0; row < rows; row++, next_window(layer, &window))
	{
		real	   *sample = pass->input_gradient + window.sample * shape_values(layer->in) + group * run;

		for (int ky = 0; ky < conv->kernel[0]; ky++, patches += line)
		{
			int			y = window.top + ky * conv->dilation[0];
			real	   *to = sample + ((ptrdiff_t) y * layer->in.width + window.left) * (ptrdiff_t) channels;

			if (y < 0 || y >= layer->in.height)
				continue;
			if (!plan->gaps)
				pass->kernels->add(patches + window.first * run, (window.last - window.first) * run,
								   to + window.first * run);
			else
			{
				for (int kx = window.first; kx < window.last; kx++)
					pass->kernels->add(patches + kx * run, run, to + kx * conv->dilation[1] * channels);
			}
		}
	}
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	ConvPlan	plan = make_plan(layer);
	size_t		total = plan.pixels * pass->n;
	const real *weights = pass->weights + layer->parameter_offset;
	const real *bias = conv->bias ? weights + layer->decay_count : NULL;
	real	   *fold = pass->scratch;
	real	   *patches = pass->scratch + 2 * conv->maps;
	LayerFinish finish = layer_finish(pass, bias, fold);

	for (size_t start = 0; start < total && !pass_interrupted(pass); start += plan.chunk)
	{
		size_t		rows = total - start < plan.chunk ? total - start : plan.chunk;
		real	   *output = pass->output + start * conv->maps;

		for (int group = 0; group < conv->groups; group++)
		{
			const real *rows_in = pass->input + start * layer->in.channels;

			if (!plan.plain)
			{
				take_patches(layer, &plan, pass->input, group, start, rows, patches);
				rows_in = patches;
			}
			matrix_multiply(false, false, (int) rows, plan.maps, (int) plan.patch, rows_in, plan.patch,
							weights + group * plan.patch * plan.maps, plan.maps, 0, output + group * plan.maps, conv->maps);
		}
		layer_finish_rows(pass, &finish, rows, output);
	}
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	ConvPlan	plan = make_plan(layer);
	size_t		total = plan.pixels * pass->n;
	const real *weights = pass->weights + layer->parameter_offset;
	real	   *gradient = pass->gradient + layer->parameter_offset;
	real	   *patches = pass->scratch;
	real	   *patch_gradients = patches + (total < plan.chunk ? total : plan.chunk) * plan.patch;

	if (pass->input_gradient != NULL && !plan.plain)
		memset(pass->input_gradient, 0, pass->n * shape_values(layer->in) * sizeof(real));
	for (size_t start = 0; start < total && !pass_interrupted(pass); start += plan.chunk)
	{
		size_t		rows = total - start < plan.chunk ? total - start : plan.chunk;
		const real *output_gradient = pass->output_gradient + start * conv->maps;

		if (conv->bias)
			pass->kernels->column_sums(output_gradient, rows, conv->maps, gradient + layer->decay_count);
		for (int group = 0; group < conv->groups; group++)
		{
			size_t		offset = group * plan.patch * plan.maps;
			const real *rows_in = pass->input + start * layer->in.channels;
			real	   *rows_back = plan.plain && pass->input_gradient != NULL ?
				pass->input_gradient + start * layer->in.channels : patch_gradients;

			if (!plan.plain)
			{
				take_patches(layer, &plan, pass->input, group, start, rows, patches);
				rows_in = patches;
			}
			matrix_multiply(true, false, (int) plan.patch, plan.maps, (int) rows, rows_in, plan.patch,
							output_gradient + group * plan.maps, conv->maps, 1, gradient + offset, plan.maps);
			if (pass->input_gradient == NULL)
				continue;
			matrix_multiply(false, true, (int) rows, (int) plan.patch, plan.maps, output_gradient + group * plan.maps, conv->maps,
							weights + offset, plan.maps, 0, rows_back, plan.patch);
			if (!plan.plain)
				add_patches(pass, &plan, group, start, rows, patch_gradients);
		}
	}
}

static bool
fits(const NetworkLayer *layer)
{
	return true;
}

const ConvMethod conv_patches = {
	.name = "patches",
	.fits = fits,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};
