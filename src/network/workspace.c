/*
 * workspace.c: the memory of forward and backward passes, and the passes themselves.
 */
#include <string.h>

#include "network/loss_internal.h"
#include "network/network_internal.h"

#define VIEW_SEED UINT64_C(0x76696577)

struct NetworkWorkspace
{
	const Host *host;
	const Network *network;
	int			samples;
	int			pairs;			/* of a network with a head */
	bool		training;
	int			n;				/* of the last forward_training */
	real	  **output;			/* [layers] of training, [slots] of inference */
	char	  **state;			/* [layers] */
	real	  **branch;			/* [layers]: gradients from later adds; NULL where there are none */
	bool	   *branch_set;		/* [layers] */
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

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/*
 * The block is laid out twice by the same code, the first time without memory, to measure it.  used stays at SIZE_MAX once
 * the size has overflowed.
 */
typedef struct Layout
{
	char	   *base;			/* NULL: only measure */
	size_t		used;
} Layout;

static void *
take(Layout *layout, size_t count, size_t size)
{
	size_t		bytes;
	size_t		start = layout->used;

	if (start == SIZE_MAX || __builtin_mul_overflow(count, size, &bytes) ||
		__builtin_add_overflow(bytes, 63, &bytes) ||
		__builtin_add_overflow(start, bytes & ~(size_t) 63, &layout->used))
	{
		layout->used = SIZE_MAX;
		return NULL;
	}
	return layout->base != NULL ? layout->base + start : NULL;
}

static real *
take_reals(Layout *layout, size_t values, int samples)
{
	size_t		count;

	if (__builtin_mul_overflow(values, (size_t) samples, &count))
		count = SIZE_MAX;
	return take(layout, count, sizeof(real));
}

static void
lay_out_training(Layout *layout, NetworkWorkspace *workspace)
{
	const Network *network = workspace->network;
	size_t		largest = 0;

	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];
		size_t		values = shape_values(layer->out);
		real	   *output = NULL;
		real	   *branch = NULL;
		size_t		state_bytes = layer->plan.state_fixed;
		char	   *state;

		if (!layer->plan.in_place)
			output = take_reals(layout, values, workspace->samples);
		if (layer->plan.read_later)
			branch = take_reals(layout, values, workspace->samples);
		if (__builtin_mul_overflow(layer->plan.state_bytes, (size_t) workspace->samples, &state_bytes) ||
			__builtin_add_overflow(state_bytes, layer->plan.state_fixed, &state_bytes))
			state_bytes = SIZE_MAX;
		state = take(layout, state_bytes, 1);
		if (i >= network->first_learning && values > largest)
			largest = values;
		if ((i > network->first_learning || network->gives_gradient) && shape_values(layer->in) > largest)
			largest = shape_values(layer->in);
		if (layout->base != NULL)
		{
			workspace->output[i] = layer->plan.in_place ? workspace->output[i - 1] : output;
			workspace->branch[i] = branch;
			workspace->state[i] = state;
		}
	}
	for (int i = 0; i < 2; i++)
		workspace->gradient[i] = take_reals(layout, largest, workspace->samples);
}

static void lay_out(Layout *layout, NetworkWorkspace *workspace);

static void
lay_out_inference(Layout *layout, NetworkWorkspace *workspace)
{
	const Network *network = workspace->network;

	for (int i = 0; i < network->slot_count; i++)
	{
		int			group = workspace->samples < network->group ? workspace->samples : network->group;
		size_t		grouped = network->group_slot_values[i] * group;
		size_t		values;
		real	   *slot;

		if (__builtin_mul_overflow(network->slot_values[i], (size_t) workspace->samples, &values))
			values = SIZE_MAX;
		slot = take(layout, values > grouped ? values : grouped, sizeof(real));
		if (layout->base != NULL)
			workspace->output[i] = slot;
	}
	workspace->input = take_reals(layout, network_input_values(network), workspace->samples);
	if (network->definition->views > 1)
		workspace->view = take_reals(layout, network_dimensions(network), workspace->samples);
}

/* In training a head runs as many pairs at once as its twin runs samples; at inference each pair in both orders. */
static void
lay_out_head(Layout *layout, NetworkWorkspace *workspace)
{
	const Network *head = workspace->network->head;
	int			rows = workspace->pairs * (workspace->training ? 1 : 2);
	NetworkWorkspace stand_in = {.network = head, .samples = rows, .training = workspace->training};
	NetworkWorkspace *place = take(layout, 1, sizeof(*place));

	if (place != NULL)
	{
		*place = stand_in;
		place->host = workspace->host;
	}
	lay_out(layout, place != NULL ? place : &stand_in);
	workspace->head = place;
	if (workspace->training)
		return;
	workspace->output_of_head = take_reals(layout, head->dimensions, rows);
	workspace->hidden = take_reals(layout, network_hidden_values(workspace->network), rows);
	if (!network_has_flow(workspace->network))
		return;
	workspace->plain = take_reals(layout, network_kept_values(workspace->network), 2);
	workspace->side_input = take_reals(layout, network_input_values(workspace->network), 2);
	workspace->side_output = take_reals(layout, network_dimensions(workspace->network), 2);
	workspace->flow = take(layout, network_flow_bytes(workspace->network), 1);
}

