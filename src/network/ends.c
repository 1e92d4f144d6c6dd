/*
 * ends.c: what networks end in: flatten, l2_norm, and the weights of the join "weighted_l1".
 */
#include <stdio.h>
#include <string.h>

#include "network/layer_internal.h"

/* ---- flatten: the same values as one row of channels --------------------------------------------------------------- */

static bool
flatten_shape(NetworkLayer *layer, Status *status)
{
	if (shape_values(layer->in) > INT32_MAX)
		return layer_error(layer, status, "", "its input has too many values.");
	layer->out = (NetworkShape) {1, 1, (int) shape_values(layer->in)};
	return true;
}

static void
flatten_forward(const LayerPass *pass)
{
	if (pass->output != pass->input)
		memcpy(pass->output, pass->input, pass->n * shape_values(pass->layer->in) * sizeof(real));
}

static void
flatten_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL && pass->input_gradient != pass->output_gradient)
		memcpy(pass->input_gradient, pass->output_gradient, pass->n * shape_values(pass->layer->in) * sizeof(real));
}

/* ---- l2_norm: each sample to length 1.  State: 1 / length, real [n] ------------------------------------------------ */

#define LEAST_LENGTH 1e-12

static void
length_plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.state_bytes = sizeof(real);
}

static void
length_forward(const LayerPass *pass)
{
	size_t		values = shape_values(pass->layer->in);

	for (int i = 0; i < pass->n; i++)
	{
		const real *x = pass->input + i * values;
		real	   *y = pass->output + i * values;
		double		length = sqrt(pass->kernels->square_sum(x, values));
		real		factor = (real) (1 / fmax(length, LEAST_LENGTH));

		for (size_t j = 0; j < values; j++)
			y[j] = x[j] * factor;
		if (pass->training)
			((real *) pass->state)[i] = factor;
	}
}

/* dx = (dy - y (y dy)) / length */
static void
length_backward(const LayerPass *pass)
{
	size_t		values = shape_values(pass->layer->in);

	for (int i = 0; pass->input_gradient != NULL && i < pass->n; i++)
	{
		const real *y = pass->output + i * values;
		const real *dy = pass->output_gradient + i * values;
		real	   *dx = pass->input_gradient + i * values;
		real		factor = ((const real *) pass->state)[i];
		double		product = 0;

		for (size_t j = 0; j < values; j++)
			product += (double) y[j] * dy[j];
		for (size_t j = 0; j < values; j++)
			dx[j] = (dy[j] - y[j] * (real) product) * factor;
	}
}

/* ---- weights of the join: y = softplus(theta) x, theta [values] ----------------------------------------------------- */

static bool
weights_shape(NetworkLayer *layer, Status *status)
{
	layer->parameter_count = shape_values(layer->in);
	return true;
}

static void
weights_describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "weights of the distance");
}

/* All weights alike, so that their sum of squares is 1. */
static void
weights_initialize(const InitializePass *pass)
{
	size_t		count = pass->layer->parameter_count;
	double		weight = 1 / sqrt((double) count);

	for (size_t i = 0; i < count; i++)
		pass->parameters[i] = (real) log(expm1(weight));
}

static void
weights_forward(const LayerPass *pass)
{
	size_t		values = shape_values(pass->layer->in);
	const real *theta = pass->weights + pass->layer->parameter_offset;

	for (size_t j = 0; j < values; j++)
		pass->scratch[j] = (real) softplus(theta[j]);
	for (int i = 0; i < pass->n; i++)
	{
		for (size_t j = 0; j < values; j++)
			pass->output[i * values + j] = pass->input[i * values + j] * pass->scratch[j];
	}
}

static void
weights_backward(const LayerPass *pass)
{
	size_t		values = shape_values(pass->layer->in);
	const real *theta = pass->weights + pass->layer->parameter_offset;
	real	   *gradient = pass->gradient + pass->layer->parameter_offset;

	for (size_t j = 0; j < values; j++)
	{
		real		weight = (real) softplus(theta[j]);
		real		derivative = (real) logistic(theta[j]);

		for (int i = 0; i < pass->n; i++)
		{
			size_t		k = i * values + j;

			gradient[j] += pass->output_gradient[k] * pass->input[k] * derivative;
			if (pass->input_gradient != NULL)
				pass->input_gradient[k] = pass->output_gradient[k] * weight;
		}
	}
}

static size_t
weights_scratch(const NetworkLayer *layer, int samples, bool training)
{
	return shape_values(layer->in);
}

const LayerType layer_flatten = {
	.name = "flatten",
	.in_place = true,
	.flattens = true,
	.shape = flatten_shape,
	.forward = flatten_forward,
	.backward = flatten_backward
};

const LayerType layer_l2_norm = {
	.name = "l2_norm",
	.needs_output = true,
	.unit_length = true,
	.keeps_places = true,
	.plan = length_plan,
	.forward = length_forward,
	.backward = length_backward
};

const LayerType layer_join_weights = {
	.name = "join",
	.keeps_places = true,
	.shape = weights_shape,
	.describe = weights_describe,
	.initialize = weights_initialize,
	.scratch = weights_scratch,
	.forward = weights_forward,
	.backward = weights_backward
};
