/*
 * pair.c: the layer "pair", and what the head makes of two samples.     Leal-Taixe, Canton-Ferrer, Schindler 2016, section 3
 *
 * a, b: [pixels, channels] of two samples -> [pixels, 2 x channels]: of each pixel first the channels of a, then those of b.
 * A flat output is one pixel.  The layer learns nothing: its backward pass gives each sample its half of the gradient.
 *
 * A head sees (a, b) and (b, a), and the log odds are the mean of both: so they do not depend on the order.
 */
#include <string.h>

#include "network/input_internal.h"
#include "network/loss_internal.h"
#include "network/network_internal.h"

static bool
pair_shape(NetworkLayer *layer, Status *status)
{
	if (layer->in.channels > INT32_MAX / 2)
		return layer_error(layer, status, "", "its input has too many channels.");
	layer->out.channels = 2 * layer->in.channels;
	return true;
}

const LayerType layer_pair = {
	.name = "pair",
	.shape = pair_shape
};

/* ---- stacking ------------------------------------------------------------------------------------------------------ */

static const NetworkLayer *
pair_layer(const Network *network)
{
	return &network->definition->layers[network->definition->pair];
}

/* One sample's output as the first (side 0) or the last channels of a pair. */
static void
stack_side(const NetworkLayer *layer, const real *output, int side, real *stacked)
{
	size_t		pixels = shape_pixels(layer->in);
	size_t		channels = layer->in.channels;

	for (size_t i = 0; i < pixels; i++)
		memcpy(stacked + (2 * i + side) * channels, output + i * channels, channels * sizeof(real));
}

void
network_stack(const Network *network, const real *output, const NetworkPair *pair, int n, real *stacked)
{
	const NetworkLayer *layer = pair_layer(network);
	size_t		values = shape_values(layer->in);

	for (int i = 0; i < n; i++)
	{
		stack_side(layer, output + pair[i].a * values, 0, stacked + 2 * i * values);
		stack_side(layer, output + pair[i].b * values, 1, stacked + 2 * i * values);
	}
}

static void
add_side(const NetworkLayer *layer, const real *stacked, int side, real *output)
{
	size_t		pixels = shape_pixels(layer->in);
	size_t		channels = layer->in.channels;

	for (size_t i = 0; i < pixels; i++)
		network_kernels()->add(stacked + (2 * i + side) * channels, channels, output + i * channels);
}

void
network_unstack(const Network *network, const real *stacked, const NetworkPair *pair, int n, real *output)
{
	const NetworkLayer *layer = pair_layer(network);
	size_t		values = shape_values(layer->in);

	for (int i = 0; i < n; i++)
	{
		add_side(layer, stacked + 2 * i * values, 0, output + pair[i].a * values);
		add_side(layer, stacked + 2 * i * values, 1, output + pair[i].b * values);
	}
}

/* ---- log odds ------------------------------------------------------------------------------------------------------ */

/* Of "the same": of two outputs, "different" and "the same", the difference. */
static double
log_odds_of(const Network *head, const real *output)
{
	return head->dimensions == 1 ? (double) output[0] : (double) output[1] - (double) output[0];
}

double
network_pair_loss(const Network *network, const real *output, const NetworkPair *pair, int n, double share,
				  real *output_gradient)
{
	const Network *head = network->head;
	double		loss = 0;

	for (int i = 0; i < n; i++)
	{
		real	   *of_pair = output_gradient + (size_t) i * head->dimensions;
		double		gradient;

		loss += share * network->definition->loss.type->of_log_odds(pair[i].genuine,
																	log_odds_of(head, output + (size_t) i * head->dimensions),
																	&gradient);
		of_pair[0] = (real) (share * (head->dimensions == 1 ? gradient : -gradient));
		if (head->dimensions == 2)
			of_pair[1] = (real) (share * gradient);
	}
	return loss;
}

/* ---- sides, and their comparison ----------------------------------------------------------------------------------- */

/* Whether a side is the prepared sample: then the twin runs in the comparison, if it has layers at all. */
static bool
side_is_sample(const Network *network)
{
	return network->layer_count == 0 || network_has_flow(network);
}

size_t
network_side_bytes(const Network *network)
{
	return side_is_sample(network) ? network_sample_bytes(network->definition) : network->dimensions * sizeof(real);
}

