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
#include "network/network.h"

struct Network
{
	const Host *host;
	const NetworkDefinition *definition;	/* a copy, in the same block */
	Network    *head;			/* in the same block; NULL without a layer "pair", and in a head */

	/* the layers that its passes run: all, or, of a definition with a layer "pair", those of the twin or of the head */
	int			layer_count;
	NetworkLayer *layers;		/* in the definition */
	NetworkShape in;
	int			dimensions;		/* of the output */
	bool		gives_gradient; /* the backward pass goes on to the input, as a head's does whose twin learns */
	bool		branches;		/* others than the first layer read the input: LayerPlan has the same of each output */
	int			hidden;			/* of a head: the layer whose input network_compare() can give */

	/* of the whole definition */
	size_t		parameter_count;
	size_t		loss_offset;	/* of the loss's parameters */
	size_t		loss_count;
	size_t		weight_count;
	size_t		packed_count;

	/* of its passes */
	int			grouped;		/* at inference, layers before this one process a batch in groups ... */
	int			group;			/* ... of so many samples ... */
	int			group_slot;		/* ... and leave their output, of the whole batch, in this buffer */
	int			slot_count;
	size_t	   *slot_values;	/* [slot_count], a sample */
	size_t	   *group_slot_values;	/* [slot_count], a sample of a group: of the grouped layers but the last */
};

/* How the layers of a network or of a head run: their plans, groups and buffers (plan.c).  busy is for layer_count. */
extern void plan_layers(Network *network, int *busy);

/* Which of them keep their weights, and run in training as at inference (freeze.c); after the plans of both. */
extern void plan_frozen(Network *network);
extern bool network_keeps_weights(const Network *network, const NetworkLayer *layer);

/* Whether a gradient is wanted of the output of layer i; -1: of the network's input. */
extern bool network_wants_gradient(const Network *network, int i);

/* Of an inference workspace: what network_compare() works with (workspace.c). */
typedef struct PairBuffers
{
	NetworkWorkspace *workspace;	/* of the head */
	int			pairs;			/* that it takes at once, each in both orders */
	real	   *converted;		/* [input values]: a sample as the twin's input */
	real	   *stacked;		/* [2 pairs, inputs of the head] */
	real	   *output;			/* [2 pairs, outputs of the head] */
	real	   *hidden;			/* [2 pairs, hidden values] */

	/* with flow, of one pair; else NULL */
	real	   *plain;			/* [2, kept values] */
	real	   *side_input;		/* [2, input values] */
	real	   *side_output;	/* [2, dimensions] */
	void	   *flow;			/* network_flow_bytes() */
} PairBuffers;

extern PairBuffers workspace_pair_buffers(const NetworkWorkspace *workspace);

/* network_forward(), and with hidden the input of the hidden layer too: [n, hidden values]. */
extern bool workspace_forward(const Network *network, const real *weights, NetworkWorkspace *workspace, const real *input, int n,
							  real *output, real *hidden, Status *status);

#endif
