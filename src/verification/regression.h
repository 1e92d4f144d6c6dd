/*
 * regression.h: shares of genuine and impostor pairs in bins of rising distance -> log odds that never rise.
 */
#ifndef SIAMESE_REGRESSION_H
#define SIAMESE_REGRESSION_H

#include "model/stored_calibration.h"

typedef struct CalibrationBin
{
	double		distance;
	double		genuine;		/* shares of all genuine, of all impostor pairs: each sums to 1 */
	double		impostor;
} CalibrationBin;

/*
 * Both: least and largest, the distances between which the curve is fitted.
 *
 * At most bins + 2 knots, by pooling adjacent violators (Ayer et al. 1955).  genuine_trial and impostor_trial: the share
 * of one more genuine pair beyond all others, and of one more impostor pair before all others; half of each is added.
 */
extern int	isotonic_fit(const CalibrationBin *bin, int bins, double least, double largest, double genuine_trial,
						 double impostor_trial, CalibrationKnot *knot);

/* Two knots, at the least and at the largest distance; Platt's targets (Platt 1999, section 2) from the same trials. */
extern int	logistic_fit(const CalibrationBin *bin, int bins, double least, double largest, double genuine_trial,
						 double impostor_trial, CalibrationKnot *knot);

/* Log odds at a distance, by linear interpolation. */
extern double knots_log_odds(const CalibrationKnot *knot, int knots, double distance);

#endif
