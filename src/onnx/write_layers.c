/*
 * write_layers.c: the nodes of one layer of a file that is written.
 */
#include <stdio.h>
#include <string.h>

#include "onnx/write_internal.h"

/* One for each map or unit, if the layer has them. */
static bool
put_biases(Export *pass, int64_t count)
{
	const float *bias;

	if (!write_has_bias(pass))
		return true;
	bias = write_parameters(pass, (size_t) count);
	if (bias != NULL)
		put_vector(pass, 1, 1, count, bias);
	return bias != NULL;
}

static bool
put_conv(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	int64_t		kernel[2];
	int64_t		stride[2];
	int64_t		pad[4];
	int64_t		dilation[2];
	int64_t		maps = (int64_t) write_number(pass, "maps", 0);
	int64_t		groups = (int64_t) write_number(pass, "groups", 1);
	int64_t		part = maps / groups;
	int64_t		channels = in->c / groups;
	const float *from;
	float	   *to;
	WireOut		attributes = write_attributes(pass);

	write_sides(pass, "kernel", 2, 1, kernel);
	write_sides(pass, "stride", 2, 1, stride);
	write_sides(pass, "padding", 4, 0, pad);
	write_sides(pass, "dilation", 2, 1, dilation);
	from = write_parameters(pass, (size_t) (maps * channels * kernel[0] * kernel[1]));
	to = from != NULL ? host_allocate(pass->graph.host, (size_t) (maps * channels * kernel[0] * kernel[1]), sizeof(float), pass->status) : NULL;
	if (to == NULL)
		return false;
	for (int64_t m = 0; m < maps; m++)
		for (int64_t c = 0; c < channels; c++)
			for (int64_t p = 0; p < kernel[0] * kernel[1]; p++)
				to[(m * channels + c) * kernel[0] * kernel[1] + p] =
					from[((m / part * kernel[0] * kernel[1] + p) * channels + c) * part + m % part];
	put_tensor(pass, 0, 4, (int64_t[]) {maps, channels, kernel[0], kernel[1]}, to);
	host_release(pass->graph.host, to);
	if (!put_biases(pass, maps))
		return false;
	out_ints(&attributes, "kernel_shape", 2, kernel);
	out_ints(&attributes, "strides", 2, stride);
	out_ints(&attributes, "pads", 4, pad);
	out_ints(&attributes, "dilations", 2, dilation);
	out_int(&attributes, "group", groups);
	put_node(pass, "Conv", input, 1 + write_has_bias(pass), output, &attributes);
	*out = (Shape) {
		maps, (in->h + pad[0] + pad[2] - (kernel[0] - 1) * dilation[0] - 1) / stride[0] + 1,
		(in->w + pad[1] + pad[3] - (kernel[1] - 1) * dilation[1] - 1) / stride[1] + 1, false
	};
	return true;
}

/* To [batch, values] in our order: channels last, then flattened.  The new name is in flat. */
const char *
put_flat(Export *pass, const char *input, const Shape *in, char flat[WRITE_NAME])
{
	char		turned[WRITE_NAME];
	WireOut		attributes = write_attributes(pass);

	if (in->flat)
		return input;
	snprintf(turned, sizeof turned, "u%d", pass->layer);
	snprintf(flat, 32, "f%d", pass->layer);
	out_ints(&attributes, "perm", 4, (int64_t[]) {0, 2, 3, 1});
	put_node(pass, "Transpose", input, 0, turned, &attributes);
	put_node(pass, "Flatten", turned, 0, flat, NULL);
	return flat;
}

static bool
put_dense(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	int64_t		units = (int64_t) write_number(pass, "units", 0);
	int64_t		values = in->c * in->h * in->w;
	const float *from = write_parameters(pass, (size_t) (values * units));
	char		flat[WRITE_NAME];

	if (from == NULL)
		return false;
	put_tensor(pass, 0, 2, (int64_t[]) {values, units}, from);
	if (!put_biases(pass, units))
		return false;
	put_node(pass, "Gemm", put_flat(pass, input, in, flat), 1 + write_has_bias(pass), output, NULL);
	*out = (Shape) {units, 1, 1, true};
	return true;
}

