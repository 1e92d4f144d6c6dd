/*
 * boost.h: gradient boosting of decision trees: a probability from some numbers.          Pure C.
 *
 * Friedman 2001, "Greedy function approximation: a gradient boosting machine", with second derivatives, regularised leaves and
 * splits between the borders of histograms, as Chen, Guestrin 2016, "XGBoost: a scalable tree boosting system", sections 2 and 3.
 */
#ifndef SIAMESE_BOOST_H
#define SIAMESE_BOOST_H

#include "common/status.h"

#define BOOST_MOST_DEPTH 10
#define BOOST_MOST_TREES 1000
#define BOOST_MOST_FEATURES 4096

typedef struct BoostSettings
{
	int			trees;			/* 1 .. BOOST_MOST_TREES */
	int			depth;			/* splits from the root to a leaf, 1 .. BOOST_MOST_DEPTH */
	double		rate;			/* 0 < rate <= 1: what a tree's leaves are multiplied by */
	double		lambda;			/* >= 0: added to the sum of second derivatives of a leaf */
	double		least_weight;	/* > 0: of second derivatives in a leaf, their sum */
	double		feature_share;	/* 0 < share <= 1: of the features, drawn for each tree, that it may split by; at least one */
} BoostSettings;

/* depth 4, rate 0.1, lambda 1, least_weight 1, all features. */
extern BoostSettings boost_defaults(int trees);

typedef struct BoostNode
{
	int			feature;		/* -1: a leaf */
	int			left;			/* node of the rows with x[feature] < threshold; the others' node is the next one */
	bool		missing_left;	/* where NaN goes */
	float		threshold;
	double		value;			/* of a leaf: added to the log odds */
} BoostNode;

typedef struct Boost
{
	int			features;
	int			trees;
	int			nodes;
	double		base;			/* log odds before the first tree */
	int		   *root;			/* [trees]: its node; the nodes of a tree follow its root, children after their parent */
	BoostNode  *node;			/* [nodes] */
} Boost;

/*
 * Fits the log odds of label 1: x [rows, features], NaN where a value is missing, otherwise finite; label [rows] 0 or 1; weight [rows],
 * positive, or NULL: all 1.  The same rows in the same order give the same trees.  boost is filled with memory of the host's, for
 * boost_release().  False with a status: no memory, interrupted, or labels of one kind alone.
 */
extern bool boost_train(const Host *host, const BoostSettings *settings, int rows, int features, const float *x,
						const unsigned char *label, const float *weight, Boost *boost, Status *status);

/* Log odds of x [features]. */
extern double boost_log_odds(const Boost *boost, const float *x);

/* Whether it is a forest that boost_log_odds() can walk through: all places within their bounds, children after parents, all finite. */
extern bool boost_check(const Boost *boost);

extern void boost_release(const Host *host, Boost *boost);

#endif
