/*
 * embedding.c: making, opening and comparing embeddings and balls; type modifier and properties.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "distance/distance.h"
#include "embedding/embedding.h"
#include "embedding/embedding_internal.h"

PG_FUNCTION_INFO_V1(siamese_embedding_typmod_in);
PG_FUNCTION_INFO_V1(siamese_embedding_coerce);
PG_FUNCTION_INFO_V1(siamese_embedding_dimensions);
PG_FUNCTION_INFO_V1(siamese_embedding_metric);
PG_FUNCTION_INFO_V1(siamese_embedding_model);
PG_FUNCTION_INFO_V1(siamese_ball);
PG_FUNCTION_INFO_V1(siamese_ball_center);
PG_FUNCTION_INFO_V1(siamese_ball_radius);

/* ---- in C -------------------------------------------------------------------------------------------------------- */

static bool
embedding_is_sound(const Embedding *embedding, Size size)
{
	return size >= EMBEDDING_SIZE(1) && embedding->version == EMBEDDING_VERSION && embedding->metric < METRIC_COUNT &&
		size == EMBEDDING_SIZE(embedding->dimensions);
}

Embedding *
embedding_of_datum(Datum datum)
{
	Embedding  *embedding = (Embedding *) PG_DETOAST_DATUM(datum);

	if (unlikely(!embedding_is_sound(embedding, VARSIZE(embedding))))
		check_corrupted("embedding");
	return embedding;
}

Ball *
ball_of_datum(Datum datum)
{
	Ball	   *ball = (Ball *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(ball) < BALL_SIZE(1) || VARSIZE(ball_center(ball)) != VARSIZE(ball) - offsetof(Ball, center) ||
				 !embedding_is_sound(ball_center(ball), VARSIZE(ball_center(ball)))))
		check_corrupted("ball");
	return ball;
}

Embedding *
embedding_allocate(int dimensions, Metric metric, uint64 model)
{
	Embedding  *embedding = palloc0(EMBEDDING_SIZE(dimensions));

	SET_VARSIZE(embedding, EMBEDDING_SIZE(dimensions));
	embedding->dimensions = (uint16) dimensions;
	embedding->metric = (uint8) metric;
	embedding->version = EMBEDDING_VERSION;
	embedding->model = model;
	return embedding;
}

bool
embedding_is_own_type(Oid type, const char *name)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	bool		same = HeapTupleIsValid(tuple) && strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), name) == 0;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return same && getExtensionOfObject(TypeRelationId, type) == get_extension_oid("siamese", false);
}

bool
embedding_is_type(Oid type)
{
	return embedding_is_own_type(type, "embedding");
}

Embedding *
embedding_make(int dimensions, Metric metric, uint64 model)
{
	check_dimensions(dimensions, NULL);
	return embedding_allocate(dimensions, metric, model);
}

bool
embedding_finish_soft(Embedding *embedding, struct Node *escontext)
{
	for (int i = 0; i < embedding->dimensions; i++)
	{
		if (!check_finite(embedding->x[i], i, escontext))
			return false;
		if (embedding->x[i] == 0)
			embedding->x[i] = 0;	/* from -0, too */
	}
	return true;
}

void
embedding_finish(Embedding *embedding)
{
	embedding_finish_soft(embedding, NULL);
}

void
embedding_check_comparable(const Embedding *a, const Embedding *b)
{
	if (unlikely(a->model != b->model))
		check_different_models(a->model, b->model);
	if (unlikely(a->metric != b->metric))
		check_different_metrics((Metric) a->metric, (Metric) b->metric);
	if (unlikely(a->dimensions != b->dimensions))
		check_different_dimensions(a->dimensions, b->dimensions);
}

double
embedding_distance(const Embedding *a, const Embedding *b)
{
	embedding_check_comparable(a, b);
	return distance_between((Metric) a->metric, a->x, b->x, a->dimensions);
}

int
embedding_compare(const Embedding *a, const Embedding *b)
{
	if (a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	if (a->model != b->model)
		return a->model < b->model ? -1 : 1;
	if (a->dimensions != b->dimensions)
		return a->dimensions < b->dimensions ? -1 : 1;
	for (int i = 0; i < a->dimensions; i++)
		if (a->x[i] != b->x[i])
			return a->x[i] < b->x[i] ? -1 : 1;
	return 0;
}

Ball *
ball_make(const Embedding *center, double radius)
{
	Ball	   *ball;

	check_radius(radius, NULL);
	ball = palloc0(offsetof(Ball, center) + VARSIZE(center));
	SET_VARSIZE(ball, offsetof(Ball, center) + VARSIZE(center));
	ball->radius = radius == 0 ? 0 : radius;	/* no -0 */
	memcpy(ball->center, center, VARSIZE(center));
	return ball;
}

bool
ball_contains(const Ball *ball, const Embedding *embedding)
{
	return embedding_distance(ball_center(ball), embedding) <= ball->radius;
}

/* ---- in SQL ------------------------------------------------------------------------------------------------------ */

Datum
siamese_embedding_typmod_in(PG_FUNCTION_ARGS)
{
	int			count;
	int32	   *typmods = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &count);

	if (count != 1)
		check_typmod("There must be one number, not %d.", count);
	if (typmods[0] < 1 || typmods[0] > LIMIT_DIMENSIONS)
		check_typmod("The dimensions must be from 1 to %d, not %d.", LIMIT_DIMENSIONS, typmods[0]);
	PG_RETURN_INT32(typmods[0]);
}

Datum
siamese_embedding_coerce(PG_FUNCTION_ARGS)
{
	Embedding  *embedding = PG_GETARG_EMBEDDING(0);

	check_expected_dimensions(PG_GETARG_INT32(1), embedding->dimensions, NULL);
	PG_RETURN_EMBEDDING(embedding);
}

Datum
siamese_embedding_dimensions(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_EMBEDDING(0)->dimensions);
}

Datum
siamese_embedding_metric(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(metric_name((Metric) PG_GETARG_EMBEDDING(0)->metric)));
}

Datum
siamese_embedding_model(PG_FUNCTION_ARGS)
{
	uint64		model = PG_GETARG_EMBEDDING(0)->model;
	char		text[17];

	if (model == 0)
		PG_RETURN_NULL();
	snprintf(text, sizeof text, "%016llx", (unsigned long long) model);
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

Datum
siamese_ball(PG_FUNCTION_ARGS)
{
	PG_RETURN_BALL(ball_make(PG_GETARG_EMBEDDING(0), PG_GETARG_FLOAT8(1)));
}

Datum
siamese_ball_center(PG_FUNCTION_ARGS)
{
	const Embedding *center = ball_center(PG_GETARG_BALL(0));
	Embedding  *copy = palloc(VARSIZE(center));

	memcpy(copy, center, VARSIZE(center));
	PG_RETURN_EMBEDDING(copy);
}

Datum
siamese_ball_radius(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(PG_GETARG_BALL(0)->radius);
}
