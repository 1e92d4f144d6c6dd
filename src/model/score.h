/*
 * score.h: error rates of a distance, from the distances of genuine and impostor pairs.
 */
#ifndef SIAMESE_SCORE_H
#define SIAMESE_SCORE_H

#include "postgres.h"

typedef struct DistanceSet
{
	double	   *value;
	int64		count;
	int64		room;
} DistanceSet;

extern void distance_set_init(DistanceSet *set);
extern void distance_set_add(DistanceSet *set, double distance);
extern void distance_set_sort(DistanceSet *set);

/* Both sets sorted, neither empty.  "Accepted" means distance <= threshold, so ties never count as right. */
typedef struct Score
{
	double		eer;			/* equal error rate: where FAR and FRR are nearest, their mean */
	double		eer_threshold;	/* half way to the next larger distance, so that rounding does not decide */
	double		auc;			/* area under the ROC curve (Mann and Whitney; ties count one half) */
} Score;

extern Score score_distances(const DistanceSet *genuine, const DistanceSet *impostor);

/* Share of the sorted set at or below the threshold: FAR of impostors, 1 - FRR of genuine pairs. */
extern double score_accepted(const DistanceSet *set, double threshold);

#endif
