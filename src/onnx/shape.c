/*
 * shape.c: operators that move values without changing them: new views of a layer's output, Concat, Pad.
 */
#include "onnx/onnx_internal.h"

static bool
cannot_view(Onnx *onnx, const OnnxNode *node)
{
	return node_unsupported(onnx, node, NULL, "it divides or mixes channels, rows, columns or samples of a layer's output.");
}

static bool
emit_reshaped(Onnx *onnx, const OnnxNode *node, OnnxValue *value, int rank, const int64_t *dim)
{
	OnnxView	view;

	return view_reshape(&value->view, rank, dim, &view) ? emit_view(onnx, node, value, &view) : cannot_view(onnx, node);
}

/* A length stays one, whatever its dimensions. */
static bool
passes_length(Onnx *onnx, const OnnxNode *node)
{
	const OnnxValue *value = node->inputs > 0 && node->input[0] >= 0 ? &onnx->value[node->input[0]] : NULL;

	if (value == NULL || (!is_length(value) && value->kind != VALUE_SQUARE))
		return false;
	node_output(onnx, node)->kind = value->kind;
	node_output(onnx, node)->of = value->of;
	return true;
}

static bool
run_identity(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value;

	if (passes_length(onnx, node))
		return true;
	value = node_layer(onnx, node, 0);
	return value != NULL && emit_view(onnx, node, value, &value->view);
}

static bool
run_dropout(Onnx *onnx, const OnnxNode *node)
{
	const OnnxConstant *training;
	bool		failed;

	training = node_constant(onnx, node, 2, &failed);
	if (failed)
		return false;
	if (training != NULL && training->count == 1 && constant_number(training, 0) != 0)
		return node_unsupported(onnx, node, "Export it for inference.", "it is that of training.");
	return run_identity(onnx, node);
}

static bool
run_cast(Onnx *onnx, const OnnxNode *node)
{
	int64_t		to = node_int(node, "to", ONNX_FLOAT);

	if (to != ONNX_FLOAT && to != ONNX_FLOAT16 && to != ONNX_DOUBLE && to != ONNX_BFLOAT16)
		return node_unsupported(onnx, node, NULL, "it makes whole numbers of a layer's output.");
	return run_identity(onnx, node);
}

static bool
run_reshape(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value;
	int64_t		dim[ONNX_RANK];
	int64_t		all = 1;
	int64_t		known = 1;
	int			count;
	int			open = -1;

	if (!node_whole_numbers(onnx, node, "shape", 1, dim, &count))
		return false;
	if (count < 0)
		return node_broken(onnx, node, "it has no shape.");
	if (passes_length(onnx, node))
		return true;
	value = node_layer(onnx, node, 0);
	if (value == NULL)
		return false;
	for (int i = 0; i < value->view.rank; i++)
		all *= view_dim(&value->view, i);
	for (int i = 0; i < count; i++)
	{
		if (dim[i] == 0 && i < value->view.rank && node_int(node, "allowzero", 0) == 0)
			dim[i] = view_dim(&value->view, i);
		if (dim[i] == -1 && open < 0)
			open = i;
		else if (dim[i] < 1 || dim[i] > all || __builtin_mul_overflow(known, dim[i], &known))
			return node_broken(onnx, node, "dimension %d of its shape is %lld, its input has %lld values.", i + 1, (long long) dim[i],
							   (long long) all);
	}
	if (open >= 0)
		dim[open] = all / known;
	return emit_reshaped(onnx, node, value, count, dim);
}

static bool
run_flatten(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	int64_t		axis = node_int(node, "axis", 1);
	int64_t		dim[2] = {1, 1};

	if (value == NULL)
		return false;
	axis = axis < 0 ? axis + value->view.rank : axis;
	for (int i = 0; i < value->view.rank; i++)
		dim[i >= axis] *= view_dim(&value->view, i);
	return emit_reshaped(onnx, node, value, 2, dim);
}

