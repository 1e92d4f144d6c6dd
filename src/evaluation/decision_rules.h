/*
 * decision_rules.h: one decision from a sample's distances to several reference samples of a label.
 */
#ifndef SIAMESE_DECISION_RULES_H
#define SIAMESE_DECISION_RULES_H

#include "evaluation/evaluation.h"
#include "verification/score.h"

typedef enum DecisionRule
{
	DECISION_MEAN,				/* mean distance to the references */
	DECISION_LEAST,				/* least distance */
	DECISION_ADJUSTED			/* mean of both, less half of the references' own mean distance */
} DecisionRule;

#define DECISION_RULES 3

extern const char *decision_rule_name(DecisionRule rule); /* "mean", "least", "adjusted" */

/*
 * Of each label with more than refs genuine samples: the first refs, in the order of the query's rows, against its other
 * genuine samples, its forgeries, and the genuine samples of all other labels.  pairs [DECISION_RULES]: a pair's "distance" is
 * the rule's value.  Raises if no label has enough samples.
 */
extern void decision_pairs(const Evaluation *evaluation, int refs, PairDistances *pairs);

#endif
