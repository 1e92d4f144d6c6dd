/*
 * pair_step.c: the part of a step of training that runs a head: the pairs of a batch, by the outputs of their twins.
 *
 * Pairs are processed in rounds, a round in one part for each thread, each part in a forward and a backward pass.  What the head
 * gives back to the twins is summed by the main thread after each round, in the order of the pairs, so that the result depends
 * on the threads only as the weights' gradients do.  With flow the twins run here too, once a side of each pair.
 */
#include "postgres.h"

#include "common/check.h"
#include "common/host.h"
#include "network/network.h"
#include "training/learner_internal.h"

static void
prepare_flow(Learner *learner)
{
	const Network *network = learner->network;
	RoundBuffers *round = &learner->buffers->of_round;
	int			threads = learner->buffers->threads;
	int			pairs = learner->samples_at_once;

	round->sides = palloc(sizeof(NetworkPair) * pairs);
	for (int i = 0; i < pairs; i++)
		round->sides[i] = (NetworkPair) {.a = 2 * i, .b = 2 * i + 1};
	round->flow = palloc(sizeof(void *) * threads);
	round->side_input = palloc(sizeof(real *) * threads);
	round->side_output = palloc(sizeof(real *) * threads);
	round->side_gradient = palloc(sizeof(real *) * threads);
	for (int i = 0; i < threads; i++)
	{
		round->flow[i] = learner_allocate(network_flow_bytes(network), 1);
		round->side_input[i] = learner_allocate((Size) 2 * pairs * network_input_values(network), sizeof(real));
		round->side_output[i] = learner_allocate((Size) 2 * pairs * network_dimensions(network), sizeof(real));
		round->side_gradient[i] = learner_allocate((Size) 2 * pairs * network_dimensions(network), sizeof(real));
	}
}

void
pair_step_prepare(Learner *learner)
{
	const Network *head = network_head(learner->network);
	RoundBuffers *round = &learner->buffers->of_round;
	int			threads = learner->buffers->threads;
	Size		pairs = learner->samples_at_once;

	if (network_has_flow(learner->network))
		prepare_flow(learner);
	round->stacked = palloc(sizeof(real *) * threads);
	round->output = palloc(sizeof(real *) * threads);
	round->output_gradient = palloc(sizeof(real *) * threads);
	for (int i = 0; i < threads; i++)
	{
		round->stacked[i] = learner_allocate(pairs * network_input_values(head), sizeof(real));
		round->output[i] = learner_allocate(pairs * network_dimensions(head), sizeof(real));
		round->output_gradient[i] = learner_allocate(pairs * network_dimensions(head), sizeof(real));
	}
}

/* Where a thread's part of the current round begins. */
static int
part_start(const StepBuffers *buffers, int thread)
{
	return buffers->pairs_first + (int) ((int64) (buffers->pairs_last - buffers->pairs_first) * thread / buffers->threads);
}

/* The twins of n pairs from number first on, with the flow of each, forward: the head's inputs.  False if a cancel is pending. */
static bool
run_sides(Learner *learner, int thread, int first, int n)
{
	const Network *network = learner->network;
	StepBuffers *buffers = learner->buffers;
	RoundBuffers *round = &buffers->of_round;
	size_t		kept = network_kept_values(network);
	size_t		values = network_input_values(network);
	Random		random = random_stream(learner->seed ^ UINT64_C(0x73696465), ((uint64) learner->progress.step << 20) + first);
	Status		status;

	for (int i = 0; i < n; i++)
	{
		const NetworkPair *pair = &buffers->pair[first + i];

		if (!network_flow_inputs(network, buffers->embedding + pair->a * kept, buffers->embedding + pair->b * kept,
								 host_server(), round->flow[thread], round->side_input[thread] + 2 * i * values, &status))
			return false;
	}
	if (!network_forward_training(network, learner->weights, round->workspace[thread], round->side_input[thread], 2 * n, random.state,
								  round->side_output[thread]))
		return false;
	network_stack(network, round->side_output[thread], round->sides, n, round->stacked[thread]);
	return true;
}

