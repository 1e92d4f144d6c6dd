/*
 * pairs.c: which two of many embeddings make a genuine pair, a random or a skilled impostor, and how far apart they are.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "distance/distance.h"
#include "training/training.h"

/* What one identity offers among the embeddings: genuine ones at first, forged ones after them. */
typedef struct Group
{
	int			first;
	int			genuine;
	int			forged;
} Group;

typedef struct PairWalk
{
	const float *embedding;
	Metric		metric;
	int			dimensions;
	int64		visited;
} PairWalk;

static void
add_pair(PairWalk *walk, PairSet *set, int a, int b)
{
	if ((walk->visited++ & 0xFFF) == 0)
		CHECK_FOR_INTERRUPTS();
	pair_set_add(set, distance_between(walk->metric, walk->embedding + (size_t) a * walk->dimensions,
									   walk->embedding + (size_t) b * walk->dimensions, walk->dimensions), a, b);
}

/* Whether to take a pair, when a kind has more than limit of them: each with the same probability, by seed. */
static bool
taken(Random *random, int64 total, int64 limit)
{
	return total <= limit || random_uniform(random) * (double) total < (double) limit;
}

static void
walk_random_pairs(PairWalk *walk, const Group *group, int groups, const int *owner, int genuine_total,
				  const int *genuine_index, int64 limit, Random *random, PairSet *set)
{
	int64		total = (int64) genuine_total * (genuine_total - 1) / 2;

	for (int g = 0; g < groups; g++)
		total -= (int64) group[g].genuine * (group[g].genuine - 1) / 2;
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

void
evaluation_pairs(const Examples *examples, const int *labels, int label_count, const float *embedding,
				 Metric metric, int dimensions, int64 limit, uint64 seed, PairDistances *pairs)
{
	Group	   *group = palloc(sizeof(Group) * Max(label_count, 1));
	PairWalk	walk = {embedding, metric, dimensions, 0};
	Random		random = random_stream(seed, 3);
	int64		genuine_pairs = 0;
	int64		skilled_pairs = 0;
	int			count = 0;
	int			genuine_total = 0;
	int		   *owner;
	int		   *genuine_index;

	for (int g = 0; g < label_count; g++)
	{
		const ExampleLabel *label = &examples->label[labels[g]];

		group[g] = (Group) {count, label->genuine, label->forged};
		count += label->genuine + label->forged;
		genuine_total += label->genuine;
		genuine_pairs += (int64) label->genuine * (label->genuine - 1) / 2;
		skilled_pairs += (int64) label->genuine * label->forged;
	}
	owner = palloc_extended(sizeof(int) * (genuine_total + 1), MCXT_ALLOC_HUGE);
	genuine_index = palloc_extended(sizeof(int) * (genuine_total + 1), MCXT_ALLOC_HUGE);
	genuine_total = 0;
	pairs->samples = count;
	pairs->identities = label_count;
	pairs->identity = palloc_extended(sizeof(int32) * Max(count, 1), MCXT_ALLOC_HUGE);
	for (int g = 0; g < label_count; g++)
		for (int k = 0; k < group[g].genuine + group[g].forged; k++)
			pairs->identity[group[g].first + k] = g;
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&pairs->set[kind]);

	for (int g = 0; g < label_count; g++)
		for (int a = 0; a < group[g].genuine; a++)
		{
			owner[genuine_total] = g;
			genuine_index[genuine_total++] = group[g].first + a;
			for (int b = a + 1; b < group[g].genuine; b++)
				if (taken(&random, genuine_pairs, limit))
					add_pair(&walk, &pairs->set[PAIR_GENUINE], group[g].first + a, group[g].first + b);
			for (int b = 0; b < group[g].forged; b++)
				if (taken(&random, skilled_pairs, limit))
					add_pair(&walk, &pairs->set[PAIR_SKILLED], group[g].first + a, group[g].first + group[g].genuine + b);
		}
	walk_random_pairs(&walk, group, label_count, owner, genuine_total, genuine_index, limit, &random, &pairs->set[PAIR_RANDOM]);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_sort(&pairs->set[kind]);
	pfree(owner);
	pfree(genuine_index);
	pfree(group);
}
