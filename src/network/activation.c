/*
 * activation.c: functions of each value by itself, and dropout.
 *
 * Those with activate() are applied at inference by the convolution or dense layer before them (layer_finish_rows()), while
 * what it has computed is in the cache; ReLU is fused in training too.
 */
#include <stdio.h>
#include <string.h>

#include "network/layer_internal.h"

static size_t
count_values(const LayerPass *pass)
{
	return pass->n * shape_values(pass->layer->in);
}

static size_t
count_in_rows(const NetworkLayer *layer, size_t rows)
{
	return rows * layer->in.channels;
}

/* The forward pass of all that have activate(). */
static void
activation_forward(const LayerPass *pass)
{
	pass->layer->type->activate(pass->layer, pass->kernels, pass->weights, pass->input,
								pass->n * shape_pixels(pass->layer->in), pass->output);
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
sigmoid_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
				 real *y)
{
	size_t		count = count_in_rows(layer, rows);

	for (size_t i = 0; i < count; i++)
		y[i] = (real) logistic(x[i]);
}

static void
sigmoid_backward(const LayerPass *pass)
{
	size_t		count = pass->input_gradient != NULL ? count_values(pass) : 0;

	for (size_t i = 0; i < count; i++)
		pass->input_gradient[i] = pass->output_gradient[i] * pass->output[i] * (1 - pass->output[i]);
}

static void
tanh_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
			  real *y)
{
	size_t		count = count_in_rows(layer, rows);

	for (size_t i = 0; i < count; i++)
		y[i] = (real) tanh(x[i]);
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
prelu_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
			   real *y)
{
	kernels->prelu(x, weights + layer->parameter_offset, rows, layer->in.channels, y);
}

static void
prelu_backward(const LayerPass *pass)
{
	pass->kernels->prelu_backward(pass->input, pass->weights + pass->layer->parameter_offset, pass->output_gradient,
								  pass->n * shape_pixels(pass->layer->in), pass->layer->in.channels,
								  pass->gradient + pass->layer->parameter_offset, pass->input_gradient);
}

/* ---- leaky_relu: a fixed slope below zero (Maas 2013, Rectifier nonlinearities, section 2) ---------------------------- */

static const SettingRule leaky_rules[] = {
	{"slope", RULE_REAL, offsetof(NetworkLayer, settings.leaky_relu.slope), 0, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
leaky_defaults(NetworkLayer *layer)
{
	layer->settings.leaky_relu.slope = 0.01;
}

static void
leaky_describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "leaky_relu %g", layer->settings.leaky_relu.slope);
}

static void
leaky_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
			   real *y)
{
	kernels->leaky_relu(x, (real) layer->settings.leaky_relu.slope, count_in_rows(layer, rows), y);
}

/* The slope is not negative: what is above zero is so before and after. */
static void
leaky_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL)
		pass->kernels->leaky_relu_backward(pass->output, (real) pass->layer->settings.leaky_relu.slope, pass->output_gradient,
										   count_values(pass), pass->input_gradient);
}

/* ---- clip: to between low and high; as it is, ReLU6 (Howard 2017, MobileNets) ---------------------------------------- */

static const SettingRule clip_rules[] = {
	{"low", RULE_REAL, offsetof(NetworkLayer, settings.clip.low), -1e30, 1e30, NULL},
	{"high", RULE_REAL, offsetof(NetworkLayer, settings.clip.high), -1e30, 1e30, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
clip_defaults(NetworkLayer *layer)
{
	layer->settings.clip.low = 0;
	layer->settings.clip.high = 6;
}

static bool
clip_shape(NetworkLayer *layer, Status *status)
{
	if (!(layer->settings.clip.low < layer->settings.clip.high))
		return layer_error(layer, status, "", "\"low\" is %g, which is not below \"high\", %g.", layer->settings.clip.low,
						   layer->settings.clip.high);
	return true;
}

static void
clip_describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "clip %g to %g", layer->settings.clip.low, layer->settings.clip.high);
}

static void
clip_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
			  real *y)
{
	kernels->clip(x, (real) layer->settings.clip.low, (real) layer->settings.clip.high, count_in_rows(layer, rows), y);
}

static void
clip_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL)
		pass->kernels->clip_backward(pass->output, (real) pass->layer->settings.clip.low,
									 (real) pass->layer->settings.clip.high, 1, pass->output_gradient, count_values(pass),
									 pass->input_gradient);
}

/* ---- hard_sigmoid: slope x + offset, clipped to between 0 and 1 (Courbariaux 2015, BinaryConnect, section 2.3) ------- */

static const SettingRule hard_sigmoid_rules[] = {
	{"slope", RULE_REAL, offsetof(NetworkLayer, settings.hard_sigmoid.slope), -1e3, 1e3, NULL},
	{"offset", RULE_REAL, offsetof(NetworkLayer, settings.hard_sigmoid.offset), -1e3, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
hard_sigmoid_defaults(NetworkLayer *layer)
{
	layer->settings.hard_sigmoid.slope = 1.0 / 6;
	layer->settings.hard_sigmoid.offset = 0.5;
}

static void
hard_sigmoid_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
					  real *y)
{
	kernels->hard_sigmoid(x, (real) layer->settings.hard_sigmoid.slope, (real) layer->settings.hard_sigmoid.offset,
						  count_in_rows(layer, rows), y);
}

static void
hard_sigmoid_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL)
		pass->kernels->clip_backward(pass->output, 0, 1, (real) pass->layer->settings.hard_sigmoid.slope, pass->output_gradient,
									 count_values(pass), pass->input_gradient);
}

