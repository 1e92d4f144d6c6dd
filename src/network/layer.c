/*
 * layer.c: what several layer types share: errors, windows, initial weights, what follows a product.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "network/layer_internal.h"

#define VALUES_BETWEEN 65536	/* checks for interrupts */

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
layer_padding(NetworkLayer *layer, const SettingMargins *given, int *padding, Status *status)
{
	if (given->count == 1 || given->count == 3)
		return layer_error(layer, status, "Give a number, [height, width], or [top, left, bottom, right].",
						   "\"padding\" has %d numbers.", given->count);
	for (int side = 0; side < 4; side++)
		padding[side] = given->side[given->count == 2 ? side % 2 : side];
	return true;
}

void
layer_describe_padding(const int *padding, char *text, size_t size)
{
	if (padding[0] != padding[2] || padding[1] != padding[3])
		snprintf(text, size, ", padding %d,%d,%d,%d", padding[0], padding[1], padding[2], padding[3]);
	else if (padding[0] != 0 || padding[1] != 0)
		snprintf(text, size, ", padding %d", padding[0]);
}

bool
layer_window(NetworkLayer *layer, const int *kernel, int *stride, const int *padding, bool ceil, Status *status)
{
	int			size[2] = {layer->in.height, layer->in.width};
	int			out[2];

	for (int side = 0; side < 2; side++)
	{
		int			room = size[side] + padding[side] + padding[side + 2];
		int			most = padding[side] > padding[side + 2] ? padding[side] : padding[side + 2];

		if (kernel[side] == 0)
			return layer_error(layer, status, "", "its window has no %s.", side == 0 ? "height" : "width");
		if (stride[side] == 0)
			stride[side] = kernel[side];
		if (most >= kernel[side])
			return layer_error(layer, status, "", "padding %d is not less than the window's %d.", most, kernel[side]);
		if (kernel[side] > room)
			return layer_error(layer, status, "", "a window of %d x %d is larger than the map of %d x %d.",
							   kernel[0], kernel[1], layer->in.height, layer->in.width);
		out[side] = (room - kernel[side]) / stride[side] + 1;
		if (ceil && (room - kernel[side]) % stride[side] != 0 && out[side] * stride[side] < size[side] + padding[side])
			out[side]++;
	}
	layer->out.height = out[0];
	layer->out.width = out[1];
	return true;
}

void
layer_initialize_matrix(const InitializePass *pass, const LayerInitial *initial, size_t fan_in, size_t fan_out)
{
	const NetworkLayer *layer = pass->layer;
	double		deviation = initial->deviation;

	if (isnan(deviation))
		deviation = layer->rectifier_follows ? sqrt(2.0 / fan_in) : sqrt(2.0 / (fan_in + fan_out));
	for (size_t i = 0; i < layer->decay_count; i++)
	{
		if (i % VALUES_BETWEEN == VALUES_BETWEEN - 1 && pass->host->interrupted != NULL &&
			pass->host->interrupted(pass->host->context))
			return;
		pass->parameters[i] = (real) (deviation * random_normal(pass->random));
	}
	for (size_t i = layer->decay_count; i < layer->parameter_count; i++)
		pass->parameters[i] = (real) (initial->bias_mean + initial->bias_deviation * random_normal(pass->random));
}

LayerFinish
layer_finish(const LayerPass *pass, const real *bias, real *fold)
{
	const NetworkLayer *layer = pass->layer;
	LayerFinish finish = {.shift = bias, .relu = layer->plan.fuses_relu};

	if (!pass->training && layer->plan.folds_norm)
	{
		pass->next->type->fold(pass->next, pass->weights, bias, fold, fold + layer->out.channels);
		finish = (LayerFinish) {.scale = fold, .shift = fold + layer->out.channels, .relu = layer->plan.folds_relu};
	}
	if (!pass->training)
		finish.activation = layer->plan.activation;
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
	layer_activate_rows(pass, finish, rows, output);
}

void
layer_activate_rows(const LayerPass *pass, const LayerFinish *finish, size_t rows, real *output)
{
	if (finish->activation != NULL)
		finish->activation->type->activate(finish->activation, pass->kernels, pass->weights, output, rows, output);
}
