/*
 * activation.c: relu, prelu, sigmoid, tanh and dropout.
 */
#include <stdio.h>
#include <string.h>

#include "network/layer_internal.h"

static size_t
count_values(const LayerPass *pass)
{
	return pass->n * shape_values(pass->layer->in);
}

static void
relu_forward(const LayerPass *pass)
{
	pass->kernels->relu(pass->input, count_values(pass), pass->output);
}

static void
relu_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL)
		pass->kernels->relu_backward(pass->output, pass->output_gradient, count_values(pass), pass->input_gradient);
}

static void
sigmoid_forward(const LayerPass *pass)
{
	size_t		count = count_values(pass);

	for (size_t i = 0; i < count; i++)
		pass->output[i] = (real) logistic(pass->input[i]);
}

static void
sigmoid_backward(const LayerPass *pass)
{
	size_t		count = pass->input_gradient != NULL ? count_values(pass) : 0;

	for (size_t i = 0; i < count; i++)
		pass->input_gradient[i] = pass->output_gradient[i] * pass->output[i] * (1 - pass->output[i]);
}

static void
tanh_forward(const LayerPass *pass)
{
	size_t		count = count_values(pass);

	for (size_t i = 0; i < count; i++)
		pass->output[i] = (real) tanh(pass->input[i]);
}

static void
tanh_backward(const LayerPass *pass)
{
	size_t		count = pass->input_gradient != NULL ? count_values(pass) : 0;

	for (size_t i = 0; i < count; i++)
		pass->input_gradient[i] = pass->output_gradient[i] * (1 - pass->output[i] * pass->output[i]);
}

/* ---- prelu: a learned slope [channels] below zero (He 2015) -------------------------------------------------------- */

static bool
prelu_shape(NetworkLayer *layer, Status *status)
{
	layer->parameter_count = layer->in.channels;
	return true;
}

static void
prelu_initialize(const InitializePass *pass)
{
	for (int c = 0; c < pass->layer->in.channels; c++)
		pass->parameters[c] = (real) 0.25;
}

static void
prelu_forward(const LayerPass *pass)
{
	pass->kernels->prelu(pass->input, pass->weights + pass->layer->parameter_offset, pass->n * shape_pixels(pass->layer->in),
						 pass->layer->in.channels, pass->output);
}

static void
prelu_backward(const LayerPass *pass)
{
	pass->kernels->prelu_backward(pass->input, pass->weights + pass->layer->parameter_offset, pass->output_gradient,
								  pass->n * shape_pixels(pass->layer->in), pass->layer->in.channels,
								  pass->gradient + pass->layer->parameter_offset, pass->input_gradient);
}

/* ---- dropout: kept values are scaled by 1 / (1 - rate), so that inference is the identity ------------------------ */

static const SettingRule dropout_rules[] = {
	{"rate", RULE_REAL, offsetof(NetworkLayer, settings.dropout.rate), 0, 0.99, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
dropout_defaults(NetworkLayer *layer)
{
	layer->settings.dropout.rate = 0.5;
}

static void
dropout_describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "dropout %g", layer->settings.dropout.rate);
}

/* Which values were kept: one byte each. */
static void
dropout_plan(NetworkLayer *layer, bool spare_memory)
{
	layer->plan.state_bytes = shape_values(layer->in);
}

static void
dropout_forward(const LayerPass *pass)
{
	Random		random = random_stream(pass->seed, pass->layer->number);
	size_t		count = count_values(pass);
	uint64_t	limit = (uint64_t) (pass->layer->settings.dropout.rate * 65536);
	real		factor = (real) (1 / (1 - limit / 65536.0));
	uint64_t	bits = 0;

	if (!pass->training)
	{
		if (pass->output != pass->input)
			memcpy(pass->output, pass->input, count * sizeof(real));
		return;
	}
	for (size_t i = 0; i < count; i++, bits >>= 16)
	{
		bool		kept;

		if (i % 4 == 0)
			bits = random_next(&random);
		kept = (bits & 0xFFFF) >= limit;
		pass->state[i] = kept;
		pass->output[i] = kept ? pass->input[i] * factor : 0;
	}
}

static void
dropout_backward(const LayerPass *pass)
{
	size_t		count = pass->input_gradient != NULL ? count_values(pass) : 0;
	uint64_t	limit = (uint64_t) (pass->layer->settings.dropout.rate * 65536);
	real		factor = (real) (1 / (1 - limit / 65536.0));

	for (size_t i = 0; i < count; i++)
		pass->input_gradient[i] = pass->state[i] ? pass->output_gradient[i] * factor : 0;
}

const LayerType layer_relu = {
	.name = "relu",
	.in_place = true,
	.needs_output = true,
	.is_relu = true,
	.rectifier = true,
	.forward = relu_forward,
	.backward = relu_backward
};

const LayerType layer_sigmoid = {
	.name = "sigmoid",
	.in_place = true,
	.needs_output = true,
	.forward = sigmoid_forward,
	.backward = sigmoid_backward
};

const LayerType layer_tanh = {
	.name = "tanh",
	.in_place = true,
	.needs_output = true,
	.forward = tanh_forward,
	.backward = tanh_backward
};

const LayerType layer_prelu = {
	.name = "prelu",
	.rectifier = true,
	.shape = prelu_shape,
	.initialize = prelu_initialize,
	.forward = prelu_forward,
	.backward = prelu_backward
};

const LayerType layer_dropout = {
	.name = "dropout",
	.rules = dropout_rules,
	.in_place = true,
	.keeps_places = true,
	.defaults = dropout_defaults,
	.describe = dropout_describe,
	.plan = dropout_plan,
	.forward = dropout_forward,
	.backward = dropout_backward
};
