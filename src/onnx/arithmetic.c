/*
 * arithmetic.c: operators of values with constants and with each other, and what leads to the length of a sample.
 *
 * A number that all values are multiplied by, or that is added to all, is kept with the value as its scale and shift, until it can be
 * part of a layer or vanishes: hard swish is often written x * clip(x + 3, 0, 6) / 6.
 */
#include <math.h>

#include "onnx/onnx_internal.h"

#define LEAST_LENGTH 1e-3		/* that a length may be kept above: only nearly empty outputs differ from ours */
#define LENGTH_SHIFT 1e-5		/* that may be added to it */

/* ---- a constant -------------------------------------------------------------------------------------------------------- */

typedef enum Spread
{
	SPREAD_FAILED,
	SPREAD_ALL,					/* one number for all values */
	SPREAD_CHANNELS				/* one for each channel */
} Spread;

/* The numbers [channels of the value's layer] of a constant that is broadcast to the value; one alone if it is for all. */
static Spread
spread_constant(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, const OnnxConstant *constant, double **numbers)
{
	const OnnxView *view = &value->view;
	size_t		channels = (size_t) value_layer(onnx, value)->channels;
	int			found = -1;

	*numbers = onnx_take(onnx, channels, sizeof(double));
	if (*numbers == NULL)
		return SPREAD_FAILED;
	for (int i = 0; i < constant->rank; i++)
	{
		int			axis = view->rank - constant->rank + i;

		if (constant->dim[i] == 1)
			continue;
		if (axis < 0 || constant->dim[i] != view_dim(view, axis) || found >= 0 || view->axis[axis].count != 1 ||
			view->axis[axis].atom[0] != ATOM_CHANNEL)
		{
			node_unsupported(onnx, node, NULL, "its constant is not one number, or one for each channel.");
			return SPREAD_FAILED;
		}
		found = axis;
	}
	if (found >= 0)
	{
		for (size_t c = 0; c < channels; c++)
			(*numbers)[c] = constant_number(constant, c);
		return SPREAD_CHANNELS;
	}
	if (constant->count != 1)
	{
		node_broken(onnx, node, "its constant is empty.");
		return SPREAD_FAILED;
	}
	(*numbers)[0] = constant_number(constant, 0);
	return SPREAD_ALL;
}

/* The output is scale x + shift. */
static bool
scale_value(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, double scale, double shift)
{
	OnnxValue  *output = node_output(onnx, node);

	if (!isfinite(scale) || !isfinite(shift) || scale == 0 || fabs(scale) > 1e30 || fabs(scale) < 1e-30)
		return node_unsupported(onnx, node, NULL, "it multiplies by %g and adds %g.", scale, shift);
	emit_view(onnx, node, value, &value->view);
	output->scale = value->scale * scale;
	output->shift = value->shift * scale + shift;
	return true;
}

static bool
scale_channels(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, double *scale, double *shift)
{
	size_t		channels = (size_t) value_layer(onnx, value)->channels;
	OnnxValue	copy = *value;

	for (size_t c = 0; c < channels; c++)
	{
		shift[c] += scale[c] * value->shift;
		scale[c] *= value->scale;
	}
	copy.scale = 1;
	copy.shift = 0;
	if (!emit_affine(onnx, node, &copy, scale, shift))
		return false;
	emit_view(onnx, node, &copy, &copy.view);
	node_output(onnx, node)->exclusive = copy.layer != value->layer || (value->exclusive && value->consumers == 1);
	return true;
}

typedef enum Arithmetic
{
	ADD, SUB, MUL, DIV
} Arithmetic;

static Arithmetic
arithmetic_of(const OnnxNode *node)
{
	return bytes_are(node->operator, "Div") ? DIV : bytes_are(node->operator, "Mul") ? MUL : bytes_are(node->operator, "Sub") ? SUB : ADD;
}

