/*
 * stored_weights.h: weights in siamese.model_weights, and the fingerprint that names them.
 */
#ifndef SIAMESE_STORED_WEIGHTS_H
#define SIAMESE_STORED_WEIGHTS_H

#include "postgres.h"

#include "common/sha2.h"
#include "utils/jsonb.h"

#include "network/network.h"

#define MODEL_PART_VALUES (LIMIT_WEIGHT_PART / sizeof(float))

/* Weights as they are stored and exported, little-endian: bytes [4 count]. */
extern void model_encode_weights(const real *weights, size_t count, char *bytes);
extern void model_decode_weights(const char *bytes, size_t count, real *weights);

extern uint64 model_fingerprint(Jsonb *definition, const real *weights, size_t count);
extern char *model_definition_text(Jsonb *definition);	/* what is hashed of it: UTF-8, the same in databases of all encodings */
extern char *model_fingerprint_text(uint64 fingerprint);	/* 16 hexadecimal digits */
extern uint64 model_fingerprint_parse(const char *text);

/* SHA-256: digest [MODEL_DIGEST_BYTES] of the bytes; checks for interrupts. */
#define MODEL_DIGEST_BYTES PG_SHA256_DIGEST_LENGTH
extern void model_digest(const char *bytes, size_t length, uint8 *digest);

/* Both inside an SPI connection; to store, as the tables' owner.  Loading raises if parts are missing or of the wrong size. */
extern void model_store_weights(uint64 fingerprint, const real *weights, size_t count);
extern void model_load_weights(uint64 fingerprint, real *weights, size_t count);

/* As many as are stored, in the current memory context. */
extern real *model_load_all_weights(uint64 fingerprint, size_t *count);

#endif
