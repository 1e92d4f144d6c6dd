/*
 * fold_moves.c: operators that move the values of constants: other dimensions, orders and parts.
 */
#include <string.h>

#include "onnx/fold_internal.h"

/* The same values with other dimensions. */
static bool
copy_as(FoldPass *pass, int rank, const int64_t *dim)
{
	const OnnxConstant *from = pass->input[0];

	if (!fold_make(pass, from->whole != NULL, rank, dim))
		return false;
	if (pass->output->count != from->count)
		return fold_refuse(pass, "its output has another number of values than its input.");
	if (from->whole != NULL)
		memcpy(pass->output->whole, from->whole, from->count * sizeof(int64_t));
	else
		memcpy(pass->output->real, from->real, from->count * sizeof(float));
	return true;
}

static bool
axis_of(const FoldPass *pass, int64_t axis, int rank, int *result)
{
	if (axis < -rank || axis >= rank)
		return node_broken(pass->onnx, pass->node, "its axis %lld does not exist: its input has %d dimensions.", (long long) axis, rank);
	*result = (int) (axis < 0 ? axis + rank : axis);
	return true;
}

/* ---- dimensions -------------------------------------------------------------------------------------------------------- */

bool
fold_identity(FoldPass *pass)
{
	return copy_as(pass, pass->input[0]->rank, pass->input[0]->dim);
}

bool
fold_cast(FoldPass *pass)
{
	int64_t		to = node_int(pass->node, "to", ONNX_FLOAT);
	bool		whole = to != ONNX_FLOAT && to != ONNX_FLOAT16 && to != ONNX_DOUBLE && to != ONNX_BFLOAT16;

	if (to == ONNX_STRING || !fold_make(pass, whole, pass->input[0]->rank, pass->input[0]->dim))
		return to == ONNX_STRING ? fold_refuse(pass, "it makes texts.") : false;
	for (size_t i = 0; i < pass->output->count; i++)
		fold_put(pass->output, i, pass->input[0], i);
	return true;
}

bool
fold_reshape(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	int64_t		dim[ONNX_RANK];
	int			rank;
	int			open = -1;
	size_t		known = 1;

	rank = node_ints(pass->node, "shape", dim, ONNX_RANK);
	if (rank > ONNX_RANK || (rank < 0 && !fold_dims_from(pass, pass->inputs > 1 ? pass->input[1] : NULL, dim, &rank)))
		return rank > ONNX_RANK ? fold_refuse(pass, "its shape has too many dimensions.") : false;
	for (int i = 0; i < rank; i++)
	{
		if (dim[i] == 0 && i < from->rank && node_int(pass->node, "allowzero", 0) == 0)
			dim[i] = from->dim[i];
		if (dim[i] == -1 && open < 0)
			open = i;
		else if (dim[i] < 0 || __builtin_mul_overflow(known, (size_t) dim[i], &known))
			return fold_refuse(pass, "its shape has a negative dimension, or too large ones.");
	}
	if (open >= 0)
		dim[open] = known == 0 ? 0 : (int64_t) (from->count / known);
	return copy_as(pass, rank, dim);
}

bool
fold_flatten(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	int64_t		axis = node_int(pass->node, "axis", 1);
	int64_t		dim[2] = {1, 1};

	axis = axis < 0 ? axis + from->rank : axis;
	for (int i = 0; i < from->rank; i++)
		dim[i >= axis] *= from->dim[i];
	return copy_as(pass, 2, dim);
}

bool
fold_squeeze(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	int64_t		axes[ONNX_RANK];
	int64_t		dim[ONNX_RANK];
	bool		drop[ONNX_RANK] = {false};
	int			count;
	int			rank = 0;
	int			axis = 0;

	if (!node_whole_numbers(pass->onnx, pass->node, "axes", 1, axes, &count))
		return false;
	for (int i = 0; i < count; i++)
	{
		if (!axis_of(pass, axes[i], from->rank, &axis))
			return false;
		drop[axis] = true;
	}
	for (int i = 0; i < from->rank; i++)
		if (!(count < 0 ? from->dim[i] == 1 : drop[i]))
			dim[rank++] = from->dim[i];
	return copy_as(pass, rank, dim);
}

