/*
 * reference_calibration.h: a distance to a reference -> a probability and thresholds.
 */
#ifndef SIAMESE_REFERENCE_CALIBRATION_H
#define SIAMESE_REFERENCE_CALIBRATION_H

#include "postgres.h"

#include "model/stored_calibration.h"
#include "verification/score.h"

#define REFERENCE_SUPPORT 5		/* genuine samples that must lie beyond a distance for their share to be stated */

/* The numbers of embeddings that a reference is calibrated with. */
extern const int reference_sizes[REFERENCE_SIZES];

/* Fits scores to distances from references with so many embeddings; needs genuine pairs and impostors. */
extern void reference_scores_fit(const PairDistances *pairs, int references, uint64 seed, ReferenceScores *scores);

/* The scores of the largest calibrated size that is at most count, else of the smallest; fused: of fused distances. */
extern const ReferenceScores *reference_scores_of(const ReferenceCalibration *calibration, int count, bool fused);

/*
 * The distance of an embedding and the score of elastic matching, both about 1 for the person, as one: their geometric mean, in
 * which the elastic one has this weight, 0 to 1.
 */
extern double reference_fused_distance(double distance, double elastic, double weight);

/* The threshold that rejects at most this share of genuine samples; raises if the held-out data cannot support the rate. */
extern double reference_rejected_threshold(const ReferenceScores *scores, double frr);

#endif
