/*
 * window.c: operators with a window, Conv and pooling, and means and maxima over rows, columns and channels.
 *
 * Tensors are [batch, channels, height, width], or [batch, channels, width], which is a map of height 1; or [batch, channels, width,
 * height], of maps that were transposed, and of sequences with a further axis behind.
 */
#include <string.h>

#include "onnx/onnx_internal.h"

typedef struct Window
{
	int64_t		kernel[2];		/* height, width */
	int64_t		stride[2];
	int64_t		dilation[2];
	int64_t		pad[4];			/* top, left, bottom, right */
	int64_t		out[2];
	bool		rounded_up;		/* the last window reaches beyond the padding */
	bool		turned;			/* the file's height is our width */
} Window;

OnnxValue *
map_input(Onnx *onnx, const OnnxNode *node, const char **axes, bool *turned)
{
	OnnxValue  *value = node_layer(onnx, node, 0);

	if (value == NULL)
		return NULL;
	*turned = false;
	*axes = value->view.rank == 3 ? "ncw" : "nchw";
	if (view_is(&value->view, *axes))
		return value;
	*turned = true;
	*axes = "ncwh";
	if (view_is(&value->view, *axes))
		return value;
	node_unsupported(onnx, node, NULL, "its input is not [batch, channels, height, width] of a layer's output.");
	return NULL;
}

/* As many numbers as there are sides, in the last places; the others keep what they have. */
static bool
read_sides(Onnx *onnx, const OnnxNode *node, const char *name, int sides, int64_t least, int64_t *side)
{
	int64_t		number[4];
	int			count = node_ints(node, name, number, 2);

	if (count < 0)
		return true;
	if (count != sides)
		return node_broken(onnx, node, "\"%s\" has %d numbers; its input has %d sides.", name, count, sides);
	for (int i = 0; i < sides; i++)
	{
		if (number[i] < least || number[i] > INT32_MAX)
			return node_broken(onnx, node, "\"%s\" has a %lld.", name, (long long) number[i]);
		side[2 - sides + i] = number[i];
	}
	return true;
}

static bool
read_pads(Onnx *onnx, const OnnxNode *node, int sides, Window *window)
{
	int64_t		number[4];
	int			count = node_ints(node, "pads", number, 4);

	if (count < 0)
		return true;
	if (count != 2 * sides)
		return node_broken(onnx, node, "\"pads\" has %d numbers; its input has %d sides.", count, sides);
	for (int i = 0; i < count; i++)
	{
		if (number[i] < 0 || number[i] > INT32_MAX)
			return node_broken(onnx, node, "\"pads\" has a %lld.", (long long) number[i]);
		window->pad[(i < sides ? 0 : 2) + 2 - sides + i % sides] = number[i];
	}
	return true;
}

static void
exchange(int64_t *a, int64_t *b)
{
	int64_t		held = *a;

	*a = *b;
	*b = held;
}

/* What the node says of its height is of our width, and the other way round. */
static void
turn_window(Window *window)
{
	exchange(&window->kernel[0], &window->kernel[1]);
	exchange(&window->stride[0], &window->stride[1]);
	exchange(&window->dilation[0], &window->dilation[1]);
	exchange(&window->pad[0], &window->pad[1]);
	exchange(&window->pad[2], &window->pad[3]);
}

/* Padding so that the output has the input's size over the stride, rounded up. */
static void
pad_same(const int64_t *in, bool upper, Window *window)
{
	for (int side = 0; side < 2; side++)
	{
		int64_t		reach = (window->kernel[side] - 1) * window->dilation[side] + 1;
		int64_t		out = (in[side] + window->stride[side] - 1) / window->stride[side];
		int64_t		sum = (out - 1) * window->stride[side] + reach - in[side];

		sum = sum < 0 ? 0 : sum;
		window->pad[side + (upper ? 0 : 2)] = sum / 2;
		window->pad[side + (upper ? 2 : 0)] = sum - sum / 2;
	}
}