bool
fold_unsqueeze(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	int64_t		axes[ONNX_RANK];
	int64_t		dim[ONNX_RANK];
	bool		added[ONNX_RANK] = {false};
	int			count;
	int			rank;
	int			at = 0;
	int			axis = 0;

	if (!node_whole_numbers(pass->onnx, pass->node, "axes", 1, axes, &count))
		return false;
	rank = from->rank + (count > 0 ? count : 0);
	if (rank > ONNX_RANK)
		return fold_refuse(pass, "its output has too many dimensions.");
	for (int i = 0; i < count; i++)
	{
		if (!axis_of(pass, axes[i], rank, &axis))
			return false;
		if (added[axis])
			return fold_refuse(pass, "an axis is given twice.");
		added[axis] = true;
	}
	for (int i = 0; i < rank; i++)
		dim[i] = added[i] ? 1 : from->dim[at++];
	return copy_as(pass, rank, dim);
}

bool
fold_transpose(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	int64_t		order[ONNX_RANK];
	int64_t		dim[ONNX_RANK];
	size_t		stride[ONNX_RANK];
	size_t		step = 1;
	size_t		index[ONNX_RANK] = {0};
	int			count = node_ints(pass->node, "perm", order, ONNX_RANK);
	size_t		at = 0;

	if (count >= 0 && count != from->rank)
		return fold_refuse(pass, "its \"perm\" does not fit its input.");
	for (int i = 0; i < from->rank; i++)
	{
		if (count < 0)
			order[i] = from->rank - 1 - i;
		if (order[i] < 0 || order[i] >= from->rank)
			return fold_refuse(pass, "its \"perm\" is none.");
		for (int k = 0; k < i; k++)
			if (order[k] == order[i])
				return fold_refuse(pass, "its \"perm\" is none.");
		dim[i] = from->dim[order[i]];
	}
	for (int i = from->rank - 1; i >= 0; i--)
	{
		for (int k = 0; k < from->rank; k++)
			if (order[k] == i)
				stride[k] = step;
		step *= (size_t) from->dim[i];
	}
	if (!fold_make(pass, from->whole != NULL, from->rank, dim))
		return false;
	for (size_t i = 0; i < pass->output->count; i++)
	{
		fold_put(pass->output, i, from, at);
		for (int k = from->rank - 1; k >= 0; k--)
		{
			at += stride[k];
			if (++index[k] < (size_t) dim[k])
				break;
			at -= stride[k] * index[k];
			index[k] = 0;
		}
	}
	return true;
}

bool
fold_concat(FoldPass *pass)
{
	const OnnxConstant *first = pass->input[0];
	int64_t		dim[ONNX_RANK];
	size_t		outer;
	size_t		inner;
	size_t		to = 0;
	int			axis = 0;

	if (first->rank == 0 || !axis_of(pass, node_int(pass->node, "axis", 0), first->rank, &axis))
		return first->rank == 0 ? fold_refuse(pass, "its inputs have no dimension.") : false;
	memcpy(dim, first->dim, sizeof dim);
	dim[axis] = 0;
	for (int i = 0; i < pass->inputs; i++)
	{
		if (pass->input[i] == NULL || pass->input[i]->rank != first->rank)
			return fold_refuse(pass, "its inputs differ in their number of dimensions.");
		for (int k = 0; k < first->rank; k++)
			if (k != axis && pass->input[i]->dim[k] != first->dim[k])
				return fold_refuse(pass, "its inputs differ beside the axis.");
		if (__builtin_add_overflow(dim[axis], pass->input[i]->dim[axis], &dim[axis]))
			return fold_refuse(pass, "its inputs are too large.");
	}
	if (!fold_make(pass, first->whole != NULL, first->rank, dim))
		return false;
	fold_split_at(first, axis, &outer, &inner);
	for (size_t o = 0; o < outer; o++)
		for (int i = 0; i < pass->inputs; i++)
		{
			size_t		run = (size_t) pass->input[i]->dim[axis] * inner;

			for (size_t k = 0; k < run; k++)
				fold_put(pass->output, to++, pass->input[i], o * run + k);
		}
	return true;
}

bool
fold_gather(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	const OnnxConstant *index = pass->inputs > 1 ? pass->input[1] : NULL;
	int64_t		dim[2 * ONNX_RANK];
	int			rank = 0;
	int			axis = 0;
	size_t		outer;
	size_t		inner;
	size_t		to = 0;

	if (index == NULL || index->whole == NULL || from->rank == 0 || from->rank - 1 + index->rank > ONNX_RANK)
		return fold_refuse(pass, "its indices are no whole numbers, or its output has too many dimensions.");
	if (!axis_of(pass, node_int(pass->node, "axis", 0), from->rank, &axis))
		return false;
	for (int i = 0; i < axis; i++)
		dim[rank++] = from->dim[i];
	for (int i = 0; i < index->rank; i++)
		dim[rank++] = index->dim[i];
	for (int i = axis + 1; i < from->rank; i++)
		dim[rank++] = from->dim[i];
	if (!fold_make(pass, from->whole != NULL, rank, dim))
		return false;
	fold_split_at(from, axis, &outer, &inner);
	for (size_t o = 0; o < outer && pass->output->count > 0; o++)
		for (size_t i = 0; i < index->count; i++)
		{
			int64_t		at = index->whole[i] < 0 ? index->whole[i] + from->dim[axis] : index->whole[i];

			if (at < 0 || at >= from->dim[axis])
				return node_broken(pass->onnx, pass->node, "index %lld is outside of the %lld that its input has.",
								   (long long) index->whole[i], (long long) from->dim[axis]);
			for (size_t k = 0; k < inner; k++)
				fold_put(pass->output, to++, from, (o * (size_t) from->dim[axis] + (size_t) at) * inner + k);
		}
	return true;
}