/* workspace is the block itself, or a stand-in while measuring; its own place has been taken. */
static void
lay_out(Layout *layout, NetworkWorkspace *workspace)
{
	const Network *network = workspace->network;
	size_t		count = network->layer_count;
	size_t		scratch = 0;

	workspace->output = take(layout, count, sizeof(real *));
	workspace->state = take(layout, count, sizeof(char *));
	workspace->branch = take(layout, count, sizeof(real *));
	workspace->branch_set = take(layout, count, sizeof(bool));
	if (workspace->training)
		lay_out_training(layout, workspace);
	else
		lay_out_inference(layout, workspace);
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];
		size_t		values = layer->type->scratch != NULL ?
			layer->type->scratch(layer, workspace->samples, workspace->training) : 0;

		if (values > scratch)
			scratch = values;
	}
	workspace->scratch = take(layout, scratch, sizeof(real));
	if (network->head != NULL)
		lay_out_head(layout, workspace);
}

/* Samples that a workspace for so many pairs is for. */
static int
samples_of(const Network *network, int pairs, bool training)
{
	return training && network->head != NULL && network_has_flow(network) ? 2 * pairs : pairs;
}

size_t
network_workspace_bytes(const Network *network, int samples, bool training)
{
	NetworkWorkspace stand_in = {
		.network = network, .samples = samples_of(network, samples, training), .pairs = samples, .training = training
	};
	Layout		layout = {NULL, 0};

	take(&layout, 1, sizeof(stand_in));
	lay_out(&layout, &stand_in);
	return layout.used;
}

NetworkWorkspace *
network_workspace_create(const Network *network, int samples, bool training, const Host *host, Status *status)
{
	NetworkWorkspace *workspace = host_allocate(host, 1, network_workspace_bytes(network, samples, training), status);
	Layout		layout = {(char *) workspace, 0};

	if (workspace == NULL)
		return NULL;
	memset(workspace, 0, sizeof(*workspace));
	workspace->host = host;
	workspace->network = network;
	workspace->samples = samples_of(network, samples, training);
	workspace->pairs = samples;
	workspace->training = training;
	take(&layout, 1, sizeof(*workspace));
	lay_out(&layout, workspace);
	return workspace;
}

void
network_workspace_destroy(NetworkWorkspace *workspace)
{
	if (workspace == NULL)
		return;
	if (workspace->packed != NULL)
		host_release(workspace->host, workspace->packed);
	if (workspace->head != NULL && workspace->head->packed != NULL)
		host_release(workspace->host, workspace->head->packed);
	host_release(workspace->host, workspace);
}

/* ---- passes -------------------------------------------------------------------------------------------------------- */

void
network_workspace_use(NetworkWorkspace *workspace, const real *packed)
{
	workspace->used_packed = packed;
	if (workspace->head != NULL)
		workspace->head->used_packed = packed;
}

NetworkWorkspace *
network_workspace_head(const NetworkWorkspace *workspace)
{
	return workspace->head;
}

PairBuffers
workspace_pair_buffers(const NetworkWorkspace *workspace)
{
	return (PairBuffers) {
		.workspace = workspace->head, .pairs = workspace->pairs, .converted = workspace->input,
		.stacked = workspace->head->input, .output = workspace->output_of_head, .hidden = workspace->hidden,
		.plain = workspace->plain, .side_input = workspace->side_input, .side_output = workspace->side_output,
		.flow = workspace->flow
	};
}

