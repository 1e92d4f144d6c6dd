/*
 * translate.c: onnx_import(): from a file to layers and weights.
 */
#include <string.h>

#include "onnx/onnx_internal.h"

#define MEMORY_FACTOR 32		/* bytes taken for one of the file: int8 weights become int64, float, and a copy in our order */
#define MEMORY_LEAST ((size_t) 64 << 20)

/* All inputs that are not left out are known by now: else there is a cycle, or nobody gives them. */
static bool
check_inputs(Onnx *onnx, const OnnxNode *node)
{
	char		text[ONNX_NAME];

	for (int i = 0; i < node->inputs; i++)
		if (node->input[i] >= 0 && onnx->value[node->input[i]].kind == VALUE_UNKNOWN)
			return node_broken(onnx, node, "no node before it gives its input \"%s\"; the graph has a cycle, or a part is missing.",
							   onnx_name(onnx->value[node->input[i]].name, text));
	return true;
}

static bool
unknown_operator(Onnx *onnx, const OnnxNode *node)
{
	if (bytes_are(node->operator, "Softmax") || bytes_are(node->operator, "LogSoftmax") || bytes_are(node->operator, "ArgMax"))
		return node_unsupported(onnx, node, "Cut the graph before it: \"output\" is the name of its input.",
								"it makes shares of classes, which are no embedding.");
	return node_unsupported(onnx, node, "\"output\" of the definition cuts the graph at a tensor before it.",
							"the operator has no counterpart among our layers.");
}

bool
operator_run(Onnx *onnx, const OnnxNode *node)
{
	static const OnnxOperator *const tables[] = {operators_elementwise, operators_arithmetic, operators_window, operators_norm, operators_product, operators_shape};

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		for (const OnnxOperator *operator = tables[i]; operator->name != NULL; operator++)
			if (bytes_are(node->operator, operator->name))
			{
				if (!operator->run(onnx, node))
					return false;
				for (int k = 1; k < node->outputs; k++)
					if (node->output[k] >= 0 && onnx->value[node->output[k]].needed)
						return node_unsupported(onnx, node, NULL, "its output %d is used.", k + 1);
				return true;
			}
	return unknown_operator(onnx, node);
}

static bool
run_node(Onnx *onnx, const OnnxNode *node)
{
	char		text[ONNX_NAME];
	bool		done;

	if (host_interrupted(onnx->host, onnx->status))
		return false;
	if (node->pattern != NULL)
		return node->pattern(onnx, node);
	if (!check_inputs(onnx, node))
		return false;
	if (node->domain.length > 0 && !bytes_are(node->domain, "ai.onnx"))
		return node_unsupported(onnx, node, NULL, "its operator is a custom one, of \"%s\".", onnx_name(node->domain, text));
	if (!fold_node(onnx, node, &done))
		return false;
	if (done)
		return true;
	if (node->output[0] < 0)
		return node_broken(onnx, node, "its first output is left out.");
	return operator_run(onnx, node);
}

/* ---- the input --------------------------------------------------------------------------------------------------------- */

/* A side that the file leaves open is that of the options. */
static bool
settle_side(Onnx *onnx, const char *name, int wanted, int64_t *side)
{
	if (*side < 0 && wanted == 0)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, "Give it in \"input\" of the definition.",
						  "The file leaves the %s of its input open.", name);
	if (*side >= 0 && wanted != 0 && *side != wanted)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, "Leave it out, or export the network again.",
						  "The %s of its input is %lld, not %d.", name, (long long) *side, wanted);
	if (*side < 0)
		*side = wanted;
	return true;
}

/* Files that were made from TensorFlow's networks take [batch, height, width, channels], and transpose them first. */
static bool
channels_last(const Onnx *onnx)
{
	int64_t		order[4];

	for (int i = 0; i < onnx->nodes; i++)
	{
		const OnnxNode *node = &onnx->node[i];

		if (node->needed && bytes_are(node->operator, "Transpose") && node->inputs == 1 && node->input[0] == onnx->input &&
			node_ints(node, "perm", order, 4) == 4 && order[0] == 0 && order[1] == 3 && order[2] == 1 && order[3] == 2)
			return true;
	}
	return false;
}

/* No graph has more: a node gives some layers, and for each of its inputs what was pending. */
static int
most_layers(const Onnx *onnx)
{
	int64_t		most = 4;

	for (int i = 0; i < onnx->nodes; i++)
		if (onnx->node[i].needed)
			most += 3 + 3 * (int64_t) onnx->node[i].inputs;
	return most < LIMIT_LAYERS ? (int) most : LIMIT_LAYERS;
}

