/*
 * evaluation.c: a model on examples of the caller's choice, as evaluate(), roc(), thresholds(), reliability(), calibrate() and
 * report() all need it.
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/settings.h"
#include "evaluation/evaluation.h"
#include "model/model.h"
#include "model/row_lookup.h"
#include "model/stored_calibration.h"
#include "training/embed_examples.h"
#include "training/example_pairs.h"
#include "training/examples.h"

MemoryContext
evaluation_enter(MemoryContext *caller)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese evaluation", ALLOCSET_DEFAULT_SIZES);

	*caller = MemoryContextSwitchTo(scratch);
	return scratch;
}

void
evaluation_leave(MemoryContext scratch, MemoryContext caller)
{
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

void
evaluation_put(Datum *values, bool *nulls, int i, double value)
{
	nulls[i] = isnan(value);
	values[i] = Float8GetDatum(value);
}

void
evaluation_put_interval(Datum *values, bool *nulls, int i, ScoreInterval interval)
{
	evaluation_put(values, nulls, i, interval.low);
	evaluation_put(values, nulls, i + 1, interval.high);
}

EmbeddedExamples
evaluation_embedded(const Evaluation *evaluation)
{
	int			labels = evaluation->examples->labels;
	int		   *label = palloc_extended(sizeof(int) * Max(labels, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < labels; i++)
		label[i] = i;
	return (EmbeddedExamples) {
		.examples = evaluation->examples, .label = label, .labels = labels, .embedding = evaluation->embedding,
		.metric = evaluation->model->metric, .dimensions = evaluation->model->dimensions, .measure = evaluation->measure,
		.frame_distance = evaluation->model->definition->training.frame_distance
	};
}

/* Embeds all examples, in their order; or, for a network of pairs, makes what measures them. */
static void
embed_all(Evaluation *evaluation)
{
	const Model *model = evaluation->model;
	const Examples *examples = evaluation->examples;
	ThreadPool *pool = thread_pool_create(setting_training_threads);
	int		   *index = palloc_extended(sizeof(int) * (examples->count + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < examples->count; i++)
		index[i] = i;
	if (model->scorer != NULL)
	{
		evaluation->measure = pair_measure_create(model->network, model->weights, pool, examples, index, examples->count,
												  (Size) maintenance_work_mem * 1024);
		return;
	}
	evaluation->embedding = palloc_extended(sizeof(float) * Max((Size) examples->count * model->dimensions, 1), MCXT_ALLOC_HUGE);
	while (!embed_examples(model->network, model->weights, pool, examples, index, examples->count, EMBED_SAMPLES_AT_ONCE,
						   evaluation->embedding))
		CHECK_FOR_INTERRUPTS();
	pfree(index);
}

/* How many pairs of a kind are measured at most. */
int64
evaluation_most_pairs(const Evaluation *evaluation)
{
	if (evaluation->model->scorer == NULL)
		return EVALUATION_PAIRS;
	return pair_measure_limit(evaluation->model->network, EVALUATION_MULTIPLICATIONS, EVALUATION_PAIRS);
}

void
evaluation_run(const char *model, const char *query, uint64 seed, Evaluation *evaluation)
{
	ModelCalibration calibration;

	/* before the examples are embedded, which may take long */
	model_by_name(model);
	model_calibration_of(model, &calibration);
	evaluation_run_uncalibrated(model, query, seed, evaluation);
}

void
evaluation_run_uncalibrated(const char *model, const char *query, uint64 seed, Evaluation *evaluation)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext inner;
	EmbeddedExamples embedded;

	memset(evaluation, 0, sizeof *evaluation);
	evaluation->name = model;
	evaluation->model = model_by_name(model);
	evaluation->seed = seed;
	model_try_calibration_of(model, &evaluation->calibration);
	SPI_connect();
	inner = MemoryContextSwitchTo(context);
	evaluation->examples = examples_read(query, evaluation->model->definition, (Size) maintenance_work_mem * 1024, 0);
	embed_all(evaluation);
	embedded = evaluation_embedded(evaluation);
	example_identities(&embedded, &evaluation->pairs);
	MemoryContextSwitchTo(inner);
	SPI_finish();
}

void
evaluation_need_genuine(const PairDistances *pairs)
{
	if (pairs->set[PAIR_GENUINE].count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no pair of genuine samples of one label"),
				 errhint("The second column of the examples tells who or what a sample shows.")));
}

void
evaluation_need_impostors(const Evaluation *evaluation)
{
	if (evaluation->pairs.set[PAIR_RANDOM].count == 0 && evaluation->pairs.set[PAIR_SKILLED].count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no pair of different identities"),
				 errdetail("All %d samples have the same label.", evaluation->examples->count)));
}

void
evaluation_pairs(Evaluation *evaluation)
{
	EmbeddedExamples embedded = evaluation_embedded(evaluation);

	example_pairs(&embedded, evaluation_most_pairs(evaluation), evaluation->seed, &evaluation->pairs);
	evaluation_need_genuine(&evaluation->pairs);
	evaluation_need_impostors(evaluation);
}
