/*
 * decision_rules.c: one decision from the distances to several reference samples, as with five signatures on file.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "distance/distance.h"
#include "evaluation/decision_rules.h"
#include "evaluation/evaluation.h"
#include "model/stored_calibration.h"
#include "training/examples.h"
#include "verification/score.h"

const char *
decision_rule_name(DecisionRule rule)
{
	return rule == DECISION_MEAN ? "mean" : rule == DECISION_LEAST ? "least" : "adjusted";
}

/* The references of one label, and how far they are from each other. */
typedef struct ReferenceSet
{
	int			label;
	int		   *sample;			/* [genuine of the label], by row; the first refs are the references */
	double		own;			/* mean distance between two references; 0 if there is only one */
} ReferenceSet;

static int
compare_rows(const void *a, const void *b, void *argument)
{
	const Example *example = argument;
	int			x = example[*(const int *) a].slot;
	int			y = example[*(const int *) b].slot;

	return (x > y) - (x < y);
}

/*
 * What a walk over all decisions does with the distances: without known it needs none and collects in wanted which pairs of samples are
 * to be measured, of a network of pairs; then known has them, sorted by samples.  For embeddings neither is used.
 */
typedef struct DecisionWalk
{
	const Evaluation *evaluation;
	int			refs;
	PairSet    *wanted;
	const PairSet *known;
	PairDistances *pairs;		/* [DECISION_RULES] */
} DecisionWalk;

static int
compare_samples(const void *a, const void *b)
{
	const Pair *x = a;
	const Pair *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return (x->b > y->b) - (x->b < y->b);
}

static double
sample_distance(const DecisionWalk *walk, int a, int b)
{
	const Evaluation *evaluation = walk->evaluation;
	int			dimensions = evaluation->model->dimensions;
	const Pair	key = {.a = Min(a, b), .b = Max(a, b)};

	if (walk->wanted != NULL)
	{
		pair_set_add(walk->wanted, 0, key.a, key.b);
		return 0;
	}
	if (walk->known != NULL)
		return ((const Pair *) bsearch(&key, walk->known->pair, walk->known->count, sizeof(Pair), compare_samples))->distance;
	return distance_between(evaluation->model->metric, evaluation->embedding + (Size) a * dimensions,
							evaluation->embedding + (Size) b * dimensions, dimensions);
}

static void
make_set(const DecisionWalk *walk, int label, ReferenceSet *set)
{
	const Examples *examples = walk->evaluation->examples;
	const ExampleLabel *who = &examples->label[label];

	set->label = label;
	set->sample = palloc(sizeof(int) * who->genuine);
	for (int i = 0; i < who->genuine; i++)
		set->sample[i] = who->first + i;
	qsort_arg(set->sample, who->genuine, sizeof(int), compare_rows, examples->example);
}

static void
measure_set(const DecisionWalk *walk, ReferenceSet *set)
{
	int			refs = walk->refs;
	double		sum = 0;

	for (int i = 0; i < refs; i++)
		for (int k = i + 1; k < refs; k++)
			sum += sample_distance(walk, set->sample[i], set->sample[k]);
	set->own = refs > 1 ? sum / (refs * (refs - 1.0) / 2) : 0;
}

/* Compares a sample with the references: one pair for each rule. */
static void
add_decision(const DecisionWalk *walk, const ReferenceSet *set, int sample, PairKind kind)
{
	double		sum = 0;
	double		least = INFINITY;
	double		value[DECISION_RULES];

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < walk->refs; i++)
	{
		double		distance = sample_distance(walk, set->sample[i], sample);

		sum += distance;
		least = Min(least, distance);
	}
	if (walk->wanted != NULL)
		return;
	value[DECISION_MEAN] = sum / walk->refs;
	value[DECISION_LEAST] = least;
	value[DECISION_ADJUSTED] = (sum / walk->refs + least - set->own) / 2;
	for (int rule = 0; rule < DECISION_RULES; rule++)
		pair_set_add(&walk->pairs[rule].set[kind], value[rule], set->sample[0], sample);
}

/* All decisions of all sets; the same ones each time. */
static void
walk_decisions(const DecisionWalk *walk, ReferenceSet *set, int sets)
{
	const Examples *examples = walk->evaluation->examples;
	Random		random = random_stream(walk->evaluation->seed, 5);
	double		most = EVALUATION_PAIRS;
	double		total = 0;

	if (walk->evaluation->measure != NULL)
		most = (double) evaluation_most_pairs(walk->evaluation) / walk->refs;
	for (int label = 0; label < examples->labels; label++)
		total += examples->label[label].genuine;
	for (int s = 0; s < sets; s++)
	{
		const ExampleLabel *who = &examples->label[set[s].label];

		measure_set(walk, &set[s]);
		for (int i = walk->refs; i < who->genuine; i++)
			add_decision(walk, &set[s], set[s].sample[i], PAIR_GENUINE);
		for (int i = 0; i < who->forged; i++)
			add_decision(walk, &set[s], who->first + who->genuine + i, PAIR_SKILLED);
		for (int i = 0; i < examples->count; i++)
			if (examples->example[i].genuine && examples->example[i].label != set[s].label &&
				(total * sets <= most || random_uniform(&random) * total * sets < most))
				add_decision(walk, &set[s], i, PAIR_RANDOM);
	}
}

void
decision_pairs(const Evaluation *evaluation, int refs, PairDistances *pairs)
{
	const Examples *examples = evaluation->examples;
	ReferenceSet *set = palloc_extended(sizeof(ReferenceSet) * Max(examples->labels, 1), MCXT_ALLOC_HUGE);
	DecisionWalk walk = {.evaluation = evaluation, .refs = refs, .pairs = pairs};
	PairSet		measured;
	int			sets = 0;

	for (int rule = 0; rule < DECISION_RULES; rule++)
	{
		pairs[rule] = evaluation->pairs;	/* for its identities and groups */
		for (int kind = 0; kind < PAIR_KINDS; kind++)
			pair_set_init(&pairs[rule].set[kind]);
	}
	for (int label = 0; label < examples->labels; label++)
		if (examples->label[label].genuine > refs)
			make_set(&walk, label, &set[sets++]);
	if (sets == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no label of the examples has more than %d genuine samples", refs),
				 errdetail("The first %d of a label are its references; at least one more is needed to compare with them.",
						   refs)));
	if (evaluation->measure != NULL)
	{
		pair_set_init(&measured);
		walk.wanted = &measured;
		walk_decisions(&walk, set, sets);
		pair_measure_run(evaluation->measure, &measured);
		qsort(measured.pair, measured.count, sizeof(Pair), compare_samples);
		walk.wanted = NULL;
		walk.known = &measured;
	}
	walk_decisions(&walk, set, sets);
	for (int rule = 0; rule < DECISION_RULES; rule++)
		for (int kind = 0; kind < PAIR_KINDS; kind++)
			pair_set_sort(&pairs[rule].set[kind]);
}
