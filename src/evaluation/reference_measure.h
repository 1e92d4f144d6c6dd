/*
 * reference_measure.h: references made of examples, and distances of other examples from them, as verify(reference, sample) has them.
 */
#ifndef SIAMESE_REFERENCE_MEASURE_H
#define SIAMESE_REFERENCE_MEASURE_H

#include "embedding/reference.h"
#include "evaluation/evaluation.h"
#include "verification/reference_calibration.h"

typedef struct ReferenceMeasure
{
	const Evaluation *evaluation;
	const ReferenceCalibration *calibration;
	bool		elastic;		/* the samples are trajectories, and the calibration covers elastic matching */
	float	   *point;			/* [dimensions] */
	uint8	   *buffer;			/* of one sample */
} ReferenceMeasure;

/* The calibration of references of the very version that was named; raises if it has none, or compares pairs. */
extern const ReferenceCalibration *reference_measure_calibration(const Evaluation *evaluation);

/* In the current memory context. */
extern ReferenceMeasure reference_measure(const Evaluation *evaluation);

/* The reference of some examples [count]; palloc'd. */
extern Reference *reference_measure_make(const ReferenceMeasure *measure, const int *example, int count);

/* The distance of an example from it, and the scores that it goes with.  Raises on a cancel. */
extern double reference_measure_distance(const ReferenceMeasure *measure, const Reference *reference, int example,
										 const ReferenceScores **scores);

#endif
