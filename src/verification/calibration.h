/*
 * calibration.h: a distance -> a probability and a threshold.
 */
#ifndef SIAMESE_CALIBRATION_H
#define SIAMESE_CALIBRATION_H

#include "postgres.h"

#include "model/stored_calibration.h"
#include "verification/score.h"

/* ---- fitting (calibration_fit.c) ----------------------------------------------------------------------------------- */

/*
 * Needs genuine pairs and impostors.  If there are random and skilled ones, each kind has half of the weight in the
 * probability, and a false-accept rate is that of the kind that is accepted more often.
 *
 * Probability: logistic regression, or isotonic regression with Laplace's rule (Brummer, du Preez 2006, "Application-
 * independent evaluation of speaker detection", section 5.2), whichever has the lower log loss in a cross-validation
 * over identities, or groups of them.  Rates: quantiles of the impostors' distances with intervals by bootstrap_pairs(); a
 * rate is supported if at least CALIBRATION_SUPPORT impostor pairs are accepted and its standard error is at most
 * CALIBRATION_RELATIVE_ERROR of it.
 */
#define CALIBRATION_SUPPORT 10.0
#define CALIBRATION_RELATIVE_ERROR 0.5

extern void calibration_fit(const PairDistances *pairs, uint64 seed, ModelCalibration *calibration);

/*
 * The calibration for people of whom no forgeries are known: calibration, which was fitted to their genuine samples and random impostors,
 * becomes the model's own one, moved.  ratio: of the median distances of genuine samples, here and in the own one.  What forgeries do here is
 * not known, so half of the logarithm of the ratio moves the probability (as between two kinds of which one has moved), the more the more
 * people there are, whose number also flattens it; thresholds of rates stay, or are nearer if random impostors here ask for it.
 * Measured with "pen", trained on 400 synthetic signers: the expected calibration error on SVC2004 with one and five references was 20.3 and
 * 5.3 %; moved by 10 people, on the others, about 6 and 2 %.  Nothing is changed where either is no better than chance.
 */
extern void calibration_transfer(const ModelCalibration *own, double ratio, ModelCalibration *calibration);

/* ---- deciding (calibration.c) -------------------------------------------------------------------------------------- */

/* Warns if the model is no better than chance: nothing else would show it. */
extern void calibration_warn_of_chance(const char *model, const ModelCalibration *calibration);

/*
 * Warns if the thresholds rest on fewer than CALIBRATION_FEW identities, or groups of them; not if the model is no better than
 * chance, since it has no thresholds then.
 */
#define CALIBRATION_FEW 10

extern void calibration_warn_of_few(const char *model, const ModelCalibration *calibration);

/* Probability of "the same identity" at this distance, if a share prior (0 to 1, excluded) of the pairs is genuine. */
extern double calibration_probability(const ModelCalibration *calibration, double distance, double prior);

/*
 * The largest distance whose probability at this prior is one half; -infinity if none is that probable or the model is no
 * better than chance, infinity if all are.
 */
extern double calibration_even_threshold(const ModelCalibration *calibration, double prior);

/*
 * The threshold for a false-accept rate; -infinity if the model is no better than chance.  Raises if the held-out impostors cannot
 * support the rate.
 */
extern double calibration_threshold(const ModelCalibration *calibration, double far);

#endif
