/*
 * workspace.c: the memory of forward and backward passes.
 */
#include <string.h>

#include "network/workspace_internal.h"

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

/* In training, outputs of frozen layers: in the buffers that they share at inference. */
static void
lay_out_frozen(Layout *layout, NetworkWorkspace *workspace)
{
	const Network *network = workspace->network;

	for (int slot = 0; slot < network->slot_count; slot++)
	{
		size_t		largest = 0;
		real	   *output;

		for (int i = 0; i < network->layer_count; i++)
			if (network->layers[i].plan.frozen && network->layers[i].plan.slot == slot && shape_values(network->layers[i].out) > largest)
				largest = shape_values(network->layers[i].out);
		output = take_reals(layout, largest, workspace->samples);
		for (int i = 0; layout->base != NULL && i < network->layer_count; i++)
			if (network->layers[i].plan.frozen && network->layers[i].plan.slot == slot)
			{
				workspace->output[i] = output;
				workspace->branch[i + 1] = NULL;
				workspace->state[i] = NULL;
			}
	}
}

static void
lay_out_training(Layout *layout, NetworkWorkspace *workspace)
{
	const Network *network = workspace->network;
	size_t		largest = 0;
	real	   *branch = network->branches ? take_reals(layout, shape_values(network->in), workspace->samples) : NULL;

	if (layout->base != NULL)
		workspace->branch[0] = branch;
	if (network->definition->frozen > 0)
		lay_out_frozen(layout, workspace);
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];
		size_t		values = shape_values(layer->out);
		real	   *output = NULL;
		size_t		state_bytes = layer->plan.state_fixed;
		char	   *state;

		if (layer->plan.frozen)
			continue;
		if (!layer->plan.in_place)
			output = take_reals(layout, values, workspace->samples);
		branch = layer->plan.branches ? take_reals(layout, values, workspace->samples) : NULL;
		if (__builtin_mul_overflow(layer->plan.state_bytes, (size_t) workspace->samples, &state_bytes) ||
			__builtin_add_overflow(state_bytes, layer->plan.state_fixed, &state_bytes))
			state_bytes = SIZE_MAX;
		state = take(layout, state_bytes, 1);
		if (layer->plan.learns && values > largest)
			largest = values;
		if (network_wants_gradient(network, layer->plan.input) && shape_values(layer->in) > largest)
			largest = shape_values(layer->in);
		if (layout->base != NULL)
		{
			workspace->output[i] = layer->plan.in_place ? workspace->output[layer->plan.input] : output;
			workspace->branch[i + 1] = branch;
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

	for (int k = 0; k < network->slot_count; k++)
	{
		int			group = workspace->samples < network->group ? workspace->samples : network->group;
		size_t		grouped = network->group_slot_values[k] * group;
		size_t		values;
		real	   *slot;

		if (__builtin_mul_overflow(network->slot_values[k], (size_t) workspace->samples, &values))
			values = SIZE_MAX;
		slot = take(layout, values > grouped ? values : grouped, sizeof(real));
		for (int i = 0; layout->base != NULL && i < network->layer_count; i++)
			if (network->layers[i].plan.slot == k)
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
	workspace->branch = take(layout, count + 1, sizeof(real *));
	workspace->branch_set = take(layout, count + 1, sizeof(bool));
	if (workspace->training)
		lay_out_training(layout, workspace);
	else
		lay_out_inference(layout, workspace);
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];
		size_t		values = layer->type->scratch != NULL ?
			layer->type->scratch(layer, workspace->samples, workspace->training && !layer->plan.frozen) : 0;

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

const real *
network_input_gradient(const NetworkWorkspace *workspace)
{
	return workspace->input_gradient;
}