/* Of a value and a constant; reversed: the constant stands first. */
static bool
with_constant(Onnx *onnx, const OnnxNode *node, const OnnxValue *value, const OnnxConstant *constant, bool reversed)
{
	Arithmetic	operator = arithmetic_of(node);
	double	   *number;
	double	   *shift;
	Spread		spread;
	size_t		count;

	if (operator == DIV && reversed)
		return node_unsupported(onnx, node, NULL, "it divides by a layer's output.");
	spread = spread_constant(onnx, node, value, constant, &number);
	if (spread == SPREAD_FAILED)
		return false;
	count = spread == SPREAD_ALL ? 1 : (size_t) value_layer(onnx, value)->channels;
	shift = onnx_take(onnx, count, sizeof(double));
	if (shift == NULL)
		return false;
	for (size_t c = 0; c < count; c++)
	{
		double		x = number[c];

		if (operator == DIV && x == 0)
			return node_broken(onnx, node, "it divides by zero.");
		shift[c] = operator == ADD || (operator == SUB && reversed) ? x : operator == SUB ? -x : 0;
		number[c] = operator == MUL ? x : operator == DIV ? 1 / x : operator == SUB && reversed ? -1 : 1;
	}
	return spread == SPREAD_ALL ? scale_value(onnx, node, value, number[0], shift[0]) : scale_channels(onnx, node, value, number, shift);
}

/* ---- two layers' outputs ------------------------------------------------------------------------------------------------- */

/* The smaller one is the same for all pixels of the larger one. */
static bool
broadcasts(const OnnxView *larger, const OnnxView *smaller)
{
	if (smaller->rank > larger->rank || smaller->size[ATOM_ROW] != 1 || smaller->size[ATOM_COLUMN] != 1 ||
		smaller->size[ATOM_CHANNEL] != larger->size[ATOM_CHANNEL])
		return false;
	for (int i = 0; i < larger->rank; i++)
	{
		int			own = i - (larger->rank - smaller->rank);
		const OnnxAxis *axis = &larger->axis[i];

		if (own >= 0 && smaller->axis[own].count == 0 && (axis->count != 1 || axis->atom[0] != ATOM_CHANNEL))
			continue;
		if (own >= 0 ? smaller->axis[own].count != axis->count || (axis->count == 1 && smaller->axis[own].atom[0] != axis->atom[0])
			: axis->count > 0)
			return false;
	}
	return true;
}

static bool
emit_combined(Onnx *onnx, const OnnxNode *node, const char *type, const OnnxValue *a, const OnnxValue *b)
{
	const OnnxValue *larger = view_same(&a->view, &b->view) || broadcasts(&a->view, &b->view) ? a : b;
	const OnnxValue *other = larger == a ? b : a;
	const OnnxValue *input = b->layer == onnx->layers || a->layer == 0 ? b : a;
	const OnnxLayer *from = value_layer(onnx, larger);
	OnnxLayer  *layer;

	if (!view_same(&a->view, &b->view) && !broadcasts(&larger->view, &other->view))
		return node_unsupported(onnx, node, NULL,
								"its inputs differ: both must have the same dimensions, or one of them one value for each channel.");
	layer = emit_layer(onnx, node, type, input->layer, from->channels, from->height, from->width);
	if (layer == NULL)
		return false;
	layer->sources = 1;
	layer->from[0] = input == a ? b->layer : a->layer;
	return emit_output_view(onnx, node, &larger->view);
}

/* a + factor b */
static bool
add_values(Onnx *onnx, const OnnxNode *node, OnnxValue *a, OnnxValue *b, double factor)
{
	OnnxValue	copy = *b;
	double		scale;
	double		shift;

	copy.scale *= factor;
	copy.shift *= factor;
	if (a->layer == b->layer && view_same(&a->view, &b->view))
	{
		scale = a->scale + copy.scale;
		return scale_value(onnx, node, &(OnnxValue) {.layer = a->layer, .view = a->view, .scale = 1, .consumers = 2}, scale,
						   a->shift + copy.shift);
	}
	scale = a->scale;
	shift = a->shift + copy.shift;
	if (a->scale != copy.scale)
	{
		if (!emit_plain(onnx, node, a) || !emit_plain(onnx, node, &copy))
			return false;
		scale = 1;
		shift = 0;
	}
	if (!emit_combined(onnx, node, "add", a, &copy))
		return false;
	node_output(onnx, node)->scale = scale;
	node_output(onnx, node)->shift = shift;
	return true;
}

