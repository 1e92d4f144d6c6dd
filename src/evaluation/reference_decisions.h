/*
 * reference_decisions.h: decisions by references, as verify(reference, sample) takes them.
 */
#ifndef SIAMESE_REFERENCE_DECISIONS_H
#define SIAMESE_REFERENCE_DECISIONS_H

#include "evaluation/evaluation.h"

#define LARGEST_REFS 1000

/* The SQL argument of this number; 0 for the functions of 1.0, which have none.  Raises if it is out of range. */
extern int	evaluation_refs_argument(FunctionCallInfo fcinfo, int number);

/*
 * For refs 0 evaluation_pairs(); else evaluation->calibration become: of each label with more than refs genuine samples a reference of the
 * first refs, in the order of the query's rows, against its other genuine samples, its forgeries, and genuine samples of all other
 * labels; and the calibration by which verify(reference, sample) decides with that many.  Raises if the model has none (or compares pairs)
 * or if no label has enough samples.
 */
extern void evaluation_decide(Evaluation *evaluation, int refs);

/* The label's genuine samples, in the order of the query's rows; palloc'd. */
extern int *evaluation_in_row_order(const Examples *examples, int label);

/* Only the calibration, of references with that many samples or for refs 0 of pairs, without any examples. */
extern void evaluation_stated(const char *model, int refs, Evaluation *evaluation);

#endif
