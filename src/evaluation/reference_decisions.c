/*
 * reference_decisions.c: distances of samples from references, by the function that verify(reference, sample) measures with.
 */
#include "postgres.h"

#include <math.h>

#include "evaluation/evaluation.h"
#include "evaluation/reference_decisions.h"
#include "evaluation/reference_measure.h"
#include "model/row_lookup.h"

#define DECISIONS 2000000		/* with random impostors at most, about ... */
#define ELASTIC_DECISIONS 50000 /* ... and with elastic matching, 40 us for each trajectory on file */

typedef struct Decisions
{
	ReferenceMeasure measure;
	int			refs;
	PairDistances pairs;
} Decisions;

int
evaluation_refs_argument(FunctionCallInfo fcinfo, int number)
{
	int			refs = number < PG_NARGS() ? PG_GETARG_INT32(number) : 0;

	if (refs < 0 || refs > LARGEST_REFS)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of references is out of range: %d", refs),
				 errdetail("It must be from 0 to %d.", LARGEST_REFS)));
	return refs;
}

static int
compare_rows(const void *a, const void *b, void *argument)
{
	const Example *example = argument;
	int			x = example[*(const int *) a].slot;
	int			y = example[*(const int *) b].slot;

	return (x > y) - (x < y);
}

int *
evaluation_in_row_order(const Examples *examples, int label)
{
	const ExampleLabel *who = &examples->label[label];
	int		   *sample = palloc(sizeof(int) * Max(who->genuine, 1));

	for (int i = 0; i < who->genuine; i++)
		sample[i] = who->first + i;
	qsort_arg(sample, who->genuine, sizeof(int), compare_rows, examples->example);
	return sample;
}

static void
decide(Decisions *decisions, const Reference *reference, int first, int sample, PairKind kind)
{
	const ReferenceScores *scores;

	pair_set_add(&decisions->pairs.set[kind], reference_measure_distance(&decisions->measure, reference, sample, &scores), first, sample);
}

/* All decisions about one label; share: of the random impostors. */
static void
decide_label(Decisions *decisions, int label, double share, Random *random)
{
	const Examples *examples = decisions->measure.evaluation->examples;
	const ExampleLabel *who = &examples->label[label];
	int		   *sample = evaluation_in_row_order(examples, label);
	Reference  *reference;

	reference = reference_measure_make(&decisions->measure, sample, decisions->refs);
	for (int i = decisions->refs; i < who->genuine; i++)
		decide(decisions, reference, sample[0], sample[i], PAIR_GENUINE);
	for (int i = 0; i < who->forged; i++)
		decide(decisions, reference, sample[0], who->first + who->genuine + i, PAIR_SKILLED);
	for (int i = 0; i < examples->count; i++)
	{
		if (examples->example[i].genuine && examples->example[i].label != label && (share >= 1 || random_uniform(random) < share))
			decide(decisions, reference, sample[0], i, PAIR_RANDOM);
	}
	pfree(reference);
	pfree(sample);
}

/* The number of labels with enough samples; *impostors: comparisons with samples of others, of all of them. */
static int
count_references(const Examples *examples, int refs, double *impostors)
{
	double		genuine = 0;
	int			references = 0;

	for (int label = 0; label < examples->labels; label++)
		genuine += examples->label[label].genuine;
	*impostors = 0;
	for (int label = 0; label < examples->labels; label++)
	{
		if (examples->label[label].genuine <= refs)
			continue;
		references++;
		*impostors += genuine - examples->label[label].genuine;
	}
	return references;
}

void
evaluation_decide(Evaluation *evaluation, int refs)
{
	const Examples *examples = evaluation->examples;
	Decisions	decisions = {.refs = refs, .pairs = evaluation->pairs};
	Random		random = random_stream(evaluation->seed, 5);
	double		impostors;
	double		most;

	if (refs == 0)
	{
		evaluation_pairs(evaluation);
		return;
	}
	decisions.measure = reference_measure(evaluation);
	if (count_references(examples, refs, &impostors) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no label of the examples has more than %d genuine samples", refs),
				 errdetail("The first %d of a label are its references; at least one more is needed to compare with them.",
						   refs)));
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&decisions.pairs.set[kind]);
	most = decisions.measure.elastic ? (double) ELASTIC_DECISIONS / Min(refs, REFERENCE_SPECIMENS) : DECISIONS;
	for (int label = 0; label < examples->labels; label++)
	{
		if (examples->label[label].genuine > refs)
			decide_label(&decisions, label, most / Max(impostors, 1), &random);
	}
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_sort(&decisions.pairs.set[kind]);
	evaluation->pairs = decisions.pairs;
	evaluation_need_impostors(evaluation);
	evaluation->calibration = reference_scores_of(decisions.measure.calibration, refs, decisions.measure.elastic)->scores;
}

void
evaluation_stated(const char *model, int refs, Evaluation *evaluation)
{
	const ReferenceCalibration *references;

	memset(evaluation, 0, sizeof *evaluation);
	evaluation->name = model;
	evaluation->model = model_by_name(model);
	model_calibration_of(model, &evaluation->calibration);
	if (refs == 0)
		return;
	references = reference_measure_calibration(evaluation);
	evaluation->calibration = reference_scores_of(references, refs, references->elastic_sizes > 0)->scores;
}
