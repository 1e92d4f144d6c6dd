/*
 * exported.h: the format of an exported model, which export.c writes and import.c reads.
 *
 *	magic		16 bytes, with the number of the format
 *	header		uint32 length, then JSON in UTF-8: the row of siamese.model without what is local to this server
 *	parts		of the weights, each a uint32 length, then little-endian 4-byte floats; each but the last has 1 MB
 *	digest		SHA-256 of everything before it
 *
 * Numbers are in network byte order.
 */
#ifndef SIAMESE_EXPORTED_H
#define SIAMESE_EXPORTED_H

#include "common/sha2.h"

#include "model/stored_weights.h"

#define EXPORTED_MAGIC "siamese model 1\n"
#define EXPORTED_MAGIC_BYTES 16
#define EXPORTED_LENGTH_BYTES sizeof(uint32)
#define EXPORTED_DIGEST_BYTES MODEL_DIGEST_BYTES

/* Bytes of the parts that hold count weights. */
static inline uint64
exported_weight_bytes(uint64 count)
{
	return count * sizeof(float) + (count + MODEL_PART_VALUES - 1) / MODEL_PART_VALUES * EXPORTED_LENGTH_BYTES;
}

#endif
