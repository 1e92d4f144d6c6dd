/*
 * row_cache.h: answers from the rows of siamese.model, each read once a statement.
 */
#ifndef SIAMESE_ROW_CACHE_H
#define SIAMESE_ROW_CACHE_H

#include "postgres.h"

#include "model/stored_calibration.h"

/* The fingerprint of "name" or "name@3"; raises if there is none that the user may read. */
extern uint64 model_find_named(const char *name);

/*
 * The calibration that applies to embeddings with this fingerprint (row_lookup.h).  Valid until the end of the transaction,
 * whatever is called in between.  Raises if the user may read no row with the fingerprint.
 */
extern const ModelCalibration *model_calibration(uint64 fingerprint);

/* The same, but NULL where that raises: for the planner. */
extern const ModelCalibration *model_find_calibration(uint64 fingerprint);

/* The references' part of what model_calibration() gives, valid as long; NULL if it has none. */
extern const ReferenceCalibration *model_references(uint64 fingerprint);

#endif