/* NULL: out of memory. */
static const real *
packed_weights(const Network *network, const real *weights, NetworkWorkspace *workspace, bool training, Status *status)
{
	if (workspace->used_packed != NULL)
		return workspace->used_packed;
	if (workspace->packed == NULL)
		workspace->packed = host_allocate(workspace->host, network->packed_count + 1, sizeof(real), status);
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

static void
set_layer(LayerPass *pass, const Network *network, int i)
{
	pass->layer = &network->layers[i];
	pass->next = i + 1 < network->layer_count ? pass->layer + 1 : NULL;
}

/* Layers from start to end - 1; the output of the last one goes to sample first of its buffer.  Returns it, or NULL. */
static const real *
run_layers(LayerPass *pass, const Network *network, const NetworkWorkspace *workspace, const real *packed, int start,
		   int end, int first, const real *input, Status *status)
{
	for (int i = start; i < end; i++)
	{
		if (host_interrupted(workspace->host, status))
			return NULL;
		set_layer(pass, network, i);
		if (pass->layer->plan.fused || pass->layer->plan.folded)
			continue;
		pass->packed = packed + pass->layer->plan.packed_offset;
		pass->input = input;
		pass->output = workspace->output[pass->layer->plan.slot] + (i + 1 == end ? first * shape_values(pass->layer->out) : 0);
		pass->other = pass->layer->plan.source >= 0 ? workspace->output[network->layers[pass->layer->plan.source].plan.slot] : NULL;
		pass->layer->type->forward(pass);
		input = pass->output;
	}
	return input;
}

bool
workspace_forward(const Network *network, const real *weights, NetworkWorkspace *workspace, const real *input, int n, real *output,
				  real *hidden, Status *status)
{
	LayerPass	pass = make_pass(network, weights, workspace, n);
	const real *packed = packed_weights(network, weights, workspace, false, status);
	const real *current = input;
	int			done = network->grouped;

	if (packed == NULL)
		return false;
	pass.training = false;
	for (int first = 0; first < n && network->grouped > 0; first += network->group)
	{
		pass.n = n - first < network->group ? n - first : network->group;
		if (run_layers(&pass, network, workspace, packed, 0, network->grouped, first,
					   input + first * network_input_values(network), status) == NULL)
			return false;
		current = workspace->output[network->layers[network->grouped - 1].plan.slot];
	}
	pass.n = n;
	if (hidden != NULL)
	{
		current = run_layers(&pass, network, workspace, packed, done, network->hidden, 0, current, status);
		if (current == NULL)
			return false;
		done = network->hidden;
		memcpy(hidden, current, (size_t) n * shape_values(network->layers[done].in) * sizeof(real));
	}
	current = run_layers(&pass, network, workspace, packed, done, network->layer_count, 0, current, status);
	if (current == NULL || host_interrupted(workspace->host, status))	/* perhaps within the last layer */
		return false;
	memcpy(output, current, (size_t) n * network_dimensions(network) * sizeof(real));
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
		set_layer(&pass, network, i);
		if (pass.layer->plan.fused)
			continue;
		pass.packed = packed + pass.layer->plan.packed_offset;
		pass.input = i > 0 ? workspace->output[i - 1] : input;
		pass.output = workspace->output[i];
		pass.state = workspace->state[i];
		pass.other = pass.layer->plan.source >= 0 ? workspace->output[pass.layer->plan.source] : NULL;
		pass.layer->type->forward(&pass);
		if (pass_interrupted(&pass))
			return false;
	}
	memcpy(embedding, last, (size_t) n * network_dimensions(network) * sizeof(real));
	return true;
}

/* The gradient of an add for its other source is collected in that layer's branch. */
static void
add_to_branch(NetworkWorkspace *workspace, const LayerPass *pass, int source)
{
	size_t		count = pass->n * shape_values(pass->layer->out);

	if (workspace->branch_set[source])
		pass->kernels->add(pass->output_gradient, count, workspace->branch[source]);
	else
		memcpy(workspace->branch[source], pass->output_gradient, count * sizeof(real));
	workspace->branch_set[source] = true;
}

bool
network_backward(const Network *network, const real *weights, NetworkWorkspace *workspace,
				 const real *input, const real *embedding_gradient, real *gradient)
{
	LayerPass	pass = make_pass(network, weights, workspace, workspace->n);
	int			current = 0;

	workspace->input_gradient = NULL;
	if (!network_learns(network))
		return true;
	pass.gradient = gradient;
	memset(workspace->branch_set, 0, network->layer_count * sizeof(bool));
	memcpy(workspace->gradient[0], embedding_gradient,
		   (size_t) pass.n * network_dimensions(network) * sizeof(real));
	for (int i = network->layer_count - 1; i >= network->first_learning; i--)
	{
		set_layer(&pass, network, i);
		if (workspace->branch_set[i])
			pass.kernels->add(workspace->branch[i], pass.n * shape_values(pass.layer->out), workspace->gradient[current]);
		pass.output_gradient = workspace->gradient[current];
		if (pass.layer->plan.source >= 0)
			add_to_branch(workspace, &pass, pass.layer->plan.source);
		if (pass.layer->plan.fused && pass.layer[-1].type->reverts_relu)
			continue;
		pass.input = i > 0 ? workspace->output[i - 1] : input;
		pass.output = workspace->output[i];
		pass.state = workspace->state[i];
		if (i == network->first_learning && !network->gives_gradient)
			pass.input_gradient = NULL;
		else
		{
			if (!pass.layer->type->in_place)
				current = 1 - current;
			pass.input_gradient = workspace->gradient[current];
		}
		pass.layer->type->backward(&pass);
		if (pass_interrupted(&pass))
			return false;
	}
	if (network->gives_gradient)
		workspace->input_gradient = workspace->gradient[current];
	return true;
}

const real *
network_input_gradient(const NetworkWorkspace *workspace)
{
	return workspace->input_gradient;
}

void
network_update_statistics(const Network *network, const NetworkWorkspace *workspace, real *weights)
{
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];

		if (layer->type->update_statistics != NULL)
			layer->type->update_statistics(layer, workspace->state[i], workspace->n, weights + layer->statistic_offset);
	}
}
