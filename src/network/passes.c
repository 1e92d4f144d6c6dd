/*
 * passes.c: the layers of a network run: at inference, in training forward and backward.
 */
#include <string.h>

#include "network/loss_internal.h"
#include "network/workspace_internal.h"

#define VIEW_SEED UINT64_C(0x76696577)

/* NULL: out of memory. */
static const real *
packed_weights(const Network *network, const real *weights, NetworkWorkspace *workspace, bool training, Status *status)
{
	if (workspace->used_packed != NULL)
		return workspace->used_packed;
	if (workspace->packed == NULL)
		workspace->packed = host_allocate(workspace->host, network->packed_count + 1, sizeof(real), status);
	if (workspace->packed != NULL && training && network_frozen_count(network) > 0)
		network_pack(network, weights, workspace->packed);
	if (workspace->packed != NULL && training)
		network_pack_training(network, weights, workspace->packed);
	else if (workspace->packed != NULL)
		network_pack(network, weights, workspace->packed);
	return workspace->packed;
}

static LayerPass
make_pass(const Network *network, const real *weights, NetworkWorkspace *workspace, int n)
{
	LayerPass	pass = {
		.host = workspace->host,
		.kernels = network_kernels(),
		.n = n,
		.training = workspace->training,
		.weights = weights,
		.scratch = workspace->scratch
	};

	return pass;
}

/*
 * The output of layer i from sample first of the batch on.  Of the buffers that a group of samples uses, only the one in which it
 * leaves its output has a place for each sample of the batch; the others begin with the group's first sample.
 */
static real *
output_of(const Network *network, const NetworkWorkspace *workspace, int i, int first)
{
	const NetworkLayer *layer = &network->layers[i];
	bool		whole = !workspace->training && layer->plan.slot == network->group_slot;

	return workspace->output[i] + (whole ? first * shape_values(layer->out) : 0);
}

/* The layer that runs, what it reads and where it writes, from sample first on; input is that of sample first. */
static void
set_layer(LayerPass *pass, const Network *network, const NetworkWorkspace *workspace, int i, int first, const real *input)
{
	const LayerPlan *plan = &network->layers[i].plan;

	pass->layer = &network->layers[i];
	pass->next = plan->reader >= 0 ? &network->layers[plan->reader] : NULL;
	pass->input = plan->input >= 0 ? output_of(network, workspace, plan->input, first) : input;
	for (int k = 0; k < pass->layer->source_count; k++)
		pass->other[k] = plan->source[k] >= 0 ? output_of(network, workspace, plan->source[k], first) : input;
	pass->output = output_of(network, workspace, i, first);
}

/* Layers from start to end - 1. */
static bool
run_layers(LayerPass *pass, const Network *network, const NetworkWorkspace *workspace, const real *packed, int start,
		   int end, int first, const real *input, Status *status)
{
	for (int i = start; i < end; i++)
	{
		const LayerPlan *plan = &network->layers[i].plan;

		if (host_interrupted(workspace->host, status))
			return false;
		if (plan->fused || plan->folded || plan->applied)
			continue;
		set_layer(pass, network, workspace, i, first, input);
		pass->packed = packed + plan->packed_offset;
		pass->layer->type->forward(pass);
	}
	return true;
}

bool
workspace_forward(const Network *network, const real *weights, NetworkWorkspace *workspace, const real *input, int n, real *output,
				  real *hidden, Status *status)
{
	LayerPass	pass = make_pass(network, weights, workspace, n);
	const real *packed = packed_weights(network, weights, workspace, false, status);
	const real *last = network->layer_count > 0 ? workspace->output[network->layer_count - 1] : input;
	int			done = network->grouped;

	if (packed == NULL)
		return false;
	pass.training = false;
	for (int first = 0; first < n && network->grouped > 0; first += network->group)
	{
		pass.n = n - first < network->group ? n - first : network->group;
		if (!run_layers(&pass, network, workspace, packed, 0, network->grouped, first, input + first * network_input_values(network),
						status))
			return false;
	}
	pass.n = n;
	if (hidden != NULL)
	{
		const NetworkLayer *layer = &network->layers[network->hidden];

		if (!run_layers(&pass, network, workspace, packed, done, network->hidden, 0, input, status))
			return false;
		done = network->hidden;
		memcpy(hidden, layer->plan.input >= 0 ? workspace->output[layer->plan.input] : input,
			   (size_t) n * shape_values(layer->in) * sizeof(real));
	}
	if (!run_layers(&pass, network, workspace, packed, done, network->layer_count, 0, input, status) ||
		host_interrupted(workspace->host, status))	/* perhaps within the last layer */
		return false;
	memcpy(output, last, (size_t) n * network_dimensions(network) * sizeof(real));
	return true;
}

