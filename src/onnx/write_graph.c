/*
 * write_graph.c: onnx_export(): layers of a definition and their weights -> an ONNX file of opset 17.
 *
 * Tensors are [batch, channels, height, width]; after a flatten or a dense layer [batch, values].  Values of a flattened map would
 * stand in another order than ours, so a dense layer's weights are turned, and a map at the end is transposed before.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "onnx/onnx_internal.h"
#include "onnx/write_wire.h"

typedef struct Shape
{
	int64_t		c;
	int64_t		h;
	int64_t		w;
	bool		flat;			/* [batch, values], in our order of values */
} Shape;

typedef struct Export
{
	const OnnxDefinition *definition;
	Status	   *status;
	WireOut		graph;
	int			layer;			/* from 1 */
	Shape		shape[LIMIT_LAYERS + 2];	/* of outputs; 0: the input */
	size_t		parameter;		/* that are used up */
	size_t		statistic;
} Export;

static bool
refuse(Export *pass, const char *type, const char *why)
{
	return status_set(pass->status, STATUS_ONNX_UNSUPPORTED, NULL, "Layer %d (\"%s\"): %s", pass->layer, type, why);
}

/* ---- settings ---------------------------------------------------------------------------------------------------------- */

static const NetworkSetting *
find_setting(const Export *pass, int layer, const char *key)
{
	char		path[96];

	snprintf(path, sizeof path, "layers[%d].%s", layer - 1, key);
	for (int i = 0; i < pass->definition->count; i++)
		if (strcmp(pass->definition->settings[i].path, path) == 0 && pass->definition->settings[i].kind != SETTING_EMPTY)
			return &pass->definition->settings[i];
	return NULL;
}

static double
number_of(const Export *pass, const char *key, double otherwise)
{
	const NetworkSetting *setting = find_setting(pass, pass->layer, key);

	return setting != NULL ? setting->number : otherwise;
}

/* A number for all, or an array of two or four. */
static void
sides_of(const Export *pass, const char *key, int count, int64_t otherwise, int64_t *side)
{
	char		element[64];

	for (int i = 0; i < count; i++)
	{
		snprintf(element, sizeof element, "%s[%d]", key, i);
		side[i] = (int64_t) number_of(pass, element, number_of(pass, key, (double) otherwise));
	}
	/* [height, width] for both ends */
	snprintf(element, sizeof element, "%s[2]", key);
	if (count == 4 && find_setting(pass, pass->layer, element) == NULL)
	{
		side[2] = side[0];
		side[3] = side[1];
	}
}

