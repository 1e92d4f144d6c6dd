/*
 * bootstrap.h: how sure error rates are, from groups of identities drawn again.
 */
#ifndef SIAMESE_BOOTSTRAP_H
#define SIAMESE_BOOTSTRAP_H

#include "postgres.h"

#include "verification/score.h"

#define BOOTSTRAP_REPLICATES 1024
#define BOOTSTRAP_LEAST_GROUPS 5	/* fewer say nothing of how groups differ: no interval */

/*
 * The bootstrap over groups, which are identities where none belong together.  Pairs that share an identity are not
 * independent, so whole identities are drawn, as many as there are, with replacement: a pair weighs the product of its
 * identities' counts (Snijders, Borgatti 1999, "Non-parametric standard errors and tests for network statistics"; for one
 * identity a pair the subsets bootstrap of Bolle, Ratha, Pankanti 2004, "An evaluation of error confidence interval
 * methods").  Identities of one group are not independent either, so that whole groups are drawn, and nothing within them
 * (Davison, Hinkley 1997, "Bootstrap methods and their application", section 3.8).
 */
typedef struct Bootstrap
{
	int			thresholds;
	double	   *threshold;		/* [thresholds], rising */
	float	   *accepted[PAIR_KINDS];	/* [thresholds, replicates]: share of the kind at or below; NaN where a replicate
										 * has no such pair; NULL where there is none at all */
	int			groups[PAIR_KINDS]; /* that occur in pairs of the kind */
} Bootstrap;

/* In the current memory context; threshold is copied, sorted and freed of doubles.  Reproducible by seed. */
extern Bootstrap *bootstrap_pairs(const PairDistances *pairs, const double *threshold, int thresholds, uint64 seed);

/*
 * Thresholds that show the whole of the curves of these pairs, both ends too, and the count given ones besides.
 * Returns their number; *threshold is palloc'd.
 */
extern int	bootstrap_grid(const PairDistances *pairs, const double *given, int count, double **threshold);

/* Place of a threshold of the grid. */
extern int	bootstrap_place(const Bootstrap *resampled, double threshold);

/* Replicates of one threshold's share of a kind, [BOOTSTRAP_REPLICATES]. */
extern const float *bootstrap_at(const Bootstrap *resampled, PairKind kind, int place);

/* Standard deviation of replicates, those that are NaN left out; NaN when fewer than half remain. */
extern double bootstrap_deviation(const float *value);

/* The 2.5th and 97.5th percentile of the replicates. */
extern void bootstrap_percentiles(const float *value, double *low, double *high);

/* Replicates of the equal error rate of genuine pairs against an impostor kind, [BOOTSTRAP_REPLICATES]. */
extern void bootstrap_eer(const Bootstrap *resampled, PairKind impostor, float *value);

/* The same of the area under the ROC curve. */
extern void bootstrap_auc(const Bootstrap *resampled, PairKind impostor, float *value);

/*
 * 95 % interval of a rate that was found among pairs of so many groups, two_way: each pair of two of them.
 * deviation: the bootstrap's standard error, which gives the number of independent trials that the pairs are worth
 * (Korn, Graubard 1998, "Confidence intervals for proportions with small expected number of positive counts estimated
 * from survey data"); the interval is Wilson's (1927) of that many trials, with Student's quantile.  Where nothing was
 * found, or all, the independent groups (or pairs of them) count.
 */
extern ScoreInterval score_interval(double rate, double deviation, int groups, bool two_way);

/* The same of a share of a kind at a threshold of the grid. */
extern ScoreInterval bootstrap_rate_interval(const Bootstrap *resampled, PairKind kind, double threshold, double rate);

#endif
