/*
 * shared_weights.h: one copy of a model's weights for all backends.
 */
#ifndef SIAMESE_SHARED_WEIGHTS_H
#define SIAMESE_SHARED_WEIGHTS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "model/model.h"

/*
 * Sets weights and packed, for as long as the model's context lives: from the shared copy, which is made if there is none, or,
 * where none can be made, in memory of this backend.  The caller has read the model's row as the current user and is
 * inside an SPI connection.  Raises if the weights do not have the model's fingerprint.
 */
extern void shared_weights_provide(Model *model, Jsonb *definition);

/* Removes the shared copy when the transaction commits; backends that have mapped it keep it. */
extern void shared_weights_remove(uint64 fingerprint);

#endif
