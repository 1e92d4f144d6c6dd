/*
 * product.c: products with a matrix: Gemm and MatMul are dense layers.
 *
 * What they take may be a map that was flattened: ONNX then counts channels first, our dense layer [height, width, channels].
 */
#include "onnx/onnx_internal.h"

/* y = x W + b, times alpha and beta; the constant W is [in, units], or transposed. */
static bool
emit_dense(Onnx *onnx, const OnnxNode *node, OnnxValue *value, const OnnxConstant *weights, bool transposed, double alpha,
		   const OnnxConstant *bias, double beta)
{
	const OnnxLayer *from = value_layer(onnx, value);
	int			axis = view_flat_axis(&value->view);
	size_t		in = (size_t) from->height * from->width * from->channels;
	size_t		units = (size_t) weights->dim[transposed ? 0 : 1];
	OnnxView	view = value->view;
	OnnxLayer  *layer;
	size_t		row = 0;

	if (weights->dim[transposed ? 1 : 0] != (int64_t) in)
		return node_broken(onnx, node, "its weights have %lld rows for %zu values.", (long long) weights->dim[transposed ? 1 : 0], in);
	if (bias != NULL && bias->count != units && bias->count != 1)
		return node_broken(onnx, node, "it has %zu biases for %zu units.", bias->count, units);
	layer = emit_layer(onnx, node, "dense", value->layer, (int64_t) units, 1, 1);
	if (layer == NULL || !emit_parameters(onnx, layer, (in + 1) * units, 0))
		return false;
	emit_setting(layer, ", \"units\": %zu", units);
	layer->folds = FOLDS_MATRIX;
	layer->groups = 1;
	layer->rows = in;
	layer->bias = bias != NULL || value->shift != 0;
	layer->parameter_count = (in + layer->bias) * units;
	for (int h = 0; h < from->height; h++)
		for (int w = 0; w < from->width; w++)
			for (int c = 0; c < from->channels; c++, row++)
			{
				size_t		theirs = view_place(&value->view, axis, h, w, c);

				for (size_t u = 0; u < units; u++)
				{
					double		weight = alpha * constant_number(weights, transposed ? u * in + theirs : theirs * units + u);

					layer->parameters[row * units + u] = (float) (weight * value->scale);
					layer->parameters[in * units + u] += (float) (weight * value->shift);
				}
			}
	for (size_t u = 0; bias != NULL && u < units; u++)
		layer->parameters[in * units + u] += (float) (beta * constant_number(bias, bias->count == 1 ? 0 : u));
	view.size[ATOM_CHANNEL] = (int64_t) units;
	view.size[ATOM_ROW] = view.size[ATOM_COLUMN] = 1;
	view.axis[axis] = (OnnxAxis) {units != 1, {ATOM_CHANNEL}};
	return emit_output_view(onnx, node, &view);
}

/* The values of a sample must be the last axis; NULL with the status set. */
static OnnxValue *
flat_input(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);

	if (value == NULL)
		return NULL;
	if (value->view.rank >= 2 && view_flat_axis(&value->view) >= 0 &&
		(view_flat_axis(&value->view) == value->view.rank - 1 || value->view.axis[view_flat_axis(&value->view)].count == 0))
		return value;
	node_unsupported(onnx, node, NULL, "its input does not have all values of a sample along its last axis.");
	return NULL;
}

static const OnnxConstant *
matrix_input(Onnx *onnx, const OnnxNode *node)
{
	bool		failed;
	const OnnxConstant *weights = node_constant(onnx, node, 1, &failed);

	if (failed)
		return NULL;
	if (weights == NULL || weights->rank != 2 || weights->count == 0)
	{
		node_unsupported(onnx, node, NULL, "its second input is no constant matrix.");
		return NULL;
	}
	return weights;
}

static bool
run_gemm(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value;
	const OnnxConstant *weights = matrix_input(onnx, node);
	const OnnxConstant *bias;
	bool		failed;

	if (weights == NULL || (value = flat_input(onnx, node)) == NULL)
		return false;
	bias = node_constant(onnx, node, 2, &failed);
	if (failed)
		return false;
	if ((bias == NULL && node->inputs > 2 && node->input[2] >= 0) || node_int(node, "transA", 0) != 0)
		return node_unsupported(onnx, node, NULL, "its bias is no constant, or its first input is transposed.");
	return emit_dense(onnx, node, value, weights, node_int(node, "transB", 0) != 0, node_real(node, "alpha", 1), bias,
					  node_real(node, "beta", 1));
}

static bool
run_matmul(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value;
	const OnnxConstant *weights = matrix_input(onnx, node);

	if (weights == NULL || (value = flat_input(onnx, node)) == NULL)
		return false;
	return emit_dense(onnx, node, value, weights, false, 1, NULL, 0);
}

const OnnxOperator operators_product[] = {{"Gemm", run_gemm}, {"MatMul", run_matmul}, {NULL, NULL}};
