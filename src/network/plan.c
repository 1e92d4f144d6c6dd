/*
 * plan.c: how the layers of a network run: who reads whose output, which layers work in place, are fused or folded, which need a
 * gradient, which process a batch in groups, and which buffer holds each output at inference.
 *
 * All follows from the graph: an output may be overwritten, or left out because the next step is done with it, only if a single
 * layer reads it; a buffer is free when its last reader has run.
 */
#include "network/network_internal.h"

#define GROUP_VALUES (256 * 1024)	/* of a layer's input and output in a group: a common size of the second-level cache */
#define GROUP_WEIGHTS (256 * 1024)	/* that are read again for each group */

/* ---- the graph ----------------------------------------------------------------------------------------------------- */

/* Layer i reads the output of another one; -1: the network's input. */
static void
add_reader(Network *network, int read, int i, int *readers)
{
	NetworkLayer *layer;

	if (read < 0)
		return;
	layer = &network->layers[read];
	layer->plan.reader = readers[read]++ == 0 ? i : -1;
	layer->plan.last_reader = i;
}

/* readers [layers]: how many layers read each output, one that reads it twice counting twice. */
static void
connect_layers(Network *network, int *readers)
{
	int			first = (int) (network->layers - network->definition->layers);

	for (int i = 0; i < network->layer_count; i++)
	{
		NetworkLayer *layer = &network->layers[i];

		readers[i] = 0;
		layer->plan.reader = -1;
		layer->plan.last_reader = i + 1;
		layer->plan.input = layer->input - first;
		add_reader(network, layer->plan.input, i, readers);
		for (int k = 0; k < layer->source_count; k++)
		{
			layer->plan.source[k] = layer->source[k].layer - first;
			add_reader(network, layer->plan.source[k], i, readers);
		}
	}
}

bool
network_wants_gradient(const Network *network, int i)
{
	return i < 0 ? network->gives_gradient : network->layers[i].plan.learns;
}

static void
add_branch(Network *network, int read)
{
	if (read >= 0)
		network->layers[read].plan.branches = network->layers[read].plan.learns;
	else
		network->branches = network->gives_gradient;
}

/*
 * A gradient is wanted of each layer that has weights which learn, and of those that read such layers.  That of a layer's input is handed to
 * the layer before, where that is its input; other readers add theirs to a buffer of the layer that they read.
 */
static void
find_learning(Network *network)
{
	network->branches = false;
	for (int i = 0; i < network->layer_count; i++)
	{
		NetworkLayer *layer = &network->layers[i];

		layer->plan.learns = (layer->parameter_count > 0 && !network_keeps_weights(network, layer)) ||
			network_wants_gradient(network, layer->plan.input);
		for (int k = 0; k < layer->source_count; k++)
			layer->plan.learns = layer->plan.learns || network_wants_gradient(network, layer->plan.source[k]);
	}
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];

		if (layer->plan.input != i - 1)
			add_branch(network, layer->plan.input);
		for (int k = 0; k < layer->source_count; k++)
			add_branch(network, layer->plan.source[k]);
	}
}

/* ---- fusion -------------------------------------------------------------------------------------------------------- */

/* At inference an activation is applied by the layer that computes its input, unless network_compare() gives that input. */
static void
apply_activation(const Network *network, NetworkLayer *layer, NetworkLayer *by)
{
	if (layer->type->activate == NULL || !by->type->applies_scale || layer == network->layers + network->hidden)
		return;
	by->plan.activation = layer;
	layer->plan.applied = true;
}

/*
 * Which layers are done together with the one that they read.  Nothing may overwrite an output that others read, nor, in
 * training, one that the layer's own backward pass reads.
 */
static void
fuse_layers(Network *network)
{
	NetworkLayer *layers = network->layers;

	for (int i = 0; i < network->layer_count; i++)
	{
		NetworkLayer *layer = &layers[i];
		NetworkLayer *read = layer->plan.input >= 0 ? &layers[layer->plan.input] : NULL;

		if (layer->type->plan != NULL)
			layer->type->plan(layer, network->definition->spare_memory);
		layer->plan.packed_offset = network->packed_count;
		network->packed_count += (layer->plan.packed_count + 15) / 16 * 16;	/* aligned to cache lines */
		if (read == NULL || read->plan.reader != i || shape_values(layer->in) != shape_values(layer->out))
			continue;
		layer->plan.in_place = layer->type->in_place && !read->type->needs_output;
		layer->plan.in_place_inference = layer->type->in_place || layer->type->in_place_inference;
		if (layer->type->is_relu && read->type->applies_relu)
			layer->plan.fused = read->plan.fuses_relu = true;
		if (layer->type->fold != NULL && read->type->applies_scale)
			layer->plan.folded = read->plan.folds_norm = true;
		apply_activation(network, layer, read->plan.folded ? &layers[read->plan.input] : read);
	}
	for (int i = 0; i < network->layer_count; i++)
		layers[i].plan.folds_relu = layers[i].plan.folds_norm && layers[layers[i].plan.reader].plan.fuses_relu;
}

