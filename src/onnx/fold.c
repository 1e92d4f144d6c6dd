/*
 * fold.c: operators whose inputs are all constants, and Shape: their output is one, too.
 *
 * Exporters compute shapes and weights by chains of them.  What they need is here and in fold_moves.c; other operators over constants
 * are refused.
 */
#include <math.h>
#include <string.h>

#include "onnx/fold_internal.h"

/* ---- making constants ------------------------------------------------------------------------------------------------ */

static bool
fold_constant(FoldPass *pass)
{
	const OnnxNode *node = pass->node;
	OnnxBytes	tensor = node_tensor(node, "value");
	int64_t		dim;
	int			count;

	if (tensor.length > 0)
	{
		pass->output = (OnnxConstant *) tensor_read(pass->onnx, tensor, node);
		return pass->output != NULL;
	}
	if (node_has(node, "value_float") || node_has(node, "value_int"))
	{
		bool		whole = node_has(node, "value_int");

		if (!fold_make(pass, whole, 0, NULL))
			return false;
		if (whole)
			pass->output->whole[0] = node_int(node, "value_int", 0);
		else
			pass->output->real[0] = (float) node_real(node, "value_float", 0);
		return true;
	}
	if ((count = node_ints(node, "value_ints", NULL, 0)) >= 0)
	{
		dim = count;
		if (!fold_make(pass, true, 1, &dim))
			return false;
		node_ints(node, "value_ints", pass->output->whole, count);
		return true;
	}
	if ((count = node_reals(node, "value_floats", NULL, 0)) >= 0)
	{
		dim = count;
		if (!fold_make(pass, false, 1, &dim))
			return false;
		node_reals(node, "value_floats", pass->output->real, count);
		return true;
	}
	return node_unsupported(pass->onnx, node, NULL, "it has no value that is a tensor of numbers.");
}

static bool
fold_constant_of_shape(FoldPass *pass)
{
	OnnxBytes	tensor = node_tensor(pass->node, "value");
	const OnnxConstant *value = NULL;
	int64_t		dim[ONNX_RANK];
	int			rank;

	if (!fold_dims_from(pass, pass->input[0], dim, &rank))
		return false;
	if (tensor.length > 0 && (value = tensor_read(pass->onnx, tensor, pass->node)) == NULL)
		return false;
	if (value != NULL && value->count != 1)
		return fold_refuse(pass, "its value must be one number.");
	if (!fold_make(pass, value != NULL && value->whole != NULL, rank, dim))
		return false;
	for (size_t i = 0; value != NULL && i < pass->output->count; i++)
		fold_put(pass->output, i, value, 0);
	return true;
}

/* ---- arithmetic -------------------------------------------------------------------------------------------------------- */

static double
calculate(OnnxBytes operator, double a, double b)
{
	if (bytes_are(operator, "Add"))
		return a + b;
	if (bytes_are(operator, "Sub"))
		return a - b;
	if (bytes_are(operator, "Mul"))
		return a * b;
	if (bytes_are(operator, "Div"))
		return a / b;
	if (bytes_are(operator, "Pow"))
		return pow(a, b);
	if (bytes_are(operator, "Sqrt"))
		return sqrt(a);
	if (bytes_are(operator, "Neg"))
		return -a;
	if (bytes_are(operator, "Exp"))
		return exp(a);
	if (bytes_are(operator, "Floor"))
		return floor(a);
	if (bytes_are(operator, "Ceil"))
		return ceil(a);
	if (bytes_are(operator, "Abs"))
		return fabs(a);
	return 1 / a;				/* Reciprocal */
}

/* The next place of an array, the last dimension first; from the last one to the first. */
static void
next_index(int rank, const int64_t *dim, size_t *index)
{
	for (int k = rank - 1; k >= 0; k--)
	{
		if (++index[k] < (size_t) dim[k])
			break;
		index[k] = 0;
	}
}