static bool
run_squeeze(Onnx *onnx, const OnnxNode *node)
{
	bool		adds = bytes_are(node->operator, "Unsqueeze");
	OnnxValue  *value;
	int64_t		axes[ONNX_RANK];
	int64_t		dim[ONNX_RANK];
	bool		chosen[ONNX_RANK] = {false};
	int			count;
	int			full;
	int			rank = 0;

	if (passes_length(onnx, node))
		return true;
	value = node_layer(onnx, node, 0);
	if (value == NULL || !node_whole_numbers(onnx, node, "axes", 1, axes, &count))
		return false;
	full = value->view.rank + (adds && count > 0 ? count : 0);
	if (full > ONNX_RANK)
		return node_broken(onnx, node, "its output has more than %d dimensions.", ONNX_RANK);
	for (int i = 0; i < count; i++)
	{
		int64_t		axis = axes[i] < 0 ? axes[i] + full : axes[i];

		if (axis < 0 || axis >= full || chosen[axis])
			return node_broken(onnx, node, "its axis %lld does not exist, or is given twice.", (long long) axes[i]);
		chosen[axis] = true;
	}
	if (adds)
	{
		for (int i = 0, from = 0; i < full; i++)
			dim[i] = chosen[i] ? 1 : view_dim(&value->view, from++);
		return emit_reshaped(onnx, node, value, full, dim);
	}
	for (int i = 0; i < full; i++)
	{
		if (chosen[i] && view_dim(&value->view, i) != 1)
			return node_broken(onnx, node, "dimension %d is %lld, not 1.", i + 1, (long long) view_dim(&value->view, i));
		if (count < 0 ? view_dim(&value->view, i) != 1 : !chosen[i])
			dim[rank++] = view_dim(&value->view, i);
	}
	return emit_reshaped(onnx, node, value, rank, dim);
}

static bool
run_transpose(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	int64_t		order[ONNX_RANK];
	int			count = node_ints(node, "perm", order, ONNX_RANK);
	OnnxView	view;

	if (value == NULL)
		return false;
	if (count >= 0 && count != value->view.rank)
		return node_broken(onnx, node, "its \"perm\" has %d numbers for %d dimensions.", count, value->view.rank);
	for (int i = 0; count < 0 && i < value->view.rank; i++)
		order[i] = value->view.rank - 1 - i;
	return view_transpose(&value->view, order, &view) ? emit_view(onnx, node, value, &view) : cannot_view(onnx, node);
}

/* A length for each value. */
static bool
run_expand(Onnx *onnx, const OnnxNode *node)
{
	return passes_length(onnx, node) || node_unsupported(onnx, node, NULL, "it repeats a layer's output.");
}

/* Values are joined along the channels; layers that a concat reads beside its input are a few, so several may be needed. */
static bool
run_concat(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *first = node_layer(onnx, node, 0);
	OnnxLayer  *layer = NULL;
	int64_t		axis = node_int(node, "axis", 1);
	OnnxView	view;
	int64_t		channels = 0;

	if (first == NULL)
		return false;
	axis = axis < 0 ? axis + first->view.rank : axis;
	if (node->inputs == 1)
		return emit_view(onnx, node, first, &first->view);
	for (int i = 0; i < node->inputs; i++)
	{
		OnnxValue  *value = node_layer(onnx, node, i);

		if (value == NULL || !emit_plain(onnx, node, value))
			return false;
		if (axis < 0 || axis >= value->view.rank || value->view.rank != first->view.rank ||
			view_channel_axis(&value->view, (int) axis) != axis)
			return node_unsupported(onnx, node, NULL, "it does not join channels of layers' outputs.");
		for (int k = 0; k < first->view.rank; k++)
			if (k != axis && (view_dim(&value->view, k) != view_dim(&first->view, k) || value->view.axis[k].count != first->view.axis[k].count ||
							  (value->view.axis[k].count > 0 && value->view.axis[k].atom[0] != first->view.axis[k].atom[0])))
				return node_unsupported(onnx, node, NULL, "its inputs differ beside the axis.");
	}
	for (int i = 1; i < node->inputs; i++)
	{
		const OnnxValue *value = &onnx->value[node->input[i]];
		const OnnxLayer *from = value_layer(onnx, first);

		if (layer == NULL || layer->sources == ONNX_SOURCES)
		{
			int			input = layer == NULL ? first->layer : onnx->layers;

			if (layer == NULL)
				channels = from->channels;
			layer = emit_layer(onnx, node, "concat", input, channels, from->height, from->width);
			if (layer == NULL)
				return false;
		}
		layer->from[layer->sources++] = value->layer;
		channels += value_layer(onnx, value)->channels;
		if (channels > LIMIT_MAPS)
			return node_unsupported(onnx, node, NULL, "its output would have more than %d channels.", LIMIT_MAPS);
		layer->channels = (int) channels;
	}
	if (channels * value_layer(onnx, first)->height > LIMIT_ACTIVATIONS / value_layer(onnx, first)->width)
		return node_unsupported(onnx, node, NULL, "its output would have more than %d values.", LIMIT_ACTIVATIONS);
	view = first->view;
	view.size[ATOM_CHANNEL] = channels;
	view.axis[axis] = (OnnxAxis) {1, {ATOM_CHANNEL}};
	return emit_output_view(onnx, node, &view);
}

