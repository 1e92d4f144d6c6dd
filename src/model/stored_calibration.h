/*
 * stored_calibration.h: siamese.model.calibration: what a version's row says of distances, of pairs and of references.
 *
 * The room verification fits it and decides by it; here are its form and its checks.
 */
#ifndef SIAMESE_STORED_CALIBRATION_H
#define SIAMESE_STORED_CALIBRATION_H

#include "postgres.h"

#include "utils/jsonb.h"

/* ---- of pairs (stored_calibration.c) --------------------------------------------------------------------------------- */

typedef enum PairKind
{
	PAIR_GENUINE,				/* two genuine samples of one identity */
	PAIR_RANDOM,				/* genuine samples of two identities */
	PAIR_SKILLED				/* a genuine sample of an identity and a forgery of it */
} PairKind;

#define PAIR_KINDS 3

extern const char *pair_kind_name(PairKind kind);	/* "genuine", "random", "skilled" */

typedef struct ScoreInterval
{
	double		low;			/* both NaN where there are too few groups for an interval */
	double		high;
} ScoreInterval;

#define CALIBRATION_KNOTS 64
#define CALIBRATION_RATES 64

typedef enum CalibrationMethod
{
	CALIBRATION_LOGISTIC,
	CALIBRATION_ISOTONIC
} CalibrationMethod;

typedef struct CalibrationKnot
{
	double		distance;
	double		log_odds;
} CalibrationKnot;

typedef struct CalibrationRate
{
	double		rate;			/* false-accept rate: of each kind of impostor at most this share is accepted */
	double		threshold;
	ScoreInterval	threshold_interval; /* 95 %, over identities: where the threshold would lie for other people */
	ScoreInterval	rate_interval;	/* 95 %: the rate that this threshold has among other people */
	double		relative_error; /* standard error of the rate over the rate */
} CalibrationRate;

/*
 * Fitted on identities that the model did not learn from.  The log odds of "the same identity" are linear between knots
 * and constant outside of them; knots rise in distance and never rise in log odds.  Rates fall; those that the
 * identities cannot support are not there.
 */
typedef struct ModelCalibration
{
	double		threshold;		/* of "the same identity": where a genuine and an impostor pair are equally likely */
	double		prior;			/* the share of genuine pairs that the log odds stand for */
	CalibrationMethod method;
	int			knots;
	CalibrationKnot knot[CALIBRATION_KNOTS];
	int			rates;
	CalibrationRate rate[CALIBRATION_RATES];
	int			identities;		/* that it was fitted on */
	int			groups;			/* of them; 0: they are independent of each other */
	int			samples;
	int64		pairs[PAIR_KINDS];
} ModelCalibration;

/*
 * Whether the distance says nothing of the identity, the log odds being the same at any: so it is fitted where the area under
 * the ROC curve, or the lower end of its 95 % interval over groups, is at most one half.  Then nothing is "the same".
 */
extern bool calibration_says_nothing(const ModelCalibration *calibration);
#define CALIBRATION_NO_THRESHOLD (-1.0)	/* no distance is within it */

/* As it stands in siamese.model.calibration.  Reading raises "model is damaged" unless all of the above holds. */
extern Jsonb *calibration_to_jsonb(const ModelCalibration *calibration);
extern void calibration_from_jsonb(Jsonb *json, ModelCalibration *calibration);

/* ---- of references (stored_references.c) ----------------------------------------------------------------------------- */

/*
 * Under the key "references" of the calibration:
 *
 *     {"variance": [0.1, ...],                   of each component within a person, over people
 *      "sizes": [{"references": 1,               a reference of 1, 3 or 6 embeddings: distances differ
 *                 "rejected": [[0.01, 1.9], ...],    share of genuine ones beyond a distance, falling
 *                 "scores": {...}}, ...]}        as the calibration of pairs, see stored_calibration.c
 */
#define REFERENCE_SIZES 3
#define REFERENCE_REJECTED 16

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

/* The calibration with the references' part; NULL references: without. */
extern Jsonb *calibration_with_references(Jsonb *calibration, const ReferenceCalibration *references);

/* In the current memory context; NULL if there is no such part.  Raises "model is damaged" if it is not what it must be. */
extern ReferenceCalibration *references_from_jsonb(Jsonb *calibration);

#endif
