/*
 * layer_shape.c: how layers follow each other: shapes, counts, limits; and what several types share.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/network_internal.h"

const LayerType *const layer_types[] = {
	&layer_conv, &layer_dense, &layer_max_pool, &layer_mean_pool, &layer_global_mean, &layer_attention_pool, &layer_batch_norm,
	&layer_local_response_norm, &layer_relu, &layer_prelu, &layer_sigmoid, &layer_tanh, &layer_dropout, &layer_add,
	&layer_flatten, &layer_l2_norm, NULL
};

bool
layer_error(const NetworkLayer *layer, Status *status, const char *hint, const char *format, ...)
{
	char		text[STATUS_TEXT];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return status_set(status, STATUS_DEFINITION, hint, "Layer %d (\"%s\"): %.240s", layer->number, layer->type->name,
					  text);
}

bool
layer_window(NetworkLayer *layer, Status *status)
{
	int			size[2] = {layer->in.height, layer->in.width};
	int			out[2];

	for (int side = 0; side < 2; side++)
	{
		int			room = size[side] + 2 * layer->padding[side];

		if (layer->kernel[side] == 0)
			return layer_error(layer, status, "", "its window has no %s.", side == 0 ? "height" : "width");
		if (layer->stride[side] == 0)
			layer->stride[side] = layer->kernel[side];
		if (layer->padding[side] >= layer->kernel[side])
			return layer_error(layer, status, "", "padding %d is not less than the window's %d.",
							   layer->padding[side], layer->kernel[side]);
		if (layer->kernel[side] > room)
			return layer_error(layer, status, "", "a window of %d x %d is larger than the map of %d x %d.",
							   layer->kernel[0], layer->kernel[1], layer->in.height, layer->in.width);
		out[side] = (room - layer->kernel[side]) / layer->stride[side] + 1;
	}
	layer->out.height = out[0];
	layer->out.width = out[1];
	return true;
}

/* The layer that "from" of an add names. */
static bool
find_source(NetworkDefinition *definition, NetworkLayer *layer, Status *status)
{
	int			number = layer->from.number;

	if (layer->from.name[0] != '\0')
	{
		number = 0;
		for (int i = 0; i < layer->number - 1; i++)
		{
			if (strcmp(definition->layers[i].name, layer->from.name) == 0)
				number = i + 1;
		}
		if (number == 0)
			return layer_error(layer, status, "", "no earlier layer has the name \"%s\".", layer->from.name);
	}
	if (number == 0)
		return layer_error(layer, status, "", "\"from\" is missing.");
	if (number >= layer->number)
		return layer_error(layer, status, "", "\"from\" is %d, which is no earlier layer.", number);
	layer->source = number - 1;
	if (memcmp(&definition->layers[number - 1].out, &layer->in, sizeof(layer->in)) != 0)
	{
		const NetworkShape *other = &definition->layers[number - 1].out;

		return layer_error(layer, status, "", "its input is %d x %d x %d, but layer %d gives %d x %d x %d.",
						   layer->in.height, layer->in.width, layer->in.channels, number,
						   other->height, other->width, other->channels);
	}
	return true;
}

bool
layers_connect(NetworkDefinition *definition, Status *status)
{
	NetworkShape shape = {definition->image.height, definition->image.width, definition->image.channels};
	uint64_t	parameters = 0;
	uint64_t	statistics = 0;

	if (definition->input_kind == INPUT_PEN)
		shape = (NetworkShape) {1, definition->pen.length, definition->pen.feature_count};
	for (int i = 0; i < definition->layer_count; i++)
	{
		NetworkLayer *layer = &definition->layers[i];
		int			next = i + 1;

		layer->in = layer->out = shape;
		if (layer->type->shape != NULL && !layer->type->shape(layer, status))
			return false;
		if (layer->type == &layer_add && !find_source(definition, layer, status))
			return false;
		if (shape_values(layer->out) > LIMIT_ACTIVATIONS)
			return layer_error(layer, status, "", "its output of %d x %d x %d has more than %d values.",
							   layer->out.height, layer->out.width, layer->out.channels, LIMIT_ACTIVATIONS);
		parameters += layer->parameter_count;
		statistics += layer->statistic_count;
		if (parameters + statistics > LIMIT_PARAMETERS)
			return layer_error(layer, status, "", "up to here the network has %llu parameters, more than %d.",
							   (unsigned long long) (parameters + statistics), LIMIT_PARAMETERS);
		while (next < definition->layer_count && definition->layers[next].type == &layer_batch_norm)
			next++;
		layer->relu_follows = next < definition->layer_count &&
			(definition->layers[next].type == &layer_relu || definition->layers[next].type == &layer_prelu);
		shape = layer->out;
	}
	if (shape_values(shape) > LIMIT_DIMENSIONS)
		return layer_error(&definition->layers[definition->layer_count - 1], status,
						   "End with a dense layer of some hundred units.",
						   "the embedding would have %zu dimensions, more than %d.", shape_values(shape),
						   LIMIT_DIMENSIONS);
	if (parameters == 0)
		return status_set(status, STATUS_DEFINITION, "", "The network has no parameters to learn.");
	return true;
}

void
layer_initialize_matrix(const NetworkLayer *layer, Random *random, size_t fan_in, size_t fan_out,
						real *matrix, real *bias)
{
	double		deviation = layer->initial_deviation;

	if (isnan(deviation))
		deviation = layer->relu_follows ? sqrt(2.0 / fan_in) : sqrt(2.0 / (fan_in + fan_out));
	for (size_t i = 0; i < layer->decay_count; i++)
	{
		if (i % 65536 == 65535 && layer->host->interrupted != NULL && layer->host->interrupted(layer->host->context))
			return;
		matrix[i] = (real) (deviation * random_normal(random));
	}
	for (size_t i = layer->decay_count; bias != NULL && i < layer->parameter_count; i++)
		bias[i - layer->decay_count] =
			(real) (layer->initial_bias_mean + layer->initial_bias_deviation * random_normal(random));
}

LayerFinish
layer_finish(const LayerPass *pass, const real *bias, real *fold)
{
	const NetworkLayer *layer = pass->layer;
	LayerFinish finish = {NULL, bias, layer->absorbs_relu};

	if (!pass->training && layer->folds_norm)
	{
		batch_norm_fold(pass->next, pass->weights, bias, fold, fold + layer->out.channels);
		finish = (LayerFinish) {fold, fold + layer->out.channels, layer->folds_relu};
	}
	return finish;
}

void
layer_finish_rows(const LayerPass *pass, const LayerFinish *finish, size_t rows, real *output)
{
	int			channels = pass->layer->out.channels;

	if (finish->scale != NULL)
		pass->kernels->scale_shift(output, finish->scale, finish->shift, rows, channels, finish->relu, output);
	else if (finish->shift != NULL)
		pass->kernels->add_bias(output, finish->shift, rows, channels, finish->relu);
	else if (finish->relu)
		pass->kernels->relu(output, rows * channels, output);
}
