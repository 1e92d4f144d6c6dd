/*
 * optimizer.c: rates, steps, and the moving average of the weights.
 *
 * SGD with momentum; RMSprop (Tieleman, Hinton 2012); Adam (Kingma, Ba 2015); AdamW (Loshchilov, Hutter 2019).
 * weight_decay is added to the gradient as in the first three papers' practice; AdamW takes it off the weights.
 */
#include <string.h>

#include "network/network_internal.h"

#define EPSILON 1e-8

/*
 * The warm-up takes at most a fifth of all steps, so that a short training has more than its beginning.  The cosine
 * begins behind it.
 */
double
network_rate(const NetworkOptimizer *optimizer, const NetworkProgress *progress)
{
	int64_t		warmup = optimizer->warmup < progress->steps / 5 ? optimizer->warmup : progress->steps / 5;
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

	switch (optimizer->kind)
	{
		case OPTIMIZER_SGD:
			return network->parameter_count;
		case OPTIMIZER_RMSPROP:
			return network->parameter_count * (optimizer->momentum > 0 ? 2 : 1);
		case OPTIMIZER_ADAM:
		case OPTIMIZER_ADAMW:
			break;
	}
	return network->parameter_count * 2;
}

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
	const NetworkKernels *kernels = network_kernels();
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
	switch (optimizer->kind)
	{
		case OPTIMIZER_SGD:
			kernels->step_sgd(step, count, gradient, first, weights);
			break;
		case OPTIMIZER_RMSPROP:
			kernels->step_rmsprop(step, count, gradient, first, optimizer->momentum > 0 ? second : NULL, weights);
			break;
		case OPTIMIZER_ADAM:
		case OPTIMIZER_ADAMW:
			kernels->step_adam(step, count, gradient, first, second, weights);
			break;
	}
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
	double		rate = network_rate(optimizer, progress);
	double		times = (double) progress->step + 1;
	bool		adam = optimizer->kind == OPTIMIZER_ADAM || optimizer->kind == OPTIMIZER_ADAMW;
	OptimizerPass plain = {
		.rate = (real) (adam ? rate / (1 - pow(optimizer->momentum, times)) : rate),
		.momentum = (real) optimizer->momentum,
		.second_momentum = (real) optimizer->second_momentum,
		.correction = (real) (1 / sqrt(1 - pow(optimizer->second_momentum, times))),
		.epsilon = (real) EPSILON
	};
	OptimizerPass decayed = plain;

	if (optimizer->kind == OPTIMIZER_ADAMW)
		decayed.shrink = (real) (rate * optimizer->weight_decay);
	else
		decayed.decay = (real) optimizer->weight_decay;

	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];
		OptimizerPass own = times_rate(&decayed, layer->rate_factor);

		step_range(&part, &own, layer->parameter_offset, layer->decay_count);
		own = times_rate(&plain, layer->rate_factor);
		step_range(&part, &own, layer->parameter_offset + layer->decay_count, layer->parameter_count - layer->decay_count);
	}
	plain = times_rate(&plain, network->definition->loss.rate_factor);
	step_range(&part, &plain, network->loss_offset, network->loss_count);
}

void
network_optimizer_step(const Network *network, const NetworkProgress *progress, real *memory,
					   real *gradient, real *weights)
{
	network_clip_gradient(network, gradient);
	network_optimizer_part(network, progress, memory, gradient, weights, 0, network->parameter_count);
}

void
network_average_part(const Network *network, const NetworkProgress *progress, const real *weights, real *average,
					 size_t first, size_t last)
{
	/* while there are few weights to average, the first ones must not weigh as much as many */
	double		keep = fmin(network->definition->optimizer.average,
							(1 + (double) progress->step) / (10 + (double) progress->step));

	if (network->definition->optimizer.average <= 0)
		keep = 0;
	network_kernels()->move_average(weights + first, (real) keep, last - first, average + first);
}

void
network_average(const Network *network, const NetworkProgress *progress, const real *weights, real *average)
{
	network_average_part(network, progress, weights, average, 0, network->weight_count);
}