/* The number of the layer that a setting names; -1: not given. */
static int
reference_of(const Export *pass, const char *key)
{
	const NetworkSetting *setting = find_setting(pass, pass->layer, key);

	if (setting == NULL)
		return -1;
	if (setting->kind != SETTING_TEXT)
		return (int) setting->number;
	for (int i = pass->layer - 1; i > 0; i--)
	{
		const NetworkSetting *name = find_setting(pass, i, "name");

		if (name != NULL && name->kind == SETTING_TEXT && strcmp(name->text, setting->text) == 0)
			return i;
	}
	return -1;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------- */

static const float *
take_parameters(Export *pass, size_t count)
{
	const float *parameters = pass->definition->parameters + pass->parameter;

	pass->parameter += count;
	return pass->parameter <= pass->definition->parameter_count ? parameters : NULL;
}

/* A node with the inputs "l3" (layers) and "t3_0" (tensors of this layer); further ones may be NULL. */
static void
put_node(Export *pass, const char *operator, const char *input, int tensors, const char *output, WireOut *attributes)
{
	WireOut		node = {.host = pass->graph.host, .status = pass->status};
	char		name[32];

	out_text(&node, 1, input);
	for (int i = 0; i < tensors; i++)
	{
		snprintf(name, sizeof name, "t%d_%d", pass->layer, i);
		out_text(&node, 1, name);
	}
	out_text(&node, 2, output);
	out_text(&node, 3, output);
	out_text(&node, 4, operator);
	if (attributes != NULL)
		out_bytes(&node, attributes->start, attributes->length);
	out_message(&pass->graph, 1, &node);
	if (attributes != NULL)
		out_free(attributes);
}

static WireOut
attributes_of(const Export *pass)
{
	return (WireOut) {.host = pass->graph.host, .status = pass->status};
}

static bool
has_bias(const Export *pass)
{
	return number_of(pass, "bias", 1) != 0;
}

/* An initializer of the layer. */
static void
put_tensor(Export *pass, int number, int rank, const int64_t *dim, const float *value)
{
	char		name[32];

	snprintf(name, sizeof name, "t%d_%d", pass->layer, number);
	out_tensor(&pass->graph, name, rank, dim, value);
}

static void
put_vector(Export *pass, int number, int rank, int64_t count, const float *value)
{
	put_tensor(pass, number, rank, (int64_t[]) {count, 1, 1}, value);
}

/* One for each map or unit, if the layer has them. */
static bool
put_biases(Export *pass, int64_t count)
{
	const float *bias;

	if (!has_bias(pass))
		return true;
	bias = take_parameters(pass, (size_t) count);
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
	int64_t		maps = (int64_t) number_of(pass, "maps", 0);
	int64_t		groups = (int64_t) number_of(pass, "groups", 1);
	int64_t		part = maps / groups;
	int64_t		channels = in->c / groups;
	const float *from;
	float	   *to;
	WireOut		attributes = attributes_of(pass);

	sides_of(pass, "kernel", 2, 1, kernel);
	sides_of(pass, "stride", 2, 1, stride);
	sides_of(pass, "padding", 4, 0, pad);
	sides_of(pass, "dilation", 2, 1, dilation);
	from = take_parameters(pass, (size_t) (maps * channels * kernel[0] * kernel[1]));
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
	put_node(pass, "Conv", input, 1 + has_bias(pass), output, &attributes);
	*out = (Shape) {
		maps, (in->h + pad[0] + pad[2] - (kernel[0] - 1) * dilation[0] - 1) / stride[0] + 1,
		(in->w + pad[1] + pad[3] - (kernel[1] - 1) * dilation[1] - 1) / stride[1] + 1, false
	};
	return true;
}

/* To [batch, values] in our order: channels last, then flattened.  The new name is in flat. */
static const char *
put_flat(Export *pass, const char *input, const Shape *in, char flat[32])
{
	char		turned[32];
	WireOut		attributes = attributes_of(pass);

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
	int64_t		units = (int64_t) number_of(pass, "units", 0);
	int64_t		values = in->c * in->h * in->w;
	const float *from = take_parameters(pass, (size_t) (values * units));
	char		flat[32];

	if (from == NULL)
		return false;
	put_tensor(pass, 0, 2, (int64_t[]) {values, units}, from);
	if (!put_biases(pass, units))
		return false;
	put_node(pass, "Gemm", put_flat(pass, input, in, flat), 1 + has_bias(pass), output, NULL);
	*out = (Shape) {units, 1, 1, true};
	return true;
}

static bool
put_pool(Export *pass, bool mean, const char *input, const char *output, const Shape *in, Shape *out)
{
	int64_t		kernel[2];
	int64_t		stride[2];
	int64_t		pad[4];
	bool		up = number_of(pass, "ceil", 0) != 0;
	WireOut		attributes = attributes_of(pass);
	int64_t		size[2] = {in->h, in->w};

	sides_of(pass, "size", 2, 2, kernel);
	sides_of(pass, "padding", 4, 0, pad);
	sides_of(pass, "stride", 2, 0, stride);
	for (int i = 0; i < 2; i++)
	{
		int64_t		room;

		stride[i] = stride[i] == 0 ? kernel[i] : stride[i];
		room = size[i] + pad[i] + pad[i + 2] - kernel[i];
		size[i] = room / stride[i] + 1 + (up && room % stride[i] != 0 && (room / stride[i] + 1) * stride[i] < size[i] + pad[i]);
	}
	out_ints(&attributes, "kernel_shape", 2, kernel);
	out_ints(&attributes, "strides", 2, stride);
	out_ints(&attributes, "pads", 4, pad);
	if (up)
		out_int(&attributes, "ceil_mode", 1);
	if (mean)
		out_int(&attributes, "count_include_pad", number_of(pass, "count_padding", 0) != 0);
	put_node(pass, mean ? "AveragePool" : "MaxPool", input, 0, output, &attributes);
	*out = (Shape) {in->c, size[0], size[1], false};
	return true;
}

static bool
put_norm(Export *pass, bool batch, const char *input, const char *output, const Shape *in)
{
	const float *parameters = take_parameters(pass, 2 * (size_t) in->c);
	const float *statistics = pass->definition->statistics + pass->statistic;
	WireOut		attributes = attributes_of(pass);

	pass->statistic += batch ? 2 * (size_t) in->c : 0;
	if (parameters == NULL || pass->statistic > pass->definition->statistic_count)
		return false;
	for (int i = 0; i < (batch ? 4 : 2); i++)
		put_vector(pass, i, 1, in->c, (i < 2 ? parameters : statistics) + i % 2 * in->c);
	out_real(&attributes, "epsilon", (float) number_of(pass, "epsilon", 1e-5));
	put_node(pass, batch ? "BatchNormalization" : "InstanceNormalization", input, batch ? 4 : 2, output, &attributes);
	return true;
}

static bool
put_unit_length(Export *pass, const char *input, const char *output, const Shape *in, Shape *out)
{
	char		flat[32];
	WireOut		attributes = attributes_of(pass);

	input = put_flat(pass, input, in, flat);
	out_int(&attributes, "axis", 1);
	out_int(&attributes, "p", 2);
	put_node(pass, "LpNormalization", input, 0, output, &attributes);
	*out = (Shape) {in->c * in->h * in->w, 1, 1, true};
	return true;
}

/* add, multiply, concat: the sources are further inputs. */
static bool
put_combined(Export *pass, const char *type, const char *input, const char *output, const Shape *in, Shape *out)
{
	char		inputs[ONNX_SOURCES][32];
	int			count = 0;
	WireOut		node = {.host = pass->graph.host, .status = pass->status};
	WireOut		axis = attributes_of(pass);

	for (; count < ONNX_SOURCES; count++)
	{
		char		key[32];
		int			from;

		snprintf(key, sizeof key, "from[%d]", count);
		from = reference_of(pass, key);
		if (from < 0 && count == 0)
			from = reference_of(pass, "from");
		if (from < 0)
			break;
		if (pass->shape[from].flat != in->flat)
			return refuse(pass, type, "it joins a map with flattened values.");
		snprintf(inputs[count], sizeof inputs[count], from == 0 ? "x" : "l%d", from);
		if (strcmp(type, "concat") == 0)
			out->c += pass->shape[from].c;
		else if (pass->shape[from].h * pass->shape[from].w > 1)
			*out = pass->shape[from];
	}
	out_text(&node, 1, input);
	for (int i = 0; i < count; i++)
		out_text(&node, 1, inputs[i]);
	out_text(&node, 2, output);
	out_text(&node, 3, output);
	out_text(&node, 4, strcmp(type, "concat") == 0 ? "Concat" : strcmp(type, "add") == 0 ? "Add" : "Mul");
	if (strcmp(type, "concat") == 0)
	{
		out_int(&axis, "axis", 1);
		out_bytes(&node, axis.start, axis.length);
		out_free(&axis);
	}
	out_message(&pass->graph, 1, &node);
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

static bool
put_layer(Export *pass, const char *type, const char *input, const char *output, const Shape *in, Shape *out)
{
	char		flat[32];

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
		const float *slopes = take_parameters(pass, (size_t) in->c);

		if (slopes == NULL)
			return false;
		put_vector(pass, 0, in->flat ? 1 : 3, in->c, slopes);
		put_node(pass, "PRelu", input, 1, output, NULL);
		return true;
	}
	if (strcmp(type, "clip") == 0)
	{
		put_vector(pass, 0, 0, 1, &(float) {(float) number_of(pass, "low", 0)});
		put_vector(pass, 1, 0, 1, &(float) {(float) number_of(pass, "high", 6)});
		put_node(pass, "Clip", input, 2, output, NULL);
		return true;
	}
	for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
		if (strcmp(type, activations[i].type) == 0)
		{
			WireOut		attributes = attributes_of(pass);

			for (int k = 0; k < 2 && activations[i].key[k] != NULL; k++)
				out_real(&attributes, activations[i].attribute[k], (float) number_of(pass, activations[i].key[k], activations[i].otherwise[k]));
			put_node(pass, activations[i].operator, input, 0, output, &attributes);
			return true;
		}
	if (in->flat)
		return refuse(pass, type, "it needs a map, but its input was flattened.");
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
	return refuse(pass, type, "it has no counterpart among ONNX's operators.");
}

/* ---- the file ---------------------------------------------------------------------------------------------------------- */

/* ValueInfoProto of floats [batch, ...]. */
static void
put_value(Export *pass, int field, const char *name, int rank, const int64_t *dim)
{
	WireOut		shape = attributes_of(pass);
	WireOut		tensor = attributes_of(pass);
	WireOut		type = attributes_of(pass);
	WireOut		value = attributes_of(pass);

	for (int i = 0; i < rank; i++)
	{
		WireOut		part = attributes_of(pass);

		if (dim[i] == 0)
			out_text(&part, 2, "batch");
		else
			out_number(&part, 1, (uint64_t) dim[i]);
		out_message(&shape, 1, &part);
	}
	out_number(&tensor, 1, ONNX_FLOAT);
	out_message(&tensor, 2, &shape);
	out_message(&type, 1, &tensor);
	out_text(&value, 1, name);
	out_message(&value, 2, &type);
	out_message(&pass->graph, field, &value);
}

static bool
put_layers(Export *pass)
{
	char		input[32];
	char		output[32];
	char		flat[32];
	int64_t		values;

	for (pass->layer = 1; pass->layer <= pass->definition->layers; pass->layer++)
	{
		const NetworkSetting *type = find_setting(pass, pass->layer, "type");
		int			from = reference_of(pass, "input");

		from = from < 0 ? pass->layer - 1 : from;
		snprintf(input, sizeof input, from == 0 ? "x" : "l%d", from);
		snprintf(output, sizeof output, "l%d", pass->layer);
		if (type == NULL || type->kind != SETTING_TEXT || from >= pass->layer)
			return refuse(pass, "", "it has no type.");
		if (!put_layer(pass, type->text, input, output, &pass->shape[from], &pass->shape[pass->layer]))
			return false;
	}
	/* the embedding: [batch, values] in our order; for the join "weighted_l1" times its weights */
	snprintf(input, sizeof input, "l%d", pass->definition->layers);
	values = pass->shape[pass->layer - 1].c * pass->shape[pass->layer - 1].h * pass->shape[pass->layer - 1].w;
	snprintf(output, sizeof output, "%s", put_flat(pass, input, &pass->shape[pass->layer - 1], flat));
	if (pass->definition->weighted)
	{
		const float *theta = take_parameters(pass, (size_t) values);
		float	   *to = theta != NULL ? host_allocate(pass->graph.host, (size_t) values, sizeof(float), pass->status) : NULL;

		if (to == NULL)
			return false;
		for (int64_t i = 0; i < values; i++)
			to[i] = (float) (theta[i] > 30 ? theta[i] : log1p(exp(theta[i])));
		put_tensor(pass, 0, 1, &values, to);
		host_release(pass->graph.host, to);
		put_node(pass, "Mul", output, 1, "embedding", NULL);
	}
	else
		put_node(pass, "Identity", output, 0, "embedding", NULL);
	put_value(pass, 11, "x", 4, (int64_t[]) {0, pass->shape[0].c, pass->shape[0].h, pass->shape[0].w});
	put_value(pass, 12, "embedding", 2, (int64_t[]) {0, values});
	out_text(&pass->graph, 2, "siamese");
	return true;
}

bool
onnx_export(const OnnxDefinition *definition, const Host *host, uint8_t **bytes, size_t *length, Status *status)
{
	Export	   *pass = host_allocate_zero(host, 1, sizeof(Export), status);
	WireOut		file = {.host = host, .status = status};
	WireOut		opset = {.host = host, .status = status};
	WireOut		entry = {.host = host, .status = status};
	bool		done;

	if (pass == NULL)
		return false;
	pass->definition = definition;
	pass->status = status;
	pass->graph = (WireOut) {.host = host, .status = status};
	pass->shape[0] = (Shape) {definition->channels, definition->height, definition->width, false};
	status->code = STATUS_OK;
	done = put_layers(pass);
	if (!done && status->code == STATUS_OK)
		status_set(status, STATUS_ARGUMENT, NULL, "Layer %d needs more weights than there are.", pass->layer);
	out_number(&file, 1, 8);
	out_text(&file, 2, "siamese");
	done = done && !pass->graph.failed;
	if (done)
		out_message(&file, 7, &pass->graph);
	else
		out_free(&pass->graph);
	out_number(&opset, 2, 17);
	out_message(&file, 8, &opset);
	out_text(&entry, 1, "siamese.input");
	out_text(&entry, 2, definition->preparation);
	out_message(&file, 14, &entry);
	done = done && !file.failed;
	host_release(host, pass);
	if (!done)
	{
		out_free(&file);
		return false;
	}
	*bytes = file.start;
	*length = file.length;
	return true;
}