/* The part of one axis: start, number and step; further axes by further passes over the constant. */
static bool
slice_axis(FoldPass *pass, const OnnxConstant *from, int axis, int64_t start, int64_t end, int64_t step, OnnxConstant **result)
{
	int64_t		size = from->dim[axis];
	int64_t		dim[ONNX_RANK];
	size_t		outer;
	size_t		inner;
	size_t		to = 0;

	if (step == 0 || step < -INT32_MAX || step > INT32_MAX)
		return fold_refuse(pass, "its step is 0, or too large.");
	start = start < 0 ? start + size : start;
	end = end < 0 ? end + size : end;
	start = start < 0 ? 0 : start > size - (step < 0) ? size - (step < 0) : start;
	end = end < (step < 0 ? -1 : 0) ? (step < 0 ? -1 : 0) : end > size ? size : end;
	memcpy(dim, from->dim, sizeof dim);
	dim[axis] = step > 0 ? (end > start ? (end - start + step - 1) / step : 0) : (start > end ? (start - end - step - 1) / -step : 0);
	if (!fold_make(pass, from->whole != NULL, from->rank, dim))
		return false;
	fold_split_at(from, axis, &outer, &inner);
	for (size_t o = 0; o < outer && pass->output->count > 0; o++)
		for (int64_t i = 0; i < dim[axis]; i++)
			for (size_t k = 0; k < inner; k++)
				fold_put(pass->output, to++, from, (o * (size_t) size + (size_t) (start + i * step)) * inner + k);
	*result = pass->output;
	return true;
}

bool
fold_slice(FoldPass *pass)
{
	const OnnxConstant *from = pass->input[0];
	OnnxConstant *part = NULL;
	int64_t		starts[ONNX_RANK];
	int64_t		ends[ONNX_RANK];
	int64_t		axes[ONNX_RANK];
	int64_t		steps[ONNX_RANK];
	int			count[4];
	int			axis = 0;

	if (!node_whole_numbers(pass->onnx, pass->node, "starts", 1, starts, &count[0]) ||
		!node_whole_numbers(pass->onnx, pass->node, "ends", 2, ends, &count[1]) ||
		!node_whole_numbers(pass->onnx, pass->node, "axes", 3, axes, &count[2]) ||
		!node_whole_numbers(pass->onnx, pass->node, "steps", 4, steps, &count[3]))
		return false;
	if (count[0] < 0 || count[1] != count[0] || (count[2] >= 0 && count[2] != count[0]) || (count[3] >= 0 && count[3] != count[0]))
		return fold_refuse(pass, "its starts, ends, axes and steps differ in number.");
	if (count[0] == 0)
		return fold_identity(pass);
	for (int i = 0; i < count[0]; i++, from = part)
	{
		if (!axis_of(pass, count[2] >= 0 ? axes[i] : i, from->rank, &axis) ||
			!slice_axis(pass, from, axis, starts[i], ends[i], count[3] >= 0 ? steps[i] : 1, &part))
			return false;
	}
	return true;
}

bool
fold_shape_of(FoldPass *pass, int rank, const int64_t *dim)
{
	int64_t		start = node_int(pass->node, "start", 0);
	int64_t		end = node_int(pass->node, "end", rank);
	int64_t		count;

	start = start < 0 ? start + rank : start;
	end = end < 0 ? end + rank : end;
	start = start < 0 ? 0 : start > rank ? rank : start;
	end = end < start ? start : end > rank ? rank : end;
	count = end - start;
	if (!fold_make(pass, true, 1, &count))
		return false;
	for (int64_t i = 0; i < count; i++)
		pass->output->whole[i] = dim[start + i];
	return true;
}

bool
fold_shape(FoldPass *pass)
{
	return fold_shape_of(pass, pass->input[0]->rank, pass->input[0]->dim);
}

