/*
 * check.h: the errors of the server rooms; each message is worded once, in check.c.
 *
 * A helper with an escontext returns false after a soft error (PostgreSQL 16 and later, if the caller of an input function asked
 * for soft errors) and raises otherwise.  With escontext NULL it always raises.
 */
#ifndef SIAMESE_CHECK_H
#define SIAMESE_CHECK_H

#include "postgres.h"

#include "fmgr.h"

#include "common/compat.h"
#include "common/metric.h"
#include "common/status.h"

struct Node;

/* Raises a pure room's Status as an error.  STATUS_INTERRUPTED processes the pending interrupt. */
extern void check_raise_status(const Status *status) __attribute__((noreturn));

/*
 * Interrupts, in what computes for hours between two statements of SQL: also ends the session when the postmaster has died, which
 * cannot be started again while a process holds the shared memory.
 */
extern void check_interrupts(void);

/* Raises on a standby and in a read-only transaction; function: its name with "()". */
extern void check_may_write(const char *function);

/* Raises unless a procedure that commits was called by itself, where it may write; detail is a full sentence. */
extern void check_procedure_call(FunctionCallInfo fcinfo, const char *procedure, const char *detail);

/* ---- models ------------------------------------------------------------------------------------------------------ */

/* Always fail; detail is a full sentence. */
extern void check_raise_definition(const char *detail) __attribute__((noreturn));
extern void check_raise_damaged_model(const char *detail) __attribute__((noreturn));
extern void check_raise_input_kind(bool pen) __attribute__((noreturn));	/* pen: the model takes pens but got an image */
extern void check_raise_pairs_only(void) __attribute__((noreturn)); /* a model without embeddings, where one is asked for */
extern void check_raise_not_of_pairs(void) __attribute__((noreturn));	/* a model of embeddings, where one of pairs is needed */
extern void check_raise_no_references(uint64 model) __attribute__((noreturn));	/* in its calibration */
extern void check_raise_uncalibrated(const char *model) __attribute__((noreturn));	/* its name or fingerprint */
extern void check_raise_no_model(void) __attribute__((noreturn));	/* an unbound embedding where a threshold is needed */

/* Always fails: a trigger function was called otherwise. */
extern void check_raise_not_trigger(const char *function) __attribute__((noreturn));

/* Always fails: a tracker was named where a model is needed that embeds samples. */
extern void check_raise_tracker(void) __attribute__((noreturn));

/* ---- detections -------------------------------------------------------------------------------------------------- */

/* Raises unless a box of rows (in the plural) in a frame is finite and has an area. */
extern void check_region(Datum box, const char *rows, int frame);

/* ---- embeddings -------------------------------------------------------------------------------------------------- */

/* 1 <= dimensions <= LIMIT_DIMENSIONS. */
extern bool check_dimensions(int64 dimensions, struct Node *escontext);

/* Value number index (from 0) is neither NaN nor infinite. */
extern bool check_finite(double value, int index, struct Node *escontext);

/* expected is a typmod: -1 accepts any. */
extern bool check_expected_dimensions(int32 expected, int dimensions, struct Node *escontext);

/* The metric of that name; raises if there is none. */
extern Metric check_metric_name(const char *name);

/* Of something that a generator makes: from 1 to limit. */
extern void check_count(const char *name, int value, int limit);

/* 0 <= radius <= infinity, not NaN. */
extern bool check_radius(double radius, struct Node *escontext);

/* Always fail: invalid text or binary input of type_name; detail is a full sentence (printf format). */
extern bool check_bad_text(struct Node *escontext, const char *type_name, const char *text, const char *detail, ...)
			__attribute__((format(printf, 4, 5)));
extern bool check_text_range(struct Node *escontext, const char *type_name, const char *number, int length);
extern void check_bad_binary(const char *type_name, const char *detail, ...)
			__attribute__((noreturn, format(printf, 2, 3)));
extern void check_corrupted(const char *type_name) __attribute__((noreturn));

/* Always fail: two embeddings that cannot be compared. */
extern void check_different_models(uint64 a_model, uint64 b_model) __attribute__((noreturn));
extern void check_different_metrics(Metric a, Metric b) __attribute__((noreturn));
extern void check_different_dimensions(int a, int b) __attribute__((noreturn));

/* Always fails: two embeddings cannot be concatenated; detail, a full sentence, says why. */
extern void check_concatenation(const char *detail) __attribute__((noreturn));

/* Always fail: the number of embeddings that a reference represents is out of range, or changes. */
extern void check_window(int window, int most) __attribute__((noreturn));
extern void check_window_changed(int before, int window) __attribute__((noreturn));

/* Always fails: a reference keeps a person's trajectories, or pictures, which an embedding has not. */
extern void check_raise_needs_sample(bool pen) __attribute__((noreturn));

/* Always fails: the spread of a reference in component number index (from 0) is too large. */
extern void check_spread(int index, double spread, double most) __attribute__((noreturn));

/* Always fail: an array that cannot be an embedding. */
extern void check_array_nulls(void) __attribute__((noreturn));
extern void check_array_dimensions(int dimensions) __attribute__((noreturn));
extern void check_typmod(const char *detail, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- indexes ----------------------------------------------------------------------------------------------------- */

/* Always fail; detail is a full sentence. */
extern void check_index_corrupted(const char *index, uint32 block, const char *detail) __attribute__((noreturn));
extern void check_index_format(const char *index, int format, int known) __attribute__((noreturn));
extern void check_index_missing(Oid oid) __attribute__((noreturn));
extern void check_index_partitioned(const char *index) __attribute__((noreturn));
extern void check_index_kind(const char *relation) __attribute__((noreturn));
extern void check_index_other_temp(void) __attribute__((noreturn));
extern void check_index_contents(const char *index, uint64 model, Metric metric, int dimensions, uint64 other_model,
								 Metric other_metric, int other_dimensions) __attribute__((noreturn));

#endif
