/*
 * learner.c: one step of training on all threads.
 *
 * A batch is processed in rounds, a round in one part for each thread; each thread has a workspace and a gradient of its own.
 * The loss needs the embeddings of the whole batch, so it is computed between the forward and the backward pass; so are heads,
 * of networks with a layer "pair" (pair_step.c), whose loss is that of pairs of the batch.  With one
 * round, its activations are kept in between.  With several, because activations do not fit into memory, each round's
 * forward pass is repeated before its backward pass: distortion and dropout depend on seed, step and place alone, so that it
 * gives the same bits (Gao, Zhang, Han, Callan 2021: "Scaling deep contrastive learning batch size under memory limited
 * setup").  Gradients are summed in a fixed order: with the same threads and samples at once the result is the same.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/host.h"
#include "matrix/matrix.h"
#include "model/server_network.h"
#include "network/network.h"
#include "training/batch_sampler.h"
#include "training/examples.h"
#include "training/learner.h"
#include "training/learner_internal.h"
#include "training/split.h"

#define UPDATED_AT_ONCE ((size_t) 16 * 1024)	/* weights that fit into a core's cache with gradients, memory and average */

static void
create_sampler(Learner *learner)
{
	MemoryContext caller;

	MemoryContextReset(learner->sampler_context);
	caller = MemoryContextSwitchTo(learner->sampler_context);
	learner->sampler = batch_sampler_create(learner->examples, learner->split, learner->definition, learner->seed);
	MemoryContextSwitchTo(caller);
}

void
learner_set_weights(Learner *learner)
{
	if (learner->average != learner->weights)
		memcpy(learner->average, learner->weights, network_weight_count(learner->network) * sizeof(real));
}

void
learner_reset(Learner *learner)
{
	create_sampler(learner);
	learner->progress.step = 0;
	memset(learner->memory, 0, network_optimizer_count(learner->network) * sizeof(real));
	memset(learner->weights, 0, network_weight_count(learner->network) * sizeof(real));
	network_initialize(learner->network, learner->seed, learner->weights);
	CHECK_FOR_INTERRUPTS();
	learner_set_weights(learner);
}

Learner *
learner_create(const NetworkDefinition *definition, Network *network, const Examples *examples, const Split *split,
			   uint64 seed, int threads)
{
	Learner    *learner = palloc0(sizeof(Learner));
	StepBuffers *buffers = palloc0(sizeof(StepBuffers));
	size_t		weights = network_weight_count(network);
	int			batch;
	int64		images = 0;
	Status		status;

	learner->definition = definition;
	learner->examples = examples;
	learner->buffers = buffers;
	learner->seed = seed;
	learner->network = network;
	learner->split = split;
	learner->sampler_context = AllocSetContextCreate(CurrentMemoryContext, "siamese sampler", ALLOCSET_DEFAULT_SIZES);
	create_sampler(learner);
	if (!matrix_library_load(host_server(), &status))	/* before the threads that use it */
		check_raise_status(&status);
	learner->pool = thread_pool_create(threads);
	batch = batch_sampler_size(learner->sampler);
	for (int i = 0; i < split->training; i++)
		images += examples->label[split->training_label[i]].genuine;
	images = Max(images, definition->training.epoch_samples);
	learner->progress.epoch_steps = Max((images + batch - 1) / batch, 1);

	learner->weights = learner_allocate(weights, sizeof(real));
	learner->average = definition->optimizer.average > 0 ? learner_allocate(weights, sizeof(real)) : learner->weights;
	learner->memory = learner_allocate(network_optimizer_count(learner->network), sizeof(real));
	network_initialize(network, seed, learner->weights);
	CHECK_FOR_INTERRUPTS();
	learner_set_weights(learner);

	buffers->threads = threads;
	buffers->batch.example = palloc(sizeof(int) * batch);
	buffers->batch.label = palloc(sizeof(int32) * batch);
	buffers->batch.genuine = palloc(batch);
	buffers->batch.frame = palloc(sizeof(int32) * batch);
	buffers->batch.copy = palloc(sizeof(NetworkCopy) * batch);
	buffers->embedding = learner_allocate((size_t) batch * network_kept_values(learner->network), sizeof(real));
	buffers->embedding_gradient = learner_allocate((size_t) batch * network_kept_values(learner->network), sizeof(real));
	buffers->part_loss = palloc0(sizeof(double) * threads);
	buffers->gradient = palloc(sizeof(real *) * threads);
	for (int i = 0; i < threads; i++)
		buffers->gradient[i] = learner_allocate(network_parameter_count(network), sizeof(real));
	buffers->of_round.context = AllocSetContextCreate(CurrentMemoryContext, "siamese step", ALLOCSET_DEFAULT_SIZES);
	return learner;
}

int
learner_batch_size(const Learner *learner)
{
	return batch_sampler_size(learner->sampler);
}

