/*
 * example_pairs.h: genuine pairs and impostors among examples, with their distances.
 */
#ifndef SIAMESE_EXAMPLE_PAIRS_H
#define SIAMESE_EXAMPLE_PAIRS_H

#include "postgres.h"

#include "common/metric.h"
#include "training/examples.h"
#include "training/pair_measure.h"
#include "verification/score.h"

/* The examples of some labels with their embeddings, numbered in the order of these labels. */
typedef struct EmbeddedExamples
{
	const Examples *examples;
	const int  *label;			/* [labels] */
	int			labels;
	const float *embedding;		/* [all examples of the labels, dimensions]; NULL: see measure */
	Metric		metric;
	int			dimensions;
	int			frame_distance; /* of genuine pairs at most, where the examples have frames; 0: any */
	PairMeasure *measure;		/* of a network with a layer "pair", which has no embeddings; else NULL */
} EmbeddedExamples;

/* The samples of one identity among them: genuine ones first, then forgeries. */
typedef struct IdentitySamples
{
	int			first;
	int			genuine;
	int			forged;
} IdentitySamples;

/* palloc'd [labels]; *samples: how many they are in all. */
extern IdentitySamples *identity_samples(const EmbeddedExamples *embedded, int *samples);

/* All of pairs but its sets, which are empty: whose each sample is, and in which group. */
extern void example_identities(const EmbeddedExamples *embedded, PairDistances *pairs);

/* Distances of all pairs, sorted; where a kind has more than limit pairs, of a sample of them drawn by seed. */
extern void example_pairs(const EmbeddedExamples *embedded, int64 limit, uint64 seed, PairDistances *pairs);

#endif
