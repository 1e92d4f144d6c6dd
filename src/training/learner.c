/*
 * learner.c: one step of training on all threads.
 *
 * A batch is cut into as many equal runs as there are threads; each has a workspace and a gradient of its own.  The loss
 * needs all embeddings, so it stands between the way forth and the way back.  Gradients are summed in the order of the
 * threads: with the same number of threads every run gives the same bits.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "common/check.h"
#include "common/host.h"
#include "training/learner.h"

typedef struct LearnerBuffers
{
	int			threads;
	Batch		batch;
	const uint8 **raster;		/* [batch] */
	uint8	   *fetched;		/* rasters that are not in memory: [batch, raster bytes] */
	real	   *input;			/* [batch, input values] */
	real	   *embedding;		/* [batch, dimensions] */
	real	   *embedding_gradient; /* the same */
	NetworkWorkspace **workspace;	/* [threads] */
	real	  **gradient;		/* [threads] of [parameters] */
} LearnerBuffers;

static void *
allocate(size_t count, size_t size)
{
	Status		status;
	void	   *pointer = host_allocate_zero(host_server(), count, size, &status);

	if (pointer == NULL)
		check_raise_status(&status);
	return pointer;
}

Learner *
learner_create(const NetworkDefinition *definition, const Examples *examples, const Split *split,
			   int epochs, uint64 seed, int threads)
{
	Learner    *learner = palloc0(sizeof(Learner));
	LearnerBuffers *buffers = palloc0(sizeof(LearnerBuffers));
	Status		status;
	size_t		weights;
	size_t		parameters;
	int			batch;
	int64		images = 0;

	learner->definition = definition;
	learner->examples = examples;
	learner->buffers = buffers;
	learner->seed = seed;
	learner->network = network_create(definition, host_server(), &status);
	if (learner->network == NULL)
		check_raise_status(&status);
	learner->sampler = sampler_create(examples, split, &definition->training, seed);
	learner->pool = thread_pool_create(threads);
	batch = sampler_batch_size(learner->sampler);
	for (int i = 0; i < split->training; i++)
		images += examples->label[split->training_label[i]].genuine;
	images = Max(images, definition->training.epoch_samples);
	learner->progress.epoch_steps = Max((images + batch - 1) / batch, 1);
	learner->progress.steps = learner->progress.epoch_steps * epochs;

	weights = network_weight_count(learner->network);
	parameters = network_parameter_count(learner->network);
	learner->weights = allocate(weights, sizeof(real));
	network_initialize(learner->network, seed, learner->weights);
	learner->average = learner->weights;
	if (definition->optimizer.average > 0)
	{
		learner->average = allocate(weights, sizeof(real));
		memcpy(learner->average, learner->weights, weights * sizeof(real));
	}
	learner->memory = allocate(network_optimizer_count(learner->network), sizeof(real));

	buffers->threads = threads;
	buffers->batch.example = palloc(sizeof(int) * batch);
	buffers->raster = palloc(sizeof(uint8 *) * batch);
	buffers->fetched = allocate((size_t) batch, examples->raster_bytes);
	buffers->batch.label = palloc(sizeof(int32) * batch);
	buffers->batch.genuine = palloc(batch);
	buffers->batch.forge = palloc(batch);
	buffers->batch.turn = palloc(batch);
	buffers->input = allocate((size_t) batch * network_input_values(learner->network), sizeof(real));
	buffers->embedding = allocate((size_t) batch * network_dimensions(learner->network), sizeof(real));
	buffers->embedding_gradient = allocate((size_t) batch * network_dimensions(learner->network), sizeof(real));
	buffers->workspace = palloc(sizeof(NetworkWorkspace *) * threads);
	buffers->gradient = palloc(sizeof(real *) * threads);
	for (int i = 0; i < threads; i++)
	{
		buffers->workspace[i] = network_workspace_create(learner->network, (batch + threads - 1) / threads, true,
														 host_server(), &status);
		if (buffers->workspace[i] == NULL)
			check_raise_status(&status);
		buffers->gradient[i] = allocate(parameters, sizeof(real));
	}
	return learner;
}