/* The same backward, by the gradient of the head's inputs. */
static void
revert_sides(Learner *learner, int thread, const real *input_gradient, int n)
{
	const Network *network = learner->network;
	RoundBuffers *round = &learner->buffers->of_round;

	memset(round->side_gradient[thread], 0, (Size) 2 * n * network_dimensions(network) * sizeof(real));
	network_unstack(network, input_gradient, round->sides, n, round->side_gradient[thread]);
	network_backward(network, learner->weights, round->workspace[thread], round->side_input[thread], round->side_gradient[thread],
					 learner->buffers->gradient[thread]);
}

static void
run_part(void *argument, int thread)
{
	Learner    *learner = argument;
	StepBuffers *buffers = learner->buffers;
	RoundBuffers *round = &buffers->of_round;
	const Network *head = network_head(learner->network);
	NetworkWorkspace *workspace = network_workspace_head(round->workspace[thread]);
	int			first = part_start(buffers, thread);
	int			n = part_start(buffers, thread + 1) - first;
	bool		flow = network_has_flow(learner->network);
	/* dropout depends on the seed, the step and the place among the pairs */
	Random		random = random_stream(learner->seed ^ UINT64_C(0x68656164), ((uint64) learner->progress.step << 20) + first);

	buffers->part_loss[thread] = 0;
	if (n == 0)
		return;
	if (!flow)
		network_stack(learner->network, buffers->embedding, buffers->pair + first, n, round->stacked[thread]);
	else if (!run_sides(learner, thread, first, n))
		return;
	if (!network_forward_training(head, learner->weights, workspace, round->stacked[thread], n, random.state,
								  round->output[thread]))
		return;
	buffers->part_loss[thread] = network_pair_loss(learner->network, round->output[thread], buffers->pair + first, n,
												   1.0 / buffers->pairs, round->output_gradient[thread]);
	if (network_backward(head, learner->weights, workspace, round->stacked[thread], round->output_gradient[thread],
						 buffers->gradient[thread]) && flow && network_input_gradient(workspace) != NULL)
		revert_sides(learner, thread, network_input_gradient(workspace), n);
}

/* After a round: what its parts give to the loss, the twins and the statistics. */
static void
gather_round(Learner *learner, double *loss)
{
	StepBuffers *buffers = learner->buffers;
	const Network *head = network_head(learner->network);

	for (int i = 0; i < buffers->threads; i++)
	{
		NetworkWorkspace *workspace = network_workspace_head(buffers->of_round.workspace[i]);
		int			first = part_start(buffers, i);
		int			n = part_start(buffers, i + 1) - first;

		if (n == 0)
			continue;
		*loss += buffers->part_loss[i];
		if (network_has_flow(learner->network))
			network_update_statistics(learner->network, buffers->of_round.workspace[i], learner->weights);
		else if (network_input_gradient(workspace) != NULL)
			network_unstack(learner->network, network_input_gradient(workspace), buffers->pair + first, n,
							buffers->embedding_gradient);
		network_update_statistics(head, workspace, learner->weights);
	}
}

bool
pair_step(Learner *learner, const NetworkBatch *batch, double *loss)
{
	StepBuffers *buffers = learner->buffers;
	int			most = buffers->threads * learner->samples_at_once;
	int			rounds;
	bool		complete = true;
	Status		status;

	*loss = 0;
	memset(buffers->embedding_gradient, 0, (Size) batch->n * network_kept_values(learner->network) * sizeof(real));
	if (!network_choose_pairs(learner->network, batch, host_server(), &buffers->pair, &buffers->pairs, &status))
		check_raise_status(&status);
	rounds = (buffers->pairs + most - 1) / most;
	for (int round = 0; round < rounds && complete; round++)
	{
		buffers->pairs_first = (int) ((int64) buffers->pairs * round / rounds);
		buffers->pairs_last = (int) ((int64) buffers->pairs * (round + 1) / rounds);
		complete = learner_run_all(learner, run_part);
		if (complete)
			gather_round(learner, loss);
	}
	host_release(host_server(), buffers->pair);
	return complete;
}
