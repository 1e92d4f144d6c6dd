/*
 * evaluation.h: a model on examples of the caller's choice.
 */
#ifndef SIAMESE_EVALUATION_H
#define SIAMESE_EVALUATION_H

#include "postgres.h"

#include "model/model.h"
#include "model/stored_calibration.h"
#include "training/example_pairs.h"
#include "training/examples.h"
#include "verification/score.h"

#define EVALUATION_PAIRS 2000000	/* of each kind; where there are more, a sample by seed; fewer for costly heads */

typedef struct Evaluation
{
	Model	   *model;
	const char *name;			/* of the model, as it was given */
	ModelCalibration calibration;	/* of this very version */
	Examples   *examples;
	float	   *embedding;		/* [examples->count, dimensions], in the order of the examples; NULL for a network of pairs */
	PairMeasure *measure;		/* for a network of pairs, else NULL */
	PairDistances pairs;
	uint64		seed;
} Evaluation;

/* Reads and embeds the examples, in the current memory context; inside no SPI connection.  There are no pairs yet. */
extern void evaluation_run(const char *model, const char *query, uint64 seed, Evaluation *evaluation);

/* The same also for a model without a calibration; then that is all 0. */
extern void evaluation_run_uncalibrated(const char *model, const char *query, uint64 seed, Evaluation *evaluation);

/* Makes pairs of all examples.  Raises if there is no genuine pair or no impostor. */
extern void evaluation_pairs(Evaluation *evaluation);

/* Raises if there is no pair of genuine samples. */
extern void evaluation_need_genuine(const PairDistances *pairs);

/* Raises if the pairs have no impostors, random or skilled. */
extern void evaluation_need_impostors(const Evaluation *evaluation);

/* How many pairs of a kind are measured at most. */
extern int64 evaluation_most_pairs(const Evaluation *evaluation);

/* The examples with their embeddings, as functions of the training room take them; palloc'd labels. */
extern EmbeddedExamples evaluation_embedded(const Evaluation *evaluation);

/*
 * A context that everything of one evaluation lives in and ends with: the caller's may be one that lives for all rows of a
 * query.
 */
extern MemoryContext evaluation_enter(MemoryContext *caller);
extern void evaluation_leave(MemoryContext scratch, MemoryContext caller);

/* Column i of a row: NaN becomes NULL.  An interval takes two columns. */
extern void evaluation_put(Datum *values, bool *nulls, int i, double value);
extern void evaluation_put_interval(Datum *values, bool *nulls, int i, ScoreInterval interval);

#endif
