/*
 * emit.c: layers: their settings, weights and numbers, what is multiplied into them, and the result.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/onnx_internal.h"

/* ---- a layer --------------------------------------------------------------------------------------------------------- */

OnnxLayer *
emit_layer(Onnx *onnx, const OnnxNode *node, const char *type, int input, int64_t channels, int64_t height, int64_t width)
{
	OnnxLayer  *layer;

	if (onnx->layers == onnx->most_layers)
	{
		node_unsupported(onnx, node, NULL, "the network would have more than %d layers.", LIMIT_LAYERS);
		return NULL;
	}
	if (channels < 1 || height < 1 || width < 1 || channels > LIMIT_ACTIVATIONS || height > LIMIT_ACTIVATIONS ||
		width > LIMIT_ACTIVATIONS / height || channels > LIMIT_ACTIVATIONS / (height * width))
	{
		node_unsupported(onnx, node, NULL, "its output would be %lld channels of %lld x %lld; at most %d values are possible.",
						 (long long) channels, (long long) height, (long long) width, LIMIT_ACTIVATIONS);
		return NULL;
	}
	layer = &onnx->layer[++onnx->layers];
	*layer = (OnnxLayer) {
		.type = type, .input = input, .channels = (int) channels, .height = (int) height, .width = (int) width
	};
	return layer;
}

void
emit_setting(OnnxLayer *layer, const char *format, ...)
{
	size_t		length = strlen(layer->settings);
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(layer->settings + length, sizeof(layer->settings) - length, format, arguments);
	va_end(arguments);
}

void
emit_real(OnnxLayer *layer, const char *name, double value)
{
	char		text[32];

	for (int digits = 6; digits <= 9; digits++)
	{
		snprintf(text, sizeof text, "%.*g", digits, (double) (float) value);
		if ((float) strtod(text, NULL) == (float) value)
			break;
	}
	emit_setting(layer, ", \"%s\": %s", name, text);
}

bool
emit_parameters(Onnx *onnx, OnnxLayer *layer, size_t parameters, size_t statistics)
{
	layer->parameter_count = parameters;
	layer->statistic_count = statistics;
	layer->parameters = onnx_take(onnx, parameters, sizeof(float));
	layer->statistics = layer->parameters ? onnx_take(onnx, statistics, sizeof(float)) : NULL;
	return layer->statistics != NULL;
}

bool
emit_output_view(Onnx *onnx, const OnnxNode *node, const OnnxView *view)
{
	OnnxValue  *value = node_output(onnx, node);

	value->kind = VALUE_LAYER;
	value->layer = onnx->layers;
	value->view = *view;
	value->scale = 1;
	value->shift = 0;
	value->exclusive = true;
	return true;
}

bool
emit_output(Onnx *onnx, const OnnxNode *node, const char *axes)
{
	const OnnxLayer *layer = &onnx->layer[onnx->layers];
	OnnxView	view = view_make(axes, onnx->batch, layer->channels, layer->height, layer->width);

	return emit_output_view(onnx, node, &view);
}

OnnxLayer *
emit_like(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, const char *type)
{
	const OnnxLayer *from = value_layer(onnx, value);
	OnnxLayer  *layer = emit_layer(onnx, node, type, value->layer, from->channels, from->height, from->width);

	if (layer != NULL)
		emit_output_view(onnx, node, &value->view);
	return layer;
}

bool
emit_view(Onnx *onnx, const OnnxNode *node, const OnnxValue *from, const OnnxView *view)
{
	OnnxValue  *value = node_output(onnx, node);

	value->kind = VALUE_LAYER;
	value->layer = from->layer;
	value->view = *view;
	value->scale = from->scale;
	value->shift = from->shift;
	memcpy(value->pad, from->pad, sizeof(value->pad));
	value->exclusive = from->exclusive && from->consumers == 1;
	return true;
}

/* ---- scale and shift --------------------------------------------------------------------------------------------------- */

static void
scale_matrix(OnnxLayer *layer, const double *scale, const double *shift)
{
	size_t		maps = (size_t) layer->channels;
	size_t		part = maps / layer->groups;
	float	   *bias = layer->parameters + layer->rows * maps;

	for (size_t m = 0; m < maps; m++)
	{
		float	   *weight = layer->parameters + m / part * layer->rows * part + m % part;

		for (size_t row = 0; row < layer->rows; row++)
			weight[row * part] = (float) (weight[row * part] * scale[m]);
		bias[m] = (float) (bias[m] * scale[m] + shift[m]);
		if (bias[m] != 0)
			layer->bias = true;
	}
	layer->parameter_count = (layer->rows + layer->bias) * maps;
}

static void
scale_norm(OnnxLayer *layer, const double *scale, const double *shift)
{
	for (int c = 0; c < layer->channels; c++)
	{
		layer->parameters[c] = (float) (layer->parameters[c] * scale[c]);
		layer->parameters[layer->channels + c] = (float) (layer->parameters[layer->channels + c] * scale[c] + shift[c]);
	}
}