bool
network_forward(const Network *network, const real *weights, NetworkWorkspace *workspace,
				const real *input, int n, real *embedding, Status *status)
{
	return workspace_forward(network, weights, workspace, input, n, embedding, NULL, status);
}

/* The mean of the embeddings of the views of one raster, or its direction. */
static bool
embed_views(const Network *network, const real *weights, NetworkWorkspace *workspace, const uint8_t *raster,
			real *embedding, Status *status)
{
	const NetworkDefinition *definition = network->definition;
	int			dimensions = network_dimensions(network);
	double		length = 0;

	memset(embedding, 0, dimensions * sizeof(real));
	for (int first = 0; first < definition->views; first += workspace->samples)
	{
		int			n = definition->views - first < workspace->samples ? definition->views - first : workspace->samples;

		for (int i = 0; i < n; i++)
		{
			real	   *input = workspace->input + (size_t) i * network_input_values(network);
			Random		random = random_stream(VIEW_SEED, first + i);

			if (first + i == 0)
				network_input_from_raster(definition, raster, input);
			else
				network_input_distorted(definition, raster, &(NetworkCopy) {0}, &random, input);
		}
		if (!network_forward(network, weights, workspace, workspace->input, n, workspace->view, status))
			return false;
		for (int i = 0; i < n * dimensions; i++)
			embedding[i % dimensions] += workspace->view[i];
	}
	for (int i = 0; i < dimensions; i++)
		length += (double) embedding[i] * embedding[i];
	length = definition->join->directions && length > 0 ? sqrt(length) : definition->views;
	for (int i = 0; i < dimensions; i++)
		embedding[i] = (real) (embedding[i] / length);
	return true;
}

bool
network_embed(const Network *network, const real *weights, NetworkWorkspace *workspace,
			  const uint8_t *const *raster, int n, real *embedding, Status *status)
{
	size_t		values = network_input_values(network);
	size_t		dimensions = network_dimensions(network);

	if (network->definition->views > 1)
	{
		for (int i = 0; i < n; i++)
		{
			if (!embed_views(network, weights, workspace, raster[i], embedding + i * dimensions, status))
				return false;
		}
		return true;
	}
	for (int first = 0; first < n; first += workspace->samples)
	{
		int			some = n - first < workspace->samples ? n - first : workspace->samples;

		for (int i = 0; i < some; i++)
			network_input_from_raster(network->definition, raster[first + i], workspace->input + i * values);
		if (!network_forward(network, weights, workspace, workspace->input, some, embedding + first * dimensions, status))
			return false;
	}
	return true;
}

bool
network_forward_training(const Network *network, const real *weights, NetworkWorkspace *workspace,
						 const real *input, int n, uint64_t seed, real *embedding)
{
	LayerPass	pass = make_pass(network, weights, workspace, n);
	Status		status;
	const real *packed = packed_weights(network, weights, workspace, true, &status);
	const real *last = network->layer_count > 0 ? workspace->output[network->layer_count - 1] : input;

	if (packed == NULL)
		return false;
	workspace->n = n;
	pass.seed = seed;
	for (int i = 0; i < network->layer_count; i++)
	{
		if (network->layers[i].plan.omitted)
			continue;
		set_layer(&pass, network, workspace, i, 0, input);
		pass.training = !pass.layer->plan.frozen;
		pass.packed = packed + pass.layer->plan.packed_offset;
		pass.state = workspace->state[i];
		pass.layer->type->forward(&pass);
		if (pass_interrupted(&pass))
			return false;
	}
	memcpy(embedding, last, (size_t) n * network_dimensions(network) * sizeof(real));
	return true;
}

/*
 * The gradient of the output of layer i, or for -1 of the network's input: what the next layer has left in gradient[current],
 * unless handed is false, and the sum of what others have left in the branch.
 */
