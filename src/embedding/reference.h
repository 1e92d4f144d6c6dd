/*
 * reference.h: the SQL type reference: a person, known by several embeddings.
 *
 * Bromley 1993, section 6: a signer is a normal distribution with independent components over the network's outputs for
 * the last signatures.  For the distance "cosine" a component is that of the embedding's direction times the root of
 * the number of dimensions, so that it is about 1; for the others the embedding's own.
 *
 * A few signatures say little of how much a component varies, one says nothing: a reference is read together with the
 * variance that people have in general (of a model: on its held-out identities), which counts like REFERENCE_SHRINKAGE
 * further signatures.
 */
#ifndef SIAMESE_REFERENCE_H
#define SIAMESE_REFERENCE_H

#include "postgres.h"

#include "embedding/embedding.h"

#define REFERENCE_VERSION 1
#define REFERENCE_WINDOW 6		/* the last so many embeddings count, unless told otherwise */
#define REFERENCE_LARGEST_WINDOW 1000
#define REFERENCE_SHRINKAGE 8.0
#define REFERENCE_LARGEST_SPREAD 1e17	/* of a component: sums of some thousand squares stay within a float */

typedef struct Reference
{
	int32		vl_len_;		/* varlena header, do not touch directly */
	uint16		dimensions;		/* 1 .. LIMIT_DIMENSIONS */
	uint8		metric;			/* a Metric */
	uint8		version;		/* REFERENCE_VERSION */
	uint64		model;			/* fingerprint, 0: unbound */
	uint16		count;			/* of embeddings that it stands for: 1 .. window */
	uint16		window;			/* 1 .. REFERENCE_LARGEST_WINDOW */
	float		x[FLEXIBLE_ARRAY_MEMBER];	/* mean [dimensions], then variance [dimensions]: mean squares, not corrected */
} Reference;

#define REFERENCE_SIZE(dimensions) (offsetof(Reference, x) + 2 * sizeof(float) * (Size) (dimensions))

/* Detoasted, aligned, the header checked; never write to it. */
extern Reference *reference_of_datum(Datum datum);

#define PG_GETARG_REFERENCE(n) reference_of_datum(PG_GETARG_DATUM(n))

static inline const float *
reference_variance(const Reference *reference)
{
	return reference->x + reference->dimensions;
}

/* All values 0, count 0: the caller fills them.  Raises unless 1 <= dimensions <= LIMIT_DIMENSIONS. */
extern Reference *reference_make(int dimensions, Metric metric, uint64 model, int window);

/* Raises unless every spread is at most the largest, and turns -0 into 0: the last step of whoever fills the values. */
extern void reference_finish(Reference *reference);

/* Components of an embedding as a reference has them: point [dimensions]. */
extern void reference_point(Metric metric, const float *x, int dimensions, float *point);

/* A reference of count points [count, dimensions], the last ones of which count. */
extern Reference *reference_of_points(const float *point, int count, int dimensions, Metric metric, uint64 model, int window);

/* Raises unless the embedding is of the reference's model, distance and dimensions. */
extern void reference_check_comparable(const Reference *reference, const Embedding *embedding);

/*
 * How far a point is from the person, component by component in the person's own spreads: the mean of the absolute deviations,
 * about 0.8 for the person.  Not their root mean square, which a normal distribution would ask for: there a few outlying
 * components decide (SVC2004 with five references: 11.2 against 10.4 % equal error rate).
 * variance [dimensions]: people's in general; NULL: the mean of the reference's own, for all components the same.
 * The uncertainty of the mean of few embeddings is part of the spread.
 */
extern double reference_distance(const Reference *reference, const float *point, const float *variance);

/* The single deviations [dimensions] that it is made of: (point - mean) / spread. */
extern void reference_deviations(const Reference *reference, const float *point, const float *variance, float *deviation);

/*
 * The reference in size bytes that reference::bytea gave (reference_pack.c); raises if they are none of so many
 * dimensions.
 */
#define REFERENCE_PACKED_HEADER 3
extern Reference *reference_unpack(const uint8 *byte, Size size, int dimensions, Metric metric, uint64 model);

#endif
