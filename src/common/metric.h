/*
 * metric.h: the three distances; the numbers are stored in every embedding and never change.
 */
#ifndef SIAMESE_METRIC_H
#define SIAMESE_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef enum Metric
{
	METRIC_L2 = 0,				/* Euclidean */
	METRIC_L1 = 1,				/* sum of absolute differences */
	METRIC_COSINE = 2			/* length of the chord between the directions, sqrt(2 - 2 cos): a metric */
} Metric;

#define METRIC_COUNT 3

/* As SQL and definitions spell it: "l2", "l1", "cosine". */
static inline const char *
metric_name(Metric metric)
{
	return metric == METRIC_L1 ? "l1" : metric == METRIC_COSINE ? "cosine" : "l2";
}

/* The metric of a name of length bytes; false and no change if there is none. */
static inline bool
metric_of_name(const char *name, size_t length, Metric *metric)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		if (strlen(metric_name((Metric) i)) == length && memcmp(metric_name((Metric) i), name, length) == 0)
		{
			*metric = (Metric) i;
			return true;
		}
	return false;
}

#endif
