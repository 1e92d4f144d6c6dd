/*
 * average.c: the aggregate avg(embedding), the centroid; parallel.
 *
 * Sums are doubles.  For every distance it is the plain mean; the chord does not depend on the length of a vector, so
 * the mean of unit vectors needs no second normalisation.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"

#include "common/check.h"
#include "common/compat.h"
#include "embedding/embedding.h"

PG_FUNCTION_INFO_V1(siamese_average_add);
PG_FUNCTION_INFO_V1(siamese_average_combine);
PG_FUNCTION_INFO_V1(siamese_average_serialize);
PG_FUNCTION_INFO_V1(siamese_average_deserialize);
PG_FUNCTION_INFO_V1(siamese_average_final);

typedef struct Average
{
	int64		count;			/* of embeddings, at least 1 */
	Embedding  *origin;			/* dimensions, metric and model of all of them; the values do not matter */
	double	   *sum;			/* [dimensions] */
} Average;

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return context;
}

static Average *
average_make(MemoryContext context, int dimensions, Metric metric, uint64 model)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Average    *average = palloc(sizeof(Average));

	average->count = 0;
	average->origin = embedding_make(dimensions, metric, model);
	average->sum = palloc0(dimensions * sizeof(double));
	MemoryContextSwitchTo(old);
	return average;
}

Datum
siamese_average_add(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Average    *average = PG_ARGISNULL(0) ? NULL : (Average *) PG_GETARG_POINTER(0);
	Embedding  *embedding;

	if (PG_ARGISNULL(1))
	{
		if (average == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(average);
	}
	embedding = PG_GETARG_EMBEDDING(1);
	if (average == NULL)
		average = average_make(context, embedding->dimensions, (Metric) embedding->metric, embedding->model);
	else
		embedding_check_comparable(average->origin, embedding);
	average->count++;
	for (int i = 0; i < embedding->dimensions; i++)
		average->sum[i] += embedding->x[i];
	PG_RETURN_POINTER(average);
}

Datum
siamese_average_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Average    *a = PG_ARGISNULL(0) ? NULL : (Average *) PG_GETARG_POINTER(0);
	Average    *b = PG_ARGISNULL(1) ? NULL : (Average *) PG_GETARG_POINTER(1);

	if (b == NULL)
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	if (a == NULL)
		a = average_make(context, b->origin->dimensions, (Metric) b->origin->metric, b->origin->model);
	else
		embedding_check_comparable(a->origin, b->origin);
	a->count += b->count;
	for (int i = 0; i < b->origin->dimensions; i++)
		a->sum[i] += b->sum[i];
	PG_RETURN_POINTER(a);
}

Datum
siamese_average_serialize(PG_FUNCTION_ARGS)
{
	Average    *average;
	StringInfoData message;

	(void) aggregate_context(fcinfo);
	average = (Average *) PG_GETARG_POINTER(0);
	pq_begintypsend(&message);
	pq_sendint64(&message, average->count);
	pq_sendint16(&message, average->origin->dimensions);
	pq_sendint8(&message, average->origin->metric);
	pq_sendint64(&message, average->origin->model);
	for (int i = 0; i < average->origin->dimensions; i++)
		pq_sendfloat8(&message, average->sum[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

Datum
siamese_average_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *serialized;
	StringInfoData message;
	Average    *average;
	int64		count;
	int			dimensions;
	int			metric;
	uint64		model;

	(void) aggregate_context(fcinfo);
	serialized = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(serialized), VARSIZE_ANY_EXHDR(serialized));
	count = pq_getmsgint64(&message);
	dimensions = (uint16) pq_getmsgint(&message, 2);
	metric = pq_getmsgbyte(&message);
	model = (uint64) pq_getmsgint64(&message);
	average = average_make(CurrentMemoryContext, dimensions, (Metric) metric, model);
	average->count = count;
	for (int i = 0; i < dimensions; i++)
		average->sum[i] = pq_getmsgfloat8(&message);
	pq_getmsgend(&message);
	pfree(message.data);
	PG_RETURN_POINTER(average);
}

/* Leaves the state as it is: a window may ask again. */
Datum
siamese_average_final(PG_FUNCTION_ARGS)
{
	Average    *average;
	Embedding  *mean;

	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	average = (Average *) PG_GETARG_POINTER(0);
	mean = embedding_make(average->origin->dimensions, (Metric) average->origin->metric, average->origin->model);
	for (int i = 0; i < mean->dimensions; i++)
		mean->x[i] = (float) (average->sum[i] / (double) average->count);
	embedding_finish(mean);
	PG_RETURN_EMBEDDING(mean);
}
