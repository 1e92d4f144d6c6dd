/*
 * optimizer.c: the table of optimizers, their settings, learning rates, steps, and the moving average of the weights.
 *
 * SGD with momentum; RMSprop (Tieleman, Hinton 2012); Adam (Kingma, Ba 2015); AdamW (Loshchilov, Hutter 2019).
 * weight_decay is added to the gradient as is usual with the first three; AdamW applies it to the weights themselves.
 */
#include <string.h>

#include "network/network_internal.h"
#include "network/optimizer_internal.h"

#define EPSILON 1e-8

/* ---- types --------------------------------------------------------------------------------------------------------- */

static int
one_array(const NetworkOptimizer *optimizer)
{
	return 1;
}

static int
two_arrays(const NetworkOptimizer *optimizer)
{
	return 2;
}

static int
rmsprop_arrays(const NetworkOptimizer *optimizer)
{
	return optimizer->momentum > 0 ? 2 : 1;
}

static void
sgd_step(const OptimizerPass *pass, size_t count, const real *gradient, real *velocity, real *unused, real *weights)
{
	network_kernels()->step_sgd(pass, count, gradient, velocity, weights);
}

static void
rmsprop_step(const OptimizerPass *pass, size_t count, const real *gradient, real *squares, real *velocity, real *weights)
{
	network_kernels()->step_rmsprop(pass, count, gradient, squares, pass->momentum > 0 ? velocity : NULL, weights);
}

static void
adam_step(const OptimizerPass *pass, size_t count, const real *gradient, real *mean, real *squares, real *weights)
{
	network_kernels()->step_adam(pass, count, gradient, mean, squares, weights);
}

static const OptimizerType optimizer_sgd = {
	.name = "sgd",
	.momentum = 0.9,
	.second_momentum = 0.999,	/* not used */
	.arrays = one_array,
	.step = sgd_step
};

static const OptimizerType optimizer_rmsprop = {
	.name = "rmsprop",
	.momentum = 0,
	.second_momentum = 0.99,
	.arrays = rmsprop_arrays,
	.step = rmsprop_step
};

static const OptimizerType optimizer_adam = {
	.name = "adam",
	.momentum = 0.9,
	.second_momentum = 0.999,
	.corrects_bias = true,
	.arrays = two_arrays,
	.step = adam_step
};

static const OptimizerType optimizer_adamw = {
	.name = "adamw",
	.momentum = 0.9,
	.second_momentum = 0.999,
	.decoupled_decay = true,
	.corrects_bias = true,
	.arrays = two_arrays,
	.step = adam_step
};

static const void *const optimizers[] = {&optimizer_sgd, &optimizer_rmsprop, &optimizer_adam, &optimizer_adamw, NULL};
static const char *const schedules[] = {"constant", "cosine", "exponential", NULL};	/* as NetworkSchedule */