/* x * hard_sigmoid(x) with slope 1/6 and offset 1/2, where nothing else reads the latter, which is the last layer. */
static bool
is_hard_swish(const Onnx *onnx, const OnnxValue *x, const OnnxValue *gate)
{
	const OnnxLayer *layer = value_layer(onnx, gate);

	return gate->layer == onnx->layers && layer->hard_swish && layer->input == x->layer && gate->exclusive && gate->consumers == 1 &&
		view_same(&x->view, &gate->view);
}

static bool
multiply_values(Onnx *onnx, const OnnxNode *node, OnnxValue *a, OnnxValue *b)
{
	double		scale;

	if (a == b)
	{
		OnnxValue  *output = node_output(onnx, node);

		output->kind = VALUE_SQUARE;
		output->of = node->input[0];
		return true;
	}
	if (a->shift != 0 && !emit_plain(onnx, node, a))
		return false;
	if (b->shift != 0 && !emit_plain(onnx, node, b))
		return false;
	scale = a->scale * b->scale;
	if (is_hard_swish(onnx, a, b) || is_hard_swish(onnx, b, a))
	{
		OnnxLayer  *layer = &onnx->layer[onnx->layers];

		layer->type = "hard_swish";
		layer->settings[0] = '\0';
		emit_output_view(onnx, node, &a->view);
		node_output(onnx, node)->scale = scale;
		return true;
	}
	if (!emit_combined(onnx, node, "multiply", a, b))
		return false;
	node_output(onnx, node)->scale = scale;
	return true;
}

/* ---- lengths ------------------------------------------------------------------------------------------------------------- */

bool
keep_length(Onnx *onnx, const OnnxNode *node, const OnnxValue *length, double least)
{
	OnnxValue  *output = node_output(onnx, node);

	if (!(least <= LEAST_LENGTH))
		return node_unsupported(onnx, node, NULL, "a length is kept above %g, more than %g.", least, LEAST_LENGTH);
	output->kind = length->kind;
	output->of = length->of;
	return true;
}

/* All of a sample's values to length 1. */
static bool
emit_unit_length(Onnx *onnx, const OnnxNode *node, OnnxValue *value)
{
	OnnxLayer  *layer;

	if ((value->shift != 0 || value->scale < 0) && !emit_plain(onnx, node, value))
		return false;
	layer = emit_like(onnx, node, value, "l2_norm");
	if (layer != NULL)
		layer->unit_length = true;
	return layer != NULL;
}

/* Whether the axes of a reduction are those, and all those, that a sample's values lie along. */
static bool
covers_sample(Onnx *onnx, const OnnxNode *node, const OnnxView *view, bool *covers)
{
	int64_t		axes[ONNX_RANK];
	bool		reduced[ONNX_RANK] = {false};
	int			count;

	if (!node_reduced_axes(onnx, node, axes, &count))
		return false;
	for (int i = 0; i < count; i++)
	{
		int64_t		axis = axes[i] < 0 ? axes[i] + view->rank : axes[i];

		if (axis < 0 || axis >= view->rank)
			return node_broken(onnx, node, "its axis %lld does not exist.", (long long) axes[i]);
		reduced[axis] = true;
	}
	*covers = true;
	for (int i = 0; i < view->rank; i++)
	{
		bool		batch = view->axis[i].count == 1 && view->axis[i].atom[0] == ATOM_BATCH;

		if (view->axis[i].count > 0 && batch == (count < 0 || reduced[i]))
			*covers = false;
	}
	return true;
}

