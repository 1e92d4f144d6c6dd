/*
 * response_norm.c: local response normalisation across channels (Krizhevsky 2012, section 3.3):
 * y[c] = x[c] / s[c]^beta,  s[c] = constant + alpha / size * (sum of x^2 over the size channels around c).
 *
 * State: s, real [n, in].
 */
#include <stdio.h>

#include "network/layer_internal.h"

static const SettingRule rules[] = {
	{"size", RULE_INTEGER, offsetof(NetworkLayer, settings.response_norm.size), 1, 1024, NULL},
	{"alpha", RULE_REAL, offsetof(NetworkLayer, settings.response_norm.alpha), 0, 1e3, NULL},
	{"beta", RULE_REAL, offsetof(NetworkLayer, settings.response_norm.beta), 0, 10, NULL},
	{"constant", RULE_REAL, offsetof(NetworkLayer, settings.response_norm.constant), 1e-6, 1e6, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	ResponseNormSettings *norm = &layer->settings.response_norm;

	norm->size = 5;
	norm->alpha = 1e-4;
	norm->beta = 0.75;
	norm->constant = 2;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "local_response_norm, %d channels", layer->settings.response_norm.size);
}

static void
plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.state_bytes = shape_values(layer->in) * sizeof(real);
}

/* The window around channel c reaches from c - size / 2 to c + (size - 1) / 2, cut at the ends. */
static double
window_sum(const real *x, int c, int before, int after, int channels)
{
	int			first = c - before < 0 ? 0 : c - before;
	int			last = c + after >= channels ? channels - 1 : c + after;
	double		sum = 0;

	for (int i = first; i <= last; i++)
		sum += (double) x[i] * x[i];
	return sum;
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ResponseNormSettings *norm = &layer->settings.response_norm;
	int			channels = layer->in.channels;
	size_t		rows = pass->n * shape_pixels(layer->in);

	for (size_t row = 0; row < rows; row++)
	{
		const real *x = pass->input + row * channels;
		real	   *y = pass->output + row * channels;
		real	   *kept = (real *) pass->state + row * channels;

		for (int c = 0; c < channels; c++)
		{
			double		sum = norm->constant + norm->alpha / norm->size *
				window_sum(x, c, norm->size / 2, (norm->size - 1) / 2, channels);

			y[c] = (real) (x[c] * pow(sum, -norm->beta));
			if (pass->training)
				kept[c] = (real) sum;
		}
	}
}

/*
 * dx[c] = dy[c] s[c]^-beta - 2 alpha beta / size x[c] sum dy[i] x[i] s[i]^(-beta - 1) over the i whose window holds c.
 */
static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ResponseNormSettings *norm = &layer->settings.response_norm;
	int			channels = layer->in.channels;
	size_t		rows = pass->n * shape_pixels(layer->in);
	double		factor = 2 * norm->alpha * norm->beta / norm->size;

	if (pass->input_gradient == NULL)
		return;
	for (size_t row = 0; row < rows; row++)
	{
		const real *x = pass->input + row * channels;
		const real *sum = (const real *) pass->state + row * channels;
		const real *dy = pass->output_gradient + row * channels;
		real	   *dx = pass->input_gradient + row * channels;

		for (int c = 0; c < channels; c++)
			dx[c] = 0;
		for (int i = 0; i < channels; i++)
		{
			int			first = i - norm->size / 2 < 0 ? 0 : i - norm->size / 2;
			int			last = i + (norm->size - 1) / 2;
			double		power = pow(sum[i], -norm->beta);
			double		shared = factor * dy[i] * x[i] * power / sum[i];

			if (last >= channels)
				last = channels - 1;
			dx[i] += (real) (dy[i] * power);
			for (int c = first; c <= last; c++)
				dx[c] -= (real) (shared * x[c]);
		}
	}
}

const LayerType layer_local_response_norm = {
	.name = "local_response_norm",
	.rules = rules,
	.defaults = defaults,
	.describe = describe,
	.plan = plan,
	.forward = forward,
	.backward = backward
};