/*
 * A layer of its own is a convolution of 1 x 1 with as many groups as channels: unlike a batch norm it does the same in training.
 */
static bool
emit_scaling(Onnx *onnx, const OnnxNode *node, OnnxValue *value, const double *scale, const double *shift)
{
	const OnnxLayer *from = value_layer(onnx, value);
	size_t		channels = (size_t) from->channels;
	OnnxLayer  *layer = emit_layer(onnx, node, "conv", value->layer, from->channels, from->height, from->width);

	if (layer == NULL || !emit_parameters(onnx, layer, 2 * channels, 0))
		return false;
	emit_setting(layer, ", \"maps\": %zu, \"kernel\": 1, \"groups\": %zu", channels, channels);
	layer->folds = FOLDS_MATRIX;
	layer->groups = (int) channels;
	layer->rows = 1;
	layer->bias = true;
	for (size_t c = 0; c < channels; c++)
	{
		layer->parameters[c] = (float) scale[c];
		layer->parameters[channels + c] = (float) shift[c];
	}
	value->layer = onnx->layers;
	return true;
}

bool
emit_affine(Onnx *onnx, const OnnxNode *node, OnnxValue *value, const double *scale, const double *shift)
{
	OnnxLayer  *layer = &onnx->layer[value->layer];

	if (!value->exclusive || value->consumers != 1 || layer->folds == FOLDS_NOTHING)
		return emit_scaling(onnx, node, value, scale, shift);
	if (layer->folds == FOLDS_MATRIX)
		scale_matrix(layer, scale, shift);
	else
		scale_norm(layer, scale, shift);
	return true;
}

bool
emit_padding(Onnx *onnx, const OnnxNode *node, OnnxValue *value, const int64_t *channels)
{
	const OnnxLayer *from = value_layer(onnx, value);
	const char *axes = view_is(&value->view, "nchw") ? "nchw" : view_is(&value->view, "nhwc") ? "nhwc" : NULL;
	const int  *pad = value->pad;
	OnnxLayer  *layer;

	if (axes == NULL)
		return node_unsupported(onnx, node, NULL, "zeros were added around what is not [batch, channels, height, width].");
	layer = emit_layer(onnx, node, "pad", value->layer, from->channels + channels[0] + channels[1], from->height + pad[0] + pad[2],
					   from->width + pad[1] + pad[3]);
	if (layer == NULL)
		return false;
	if (padded(value))
		emit_setting(layer, ", \"padding\": [%d, %d, %d, %d]", pad[0], pad[1], pad[2], pad[3]);
	if (channels[0] + channels[1] > 0)
		emit_setting(layer, ", \"channels\": [%d, %d]", (int) channels[0], (int) channels[1]);
	value->layer = onnx->layers;
	value->view = view_make(axes, onnx->batch, layer->channels, layer->height, layer->width);
	value->exclusive = true;
	memset(value->pad, 0, sizeof value->pad);
	return true;
}

bool
emit_plain(Onnx *onnx, const OnnxNode *node, OnnxValue *value)
{
	const OnnxLayer *layer;
	double	   *scale;

	if (padded(value) && !emit_padding(onnx, node, value, (int64_t[]) {0, 0}))
		return false;
	layer = value_layer(onnx, value);
	if (value->scale == 1 && value->shift == 0)
		return true;
	scale = onnx_take(onnx, 2 * (size_t) layer->channels, sizeof(double));
	if (scale == NULL)
		return false;
	for (int c = 0; c < layer->channels; c++)
	{
		scale[c] = value->scale;
		scale[layer->channels + c] = value->shift;
	}
	if (!emit_affine(onnx, node, value, scale, scale + layer->channels))
		return false;
	value->scale = 1;
	value->shift = 0;
	return true;
}

/* ---- inputs of operators --------------------------------------------------------------------------------------------- */

bool
emit_reversal(Onnx *onnx, OnnxValue *value)
{
	const OnnxLayer *from = value_layer(onnx, value);
	OnnxNode	node = {.number = 0, .operator = {(const uint8_t *) "input", 5}};
	OnnxLayer  *layer = emit_layer(onnx, &node, "conv", value->layer, from->channels, from->height, from->width);

	if (layer == NULL || !emit_parameters(onnx, layer, 12, 0))
		return false;
	emit_setting(layer, ", \"maps\": 3, \"kernel\": 1");
	layer->folds = FOLDS_MATRIX;
	layer->groups = 1;
	layer->rows = 3;
	layer->parameter_count = 9;
	layer->parameters[2] = layer->parameters[4] = layer->parameters[6] = 1;
	value->layer = onnx->layers;
	value->reversed = false;
	return true;
}