bool
network_sides(const Network *network, const real *weights, NetworkWorkspace *workspace, const uint8_t *const *sample, int n,
			  void *side, Status *status)
{
	size_t		bytes = network_side_bytes(network);

	if (!side_is_sample(network))
		return network_embed(network, weights, workspace, sample, n, side, status);
	for (int i = 0; i < n; i++)
		memcpy((char *) side + i * bytes, sample[i], bytes);
	return true;
}

/* Both orders of a pair, one after the other, from what the twins give of a and b. */
static void
stack_orders(const Network *network, const real *a, const real *b, real *stacked)
{
	const NetworkLayer *layer = pair_layer(network);
	size_t		values = shape_values(layer->out);

	stack_side(layer, a, 0, stacked);
	stack_side(layer, b, 1, stacked);
	stack_side(layer, b, 0, stacked + values);
	stack_side(layer, a, 1, stacked + values);
}

/* The same from sides that are samples, of a twin without layers: they are only converted. */
static void
stack_samples(const Network *network, const void *a, const void *b, real *converted, real *stacked)
{
	const NetworkLayer *layer = pair_layer(network);
	size_t		values = shape_values(layer->out);

	for (int i = 0; i < 2; i++)
	{
		network_input_from_raster(network->definition, i == 0 ? a : b, converted);
		stack_side(layer, converted, i, stacked);
		stack_side(layer, converted, 1 - i, stacked + values);
	}
}

/* The same with flow: the twins see each of them with the flow to the other. */
static bool
stack_flow(const Network *network, const real *weights, NetworkWorkspace *workspace, const PairBuffers *buffers, const void *a,
		   const void *b, real *stacked, Status *status)
{
	size_t		kept = network_kept_values(network);
	size_t		values = network_input_values(network);

	network_input_from_raster(network->definition, a, buffers->plain);
	network_input_from_raster(network->definition, b, buffers->plain + kept);
	if (!network_flow_inputs(network, buffers->plain, buffers->plain + kept, network->host, buffers->flow, buffers->side_input, status))
		return false;
	for (int i = 0; i < 2; i++)
		if (!network_forward(network, weights, workspace, buffers->side_input + i * values, 1,
							 buffers->side_output + (size_t) i * network->dimensions, status))
			return false;
	stack_orders(network, buffers->side_output, buffers->side_output + network->dimensions, stacked);
	return true;
}

/* One pair of sides -> the head's inputs in both orders. */
static bool
stack_pair(const Network *network, const real *weights, NetworkWorkspace *workspace, const PairBuffers *buffers, const void *a,
		   const void *b, real *stacked, Status *status)
{
	if (network_has_flow(network))
		return stack_flow(network, weights, workspace, buffers, a, b, stacked, status);
	if (side_is_sample(network))
		stack_samples(network, a, b, buffers->converted, stacked);
	else
		stack_orders(network, a, b, stacked);
	return true;
}

bool
network_compare(const Network *network, const real *weights, NetworkWorkspace *workspace, const void *side,
				const NetworkPair *pair, int n, double *log_odds, real *hidden, Status *status)
{
	const Network *head = network->head;
	size_t		bytes = network_side_bytes(network);
	size_t		values = network_input_values(head);
	size_t		width = network_hidden_values(network);
	PairBuffers buffers = workspace_pair_buffers(workspace);

	for (int first = 0; first < n; first += buffers.pairs)
	{
		int			some = n - first < buffers.pairs ? n - first : buffers.pairs;

		for (int i = 0; i < some; i++)
			if (!stack_pair(network, weights, workspace, &buffers, (const char *) side + pair[first + i].a * bytes,
							(const char *) side + pair[first + i].b * bytes, buffers.stacked + 2 * i * values, status))
				return false;
		if (!workspace_forward(head, weights, buffers.workspace, buffers.stacked, 2 * some, buffers.output,
							   hidden != NULL ? buffers.hidden : NULL, status))
			return false;
		for (int i = 0; i < some; i++)
		{
			const real *output = buffers.output + 2 * (size_t) i * head->dimensions;

			log_odds[first + i] = (log_odds_of(head, output) + log_odds_of(head, output + head->dimensions)) / 2;
			for (size_t k = 0; hidden != NULL && k < width; k++)
				hidden[(first + i) * width + k] = (buffers.hidden[2 * i * width + k] + buffers.hidden[(2 * i + 1) * width + k]) / 2;
		}
	}
	return true;
}