static bool
put_pool(Export *pass, bool mean, const char *input, const char *output, const Shape *in, Shape *out)
{
	int64_t		kernel[2];
	int64_t		stride[2];
	int64_t		pad[4];
	int64_t		dilation[2];
	bool		up = write_number(pass, "ceil", 0) != 0;
	WireOut		attributes = write_attributes(pass);
	int64_t		size[2] = {in->h, in->w};

	write_sides(pass, "size", 2, 2, kernel);
	write_sides(pass, "padding", 4, 0, pad);
	write_sides(pass, "stride", 2, 0, stride);
	write_sides(pass, "dilation", 2, 1, dilation);
	if (mean && (dilation[0] > 1 || dilation[1] > 1))
		return write_refuse(pass, "mean_pool", "its window has gaps (dilation), which ONNX's AveragePool of opset 17 has not.");
	for (int i = 0; i < 2; i++)
	{
		int64_t		room;

		stride[i] = stride[i] == 0 ? kernel[i] : stride[i];
		room = size[i] + pad[i] + pad[i + 2] - (kernel[i] - 1) * dilation[i] - 1;
		size[i] = room / stride[i] + 1 + (up && room % stride[i] != 0 && (room / stride[i] + 1) * stride[i] < size[i] + pad[i]);
	}
	out_ints(&attributes, "kernel_shape", 2, kernel);
	out_ints(&attributes, "strides", 2, stride);
	out_ints(&attributes, "pads", 4, pad);
	if (up)
		out_int(&attributes, "ceil_mode", 1);
	if (mean)
		out_int(&attributes, "count_include_pad", write_number(pass, "count_padding", 0) != 0);
	else
		out_ints(&attributes, "dilations", 2, dilation);
	put_node(pass, mean ? "AveragePool" : "MaxPool", input, 0, output, &attributes);
	*out = (Shape) {in->c, size[0], size[1], false};
	return true;
}

static bool
put_norm(Export *pass, bool batch, const char *input, const char *output, const Shape *in)
{
	const float *parameters = write_parameters(pass, 2 * (size_t) in->c);
	const float *statistics = pass->definition->statistics + pass->statistic;
	WireOut		attributes = write_attributes(pass);

	pass->statistic += batch ? 2 * (size_t) in->c : 0;
	if (parameters == NULL || pass->statistic > pass->definition->statistic_count)
		return false;
	for (int i = 0; i < (batch ? 4 : 2); i++)
		put_vector(pass, i, 1, in->c, (i < 2 ? parameters : statistics) + i % 2 * in->c);
	out_real(&attributes, "epsilon", (float) write_number(pass, "epsilon", 1e-5));
	put_node(pass, batch ? "BatchNormalization" : "InstanceNormalization", input, batch ? 4 : 2, output, &attributes);
	return true;
}

static bool
put_unit_length(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	char		flat[WRITE_NAME];
	WireOut		attributes = write_attributes(pass);

	input = put_flat(pass, input, in, flat);
	out_int(&attributes, "axis", 1);
	out_int(&attributes, "p", 2);
	put_node(pass, "LpNormalization", input, 0, output, &attributes);
	*out = (Shape) {in->c * in->h * in->w, 1, 1, true};
	return true;
}

#define MAP_TENSOR 9			/* the number of its shape, which no layer's own tensors have */

/* Flattened values as a map of 1 x 1 pixels: the new name is in map. */
static const char *
put_map(Export *pass, const char *input, const Shape *in, int number, char map[WRITE_NAME])
{
	char		shape[WRITE_NAME];

	if (!in->flat)
		return input;
	snprintf(map, WRITE_NAME, "m%d_%d", pass->layer, number);
	snprintf(shape, sizeof shape, "t%d_%d", pass->layer, number);
	put_whole(pass, number, 4, (int64_t[]) {0, in->c, 1, 1});
	put_nodes(pass, "Reshape", (const char *[]) {input, shape, NULL}, (const char *[]) {map, NULL}, NULL);
	return map;
}

/* add, multiply, concat: the sources are further inputs.  Where only some are flattened, they become maps again. */
static bool
put_combined(Export *pass, const char *type, const char *input, const char *output, const Shape *in, Shape *out)
{
	char		name[ONNX_SOURCES + 1][WRITE_NAME];
	char		map[ONNX_SOURCES + 1][WRITE_NAME];
	const char *inputs[ONNX_SOURCES + 2] = {NULL};
	Shape		shape[ONNX_SOURCES + 1] = {*in};
	WireOut		axis = write_attributes(pass);
	bool		concat = strcmp(type, "concat") == 0;
	bool		flat = in->flat;
	int			count = 1;

	snprintf(name[0], sizeof name[0], "%s", input);
	for (; count <= ONNX_SOURCES; count++)
	{
		char		key[WRITE_NAME];
		int			from;

		snprintf(key, sizeof key, "from[%d]", count - 1);
		from = write_reference(pass, key);
		if (from < 0 && count == 1)
			from = write_reference(pass, "from");
		if (from < 0)
			break;
		shape[count] = pass->shape[from];
		flat = flat && shape[count].flat;
		snprintf(name[count], sizeof name[count], from == 0 ? "x" : "l%d", from);
		if (concat)
			out->c += shape[count].c;
		else if (shape[count].h * shape[count].w > 1)
			*out = shape[count];
	}
	for (int i = 0; i < count; i++)
		inputs[i] = flat ? name[i] : put_map(pass, name[i], &shape[i], i, map[i]);
	out->flat = flat;
	if (concat)
		out_int(&axis, "axis", 1);
	put_nodes(pass, concat ? "Concat" : strcmp(type, "add") == 0 ? "Add" : "Mul", inputs, (const char *[]) {output, NULL}, &axis);
	return true;
}