/* Operators that what is around a value stays around, until it becomes part of a convolution. */
static bool
keeps_padding(const OnnxNode *node)
{
	static const char *const operators[] = {"Conv", "Pad", "Identity", "Dropout", "Cast", "Transpose"};

	for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
		if (bytes_are(node->operator, operators[i]))
			return true;
	return false;
}

OnnxValue *
node_layer(Onnx *onnx, const OnnxNode *node, int input)
{
	char		text[ONNX_NAME];
	OnnxValue  *value;

	if (input >= node->inputs || node->input[input] < 0)
	{
		node_broken(onnx, node, "its input %d is missing.", input + 1);
		return NULL;
	}
	value = &onnx->value[node->input[input]];
	if (value->kind == VALUE_LAYER)
	{
		/* a convolution can have its weights the other way round instead */
		bool		takes_reversed = bytes_are(node->operator, "Conv") && node_int(node, "group", 1) == 1;

		if (value->reversed && !takes_reversed && !emit_reversal(onnx, value))
			return NULL;
		if (padded(value) && !keeps_padding(node) && !emit_padding(onnx, node, value, (int64_t[]) {0, 0}))
			return NULL;
		return value;
	}
	node_unsupported(onnx, node, NULL, value->kind >= VALUE_SQUARE ? "its input \"%s\" is part of a length; only a division can end one."
					 : "its input \"%s\" is a constant, where a layer's output is needed.", onnx_name(value->name, text));
	return NULL;
}

/* ---- the result -------------------------------------------------------------------------------------------------------- */

#define LAYER_TEXT (sizeof(((OnnxLayer *) 0)->settings) + 160)	/* bytes of a layer's JSON, at most */

static char *
write_layers(const Onnx *onnx)
{
	size_t		room = (size_t) onnx->layers * LAYER_TEXT + 3;
	char	   *text = host_allocate(onnx->host, 1, room, onnx->status);
	size_t		at = 1;

	if (text == NULL)
		return NULL;
	text[0] = '[';
	for (int i = 1; i <= onnx->layers; i++)
	{
		const OnnxLayer *layer = &onnx->layer[i];

		at += (size_t) snprintf(text + at, room - at, "%s{\"type\": \"%s\"", i > 1 ? ", " : "", layer->type);
		if (layer->input != i - 1)
			at += (size_t) snprintf(text + at, room - at, ", \"input\": %d", layer->input);
		for (int k = 0; k < layer->sources; k++)
			at += (size_t) snprintf(text + at, room - at, "%s%d%s", k > 0 ? ", " : layer->sources > 1 ? ", \"from\": [" : ", \"from\": ",
									layer->from[k], layer->sources > 1 && k == layer->sources - 1 ? "]" : "");
		at += (size_t) snprintf(text + at, room - at, "%s%s}", layer->settings,
								layer->folds == FOLDS_MATRIX && !layer->bias ? ", \"bias\": false" : "");
	}
	snprintf(text + at, room - at, "]");
	return text;
}

static bool
copy_numbers(Onnx *onnx, const float *from, size_t count, int layer, float *to)
{
	for (size_t i = 0; i < count; i++)
	{
		if (!isfinite(from[i]))
			return onnx_broken(onnx, "A weight of layer %d (\"%s\") that was made of it is %g.", layer, onnx->layer[layer].type, from[i]);
		to[i] = from[i];
	}
	return true;
}

bool
emit_network(Onnx *onnx, OnnxNetwork *network)
{
	size_t		parameters = 0;
	size_t		statistics = 0;

	for (int i = 1; i <= onnx->layers; i++)
	{
		parameters += onnx->layer[i].parameter_count;
		statistics += onnx->layer[i].statistic_count;
	}
	if (parameters + statistics > LIMIT_PARAMETERS)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL, "It has %zu weights; at most %d are possible.",
						  parameters + statistics, LIMIT_PARAMETERS);
	network->layer_count = onnx->layers;
	network->parameter_count = parameters;
	network->statistic_count = statistics;
	network->layers = write_layers(onnx);
	if (network->layers == NULL)
		return false;
	network->parameters = host_allocate(onnx->host, parameters, sizeof(float), onnx->status);
	network->statistics = network->parameters ? host_allocate(onnx->host, statistics, sizeof(float), onnx->status) : NULL;
	if (network->statistics == NULL)
		return false;
	parameters = statistics = 0;
	for (int i = 1; i <= onnx->layers; i++)
	{
		const OnnxLayer *layer = &onnx->layer[i];

		if (!copy_numbers(onnx, layer->parameters, layer->parameter_count, i, network->parameters + parameters) ||
			!copy_numbers(onnx, layer->statistics, layer->statistic_count, i, network->statistics + statistics))
			return false;
		parameters += layer->parameter_count;
		statistics += layer->statistic_count;
	}
	return true;
}
