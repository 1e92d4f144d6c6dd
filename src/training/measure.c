/*
 * measure.c: a model on examples of the caller's choice: what evaluate(), roc(), thresholds(), reliability(), calibrate()
 * and report() begin with.
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/settings.h"
#include "training/training.h"

MemoryContext
measure_enter(MemoryContext *caller)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese evaluation", ALLOCSET_DEFAULT_SIZES);

	*caller = MemoryContextSwitchTo(scratch);
	return scratch;
}

void
measure_leave(MemoryContext scratch, MemoryContext caller)
{
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

void
measure_put(Datum *values, bool *nulls, int i, double value)
{
	nulls[i] = isnan(value);
	values[i] = Float8GetDatum(value);
}

void
measure_put_interval(Datum *values, bool *nulls, int i, ScoreInterval interval)
{
	measure_put(values, nulls, i, interval.low);
	measure_put(values, nulls, i + 1, interval.high);
}

void
measure_examples(const char *model, const char *query, uint64 seed, Measured *measured)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext inner;
	Examples   *examples;
	ThreadPool *pool;
	int		   *index;
	int		   *labels;

	measured->name = model;
	measured->model = model_by_name(model);
	measured->seed = seed;
	model_calibration_of(model, &measured->calibration);
	SPI_connect();
	inner = MemoryContextSwitchTo(context);
	examples = measured->examples = examples_read(query, measured->model->definition,
														(Size) maintenance_work_mem * 1024, 0);
	pool = thread_pool_create(setting_training_threads);
	index = palloc_extended(sizeof(int) * (examples->count + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < examples->count; i++)
		index[i] = i;
	labels = palloc_extended(sizeof(int) * (examples->labels + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < examples->labels; i++)
		labels[i] = i;
	measured->embedding = palloc_extended(sizeof(float) * Max((Size) examples->count * measured->model->dimensions, 1),
										  MCXT_ALLOC_HUGE);
	while (!evaluation_embed(measured->model->network, measured->model->weights, pool, examples, index, examples->count,
							 EVALUATION_SAMPLES, measured->embedding))
		CHECK_FOR_INTERRUPTS();
	evaluation_pairs(examples, labels, examples->labels, measured->embedding, measured->model->metric,
					 measured->model->dimensions, MEASURE_PAIRS, seed, &measured->pairs);
	pfree(index);
	pfree(labels);
	MemoryContextSwitchTo(inner);
	SPI_finish();
	if (measured->pairs.set[PAIR_GENUINE].count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no pair of genuine samples of one label"),
				 errhint("The second column of the examples tells who or what a sample shows.")));
	if (measured->pairs.set[PAIR_RANDOM].count == 0 && measured->pairs.set[PAIR_SKILLED].count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no pair of different identities"),
				 errdetail("All %d samples have the same label.", examples->count)));
}
