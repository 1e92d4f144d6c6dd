/*
 * array.c: embeddings from arrays, and back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "embedding/embedding.h"

PG_FUNCTION_INFO_V1(siamese_embedding_of_real);
PG_FUNCTION_INFO_V1(siamese_embedding_of_double);
PG_FUNCTION_INFO_V1(siamese_embedding_to_real);
PG_FUNCTION_INFO_V1(siamese_to_embedding);

/* An unbound embedding of a real[] or double precision[]; what overflows a float is refused as infinite. */
static Embedding *
embedding_of_array(ArrayType *array, Metric metric)
{
	Embedding  *embedding;
	int			dimensions;

	if (ARR_NDIM(array) > 1)
		check_array_dimensions(ARR_NDIM(array));
	if (array_contains_nulls(array))
		check_array_nulls();
	dimensions = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	embedding = embedding_make(dimensions, metric, 0);
	if (ARR_ELEMTYPE(array) == FLOAT8OID)
	{
		const double *values = (const double *) ARR_DATA_PTR(array);

		for (int i = 0; i < dimensions; i++)
			embedding->x[i] = (float) values[i];
	}
	else
	{
		Assert(ARR_ELEMTYPE(array) == FLOAT4OID);
		memcpy(embedding->x, ARR_DATA_PTR(array), dimensions * sizeof(float));
	}
	embedding_finish(embedding);
	return embedding;
}

static Datum
cast_of_array(FunctionCallInfo fcinfo)
{
	Embedding  *embedding = embedding_of_array(PG_GETARG_ARRAYTYPE_P(0), METRIC_L2);

	check_expected_dimensions(PG_GETARG_INT32(1), embedding->dimensions, NULL);
	PG_RETURN_EMBEDDING(embedding);
}

Datum
siamese_embedding_of_real(PG_FUNCTION_ARGS)
{
	return cast_of_array(fcinfo);
}

Datum
siamese_embedding_of_double(PG_FUNCTION_ARGS)
{
	return cast_of_array(fcinfo);
}

Datum
siamese_to_embedding(PG_FUNCTION_ARGS)
{
	Metric		metric = check_metric_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_EMBEDDING(embedding_of_array(PG_GETARG_ARRAYTYPE_P(0), metric));
}

Datum
siamese_embedding_to_real(PG_FUNCTION_ARGS)
{
	Embedding  *embedding = PG_GETARG_EMBEDDING(0);
	Size		size = ARR_OVERHEAD_NONULLS(1) + embedding->dimensions * sizeof(float);
	ArrayType  *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = embedding->dimensions;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), embedding->x, embedding->dimensions * sizeof(float));
	PG_RETURN_ARRAYTYPE_P(array);
}
