/*
 * evaluate.c: siamese.evaluate(model, examples) and siamese.roc(model, examples, impostors): what a model is worth on
 * identities of the caller's choice.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/check.h"
#include "common/settings.h"
#include "training/training.h"

#define EVALUATION_PAIRS 2000000	/* of each kind; more are sampled */
#define EVALUATION_SEED 1
#define ROC_POINTS 200

/* Reads the examples, embeds them and measures their pairs. */
static void
measure(Model *model, const char *query, PairDistances *pairs)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext inner;
	Examples   *examples;
	ThreadPool *pool;
	int		   *index;
	int		   *labels;
	float	   *embedding;

	SPI_connect();
	inner = MemoryContextSwitchTo(context);
	examples = examples_read(query, model->definition, (Size) maintenance_work_mem * 1024);
	pool = thread_pool_create(setting_training_threads);
	index = palloc_extended(sizeof(int) * (examples->count + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < examples->count; i++)
		index[i] = i;
	labels = palloc_extended(sizeof(int) * (examples->labels + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < examples->labels; i++)
		labels[i] = i;
	embedding = palloc_extended(sizeof(float) * Max((Size) examples->count * model->dimensions, 1), MCXT_ALLOC_HUGE);
	while (!evaluation_embed(model->network, model->weights, pool, examples, index, examples->count, embedding))
		CHECK_FOR_INTERRUPTS();
	evaluation_pairs(examples, labels, examples->labels, embedding, model->metric, model->dimensions,
					 EVALUATION_PAIRS, EVALUATION_SEED, pairs);
	MemoryContextSwitchTo(inner);
	SPI_finish();
	if (pairs->genuine.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no pair of genuine samples of one label"),
				 errhint("The second column of the examples tells who or what a sample shows.")));
	if (pairs->random.count == 0 && pairs->skilled.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no pair of different identities"),
				 errdetail("All %d samples have the same label.", examples->count)));
}

static void
put_score(ReturnSetInfo *result, const char *kind, const PairDistances *pairs, const DistanceSet *impostor, double threshold)
{
	Score		score = score_distances(&pairs->genuine, impostor);
	double		far = score_accepted(impostor, threshold);
	double		frr = 1 - score_accepted(&pairs->genuine, threshold);
	Datum		values[9];
	bool		nulls[9] = {false};

	values[0] = CStringGetTextDatum(kind);
	values[1] = Int64GetDatum(pairs->genuine.count);
	values[2] = Int64GetDatum(impostor->count);
	values[3] = Float8GetDatum(score.eer);
	values[4] = Float8GetDatum(score.auc);
	values[5] = Float8GetDatum(1 - (far + frr) / 2);
	values[6] = Float8GetDatum(threshold);
	values[7] = Float8GetDatum(far);
	values[8] = Float8GetDatum(frr);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Everything of an evaluation goes with this context, also when the caller's lives on for many rows. */
static MemoryContext
enter_scratch(MemoryContext *caller)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese evaluation", ALLOCSET_DEFAULT_SIZES);

	*caller = MemoryContextSwitchTo(scratch);
	return scratch;
}

PG_FUNCTION_INFO_V1(siamese_evaluate);

Datum
siamese_evaluate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	MemoryContext scratch;
	PairDistances pairs;
	Model	   *model;
	double		threshold;

	InitMaterializedSRF(fcinfo, 0);
	scratch = enter_scratch(&caller);
	model = model_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	threshold = model_calibration(model->fingerprint)->threshold;
	measure(model, text_to_cstring(PG_GETARG_TEXT_PP(1)), &pairs);
	if (pairs.random.count > 0)
		put_score(result, "random", &pairs, &pairs.random, threshold);
	if (pairs.skilled.count > 0)
		put_score(result, "skilled", &pairs, &pairs.skilled, threshold);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(siamese_roc);

Datum
siamese_roc(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(2));
	bool		skilled = strcmp(kind, "skilled") == 0;
	MemoryContext caller;
	MemoryContext scratch;
	PairDistances pairs;
	DistanceSet *impostor;
	double		last = -1;

	if (!skilled && strcmp(kind, "random") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of impostors: \"%s\"", kind),
				 errhint("It is \"random\" (other identities) or \"skilled\" (forgeries).")));
	InitMaterializedSRF(fcinfo, 0);
	scratch = enter_scratch(&caller);
	measure(model_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0))), text_to_cstring(PG_GETARG_TEXT_PP(1)), &pairs);
	impostor = skilled ? &pairs.skilled : &pairs.random;
	if (impostor->count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the examples have no %s impostors", kind)));

	/* Thresholds at even shares of the genuine and of the impostor pairs, so that both ends of the curve are drawn. */
	for (int i = 0, k = 0; i <= ROC_POINTS || k <= ROC_POINTS;)
	{
		double		from_genuine = i > ROC_POINTS ? INFINITY
			: pairs.genuine.value[(pairs.genuine.count - 1) * (int64) i / ROC_POINTS];
		double		from_impostor = k > ROC_POINTS ? INFINITY
			: impostor->value[(impostor->count - 1) * (int64) k / ROC_POINTS];
		double		threshold = Min(from_genuine, from_impostor);
		Datum		values[3];
		bool		nulls[3] = {false};

		if (from_genuine <= from_impostor)
			i++;
		else
			k++;
		if (threshold == last)
			continue;
		last = threshold;
		values[0] = Float8GetDatum(threshold);
		values[1] = Float8GetDatum(score_accepted(impostor, threshold));
		values[2] = Float8GetDatum(1 - score_accepted(&pairs.genuine, threshold));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return (Datum) 0;
}
