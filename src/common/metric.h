/*
 * metric.h: the three distances; the numbers are stored in every embedding and never change.
 */
#ifndef SIAMESE_METRIC_H
#define SIAMESE_METRIC_H

typedef enum Metric
{
	METRIC_L2 = 0,				/* Euclidean */
	METRIC_L1 = 1,				/* sum of absolute differences */
	METRIC_COSINE = 2			/* length of the chord between the directions, sqrt(2 - 2 cos): a metric */
} Metric;

#define METRIC_COUNT 3

#endif
