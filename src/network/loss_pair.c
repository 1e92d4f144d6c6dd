/*
 * loss_pair.c: losses of pairs: contrastive, cross-entropy, cosine target.
 *
 * Genuine pairs are all pairs of genuine samples of one label.  Negative ones weigh as much: the loss's forged_share are
 * genuine samples with forgeries of their label, the others (and those for which there are no forgeries) genuine samples of
 * different labels.  The batch's seed chooses them.  There are so many strangers that STRANGERS_DRAWN times as many are drawn
 * as count, each with that part of the weight: the same mix, with less of chance in it.
 */
#include "network/network_internal.h"

#define PAIRS_BETWEEN 1024		/* two questions whether to stop */
#define STRANGERS_DRAWN 8

typedef struct Pair
{
	int			a;
	int			b;
	bool		genuine;
} Pair;

/* Pairs of one kind inside a label; pairs NULL: only counted. */
static size_t
collect_pairs(const NetworkBatch *batch, bool genuine, Pair *pairs)
{
	size_t		count = 0;

	for (int i = 0; i < batch->n; i++)
	{
		for (int j = genuine ? i + 1 : 0; batch->genuine[i] && j < batch->n; j++)
		{
			if (batch->label[i] != batch->label[j] || (bool) batch->genuine[j] != genuine)
				continue;
			if (pairs != NULL)
				pairs[count] = (Pair) {i, j, genuine};
			count++;
		}
	}
	return count;
}

/* The first "wanted" of pairs become a random choice of all of them. */
static void
choose_first(Pair *pairs, size_t count, size_t wanted, Random *random)
{
	for (size_t i = 0; i < wanted && count - i > 1; i++)
	{
		size_t		other = i + random_next(random) % (count - i);
		Pair		swap = pairs[i];

		pairs[i] = pairs[other];
		pairs[other] = swap;
	}
}

/* Up to wanted pairs of genuine samples of different labels, by drawing; returns how many were found. */
static size_t
draw_strangers(const NetworkBatch *batch, size_t wanted, Random *random, Pair *pairs)
{
	size_t		count = 0;

	for (size_t tries = 0; count < wanted && tries < 20 * wanted; tries++)
	{
		int			a = (int) random_below(random, batch->n);
		int			b = (int) random_below(random, batch->n);

		if (batch->genuine[a] && batch->genuine[b] && batch->label[a] != batch->label[b])
			pairs[count++] = (Pair) {a, b, false};
	}
	return count;
}

/* Loss of a pair and its slopes: by the distance, or by the cosine; adds to the loss's parameters' gradient. */
static double
pair_value(const LossPass *pass, bool genuine, double measure, double share, double *slope)
{
	const NetworkLoss *loss = &pass->definition->loss;

	switch (loss->kind)
	{
		case LOSS_CONTRASTIVE:
			{
				double		miss = genuine ? measure : fmax(loss->margin - measure, 0);

				*slope = genuine ? 2 * miss : -2 * miss;
				return miss * miss;
			}
		case LOSS_COSINE_TARGET:
			{
				double		miss = measure - (genuine ? loss->genuine_target : loss->forged_target);

				*slope = 2 * miss;
				return miss * miss;
			}
		default:
			{
				bool		scaled = pass->parameter_count > 1;
				double		scale = scaled ? softplus(pass->parameters[1]) : 1;
				double		logit = pass->parameters[0] - scale * measure;
				double		error = logistic(logit) - genuine;

				pass->parameter_gradient[0] += (real) (share * error);
				if (scaled)
					pass->parameter_gradient[1] -= (real) (share * error * measure * logistic(pass->parameters[1]));
				*slope = -error * scale;
				return softplus(genuine ? -logit : logit);
			}
	}
}

static void
add_pair(const LossPass *pass, const Pair *pair, double share)
{
	int			dimensions = pass->dimensions;
	NetworkJoin join = pass->definition->join;
	const real *a = pass->batch->embedding + (size_t) pair->a * dimensions;
	const real *b = pass->batch->embedding + (size_t) pair->b * dimensions;
	real	   *a_gradient = pass->embedding_gradient + (size_t) pair->a * dimensions;
	real	   *b_gradient = pass->embedding_gradient + (size_t) pair->b * dimensions;
	bool		by_cosine = pass->definition->loss.kind == LOSS_COSINE_TARGET;
	double		measure = by_cosine ? join_cosine(a, b, dimensions) : join_distance(join, a, b, dimensions);
	double		slope;

	*pass->loss += share * pair_value(pass, pair->genuine, measure, share, &slope);
	if (by_cosine)
		join_cosine_backward(a, b, dimensions, share * slope, a_gradient, b_gradient);
	else
		join_distance_backward(join, a, b, dimensions, measure, share * slope, a_gradient, b_gradient);
}

bool
loss_of_pairs(const LossPass *pass, Status *status)
{
	const NetworkBatch *batch = pass->batch;
	Random		random = random_stream(batch->seed, 1);
	size_t		genuine = collect_pairs(batch, true, NULL);
	size_t		forged = collect_pairs(batch, false, NULL);
	size_t		wanted_forged = (size_t) lround(pass->definition->loss.forged_share * (double) genuine);
	size_t		strangers;		/* that count */
	size_t		drawn;
	double		weight;			/* of all pairs together, a genuine one's being 1 */
	Pair	   *pairs;
	bool		interrupted = false;

	if (genuine == 0)
		return true;
	pairs = host_allocate(pass->host, (1 + STRANGERS_DRAWN) * genuine + forged, sizeof(Pair), status);
	if (pairs == NULL)
		return false;
	collect_pairs(batch, true, pairs);
	collect_pairs(batch, false, pairs + genuine);
	if (wanted_forged < forged)
		choose_first(pairs + genuine, forged, wanted_forged, &random);
	else
		wanted_forged = forged;
	strangers = genuine - wanted_forged;
	drawn = draw_strangers(batch, STRANGERS_DRAWN * strangers, &random, pairs + genuine + wanted_forged);
	weight = (double) (genuine + wanted_forged + (drawn > 0 ? strangers : 0));
	for (size_t i = 0; i < genuine + wanted_forged + drawn && !interrupted; i++)
	{
		add_pair(pass, &pairs[i], i < genuine + wanted_forged ? 1 / weight : (double) strangers / drawn / weight);
		interrupted = i % PAIRS_BETWEEN == 0 && host_interrupted(pass->host, status);
	}
	host_release(pass->host, pairs);
	return !interrupted;
}
