/*
 * batch_norm.c: batch normalisation (Ioffe, Szegedy 2015) of each channel over samples and pixels.
 *
 * Training uses the mean and variance of the batch, which network_update_statistics() averages into the running ones.  A
 * ReLU right after it is done in the same pass, forward and backward.
 *
 * Parameters: gamma [channels], beta [channels].  Statistics: mean [channels], variance [channels].
 * State: mean, variance, scale, shift: real [4, channels].
 */
#include <string.h>

#include "network/layer_internal.h"

#define CHUNK_ROWS 128			/* summed in real, then added up in double */
#define STATISTICS_SHARE 0.1	/* of a batch in the running statistics */

static const SettingRule rules[] = {
	{"epsilon", RULE_REAL, offsetof(NetworkLayer, settings.batch_norm.epsilon), 1e-12, 1, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	layer->settings.batch_norm.epsilon = 1e-5;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	layer->parameter_count = 2 * (size_t) layer->in.channels;
	layer->statistic_count = 2 * (size_t) layer->in.channels;
	return true;
}

static void
initialize(const InitializePass *pass)
{
	int			channels = pass->layer->in.channels;

	for (int c = 0; c < channels; c++)
	{
		pass->parameters[c] = 1;
		pass->parameters[channels + c] = 0;
		pass->statistics[c] = 0;
		pass->statistics[channels + c] = 1;
	}
}

/* Six sums in double and two in real, for each channel. */
size_t
norm_scratch(const NetworkLayer *layer)
{
	return 8 * (size_t) layer->in.channels * (sizeof(double) / sizeof(real));
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return norm_scratch(layer);
}

static void
plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.state_fixed = 4 * (size_t) layer->in.channels * sizeof(real);
}

static void
fold(const NetworkLayer *norm, const real *weights, const real *bias, real *scale, real *shift)
{
	int			channels = norm->in.channels;
	const real *gamma = weights + norm->parameter_offset;
	const real *beta = gamma + channels;
	const real *mean = weights + norm->statistic_offset;
	const real *variance = mean + channels;

	for (int c = 0; c < channels; c++)
	{
		double		factor = gamma[c] / sqrt(variance[c] + norm->settings.batch_norm.epsilon);

		scale[c] = (real) factor;
		shift[c] = (real) (beta[c] + ((bias != NULL ? bias[c] : 0) - (double) mean[c]) * factor);
	}
}

/*
 * Mean and variance of each channel.  Each chunk's mean and squared deviations are merged into the total (Chan, Golub,
 * LeVeque 1983), so that a mean far from zero costs no precision.
 */
void
norm_measure(const LayerPass *pass, const real *x, size_t rows, double epsilon, const real *parameters, real *statistics)
{
	int			channels = pass->layer->in.channels;
	const real *gamma = parameters;
	const real *beta = gamma + channels;
	real	   *mean = statistics;
	real	   *variance = mean + channels;
	real	   *scale = variance + channels;
	real	   *shift = scale + channels;
	double	   *total_mean = (double *) pass->scratch;
	double	   *total_squares = total_mean + channels;
	real	   *chunk_mean = (real *) (total_squares + channels);
	real	   *chunk_squares = chunk_mean + channels;

	memset(total_mean, 0, 2 * channels * sizeof(double));
	for (size_t start = 0; start < rows; start += CHUNK_ROWS, x += CHUNK_ROWS * (size_t) channels)
	{
		size_t		count = rows - start < CHUNK_ROWS ? rows - start : CHUNK_ROWS;
		double		share = (double) count / (start + count);

		memset(chunk_mean, 0, 2 * channels * sizeof(real));
		pass->kernels->column_sums(x, count, channels, chunk_mean);
		pass->kernels->scale((real) 1 / count, channels, chunk_mean);
		pass->kernels->column_squares(x, chunk_mean, count, channels, chunk_squares);
		for (int c = 0; c < channels; c++)
		{
			double		difference = chunk_mean[c] - total_mean[c];

			total_mean[c] += difference * share;
			total_squares[c] += chunk_squares[c] + difference * difference * share * start;
		}
	}
	for (int c = 0; c < channels; c++)
	{
		mean[c] = (real) total_mean[c];
		variance[c] = (real) (total_squares[c] / rows);
		scale[c] = (real) (gamma[c] / sqrt(variance[c] + epsilon));
		shift[c] = beta[c] - mean[c] * scale[c];
	}
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	int			channels = layer->in.channels;
	size_t		rows = pass->n * shape_pixels(layer->in);
	real	   *scale = (real *) pass->state + 2 * channels;
	real	   *shift = (real *) pass->state + 3 * channels;

	if (!pass->training)
	{
		scale = pass->scratch;
		shift = scale + channels;
		fold(layer, pass->weights, NULL, scale, shift);
	}
	else
		norm_measure(pass, pass->input, rows, layer->settings.batch_norm.epsilon, pass->weights + layer->parameter_offset,
					 (real *) pass->state);
	pass->kernels->scale_shift(pass->input, scale, shift, rows, channels, layer->plan.fuses_relu, pass->output);
}

