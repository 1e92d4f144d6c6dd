/*
 * stored_calibration.h: siamese.model.calibration: how a version turns distances into probabilities and thresholds.
 *
 * The room verification fits it and decides by it; here are its data and its form as jsonb.
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
	double		low;			/* both NaN if there are too few groups for an interval */
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
	double		rate;			/* false-accept rate: at most this share of each kind of impostor is accepted */
	double		threshold;
	ScoreInterval threshold_interval; /* 95 %, over identities: of the threshold that other people would give */
	ScoreInterval rate_interval;	/* 95 %: of the rate that this threshold has among other people */
	double		relative_error; /* standard error of the rate over the rate */
} CalibrationRate;

typedef struct CalibrationSource
{
	int			identities;
	int			groups;			/* of identities; 0: they are independent of each other */
	int			samples;
	int64		pairs[PAIR_KINDS];
} CalibrationSource;

/*
 * Fitted on identities that the model did not learn from.  The log odds of "the same identity" are linear between knots
 * and constant outside of them; distances of knots rise, their log odds never do.  Rates fall; those that the identities
 * cannot support are left out.
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
	CalibrationSource fitted_on;
} ModelCalibration;

/*
 * Whether the model is no better than chance: the log odds are the same at all distances.  That is fitted if the lower end
 * of the 95 % interval of the area under the ROC curve, or the area where there is no interval, is at most one half.  Then
 * no pair is "the same".
 */
extern bool calibration_is_chance(const ModelCalibration *calibration);
#define CALIBRATION_NO_THRESHOLD (-1e30)	/* below every distance; those of pair networks may be negative */

/* The form in siamese.model.calibration.  Reading raises "model is damaged" unless all of the above holds. */
extern Jsonb *calibration_to_jsonb(const ModelCalibration *calibration);
extern void calibration_from_jsonb(Jsonb *json, ModelCalibration *calibration);

/* ---- of references (stored_reference_calibration.c) ------------------------------------------------------------------- */

/*
 * Under the key "references" of the calibration:
 *
 *     {"variance": [0.1, ...],                   of each component within one identity, pooled over identities
 *      "sizes": [{"references": 1,               a reference of so many embeddings: distances differ
 *                 "rejected": [[0.01, 1.9], ...],    share of genuine samples beyond a distance, falling
 *                 "scores": {...}}, ...],        like the calibration of pairs, see stored_calibration.c
 *      "elastic": {"usual": 1.1,                 where there are specimens: mean elastic distance of two samples of one identity
 *                  "sizes": [{"weight": 0.5,     the same of fused distances; the share of the elastic one
 *                             ...}, ...]}}
 */
#define REFERENCE_SIZES 6
#define REFERENCE_REJECTED 16

typedef struct ReferenceScores
{
	int			references;		/* embeddings in the reference */
	double		weight;			/* of the elastic score in a fused distance, 0 to 1; else 0 */
	ModelCalibration scores;
	int			rejected;
	double		rate[REFERENCE_REJECTED];	/* falling */
	double		threshold[REFERENCE_REJECTED];	/* rising */
} ReferenceScores;

typedef struct ReferenceCalibration
{
	int			dimensions;
	float	   *variance;		/* [dimensions] */
	int			sizes;			/* 0: there were too few identities or samples */
	ReferenceScores size[REFERENCE_SIZES];	/* rising number of references */
	double		usual;			/* see elastic_score() */
	int			elastic_sizes;	/* 0: it has none */
	ReferenceScores elastic[REFERENCE_SIZES];
} ReferenceCalibration;

/* The calibration with the references' part added; as it is if references is NULL. */
extern Jsonb *calibration_with_references(Jsonb *calibration, const ReferenceCalibration *references);

/* In the current memory context; NULL if there is no such part.  Raises "model is damaged" if it is invalid. */
extern ReferenceCalibration *references_from_jsonb(Jsonb *calibration);

#endif
