/*
 * network_internal.h: a network, as the files that make it and run it see it.
 *
 * The other private headers: settings_internal.h (rules for a definition's keys), input_internal.h (kinds of input),
 * layer_internal.h (layer types), conv_internal.h (methods of convolution), loss_internal.h (joins and losses),
 * optimizer_internal.h.
 */
#ifndef SIAMESE_NETWORK_INTERNAL_H
#define SIAMESE_NETWORK_INTERNAL_H

#include "network/layer_internal.h"

struct Network
{
	const Host *host;
	const NetworkDefinition *definition;	/* a copy, in the same block */
	int			layer_count;
	NetworkLayer *layers;
	int			dimensions;		/* of the embedding */
	int			first_learning; /* first layer with weights: the backward pass ends here */
	size_t		parameter_count;
	size_t		loss_offset;	/* of the loss's parameters */
	size_t		loss_count;
	size_t		weight_count;
	size_t		packed_count;
	int			grouped;		/* at inference, layers before this one process a batch in groups ... */
	int			group;			/* ... of so many samples */
	int			slot_count;
	size_t	   *slot_values;	/* [slot_count], a sample */
	size_t	   *group_slot_values;	/* [slot_count], a sample of a group: of the grouped layers but the last */
};

#endif