static bool
run_lp_normalization(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	int64_t		axis = node_int(node, "axis", -1);
	const OnnxView *view;

	if (value == NULL)
		return false;
	view = &value->view;
	axis = axis < 0 ? axis + view->rank : axis;
	if (node_int(node, "p", 2) != 2)
		return node_unsupported(onnx, node, NULL, "its norm is that of p = %lld; only 2 is possible.", (long long) node_int(node, "p", 2));
	if (axis < 0 || axis >= view->rank)
		return node_broken(onnx, node, "its axis does not exist.");
	if (axis != view_flat_axis(view) && !(view_flat_axis(view) >= 0 && view->axis[view_flat_axis(view)].count == 0))
		return node_unsupported(onnx, node, NULL, "only all of a sample's values together can be brought to length 1.");
	return emit_unit_length(onnx, node, value);
}

/* ReduceL2, ReduceSumSquare, and ReduceSum of squares. */
static bool
run_length(Onnx *onnx, const OnnxNode *node)
{
	bool		of_squares = bytes_are(node->operator, "ReduceSum");
	int			input = node->inputs > 0 ? node->input[0] : -1;
	OnnxValue  *output = node_output(onnx, node);
	int			of;
	bool		covers = false;

	if (input < 0 || onnx->value[input].kind != (of_squares ? VALUE_SQUARE : VALUE_LAYER))
		return node_unsupported(onnx, node, NULL, "a sum is possible as a part of the length of a sample alone.");
	of = of_squares ? onnx->value[input].of : input;
	if (!covers_sample(onnx, node, &onnx->value[of].view, &covers))
		return false;
	if (!covers)
		return node_unsupported(onnx, node, NULL, "only the length of all of a sample's values together is possible.");
	output->kind = bytes_are(node->operator, "ReduceL2") ? VALUE_LENGTH : VALUE_SQUARE_SUM;
	output->of = of;
	return true;
}

static bool
run_sqrt(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *output = node_output(onnx, node);

	if (node->inputs < 1 || node->input[0] < 0 || onnx->value[node->input[0]].kind != VALUE_SQUARE_SUM)
		return node_unsupported(onnx, node, NULL, "a root is possible as a part of the length of a sample alone.");
	output->kind = VALUE_LENGTH;
	output->of = onnx->value[node->input[0]].of;
	return true;
}