/*
 * Zeros around a map wait for the convolution that may follow; before or behind channels they are a layer.  "pads" are numbers of
 * zeros before each axis, then behind each; since opset 18 "axes" may name fewer axes.
 */
static bool
run_pad(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	OnnxBytes	mode = node_text(node, "mode");
	const OnnxConstant *filling;
	OnnxValue	copy;
	int64_t		pad[ONNX_RANK];
	int64_t		axes[ONNX_RANK] = {0, 1, 2, 3};
	int64_t		channels[2] = {0, 0};
	int			count;
	int			named;
	bool		failed;

	if (value == NULL || !node_whole_numbers(onnx, node, "pads", 1, pad, &count) || !node_whole_numbers(onnx, node, "axes", 3, axes, &named))
		return false;
	filling = node_constant(onnx, node, 2, &failed);
	if (failed)
		return false;
	if ((mode.length > 0 && !bytes_are(mode, "constant")) || node_real(node, "value", 0) != 0 ||
		(filling != NULL && (filling->count != 1 || constant_number(filling, 0) != 0)))
		return node_unsupported(onnx, node, NULL, "only zeros can be added.");
	if (count != 2 * (named < 0 ? 4 : named) || !view_is(&value->view, "nchw"))
		return node_unsupported(onnx, node, NULL, "only zeros around [batch, channels, height, width] can be added.");
	if (value->shift != 0 && !emit_plain(onnx, node, value))
		return false;
	copy = *value;
	for (int i = 0; i < count; i++)
	{
		int64_t		axis = axes[i % (count / 2)];
		bool		behind = i >= count / 2;

		axis = axis < 0 ? axis + 4 : axis;
		if (axis < 0 || axis > 3 || pad[i] < 0 || pad[i] > (axis == 1 ? LIMIT_MAPS : LIMIT_KERNEL) || (axis == 0 && pad[i] != 0))
			return node_unsupported(onnx, node, NULL, "number %d of its pads is %lld.", i + 1, (long long) pad[i]);
		if (axis == 1)
			channels[behind] += pad[i];
		else if (axis > 1)
			copy.pad[axis - 2 + 2 * behind] += (int) pad[i];
	}
	for (int i = 0; i < 4; i++)
		if (copy.pad[i] > LIMIT_KERNEL)
			return node_unsupported(onnx, node, NULL, "more than %d zeros are added.", LIMIT_KERNEL);
	if (channels[0] + channels[1] > 0)
	{
		if (value_layer(onnx, value)->channels + channels[0] + channels[1] > LIMIT_MAPS)
			return node_unsupported(onnx, node, NULL, "its output would have more than %d channels.", LIMIT_MAPS);
		copy.consumers = 1;
		if (!emit_padding(onnx, node, &copy, channels))
			return false;
	}
	return emit_view(onnx, node, &copy, &copy.view);
}

const OnnxOperator operators_shape[] = {
	{"Identity", run_identity}, {"Dropout", run_dropout}, {"Cast", run_cast}, {"Reshape", run_reshape}, {"Flatten", run_flatten},
	{"Squeeze", run_squeeze}, {"Unsqueeze", run_squeeze}, {"Transpose", run_transpose}, {"Expand", run_expand},
	{"Concat", run_concat}, {"Pad", run_pad}, {NULL, NULL}
};
