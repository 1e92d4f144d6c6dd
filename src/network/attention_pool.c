/*
 * attention_pool.c: each of several heads returns a weighted mean of all pixels of the map.
 *
 * For head k, pixel p with channels x_p, learned query w_k and learned bias b_kp of the place:
 *
 *	s_pk = x_p w_k + b_kp,   a_pk = exp(s_pk) / sum over p of exp(s_pk),   y_k = sum over p of a_pk x_p
 *
 * [height, width, channels] -> [1, 1, heads * channels].  Attention pooling with fixed queries as in Lee 2019, "Set
 * transformer", section 3.2, with a term for the place.  Weights: [channels, heads], then, with "places", [pixels, heads].
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/layer_internal.h"

static const SettingRule rules[] = {
	{"heads", RULE_INTEGER, offsetof(NetworkLayer, settings.attention.heads), 1, LIMIT_HEADS, NULL},
	{"places", RULE_BOOLEAN, offsetof(NetworkLayer, settings.attention.places), 0, 0, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	AttentionSettings *attention = &layer->settings.attention;

	attention->heads = 8;
	attention->places = true;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	AttentionSettings *attention = &layer->settings.attention;

	layer->out = (NetworkShape) {1, 1, attention->heads * layer->in.channels};
	layer->decay_count = (size_t) layer->in.channels * attention->heads;
	layer->parameter_count = layer->decay_count + (attention->places ? shape_pixels(layer->in) * attention->heads : 0);
	return true;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "attention_pool, %d heads", layer->settings.attention.heads);
}

/* The biases of the places start at 0: heads differ by their queries alone. */
static void
initialize(const InitializePass *pass)
{
	static const LayerInitial initial = {.deviation = NAN};
	const NetworkLayer *layer = pass->layer;

	layer_initialize_matrix(pass, &initial, layer->in.channels, layer->settings.attention.heads);
}

/* The attention a [pixels, heads] of each sample. */
static void
plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.state_bytes = shape_pixels(layer->in) * layer->settings.attention.heads * sizeof(real);
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return (training ? 1 : samples) * shape_pixels(layer->in) * layer->settings.attention.heads;
}

/* Softmax down each column of score [pixels, heads]. */
static void
softmax_columns(real *score, size_t pixels, int heads)
{
	for (int head = 0; head < heads; head++)
	{
		double		largest = score[head];
		double		sum = 0;

		for (size_t pixel = 1; pixel < pixels; pixel++)
			largest = fmax(largest, score[pixel * heads + head]);
		for (size_t pixel = 0; pixel < pixels; pixel++)
		{
			double		part = exp(score[pixel * heads + head] - largest);

			score[pixel * heads + head] = (real) part;
			sum += part;
		}
		for (size_t pixel = 0; pixel < pixels; pixel++)
			score[pixel * heads + head] = (real) (score[pixel * heads + head] / sum);
	}
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const real *query = pass->weights + layer->parameter_offset;
	const real *place = query + layer->decay_count;
	size_t		pixels = shape_pixels(layer->in);
	int			channels = layer->in.channels;
	int			heads = layer->settings.attention.heads;
	real	   *attention = pass->training ? (real *) pass->state : pass->scratch;

	matrix_multiply(false, false, (int) (pass->n * pixels), heads, channels, pass->input, channels, query, heads, 0,
					attention, heads);
	for (int i = 0; i < pass->n; i++, attention += pixels * heads)
	{
		if (layer->settings.attention.places)
			pass->kernels->add(place, pixels * heads, attention);
		softmax_columns(attention, pixels, heads);
		matrix_multiply(true, false, heads, channels, (int) pixels, attention, heads,
						pass->input + i * pixels * channels, channels, 0, pass->output + (size_t) i * heads * channels, channels);
	}
}

/*
 * da = x dy;  ds = a (da - sum over p of a da);  dw = x ds, db = ds, dx = a dy + ds w.
 */
static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const real *query = pass->weights + layer->parameter_offset;
	real	   *query_gradient = pass->gradient + layer->parameter_offset;
	real	   *place_gradient = query_gradient + layer->decay_count;
	size_t		pixels = shape_pixels(layer->in);
	int			channels = layer->in.channels;
	int			heads = layer->settings.attention.heads;
	real	   *score_gradient = pass->scratch; /* [pixels, heads]: da, then ds */

	for (int i = 0; i < pass->n; i++)
	{
		const real *attention = (const real *) pass->state + i * pixels * heads;
		const real *input = pass->input + i * pixels * channels;
		const real *output_gradient = pass->output_gradient + (size_t) i * heads * channels;

		matrix_multiply(false, true, (int) pixels, heads, channels, input, channels, output_gradient, channels, 0,
						score_gradient, heads);
		for (int head = 0; head < heads; head++)
		{
			double		mean = 0;

			for (size_t pixel = 0; pixel < pixels; pixel++)
				mean += (double) attention[pixel * heads + head] * score_gradient[pixel * heads + head];
			for (size_t pixel = 0; pixel < pixels; pixel++)
				score_gradient[pixel * heads + head] = (real)
					(attention[pixel * heads + head] * (score_gradient[pixel * heads + head] - mean));
		}
		matrix_multiply(true, false, channels, heads, (int) pixels, input, channels, score_gradient, heads, 1,
						query_gradient, heads);
		if (layer->settings.attention.places)
			pass->kernels->add(score_gradient, pixels * heads, place_gradient);
		if (pass->input_gradient == NULL)
			continue;
		matrix_multiply(false, false, (int) pixels, channels, heads, attention, heads, output_gradient, channels, 0,
						pass->input_gradient + i * pixels * channels, channels);
		matrix_multiply(false, true, (int) pixels, channels, heads, score_gradient, heads, query, heads, 1,
						pass->input_gradient + i * pixels * channels, channels);
	}
}

const LayerType layer_attention_pool = {
	.name = "attention_pool",
	.rules = rules,
	.defaults = defaults,
	.shape = shape,
	.describe = describe,
	.initialize = initialize,
	.scratch = scratch,
	.plan = plan,
	.forward = forward,
	.backward = backward
};
