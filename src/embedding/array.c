/*
 * array.c: embeddings from arrays, and back; their length and concatenation.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "embedding/embedding.h"

PG_FUNCTION_INFO_V1(siamese_embedding_of_array);
PG_FUNCTION_INFO_V1(siamese_embedding_to_real);
PG_FUNCTION_INFO_V1(siamese_to_embedding);
PG_FUNCTION_INFO_V1(siamese_l2_norm);
PG_FUNCTION_INFO_V1(siamese_l2_normalize);
PG_FUNCTION_INFO_V1(siamese_embedding_concat);

/* A decimal becomes the same float as in the text of an embedding. */
static float
float_of_numeric(Datum value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, value));
	float		number = strtof(text, NULL);

	pfree(text);
	return number;
}

/* The elements of an array of numeric, of variable length. */
static void
take_numerics(ArrayType *array, float *x)
{
	Datum	   *value;
	int			count;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &value, NULL, &count);
	for (int i = 0; i < count; i++)
		x[i] = float_of_numeric(value[i]);
	pfree(value);
}

/* An unbound embedding of an array of numbers; what overflows a float is refused as infinite. */
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
	switch (ARR_ELEMTYPE(array))
	{
		case FLOAT4OID:
			memcpy(embedding->x, ARR_DATA_PTR(array), dimensions * sizeof(float));
			break;
		case FLOAT8OID:
			for (int i = 0; i < dimensions; i++)
				embedding->x[i] = (float) ((const double *) ARR_DATA_PTR(array))[i];
			break;
		case INT4OID:
			for (int i = 0; i < dimensions; i++)
				embedding->x[i] = (float) ((const int32 *) ARR_DATA_PTR(array))[i];
			break;
		default:
			Assert(ARR_ELEMTYPE(array) == NUMERICOID);
			take_numerics(array, embedding->x);
			break;
	}
	embedding_finish(embedding);
	return embedding;
}

Datum
siamese_embedding_of_array(PG_FUNCTION_ARGS)
{
	Embedding  *embedding = embedding_of_array(PG_GETARG_ARRAYTYPE_P(0), METRIC_L2);

	check_expected_dimensions(PG_GETARG_INT32(1), embedding->dimensions, NULL);
	PG_RETURN_EMBEDDING(embedding);
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

/* ---- length, concatenation ----------------------------------------------------------------------------------------- */

static double
norm_of(const Embedding *embedding)
{
	double		sum = 0;

	for (int i = 0; i < embedding->dimensions; i++)
		sum += (double) embedding->x[i] * embedding->x[i];
	return sqrt(sum);
}

Datum
siamese_l2_norm(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(norm_of(PG_GETARG_EMBEDDING(0)));
}

/* For the distance cosine that is the same embedding of the model; for the others the result no longer belongs to the model. */
Datum
siamese_l2_normalize(PG_FUNCTION_ARGS)
{
	Embedding  *embedding = PG_GETARG_EMBEDDING(0);
	double		norm = norm_of(embedding);
	Embedding  *unit = embedding_make(embedding->dimensions, (Metric) embedding->metric,
									  embedding->metric == METRIC_COSINE ? embedding->model : 0);

	for (int i = 0; i < embedding->dimensions; i++)
		unit->x[i] = norm > 0 ? (float) (embedding->x[i] / norm) : 0;
	embedding_finish(unit);
	PG_RETURN_EMBEDDING(unit);
}

Datum
siamese_embedding_concat(PG_FUNCTION_ARGS)
{
	Embedding  *a = PG_GETARG_EMBEDDING(0);
	Embedding  *b = PG_GETARG_EMBEDDING(1);
	Embedding  *both;

	if (a->model != 0 || b->model != 0)
		check_concatenation("They are of a model, and the result would be none of its embeddings.");
	if (a->metric != b->metric)
		check_concatenation(psprintf("Their distances are %s and %s.", metric_name((Metric) a->metric), metric_name((Metric) b->metric)));
	both = embedding_make(a->dimensions + b->dimensions, (Metric) a->metric, 0);
	memcpy(both->x, a->x, sizeof(float) * a->dimensions);
	memcpy(both->x + a->dimensions, b->x, sizeof(float) * b->dimensions);
	PG_RETURN_EMBEDDING(both);
}
