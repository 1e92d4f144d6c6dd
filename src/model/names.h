/*
 * names.h: names of models: syntax, the row that a name means, and the lock on making its next version.
 */
#ifndef SIAMESE_NAMES_H
#define SIAMESE_NAMES_H

#include "postgres.h"

/* Splits name[@version]; version 0: the promoted one.  plain: char [LIMIT_MODEL_NAME + 1].  Raises if it is malformed. */
extern void model_parse_name(const char *name, char *plain, int *version);

/* The same, but false if it is malformed; *version is -1 if that is what is wrong. */
extern bool model_try_parse_name(const char *name, char *plain, int *version);

/* Raises unless it is a name without a version, as new versions are made under. */
extern void model_plain_name(const char *name);

/* Argument n, from 0, of a trigger that has so many, as pg_trigger.tgargs holds them: one after the other, each with its end. */
extern const char *model_trigger_argument(bytea *arguments, int n);

/* The model that a trigger siamese.embed_on_write of count arguments names: the third, or else the setting siamese.model; "" if that is not set. */
extern const char *model_trigger_model(bytea *arguments, int count);

/* The triggers siamese.embed_on_write, as what stands behind FROM: t is a row of pg_trigger. */
#define MODEL_EMBEDDING_TRIGGERS \
	"pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid" \
	" AND p.prosrc OPERATOR(pg_catalog.=) 'siamese_embed_on_write'"

/*
 * The row that a name means, as the end of a query: $1 the plain name (text), $2 the version (integer), 0: the one that was
 * promoted last.
 */
#define MODEL_ROW_OF_NAME \
	"siamese.model WHERE name OPERATOR(pg_catalog.=) $1 AND" \
	" CASE WHEN $2 OPERATOR(pg_catalog.=) 0 THEN finished_at IS NOT NULL AND promoted_at IS NOT NULL" \
	" ELSE version OPERATOR(pg_catalog.=) $2 END" \
	" ORDER BY promoted_at USING OPERATOR(pg_catalog.>), version USING OPERATOR(pg_catalog.>) LIMIT 1"

/*
 * One session at a time makes a version of a name: until the end of the transaction, or, with session, until
 * model_unlock_name().  Raises if another session holds the lock.
 */
extern void model_lock_name(const char *name, bool session);
extern void model_unlock_name(void);

/* One transaction at a time decides which version a name means; waits for the others, which are short. */
extern void model_lock_promotion(const char *name);

#endif
