/*
 * network.c: a definition -> a network: its parts, the offsets of their weights, initial and packed weights.
 */
#include <stdio.h>
#include <string.h>

#include "network/input_internal.h"
#include "network/loss_internal.h"
#include "network/network_internal.h"

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
	plan_layers(network, busy);
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
	head->gives_gradient = network_learns(network);
	make_part(head, first, head->layer_count, slot_values + 2 * definition->pair, busy);
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
	for (int i = network->layer_count - 1; i >= 0; i = network->layers[i].plan.input)
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
	return network->layer_count > 0 && network->layers[network->layer_count - 1].plan.learns;
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

		if (layer->plan.packed_count > 0 && !(training && (layer->plan.frozen || layer->type->packed_for_inference)))
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
	char		text[128];

	if (layer < 0 || layer >= network->definition->layer_count)
		return false;
	described = &network->definition->layers[layer];
	if (described->type->describe != NULL)
		described->type->describe(described, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s", described->type->name);
	if (described->input < 0 && layer > 0)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", of the input");
	else if (described->input != layer - 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", of layer %d", described->input + 1);
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