/* Memory that a step needs and an evaluation does not. */
static void
prepare_round(Learner *learner)
{
	RoundBuffers *round = &learner->buffers->of_round;
	MemoryContext caller = MemoryContextSwitchTo(round->context);
	int			threads = learner->buffers->threads;
	int			samples = learner->samples_at_once;

	round->raster = palloc(sizeof(uint8 *) * threads * samples);
	round->fetched = learner_allocate((size_t) threads * samples, learner->examples->raster_bytes);
	round->input = palloc(sizeof(real *) * threads);
	round->workspace = palloc(sizeof(NetworkWorkspace *) * threads);
	round->packed = learner_allocate(network_packed_count(learner->network) + 1, sizeof(real));
	if (network_frozen_count(learner->network) > 0)
		network_pack(learner->network, learner->weights, round->packed);
	for (int i = 0; i < threads; i++)
	{
		round->input[i] = learner_allocate((size_t) samples * network_input_values(learner->network), sizeof(real));
		round->workspace[i] = server_workspace(learner->network, samples, true, round->packed);
	}
	if (network_head(learner->network) != NULL)
		pair_step_prepare(learner);
	MemoryContextSwitchTo(caller);
}

void
learner_release_activations(Learner *learner)
{
	MemoryContextReset(learner->buffers->of_round.context);
	learner->buffers->of_round.workspace = NULL;
}

/* Where in the batch a round begins, and a thread's part of the current round. */
static int
round_start(const StepBuffers *buffers, int round)
{
	return (int) ((int64) buffers->batch.n * round / buffers->rounds);
}

static int
part_start(const StepBuffers *buffers, int thread)
{
	int			start = round_start(buffers, buffers->round);

	return start + (int) ((int64) (round_start(buffers, buffers->round + 1) - start) * thread / buffers->threads);
}

static void
forward_part(void *argument, int thread)
{
	Learner    *learner = argument;
	StepBuffers *buffers = learner->buffers;
	const Batch *batch = &buffers->batch;
	int			first = part_start(buffers, thread);
	int			n = part_start(buffers, thread + 1) - first;
	size_t		values = network_input_values(learner->network);
	RoundBuffers *round = &buffers->of_round;
	uint64		key = ((uint64) learner->progress.step << 20) + (uint64) buffers->round * buffers->threads + thread;
	bool		flow = network_has_flow(learner->network);	/* then the twin runs with the head */

	for (int i = first; i < first + n; i++)
	{
		/* the distortion depends on the seed, the step and the place in the batch, not on the thread */
		Random		random = random_stream(learner->seed ^ UINT64_C(0x64697374), ((uint64) learner->progress.step << 20) + i);

		network_input_distorted(learner->definition, round->raster[i - round_start(buffers, buffers->round)],
								&batch->copy[i], &random,
								flow ? buffers->embedding + i * network_kept_values(learner->network)
								: round->input[thread] + (i - first) * values);
	}
	if (n > 0 && !flow)
		network_forward_training(learner->network, learner->weights, round->workspace[thread],
								 round->input[thread], n, random_stream(learner->seed, key).state,
								 buffers->embedding + first * (size_t) network_dimensions(learner->network));
}

static void
backward_part(void *argument, int thread)
{
	Learner    *learner = argument;
	StepBuffers *buffers = learner->buffers;
	int			first = part_start(buffers, thread);

	if (part_start(buffers, thread + 1) > first)
		network_backward(learner->network, learner->weights, buffers->of_round.workspace[thread], buffers->of_round.input[thread],
						 buffers->embedding_gradient + first * (size_t) network_dimensions(learner->network),
						 buffers->gradient[thread]);
}

/* False if a cancel or a termination is pending; so is the function below. */
static bool
forward_round(Learner *learner, int round)
{
	StepBuffers *buffers = learner->buffers;
	int			start = round_start(buffers, round);

	buffers->round = round;
	examples_fetch(learner->examples, buffers->batch.example + start, round_start(buffers, round + 1) - start,
				   buffers->of_round.fetched, buffers->of_round.raster);
	return learner_run_all(learner, forward_part);
}

/* The last round's activations are still in memory; those of the others are computed again. */
static bool
backward_rounds(Learner *learner)
{
	StepBuffers *buffers = learner->buffers;
	bool		apart = network_learns(learner->network) && !network_has_flow(learner->network);	/* from the head */

	for (int round = buffers->rounds - 1; round >= 0 && apart; round--)
	{
		if ((round < buffers->rounds - 1 && !forward_round(learner, round)) || !learner_run_all(learner, backward_part))
			return false;
		for (int i = 0; i < buffers->threads; i++)
			if (part_start(buffers, i + 1) > part_start(buffers, i))
				network_update_statistics(learner->network, buffers->of_round.workspace[i], learner->weights);
	}
	return true;
}

