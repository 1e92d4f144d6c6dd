/*
 * row_lookup.h: queries of siamese.model as the current user: which version a name means, which calibration applies.
 *
 * Each call runs its query.  row_cache.h has the answers that one statement asks for again and again.
 */
#ifndef SIAMESE_ROW_LOOKUP_H
#define SIAMESE_ROW_LOOKUP_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "model/stored_calibration.h"

/*
 * The fingerprint of a version; *version 0 means the promoted one and is set to its number.  Raises if there is none that
 * the user may read.
 */
extern uint64 model_find(const char *name, int *version);

/* The definition of that version, in the current memory context, and the name of its network. */
extern Jsonb *model_definition(const char *name, int version, char **network);

/* The calibration of the very version that model_by_name() finds; call it after that.  The first raises if it has none. */
extern void model_calibration_of(const char *name, ModelCalibration *calibration);
extern bool model_try_calibration_of(const char *name, ModelCalibration *calibration);

/* The references' part of the same, in the current memory context; NULL if it has none.  Raises without a calibration. */
extern ReferenceCalibration *model_references_of(const char *name);

/*
 * The jsonb of the calibration that applies to embeddings with this fingerprint, and the name and version of its row: the
 * version that the setting siamese.model names, if it has the fingerprint; else the version of the name that has had the
 * fingerprint longest.  False if the user may read no row with the fingerprint.  Inside an SPI connection, whose memory holds
 * the results; NULL for a calibration that is NULL.
 */
extern bool model_read_calibration(uint64 fingerprint, Jsonb **calibration, char **name, char **version);

/*
 * "name@version" of the row whose calibration applies to the fingerprint, if it differs from this one and will still apply after
 * the name gets a version with this one; else NULL.  Inside an SPI connection.
 */
extern char *model_other_calibration(uint64 fingerprint, const char *name, Jsonb *calibration);

/* Raises that there is no such model, or no such version of it unless that is 0. */
extern void model_raise_missing(const char *name, int version) __attribute__((noreturn));

#endif
