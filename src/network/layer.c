/*
 * layer.c: what several layer types share: errors, windows, initial weights, what follows a product.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "network/layer_internal.h"

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

void
layer_initialize_matrix(const NetworkLayer *layer, Random *random, size_t fan_in, size_t fan_out,
						real *matrix, real *bias)
{
	double		deviation = layer->initial_deviation;

	if (isnan(deviation))
		deviation = layer->rectifier_follows ? sqrt(2.0 / fan_in) : sqrt(2.0 / (fan_in + fan_out));
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
		pass->next->type->fold(pass->next, pass->weights, bias, fold, fold + layer->out.channels);
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
