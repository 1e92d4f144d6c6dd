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
 * not known; it is assumed that they keep their place beside genuine samples, so that probabilities move by the ratio, less of it the
 * fewer people there are, whose number also flattens them.  Thresholds of rates stay, or are nearer if random impostors here ask for it:
 * no forgery is let in on an assumption.  Nothing is changed where either is no better than chance.
 *
 * Half of the ratio, and three quarters, were tried on signers 11 to 25 of SVC2004 and writers 11 to 40 of CEDAR, with the pretrained models
 * moved by the first ten: the expected calibration errors (one and five references) were 15.0, 8.1 (pens) and 11.9, 15.8 % (scans) with half,
 * 5.5, 2.9 and 10.7, 14.1 % with all of it.
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
