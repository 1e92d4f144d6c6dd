/*
 * reliability.h: what a model states, against what examples show: for its SQL functions and the report.
 */
#ifndef SIAMESE_RELIABILITY_H
#define SIAMESE_RELIABILITY_H

#include "evaluation/evaluation.h"

typedef struct ThresholdCheck
{
	double		rate;			/* 0.1, 0.01, 0.001, and below where it is supported */
	const CalibrationRate *stated;	/* NULL: not supported */
	bool		measured;		/* what follows is filled, but for impostors, which always is */
	PairKind	impostors;
	double		far;			/* at the stated threshold, among the examples */
	ScoreInterval far_interval;
	double		frr;
	ScoreInterval frr_interval;
} ThresholdCheck;

#define THRESHOLD_CHECKS 27		/* at most */

/* One row a rate and kind of impostor of the examples; evaluation NULL: one a rate.  Returns the number of rows. */
extern int	thresholds_measure(const Evaluation *evaluation, const ModelCalibration *calibration, ThresholdCheck *check);

#define RELIABILITY_MOST_BINS 100

typedef struct ReliabilityBin
{
	double		predicted;		/* mean probability */
	double		observed;		/* share of genuine pairs */
	ScoreInterval interval;		/* of observed */
	double		weight;			/* share of all pairs, at the prior */
	int64		pairs;
} ReliabilityBin;

typedef struct Reliability
{
	int			bins;
	ReliabilityBin bin[RELIABILITY_MOST_BINS];	/* by rising distance, of about equal weight */
	double		error;			/* expected calibration error: sum of weight |predicted - observed| */
} Reliability;

/*
 * Pairs weigh as if a share prior of them were genuine.  Impostors of the kinds that the calibration knows; random and
 * skilled ones weigh the same in all.
 */
extern void reliability_measure(const Evaluation *evaluation, const ModelCalibration *calibration, double prior, int bins,
								Reliability *reliability);

#endif