static bool
start_layers(Onnx *onnx)
{
	char		text[ONNX_NAME];
	OnnxValue  *value = &onnx->value[onnx->input];
	OnnxNode	node = {.number = 0, .operator = {(const uint8_t *) "input", 5}};
	int64_t		dim[ONNX_RANK];
	int			rank;
	const char *axes = "nchw";
	int64_t		height = 1;
	int64_t		width = 1;
	int64_t		channels;

	if (!graph_input_shape(onnx, dim, &rank))
		return false;
	if (rank < 2 || rank > 4)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL,
						  "Its input \"%s\" has %d dimensions; it must have four, of an image: batch, channels, height and width.",
						  onnx_name(value->name, text), rank);
	if (rank == 4 && channels_last(onnx))
		axes = "nhwc";
	else if (rank < 4)
		axes = rank == 3 ? "ncw" : "nc";
	channels = dim[axes[1] == 'c' ? 1 : 3];
	if (rank >= 3)
		width = dim[axes[1] == 'c' ? rank - 1 : 2];
	if (rank == 4)
		height = dim[axes[1] == 'c' ? 2 : 1];
	onnx->batch = dim[0] < 0 ? 1 : dim[0];
	if (channels < 0)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, "Export it again with a fixed number of channels.",
						  "The file leaves the number of channels of its input \"%s\" open.", onnx_name(value->name, text));
	if (!settle_side(onnx, "height", onnx->options->height, &height) || !settle_side(onnx, "width", onnx->options->width, &width))
		return false;
	onnx->most_layers = most_layers(onnx);
	onnx->layer = onnx_take(onnx, (size_t) onnx->most_layers + 1, sizeof(OnnxLayer));
	if (onnx->layer == NULL)
		return false;
	onnx->layers = -1;
	if (emit_layer(onnx, &node, "input", 0, channels, height, width) == NULL)
		return false;
	value->layer = 0;
	value->view = view_make(axes, onnx->batch, channels, height, width);
	value->scale = 1;
	if (onnx->options->reverse_channels && channels != 3)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL, "Its input has %lld channels, so they are not blue, green, red.",
						  (long long) channels);
	value->reversed = onnx->options->reverse_channels;
	return true;
}

/* ---- the end ----------------------------------------------------------------------------------------------------------- */

static bool
finish(Onnx *onnx, OnnxNetwork *network)
{
	char		text[ONNX_NAME];
	OnnxValue  *value = &onnx->value[onnx->output];
	OnnxNode	node = {.number = 0, .name = value->name, .operator = {(const uint8_t *) "output", 6}};
	const OnnxLayer *last;

	if (value->kind != VALUE_LAYER)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL, "Its output \"%s\" does not depend on its input, or is part of a length.",
						  onnx_name(value->name, text));
	if (value->scale == 1 && value->shift == 0 && !padded(value) && value->layer == 0)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL, "Its output \"%s\" is its input.", onnx_name(value->name, text));
	if (!emit_plain(onnx, &node, value))
		return false;
	last = value_layer(onnx, value);
	if (onnx->options->unit_length && !last->unit_length && !onnx->pair)
	{
		OnnxLayer  *layer = emit_layer(onnx, &node, "l2_norm", value->layer, last->channels, last->height, last->width);

		if (layer == NULL)
			return false;
		value->layer = onnx->layers;
		last = layer;
	}
	if (value->layer != onnx->layers)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL, "Its output \"%s\" is not that of its last layer.",
						  onnx_name(value->name, text));
	network->height = onnx->layer[0].height;
	network->width = onnx->layer[0].width;
	network->channels = onnx->layer[0].channels;
	network->batch = (int) onnx->batch;
	network->output_channels = last->channels;
	network->output_height = last->height;
	network->output_width = last->width;
	network->pair = onnx->pair;
	network->dimensions = last->channels * last->height * last->width;
	return emit_network(onnx, network);
}

bool
onnx_import(const void *bytes, size_t length, const OnnxOptions *options, const Host *host, OnnxNetwork *network, Status *status)
{
	Onnx		onnx = {
		.host = host, .status = status, .file = {bytes, length}, .options = options,
		.most = length < (SIZE_MAX - MEMORY_LEAST) / MEMORY_FACTOR ? MEMORY_LEAST + MEMORY_FACTOR * length : SIZE_MAX
	};
	bool		done;

	memset(network, 0, sizeof *network);
	done = graph_read(&onnx) && graph_mark(&onnx) && start_layers(&onnx) && patterns_find(&onnx);
	for (int i = 0; done && i < onnx.nodes; i++)
		if (onnx.node[i].needed)
			done = run_node(&onnx, &onnx.node[i]);
	done = done && finish(&onnx, network);
	onnx_free_all(&onnx);
	if (!done)
		onnx_release(host, network);
	return done;
}

void
onnx_release(const Host *host, OnnxNetwork *network)
{
	host_release(host, network->layers);
	host_release(host, network->parameters);
	host_release(host, network->statistics);
	memset(network, 0, sizeof *network);
}
