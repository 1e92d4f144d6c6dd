/*
 * view.c: how an ONNX tensor lies over a layer's output.
 *
 * Our outputs are [height, width, channels], and stay so: Reshape, Transpose, Flatten and the like only change which axis of the
 * ONNX tensor runs over which of these atoms.
 */
#include <string.h>

#include "onnx/onnx_internal.h"

static int
atom_of(char letter)
{
	return letter == 'n' ? ATOM_BATCH : letter == 'c' ? ATOM_CHANNEL : letter == 'h' ? ATOM_ROW : ATOM_COLUMN;
}

OnnxView
view_make(const char *axes, int64_t batch, int64_t channels, int64_t height, int64_t width)
{
	OnnxView	view = {.rank = (int) strlen(axes), .size = {batch, channels, height, width}};

	for (int i = 0; i < view.rank; i++)
	{
		OnnxAtom	atom = (OnnxAtom) atom_of(axes[i]);

		if (view.size[atom] != 1)
			view.axis[i] = (OnnxAxis) {1, {atom}};
	}
	return view;
}

int64_t
view_dim(const OnnxView *view, int axis)
{
	int64_t		dim = 1;

	for (int i = 0; i < view->axis[axis].count; i++)
		dim *= view->size[view->axis[axis].atom[i]];
	return dim;
}

static bool
same_axis(const OnnxAxis *a, const OnnxAxis *b)
{
	return a->count == b->count && memcmp(a->atom, b->atom, a->count * sizeof(OnnxAtom)) == 0;
}

static bool
same_axes(const OnnxView *a, const OnnxView *b)
{
	if (a->rank != b->rank)
		return false;
	for (int i = 0; i < a->rank; i++)
		if (!same_axis(&a->axis[i], &b->axis[i]))
			return false;
	return true;
}

bool
view_is(const OnnxView *view, const char *axes)
{
	OnnxView	wanted = view_make(axes, view->size[0], view->size[1], view->size[2], view->size[3]);

	return same_axes(view, &wanted);
}

bool
view_same(const OnnxView *a, const OnnxView *b)
{
	return memcmp(a->size, b->size, sizeof(a->size)) == 0 && same_axes(a, b);
}

/* Samples stay apart: with more than one, they are the first axis, alone. */
static bool
batch_stays(const OnnxView *view)
{
	if (view->size[ATOM_BATCH] == 1)
		return true;
	return view->rank > 0 && view->axis[0].count == 1 && view->axis[0].atom[0] == ATOM_BATCH;
}

bool
view_reshape(const OnnxView *view, int rank, const int64_t *dim, OnnxView *result)
{
	OnnxAtom	atom[ATOMS];
	int			atoms = 0;
	int			at = 0;

	for (int i = 0; i < view->rank; i++)
		for (int k = 0; k < view->axis[i].count; k++)
			atom[atoms++] = view->axis[i].atom[k];
	*result = (OnnxView) {.rank = rank};
	memcpy(result->size, view->size, sizeof(view->size));
	for (int i = 0; i < rank; i++)
	{
		int64_t		product = 1;

		while (product < dim[i] && at < atoms)
		{
			product *= view->size[atom[at]];
			result->axis[i].atom[result->axis[i].count++] = atom[at++];
		}
		if (product != dim[i])
			return false;
	}
	return at == atoms && batch_stays(result);
}

bool
view_transpose(const OnnxView *view, const int64_t *order, OnnxView *result)
{
	*result = *view;
	for (int i = 0; i < view->rank; i++)
	{
		for (int k = 0; k < i; k++)
			if (order[k] == order[i])
				return false;
		if (order[i] < 0 || order[i] >= view->rank)
			return false;
		result->axis[i] = view->axis[order[i]];
	}
	return batch_stays(result);
}

int
view_channel_axis(const OnnxView *view, int fallback)
{
	for (int i = 0; i < view->rank; i++)
		if (view->axis[i].count == 1 && view->axis[i].atom[0] == ATOM_CHANNEL)
			return i;
	return view->size[ATOM_CHANNEL] == 1 && fallback < view->rank && view->axis[fallback].count == 0 ? fallback : -1;
}

int
view_flat_axis(const OnnxView *view)
{
	int			found = -1;

	for (int i = 0; i < view->rank; i++)
	{
		if (view->axis[i].count == 0 || view->axis[i].atom[0] == ATOM_BATCH)
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found >= 0 ? found : view->rank - 1;
}

size_t
view_place(const OnnxView *view, int axis, int row, int column, int channel)
{
	size_t		place = 0;

	for (int i = 0; i < view->axis[axis].count; i++)
	{
		OnnxAtom	atom = view->axis[axis].atom[i];

		place = place * (size_t) view->size[atom] + (size_t) (atom == ATOM_ROW ? row : atom == ATOM_COLUMN ? column : channel);
	}
	return place;
}