/* ---- groups -------------------------------------------------------------------------------------------------------- */

/*
 * Whether the layers from i on read nothing of those before but the output of i - 1, which lies in a buffer of its own.  Where
 * several read it, as after a residual block, it may have been worked out in place.
 */
static bool
can_split(const Network *network, int i)
{
	const NetworkLayer *layers = network->layers;

	if (layers[i - 1].plan.in_place_inference && layers[i - 1].plan.reader >= 0)
		return false;
	for (int k = 0; k < i - 1; k++)
		if (layers[k].plan.last_reader >= i)
			return false;
	for (int j = i; j < network->layer_count; j++)
		if (layers[j].plan.input == i - 1 && layers[j].plan.in_place_inference)
			return false;
	return true;
}

/*
 * At inference the first layers, whose maps are large and whose weights are small, process a batch in groups of samples, so
 * that what one layer writes is still in the cache when the next one reads it.  In a head they end before the hidden layer.
 */
static void
group_samples(Network *network)
{
	const NetworkLayer *layers = network->layers;
	size_t		largest = 0;
	size_t		weights = 0;

	for (int i = 1; i < network->layer_count && i <= network->hidden; i++)
	{
		size_t		values = shape_values(layers[i - 1].in) + shape_values(layers[i - 1].out);

		if (!layers[i - 1].plan.fused && !layers[i - 1].plan.folded && values > largest)
			largest = values;
		weights += layers[i - 1].plan.packed_count > 0 ? layers[i - 1].plan.packed_count : layers[i - 1].parameter_count;
		if (weights > GROUP_WEIGHTS)
			break;
		if (can_split(network, i))
		{
			network->grouped = i;
			network->group = GROUP_VALUES / largest > 1 ? (int) (GROUP_VALUES / largest) : 1;
		}
	}
}

/* ---- buffers ------------------------------------------------------------------------------------------------------- */

/* The layer whose output the last of the grouped layers overwrites, itself or by way of others; -1 without groups. */
static int
group_root(const Network *network)
{
	int			i = network->grouped - 1;

	while (i >= 0 && network->layers[i].plan.in_place_inference)
		i = network->layers[i].plan.input;
	return i;
}

/*
 * Buffers of the outputs at inference: each layer takes the first one that no later layer reads any more.  busy [slots] is
 * the last layer that reads what is in the buffer.  The output of the grouped layers has a buffer that none of them uses.
 */
static void
share_buffers(Network *network, int *busy)
{
	NetworkLayer *layers = network->layers;
	int			root = group_root(network);

	network->slot_count = 0;
	network->group_slot = -1;
	for (int i = 0; i < network->layer_count; i++)
	{
		int			slot = i == root ? network->slot_count : 0;

		if (layers[i].plan.in_place_inference)
			slot = layers[layers[i].plan.input].plan.slot;
		else
		{
			while (slot < network->slot_count && busy[slot] >= i)
				slot++;
		}
		if (slot == network->slot_count)
			network->slot_count++;
		if (i == root)
			network->group_slot = slot;
		if (i + 1 < network->grouped && slot != network->group_slot && network->group_slot_values[slot] < shape_values(layers[i].out))
			network->group_slot_values[slot] = shape_values(layers[i].out);
		if (i + 1 >= network->grouped && network->slot_values[slot] < shape_values(layers[i].out))
			network->slot_values[slot] = shape_values(layers[i].out);
		busy[slot] = layers[i].plan.last_reader;
		layers[i].plan.slot = slot;
	}
}

void
plan_layers(Network *network, int *busy)
{
	connect_layers(network, busy);
	find_learning(network);
	fuse_layers(network);
	plan_frozen(network);
	group_samples(network);
	share_buffers(network, busy);
}
