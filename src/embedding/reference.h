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
 *
 * One that was made of a pen's trajectories, or of pictures of ink whose model has learned what forgeries look like, also keeps the last of
 * them as specimens, for elastic matching: what the embedding does not tell apart, a comparison point by point often does.
 */
#ifndef SIAMESE_REFERENCE_H
#define SIAMESE_REFERENCE_H

#include "postgres.h"

#include "fmgr.h"

#include "embedding/embedding.h"
#include "embedding/specimen.h"

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
	float		x[FLEXIBLE_ARRAY_MEMBER];	/* mean [dimensions], then variance [dimensions]: mean squares, not corrected; then
										 * specimens, if there are any (reference_specimens.c) */
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

/* ---- aggregates (reference_aggregate.c) ---------------------------------------------------------------------------- */

typedef struct ReferenceState ReferenceState;

/*
 * One more embedding, in the context of the aggregate; state NULL: the first one.  specimen: that of the same sample, copied; NULL for
 * one: the reference will have none.  Raises if embeddings or windows do not go together.  siamese_reference_final() makes the reference.
 */
extern ReferenceState *reference_state_add(ReferenceState *state, MemoryContext context, const Embedding *embedding,
										   const Specimen *specimen, int window);

/* Argument n, the default where it is absent or NULL; raises if it is out of range. */
extern int	reference_window_argument(FunctionCallInfo fcinfo, int n);

/* The reference with one more embedding, without its specimens.  Raises unless they are comparable. */
extern Reference *reference_updated(const Reference *old, const Embedding *embedding);

/* ---- specimens (reference_specimens.c) ----------------------------------------------------------------------------- */

#define REFERENCE_SPECIMENS 6	/* the last so many of the samples that count */

/*
 * A person's own mean distance is read together with what is usual, which counts like so many pairs.  Chosen on SVC2004 (0, 1, 3, 10).
 */
#define REFERENCE_OWN_SHRINKAGE 1.0
#define REFERENCE_LEAST_OWN 1e-6

/* How many it keeps: none, or Min(count, REFERENCE_SPECIMENS). */
extern int	reference_specimens(const Reference *reference);

/* Their kind; SPECIMEN_NONE if there are none. */
extern SpecimenKind reference_specimen_kind(const Reference *reference);

/* They point into the reference: specimen [reference_specimens()], the oldest first. */
extern void reference_get_specimens(const Reference *reference, Specimen *specimen);

/* Mean elastic distance among them; 0 for one. */
extern double reference_own_distance(const Reference *reference);

/* A copy with these specimens, of one kind, in place of its own. */
extern Reference *reference_with_specimens(const Reference *reference, const Specimen *specimen, int count);

/* Whether what stands behind the variances is nothing or specimens. */
extern bool reference_tail_is_valid(const Reference *reference);

/*
 * Elastic distances of a questioned sample from count ones on file -> one number, about 1 for the person: the mean of the mean
 * and the least, divided by the root of their own mean distance.  usual: that of people in general.
 */
extern double elastic_score(const double *distance, int count, double own, double usual);

/* ---- packed (reference_pack.c) ------------------------------------------------------------------------------------- */

/*
 * The reference in size bytes that reference::bytea gave (reference_pack.c); raises if they are none of so many
 * dimensions.
 */
#define REFERENCE_PACKED_HEADER 3
extern Reference *reference_unpack(const uint8 *byte, Size size, int dimensions, Metric metric, uint64 model);

#endif
