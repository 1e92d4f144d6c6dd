/*
 * pattern.c: several operators that together are one layer, as write_special.c writes them: an attention pool, an adaptive pool, the
 * layer "pair".
 *
 * They are found by their operators and by who reads what, before any node is taken.  The last node of a pattern then stands for all: the
 * others are not needed any more, and what their constants say is checked when its turn comes.
 */
#include <math.h>

#include "onnx/onnx_internal.h"

typedef struct Finder
{
	Onnx	   *onnx;
	int		   *producer;		/* [values]: the node that gives it, and one more; 0: none */
} Finder;

/* The node that gives an input, if it is of that operator and so many nodes read its first output; else NULL. */
static OnnxNode *
giver(const Finder *finder, const OnnxNode *node, int input, const char *operator, int readers)
{
	Onnx	   *onnx = finder->onnx;
	int			value = node != NULL && input < node->inputs ? node->input[input] : -1;
	OnnxNode   *found = value >= 0 && finder->producer[value] > 0 ? &onnx->node[finder->producer[value] - 1] : NULL;

	if (found == NULL || !bytes_are(found->operator, operator) || found->domain.length > 0 || found->output[0] != value ||
		onnx->value[value].consumers != readers)
		return NULL;
	return found;
}

static bool
is_stored(const Onnx *onnx, const OnnxNode *node, int input)
{
	return input < node->inputs && node->input[input] >= 0 && onnx->value[node->input[input]].kind == VALUE_TENSOR;
}

/* The last node of a pattern stands for its parts, which it reads. */
static void
join_parts(Onnx *onnx, OnnxNode *last, bool (*run) (Onnx *onnx, const OnnxNode *node), OnnxNode *const *part, int parts)
{
	last->pattern = run;
	for (int i = 0; i < parts; i++)
	{
		last->part[i] = part[i] != NULL ? part[i]->number : 0;
		if (part[i] != NULL)
			part[i]->needed = false;
	}
}

static const OnnxNode *
part_of(const Onnx *onnx, const OnnxNode *node, int part)
{
	return node->part[part] > 0 ? &onnx->node[node->part[part] - 1] : NULL;
}

/* ---- attention_pool ------------------------------------------------------------------------------------------------------ */

enum {ATTENTION_SCORES, ATTENTION_PLACES, ATTENTION_HEADS, ATTENTION_PIXELS, ATTENTION_SOFTMAX, ATTENTION_TRANSPOSE, ATTENTION_PRODUCT};

/* Numbers that are all the same, if the attribute is given at all. */
static bool
all_are(const OnnxNode *node, const char *name, int64_t wanted)
{
	int64_t		number[ONNX_RANK];
	int			count = node_ints(node, name, number, ONNX_RANK);

	for (int i = 0; i < count && i < ONNX_RANK; i++)
		if (number[i] != wanted)
			return false;
	return true;
}

static bool
not_attention(Onnx *onnx, const OnnxNode *node)
{
	return node_unsupported(onnx, node, NULL, "it ends an attention that is none of learned queries over the pixels of a map.");
}

/* [batch, first, second] of a reshape, one of the last two may be left open. */
static bool
reshapes_to(Onnx *onnx, const OnnxNode *node, int64_t first, int64_t second, bool *so)
{
	int64_t		dim[ONNX_RANK];
	int			count;

	if (!node_whole_numbers(onnx, node, "shape", 1, dim, &count))
		return false;
	*so = count == 3 && (dim[1] == first || dim[1] == -1) && (dim[2] == second || dim[2] == -1);
	return true;
}

/* Weights of the queries [heads, channels, 1, 1] and of the places [1, heads, height, width], in our order. */
static void
copy_attention(const OnnxConstant *query, const OnnxConstant *place, OnnxLayer *layer, size_t channels, size_t pixels)
{
	size_t		heads = (size_t) query->dim[0];

	for (size_t h = 0; h < heads; h++)
		for (size_t c = 0; c < channels; c++)
			layer->parameters[c * heads + h] = (float) constant_number(query, h * channels + c);
	for (size_t h = 0; place != NULL && h < heads; h++)
		for (size_t p = 0; p < pixels; p++)
			layer->parameters[(channels + p) * heads + h] = (float) constant_number(place, h * pixels + p);
}

