/*
 * embedding.h: the SQL types embedding and ball.
 *
 * An embedding knows the fingerprint of the model that made it and the distance that the model was trained for.
 * 16 + 4 n bytes; values are finite, and -0 is stored as 0, so that equal values have equal bytes.
 */
#ifndef SIAMESE_EMBEDDING_H
#define SIAMESE_EMBEDDING_H

#include "postgres.h"

#include "fmgr.h"

#include "common/metric.h"

#define EMBEDDING_VERSION 1

typedef struct Embedding
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint16		dimensions;		/* 1 .. LIMIT_DIMENSIONS */
	uint8		metric;			/* a Metric */
	uint8		version;		/* EMBEDDING_VERSION */
	uint64		model;			/* fingerprint, 0: unbound */
	float		x[FLEXIBLE_ARRAY_MEMBER];
} Embedding;

/* All embeddings within radius of the centre, by the centre's distance. */
typedef struct Ball
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	int32		padding;		/* 0 */
	double		radius;			/* 0 .. infinity */
	double		center[FLEXIBLE_ARRAY_MEMBER];	/* an Embedding with a four-byte header */
} Ball;

#define EMBEDDING_SIZE(dimensions) (offsetof(Embedding, x) + sizeof(float) * (Size) (dimensions))
#define BALL_SIZE(dimensions) (offsetof(Ball, center) + EMBEDDING_SIZE(dimensions))

/* Detoasted, aligned, the header checked (ERRCODE_DATA_CORRUPTED); never write to it: it may be the stored row. */
extern Embedding *embedding_of_datum(Datum datum);
extern Ball *ball_of_datum(Datum datum);

#define DatumGetEmbedding(datum) embedding_of_datum(datum)
#define EmbeddingGetDatum(embedding) PointerGetDatum(embedding)
#define PG_GETARG_EMBEDDING(n) DatumGetEmbedding(PG_GETARG_DATUM(n))
#define PG_RETURN_EMBEDDING(embedding) PG_RETURN_POINTER(embedding)

#define DatumGetBall(datum) ball_of_datum(datum)
#define PG_GETARG_BALL(n) DatumGetBall(PG_GETARG_DATUM(n))
#define PG_RETURN_BALL(ball) PG_RETURN_POINTER(ball)

/* Whether it is the type embedding of this extension, or the one of that name; not for each row: it reads catalogs. */
extern bool embedding_is_type(Oid type);
extern bool embedding_is_own_type(Oid type, const char *name);

/* A new one in the CurrentMemoryContext, all values 0; raises unless 1 <= dimensions <= LIMIT_DIMENSIONS. */
extern Embedding *embedding_make(int dimensions, Metric metric, uint64 model);

/*
 * Raises unless every value is finite, and turns -0 into 0: the last step of whoever fills the values of
 * embedding_make().
 */
extern void embedding_finish(Embedding *embedding);

/* Raises unless both are of the same model, distance and dimensions. */
extern void embedding_check_comparable(const Embedding *a, const Embedding *b);

/* The distance that the model was trained for, after embedding_check_comparable(). */
extern double embedding_distance(const Embedding *a, const Embedding *b);

/* Total order by distance, model, dimensions, values: -1, 0, 1; never raises. */
extern int	embedding_compare(const Embedding *a, const Embedding *b);

extern Ball *ball_make(const Embedding *center, double radius);

static inline const Embedding *
ball_center(const Ball *ball)
{
	return (const Embedding *) ball->center;
}

/* Raises as embedding_distance() does. */
extern bool ball_contains(const Ball *ball, const Embedding *embedding);

#endif