/* gradient [2, channels], of gamma and beta, is added to; dx may be NULL */
void
norm_revert(const LayerPass *pass, const real *x, const real *dy, size_t rows, double epsilon, const real *statistics,
			real *gradient, real *dx)
{
	const NetworkLayer *layer = pass->layer;
	int			channels = layer->in.channels;
	const real *mean = statistics;
	const real *variance = mean + channels;
	NormPass	norm = {channels, layer->plan.fuses_relu, mean + 2 * channels, mean + 3 * channels, mean};
	real	   *gamma_gradient = gradient;
	real	   *beta_gradient = gamma_gradient + channels;
	double	   *total = (double *) pass->scratch;	/* of the gradient; then of gradient times (x - mean) */
	real	   *sums = (real *) (total + 2 * channels);
	real	   *correction = sums + 2 * channels;
	real	   *mean_gradient = correction + channels;

	memset(total, 0, 2 * channels * sizeof(double));
	for (size_t start = 0; start < rows; start += CHUNK_ROWS)
	{
		size_t		count = rows - start < CHUNK_ROWS ? rows - start : CHUNK_ROWS;

		memset(sums, 0, 2 * channels * sizeof(real));
		pass->kernels->norm_sums(&norm, x + start * channels, dy + start * channels, count, sums, sums + channels);
		for (int c = 0; c < 2 * channels; c++)
			total[c] += sums[c];
	}
	for (int c = 0; c < channels; c++)
	{
		double		square = variance[c] + epsilon;

		beta_gradient[c] += (real) total[c];
		gamma_gradient[c] += (real) (total[channels + c] / sqrt(square));
		correction[c] = (real) (norm.scale[c] * total[channels + c] / square / rows);
		mean_gradient[c] = (real) (norm.scale[c] * total[c] / rows);
	}
	if (dx != NULL)
		pass->kernels->norm_backward(&norm, x, dy, correction, mean_gradient, rows, dx);
}

static void
backward(const LayerPass *pass)
{
	norm_revert(pass, pass->input, pass->output_gradient, pass->n * shape_pixels(pass->layer->in),
				pass->layer->settings.batch_norm.epsilon, (const real *) pass->state,
				pass->gradient + pass->layer->parameter_offset, pass->input_gradient);
}

static void
update_statistics(const NetworkLayer *layer, const char *state, int n, real *statistics)
{
	int			channels = layer->in.channels;
	double		rows = (double) n * shape_pixels(layer->in);
	const real *batch = (const real *) state;	/* mean, then variance */

	for (int c = 0; c < 2 * channels; c++)
	{
		double		value = batch[c];

		if (c >= channels && rows > 1)
			value *= rows / (rows - 1); /* the unbiased variance */
		statistics[c] += (real) (STATISTICS_SHARE * (value - statistics[c]));
	}
}

const LayerType layer_batch_norm = {
	.name = "batch_norm",
	.rules = rules,
	.in_place_inference = true,
	.applies_relu = true,
	.reverts_relu = true,
	.defaults = defaults,
	.shape = shape,
	.initialize = initialize,
	.scratch = scratch,
	.plan = plan,
	.fold = fold,
	.forward = forward,
	.backward = backward,
	.update_statistics = update_statistics
};
