/*
 * evaluation.h: a model on examples of the caller's choice: error rates, ROC, reliability, report, calibration.
 */
#ifndef SIAMESE_EVALUATION_H
#define SIAMESE_EVALUATION_H

#include "postgres.h"

#include "training/training.h"
#include "verification/bootstrap.h"

/* ---- evaluation.c -------------------------------------------------------------------------------------------------- */

#define EVALUATION_PAIRS 2000000	/* of each kind; where there are more a sample by seed */

/* A model and what it makes of examples of the caller's choice. */
typedef struct Evaluation
{
	Model	   *model;
	const char *name;			/* of the model, as it was given */
	ModelCalibration calibration;	/* of this version, whether there is a newer one of its fingerprint or not */
	Examples   *examples;
	float	   *embedding;		/* [examples->count, dimensions], in the order of the examples */
	PairDistances pairs;
	uint64		seed;
} Evaluation;

/*
 * Reads, embeds and pairs the examples; for SQL functions, in the current memory context.  Raises when there is no genuine
 * pair or no impostor.
 */
extern void evaluation_run(const char *model, const char *query, uint64 seed, Evaluation *evaluation);

/*
 * For functions that return rows: everything of an evaluation goes with this context, also when the caller's lives on
 * for many rows.
 */
extern MemoryContext evaluation_enter(MemoryContext *caller);
extern void evaluation_leave(MemoryContext scratch, MemoryContext caller);

/* A float8 of a row: NaN becomes NULL. */
extern void evaluation_put(Datum *values, bool *nulls, int i, double value);
extern void evaluation_put_interval(Datum *values, bool *nulls, int i, ScoreInterval interval);	/* two of them */

/* ---- reference_rules.c ---------------------------------------------------------------------------------------------- */

typedef enum ReferenceRule
{
	REFERENCE_MEAN,				/* mean distance to the references */
	REFERENCE_LEAST,			/* least distance */
	REFERENCE_ADJUSTED			/* mean of both, less half of the references' own mean distance */
} ReferenceRule;

#define REFERENCE_RULES 3

extern const char *reference_rule_name(ReferenceRule rule); /* "mean", "least", "adjusted" */

/*
 * Decisions by several references: of each label with more than refs genuine samples the first refs, in the order of the
 * query's rows, against its other genuine samples, its forgeries, and the genuine samples of all other labels.  One
 * PairDistances a rule, whose "distance" is the rule's.  Raises when no label has enough samples.
 */
extern void reference_pairs(const Evaluation *evaluation, int refs, PairDistances *pairs);

#endif
