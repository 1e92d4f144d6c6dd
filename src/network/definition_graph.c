/*
 * definition_graph.c: which layers each one reads, and what follows from that: shapes, counts, limits.
 *
 * A layer's input is the output of the layer before it, or of the earlier one that its key "input" names; a layer with a key
 * "from" reads others besides, its sources.  So the order of the layers is one in which they can run.  Where a layer "pair"
 * divides them, nothing but that layer reads across: twin and head run apart.
 */
#include <string.h>

#include "common/limits.h"
#include "network/input_internal.h"

/* The layer of a reference: *index, or -1 for the network's input. */
static bool
find_layer(const NetworkDefinition *definition, const NetworkLayer *layer, const char *key, const LayerReference *reference,
		   int *index, Status *status)
{
	if (!reference->given)
		return layer_error(layer, status, "", "\"%s\" is missing.", key);
	if (reference->name[0] == '\0')
	{
		*index = reference->number - 1;
		if (reference->number >= layer->number)
			return layer_error(layer, status, "", "\"%s\" is %d, which is no earlier layer.", key, reference->number);
		return true;
	}
	for (*index = layer->number - 2; *index >= 0; (*index)--)
		if (strcmp(definition->layers[*index].name, reference->name) == 0)
			return true;
	return layer_error(layer, status, "", "no earlier layer has the name \"%s\".", reference->name);
}

/* Twin and head run apart: what stands after the pair reads nothing before it, and the pair what stands right before it. */
static bool
check_side(const NetworkDefinition *definition, const NetworkLayer *layer, const char *key, int index, Status *status)
{
	int			pair = definition->pair;

	if (pair < 0 || layer->number <= pair || index >= pair || (layer->number == pair + 1 && index == pair - 1))
		return true;
	if (layer->number == pair + 1)
		return layer_error(layer, status, "Leave \"input\" out.", "it takes the outputs of the layer before it, and no others.");
	if (index < 0)
		return layer_error(layer, status, "", "\"%s\" is 0, the network's input, but the layer stands after the pair.", key);
	return layer_error(layer, status, "", "it stands after the pair and reads layer %d, which does not.", index + 1);
}

static bool
find_input(const NetworkDefinition *definition, NetworkLayer *layer, Status *status)
{
	layer->input = layer->number - 2;
	return !layer->reads.given || (find_layer(definition, layer, "input", &layer->reads, &layer->input, status) &&
								   check_side(definition, layer, "input", layer->input, status));
}

/* Those that "from" names; the first at least. */
static bool
find_sources(const NetworkDefinition *definition, NetworkLayer *layer, NetworkShape input_shape, Status *status)
{
	const LayerReference *from = layer->settings.combine.from;

	layer->source_count = 1;
	for (int i = 1; i < MOST_REFERENCES; i++)
		if (from[i].given)
			layer->source_count = i + 1;
	for (int i = 0; i < layer->source_count; i++)
	{
		LayerSource *source = &layer->source[i];

		if (!find_layer(definition, layer, "from", &from[i], &source->layer, status) ||
			!check_side(definition, layer, "from", source->layer, status))
			return false;
		source->shape = source->layer < 0 ? input_shape : definition->layers[source->layer].out;
	}
	return true;
}

/* A layer whose output nothing reads would be computed for nothing, and have no gradient: most likely "input" is wrong. */
static bool
check_readers(const NetworkDefinition *definition, Status *status)
{
	for (int i = 0; i + 1 < definition->layer_count; i++)
	{
		bool		read = false;

		for (int k = i + 1; k < definition->layer_count && !read; k++)
		{
			const NetworkLayer *layer = &definition->layers[k];

			read = layer->input == i;
			for (int s = 0; s < layer->source_count; s++)
				read = read || layer->source[s].layer == i;
		}
		if (!read)
			return layer_error(&definition->layers[i], status,
							   "A layer takes the output of the one before it, unless its \"input\" names another one.",
							   "no layer reads its output.");
	}
	return true;
}

/* Whether a ReLU reads a layer's output, itself or after a batch norm: then He's rule initializes the weights. */
static void
find_rectifiers(NetworkDefinition *definition)
{
	for (int i = definition->layer_count - 1; i > 0; i--)
	{
		const NetworkLayer *layer = &definition->layers[i];

		if (layer->input >= 0 && (layer->type->rectifier || (layer->type->fold != NULL && layer->rectifier_follows)))
			definition->layers[layer->input].rectifier_follows = true;
	}
}

/* A head has layers that learn, and ends in one logit or two. */
static bool
check_head(const NetworkDefinition *definition, uint64_t parameters, Status *status)
{
	const NetworkLayer *pair = &definition->layers[definition->pair];
	const NetworkLayer *last = &definition->layers[definition->layer_count - 1];
	const char *hint = "End with a dense layer of 1 unit, the log odds of \"the same\", or of 2, \"different\" and \"the same\".";
	uint64_t	twin = 0;

	for (int i = 0; i < definition->pair; i++)
		twin += definition->layers[i].parameter_count;
	if (parameters == twin)
		return layer_error(pair, status, hint, "no layer after it learns.");
	if (shape_values(last->out) > 2)
		return layer_error(last, status, hint, "its %zu outputs are more than the 2 that a head can end in.",
						   shape_values(last->out));
	return true;
}

bool
layers_connect(NetworkDefinition *definition, Status *status)
{
	NetworkShape input_shape = definition->input->shape(definition);
	const NetworkLayer *last = &definition->layers[definition->layer_count - 1];
	uint64_t	parameters = 0;
	uint64_t	statistics = 0;

	for (int i = 0; i < definition->layer_count; i++)
	{
		NetworkLayer *layer = &definition->layers[i];

		if (!find_input(definition, layer, status))
			return false;
		layer->in = layer->out = layer->input < 0 ? input_shape : definition->layers[layer->input].out;
		if (layer->type->shape != NULL && !layer->type->shape(layer, status))
			return false;
		if (layer->type->combine != NULL &&
			(!find_sources(definition, layer, input_shape, status) || !layer->type->combine(layer, status)))
			return false;
		if (shape_values(layer->out) > LIMIT_ACTIVATIONS)
			return layer_error(layer, status, "", "its output of %d x %d x %d has more than %d values.",
							   layer->out.height, layer->out.width, layer->out.channels, LIMIT_ACTIVATIONS);
		parameters += layer->parameter_count;
		statistics += layer->statistic_count;
		if (parameters + statistics > LIMIT_PARAMETERS)
			return layer_error(layer, status, "", "up to here the network has %llu parameters, more than %d.",
							   (unsigned long long) (parameters + statistics), LIMIT_PARAMETERS);
	}
	if (!check_readers(definition, status))
		return false;
	find_rectifiers(definition);
	if (definition->pair >= 0)
		return check_head(definition, parameters, status);
	if (shape_values(last->out) > LIMIT_DIMENSIONS)
		return layer_error(last, status, "End with a dense layer of some hundred units.",
						   "the embedding would have %zu dimensions, more than %d.", shape_values(last->out),
						   LIMIT_DIMENSIONS);
	if (parameters == 0)
		return status_set(status, STATUS_DEFINITION, "", "The network has no parameters to learn.");
	return true;
}
