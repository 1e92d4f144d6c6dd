/*
 * verification.h: a distance -> a probability and a decision, of pairs and of references.
 */
#ifndef SIAMESE_VERIFICATION_H
#define SIAMESE_VERIFICATION_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "embedding/reference.h"
#include "model/model.h"
#include "verification/score.h"

/* ---- fitting (calibration_fit.c, isotonic.c) ----------------------------------------------------------------------- */

/*
 * calibration_fit.c.  Needs genuine pairs and impostors; where there are random and skilled ones, each kind weighs one
 * half for the probability, and a false-accept rate is that of the kind that is accepted more often.
 *
 * Probability: logistic regression, or isotonic regression with Laplace's rule (Brummer, du Preez 2006, "Application-
 * independent evaluation of speaker detection", section 5.2), whichever has the lower log loss in a cross-validation
 * over identities, or groups of them.  Rates: quantiles of the impostors' distances with intervals by bootstrap_pairs(); a rate is
 * supported when at least CALIBRATION_SUPPORT impostor pairs are accepted and its standard error is at most
 * CALIBRATION_RELATIVE_ERROR of it.
 */
#define CALIBRATION_SUPPORT 10.0
#define CALIBRATION_RELATIVE_ERROR 0.5

extern void calibration_fit(const PairDistances *pairs, uint64 seed, ModelCalibration *calibration);

/* A model whose distance says nothing of the identity is told from the others by nothing else. */
extern void calibration_warn_of_chance(const char *model, const ModelCalibration *calibration);

/* Probability of "the same identity" at this distance when a share prior (0 to 1, excluded) of the pairs is genuine. */
extern double calibration_probability(const ModelCalibration *calibration, double distance, double prior);

/*
 * The largest distance whose probability at this prior is one half; -infinity where none is so probable or the distance
 * says nothing, infinity where all are.
 */
extern double calibration_even_threshold(const ModelCalibration *calibration, double prior);

/* The threshold for a false-accept rate, -infinity where the distance says nothing; raises when the held-out impostors cannot support it. */
extern double calibration_threshold(const ModelCalibration *calibration, double far);

/* isotonic.c: shares of genuine and impostor pairs in bins of rising distance -> knots that never rise. */
typedef struct CalibrationBin
{
	double		distance;
	double		genuine;		/* shares of all genuine, of all impostor pairs: each sums to 1 */
	double		impostor;
} CalibrationBin;

/*
 * At most bins + 2 knots, by pooling adjacent violators (Ayer et al. 1955).  genuine_trial and impostor_trial: the share
 * of one more genuine pair beyond all others, and of one more impostor pair before all others, of which half is added.
 */
extern int	isotonic_fit(const CalibrationBin *bin, int bins, double largest, double genuine_trial, double impostor_trial,
						 CalibrationKnot *knot);

/* Two knots, at 0 and at the largest distance; Platt's targets (Platt 1999, section 2) from the same trials. */
extern int	logistic_fit(const CalibrationBin *bin, int bins, double largest, double genuine_trial, double impostor_trial,
						 CalibrationKnot *knot);

/* Log odds by linear interpolation. */
extern double knots_log_odds(const CalibrationKnot *knot, int knots, double distance);

/* ---- references (reference_scores.c) ------------------------------------------------------------------------------- */

#define REFERENCE_SUPPORT 5		/* genuine ones that must lie beyond a distance before their share is believed */

extern const int reference_sizes[REFERENCE_SIZES];

/* Fills size from pairs whose distances are those of references with so many embeddings: needs genuine and impostors. */
extern void reference_scores_fit(const PairDistances *pairs, int references, uint64 seed, ReferenceScores *scores);

/* The size that stands for a reference of count embeddings. */
extern const ReferenceScores *reference_scores_of(const ReferenceCalibration *calibration, int count);

/* The threshold beyond which lies at most this share of genuine ones; raises when the held-out data cannot support it. */
extern double reference_rejected_threshold(const ReferenceScores *scores, double frr);

/*
 * What is known of people for a reference, read as the current user; NULL: nothing.  Raises when it does not fit, or when
 * the model of the reference is not here.  Valid until the end of the transaction (verify_reference.c).
 */
extern const ReferenceCalibration *references_of(const Reference *reference);

/* ---- answers (verify.c) ------------------------------------------------------------------------------------------- */

/* What verify() returns, found out once for all rows of a query: it takes the function's fn_extra. */
extern TupleDesc verify_row(FunctionCallInfo fcinfo);

#endif
