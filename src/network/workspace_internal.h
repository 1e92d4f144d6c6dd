/*
 * workspace_internal.h: the memory of passes, as workspace.c lays it out and passes.c uses it.
 */
#ifndef SIAMESE_NETWORK_WORKSPACE_INTERNAL_H
#define SIAMESE_NETWORK_WORKSPACE_INTERNAL_H

#include "network/network_internal.h"

struct NetworkWorkspace
{
	const Host *host;
	const Network *network;
	int			samples;
	int			pairs;			/* of a network with a head */
	bool		training;
	int			n;				/* of the last forward_training */
	real	  **output;			/* [layers] */
	char	  **state;			/* [layers] */
	real	  **branch;			/* [1 + layers]: sums of gradients of the input, then of each output; NULL where no layer branches */
	bool	   *branch_set;		/* [1 + layers] */
	real	   *gradient[2];	/* of the current layer's output and input */
	real	   *scratch;
	const real *used_packed;	/* network_workspace_use(); NULL: each pass packs the weights ... */
	real	   *packed;			/* ... here, [packed_count] */
	real	   *input;			/* inference: [samples, input values] */
	real	   *view;			/* inference: [samples, dimensions], with views above 1 */
	const real *input_gradient; /* of the last backward pass; NULL if it ended before the input */
	NetworkWorkspace *head;		/* of a network with a head: its workspace, in the same block; at inference for both orders */
	real	   *output_of_head; /* inference: [2 samples, outputs of the head] */
	real	   *hidden;			/* inference: [2 samples, hidden values] */
	real	   *plain;			/* inference with flow: [2, kept values], two samples without it, ... */
	real	   *side_input;		/* ... [2, input values], with it, ... */
	real	   *side_output;	/* ... [2, dimensions], what their twins give */
	void	   *flow;			/* ... and network_flow_bytes() */
};

#endif
