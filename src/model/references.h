/*
 * references.h: what a model knows of references: how people vary in general, and what a distance to a reference means.
 *
 * Fitted on held-out identities and stored with the model's calibration, under "references":
 *
 *     {"variance": [0.1, ...],                   of each component within a person, over people
 *      "sizes": [{"references": 1,               a reference of 1, 3 or 6 embeddings: distances differ
 *                 "rejected": [[0.01, 1.9], ...],    share of genuine ones beyond a distance, falling
 *                 "scores": {...}}, ...]}        as the calibration of pairs, see calibration_json.c
 */
#ifndef SIAMESE_REFERENCES_H
#define SIAMESE_REFERENCES_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "embedding/reference.h"
#include "model/model.h"

#define REFERENCE_SIZES 3
#define REFERENCE_REJECTED 16
#define REFERENCE_SUPPORT 5		/* genuine ones that must lie beyond a distance before their share is believed */

typedef struct ReferenceScores
{
	int			references;		/* embeddings in the reference */
	ModelCalibration scores;
	int			rejected;
	double		rate[REFERENCE_REJECTED];	/* falling */
	double		threshold[REFERENCE_REJECTED];	/* rising */
} ReferenceScores;

typedef struct ReferenceCalibration
{
	int			dimensions;
	float	   *variance;		/* [dimensions] */
	int			sizes;			/* 0: there were too few people or samples */
	ReferenceScores size[REFERENCE_SIZES];	/* rising number of references */
} ReferenceCalibration;

extern const int reference_sizes[REFERENCE_SIZES];

/* Fills size from pairs whose distances are those of references with so many embeddings: needs genuine and impostors. */
extern void reference_scores_fit(const PairDistances *pairs, int references, uint64 seed, ReferenceScores *scores);

/* The size that stands for a reference of count embeddings. */
extern const ReferenceScores *reference_scores_of(const ReferenceCalibration *calibration, int count);

/* The threshold beyond which lies at most this share of genuine ones; raises when the held-out data cannot support it. */
extern double reference_rejected_threshold(const ReferenceScores *scores, double frr);

/* The calibration with the references' part; NULL references: without. */
extern Jsonb *calibration_with_references(Jsonb *calibration, const ReferenceCalibration *references);

/* In the current memory context; NULL if there is no such part.  Raises "model is damaged" if it is not what it must be. */
extern ReferenceCalibration *references_from_jsonb(Jsonb *calibration);

/* Of the calibration that model_calibration() gives, and valid as long; NULL if it has no such part (lookup.c). */
extern const ReferenceCalibration *model_references(uint64 fingerprint);

/*
 * What is known of people for a reference, read as the current user; NULL: nothing.  Raises when it does not fit, or when
 * the model of the reference is not here.  Valid until the end of the transaction (verify_reference.c).
 */
extern const ReferenceCalibration *references_of(const Reference *reference);

#endif
