/*
 * memory_plan.c: how a training keeps within maintenance_work_mem.
 *
 * Fixed are weights, their average, the optimizer's memory, a gradient for each thread, a batch's embeddings, the list of the
 * examples, and the activations of the fewest samples that a thread can take at once.  The rest is for activations and
 * prepared images.  Images that do not fit are read from a temporary file (raster_store.c).  If the activations of a whole
 * batch do not fit, a step processes the batch in rounds and computes them twice (learner.c); if not even the fewest do, the
 * network uses methods that take less memory (network_spare_memory).
 */
#include "postgres.h"

#include "miscadmin.h"

#include "network/network.h"
#include "training/examples.h"
#include "training/memory_plan.h"

#define SLACK ((Size) 1024 * 1024)	/* for everything small */
#define LEAST_EXAMPLES ((Size) 1024 * 1024)
#define BATCH_NORM_SAMPLES 6	/* the least for useful batch statistics */

static Size
megabytes(Size bytes)
{
	return (bytes + 1024 * 1024 - 1) / (1024 * 1024);
}

static Size
saturated_sum(Size a, Size b)
{
	return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static Size
saturated_product(Size a, Size b)
{
	return a != 0 && b > SIZE_MAX / a ? SIZE_MAX : a * b;
}

Size
memory_plan_activations(const MemoryPlan *plan, int samples)
{
	const Network *head = network_head(plan->network);
	Size		input = network_input_values(plan->network) * (sizeof(real) + 1);
	Size		one;

	if (network_has_flow(plan->network))
		input += (2 * (Size) network_input_values(plan->network) + 4 * (Size) network_dimensions(plan->network)) * sizeof(real);
	if (head != NULL)
		input += (network_input_values(head) + 2 * (Size) network_dimensions(head)) * sizeof(real);
	one = saturated_sum(network_workspace_bytes(plan->network, samples, true), samples * input + network_flow_bytes(plan->network));
	return saturated_product(one, plan->threads);
}

static int
samples_for_rounds(const MemoryPlan *plan, int batch, int rounds)
{
	int			round = (batch + rounds - 1) / rounds;

	return (round + plan->threads - 1) / plan->threads;
}

static bool
has_batch_norm(const Network *network)
{
	return network_weight_count(network) > network_parameter_count(network);
}

void
memory_plan_raise(const MemoryPlan *plan)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("training needs at least %zu MB of maintenance_work_mem", megabytes(plan->needed)),
			 errdetail("It is %zu MB.  Weights, optimizer and the gradients of %d threads take %zu MB, the activations of %d"
					   " samples in each thread %zu MB.", megabytes(plan->total), plan->threads, megabytes(plan->fixed),
					   plan->least_samples, megabytes(memory_plan_activations(plan, plan->least_samples))),
			 errhint("SET maintenance_work_mem = '%zuMB', or more: with %zu MB nothing is computed twice.",
					 megabytes(plan->needed), megabytes(Max(plan->whole, plan->needed)))));
}

bool
memory_plan(MemoryPlan *plan, const NetworkDefinition *definition, const Network *network, int threads)
{
	Size		weights = network_weight_count(network);
	Size		parameters = network_parameter_count(network);
	int			batch = definition->training.classes * definition->training.samples;
	Size		dimensions = network_kept_values(network);
	int			one_round;

	plan->network = network;
	plan->threads = threads;
	plan->total = (Size) maintenance_work_mem * 1024;
	plan->fixed = SLACK + sizeof(real) * (weights * (definition->optimizer.average > 0 ? 2 : 1) +
										  network_optimizer_count(network) + network_packed_count(network) +
										  parameters * threads);
	/* embeddings and their gradients; within the losses, distances of all pairs and one more copy */
	plan->fixed += (Size) batch * (3 * dimensions * sizeof(real) + batch * sizeof(double));
	one_round = samples_for_rounds(plan, batch, 1);
	plan->least_samples = has_batch_norm(network) ? Min(BATCH_NORM_SAMPLES, one_round) : 1;
	plan->needed = saturated_sum(plan->fixed + LEAST_EXAMPLES, memory_plan_activations(plan, plan->least_samples));
	plan->whole = saturated_sum(plan->fixed + LEAST_EXAMPLES, memory_plan_activations(plan, samples_for_rounds(plan, batch, 1)));
	if (plan->total < plan->needed)
		return false;
	plan->most_examples = plan->total - plan->needed + LEAST_EXAMPLES;
	plan->examples = LEAST_EXAMPLES + Max((plan->total - plan->needed) / 4, plan->total - Min(plan->whole, plan->total));
	return true;
}

int
memory_plan_samples(MemoryPlan *plan, int batch, Size taken, int wanted)
{
	Size		rest = plan->total - Min(plan->total, plan->fixed + taken);
	int			samples = wanted;

	if (wanted == 0)
	{
		int			rounds = 1;

		while ((samples = samples_for_rounds(plan, batch, rounds)) > plan->least_samples && memory_plan_activations(plan, samples) > rest)
			rounds++;
		samples = Max(samples, plan->least_samples);
	}
	plan->whole = saturated_sum(plan->fixed + taken, memory_plan_activations(plan, samples_for_rounds(plan, batch, 1)));
	plan->needed = saturated_sum(plan->fixed + taken, memory_plan_activations(plan, samples));
	plan->least_samples = samples;
	if (memory_plan_activations(plan, samples) > rest)
		memory_plan_raise(plan);
	return samples;
}

char *
memory_plan_text(const MemoryPlan *plan, const Examples *examples, int batch, int samples)
{
	int			rounds = (batch + plan->threads * samples - 1) / (plan->threads * samples);

	return psprintf("Of %zu MB of maintenance_work_mem, weights, optimizer and gradients take %zu MB, the activations of %s %zu MB,"
					" and prepared samples %zu MB%s.",
					megabytes(plan->total), megabytes(plan->fixed),
					rounds == 1 ? "a batch" : psprintf("a batch in %d rounds, computed twice,", rounds),
					megabytes(memory_plan_activations(plan, samples)), megabytes(examples->bytes),
					examples_spilled(examples) ? ", the rest in a temporary file" : "");
}