/* The kernel may be set before, from the weights. */
static bool
read_window(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, Window *window)
{
	const OnnxLayer *layer = value_layer(onnx, value);
	int64_t		in[2] = {layer->height, layer->width};
	OnnxBytes	automatic = node_text(node, "auto_pad");
	int			sides = value->view.rank - 2;

	for (int side = 0; side < 2; side++)
		window->stride[side] = window->dilation[side] = 1;
	if (!read_sides(onnx, node, "kernel_shape", sides, 1, window->kernel) ||
		!read_sides(onnx, node, "strides", sides, 1, window->stride) ||
		!read_sides(onnx, node, "dilations", sides, 1, window->dilation))
		return false;
	for (int side = 0; side < 2; side++)
		if (window->kernel[side] > LIMIT_ACTIVATIONS || window->dilation[side] > LIMIT_ACTIVATIONS || window->stride[side] > LIMIT_ACTIVATIONS)
			return node_unsupported(onnx, node, NULL, "its window is of %lld x %lld.", (long long) window->kernel[0], (long long) window->kernel[1]);
	if ((automatic.length == 0 || bytes_are(automatic, "NOTSET")) && !read_pads(onnx, node, sides, window))
		return false;
	if (window->turned)
		turn_window(window);
	if (bytes_are(automatic, "SAME_UPPER") || bytes_are(automatic, "SAME_LOWER"))
		pad_same(in, bytes_are(automatic, "SAME_UPPER"), window);
	else if (automatic.length > 0 && !bytes_are(automatic, "NOTSET") && !bytes_are(automatic, "VALID"))
		return node_broken(onnx, node, "\"auto_pad\" is none that is known.");
	for (int side = 0; side < 2; side++)
	{
		int64_t		reach = (window->kernel[side] - 1) * window->dilation[side] + 1;
		int64_t		room;

		window->pad[side] += value->pad[side];
		window->pad[side + 2] += value->pad[side + 2];
		room = in[side] + window->pad[side] + window->pad[side + 2] - reach;
		if (room < 0)
			return node_unsupported(onnx, node, NULL, "its window of %lld is larger than its input of %lld.", (long long) reach,
									(long long) in[side]);
		window->out[side] = room / window->stride[side] + 1;
		/* a further window that begins within the input, or the padding before it */
		if (node_int(node, "ceil_mode", 0) != 0 && room % window->stride[side] != 0 &&
			window->out[side] * window->stride[side] < in[side] + window->pad[side])
		{
			window->out[side]++;
			window->rounded_up = true;
		}
	}
	return true;
}

static void
emit_sides(OnnxLayer *layer, const char *name, const int64_t *side)
{
	if (side[0] == side[1])
		emit_setting(layer, ", \"%s\": %lld", name, (long long) side[0]);
	else
		emit_setting(layer, ", \"%s\": [%lld, %lld]", name, (long long) side[0], (long long) side[1]);
}

static void
set_padding(OnnxLayer *layer, const int64_t *pad)
{
	if (pad[0] == pad[2] && pad[1] == pad[3])
	{
		if (pad[0] != 0 || pad[1] != 0)
			emit_sides(layer, "padding", pad);
	}
	else
		emit_setting(layer, ", \"padding\": [%lld, %lld, %lld, %lld]", (long long) pad[0], (long long) pad[1], (long long) pad[2],
					 (long long) pad[3]);
}

/* ---- convolution ------------------------------------------------------------------------------------------------------- */

/*
 * Weights [maps, channels / groups, height, width] -> [groups, height, width, channels / groups, maps / groups].  With a
 * pending scale they are multiplied by it; a shift counts as the sum of a window's weights.
 */
static void
copy_weights(const OnnxConstant *weights, const Window *window, const OnnxValue *value, OnnxLayer *layer, const OnnxConstant *bias)
{
	size_t		maps = (size_t) layer->channels;
	size_t		part = maps / layer->groups;
	size_t		channels = (size_t) weights->dim[1];
	size_t		height = (size_t) window->kernel[0];
	size_t		width = (size_t) window->kernel[1];
	size_t		pixels = height * width;

	for (size_t m = 0; m < maps; m++)
	{
		float	   *to = layer->parameters + m / part * layer->rows * part + m % part;
		double		sum = 0;

		for (size_t c = 0; c < channels; c++)
			for (size_t p = 0; p < pixels; p++)
			{
				size_t		theirs = window->turned ? p % width * height + p / width : p;
				double		weight = constant_number(weights, (m * channels + c) * pixels + theirs);

				sum += weight;
				to[(p * channels + (value->reversed ? channels - 1 - c : c)) * part] = (float) (weight * value->scale);
			}
		sum = sum * value->shift + (bias != NULL ? constant_number(bias, m) : 0);
		layer->parameters[layer->rows * maps + m] = (float) sum;
	}
}