static bool
run_attention(Onnx *onnx, const OnnxNode *node)
{
	const OnnxNode *scores = part_of(onnx, node, ATTENTION_SCORES);
	const OnnxNode *places = part_of(onnx, node, ATTENTION_PLACES);
	OnnxValue  *value = node_layer(onnx, part_of(onnx, node, ATTENTION_PIXELS), 0);
	const OnnxConstant *query;
	const OnnxConstant *place = NULL;
	OnnxLayer  *layer;
	int64_t		channels;
	int64_t		pixels;
	bool		failed;
	bool		heads_fit;
	bool		pixels_fit;

	if (value == NULL || !emit_plain(onnx, node, value))
		return false;
	query = node_constant(onnx, scores, 1, &failed);
	if (!failed && places != NULL)
		place = node_constant(onnx, places, 1, &failed);
	if (failed)
		return false;
	channels = value_layer(onnx, value)->channels;
	pixels = (int64_t) value_layer(onnx, value)->height * value_layer(onnx, value)->width;
	if (!view_is(&value->view, "nchw") || query == NULL || query->rank != 4 || query->dim[1] != channels || query->dim[2] != 1 ||
		query->dim[3] != 1 || query->dim[0] < 1 || (places != NULL && (place == NULL || place->count != (size_t) (query->dim[0] * pixels))))
		return not_attention(onnx, node);
	if (!reshapes_to(onnx, part_of(onnx, node, ATTENTION_HEADS), query->dim[0], pixels, &heads_fit) ||
		!reshapes_to(onnx, part_of(onnx, node, ATTENTION_PIXELS), channels, pixels, &pixels_fit))
		return false;
	if (!heads_fit || !pixels_fit)
		return not_attention(onnx, node);
	if (query->dim[0] > LIMIT_HEADS)
		return node_unsupported(onnx, node, NULL, "its attention has %lld heads; at most %d are possible.", (long long) query->dim[0], LIMIT_HEADS);
	layer = emit_layer(onnx, node, "attention_pool", value->layer, query->dim[0] * channels, 1, 1);
	if (layer == NULL || !emit_parameters(onnx, layer, (size_t) ((channels + (place != NULL ? pixels : 0)) * query->dim[0]), 0))
		return false;
	emit_setting(layer, ", \"heads\": %lld%s", (long long) query->dim[0], place == NULL ? ", \"places\": false" : "");
	copy_attention(query, place, layer, (size_t) channels, (size_t) pixels);
	return emit_output(onnx, node, "nc");
}

static void
find_attention(const Finder *finder, OnnxNode *node)
{
	OnnxNode   *product = giver(finder, node, 0, "MatMul", 1);
	OnnxNode   *softmax = giver(finder, product, 0, "Softmax", 1);
	OnnxNode   *heads = giver(finder, softmax, 0, "Reshape", 1);
	OnnxNode   *places = giver(finder, heads, 0, "Add", 1);
	OnnxNode   *scores = giver(finder, places != NULL ? places : heads, 0, "Conv", 1);
	OnnxNode   *transpose = giver(finder, product, 1, "Transpose", 1);
	OnnxNode   *pixels = giver(finder, transpose, 0, "Reshape", 1);
	int64_t		axis = softmax != NULL ? node_int(softmax, "axis", -1) : 0;
	int64_t		order[3];

	if (scores == NULL || pixels == NULL || scores->inputs != 2 || scores->input[0] < 0 || scores->input[0] != pixels->input[0] ||
		!is_stored(finder->onnx, scores, 1) || (places != NULL && !is_stored(finder->onnx, places, 1)) || (axis != 2 && axis != -1) ||
		node_ints(transpose, "perm", order, 3) != 3 || order[0] != 0 || order[1] != 2 || order[2] != 1 ||
		node_int(node, "axis", 1) != 1 || node_int(scores, "group", 1) != 1 || !all_are(scores, "strides", 1) || !all_are(scores, "pads", 0))
		return;
	join_parts(finder->onnx, node, run_attention, (OnnxNode *[]) {scores, places, heads, pixels, softmax, transpose, product}, 7);
}

/* ---- adaptive_mean_pool -------------------------------------------------------------------------------------------------- */

/* Whether a matrix [in, out], or transposed, makes of in values the means of pixels floor(o in / out) to ceil((o + 1) in / out) - 1. */
static bool
makes_means(const OnnxConstant *matrix, int64_t in, bool transposed)
{
	int64_t		out;

	if (matrix == NULL || matrix->rank != 2 || matrix->dim[transposed ? 1 : 0] != in || matrix->count == 0)
		return false;
	out = matrix->dim[transposed ? 0 : 1];
	for (int64_t o = 0; o < out; o++)
	{
		int64_t		start = o * in / out;
		int64_t		end = ((o + 1) * in + out - 1) / out;

		for (int64_t i = 0; i < in; i++)
		{
			double		wanted = i >= start && i < end ? 1.0 / (double) (end - start) : 0;

			if (!(fabs(constant_number(matrix, (size_t) (transposed ? o * in + i : i * out + o)) - wanted) < 1e-6))
				return false;
		}
	}
	return true;
}

