/*
 * norm.c: operators that normalise by channel, or over neighbouring channels.
 */
#include <math.h>

#include "onnx/onnx_internal.h"

/* Constants of one number for each channel; NULL with the status set. */
static bool
channel_constants(Onnx *onnx, const OnnxNode *node, int count, size_t channels, const OnnxConstant **constant)
{
	for (int i = 0; i < count; i++)
	{
		bool		failed;

		constant[i] = node_constant(onnx, node, i + 1, &failed);
		if (failed)
			return false;
		if (constant[i] == NULL)
			return node_unsupported(onnx, node, NULL, "its scale, bias, mean or variance are no constants.");
		if (constant[i]->count != channels)
			return node_broken(onnx, node, "its input %d has %zu values for %zu channels.", i + 2, constant[i]->count, channels);
	}
	return true;
}

static bool
run_batch_norm(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	const OnnxConstant *constant[4];	/* gamma, beta, mean, variance */
	const OnnxLayer *from;
	OnnxLayer  *layer;

	if (value == NULL || !emit_plain(onnx, node, value))
		return false;
	if (view_channel_axis(&value->view, 1) != 1)
		return node_unsupported(onnx, node, NULL, "its second axis is not that of the channels of a layer's output.");
	if (node_int(node, "training_mode", 0) != 0 || node_int(node, "spatial", 1) != 1 ||
		(onnx->opset < 7 && node_int(node, "is_test", 0) == 0))
		return node_unsupported(onnx, node, NULL, "it is that of training, or one for each pixel.");
	from = value_layer(onnx, value);
	if (!channel_constants(onnx, node, 4, (size_t) from->channels, constant))
		return false;
	layer = emit_layer(onnx, node, "batch_norm", value->layer, from->channels, from->height, from->width);
	if (layer == NULL || !emit_parameters(onnx, layer, 2 * (size_t) from->channels, 2 * (size_t) from->channels))
		return false;
	emit_real(layer, "epsilon", fmax(node_real(node, "epsilon", 1e-5f), 1e-12));
	layer->folds = FOLDS_NORM;
	for (int i = 0; i < 4; i++)
		for (int c = 0; c < from->channels; c++)
			(i < 2 ? layer->parameters : layer->statistics)[i % 2 * from->channels + c] = (float) constant_number(constant[i], c);
	for (int c = 0; c < from->channels; c++)
		if (!(layer->statistics[from->channels + c] >= 0))
			return node_broken(onnx, node, "the variance of channel %d is %g.", c + 1, layer->statistics[from->channels + c]);
	return emit_output_view(onnx, node, &value->view);
}

static bool
run_instance_norm(Onnx *onnx, const OnnxNode *node)
{
	const char *axes;
	bool		turned;
	OnnxValue  *value = map_input(onnx, node, &axes, &turned);
	const OnnxConstant *constant[2];
	const OnnxLayer *from;
	OnnxLayer  *layer;

	if (value == NULL || !emit_plain(onnx, node, value))
		return false;
	from = value_layer(onnx, value);
	if (!channel_constants(onnx, node, 2, (size_t) from->channels, constant))
		return false;
	layer = emit_layer(onnx, node, "instance_norm", value->layer, from->channels, from->height, from->width);
	if (layer == NULL || !emit_parameters(onnx, layer, 2 * (size_t) from->channels, 0))
		return false;
	emit_real(layer, "epsilon", fmax(node_real(node, "epsilon", 1e-5f), 1e-12));
	layer->folds = FOLDS_NORM;
	for (int i = 0; i < 2; i++)
		for (int c = 0; c < from->channels; c++)
			layer->parameters[i * from->channels + c] = (float) constant_number(constant[i], c);
	return emit_output(onnx, node, axes);
}

/* Sums over a window of channels with as many on both sides; of an even size ONNX's and ours have their odd channel at other ends. */
static bool
run_response_norm(Onnx *onnx, const OnnxNode *node)
{
	bool		turned;
	const char *axes;
	OnnxValue  *value = map_input(onnx, node, &axes, &turned);
	int64_t		size = node_int(node, "size", 0);
	OnnxLayer  *layer;

	if (value == NULL)
		return false;
	if (size < 1 || size % 2 == 0)
		return node_unsupported(onnx, node, NULL, "its window is of %lld channels; an odd number is possible.", (long long) size);
	layer = emit_plain(onnx, node, value) ? emit_like(onnx, node, value, "local_response_norm") : NULL;
	if (layer == NULL)
		return false;
	emit_setting(layer, ", \"size\": %lld", (long long) size);
	emit_real(layer, "alpha", node_real(node, "alpha", 1e-4f));
	emit_real(layer, "beta", node_real(node, "beta", 0.75));
	emit_real(layer, "constant", node_real(node, "bias", 1));
	return true;
}

const OnnxOperator operators_norm[] = {
	{"BatchNormalization", run_batch_norm}, {"InstanceNormalization", run_instance_norm}, {"LRN", run_response_norm}, {NULL, NULL}
};