/* Sums the threads' gradients of these parameters in the first thread's, and clears the others. */
static void
sum_gradients(StepBuffers *buffers, size_t first, size_t last)
{
	real	   *restrict sum = buffers->gradient[0];

	for (int other = 1; other < buffers->threads; other++)
	{
		real	   *restrict part = buffers->gradient[other];

		for (size_t i = first; i < last; i++)
		{
			sum[i] += part[i];
			part[i] = 0;
		}
	}
}

/* Updates these weights; if gradients are clipped, they have been summed and clipped before. */
static void
update_part(Learner *learner, size_t first, size_t last)
{
	StepBuffers *buffers = learner->buffers;
	size_t		parameters = network_parameter_count(learner->network);

	parameters = Min(last, parameters);
	if (first < parameters)
	{
		if (!network_clips(learner->network))
			sum_gradients(buffers, first, parameters);
		network_optimizer_part(learner->network, &learner->progress, learner->memory, buffers->gradient[0], learner->weights,
							   first, parameters);
		memset(buffers->gradient[0] + first, 0, (parameters - first) * sizeof(real));
	}
	if (learner->average != learner->weights)
		network_average_part(learner->network, &learner->progress, learner->weights, learner->average, first, last);
}

/* Each thread has a slice of the weights, and checks for interrupts in between: there may be hundreds of millions. */
static void
share_weights(Learner *learner, int thread, bool sum)
{
	StepBuffers *buffers = learner->buffers;
	size_t		start = network_frozen_count(learner->network);
	size_t		count = (sum ? network_parameter_count(learner->network) : network_weight_count(learner->network)) - start;
	size_t		end = start + count * (thread + 1) / buffers->threads;
	size_t		last;
	Status		status;

	for (size_t first = start + count * thread / buffers->threads; first < end && !host_interrupted(host_server(), &status); first = last)
	{
		last = Min(end, first + UPDATED_AT_ONCE);
		if (sum)
			sum_gradients(buffers, first, last);
		else
			update_part(learner, first, last);
	}
}

static void
sum_share(void *argument, int thread)
{
	share_weights(argument, thread, true);
}

static void
update_share(void *argument, int thread)
{
	share_weights(argument, thread, false);
}

/* One step of the optimizer.  False if a cancel or a termination is pending. */
static bool
update_weights(Learner *learner)
{
	if (network_clips(learner->network))
	{
		if (!learner_run_all(learner, sum_share))
			return false;
		network_clip_gradient(learner->network, learner->buffers->gradient[0]);
	}
	return learner_run_all(learner, update_share);
}

/* The loss of the batch and its gradient by the outputs of the twin.  False if a cancel or a termination is pending. */
static bool
step_loss(Learner *learner, double *loss)
{
	StepBuffers *buffers = learner->buffers;
	NetworkBatch batch = {
		.n = buffers->batch.n, .embedding = buffers->embedding, .label = buffers->batch.label,
		.frame = learner->examples->framed ? buffers->batch.frame : NULL,
		.genuine = buffers->batch.genuine, .seed = learner->seed + (uint64) learner->progress.step
	};
	Status		status;

	if (network_head(learner->network) != NULL)
		return pair_step(learner, &batch, loss);
	if (network_loss(learner->network, learner->weights, &batch, host_server(), loss,
					 buffers->embedding_gradient, buffers->gradient[0], &status))
		return true;
	if (status.code != STATUS_INTERRUPTED)
		check_raise_status(&status);
	return false;
}

bool
learner_step(Learner *learner, double *loss)
{
	StepBuffers *buffers = learner->buffers;
	Status		status;

	if (buffers->of_round.workspace == NULL)
		prepare_round(learner);
	batch_sampler_next(learner->sampler, &buffers->batch);
	network_pack_training(learner->network, learner->weights, buffers->of_round.packed);
	if (host_interrupted(host_server(), &status))
		return false;
	buffers->rounds = (buffers->batch.n + buffers->threads * learner->samples_at_once - 1) /
		(buffers->threads * learner->samples_at_once);
	for (int round = 0; round < buffers->rounds; round++)
		if (!forward_round(learner, round))
			return false;
	if (!step_loss(learner, loss))
		return false;
	if (!isfinite(*loss))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("training diverged: the loss of step %lld is %g", (long long) learner->progress.step + 1, *loss),
				 errhint("Lower the learning rate, which is %g, with the option {\"optimizer\": {\"rate\": ...}}.",
						 learner->definition->optimizer.rate)));
	if (!backward_rounds(learner))
		return false;
	if (!update_weights(learner))
		return false;
	learner->progress.step++;
	return true;
}

bool
learner_skip_to(Learner *learner, int64 step)
{
	Status		status;

	while (learner->progress.step < step)
	{
		if (host_interrupted(host_server(), &status))
			return false;
		batch_sampler_next(learner->sampler, &learner->buffers->batch);
		learner->progress.step++;
	}
	return true;
}