static bool
run_adaptive(Onnx *onnx, const OnnxNode *node)
{
	const OnnxNode *inner = part_of(onnx, node, 0);
	OnnxValue  *value = node_layer(onnx, inner, 0);
	const OnnxConstant *columns;
	const OnnxConstant *rows = NULL;
	OnnxLayer  *layer;
	bool		failed;

	if (value == NULL)
		return false;
	columns = node_constant(onnx, inner, 1, &failed);
	if (!failed)
		rows = node_constant(onnx, node, 0, &failed);
	if (failed)
		return false;
	if (!view_is(&value->view, "nchw") || !makes_means(columns, value_layer(onnx, value)->width, false) ||
		!makes_means(rows, value_layer(onnx, value)->height, true))
		return node_unsupported(onnx, node, NULL, "it multiplies a map by matrices, which do not make means of its rows and columns.");
	layer = emit_layer(onnx, node, "adaptive_mean_pool", value->layer, value_layer(onnx, value)->channels, rows->dim[0], columns->dim[1]);
	if (layer == NULL)
		return false;
	emit_setting(layer, ", \"size\": [%lld, %lld]", (long long) rows->dim[0], (long long) columns->dim[1]);
	emit_output(onnx, node, "nchw");
	node_output(onnx, node)->scale = value->scale;
	node_output(onnx, node)->shift = value->shift;
	return true;
}

static void
find_adaptive(const Finder *finder, OnnxNode *node)
{
	OnnxNode   *inner = giver(finder, node, 1, "MatMul", 1);

	if (inner != NULL && is_stored(finder->onnx, node, 0) && is_stored(finder->onnx, inner, 1) && !is_stored(finder->onnx, inner, 0))
		join_parts(finder->onnx, node, run_adaptive, &inner, 1);
}

/* ---- pair ---------------------------------------------------------------------------------------------------------------- */

/* Whether a node joins these two values, in this order, along that axis. */
static bool
joins(const OnnxNode *node, int64_t axis, int a, int b)
{
	return node->inputs == 2 && node->input[0] == a && node->input[1] == b && node_int(node, "axis", 1) == axis;
}

/* Twins' outputs of both samples, one half of the batch after the other -> both orders of each pair, stacked as channels. */
static bool
run_pair(Onnx *onnx, const OnnxNode *node)
{
	const OnnxNode *split = part_of(onnx, node, 0);
	OnnxValue  *value = node_layer(onnx, split, 0);
	OnnxView	view;
	const OnnxLayer *from;

	if (value == NULL || !emit_plain(onnx, node, value))
		return false;
	view = value->view;
	from = value_layer(onnx, value);
	if (split->inputs != 1 || view.rank < 2 || view_channel_axis(&view, 1) != 1)
		return node_unsupported(onnx, node, NULL, "it does not stack the channels of the two halves of a batch.");
	if (emit_layer(onnx, node, "pair", value->layer, 2 * (int64_t) from->channels, from->height, from->width) == NULL)
		return false;
	onnx->pair = true;
	view.size[ATOM_CHANNEL] *= 2;
	view.axis[1] = (OnnxAxis) {1, {ATOM_CHANNEL}};
	return emit_output_view(onnx, node, &view);
}

static void
find_pair(const Finder *finder, OnnxNode *node)
{
	OnnxNode   *ab = giver(finder, node, 0, "Concat", 1);
	OnnxNode   *ba = giver(finder, node, 1, "Concat", 1);
	OnnxNode   *split = giver(finder, ab, 0, "Split", 2);

	if (ba == NULL || split == NULL || node->inputs != 2 || node_int(node, "axis", 1) != 0 || split->outputs != 2 ||
		node_int(split, "axis", 0) != 0 || split->output[1] < 0 || finder->onnx->value[split->output[1]].consumers != 2 ||
		!joins(ab, 1, split->output[0], split->output[1]) || !joins(ba, 1, split->output[1], split->output[0]))
		return;
	join_parts(finder->onnx, node, run_pair, (OnnxNode *[]) {split, ab, ba}, 3);
}

/* ---- all ----------------------------------------------------------------------------------------------------------------- */

bool
patterns_find(Onnx *onnx)
{
	static const struct
	{
		const char *operator;
		void		(*find) (const Finder *finder, OnnxNode *node);
	}			patterns[] = {{"Flatten", find_attention}, {"MatMul", find_adaptive}, {"Concat", find_pair}};
	Finder		finder = {onnx, onnx_take(onnx, onnx->values, sizeof(int))};

	if (finder.producer == NULL)
		return false;
	for (int i = 0; i < onnx->nodes; i++)
		for (int k = 0; k < onnx->node[i].outputs && onnx->node[i].needed; k++)
			if (onnx->node[i].output[k] >= 0)
				finder.producer[onnx->node[i].output[k]] = i + 1;
	for (int i = onnx->nodes - 1; i >= 0; i--)
		for (size_t k = 0; k < sizeof patterns / sizeof patterns[0]; k++)
			if (onnx->node[i].needed && onnx->node[i].domain.length == 0 && bytes_are(onnx->node[i].operator, patterns[k].operator))
				patterns[k].find(&finder, &onnx->node[i]);
	return true;
}
