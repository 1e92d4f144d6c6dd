/*
 * score.h: error rates of a distance, from the distances of genuine and impostor pairs.
 *
 * "Accepted" means distance <= threshold.
 */
#ifndef SIAMESE_SCORE_H
#define SIAMESE_SCORE_H

#include "postgres.h"

#include "model/stored_calibration.h"

/* ---- pairs (score.c) ----------------------------------------------------------------------------------------------- */

typedef struct Pair
{
	double		distance;
	int32		a;				/* numbers of the samples; a reference has that of its first sample */
	int32		b;
} Pair;

typedef struct PairSet
{
	Pair	   *pair;
	int64		count;
	int64		room;
} PairSet;

/* The pairs of a collection of samples, each set sorted by distance. */
typedef struct PairDistances
{
	PairSet		set[PAIR_KINDS];
	int			samples;
	int			identities;
	int32	   *identity;		/* [samples]: 0 .. identities - 1 */
	int			groups;			/* of identities that belong together; as many as identities if none do */
	int32	   *group;			/* [samples]: 0 .. groups - 1 */
} PairDistances;

extern void pair_set_init(PairSet *set);
extern void pair_set_add(PairSet *set, double distance, int a, int b);
extern void pair_set_sort(PairSet *set);	/* by distance, then by samples */

/* Merges the sets: the kind with the least distance at its place next [PAIR_KINDS]; -1 if all are at their ends. */
extern int	pairs_nearest(const PairDistances *pairs, const int64 *next);

typedef struct Score
{
	double		eer;			/* equal error rate: the mean of FAR and FRR where they differ least */
	double		eer_threshold;	/* half way to the next larger distance, so that rounding does not matter */
	double		auc;			/* area under the ROC curve (Mann and Whitney; ties count one half) */
} Score;

/* Both sorted, neither empty. */
extern Score score_pairs(const PairSet *genuine, const PairSet *impostor);

/* Share of the sorted set at or below the threshold: FAR of impostors, 1 - FRR of genuine pairs. */
extern double score_accepted(const PairSet *set, double threshold);

#endif
