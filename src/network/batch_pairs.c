/*
 * batch_pairs.c: which pairs of a batch the losses of pairs, and heads, learn from.
 */
#include <stdlib.h>

#include "common/limits.h"
#include "network/loss_internal.h"
#include "network/network_internal.h"

/* Whether the frames of two samples of one label are near enough for a positive pair. */
static bool
near_in_time(const NetworkDefinition *definition, const NetworkBatch *batch, int i, int j)
{
	int64_t		most = definition->training.frame_distance;

	return batch->frame == NULL || most == 0 || llabs((int64_t) batch->frame[i] - batch->frame[j]) <= most;
}

size_t
pairs_within_labels(const NetworkDefinition *definition, const NetworkBatch *batch, bool genuine, NetworkPair *pairs)
{
	size_t		count = 0;

	for (int i = 0; i < batch->n; i++)
	{
		for (int j = genuine ? i + 1 : 0; batch->genuine[i] && j < batch->n; j++)
		{
			if (batch->label[i] != batch->label[j] || (bool) batch->genuine[j] != genuine ||
				(genuine && !near_in_time(definition, batch, i, j)))
				continue;
			if (pairs != NULL)
				pairs[count] = (NetworkPair) {i, j, genuine};
			count++;
		}
	}
	return count;
}

void
pairs_choose(NetworkPair *pairs, size_t count, size_t wanted, Random *random)
{
	for (size_t i = 0; i < wanted && count - i > 1; i++)
	{
		size_t		other = i + random_next(random) % (count - i);
		NetworkPair swap = pairs[i];

		pairs[i] = pairs[other];
		pairs[other] = swap;
	}
}

size_t
pairs_of_impostors(const NetworkBatch *batch, size_t wanted, Random *random, NetworkPair *pairs)
{
	size_t		count = 0;

	for (size_t tries = 0; count < wanted && tries < 20 * wanted; tries++)
	{
		int			a = (int) random_below(random, batch->n);
		int			b = (int) random_below(random, batch->n);

		if (batch->genuine[a] && batch->genuine[b] && batch->label[a] != batch->label[b])
			pairs[count++] = (NetworkPair) {a, b, false};
	}
	return count;
}

/* The first of a pair is either sample, so that the head learns both orders. */
static void
mix(NetworkPair *pairs, size_t count, Random *random)
{
	pairs_choose(pairs, count, count, random);
	for (size_t i = 0; i < count; i++)
		if (random_next(random) & 1)
			pairs[i] = (NetworkPair) {pairs[i].b, pairs[i].a, pairs[i].genuine};
}

bool
network_choose_pairs(const Network *network, const NetworkBatch *batch, const Host *host, NetworkPair **pairs, int *count,
					 Status *status)
{
	const NetworkTraining *training = &network->definition->training;
	Random		random = random_stream(batch->seed, 1);
	size_t		genuine = pairs_within_labels(network->definition, batch, true, NULL);
	size_t		forged = pairs_within_labels(network->definition, batch, false, NULL);
	size_t		positives = (size_t) (LIMIT_BATCH_PAIRS / (1 + training->negatives));
	size_t		negatives;
	size_t		from_forgeries;
	NetworkPair *list;

	*pairs = NULL;
	*count = 0;
	if (genuine == 0)
		return true;
	positives = positives > genuine ? genuine : positives;
	if (training->positives > 0 && (size_t) training->positives < positives)
		positives = training->positives;
	negatives = (size_t) lround(training->negatives * (double) positives);
	from_forgeries = (size_t) lround(network->definition->loss.forged_share * (double) negatives);
	from_forgeries = from_forgeries > forged ? forged : from_forgeries;
	list = host_allocate(host, genuine + forged + negatives, sizeof(NetworkPair), status);
	if (list == NULL)
		return false;
	pairs_within_labels(network->definition, batch, true, list);
	pairs_choose(list, genuine, positives, &random);
	pairs_within_labels(network->definition, batch, false, list + positives);
	pairs_choose(list + positives, forged, from_forgeries, &random);
	*count = (int) (positives + from_forgeries);
	*count += (int) pairs_of_impostors(batch, negatives - from_forgeries, &random, list + *count);
	mix(list, *count, &random);
	*pairs = list;
	return true;
}
