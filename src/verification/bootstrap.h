/*
 * bootstrap.h: confidence intervals of error rates, by resampling identities or groups of them.
 */
#ifndef SIAMESE_BOOTSTRAP_H
#define SIAMESE_BOOTSTRAP_H

#include "postgres.h"

#include "model/stored_calibration.h"
#include "verification/score.h"

#define BOOTSTRAP_REPLICATES 1024
#define BOOTSTRAP_LEAST_GROUPS 5	/* no interval for fewer */

/*
 * The bootstrap over groups; where identities have no groups, each is one.  Pairs that share an identity are not independent,
 * so whole identities are drawn with replacement, as many as there are: the weight of a pair is the product of its
 * identities' counts (Snijders, Borgatti 1999, "Non-parametric standard errors and tests for network statistics"; with one
 * identity in a pair, the subsets bootstrap of Bolle, Ratha, Pankanti 2004, "An evaluation of error confidence interval
 * methods").  Identities of one group are not independent either, so whole groups are drawn, and nothing within them
 * (Davison, Hinkley 1997, "Bootstrap methods and their application", section 3.8).
 */
typedef struct Bootstrap
{
	int			thresholds;
	double	   *threshold;		/* [thresholds], rising */
	float	   *accepted[PAIR_KINDS];	/* [thresholds, replicates]: share of the kind at or below; NaN where a replicate
										 * has no such pair; NULL where there is none at all */
	int			groups[PAIR_KINDS]; /* number that occur in pairs of the kind */
} Bootstrap;

/* In the current memory context; thresholds are copied, sorted, and each kept once.  Reproducible by seed. */
extern Bootstrap *bootstrap_pairs(const PairDistances *pairs, const double *threshold, int thresholds, uint64 seed);

/*
 * Thresholds that cover the curves of these pairs up to both ends, and the count given ones.  Returns their number;
 * *threshold is palloc'd.
 */
extern int	bootstrap_grid(const PairDistances *pairs, const double *given, int count, double **threshold);

/* The place of a threshold, which must be one of them. */
extern int	bootstrap_place(const Bootstrap *resampled, double threshold);

/* The share of a kind accepted at the threshold of this place: [BOOTSTRAP_REPLICATES]. */
extern const float *bootstrap_at(const Bootstrap *resampled, PairKind kind, int place);

/* Standard deviation of the replicates that are not NaN; NaN if those are fewer than half. */
extern double bootstrap_deviation(const float *value);

/* The 2.5th and 97.5th percentile of the replicates. */
extern void bootstrap_percentiles(const float *value, double *low, double *high);

/* Replicates of the equal error rate of genuine pairs against an impostor kind, [BOOTSTRAP_REPLICATES]. */
extern void bootstrap_eer(const Bootstrap *resampled, PairKind impostor, float *value);

/* The same of the area under the ROC curve. */
extern void bootstrap_auc(const Bootstrap *resampled, PairKind impostor, float *value);

/*
 * 95 % interval of a rate observed among pairs of so many groups; two_way: each pair is of two groups.  deviation: the
 * bootstrap's standard error, which gives the effective number of independent trials (Korn, Graubard 1998, "Confidence
 * intervals for proportions with small expected number of positive counts estimated from survey data"); the interval is
 * Wilson's (1927) for that many trials, with Student's quantile.  For a rate of 0 or 1 the number of trials is that of
 * the groups, or of pairs of groups.
 */
extern ScoreInterval score_interval(double rate, double deviation, int groups, bool two_way);

/* The same for the share of a kind accepted at one of the thresholds. */
extern ScoreInterval bootstrap_rate_interval(const Bootstrap *resampled, PairKind kind, double threshold, double rate);

/* 95 % interval of the difference of two rates of the same groups, by its standard error and Student's quantile; NaN for too few. */
extern ScoreInterval difference_interval(double difference, double deviation, int groups);

#endif
