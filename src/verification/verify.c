/*
 * verify.c: whether two embeddings, or two samples, are of the same identity: ~= and verify(a, b).
 *
 * Without a false-accept rate verify() decides by its probability: the same if it is at least one half.  So the decision
 * depends on siamese.prior, as the probability does.  ~= is an operator that an index supports; it depends on no such
 * setting and decides at even odds.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"

#include "common/check.h"
#include "common/settings.h"
#include "embedding/embedding.h"
#include "model/embed.h"
#include "model/model.h"
#include "model/pair_scorer.h"
#include "model/row_cache.h"
#include "model/sql_samples.h"
#include "model/stored_calibration.h"
#include "verification/calibration.h"
#include "verification/verify.h"

/* The calibration of two embeddings' common model; raises if they have none. */
static const ModelCalibration *
common_calibration(const Embedding *a, const Embedding *b)
{
	embedding_check_comparable(a, b);
	if (a->model == 0)
		check_raise_no_model();
	return model_calibration(a->model);
}

TupleDesc
verify_row(FunctionCallInfo fcinfo)
{
	TupleDesc	descriptor = fcinfo->flinfo->fn_extra;
	MemoryContext caller;

	if (descriptor != NULL)
		return descriptor;
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	fcinfo->flinfo->fn_extra = descriptor = BlessTupleDesc(CreateTupleDescCopy(descriptor));
	MemoryContextSwitchTo(caller);
	return descriptor;
}

PG_FUNCTION_INFO_V1(siamese_same);

Datum
siamese_same(PG_FUNCTION_ARGS)
{
	Embedding  *a = PG_GETARG_EMBEDDING(0);
	Embedding  *b = PG_GETARG_EMBEDDING(1);
	const ModelCalibration *calibration = common_calibration(a, b);

	PG_RETURN_BOOL(embedding_distance(a, b) <= calibration->threshold);
}

PG_FUNCTION_INFO_V1(siamese_same_ball);

/* All embeddings b with a ~= b. */
Datum
siamese_same_ball(PG_FUNCTION_ARGS)
{
	Embedding  *a = PG_GETARG_EMBEDDING(0);

	PG_RETURN_POINTER(ball_make(a, common_calibration(a, a)->threshold));
}

/* The row of verify() for this distance; far is argument n. */
static Datum
decide(FunctionCallInfo fcinfo, const ModelCalibration *calibration, double distance, int n)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	double		threshold = PG_ARGISNULL(n) ? calibration_even_threshold(calibration, setting_prior)
		: calibration_threshold(calibration, PG_GETARG_FLOAT8(n));

	values[0] = BoolGetDatum(distance <= threshold);
	values[1] = Float8GetDatum(calibration_probability(calibration, distance, setting_prior));
	values[2] = Float8GetDatum(distance);
	values[3] = Float8GetDatum(threshold);
	return HeapTupleGetDatum(heap_form_tuple(verify_row(fcinfo), values, nulls));
}

PG_FUNCTION_INFO_V1(siamese_verify);

Datum
siamese_verify(PG_FUNCTION_ARGS)
{
	Embedding  *a;
	Embedding  *b;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	a = PG_GETARG_EMBEDDING(0);
	b = PG_GETARG_EMBEDDING(1);
	PG_RETURN_DATUM(decide(fcinfo, common_calibration(a, b), embedding_distance(a, b), 2));
}

/* ---- samples -------------------------------------------------------------------------------------------------------- */

/* By a network with a layer "pair": minus the log odds of "the same". */
static double
distance_by_head(Model *model, Datum a, Datum b)
{
	const NetworkPair pair = {.a = 0, .b = 1};
	const Datum samples[] = {a, b};
	const uint8 *raster = model->raster;
	size_t		bytes = network_side_bytes(model->network);
	double		log_odds;
	Status		status;

	for (int i = 0; i < 2; i++)
	{
		if (!model_try_prepare_sample(model->definition, samples[i], model->raster, &status))
			check_raise_status(&status);
		while (!pair_scorer_sides(model->scorer, &raster, 1, model->side + i * bytes))
			CHECK_FOR_INTERRUPTS();
	}
	while (!pair_scorer_compare(model->scorer, model->side, &pair, 1, &log_odds, NULL))
		CHECK_FOR_INTERRUPTS();
	return -log_odds;
}

/* verify(a, b, model, far) of two images or two pens, whatever the model. */
static Datum
verify_samples(FunctionCallInfo fcinfo, NetworkInputKind kind)
{
	Model	   *model;
	double		distance;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	model = model_argument(fcinfo, 2, kind);
	if (model->scorer != NULL)
		distance = distance_by_head(model, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
	else
	{
		Embedding  *a = model_embed_datum(model, PG_GETARG_DATUM(0));

		distance = embedding_distance(a, model_embed_datum(model, PG_GETARG_DATUM(1)));
	}
	PG_RETURN_DATUM(decide(fcinfo, model_calibration(model->fingerprint), distance, 3));
}

PG_FUNCTION_INFO_V1(siamese_verify_images);

Datum
siamese_verify_images(PG_FUNCTION_ARGS)
{
	return verify_samples(fcinfo, INPUT_IMAGE);
}

PG_FUNCTION_INFO_V1(siamese_verify_pens);

Datum
siamese_verify_pens(PG_FUNCTION_ARGS)
{
	return verify_samples(fcinfo, INPUT_PEN);
}
