/*
 * network.c: a definition -> a network: offsets of the weights, which layers work in place, are fused or share buffers.
 */
#include <stdio.h>
#include <string.h>

#include "network/input_internal.h"
#include "network/loss_internal.h"
#include "network/network_internal.h"

#define GROUP_VALUES (256 * 1024)	/* of a layer's input and output in a group: a common size of the second-level cache */
#define GROUP_WEIGHTS (256 * 1024)	/* that are read again for each group */

/* Parameters in the order of the layers, then the loss's, then the statistics. */
static void
place_weights(Network *network, NetworkDefinition *definition)
{
	size_t		offset = 0;

	for (int i = 0; i < definition->layer_count; i++)
	{
		definition->layers[i].parameter_offset = offset;
		offset += definition->layers[i].parameter_count;
	}
	network->loss_offset = offset;
	network->loss_count = loss_parameter_count(definition);
	network->parameter_count = offset += network->loss_count;
	for (int i = 0; i < definition->layer_count; i++)
	{
		definition->layers[i].statistic_offset = offset;
		offset += definition->layers[i].statistic_count;
	}
	network->weight_count = offset;
}

/*
 * Which layers are done together with the one before.  Nothing may overwrite an output that a later add reads, nor, in
 * training, one that the layer's own backward pass reads.
 */
static void
fuse_layers(Network *network)
{
	NetworkLayer *layers = network->layers;

	for (int i = 0; i < network->layer_count; i++)
	{
		layers[i].plan.source = layers[i].source >= 0 ? layers[i].source - (int) (layers - network->definition->layers) : -1;
		if (layers[i].plan.source >= 0)
			layers[layers[i].plan.source].plan.read_later = true;
	}
	for (int i = 0; i < network->layer_count; i++)
	{
		NetworkLayer *layer = &layers[i];
		NetworkLayer *before = i > 0 ? layer - 1 : NULL;

		if (layer->type->plan != NULL)
			layer->type->plan(layer, network->definition->spare_memory);
		layer->plan.packed_offset = network->packed_count;
		network->packed_count += (layer->plan.packed_count + 15) / 16 * 16;	/* aligned to cache lines */
		if (before == NULL || before->plan.read_later)
			continue;
		layer->plan.in_place = layer->type->in_place && !before->type->needs_output;
		layer->plan.in_place_inference = layer->type->in_place || layer->type->in_place_inference;
		if (layer->type->is_relu && before->type->applies_relu)
			layer->plan.fused = before->plan.fuses_relu = true;
		if (layer->type->fold != NULL && before->type->applies_scale)
			layer->plan.folded = before->plan.folds_norm = true;
	}
	for (int i = 0; i + 1 < network->layer_count; i++)
		layers[i].plan.folds_relu = layers[i].plan.folds_norm && layers[i + 1].plan.fuses_relu;
}

