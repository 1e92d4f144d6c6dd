/*
 * score.h: error rates of a distance, from the distances of genuine and impostor pairs.
 *
 * "Accepted" means distance <= threshold, so ties never count as right.
 */
#ifndef SIAMESE_SCORE_H
#define SIAMESE_SCORE_H

#include "postgres.h"

#include "model/stored_calibration.h"

/* ---- pairs (score.c) ----------------------------------------------------------------------------------------------- */

typedef struct Pair
{
	double		distance;
	int32		a;				/* samples, by number; of a reference set: its first sample */
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
	int32	   *identity;		/* [samples]: which identity a sample is of, 0 .. identities - 1 */
	int			groups;			/* of identities that belong together; as many as identities when none do */
	int32	   *group;			/* [samples]: 0 .. groups - 1 */
} PairDistances;

extern void pair_set_init(PairSet *set);
extern void pair_set_add(PairSet *set, double distance, int a, int b);
extern void pair_set_sort(PairSet *set);	/* by distance, then by samples */

/* The kind whose next pair is the nearest, of the sets from place next [PAIR_KINDS] on; -1 at the end of all. */
extern int	pairs_nearest(const PairDistances *pairs, const int64 *next);

typedef struct Score
{
	double		eer;			/* equal error rate: where FAR and FRR are nearest, their mean */
	double		eer_threshold;	/* half way to the next larger distance, so that rounding does not decide */
	double		auc;			/* area under the ROC curve (Mann and Whitney; ties count one half) */
} Score;

/* Both sorted, neither empty. */
extern Score score_pairs(const PairSet *genuine, const PairSet *impostor);

/* Number of pairs of the sorted set at or below the threshold, and their share: the FAR of impostors, 1 - FRR. */
extern int64 score_count(const PairSet *set, double threshold);
extern double score_accepted(const PairSet *set, double threshold);

#endif