/* Padding as wide as the window, which a convolution's cannot be, becomes a layer of its own. */
static bool
split_padding(Onnx *onnx, const OnnxNode *node, OnnxValue *value, Window *window)
{
	bool		wide = false;

	for (int side = 0; side < 4; side++)
		wide |= window->pad[side] > (window->kernel[side % 2] - 1) * window->dilation[side % 2];
	if (!wide)
		return true;
	for (int side = 0; side < 4; side++)
	{
		if (window->pad[side] > LIMIT_KERNEL)
			return node_unsupported(onnx, node, NULL, "%lld zeros are added to its input.", (long long) window->pad[side]);
		value->pad[side] = (int) window->pad[side];
		window->pad[side] = 0;
	}
	return emit_padding(onnx, node, value, (int64_t[]) {0, 0});
}

static bool
run_conv(Onnx *onnx, const OnnxNode *node)
{
	const char *axes;
	Window		window = {.kernel = {1, 1}};
	OnnxValue  *value = map_input(onnx, node, &axes, &window.turned);
	OnnxValue	copy;
	const OnnxConstant *weights;
	const OnnxConstant *bias;
	int64_t		groups = node_int(node, "group", 1);
	OnnxLayer  *layer;
	int			sides;
	int64_t		channels;
	bool		failed;
	bool		padding;

	if (value == NULL)
		return false;
	sides = value->view.rank - 2;
	weights = node_constant(onnx, node, 1, &failed);
	bias = failed ? NULL : node_constant(onnx, node, 2, &failed);
	if (failed)
		return false;
	if (weights == NULL || (bias == NULL && node->inputs > 2 && node->input[2] >= 0))
		return node_unsupported(onnx, node, NULL, "its weights are no constants.");
	if (weights->rank != sides + 2)
		return node_broken(onnx, node, "its weights have %d dimensions, its input %d.", weights->rank, value->view.rank);
	channels = value_layer(onnx, value)->channels;
	if (groups < 1 || channels % groups != 0 || weights->dim[1] != channels / groups || weights->dim[0] < 1 || weights->dim[0] % groups != 0)
		return node_broken(onnx, node, "%lld maps of %lld channels in %lld groups do not fit its input of %lld channels.",
						   (long long) weights->dim[0], (long long) weights->dim[1], (long long) groups, (long long) channels);
	if (bias != NULL && bias->count != (size_t) weights->dim[0])
		return node_broken(onnx, node, "it has %zu biases for %lld maps.", bias->count, (long long) weights->dim[0]);
	for (int side = 0; side < sides; side++)
		window.kernel[2 - sides + side] = weights->dim[2 + side];
	if (!read_window(onnx, node, value, &window))
		return false;
	if (window.kernel[window.turned] != (sides == 2 ? weights->dim[2] : 1) || window.kernel[!window.turned] != weights->dim[sides + 1] ||
		weights->count == 0)
		return node_broken(onnx, node, "\"kernel_shape\" is not that of its weights.");
	padding = window.pad[0] != 0 || window.pad[1] != 0 || window.pad[2] != 0 || window.pad[3] != 0;
	if (value->shift != 0 && padding && !emit_plain(onnx, node, value))
		return false;
	copy = *value;
	value = &copy;
	if (!split_padding(onnx, node, value, &window))
		return false;
	layer = emit_layer(onnx, node, "conv", value->layer, weights->dim[0], window.out[0], window.out[1]);
	if (layer == NULL || !emit_parameters(onnx, layer, weights->count + (size_t) weights->dim[0], 0))
		return false;
	layer->folds = FOLDS_MATRIX;
	layer->groups = (int) groups;
	layer->rows = (size_t) (channels / groups * window.kernel[0] * window.kernel[1]);
	layer->bias = bias != NULL || value->shift != 0;
	copy_weights(weights, &window, value, layer, bias);
	layer->parameter_count = (layer->rows + layer->bias) * (size_t) layer->channels;
	emit_setting(layer, ", \"maps\": %d", layer->channels);
	emit_sides(layer, "kernel", window.kernel);
	if (window.stride[0] != 1 || window.stride[1] != 1)
		emit_sides(layer, "stride", window.stride);
	set_padding(layer, window.pad);
	if (window.dilation[0] != 1 || window.dilation[1] != 1)
		emit_sides(layer, "dilation", window.dilation);
	if (groups != 1)
		emit_setting(layer, ", \"groups\": %lld", (long long) groups);
	return emit_output(onnx, node, axes);
}

