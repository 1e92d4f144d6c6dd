/*
 * fold_pass.c: what operators over constants have in common: checks, memory, single values.
 */
#include <math.h>
#include <string.h>

#include "common/number.h"
#include "onnx/fold_internal.h"

bool
fold_refuse(const FoldPass *pass, const char *what)
{
	return node_broken(pass->onnx, pass->node, "%s", what);
}

bool
fold_make(FoldPass *pass, bool whole, int rank, const int64_t *dim)
{
	size_t		count;

	if (!constant_count(rank, dim, &count))
		return node_broken(pass->onnx, pass->node, "its output would have %d dimensions with a negative one or more than %d values.",
						   rank, LIMIT_PARAMETERS);
	pass->output = constant_make(pass->onnx, whole, rank, dim);
	return pass->output != NULL;
}

int64_t
fold_whole_of(double number)
{
	return isnan(number) ? 0 : (int64_t) clamp(trunc(number), -9e18, 9e18);
}

void
fold_put(OnnxConstant *constant, size_t to, const OnnxConstant *from, size_t i)
{
	if (constant->whole != NULL)
		constant->whole[to] = from->whole != NULL ? from->whole[i] : fold_whole_of(from->real[i]);
	else
		constant->real[to] = (float) constant_number(from, i);
}

bool
fold_dims_from(const FoldPass *pass, const OnnxConstant *constant, int64_t *dim, int *rank)
{
	if (constant == NULL || constant->whole == NULL || constant->count > ONNX_RANK)
		return fold_refuse(pass, "its shape is not a list of at most 8 whole numbers.");
	*rank = (int) constant->count;
	memcpy(dim, constant->whole, constant->count * sizeof(int64_t));
	return true;
}

/* Runs of a tensor along an axis: outer * dim[axis] * inner values. */
void
fold_split_at(const OnnxConstant *constant, int axis, size_t *outer, size_t *inner)
{
	*outer = *inner = 1;
	for (int i = 0; i < constant->rank; i++)
		if (i != axis)
			*(i < axis ? outer : inner) *= (size_t) constant->dim[i];
}