int
learner_batch_size(const Learner *learner)
{
	return sampler_batch_size(learner->sampler);
}

static int
share_start(const LearnerBuffers *buffers, int thread)
{
	return (int) ((int64) buffers->batch.n * thread / buffers->threads);
}

static void
forward_share(void *argument, int thread)
{
	Learner    *learner = argument;
	LearnerBuffers *buffers = learner->buffers;
	int			first = share_start(buffers, thread);
	int			n = share_start(buffers, thread + 1) - first;
	size_t		values = network_input_values(learner->network);
	size_t		dimensions = network_dimensions(learner->network);
	uint64		key = (uint64) learner->progress.step * LIMIT_THREADS + thread;

	for (int i = first; i < first + n; i++)
	{
		/* the copy follows from the seed, the step and the place in the batch, not from the thread */
		Random		random = random_stream(learner->seed ^ UINT64_C(0x64697374), ((uint64) learner->progress.step << 20) + i);

		network_input_distorted(learner->definition, buffers->raster[i], buffers->batch.turn[i], buffers->batch.forge[i], &random,
								buffers->input + i * values);
	}
	if (n > 0)
		network_forward_training(learner->network, learner->weights, buffers->workspace[thread],
								 buffers->input + first * values, n, random_stream(learner->seed, key).state,
								 buffers->embedding + first * dimensions);
}

static void
backward_share(void *argument, int thread)
{
	Learner    *learner = argument;
	LearnerBuffers *buffers = learner->buffers;
	int			first = share_start(buffers, thread);
	int			n = share_start(buffers, thread + 1) - first;

	if (n > 0)
		network_backward(learner->network, learner->weights, buffers->workspace[thread],
						 buffers->input + first * (size_t) network_input_values(learner->network),
						 buffers->embedding_gradient + first * (size_t) network_dimensions(learner->network),
						 buffers->gradient[thread]);
}

/* Each thread sums a slice of all gradients into the first one's and clears the others. */
static void
sum_share(void *argument, int thread)
{
	Learner    *learner = argument;
	LearnerBuffers *buffers = learner->buffers;
	size_t		count = network_parameter_count(learner->network);
	size_t		first = count * thread / buffers->threads;
	size_t		last = count * (thread + 1) / buffers->threads;
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

bool
learner_step(Learner *learner, double *loss)
{
	LearnerBuffers *buffers = learner->buffers;
	NetworkBatch loss_batch;
	Status		status;

	sampler_next(learner->sampler, &buffers->batch);
	examples_fetch(learner->examples, buffers->batch.example, buffers->batch.n, buffers->fetched, buffers->raster);
	thread_pool_run(learner->pool, forward_share, learner);
	if (host_interrupted(host_server(), &status))
		return false;

	loss_batch = (NetworkBatch) {
		.n = buffers->batch.n, .embedding = buffers->embedding, .label = buffers->batch.label,
		.genuine = buffers->batch.genuine, .seed = learner->seed + (uint64) learner->progress.step
	};
	if (!network_loss(learner->network, learner->weights, &loss_batch, host_server(), loss,
					  buffers->embedding_gradient, buffers->gradient[0], &status))
		check_raise_status(&status);
	if (!isfinite(*loss))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("training diverged: the loss of step %lld is %g", (long long) learner->progress.step + 1, *loss),
				 errhint("Lower the rate: the option {\"optimizer\": {\"rate\": ...}}; it is %g.",
						 learner->definition->optimizer.rate)));
	thread_pool_run(learner->pool, backward_share, learner);
	if (host_interrupted(host_server(), &status))
		return false;

	thread_pool_run(learner->pool, sum_share, learner);
	for (int i = 0; i < buffers->threads; i++)
		if (share_start(buffers, i + 1) > share_start(buffers, i))
			network_update_statistics(learner->network, buffers->workspace[i], learner->weights);
	network_optimizer_step(learner->network, &learner->progress, learner->memory, buffers->gradient[0], learner->weights);
	memset(buffers->gradient[0], 0, network_parameter_count(learner->network) * sizeof(real));
	if (learner->average != learner->weights)
		network_average(learner->network, &learner->progress, learner->weights, learner->average);
	learner->progress.step++;
	return true;
}
