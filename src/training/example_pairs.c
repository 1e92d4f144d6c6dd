/*
 * example_pairs.c: genuine pairs, random and skilled impostors among many examples, with their distances.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "distance/distance.h"
#include "model/stored_calibration.h"
#include "training/example_pairs.h"
#include "training/examples.h"
#include "verification/score.h"

typedef struct PairWalk
{
	const EmbeddedExamples *embedded;
	const IdentitySamples *identity;
	int64		visited;
} PairWalk;

IdentitySamples *
identity_samples(const EmbeddedExamples *embedded, int *samples)
{
	IdentitySamples *identity = palloc(sizeof(IdentitySamples) * Max(embedded->labels, 1));

	*samples = 0;
	for (int i = 0; i < embedded->labels; i++)
	{
		const ExampleLabel *label = &embedded->examples->label[embedded->label[i]];

		identity[i] = (IdentitySamples) {*samples, label->genuine, label->forged};
		*samples += label->genuine + label->forged;
	}
	return identity;
}

static void
add_pair(PairWalk *walk, PairSet *set, int a, int b)
{
	int			dimensions = walk->embedded->dimensions;

	if ((walk->visited++ & 0xFFF) == 0)
		CHECK_FOR_INTERRUPTS();
	if (walk->embedded->measure != NULL)
	{
		pair_set_add(set, 0, a, b);	/* measured later, all at once */
		return;
	}
	pair_set_add(set, distance_between(walk->embedded->metric, walk->embedded->embedding + (size_t) a * dimensions,
									   walk->embedded->embedding + (size_t) b * dimensions, dimensions), a, b);
}

/* Whether two genuine samples of a label are near enough in time for a genuine pair. */
static bool
near_in_time(const EmbeddedExamples *embedded, const ExampleLabel *label, int a, int b)
{
	const Example *example = embedded->examples->example + label->first;

	return embedded->frame_distance == 0 || !embedded->examples->framed ||
		llabs((int64) example[a].frame - example[b].frame) <= embedded->frame_distance;
}

/* Genuine pairs of a label. */
static int64
count_genuine(const EmbeddedExamples *embedded, const ExampleLabel *label)
{
	int64		count = 0;

	if (embedded->frame_distance == 0 || !embedded->examples->framed)
		return (int64) label->genuine * (label->genuine - 1) / 2;
	for (int a = 0; a < label->genuine; a++)
		for (int b = a + 1; b < label->genuine; b++)
			count += near_in_time(embedded, label, a, b);
	return count;
}

/* Whether to take a pair of a kind with more than limit pairs: each has the same probability. */
static bool
taken(Random *random, int64 total, int64 limit)
{
	return total <= limit || random_uniform(random) * (double) total < (double) limit;
}

static void
walk_random_pairs(PairWalk *walk, const int *owner, int genuine_total, const int *genuine_index, int64 limit, Random *random,
				  PairSet *set)
{
	int64		total = (int64) genuine_total * (genuine_total - 1) / 2;

	for (int i = 0; i < walk->embedded->labels; i++)
		total -= (int64) walk->identity[i].genuine * (walk->identity[i].genuine - 1) / 2;
	if (total <= limit)
	{
		for (int a = 0; a < genuine_total; a++)
			for (int b = a + 1; b < genuine_total; b++)
				if (owner[a] != owner[b])
					add_pair(walk, set, genuine_index[a], genuine_index[b]);
		return;
	}
	while (set->count < limit)
	{
		int			a = (int) random_below(random, (uint32) genuine_total);
		int			b = (int) random_below(random, (uint32) genuine_total);

		if (owner[a] != owner[b])
			add_pair(walk, set, genuine_index[a], genuine_index[b]);
	}
}

/* Numbers the groups of these labels; where the examples have no groups, groups are identities. */
static void
number_groups(const EmbeddedExamples *embedded, PairDistances *pairs)
{
	const Examples *examples = embedded->examples;
	int		   *number;
	int			sample = 0;

	pairs->group = pairs->identity;
	pairs->groups = pairs->identities;
	if (!examples->grouped)
		return;
	pairs->group = palloc_extended(sizeof(int32) * Max(pairs->samples, 1), MCXT_ALLOC_HUGE);
	pairs->groups = 0;
	number = palloc_extended(sizeof(int) * (examples->groups + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < embedded->labels; i++)
	{
		const ExampleLabel *label = &examples->label[embedded->label[i]];

		if (number[label->group] == 0)
			number[label->group] = ++pairs->groups;
		for (int k = 0; k < label->genuine + label->forged; k++)
			pairs->group[sample++] = number[label->group] - 1;
	}
	pfree(number);
}

void
example_identities(const EmbeddedExamples *embedded, PairDistances *pairs)
{
	IdentitySamples *identity = identity_samples(embedded, &pairs->samples);

	pairs->identities = embedded->labels;
	pairs->identity = palloc_extended(sizeof(int32) * Max(pairs->samples, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < embedded->labels; i++)
		for (int k = 0; k < identity[i].genuine + identity[i].forged; k++)
			pairs->identity[identity[i].first + k] = i;
	number_groups(embedded, pairs);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&pairs->set[kind]);
	pfree(identity);
}

void
example_pairs(const EmbeddedExamples *embedded, int64 limit, uint64 seed, PairDistances *pairs)
{
	int			samples;
	IdentitySamples *identity = identity_samples(embedded, &samples);
	PairWalk	walk = {embedded, identity, 0};
	Random		random = random_stream(seed, 3);
	int64		genuine_pairs = 0;
	int64		skilled_pairs = 0;
	int			genuine_total = 0;
	int		   *owner;
	int		   *genuine_index;

	example_identities(embedded, pairs);
	for (int i = 0; i < embedded->labels; i++)
	{
		genuine_total += identity[i].genuine;
		genuine_pairs += count_genuine(embedded, &embedded->examples->label[embedded->label[i]]);
		skilled_pairs += (int64) identity[i].genuine * identity[i].forged;
	}
	owner = palloc_extended(sizeof(int) * (genuine_total + 1), MCXT_ALLOC_HUGE);
	genuine_index = palloc_extended(sizeof(int) * (genuine_total + 1), MCXT_ALLOC_HUGE);
	genuine_total = 0;
	for (int i = 0; i < embedded->labels; i++)
		for (int a = 0; a < identity[i].genuine; a++)
		{
			owner[genuine_total] = i;
			genuine_index[genuine_total++] = identity[i].first + a;
			for (int b = a + 1; b < identity[i].genuine; b++)
				if (near_in_time(embedded, &embedded->examples->label[embedded->label[i]], a, b) && taken(&random, genuine_pairs, limit))
					add_pair(&walk, &pairs->set[PAIR_GENUINE], identity[i].first + a, identity[i].first + b);
			for (int b = 0; b < identity[i].forged; b++)
				if (taken(&random, skilled_pairs, limit))
					add_pair(&walk, &pairs->set[PAIR_SKILLED], identity[i].first + a, identity[i].first + identity[i].genuine + b);
		}
	walk_random_pairs(&walk, owner, genuine_total, genuine_index, limit, &random, &pairs->set[PAIR_RANDOM]);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
	{
		if (embedded->measure != NULL)
			pair_measure_run(embedded->measure, &pairs->set[kind]);
		pair_set_sort(&pairs->set[kind]);
	}
	pfree(owner);
	pfree(genuine_index);
	pfree(identity);
}