static bool
run_pow(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	OnnxValue  *output = node_output(onnx, node);
	const OnnxConstant *constant;
	bool		failed;

	if (value == NULL)
		return false;
	constant = node_constant(onnx, node, 1, &failed);
	if (failed)
		return false;
	if (constant == NULL || constant->count != 1 || constant_number(constant, 0) != 2)
		return node_unsupported(onnx, node, NULL, "only squares, as a part of the length of a sample, are possible.");
	output->kind = VALUE_SQUARE;
	output->of = node->input[0];
	return true;
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------------------ */

/* Add, Max: what keeps a length above 0. */
static bool
run_with_length(Onnx *onnx, const OnnxNode *node, const OnnxValue *length, int other)
{
	const OnnxConstant *constant;
	bool		failed;

	constant = node_constant(onnx, node, other, &failed);
	if (failed)
		return false;
	if (constant == NULL || constant->count != 1)
		return node_unsupported(onnx, node, NULL, "with the length of a sample it is not possible.");
	if (bytes_are(node->operator, "Max"))
		return keep_length(onnx, node, length, constant_number(constant, 0));
	if (bytes_are(node->operator, "Add") && fabs(constant_number(constant, 0)) <= LENGTH_SHIFT)
		return keep_length(onnx, node, length, 0);
	return node_unsupported(onnx, node, NULL, "with the length of a sample it is not possible.");
}

static bool
run_arithmetic(Onnx *onnx, const OnnxNode *node)
{
	const OnnxConstant *constant;
	OnnxValue  *a;
	OnnxValue  *b;
	bool		failed;

	if (node->inputs != 2 || node->input[0] < 0 || node->input[1] < 0)
		return node_broken(onnx, node, "it needs two inputs.");
	if (onnx->opset < 7 && node_has(node, "axis"))
		return node_unsupported(onnx, node, "Export it again with opset 7 or later.", "its broadcasting is that of opset 6.");
	a = &onnx->value[node->input[0]];
	b = &onnx->value[node->input[1]];
	if (bytes_are(node->operator, "Div") && b->kind == VALUE_LENGTH && b->of == node->input[0])
		return emit_unit_length(onnx, node, a);
	if (is_length(a) || is_length(b))
		return run_with_length(onnx, node, is_length(a) ? a : b, is_length(a) ? 1 : 0);
	for (int i = 0; i < 2; i++)
	{
		constant = node_constant(onnx, node, i, &failed);
		if (failed)
			return false;
		if (constant != NULL)
		{
			OnnxValue  *value = node_layer(onnx, node, 1 - i);

			return value != NULL && with_constant(onnx, node, value, constant, i == 0);
		}
	}
	if (node_layer(onnx, node, 0) == NULL || node_layer(onnx, node, 1) == NULL)
		return false;
	if (bytes_are(node->operator, "Div"))
		return node_unsupported(onnx, node, NULL, "it divides by a layer's output that is not the length of the other one.");
	if (bytes_are(node->operator, "Mul"))
		return multiply_values(onnx, node, a, b);
	return add_values(onnx, node, a, b, bytes_are(node->operator, "Sub") ? -1 : 1);
}

/* A sum of two inputs or one; of more, exporters write Add. */
static bool
run_sum(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value;

	if (node->inputs != 1)
		return node->inputs == 2 ? run_arithmetic(onnx, node)
			: node_unsupported(onnx, node, "Write it as several Add.", "it has %d inputs; one or two are possible.", node->inputs);
	value = node_layer(onnx, node, 0);
	return value != NULL && emit_view(onnx, node, value, &value->view);
}

static bool
run_max(Onnx *onnx, const OnnxNode *node)
{
	for (int i = 0; i < node->inputs && node->inputs == 2; i++)
		if (node->input[i] >= 0 && is_length(&onnx->value[node->input[i]]))
			return run_with_length(onnx, node, &onnx->value[node->input[i]], 1 - i);
	return node_unsupported(onnx, node, NULL, "only what keeps the length of a sample above 0 is possible.");
}

static bool
run_prelu(Onnx *onnx, const OnnxNode *node)
{
	OnnxValue  *value = node_layer(onnx, node, 0);
	const OnnxConstant *constant;
	OnnxLayer  *layer;
	double	   *slope;
	bool		failed;
	Spread		spread;

	if (value == NULL)
		return false;
	constant = node_constant(onnx, node, 1, &failed);
	if (failed)
		return false;
	if (constant == NULL)
		return node_unsupported(onnx, node, NULL, "its slopes are no constant.");
	/* until opset 6 the slopes of the channels are a vector */
	if (onnx->opset < 7 && constant->rank == 1 && constant->count == (size_t) value_layer(onnx, value)->channels)
	{
		slope = onnx_take(onnx, constant->count, sizeof(double));
		spread = slope != NULL ? SPREAD_CHANNELS : SPREAD_FAILED;
		for (size_t c = 0; slope != NULL && c < constant->count; c++)
			slope[c] = constant_number(constant, c);
	}
	else
		spread = spread_constant(onnx, node, value, constant, &slope);
	if (spread == SPREAD_FAILED)
		return false;
	layer = emit_plain(onnx, node, value) ? emit_like(onnx, node, value, "prelu") : NULL;
	if (layer == NULL || !emit_parameters(onnx, layer, (size_t) layer->channels, 0))
		return false;
	for (int c = 0; c < layer->channels; c++)
		layer->parameters[c] = (float) slope[spread == SPREAD_ALL ? 0 : c];
	return true;
}

const OnnxOperator operators_arithmetic[] = {
	{"Add", run_arithmetic}, {"Sub", run_arithmetic}, {"Mul", run_arithmetic}, {"Div", run_arithmetic}, {"Sum", run_sum},
	{"Max", run_max}, {"Pow", run_pow}, {"Sqrt", run_sqrt}, {"PRelu", run_prelu}, {"LpNormalization", run_lp_normalization},
	{"ReduceL2", run_length}, {"ReduceSumSquare", run_length}, {"ReduceSum", run_length}, {NULL, NULL}
};