/* ---- pooling ----------------------------------------------------------------------------------------------------------- */

static bool
emit_global(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, bool mean, const char *axes)
{
	const OnnxLayer *from = value_layer(onnx, value);

	return emit_layer(onnx, node, mean ? "global_mean" : "global_max", value->layer, from->channels, 1, 1) != NULL &&
		emit_output(onnx, node, axes);
}

/* s x + t goes through a mean, and, with s > 0, through a maximum. */
static bool
emit_pool(Onnx *onnx, const OnnxNode *node, OnnxValue *value, bool mean, const Window *window, const char *axes)
{
	const OnnxLayer *from = value_layer(onnx, value);
	bool		padding = window->pad[0] != 0 || window->pad[1] != 0 || window->pad[2] != 0 || window->pad[3] != 0;
	bool		counted = mean && padding && node_int(node, "count_include_pad", 0) != 0;
	double		scale;
	double		shift;
	OnnxLayer  *layer;

	if (((counted && value->shift != 0) || (!mean && value->scale < 0)) && !emit_plain(onnx, node, value))
		return false;
	scale = value->scale;
	shift = value->shift;
	if (!padding && !window->rounded_up && window->kernel[0] == from->height && window->kernel[1] == from->width)
	{
		if (!emit_global(onnx, node, value, mean, axes))
			return false;
	}
	else
	{
		layer = emit_layer(onnx, node, mean ? "mean_pool" : "max_pool", value->layer, from->channels, window->out[0], window->out[1]);
		if (layer == NULL)
			return false;
		emit_sides(layer, "size", window->kernel);
		if (window->stride[0] != window->kernel[0] || window->stride[1] != window->kernel[1])
			emit_sides(layer, "stride", window->stride);
		set_padding(layer, window->pad);
		if (window->dilation[0] != 1 || window->dilation[1] != 1)
			emit_sides(layer, "dilation", window->dilation);
		if (window->rounded_up)
			emit_setting(layer, ", \"ceil\": true");
		if (counted)
			emit_setting(layer, ", \"count_padding\": true");
		emit_output(onnx, node, axes);
	}
	node_output(onnx, node)->scale = scale;
	node_output(onnx, node)->shift = shift;
	return true;
}

static bool
run_pool(Onnx *onnx, const OnnxNode *node)
{
	const char *axes;
	Window		window = {.kernel = {1, 1}};
	OnnxValue  *value = map_input(onnx, node, &axes, &window.turned);

	if (value == NULL)
		return false;
	if (!node_has(node, "kernel_shape"))
		return node_broken(onnx, node, "it has no \"kernel_shape\".");
	if (!read_window(onnx, node, value, &window))
		return false;
	for (int side = 0; side < 2; side++)
		if (window.dilation[side] > 1 && window.dilation[side] > (side == 0 ? value_layer(onnx, value)->height : value_layer(onnx, value)->width))
			return node_unsupported(onnx, node, NULL, "the gaps of its window are larger than its input.");
	return emit_pool(onnx, node, value, bytes_are(node->operator, "AveragePool"), &window, axes);
}

static bool
run_global_pool(Onnx *onnx, const OnnxNode *node)
{
	const char *axes;
	Window		window = {.out = {1, 1}, .dilation = {1, 1}};
	OnnxValue  *value = map_input(onnx, node, &axes, &window.turned);

	if (value == NULL)
		return false;
	window.kernel[0] = value_layer(onnx, value)->height;
	window.kernel[1] = value_layer(onnx, value)->width;
	return emit_pool(onnx, node, value, bytes_are(node->operator, "GlobalAveragePool"), &window, axes);
}

