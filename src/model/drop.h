/*
 * drop.h: removing models.
 */
#ifndef SIAMESE_DROP_H
#define SIAMESE_DROP_H

#include "postgres.h"

/* Removes the weights if no row of siamese.model has the fingerprint.  As the tables' owner, inside an SPI connection. */
extern void model_drop_unused_weights(uint64 fingerprint);

#endif
