/*
 * reference_calibration_fit.h: the calibration of references, from examples.
 */
#ifndef SIAMESE_REFERENCE_CALIBRATION_FIT_H
#define SIAMESE_REFERENCE_CALIBRATION_FIT_H

#include "postgres.h"

#include "model/stored_calibration.h"
#include "training/elastic_table.h"
#include "training/example_pairs.h"
#include "verification/score.h"

/*
 * In the current memory context; elastic: of the same examples, NULL if they are no trajectories; pairs: example_pairs() of the same
 * examples, for their identities and groups.  own: NULL, or the model's own calibration where the examples have no forgeries: then its
 * variances and weights stay, and its scores are moved (calibration_transfer()).
 */
extern ReferenceCalibration *reference_calibration_fit(const EmbeddedExamples *embedded, const ElasticTable *elastic,
													   const ReferenceCalibration *own, uint64 seed, const PairDistances *pairs);

/*
 * How many times as far as the own calibration states the median genuine sample lies from a reference of one sample; 1 if that is not
 * known.
 */
extern double reference_calibration_ratio(const ReferenceCalibration *own, const ReferenceCalibration *here);

#endif