/* The mean of the channels of a value as a convolution; its view is that of the result. */
static bool
emit_channel_mean(Onnx *onnx, const OnnxNode *node, const OnnxView *view)
{
	OnnxValue	value = *node_output(onnx, node);
	const OnnxLayer *from = value_layer(onnx, &value);
	OnnxLayer  *layer = emit_layer(onnx, node, "conv", value.layer, 1, from->height, from->width);

	if (layer == NULL || !emit_parameters(onnx, layer, (size_t) from->channels + 1, 0))
		return false;
	emit_setting(layer, ", \"maps\": 1, \"kernel\": 1");
	layer->folds = FOLDS_MATRIX;
	layer->groups = 1;
	layer->rows = layer->parameter_count = (size_t) from->channels;
	for (int c = 0; c < from->channels; c++)
		layer->parameters[c] = 1.0f / (float) from->channels;
	emit_output_view(onnx, node, view);
	node_output(onnx, node)->scale = value.scale;
	node_output(onnx, node)->shift = value.shift;
	return true;
}

/* ReduceMean and ReduceMax over height, width or both, means also over channels. */
static bool
run_reduce(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	Window		window = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .out = {1, 1}};
	bool		mean = bytes_are(node->operator, "ReduceMean");
	const OnnxLayer *from;
	OnnxView	view;
	OnnxView	kept;
	int64_t		axes[ONNX_RANK];
	bool		reduced[ATOMS] = {false};
	bool		dropped[ONNX_RANK] = {false};
	int			count;

	if (value == NULL || !node_reduced_axes(onnx, node, axes, &count))
		return false;
	view = value->view;
	for (int i = 0; i < (count < 0 ? view.rank : count); i++)
	{
		int64_t		axis = count < 0 ? i : axes[i] < 0 ? axes[i] + view.rank : axes[i];

		if (axis < 0 || axis >= view.rank)
			return node_broken(onnx, node, "its axis %lld does not exist.", (long long) axis);
		for (int k = 0; k < view.axis[axis].count; k++)
			reduced[view.axis[axis].atom[k]] = true;
		view.axis[axis].count = 0;
		dropped[axis] = true;
	}
	if (reduced[ATOM_BATCH] || (reduced[ATOM_CHANNEL] && !mean))
		return node_unsupported(onnx, node, NULL, mean ? "it is taken over samples." : "it is taken over channels or samples.");
	from = value_layer(onnx, value);
	window.kernel[0] = window.stride[0] = reduced[ATOM_ROW] || from->height == 1 ? from->height : 1;
	window.kernel[1] = window.stride[1] = reduced[ATOM_COLUMN] || from->width == 1 ? from->width : 1;
	window.out[0] = from->height / window.kernel[0];
	window.out[1] = from->width / window.kernel[1];
	kept = (OnnxView) {.rank = 0};
	memcpy(kept.size, view.size, sizeof kept.size);
	kept.size[ATOM_ROW] = window.out[0];
	kept.size[ATOM_COLUMN] = window.out[1];
	for (int i = 0; i < view.rank; i++)
		if (!dropped[i] || node_int(node, "keepdims", 1) != 0)
			kept.axis[kept.rank++] = view.axis[i];
	if (window.kernel[0] == 1 && window.kernel[1] == 1)
		emit_view(onnx, node, value, &kept);
	else if (!emit_pool(onnx, node, value, mean, &window, "nchw"))
		return false;
	kept.size[ATOM_CHANNEL] = reduced[ATOM_CHANNEL] ? 1 : kept.size[ATOM_CHANNEL];
	node_output(onnx, node)->view = kept;
	return !reduced[ATOM_CHANNEL] || emit_channel_mean(onnx, node, &kept);
}

const OnnxOperator operators_window[] = {
	{"Conv", run_conv}, {"MaxPool", run_pool}, {"AveragePool", run_pool}, {"GlobalAveragePool", run_global_pool},
	{"GlobalMaxPool", run_global_pool}, {"ReduceMean", run_reduce}, {"ReduceMax", run_reduce},
	{NULL, NULL}
};
