/*
 * thresholds.h: stated false-accept rates against those that examples show.
 */
#ifndef SIAMESE_THRESHOLDS_H
#define SIAMESE_THRESHOLDS_H

#include "evaluation/evaluation.h"
#include "model/stored_calibration.h"

typedef struct ThresholdCheck
{
	double		rate;			/* 0.1, 0.01, 0.001, and below where it is supported */
	const CalibrationRate *stated;	/* NULL: not supported */
	PairKind	impostors;
	bool		measured;		/* whether the rest is filled */
	double		far;			/* at the stated threshold, among the examples */
	ScoreInterval far_interval;
	double		frr;
	ScoreInterval frr_interval;
} ThresholdCheck;

#define THRESHOLD_CHECKS 27		/* at most */

/* One row for each rate and kind of impostor of the examples; evaluation NULL: one for each rate.  Returns how many rows. */
extern int	thresholds_measure(const Evaluation *evaluation, const ModelCalibration *calibration, ThresholdCheck *check);

#endif
