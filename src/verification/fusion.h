/*
 * fusion.h: how much weight elastic matching has beside the distance of embeddings.
 */
#ifndef SIAMESE_FUSION_H
#define SIAMESE_FUSION_H

#include "postgres.h"

#include "model/stored_calibration.h"

/* One comparison of a questioned sample with a reference. */
typedef struct FusionSample
{
	PairKind	kind;
	int32		reference;		/* numbers of samples, as a Pair has them */
	int32		question;
	double		distance;		/* reference_distance() */
	double		elastic;		/* elastic_score() */
} FusionSample;

/*
 * The weight that people in general ask for counts like so many identities beside those at hand: an embedding is at its best among people like
 * those that it learned from, while elastic matching has learned nothing and is as good elsewhere.  SVC2004 with five and one references, by
 * weight: trained on other people of it 7.1, 10.7 (0.7), 7.0, 9.6 (0.8), 7.0, 9.7 (0.9); trained on synthetic signers, whose own fit is 0.5 to
 * 0.7, 8.6, 13.4 (0.7), 8.3, 11.7 (0.8), 7.8, 10.7 (0.9).
 */
#define FUSION_USUAL_WEIGHT 0.85
#define FUSION_USUAL_IDENTITIES 100

/*
 * Weight of the elastic score in reference_fused_distance(), 0 to 1: the ratio of the coefficients of a logistic regression of genuine
 * samples against forgeries on the two logarithms (Kittler et al. 1998, "On combining classifiers", for why logarithms add; Newton's
 * method with a small ridge), each kind with half of the weight.  identities: how many people they are of.  Without forgeries the usual
 * weight: strangers are told apart by either, and do not show what forgers miss.
 */
extern double fusion_weight(const FusionSample *sample, int64 count, int identities);

#endif
