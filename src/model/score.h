/*
 * score.h: error rates of a distance, from the distances of genuine and impostor pairs, and how sure they are.
 *
 * "Accepted" means distance <= threshold, so ties never count as right.
 */
#ifndef SIAMESE_SCORE_H
#define SIAMESE_SCORE_H

#include "postgres.h"

/* ---- pairs (score.c) ----------------------------------------------------------------------------------------------- */

typedef enum PairKind
{
	PAIR_GENUINE,				/* two genuine samples of one identity */
	PAIR_RANDOM,				/* genuine samples of two identities */
	PAIR_SKILLED				/* a genuine sample of an identity and a forgery of it */
} PairKind;

#define PAIR_KINDS 3

extern const char *pair_kind_name(PairKind kind);	/* "genuine", "random", "skilled" */

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

/* ---- how sure: groups drawn again (resample.c) --------------------------------------------------------------------- */

#define RESAMPLE_REPLICATES 1024
#define RESAMPLE_LEAST_GROUPS 5	/* fewer say nothing of how groups differ: no interval */

/*
 * The bootstrap over groups, which are identities where none belong together.  Pairs that share an identity are not
 * independent, so whole identities are drawn, as many as there are, with replacement: a pair weighs the product of its
 * identities' counts (Snijders, Borgatti 1999, "Non-parametric standard errors and tests for network statistics"; for one
 * identity a pair the subsets bootstrap of Bolle, Ratha, Pankanti 2004, "An evaluation of error confidence interval
 * methods").  Identities of one group are not independent either, so that whole groups are drawn, and nothing within them
 * (Davison, Hinkley 1997, "Bootstrap methods and their application", section 3.8).
 */
typedef struct Resampled
{
	int			thresholds;
	double	   *threshold;		/* [thresholds], rising */
	float	   *accepted[PAIR_KINDS];	/* [thresholds, replicates]: share of the kind at or below; NaN where a replicate
										 * has no such pair; NULL where there is none at all */
	int			groups[PAIR_KINDS]; /* that occur in pairs of the kind */
} Resampled;

/* In the current memory context; threshold is copied, sorted and freed of doubles.  Reproducible by seed. */
extern Resampled *resample_pairs(const PairDistances *pairs, const double *threshold, int thresholds, uint64 seed);

/*
 * Thresholds that show the whole of the curves of these pairs, both ends too, and the count given ones besides.
 * Returns their number; *threshold is palloc'd.
 */
extern int	resample_grid(const PairDistances *pairs, const double *given, int count, double **threshold);

/* Place of a threshold of the grid. */
extern int	resample_place(const Resampled *resampled, double threshold);

/* Replicates of one threshold's share of a kind, [RESAMPLE_REPLICATES]. */
extern const float *resample_at(const Resampled *resampled, PairKind kind, int place);

/* Standard deviation of replicates, those that are NaN left out; NaN when fewer than half remain. */
extern double resample_deviation(const float *value);

/* The 2.5th and 97.5th percentile of the replicates. */
extern void resample_percentiles(const float *value, double *low, double *high);

/* Replicates of the equal error rate of genuine pairs against an impostor kind, [RESAMPLE_REPLICATES]. */
extern void resample_eer(const Resampled *resampled, PairKind impostor, float *value);

/* The same of the area under the ROC curve. */
extern void resample_auc(const Resampled *resampled, PairKind impostor, float *value);

typedef struct ScoreInterval
{
	double		low;			/* both NaN where there are too few groups for an interval */
	double		high;
} ScoreInterval;

/*
 * 95 % interval of a rate that was found among pairs of so many groups, two_way: each pair of two of them.
 * deviation: the bootstrap's standard error, which gives the number of independent trials that the pairs are worth
 * (Korn, Graubard 1998, "Confidence intervals for proportions with small expected number of positive counts estimated
 * from survey data"); the interval is Wilson's (1927) of that many trials, with Student's quantile.  Where nothing was
 * found, or all, the independent groups (or pairs of them) count.
 */
extern ScoreInterval score_interval(double rate, double deviation, int groups, bool two_way);

/* The same of a share of a kind at a threshold of the grid. */
extern ScoreInterval resample_rate_interval(const Resampled *resampled, PairKind kind, double threshold, double rate);

#endif
