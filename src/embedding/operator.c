/*
 * operator.c: distances, containment in a ball, total order and hash.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"

#include "common/check.h"
#include "common/compat.h"
#include "distance/distance.h"
#include "embedding/embedding.h"

PG_FUNCTION_INFO_V1(siamese_embedding_distance);
PG_FUNCTION_INFO_V1(siamese_l1_distance);
PG_FUNCTION_INFO_V1(siamese_l2_distance);
PG_FUNCTION_INFO_V1(siamese_cosine_distance);
PG_FUNCTION_INFO_V1(siamese_embedding_in_ball);
PG_FUNCTION_INFO_V1(siamese_ball_contains);
PG_FUNCTION_INFO_V1(siamese_embedding_eq);
PG_FUNCTION_INFO_V1(siamese_embedding_ne);
PG_FUNCTION_INFO_V1(siamese_embedding_lt);
PG_FUNCTION_INFO_V1(siamese_embedding_le);
PG_FUNCTION_INFO_V1(siamese_embedding_gt);
PG_FUNCTION_INFO_V1(siamese_embedding_ge);
PG_FUNCTION_INFO_V1(siamese_embedding_cmp);
PG_FUNCTION_INFO_V1(siamese_embedding_hash);
PG_FUNCTION_INFO_V1(siamese_embedding_hash_extended);

/* ---- distances --------------------------------------------------------------------------------------------------- */

Datum
siamese_embedding_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(embedding_distance(PG_GETARG_EMBEDDING(0), PG_GETARG_EMBEDDING(1)));
}

/* Two embeddings of equal dimensions, of whatever model. */
static void
get_plain_arguments(FunctionCallInfo fcinfo, Embedding **a, Embedding **b)
{
	*a = PG_GETARG_EMBEDDING(0);
	*b = PG_GETARG_EMBEDDING(1);
	if ((*a)->dimensions != (*b)->dimensions)
		check_different_dimensions((*a)->dimensions, (*b)->dimensions);
}

Datum
siamese_l1_distance(PG_FUNCTION_ARGS)
{
	Embedding  *a;
	Embedding  *b;

	get_plain_arguments(fcinfo, &a, &b);
	PG_RETURN_FLOAT8(distance_between(METRIC_L1, a->x, b->x, a->dimensions));
}

Datum
siamese_l2_distance(PG_FUNCTION_ARGS)
{
	Embedding  *a;
	Embedding  *b;

	get_plain_arguments(fcinfo, &a, &b);
	PG_RETURN_FLOAT8(distance_between(METRIC_L2, a->x, b->x, a->dimensions));
}

/* 1 - cos, as the field defines it: half the squared chord. */
Datum
siamese_cosine_distance(PG_FUNCTION_ARGS)
{
	Embedding  *a;
	Embedding  *b;

	get_plain_arguments(fcinfo, &a, &b);
	PG_RETURN_FLOAT8(distance_chord_squared(a->x, b->x, a->dimensions) / 2);
}

Datum
siamese_embedding_in_ball(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ball_contains(PG_GETARG_BALL(1), PG_GETARG_EMBEDDING(0)));
}

Datum
siamese_ball_contains(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(ball_contains(PG_GETARG_BALL(0), PG_GETARG_EMBEDDING(1)));
}

/* ---- order and hash ---------------------------------------------------------------------------------------------- */

/* Frees detoasted copies: index builds call this many times in one memory context. */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	Embedding  *a = PG_GETARG_EMBEDDING(0);
	Embedding  *b = PG_GETARG_EMBEDDING(1);
	int			order = embedding_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

Datum
siamese_embedding_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) == 0);
}

Datum
siamese_embedding_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) != 0);
}

Datum
siamese_embedding_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) < 0);
}

Datum
siamese_embedding_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) <= 0);
}

Datum
siamese_embedding_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) > 0);
}

Datum
siamese_embedding_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) >= 0);
}

Datum
siamese_embedding_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}

/* Equal embeddings have equal bytes behind the varlena header (no -0, no NaN), so the bytes are hashed. */
static const unsigned char *
hashed_bytes(const Embedding *embedding, int *length)
{
	*length = (int) (VARSIZE(embedding) - offsetof(Embedding, dimensions));
	return (const unsigned char *) embedding + offsetof(Embedding, dimensions);
}

Datum
siamese_embedding_hash(PG_FUNCTION_ARGS)
{
	Embedding  *embedding = PG_GETARG_EMBEDDING(0);
	int			length;
	const unsigned char *bytes = hashed_bytes(embedding, &length);
	uint32		hash = hash_bytes(bytes, length);

	PG_FREE_IF_COPY(embedding, 0);
	PG_RETURN_UINT32(hash);
}

Datum
siamese_embedding_hash_extended(PG_FUNCTION_ARGS)
{
	Embedding  *embedding = PG_GETARG_EMBEDDING(0);
	int			length;
	const unsigned char *bytes = hashed_bytes(embedding, &length);
	uint64		hash = hash_bytes_extended(bytes, length, (uint64) PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(embedding, 0);
	PG_RETURN_UINT64(hash);
}