/* ---- hard_swish: x clip(x + 3, 0, 6) / 6 (Howard 2019, MobileNetV3, section 5.2) ------------------------------------- */

static void
hard_swish_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
					real *y)
{
	kernels->hard_swish(x, count_in_rows(layer, rows), y);
}

static void
hard_swish_backward(const LayerPass *pass)
{
	if (pass->input_gradient != NULL)
		pass->kernels->hard_swish_backward(pass->input, pass->output_gradient, count_values(pass), pass->input_gradient);
}

/*
 * ---- elu (Clevert 2016): x above zero, alpha (exp(x) - 1) below; selu (Klambauer 2017): gamma times that ---------------
 */

static const SettingRule elu_rules[] = {
	{"alpha", RULE_REAL, offsetof(NetworkLayer, settings.elu.alpha), 0, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static const SettingRule selu_rules[] = {
	{"alpha", RULE_REAL, offsetof(NetworkLayer, settings.elu.alpha), 0, 1e3, NULL},
	{"gamma", RULE_REAL, offsetof(NetworkLayer, settings.elu.gamma), 1e-3, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
elu_defaults(NetworkLayer *layer)
{
	layer->settings.elu.alpha = 1;
	layer->settings.elu.gamma = 1;
}

/* The fixed point of means and variances (Klambauer 2017, equation 14), as floats: ONNX's. */
static void
selu_defaults(NetworkLayer *layer)
{
	layer->settings.elu.alpha = 1.67326319217681884765625;
	layer->settings.elu.gamma = 1.05070102214813232421875;
}

static void
elu_activate(const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x, size_t rows,
			 real *y)
{
	size_t		count = count_in_rows(layer, rows);
	double		gamma = layer->settings.elu.gamma;
	double		below = gamma * layer->settings.elu.alpha;

	for (size_t i = 0; i < count; i++)
		y[i] = (real) (x[i] > 0 ? gamma * x[i] : below * expm1(x[i]));
}

/* Below zero the derivative is gamma alpha exp(x), which is y + gamma alpha. */
static void
elu_backward(const LayerPass *pass)
{
	size_t		count = pass->input_gradient != NULL ? count_values(pass) : 0;
	real		gamma = (real) pass->layer->settings.elu.gamma;
	real		below = (real) (pass->layer->settings.elu.gamma * pass->layer->settings.elu.alpha);

	for (size_t i = 0; i < count; i++)
		pass->input_gradient[i] = pass->output_gradient[i] * (pass->output[i] > 0 ? gamma : pass->output[i] + below);
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
	.activate = sigmoid_activate,
	.forward = activation_forward,
	.backward = sigmoid_backward
};

const LayerType layer_tanh = {
	.name = "tanh",
	.in_place = true,
	.needs_output = true,
	.activate = tanh_activate,
	.forward = activation_forward,
	.backward = tanh_backward
};

const LayerType layer_prelu = {
	.name = "prelu",
	.in_place_inference = true,
	.rectifier = true,
	.shape = prelu_shape,
	.initialize = prelu_initialize,
	.activate = prelu_activate,
	.forward = activation_forward,
	.backward = prelu_backward
};

const LayerType layer_leaky_relu = {
	.name = "leaky_relu",
	.rules = leaky_rules,
	.in_place = true,
	.needs_output = true,
	.rectifier = true,
	.defaults = leaky_defaults,
	.describe = leaky_describe,
	.activate = leaky_activate,
	.forward = activation_forward,
	.backward = leaky_backward
};

const LayerType layer_clip = {
	.name = "clip",
	.rules = clip_rules,
	.in_place = true,
	.needs_output = true,
	.rectifier = true,
	.defaults = clip_defaults,
	.shape = clip_shape,
	.describe = clip_describe,
	.activate = clip_activate,
	.forward = activation_forward,
	.backward = clip_backward
};

const LayerType layer_hard_sigmoid = {
	.name = "hard_sigmoid",
	.rules = hard_sigmoid_rules,
	.in_place = true,
	.needs_output = true,
	.defaults = hard_sigmoid_defaults,
	.activate = hard_sigmoid_activate,
	.forward = activation_forward,
	.backward = hard_sigmoid_backward
};

const LayerType layer_hard_swish = {
	.name = "hard_swish",
	.in_place_inference = true,
	.rectifier = true,
	.activate = hard_swish_activate,
	.forward = activation_forward,
	.backward = hard_swish_backward
};

const LayerType layer_elu = {
	.name = "elu",
	.rules = elu_rules,
	.in_place = true,
	.needs_output = true,
	.rectifier = true,
	.defaults = elu_defaults,
	.activate = elu_activate,
	.forward = activation_forward,
	.backward = elu_backward
};

const LayerType layer_selu = {
	.name = "selu",
	.rules = selu_rules,
	.in_place = true,
	.needs_output = true,
	.defaults = selu_defaults,
	.activate = elu_activate,
	.forward = activation_forward,
	.backward = elu_backward
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
