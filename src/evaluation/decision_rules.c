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

static double
sample_distance(const Evaluation *evaluation, int a, int b)
{
	int			dimensions = evaluation->model->dimensions;

	return distance_between(evaluation->model->metric, evaluation->embedding + (Size) a * dimensions,
							evaluation->embedding + (Size) b * dimensions, dimensions);
}

static void
make_set(const Evaluation *evaluation, int label, int refs, ReferenceSet *set)
{
	const ExampleLabel *who = &evaluation->examples->label[label];
	double		sum = 0;

	set->label = label;
	set->sample = palloc(sizeof(int) * who->genuine);
	for (int i = 0; i < who->genuine; i++)
		set->sample[i] = who->first + i;
	qsort_arg(set->sample, who->genuine, sizeof(int), compare_rows, evaluation->examples->example);
	for (int i = 0; i < refs; i++)
		for (int k = i + 1; k < refs; k++)
			sum += sample_distance(evaluation, set->sample[i], set->sample[k]);
	set->own = refs > 1 ? sum / (refs * (refs - 1.0) / 2) : 0;
}

/* Compares a sample with the references: one pair for each rule. */
static void
add_decision(const Evaluation *evaluation, const ReferenceSet *set, int refs, int sample, PairKind kind, PairDistances *pairs)
{
	double		sum = 0;
	double		least = INFINITY;
	double		value[DECISION_RULES];

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < refs; i++)
	{
		double		distance = sample_distance(evaluation, set->sample[i], sample);

		sum += distance;
		least = Min(least, distance);
	}
	value[DECISION_MEAN] = sum / refs;
	value[DECISION_LEAST] = least;
	value[DECISION_ADJUSTED] = (sum / refs + least - set->own) / 2;
	for (int rule = 0; rule < DECISION_RULES; rule++)
		pair_set_add(&pairs[rule].set[kind], value[rule], set->sample[0], sample);
}

void
decision_pairs(const Evaluation *evaluation, int refs, PairDistances *pairs)
{
	const Examples *examples = evaluation->examples;
	ReferenceSet *set = palloc_extended(sizeof(ReferenceSet) * Max(examples->labels, 1), MCXT_ALLOC_HUGE);
	Random		random = random_stream(evaluation->seed, 5);
	int			sets = 0;
	double		total = 0;

	for (int rule = 0; rule < DECISION_RULES; rule++)
	{
		pairs[rule] = evaluation->pairs;	/* for its identities and groups */
		for (int kind = 0; kind < PAIR_KINDS; kind++)
			pair_set_init(&pairs[rule].set[kind]);
	}
	for (int label = 0; label < examples->labels; label++)
	{
		total += examples->label[label].genuine;
		if (examples->label[label].genuine > refs)
			make_set(evaluation, label, refs, &set[sets++]);
	}
	if (sets == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no label of the examples has more than %d genuine samples", refs),
				 errdetail("The first %d of a label are its references; at least one more is needed to compare with them.",
						   refs)));
	for (int s = 0; s < sets; s++)
	{
		const ExampleLabel *who = &examples->label[set[s].label];

		for (int i = refs; i < who->genuine; i++)
			add_decision(evaluation, &set[s], refs, set[s].sample[i], PAIR_GENUINE, pairs);
		for (int i = 0; i < who->forged; i++)
			add_decision(evaluation, &set[s], refs, who->first + who->genuine + i, PAIR_SKILLED, pairs);
		for (int i = 0; i < examples->count; i++)
			if (examples->example[i].genuine && examples->example[i].label != set[s].label &&
				(total * sets <= EVALUATION_PAIRS || random_uniform(&random) * total * sets < EVALUATION_PAIRS))
				add_decision(evaluation, &set[s], refs, i, PAIR_RANDOM, pairs);
	}
	for (int rule = 0; rule < DECISION_RULES; rule++)
		for (int kind = 0; kind < PAIR_KINDS; kind++)
			pair_set_sort(&pairs[rule].set[kind]);
}
