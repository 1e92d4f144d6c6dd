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
 * examples, for their identities and groups.
 */
extern ReferenceCalibration *reference_calibration_fit(const EmbeddedExamples *embedded, const ElasticTable *elastic, uint64 seed,
													   const PairDistances *pairs);

#endif