/* Where the value at index of an output with these dimensions stands in an input that is broadcast to it. */
static size_t
broadcast_place(const OnnxConstant *constant, int rank, const size_t *index)
{
	size_t		place = 0;

	for (int i = 0; i < constant->rank; i++)
		place = place * (size_t) constant->dim[i] + (constant->dim[i] == 1 ? 0 : index[rank - constant->rank + i]);
	return place;
}

static bool
broadcast_dims(const FoldPass *pass, int *rank, int64_t *dim)
{
	*rank = 0;
	for (int i = 0; i < pass->inputs; i++)
		if (pass->input[i]->rank > *rank)
			*rank = pass->input[i]->rank;
	for (int k = 0; k < *rank; k++)
		dim[k] = 1;
	for (int i = 0; i < pass->inputs; i++)
		for (int k = 0; k < pass->input[i]->rank; k++)
		{
			int64_t    *to = &dim[*rank - pass->input[i]->rank + k];

			if (*to == 1)
				*to = pass->input[i]->dim[k];
			else if (pass->input[i]->dim[k] != 1 && pass->input[i]->dim[k] != *to)
				return fold_refuse(pass, "the dimensions of its inputs do not fit each other.");
		}
	return true;
}

static bool
fold_arithmetic(FoldPass *pass)
{
	int64_t		dim[ONNX_RANK];
	size_t		index[ONNX_RANK] = {0};
	int			rank;
	bool		whole = true;

	for (int i = 0; i < pass->inputs; i++)
	{
		if (pass->input[i] == NULL)
			return fold_refuse(pass, "an input is left out.");
		whole &= pass->input[i]->whole != NULL;
	}
	if (!broadcast_dims(pass, &rank, dim) || !fold_make(pass, whole, rank, dim))
		return false;
	for (size_t i = 0; i < pass->output->count; i++)
	{
		double		a = constant_number(pass->input[0], broadcast_place(pass->input[0], rank, index));
		double		b = pass->inputs > 1 ? constant_number(pass->input[1], broadcast_place(pass->input[1], rank, index)) : 0;
		double		result;

		if (whole && b == 0 && bytes_are(pass->node->operator, "Div"))
			return fold_refuse(pass, "it divides by zero.");
		result = calculate(pass->node->operator, a, b);
		if (whole)
			pass->output->whole[i] = fold_whole_of(result);
		else
			pass->output->real[i] = (float) result;
		next_index(rank, dim, index);
	}
	return true;
}

static bool
fold_expand(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	OnnxConstant shape = {.count = 1};
	FoldPass	both = *pass;
	int64_t		dim[ONNX_RANK];
	size_t		index[ONNX_RANK] = {0};
	int			rank;

	if (!fold_dims_from(pass, pass->inputs > 1 ? pass->input[1] : NULL, shape.dim, &shape.rank))
		return false;
	both.input[1] = &shape;
	if (!broadcast_dims(&both, &rank, dim) || !fold_make(pass, from->whole != NULL, rank, dim))
		return false;
	for (size_t i = 0; i < pass->output->count; i++)
	{
		fold_put(pass->output, i, from, broadcast_place(from, rank, index));
		next_index(rank, dim, index);
	}
	return true;
}

/* (x - zero point) * scale, both for all values or for each of an axis. */
static bool
fold_dequantize(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	const OnnxConstant *scale = pass->inputs > 1 ? pass->input[1] : NULL;
	const OnnxConstant *zero = pass->inputs > 2 ? pass->input[2] : NULL;
	int64_t		axis = node_int(pass->node, "axis", 1);
	size_t		outer = 1;
	size_t		inner = from->count;

	axis = axis < 0 ? axis + from->rank : axis;
	if (scale == NULL || from->whole == NULL || node_int(pass->node, "block_size", 0) != 0)
		return node_unsupported(pass->onnx, pass->node, NULL, "only constants of whole numbers with one scale, or one for each of an axis, are read.");
	if (scale->count != 1)
	{
		if (axis < 0 || axis >= from->rank || scale->count != (size_t) from->dim[axis])
			return fold_refuse(pass, "its scale does not fit its axis.");
		fold_split_at(from, (int) axis, &outer, &inner);
	}
	if (zero != NULL && (zero->whole == NULL || zero->count != scale->count))
		return fold_refuse(pass, "its zero point does not fit its scale.");
	if (!fold_make(pass, false, from->rank, from->dim))
		return false;
	for (size_t i = 0; i < from->count; i++)
	{
		size_t		k = scale->count == 1 ? 0 : i / inner % scale->count;

		pass->output->real[i] = (float) ((constant_number(from, i) - (zero != NULL ? constant_number(zero, k) : 0)) * constant_number(scale, k));
	}
	return true;
}

