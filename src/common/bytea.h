/*
 * bytea.h: bytes of a pure room as a value.
 */
#ifndef SIAMESE_BYTEA_H
#define SIAMESE_BYTEA_H

#include "postgres.h"

#include "common/compat.h"

/* A copy in the current memory context; raises if it is too large for a value. */
static inline bytea *
bytea_of(const void *bytes, size_t length)
{
	bytea	   *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), bytes, length);
	return result;
}

#endif
