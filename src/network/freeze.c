/*
 * freeze.c: training of the last layers alone: which layers keep their weights, and how they run meanwhile.
 *
 * No layer before the first one that learns reads one that does.  So in training it runs as at inference, with stored statistics,
 * folded norms and packed weights of that kind; its output lies in one of the buffers that such layers share, and it has no
 * gradient.  Dropout behind the last layer that keeps its weights is left as it is: it belongs to what is learned.
 */
#include "network/network_internal.h"

/* Weights of the join are a layer too, appended to those of the definition; they always learn, as the loss's do. */
static bool
is_counted(const NetworkLayer *layer)
{
	return layer->parameter_count > 0 && layer->type != &layer_join_weights;
}

int
network_weighted_layers(const NetworkDefinition *definition)
{
	int			count = 0;

	for (int i = 0; i < definition->layer_count; i++)
		count += is_counted(&definition->layers[i]);
	return count;
}

bool
network_learn_last(NetworkDefinition *definition, int layers, Status *status)
{
	int			count = network_weighted_layers(definition);
	int			kept = count - layers;

	if (layers < 1 || layers > count)
		return status_set(status, STATUS_ARGUMENT, "", "It must be from 1 to %d, the number of the network's layers with weights, not %d.",
						  count, layers);
	definition->frozen = 0;
	for (int i = 0; kept > 0; i++)
		if (is_counted(&definition->layers[i]))
		{
			kept--;
			definition->frozen = i + 1;
		}
	return true;
}

size_t
network_frozen_count(const Network *network)
{
	return network->definition->layers[network->definition->frozen].parameter_offset;
}

bool
network_keeps_weights(const Network *network, const NetworkLayer *layer)
{
	return layer - network->definition->layers < network->definition->frozen;
}

/* Whether a layer comes before the first one that learns, and is no dropout that belongs to it. */
static bool
precedes_learning(const Network *network, const NetworkLayer *layer)
{
	if (network->definition->frozen == 0 || network_keeps_weights(network, layer))
		return network->definition->frozen > 0;
	for (const NetworkLayer *other = network->definition->layers + network->definition->frozen; other <= layer; other++)
		if (other->parameter_count > 0)
			return false;
	return layer->type != &layer_dropout;
}

/* The layer that does the work of this one at inference, besides its own; NULL: none but a ReLU's. */
static const NetworkLayer *
done_by(const Network *network, const NetworkLayer *layer)
{
	const NetworkLayer *read;

	if (!layer->plan.folded && !layer->plan.applied)
		return NULL;
	read = &network->layers[layer->plan.input];
	return read->plan.folded ? &network->layers[read->plan.input] : read;
}

void
plan_frozen(Network *network)
{
	for (int i = 0; i < network->layer_count; i++)
	{
		NetworkLayer *layer = &network->layers[i];
		LayerPlan  *plan = &layer->plan;
		const NetworkLayer *by = done_by(network, layer);

		plan->frozen = precedes_learning(network, layer) &&
			(!plan->folds_norm || precedes_learning(network, &network->layers[plan->reader])) &&
			(plan->activation == NULL || precedes_learning(network, plan->activation));
		plan->omitted = plan->fused || (by != NULL && by->plan.frozen);
		if (plan->frozen)
			plan->in_place = plan->in_place_inference;
	}
}
