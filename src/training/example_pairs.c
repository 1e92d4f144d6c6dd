/*
 * example_pairs.c: which two of many embeddings make a genuine pair, a random or a skilled impostor, and how far apart they are.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "distance/distance.h"
#include "training/training.h"

/* What one identity offers among the embeddings: genuine ones at first, forged ones after them. */
typedef struct Person
{
	int			first;
	int			genuine;
	int			forged;
} Person;

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
walk_random_pairs(PairWalk *walk, const Person *person, int persons, const int *owner, int genuine_total,
				  const int *genuine_index, int64 limit, Random *random, PairSet *set)
{
	int64		total = (int64) genuine_total * (genuine_total - 1) / 2;

	for (int p = 0; p < persons; p++)
		total -= (int64) person[p].genuine * (person[p].genuine - 1) / 2;
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

/* Which group each sample is of, by the groups of these labels alone; identities where the examples have no groups. */
static void
number_groups(const Examples *examples, const int *labels, int label_count, PairDistances *pairs)
{
	int		   *number;
	int			sample = 0;

	pairs->group = pairs->identity;
	pairs->groups = pairs->identities;
	if (!examples->grouped)
		return;
	pairs->group = palloc_extended(sizeof(int32) * Max(pairs->samples, 1), MCXT_ALLOC_HUGE);
	pairs->groups = 0;
	number = palloc_extended(sizeof(int) * (examples->groups + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int p = 0; p < label_count; p++)
	{
		const ExampleLabel *label = &examples->label[labels[p]];

		if (number[label->group] == 0)
			number[label->group] = ++pairs->groups;
		for (int k = 0; k < label->genuine + label->forged; k++)
			pairs->group[sample++] = number[label->group] - 1;
	}
	pfree(number);
}

void
example_pairs(const Examples *examples, const int *labels, int label_count, const float *embedding,
				 Metric metric, int dimensions, int64 limit, uint64 seed, PairDistances *pairs)
{
	Person	   *person = palloc(sizeof(Person) * Max(label_count, 1));
	PairWalk	walk = {embedding, metric, dimensions, 0};
	Random		random = random_stream(seed, 3);
	int64		genuine_pairs = 0;
	int64		skilled_pairs = 0;
	int			count = 0;
	int			genuine_total = 0;
	int		   *owner;
	int		   *genuine_index;

	for (int p = 0; p < label_count; p++)
	{
		const ExampleLabel *label = &examples->label[labels[p]];

		person[p] = (Person) {count, label->genuine, label->forged};
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
	for (int p = 0; p < label_count; p++)
		for (int k = 0; k < person[p].genuine + person[p].forged; k++)
			pairs->identity[person[p].first + k] = p;
	number_groups(examples, labels, label_count, pairs);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&pairs->set[kind]);

	for (int p = 0; p < label_count; p++)
		for (int a = 0; a < person[p].genuine; a++)
		{
			owner[genuine_total] = p;
			genuine_index[genuine_total++] = person[p].first + a;
			for (int b = a + 1; b < person[p].genuine; b++)
				if (taken(&random, genuine_pairs, limit))
					add_pair(&walk, &pairs->set[PAIR_GENUINE], person[p].first + a, person[p].first + b);
			for (int b = 0; b < person[p].forged; b++)
				if (taken(&random, skilled_pairs, limit))
					add_pair(&walk, &pairs->set[PAIR_SKILLED], person[p].first + a, person[p].first + person[p].genuine + b);
		}
	walk_random_pairs(&walk, person, label_count, owner, genuine_total, genuine_index, limit, &random, &pairs->set[PAIR_RANDOM]);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_sort(&pairs->set[kind]);
	pfree(owner);
	pfree(genuine_index);
	pfree(person);
}
