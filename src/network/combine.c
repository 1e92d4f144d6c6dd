/*
 * combine.c: layers that read earlier ones besides their input, their sources: add, multiply, concat.
 *
 * add, multiply: input and source of the same shape [height, width, channels], or one of them [1, 1, channels], which then
 * counts for every pixel of the other (for multiply: squeeze and excitation, Hu, Shen, Sun 2018, section 3); the output has the
 * shape of the larger one.
 * concat: input and sources of the same height and width; the output has the channels of each in turn.
 */
#include <stdio.h>
#include <string.h>

#include "network/layer_internal.h"

#define CHUNK_VALUES 4096		/* of a sum, still in the cache for the ReLU after it */

static const SettingRule one_rules[] = {
	{"from", RULE_REFERENCE, offsetof(NetworkLayer, settings.combine.from), 0, 1e6, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static const SettingRule several_rules[] = {
	{"from", RULE_REFERENCES, offsetof(NetworkLayer, settings.combine.from), 0, 1e6, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static bool
same_shape(NetworkShape a, NetworkShape b)
{
	return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

static bool
wrong_shape(const NetworkLayer *layer, const LayerSource *source, const char *hint, Status *status)
{
	char		name[32] = "the network's input";

	if (source->layer >= 0)
		snprintf(name, sizeof(name), "layer %d", source->layer + 1);
	return layer_error(layer, status, hint, "its input is %d x %d x %d, but %s gives %d x %d x %d.", layer->in.height, layer->in.width,
					   layer->in.channels, name, source->shape.height, source->shape.width, source->shape.channels);
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	size_t		length = snprintf(text, size, "%s", layer->type->name);

	for (int i = 0; i < layer->source_count && length < size; i++)
	{
		if (layer->source[i].layer < 0)
			length += snprintf(text + length, size - length, "%s the input", i > 0 ? "," : "");
		else
			length += snprintf(text + length, size - length, "%s%s %d", i > 0 ? "," : "", i > 0 ? "" : " layer",
							   layer->source[i].layer + 1);
	}
}

/* ---- add and multiply ---------------------------------------------------------------------------------------------- */

static bool
pair_combine(NetworkLayer *layer, Status *status)
{
	NetworkShape other = layer->source[0].shape;

	if (layer->in.channels != other.channels ||
		(!same_shape(layer->in, other) && shape_pixels(layer->in) != 1 && shape_pixels(other) != 1))
		return wrong_shape(layer, &layer->source[0], "Both have the same shape, or one of them is 1 x 1 with as many channels.", status);
	if (shape_pixels(other) > 1)
		layer->out = other;
	return true;
}

/* Of one sample each: the map, and what counts for each of its pixels; of equal shapes, two maps. */
typedef struct Sides
{
	size_t		values;			/* of the map */
	size_t		rows;			/* its pixels */
	int			channels;
	bool		whole;			/* both are maps */
	bool		input_is_map;
} Sides;

static Sides
sides_of(const NetworkLayer *layer)
{
	return (Sides) {
		.values = shape_values(layer->out), .rows = shape_pixels(layer->out), .channels = layer->out.channels,
		.whole = same_shape(layer->in, layer->source[0].shape), .input_is_map = same_shape(layer->in, layer->out)
	};
}

static void
copy(const real *from, size_t count, real *to)
{
	if (to != from)
		memcpy(to, from, count * sizeof(real));
}

static void
add_forward(const LayerPass *pass)
{
	Sides		sides = sides_of(pass->layer);
	bool		relu = pass->layer->plan.fuses_relu;
	size_t		count = pass->n * sides.values;

	copy(sides.input_is_map ? pass->input : pass->other[0], count, pass->output);
	for (size_t start = 0; sides.whole && start < count; start += CHUNK_VALUES)
	{
		size_t		some = count - start < CHUNK_VALUES ? count - start : CHUNK_VALUES;

		pass->kernels->add(pass->other[0] + start, some, pass->output + start);
		if (relu)
			pass->kernels->relu(pass->output + start, some, pass->output + start);
	}
	for (int i = 0; !sides.whole && i < pass->n; i++)
		pass->kernels->add_bias(pass->output + i * sides.values,
								(sides.input_is_map ? pass->other[0] : pass->input) + (size_t) i * sides.channels, sides.rows,
								sides.channels, relu);
}

/* Each sample's sum of the output's gradient over the pixels. */
static void
add_sums(const LayerPass *pass, const Sides *sides, bool add, real *gradient)
{
	if (!add)
		memset(gradient, 0, (size_t) pass->n * sides->channels * sizeof(real));
	for (int i = 0; i < pass->n; i++)
		pass->kernels->column_sums(pass->output_gradient + i * sides->values, sides->rows, sides->channels,
								   gradient + (size_t) i * sides->channels);
}

static void
add_backward(const LayerPass *pass)
{
	Sides		sides = sides_of(pass->layer);

	if (pass->input_gradient == NULL)
		return;
	if (sides.input_is_map)
		copy(pass->output_gradient, pass->n * sides.values, pass->input_gradient);
	else
		add_sums(pass, &sides, false, pass->input_gradient);
}

static void
add_backward_source(const LayerPass *pass, int source, bool add, real *gradient)
{
	Sides		sides = sides_of(pass->layer);

	if (!sides.whole && sides.input_is_map)
		add_sums(pass, &sides, add, gradient);
	else if (add)
		pass->kernels->add(pass->output_gradient, pass->n * sides.values, gradient);
	else
		copy(pass->output_gradient, pass->n * sides.values, gradient);
}

static void
multiply_forward(const LayerPass *pass)
{
	Sides		sides = sides_of(pass->layer);
	const real *map = sides.input_is_map ? pass->input : pass->other[0];
	const real *factor = sides.input_is_map ? pass->other[0] : pass->input;

	if (sides.whole)
		pass->kernels->product(map, factor, pass->n * sides.values, false, pass->output);
	for (int i = 0; !sides.whole && i < pass->n; i++)
		pass->kernels->product_rows(map + i * sides.values, factor + (size_t) i * sides.channels, sides.rows, sides.channels, false,
									pass->output + i * sides.values);
}

/* The gradient of the map, or of the factors, from the other one. */
static void
multiply_gradient(const LayerPass *pass, bool of_map, const real *other, bool add, real *gradient)
{
	Sides		sides = sides_of(pass->layer);

	if (sides.whole)
	{
		pass->kernels->product(pass->output_gradient, other, pass->n * sides.values, add, gradient);
		return;
	}
	if (!of_map && !add)
		memset(gradient, 0, (size_t) pass->n * sides.channels * sizeof(real));
	for (int i = 0; i < pass->n; i++)
	{
		const real *dy = pass->output_gradient + i * sides.values;

		if (of_map)
			pass->kernels->product_rows(dy, other + (size_t) i * sides.channels, sides.rows, sides.channels, add,
										gradient + i * sides.values);
		else
			pass->kernels->column_products(other + i * sides.values, dy, sides.rows, sides.channels,
										   gradient + (size_t) i * sides.channels);
	}
}

static void
multiply_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL)
		multiply_gradient(pass, sides_of(pass->layer).input_is_map, pass->other[0], false, pass->input_gradient);
}

static void
multiply_backward_source(const LayerPass *pass, int source, bool add, real *gradient)
{
	multiply_gradient(pass, !sides_of(pass->layer).input_is_map, pass->input, add, gradient);
}

/* ---- concat -------------------------------------------------------------------------------------------------------- */

static bool
concat_combine(NetworkLayer *layer, Status *status)
{
	for (int i = 0; i < layer->source_count; i++)
	{
		const LayerSource *source = &layer->source[i];

		if (source->shape.height != layer->in.height || source->shape.width != layer->in.width)
			return wrong_shape(layer, source, "All have the same height and width.", status);
		layer->out.channels += source->shape.channels;
	}
	return true;
}

/* The first channel of a source in the output; of source -1, the input, 0. */
static int
first_channel(const NetworkLayer *layer, int source)
{
	int			channel = 0;

	for (int i = 0; i < source + 1; i++)
		channel += i == 0 ? layer->in.channels : layer->source[i - 1].shape.channels;
	return channel;
}

static void
concat_forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		rows = pass->n * shape_pixels(layer->out);

	for (int k = -1; k < layer->source_count; k++)
	{
		const real *x = k < 0 ? pass->input : pass->other[k];
		int			channels = k < 0 ? layer->in.channels : layer->source[k].shape.channels;
		real	   *y = pass->output + first_channel(layer, k);

		for (size_t row = 0; row < rows; row++)
			memcpy(y + row * layer->out.channels, x + row * channels, channels * sizeof(real));
	}
}

static void
concat_backward_source(const LayerPass *pass, int source, bool add, real *gradient)
{
	const NetworkLayer *layer = pass->layer;
	size_t		rows = pass->n * shape_pixels(layer->out);
	int			channels = source < 0 ? layer->in.channels : layer->source[source].shape.channels;
	const real *dy = pass->output_gradient + first_channel(layer, source);

	for (size_t row = 0; row < rows; row++)
	{
		if (add)
			pass->kernels->add(dy + row * layer->out.channels, channels, gradient + row * channels);
		else
			memcpy(gradient + row * channels, dy + row * layer->out.channels, channels * sizeof(real));
	}
}

static void
concat_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL)
		concat_backward_source(pass, -1, false, pass->input_gradient);
}

const LayerType layer_add = {
	.name = "add",
	.rules = one_rules,
	.in_place = true,
	.applies_relu = true,
	.combine = pair_combine,
	.describe = describe,
	.forward = add_forward,
	.backward = add_backward,
	.backward_source = add_backward_source
};

const LayerType layer_multiply = {
	.name = "multiply",
	.rules = one_rules,
	.in_place_inference = true,
	.combine = pair_combine,
	.describe = describe,
	.forward = multiply_forward,
	.backward = multiply_backward,
	.backward_source = multiply_backward_source
};

const LayerType layer_concat = {
	.name = "concat",
	.rules = several_rules,
	.combine = concat_combine,
	.describe = describe,
	.forward = concat_forward,
	.backward = concat_backward,
	.backward_source = concat_backward_source
};