typedef struct Activation
{
	const char *type;
	const char *operator;
	const char *key[2];
	const char *attribute[2];
	double		otherwise[2];
} Activation;

static const Activation activations[] = {
	{"relu", "Relu", {NULL}, {NULL}, {0}}, {"sigmoid", "Sigmoid", {NULL}, {NULL}, {0}}, {"tanh", "Tanh", {NULL}, {NULL}, {0}},
	{"hard_swish", "HardSwish", {NULL}, {NULL}, {0}}, {"dropout", "Identity", {NULL}, {NULL}, {0}},
	{"leaky_relu", "LeakyRelu", {"slope"}, {"alpha"}, {0.01}}, {"elu", "Elu", {"alpha"}, {"alpha"}, {1}},
	{"selu", "Selu", {"alpha", "gamma"}, {"alpha", "gamma"}, {1.6732632423543772, 1.0507009873554805}},
	{"hard_sigmoid", "HardSigmoid", {"slope", "offset"}, {"alpha", "beta"}, {1.0 / 6, 0.5}}
};

bool
put_layer(Export *pass, const char *type, const char *input, const char *output, const Shape *in, Shape *out)
{
	char		flat[WRITE_NAME];
	char		map[WRITE_NAME];
	Shape		map_in = *in;

	*out = *in;
	if (strcmp(type, "dense") == 0)
		return put_dense(pass, input, output, in, out);
	if (strcmp(type, "l2_norm") == 0)
		return put_unit_length(pass, input, output, in, out);
	if (strcmp(type, "add") == 0 || strcmp(type, "multiply") == 0 || strcmp(type, "concat") == 0)
		return put_combined(pass, type, input, output, in, out);
	if (strcmp(type, "batch_norm") == 0)
		return put_norm(pass, true, input, output, in);
	if (strcmp(type, "flatten") == 0)
	{
		put_node(pass, "Identity", put_flat(pass, input, in, flat), 0, output, NULL);
		*out = (Shape) {in->c * in->h * in->w, 1, 1, true};
		return true;
	}
	if (strcmp(type, "prelu") == 0)
	{
		const float *slopes = write_parameters(pass, (size_t) in->c);

		if (slopes == NULL)
			return false;
		put_vector(pass, 0, in->flat ? 1 : 3, in->c, slopes);
		put_node(pass, "PRelu", input, 1, output, NULL);
		return true;
	}
	if (strcmp(type, "clip") == 0)
	{
		put_vector(pass, 0, 0, 1, &(float) {(float) write_number(pass, "low", 0)});
		put_vector(pass, 1, 0, 1, &(float) {(float) write_number(pass, "high", 6)});
		put_node(pass, "Clip", input, 2, output, NULL);
		return true;
	}
	for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
		if (strcmp(type, activations[i].type) == 0)
		{
			WireOut		attributes = write_attributes(pass);

			for (int k = 0; k < 2 && activations[i].key[k] != NULL; k++)
				out_real(&attributes, activations[i].attribute[k], (float) write_number(pass, activations[i].key[k], activations[i].otherwise[k]));
			put_node(pass, activations[i].operator, input, 0, output, &attributes);
			return true;
		}
	if (strcmp(type, "pair") == 0)
	{
		put_pair(pass, input, output, in, out);
		return true;
	}
	/* values that were flattened, as a map of 1 x 1 pixels */
	input = put_map(pass, input, in, MAP_TENSOR, map);
	out->flat = false;
	map_in.flat = false;
	in = &map_in;
	if (strcmp(type, "local_response_norm") == 0)
		return put_response_norm(pass, input, output);
	if (strcmp(type, "pad") == 0)
		return put_pad(pass, input, output, in, out);
	if (strcmp(type, "adaptive_mean_pool") == 0)
		return put_adaptive_pool(pass, input, output, in, out);
	if (strcmp(type, "attention_pool") == 0)
		return put_attention(pass, input, output, in, out);
	if (strcmp(type, "conv") == 0)
		return put_conv(pass, input, output, in, out);
	if (strcmp(type, "max_pool") == 0 || strcmp(type, "mean_pool") == 0)
		return put_pool(pass, type[1] == 'e', input, output, in, out);
	if (strcmp(type, "instance_norm") == 0)
		return put_norm(pass, false, input, output, in);
	if (strcmp(type, "global_mean") == 0 || strcmp(type, "global_max") == 0)
	{
		put_node(pass, type[8] == 'e' ? "GlobalAveragePool" : "GlobalMaxPool", input, 0, output, NULL);
		out->h = out->w = 1;
		return true;
	}
	return write_refuse(pass, type, "it has no counterpart among ONNX's operators.");
}
