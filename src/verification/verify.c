/*
 * verify.c: whether two embeddings are of the same identity: ~= and verify(a, b).
 *
 * Without a false-accept rate verify() decides by its probability: the same if it is at least one half.  So the decision
 * depends on siamese.prior, as the probability does.  ~= is an operator that an index supports; it depends on no such
 * setting and decides at even odds.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"

#include "common/check.h"
#include "common/settings.h"
#include "embedding/embedding.h"
#include "model/row_cache.h"
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

PG_FUNCTION_INFO_V1(siamese_verify);

Datum
siamese_verify(PG_FUNCTION_ARGS)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	Embedding  *a;
	Embedding  *b;
	const ModelCalibration *calibration;
	double		distance;
	double		threshold;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	a = PG_GETARG_EMBEDDING(0);
	b = PG_GETARG_EMBEDDING(1);
	calibration = common_calibration(a, b);
	distance = embedding_distance(a, b);
	threshold = PG_ARGISNULL(2) ? calibration_even_threshold(calibration, setting_prior)
		: calibration_threshold(calibration, PG_GETARG_FLOAT8(2));
	values[0] = BoolGetDatum(distance <= threshold);
	values[1] = Float8GetDatum(calibration_probability(calibration, distance, setting_prior));
	values[2] = Float8GetDatum(distance);
	values[3] = Float8GetDatum(threshold);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(verify_row(fcinfo), values, nulls)));
}
