/*
 * reliability.h: stated probabilities against the shares of genuine pairs that examples show.
 */
#ifndef SIAMESE_RELIABILITY_H
#define SIAMESE_RELIABILITY_H

#include "evaluation/evaluation.h"
#include "model/stored_calibration.h"

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
 * Pairs are weighted so that a share prior of them is genuine.  Impostors are those of the kinds that the calibration was
 * fitted on; random and skilled ones have the same total weight.
 */
extern void reliability_measure(const Evaluation *evaluation, const ModelCalibration *calibration, double prior, int bins,
								Reliability *reliability);

#endif