const SettingRule optimizer_rules[] = {
	{"type", RULE_TYPE, offsetof(NetworkOptimizer, type), 0, 0, optimizers},
	{"rate", RULE_REAL, offsetof(NetworkOptimizer, rate), 1e-12, 1e3, NULL},
	{"momentum", RULE_REAL, offsetof(NetworkOptimizer, momentum), 0, 0.9999, NULL},
	{"second_momentum", RULE_REAL, offsetof(NetworkOptimizer, second_momentum), 0, 0.999999, NULL},
	{"weight_decay", RULE_REAL, offsetof(NetworkOptimizer, weight_decay), 0, 10, NULL},
	{"clip", RULE_REAL, offsetof(NetworkOptimizer, clip), 0, 1e9, NULL},
	{"warmup", RULE_REAL, offsetof(NetworkOptimizer, warmup), 0, 1e9, NULL},
	{"schedule", RULE_CHOICE, offsetof(NetworkOptimizer, schedule), 0, 0, schedules},
	{"decay", RULE_REAL, offsetof(NetworkOptimizer, decay), 1e-12, 1, NULL},
	{"average", RULE_REAL, offsetof(NetworkOptimizer, average), 0, 0.999999, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

const NetworkOptimizer optimizer_defaults = {
	.type = &optimizer_adam, .rate = 1e-3, .momentum = NAN, .second_momentum = NAN, .schedule = SCHEDULE_CONSTANT, .decay = 1
};

void
optimizer_finish(NetworkOptimizer *optimizer)
{
	if (isnan(optimizer->momentum))
		optimizer->momentum = optimizer->type->momentum;
	if (isnan(optimizer->second_momentum))
		optimizer->second_momentum = optimizer->type->second_momentum;
}

/* ---- rates --------------------------------------------------------------------------------------------------------- */

/* The warm-up takes at most a fifth of all steps, so that it does not fill a short training.  The cosine begins after it. */
static int64_t
warmup_steps(const NetworkOptimizer *optimizer, int64_t steps)
{
	double		wanted = optimizer->warmup < 1 ? rint(optimizer->warmup * (double) steps) : optimizer->warmup;

	return wanted < (double) (steps / 5) ? (int64_t) wanted : steps / 5;
}

double
optimizer_rate(const NetworkOptimizer *optimizer, const NetworkProgress *progress)
{
	int64_t		warmup = warmup_steps(optimizer, progress->steps);
	double		rate = optimizer->rate;

	if (progress->step < warmup)
		return rate * (progress->step + 1) / warmup;
	switch (optimizer->schedule)
	{
		case SCHEDULE_COSINE:
			{
				double		passed = progress->steps - 1 > warmup ?
					(double) (progress->step - warmup) / (progress->steps - 1 - warmup) : 0;

				return rate * 0.5 * (1 + cos(M_PI * fmin(passed, 1)));
			}
		case SCHEDULE_EXPONENTIAL:
			if (progress->epoch_steps > 0)
				rate *= pow(optimizer->decay, (double) (progress->step / progress->epoch_steps));
			return rate;
		case SCHEDULE_CONSTANT:
			break;
	}
	return rate;
}

size_t
network_optimizer_count(const Network *network)
{
	const NetworkOptimizer *optimizer = &network->definition->optimizer;

	return network->parameter_count * optimizer->type->arrays(optimizer);
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

/* What a part is made of. */
typedef struct Part
{
	const Network *network;
	real	   *memory;
	const real *gradient;
	real	   *weights;
	size_t		first;			/* parameter */
	size_t		last;			/* the one after the last */
} Part;

/* One stretch of parameters with the same decay: what of it is in the part. */
static void
step_range(const Part *part, const OptimizerPass *step, size_t start, size_t count)
{
	const Network *network = part->network;
	const NetworkOptimizer *optimizer = &network->definition->optimizer;
	size_t		end = start + count < part->last ? start + count : part->last;
	real	   *first;
	real	   *second;
	real	   *weights;
	const real *gradient;

	if (start < part->first)
		start = part->first;
	if (start >= end)
		return;
	count = end - start;
	first = part->memory + start;
	second = first + network->parameter_count;
	weights = part->weights + start;
	gradient = part->gradient + start;
	optimizer->type->step(step, count, gradient, first, second, weights);
}

bool
network_clips(const Network *network)
{
	return network->definition->optimizer.clip > 0;
}

void
network_clip_gradient(const Network *network, real *gradient)
{
	double		limit = network->definition->optimizer.clip;
	double		length;

	if (!network_clips(network))
		return;
	length = sqrt(network_kernels()->square_sum(gradient, network->parameter_count));
	if (length > limit)
		network_kernels()->scale((real) (limit / length), network->parameter_count, gradient);
}

static OptimizerPass
times_rate(const OptimizerPass *step, double factor)
{
	OptimizerPass own = *step;

	own.rate *= (real) factor;
	own.shrink *= (real) factor;
	return own;
}

void
network_optimizer_part(const Network *network, const NetworkProgress *progress, real *memory,
					   const real *gradient, real *weights, size_t first, size_t last)
{
	Part		part = {network, memory, gradient, weights, first, last};
	const NetworkOptimizer *optimizer = &network->definition->optimizer;
	double		rate = optimizer_rate(optimizer, progress);
	double		times = (double) progress->step + 1;
	OptimizerPass plain = {
		.rate = (real) (optimizer->type->corrects_bias ? rate / (1 - pow(optimizer->momentum, times)) : rate),
		.momentum = (real) optimizer->momentum,
		.second_momentum = (real) optimizer->second_momentum,
		.correction = (real) (1 / sqrt(1 - pow(optimizer->second_momentum, times))),
		.epsilon = (real) EPSILON
	};
	OptimizerPass decayed = plain;

	if (optimizer->type->decoupled_decay)
		decayed.shrink = (real) (rate * optimizer->weight_decay);
	else
		decayed.decay = (real) optimizer->weight_decay;

	for (int i = 0; i < network->definition->layer_count; i++)
	{
		const NetworkLayer *layer = &network->definition->layers[i];
		OptimizerPass own = times_rate(&decayed, layer->rate_factor);

		if (network_keeps_weights(network, layer))
			continue;
		step_range(&part, &own, layer->parameter_offset, layer->decay_count);
		own = times_rate(&plain, layer->rate_factor);
		step_range(&part, &own, layer->parameter_offset + layer->decay_count, layer->parameter_count - layer->decay_count);
	}
	plain = times_rate(&plain, network->definition->loss.rate_factor);
	step_range(&part, &plain, network->loss_offset, network->loss_count);
}

/* Those of them from start to end - 1. */
static void
average_range(const real *weights, real *average, real decay, size_t first, size_t last, size_t start, size_t end)
{
	first = first > start ? first : start;
	last = last < end ? last : end;
	if (first < last)
		network_kernels()->move_average(weights + first, decay, last - first, average + first);
}

void
network_average_part(const Network *network, const NetworkProgress *progress, const real *weights, real *average,
					 size_t first, size_t last)
{
	/* a smaller decay at first, so that the initial weights are soon forgotten */
	double		decay = fmin(network->definition->optimizer.average,
							 (1 + (double) progress->step) / (10 + (double) progress->step));

	if (network->definition->optimizer.average <= 0)
		decay = 0;
	/* what is frozen would be rounded */
	average_range(weights, average, (real) decay, first, last, network_frozen_count(network), network->parameter_count);
	average_range(weights, average, (real) decay, first, last,
				  network->definition->layers[network->definition->frozen].statistic_offset, network->weight_count);
}
