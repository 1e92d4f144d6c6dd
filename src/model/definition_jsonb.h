/*
 * definition_jsonb.h: network definitions as jsonb.
 */
#ifndef SIAMESE_DEFINITION_JSONB_H
#define SIAMESE_DEFINITION_JSONB_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "network/network.h"

/* Whether it is the definition of a tracker (linking/stored_tracker.c), which no network has: {"kind": "tracker", ...}. */
extern bool definition_is_tracker(Jsonb *json);

/* jsonb -> checked definition in the current memory context; raises "invalid network definition". */
extern NetworkDefinition *definition_from_jsonb(Jsonb *json);

/* Its leaves, in the current memory context, unchecked. */
extern const NetworkSetting *definition_settings(Jsonb *json, int *count);

/* The definition in the row of siamese.network with that name, in the current memory context; raises if there is none. */
extern Jsonb *definition_of_network(const char *network);

#endif
