/*
 * reference_decisions.c: distances of samples from references, by the function that verify(reference, sample) measures with.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "common/check.h"
#include "common/host.h"
#include "evaluation/evaluation.h"
#include "evaluation/reference_decisions.h"
#include "model/row_lookup.h"
#include "model/sql_samples.h"
#include "verification/reference_calibration.h"
#include "verification/verify.h"

#define DECISIONS 2000000		/* with random impostors at most, about ... */
#define ELASTIC_DECISIONS 50000 /* ... and with elastic matching, 40 us for each trajectory on file */

typedef struct Decisions
{
	const Evaluation *evaluation;
	const ReferenceCalibration *calibration;
	int			refs;
	bool		elastic;		/* samples are trajectories, and the calibration covers elastic matching */
	float	   *point;			/* [dimensions] */
	uint8	   *buffer;			/* of one sample */
	PairDistances pairs;
} Decisions;

int
evaluation_refs_argument(int refs)
{
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

static void
point_of(const Decisions *decisions, int sample, float *point)
{
	const Evaluation *evaluation = decisions->evaluation;
	int			dimensions = evaluation->model->dimensions;

	reference_point(evaluation->model->metric, evaluation->embedding + (Size) sample * dimensions, dimensions, point);
}

static void
sequence_of(const Decisions *decisions, int sample, ElasticSequence *sequence)
{
	const uint8 *raster;
	Status		status;

	examples_fetch(decisions->evaluation->examples, &sample, 1, decisions->buffer, &raster);
	if (!elastic_sequence_of_sample((const float *) (const void *) raster, decisions->evaluation->model->definition->pen.length,
									host_server(), sequence, &status))
		check_raise_status(&status);
}

/* The reference of the samples [refs]. */
static Reference *
make_reference(const Decisions *decisions, const int *sample)
{
	const Model *model = decisions->evaluation->model;
	int			refs = decisions->refs;
	float	   *point = palloc_extended(sizeof(float) * refs * model->dimensions, MCXT_ALLOC_HUGE);
	Reference  *reference;
	ElasticSequence sequence[REFERENCE_SEQUENCES];
	int			sequences = Min(refs, REFERENCE_SEQUENCES);

	for (int i = 0; i < refs; i++)
		point_of(decisions, sample[i], point + (Size) i * model->dimensions);
	reference = reference_of_points(point, refs, model->dimensions, model->metric, model->fingerprint, refs);
	pfree(point);
	if (!decisions->elastic)
		return reference;
	for (int i = 0; i < sequences; i++)
		sequence_of(decisions, sample[refs - sequences + i], &sequence[i]);
	return reference_with_sequences(reference, sequence, sequences);
}

static void
decide(Decisions *decisions, const Reference *reference, int first, int sample, PairKind kind)
{
	Question	question = {.point = decisions->point};
	ElasticSequence sequence;
	const ReferenceScores *scores;

	CHECK_FOR_INTERRUPTS();
	point_of(decisions, sample, decisions->point);
	if (decisions->elastic)
	{
		sequence_of(decisions, sample, &sequence);
		question.sequence = &sequence;
	}
	pair_set_add(&decisions->pairs.set[kind], verify_distance(reference, &question, decisions->calibration, &scores), first, sample);
	if (decisions->elastic)
		host_release(host_server(), sequence.value);
}

/* All decisions about one label; share: of the random impostors. */
static void
decide_label(Decisions *decisions, int label, double share, Random *random)
{
	const Examples *examples = decisions->evaluation->examples;
	const ExampleLabel *who = &examples->label[label];
	int		   *sample = palloc(sizeof(int) * who->genuine);
	Reference  *reference;

	for (int i = 0; i < who->genuine; i++)
		sample[i] = who->first + i;
	qsort_arg(sample, who->genuine, sizeof(int), compare_rows, examples->example);
	reference = make_reference(decisions, sample);
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

/* The calibration of references of the very version that was named. */
static const ReferenceCalibration *
references_for(const Evaluation *evaluation)
{
	const ReferenceCalibration *references;

	model_check_embeds(evaluation->model);
	references = model_references_of(evaluation->name);
	if (references == NULL)
		check_raise_no_references(evaluation->model->fingerprint);
	return references;
}

void
evaluation_of_references(Evaluation *evaluation, int refs)
{
	const Examples *examples = evaluation->examples;
	Decisions	decisions = {.evaluation = evaluation, .refs = refs, .pairs = evaluation->pairs};
	Random		random = random_stream(evaluation->seed, 5);
	double		impostors;
	double		most;

	decisions.calibration = references_for(evaluation);
	if (count_references(examples, refs, &impostors) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no label of the examples has more than %d genuine samples", refs),
				 errdetail("The first %d of a label are its references; at least one more is needed to compare with them.",
						   refs)));
	decisions.elastic = decisions.calibration->elastic_sizes > 0;
	decisions.point = palloc(sizeof(float) * evaluation->model->dimensions);
	decisions.buffer = palloc(examples->raster_bytes);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&decisions.pairs.set[kind]);
	most = decisions.elastic ? (double) ELASTIC_DECISIONS / Min(refs, REFERENCE_SEQUENCES) : DECISIONS;
	for (int label = 0; label < examples->labels; label++)
	{
		if (examples->label[label].genuine > refs)
			decide_label(&decisions, label, most / Max(impostors, 1), &random);
	}
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_sort(&decisions.pairs.set[kind]);
	evaluation->pairs = decisions.pairs;
	evaluation->calibration = reference_scores_of(decisions.calibration, refs, decisions.elastic)->scores;
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
	references = references_for(evaluation);
	evaluation->calibration = reference_scores_of(references, refs, references->elastic_sizes > 0)->scores;
}