static real *
whole_gradient(const LayerPass *pass, const NetworkWorkspace *workspace, int i, size_t values, bool handed, int current)
{
	real	   *branch = workspace->branch[i + 1];

	if (!workspace->branch_set[i + 1])
		return workspace->gradient[current];
	if (!handed)
		return branch;
	pass->kernels->add(branch, pass->n * values, workspace->gradient[current]);
	return workspace->gradient[current];
}

static void
run_backward_sources(const LayerPass *pass, const Network *network, const NetworkWorkspace *workspace)
{
	for (int k = 0; k < pass->layer->source_count; k++)
	{
		int			source = pass->layer->plan.source[k];

		if (!network_wants_gradient(network, source))
			continue;
		pass->layer->type->backward_source(pass, k, workspace->branch_set[source + 1], workspace->branch[source + 1]);
		workspace->branch_set[source + 1] = true;
	}
}

/* Of a ReLU that the layer before it reverts, the gradient goes on as it is. */
static void
run_backward(const LayerPass *pass, const Network *network)
{
	const LayerPlan *plan = &pass->layer->plan;

	if (!plan->fused || !network->layers[plan->input].type->reverts_relu)
		pass->layer->type->backward(pass);
	else if (pass->input_gradient != NULL && pass->input_gradient != pass->output_gradient)
		memcpy(pass->input_gradient, pass->output_gradient, pass->n * shape_values(pass->layer->in) * sizeof(real));
}

/*
 * Where the gradient of the input of layer i goes: to the layer before, in gradient[*current], if that is what it reads; else into
 * the branch of what it reads, or into the buffer that is free, if others have left something in the branch.  NULL: not wanted.
 */
static real *
place_gradient(const Network *network, const NetworkWorkspace *workspace, int i, int *current)
{
	const NetworkLayer *layer = &network->layers[i];
	int			read = layer->plan.input;

	if (!network_wants_gradient(network, read))
		return NULL;
	if (read != i - 1)
		return workspace->branch_set[read + 1] ? workspace->gradient[1 - *current] : workspace->branch[read + 1];
	if (!layer->type->in_place || shape_values(layer->in) != shape_values(layer->out))
		*current = 1 - *current;
	return workspace->gradient[*current];
}

/* The gradient of an input that is not the layer before joins what others have left for it. */
static void
join_branch(const LayerPass *pass, const NetworkWorkspace *workspace, int read)
{
	if (pass->input_gradient != workspace->branch[read + 1])
		pass->kernels->add(pass->input_gradient, pass->n * shape_values(pass->layer->in), workspace->branch[read + 1]);
	workspace->branch_set[read + 1] = true;
}

bool
network_backward(const Network *network, const real *weights, NetworkWorkspace *workspace,
				 const real *input, const real *embedding_gradient, real *gradient)
{
	LayerPass	pass = make_pass(network, weights, workspace, workspace->n);
	int			current = 0;
	bool		handed = true;

	workspace->input_gradient = NULL;
	if (!network_learns(network))
		return true;
	pass.gradient = gradient;
	memset(workspace->branch_set, 0, (network->layer_count + 1) * sizeof(bool));
	memcpy(workspace->gradient[0], embedding_gradient,
		   (size_t) pass.n * network_dimensions(network) * sizeof(real));
	for (int i = network->layer_count - 1; i >= 0; i--)
	{
		const LayerPlan *plan = &network->layers[i].plan;

		if (plan->learns)
		{
			set_layer(&pass, network, workspace, i, 0, input);
			pass.state = workspace->state[i];
			pass.output_gradient = whole_gradient(&pass, workspace, i, shape_values(pass.layer->out), handed, current);
			run_backward_sources(&pass, network, workspace);
			pass.input_gradient = place_gradient(network, workspace, i, &current);
			run_backward(&pass, network);
			if (pass_interrupted(&pass))
				return false;
			if (pass.input_gradient != NULL && plan->input != i - 1)
				join_branch(&pass, workspace, plan->input);
		}
		handed = plan->input == i - 1;
	}
	if (network->gives_gradient)
		workspace->input_gradient = whole_gradient(&pass, workspace, -1, shape_values(network->in), handed, current);
	return true;
}

void
network_update_statistics(const Network *network, const NetworkWorkspace *workspace, real *weights)
{
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];

		if (layer->type->update_statistics != NULL && !layer->plan.frozen)
			layer->type->update_statistics(layer, workspace->state[i], workspace->n, weights + layer->statistic_offset);
	}
}
