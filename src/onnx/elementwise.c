/*
 * elementwise.c: activations.
 */
#include <math.h>

#include "onnx/onnx_internal.h"

static OnnxLayer *
activate(Onnx *onnx, const OnnxNode *node, const char *type)
{
	OnnxValue  *value = node_layer(onnx, node, 0);

	return value != NULL && emit_plain(onnx, node, value) ? emit_like(onnx, node, value, type) : NULL;
}

static bool
run_relu(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	double		scale;

	if (value == NULL)
		return false;
	/* relu(s x) = s relu(x) */
	if ((value->shift != 0 || value->scale < 0) && !emit_plain(onnx, node, value))
		return false;
	scale = value->scale;
	if (emit_like(onnx, node, value, "relu") == NULL)
		return false;
	node_output(onnx, node)->scale = scale;
	return true;
}

static bool
run_sigmoid(Onnx *onnx, const OnnxNode *node)
{
	return activate(onnx, node, "sigmoid") != NULL;
}

static bool
run_tanh(Onnx *onnx, const OnnxNode *node)
{
	return activate(onnx, node, "tanh") != NULL;
}

static bool
run_hard_swish(Onnx *onnx, const OnnxNode *node)
{
	return activate(onnx, node, "hard_swish") != NULL;
}

static bool
run_elu(Onnx *onnx, const OnnxNode *node)
{
	OnnxLayer  *layer = activate(onnx, node, "elu");

	if (layer != NULL)
		emit_real(layer, "alpha", node_real(node, "alpha", 1));
	return layer != NULL;
}

static bool
run_selu(Onnx *onnx, const OnnxNode *node)
{
	OnnxLayer  *layer = activate(onnx, node, "selu");

	if (layer == NULL)
		return false;
	emit_real(layer, "alpha", node_real(node, "alpha", 1.67326319217681884765625));
	emit_real(layer, "gamma", node_real(node, "gamma", 1.05070102214813232421875));
	return true;
}

static bool
run_leaky_relu(Onnx *onnx, const OnnxNode *node)
{
	double		slope = node_real(node, "alpha", 0.01);
	OnnxLayer  *layer;

	if (!(slope >= 0))
		return node_unsupported(onnx, node, NULL, "its slope is %g.", slope);
	layer = activate(onnx, node, "leaky_relu");
	if (layer != NULL)
		emit_real(layer, "slope", slope);
	return layer != NULL;
}

/* low <= high, finite: low + (high - low) hard_sigmoid, of which scale and shift go on as the value's own. */
static bool
emit_hard_sigmoid(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, double slope, double offset, double low, double high)
{
	double		range = high - low;
	double		scale = slope * value->scale / range;
	double		shift = (slope * value->shift + offset - low) / range;
	OnnxLayer  *layer;

	if (!(range > 0) || !isfinite(scale) || !isfinite(shift))
		return node_unsupported(onnx, node, NULL, "its limits are %g and %g.", low, high);
	layer = emit_like(onnx, node, value, "hard_sigmoid");
	if (layer == NULL)
		return false;
	emit_real(layer, "slope", scale);
	emit_real(layer, "offset", shift);
	layer->hard_swish = fabs(scale - 1.0 / 6) < 1e-6 && fabs(shift - 0.5) < 1e-6;
	node_output(onnx, node)->scale = range;
	node_output(onnx, node)->shift = low;
	return true;
}

static bool
run_hard_sigmoid(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);

	return value != NULL &&
		emit_hard_sigmoid(onnx, node, value, node_real(node, "alpha", 0.2f), node_real(node, "beta", 0.5), 0, 1);
}

/* A limit of Clip: an attribute until opset 10, then an input. */
static bool
read_limit(Onnx *onnx, const OnnxNode *node, const char *name, int input, double otherwise, double *limit)
{
	const OnnxConstant *constant;
	bool		failed;

	*limit = node_real(node, name, otherwise);
	if (node_has(node, name) || input >= node->inputs || node->input[input] < 0)
		return true;
	constant = node_constant(onnx, node, input, &failed);
	if (failed)
		return false;
	if (constant == NULL || constant->count != 1)
		return node_unsupported(onnx, node, NULL, "its limit \"%s\" is not one constant number.", name);
	*limit = constant_number(constant, 0);
	return true;
}

static bool
run_clip(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value;
	OnnxLayer  *layer;
	double		low;
	double		high;

	if (!read_limit(onnx, node, "min", 1, -INFINITY, &low) || !read_limit(onnx, node, "max", 2, INFINITY, &high))
		return false;
	if (node->inputs > 0 && node->input[0] >= 0 && onnx->value[node->input[0]].kind >= VALUE_SQUARE_SUM && high >= 1e30)
		return keep_length(onnx, node, &onnx->value[node->input[0]], low);
	if (low == 0 && high >= 1e30)
		return run_relu(onnx, node);
	value = node_layer(onnx, node, 0);
	if (value == NULL)
		return false;
	if (!(low < high))
		return node_unsupported(onnx, node, NULL, "its limits are %g and %g.", low, high);
	if ((value->scale != 1 || value->shift != 0) && low > -1e30 && high < 1e30)
		return emit_hard_sigmoid(onnx, node, value, 1, 0, low, high);
	layer = activate(onnx, node, "clip");
	if (layer == NULL)
		return false;
	emit_real(layer, "low", fmax(low, -1e30));
	emit_real(layer, "high", fmin(high, 1e30));
	return true;
}

const OnnxOperator operators_elementwise[] = {
	{"Relu", run_relu}, {"Sigmoid", run_sigmoid}, {"Tanh", run_tanh}, {"HardSwish", run_hard_swish}, {"Elu", run_elu},
	{"Selu", run_selu}, {"LeakyRelu", run_leaky_relu}, {"HardSigmoid", run_hard_sigmoid}, {"Clip", run_clip}, {NULL, NULL}
};