/* Whether the layers from i on need nothing of those before but the output of i - 1, which lies in a buffer of its own. */
static bool
can_split(const Network *network, int i)
{
	const NetworkLayer *layers = network->layers;

	if (layers[i - 1].plan.in_place_inference || layers[i].plan.in_place_inference)
		return false;
	for (int j = i; j < network->layer_count; j++)
	{
		if (layers[j].plan.source >= 0 && layers[j].plan.source < i)
			return false;
	}
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

/*
 * Buffers of the outputs at inference: each layer takes the first one that no later layer reads any more.  busy [slots] is
 * the last layer that reads what is in the buffer.  The output of the grouped layers has a buffer that none of them uses.
 */
static void
share_buffers(Network *network, int *busy)
{
	NetworkLayer *layers = network->layers;

	network->slot_count = 0;
	for (int i = 0; i < network->layer_count; i++)
	{
		int			slot = i + 1 == network->grouped ? network->slot_count : 0;
		int			last = i + 1;

		for (int j = i + 1; layers[i].plan.read_later && j < network->layer_count; j++)
		{
			if (layers[j].plan.source == i)
				last = j;
		}
		if (layers[i].plan.in_place_inference)
			slot = layers[i - 1].plan.slot;
		else
		{
			while (slot < network->slot_count && busy[slot] >= i)
				slot++;
		}
		if (slot == network->slot_count)
			network->slot_count++;
		if (i + 1 < network->grouped && network->group_slot_values[slot] < shape_values(layers[i].out))
			network->group_slot_values[slot] = shape_values(layers[i].out);
		if (i + 1 >= network->grouped && network->slot_values[slot] < shape_values(layers[i].out))
			network->slot_values[slot] = shape_values(layers[i].out);
		busy[slot] = last;
		layers[i].plan.slot = slot;
	}
}

void
network_spare_memory(NetworkDefinition *definition)
{
	definition->spare_memory = true;
}

/*
 * Of a head: its last dense layer, or where there is none the last one that learns.  What goes into it is the head's view of a
 * pair before it is weighed into log odds.
 */
static int
hidden_layer(const Network *network)
{
	int			hidden = 0;

	for (int i = 0; i < network->layer_count; i++)
		if (network->layers[i].parameter_count > 0)
			hidden = i;
	for (int i = 0; i < network->layer_count; i++)
		if (network->layers[i].type == &layer_dense)
			hidden = i;
	return hidden;
}

/* A network of count layers of the definition, from number first on.  The arrays are for that many layers. */
static void
make_part(Network *network, int first, int count, size_t *slot_values, int *busy)
{
	const NetworkDefinition *definition = network->definition;

	network->layer_count = count;
	network->layers = definition->layers + first;
	network->in = count > 0 ? network->layers[0].in : definition->layers[first].in;
	network->dimensions = (int) shape_values(count > 0 ? network->layers[count - 1].out : network->in);
	network->slot_values = slot_values;
	network->group_slot_values = slot_values + count;
	network->first_learning = count;
	for (int i = count - 1; i >= 0; i--)
		if (network->layers[i].parameter_count > 0)
			network->first_learning = i;
	fuse_layers(network);
	group_samples(network);
	share_buffers(network, busy);
}

/* The twin and its head.  Packed weights of the head follow those of the twin. */
static void
make_parts(Network *network, size_t *slot_values, int *busy)
{
	const NetworkDefinition *definition = network->definition;
	Network    *head = network + 1;
	int			first = definition->pair + 1;

	network->hidden = definition->layer_count;
	if (definition->pair < 0)
	{
		make_part(network, 0, definition->layer_count, slot_values, busy);
		return;
	}
	make_part(network, 0, definition->pair, slot_values, busy);
	*head = *network;
	head->layers = definition->layers + first;
	head->layer_count = definition->layer_count - first;
	head->hidden = hidden_layer(head);
	head->grouped = 0;
	make_part(head, first, head->layer_count, slot_values + 2 * definition->pair, busy);
	if (network_learns(network))
	{
		head->gives_gradient = true;
		head->first_learning = 0;
	}
	network->packed_count = head->packed_count;
	network->head = head;
}

Network *
network_create(const NetworkDefinition *definition, const Host *host, Status *status)
{
	int			count = definition->layer_count;
	size_t		layer_bytes = count * sizeof(NetworkLayer);
	Network    *network;
	NetworkDefinition *copy;
	size_t	   *slot_values;

	network = host_allocate_zero(host, 1, 2 * sizeof(*network) + sizeof(*copy) + layer_bytes +
								 count * (2 * sizeof(size_t) + sizeof(int)), status);
	if (network == NULL)
		return NULL;
	copy = (NetworkDefinition *) (network + 2);
	*copy = *definition;
	copy->layers = (NetworkLayer *) (copy + 1);
	memcpy(copy->layers, definition->layers, layer_bytes);
	network->host = host;
	network->definition = copy;
	slot_values = (size_t *) (copy->layers + count);
	place_weights(network, copy);
	make_parts(network, slot_values, (int *) (slot_values + 2 * count));
	return network;
}

void
network_destroy(Network *network)
{
	if (network != NULL)
		host_release(network->host, network);
}

int
network_input_values(const Network *network)
{
	return (int) shape_values(network->in);
}

int
network_dimensions(const Network *network)
{
	return network->dimensions;
}

const Network *
network_head(const Network *network)
{
	return network->head;
}

size_t
network_hidden_values(const Network *network)
{
	return shape_values(network->head->layers[network->head->hidden].in);
}

int
network_embedding_places(const Network *network)
{
	if (!network->definition->input->sequence || network->definition->pair >= 0)
		return 1;
	for (int i = network->layer_count - 1; i >= 0; i--)
	{
		const NetworkLayer *layer = &network->layers[i];

		if (layer->type->flattens)
			return layer->in.width;
		if (layer->out.width > 1)
			return layer->out.width;
		if (!layer->type->keeps_places)
			return 1;
	}
	return 1;
}

size_t
network_parameter_count(const Network *network)
{
	return network->parameter_count;
}

size_t
network_weight_count(const Network *network)
{
	return network->weight_count;
}

bool
network_learns(const Network *network)
{
	return network->first_learning < network->layer_count;
}

uint64_t
network_multiplications(const Network *network)
{
	uint64_t	sum = 0;

	for (int i = 0; i < network->layer_count; i++)
		sum += (uint64_t) network->layers[i].decay_count * shape_pixels(network->layers[i].out);
	return sum;
}

size_t
network_packed_count(const Network *network)
{
	return network->packed_count;
}

static void
pack_layers(const Network *network, const real *weights, bool training, real *packed)
{
	for (int i = 0; i < network->definition->layer_count; i++)
	{
		const NetworkLayer *layer = &network->definition->layers[i];

		if (layer->plan.packed_count > 0 && !(training && layer->type->packed_for_inference))
			layer->type->pack(layer, weights, packed + layer->plan.packed_offset);
	}
}

void
network_pack(const Network *network, const real *weights, real *packed)
{
	pack_layers(network, weights, false, packed);
}

void
network_pack_training(const Network *network, const real *weights, real *packed)
{
	pack_layers(network, weights, true, packed);
}

bool
network_describe_layer(const Network *network, int layer, char *line, size_t size)
{
	const NetworkLayer *described;
	char		text[96];

	if (layer < 0 || layer >= network->definition->layer_count)
		return false;
	described = &network->definition->layers[layer];
	if (described->type->describe != NULL)
		described->type->describe(described, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s", described->type->name);
	snprintf(line, size, "%-32s -> %4d x %4d x %5d %12zu", text, described->out.height, described->out.width,
			 described->out.channels, described->parameter_count);
	return true;
}

void
network_initialize(const Network *network, uint64_t seed, real *weights)
{
	for (int i = 0; i < network->definition->layer_count; i++)
	{
		const NetworkLayer *layer = &network->definition->layers[i];
		Random		random = random_stream(seed, layer->number);
		InitializePass pass = {
			layer, network->host, &random, weights + layer->parameter_offset, weights + layer->statistic_offset
		};

		if (layer->type->initialize != NULL)
			layer->type->initialize(&pass);
	}
	loss_initialize(network->definition, weights + network->loss_offset);
}

/* The next layer from index *i on that has weights; NULL when there is none. */
static const NetworkLayer *
next_learning(const Network *network, int *i)
{
	while (*i < network->definition->layer_count)
	{
		const NetworkLayer *layer = &network->definition->layers[(*i)++];

		if (layer->parameter_count + layer->statistic_count > 0)
			return layer;
	}
	return NULL;
}

static void
describe_layer(const NetworkLayer *layer, char *text, size_t size)
{
	char		name[96];

	if (layer == NULL)
	{
		snprintf(text, size, "missing");
		return;
	}
	if (layer->type->describe != NULL)
		layer->type->describe(layer, name, sizeof(name));
	else
		snprintf(name, sizeof(name), "%s", layer->type->name);
	snprintf(text, size, "\"%s\" of %d x %d x %d", name, layer->in.height, layer->in.width, layer->in.channels);
}

static bool
same_weights(const NetworkLayer *a, const NetworkLayer *b)
{
	return a != NULL && b != NULL && a->type == b->type && a->parameter_count == b->parameter_count &&
		a->statistic_count == b->statistic_count && a->in.channels == b->in.channels &&
		a->out.channels == b->out.channels && (a->type->same_weights == NULL || a->type->same_weights(a, b));
}

bool
network_copy_weights(const Network *from, const real *from_weights, const Network *to, real *to_weights, Status *status)
{
	for (int i = 0, k = 0;;)
	{
		const NetworkLayer *a = next_learning(from, &i);
		const NetworkLayer *b = next_learning(to, &k);

		if (a == NULL && b == NULL)
			break;
		if (!same_weights(a, b))
		{
			char		theirs[128];
			char		ours[128];

			describe_layer(a, theirs, sizeof(theirs));
			describe_layer(b, ours, sizeof(ours));
			return status_set(status, STATUS_ARGUMENT, "", "Layer %d is %s here, but %s there.", b != NULL ? b->number : a->number,
							  ours, theirs);
		}
		memcpy(to_weights + b->parameter_offset, from_weights + a->parameter_offset, a->parameter_count * sizeof(real));
		memcpy(to_weights + b->statistic_offset, from_weights + a->statistic_offset, a->statistic_count * sizeof(real));
	}
	if (from->loss_count == to->loss_count && from->definition->loss.type == to->definition->loss.type)
		memcpy(to_weights + to->loss_offset, from_weights + from->loss_offset, to->loss_count * sizeof(real));
	return true;
}