/* ---- the table --------------------------------------------------------------------------------------------------------- */

static const struct
{
	const char *name;
	int			least;			/* inputs */
	bool		(*run) (FoldPass *pass);
}			folds[] = {
	{"Constant", 0, fold_constant}, {"ConstantOfShape", 1, fold_constant_of_shape}, {"Identity", 1, fold_identity},
	{"Dropout", 1, fold_identity}, {"Cast", 1, fold_cast}, {"Reshape", 1, fold_reshape}, {"Flatten", 1, fold_flatten},
	{"Squeeze", 1, fold_squeeze}, {"Unsqueeze", 1, fold_unsqueeze}, {"Transpose", 1, fold_transpose}, {"Concat", 1, fold_concat},
	{"Gather", 2, fold_gather}, {"Slice", 1, fold_slice}, {"Shape", 1, fold_shape}, {"Expand", 2, fold_expand},
	{"Add", 2, fold_arithmetic}, {"Sub", 2, fold_arithmetic}, {"Mul", 2, fold_arithmetic}, {"Div", 2, fold_arithmetic},
	{"Pow", 2, fold_arithmetic}, {"Sqrt", 1, fold_arithmetic}, {"Neg", 1, fold_arithmetic}, {"Exp", 1, fold_arithmetic},
	{"Floor", 1, fold_arithmetic}, {"Ceil", 1, fold_arithmetic}, {"Abs", 1, fold_arithmetic}, {"Reciprocal", 1, fold_arithmetic},
	{"DequantizeLinear", 2, fold_dequantize}
};

static bool
finish(FoldPass *pass)
{
	OnnxValue  *value = node_output(pass->onnx, pass->node);

	value->kind = VALUE_CONSTANT;
	value->constant = pass->output;
	return true;
}

bool
fold_node(Onnx *onnx, const OnnxNode *node, bool *done)
{
	FoldPass	pass = {.onnx = onnx, .node = node, .inputs = node->inputs};

	*done = false;
	if (node->output[0] < 0)
		return true;
	if (bytes_are(node->operator, "Shape") && node->inputs == 1 && node->input[0] >= 0 &&
		onnx->value[node->input[0]].kind == VALUE_LAYER)
	{
		OnnxValue  *value = &onnx->value[node->input[0]];
		const OnnxView *view = &value->view;
		int64_t		dim[ONNX_RANK];

		if (padded(value) && !emit_padding(onnx, node, value, (int64_t[]) {0, 0}))
			return false;
		for (int i = 0; i < view->rank; i++)
			dim[i] = view_dim(view, i);
		*done = true;
		return fold_shape_of(&pass, view->rank, dim) && finish(&pass);
	}
	if (node->inputs > MOST_INPUTS)
		return true;
	for (int i = 0; i < node->inputs; i++)
	{
		bool		failed;

		pass.input[i] = node_constant(onnx, node, i, &failed);
		if (failed)
			return false;
		if (pass.input[i] == NULL && (node->input[i] >= 0 || i == 0))
			return true;
	}
	for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++)
		if (bytes_are(node->operator, folds[i].name) && node->inputs >= folds[i].least)
		{
			if (host_interrupted(onnx->host, onnx->status))
				return false;
			*done = true;
			return folds[i].run(&pass) && finish(&pass);
		}
	return true;
}
