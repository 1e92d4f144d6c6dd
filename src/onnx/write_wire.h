/*
 * write_wire.h: fields of protobuf messages, and of ONNX's, into memory that grows.
 */
#ifndef SIAMESE_ONNX_WRITE_WIRE_H
#define SIAMESE_ONNX_WRITE_WIRE_H

#include "common/status.h"

typedef struct WireOut
{
	const Host *host;
	Status	   *status;			/* set once there was no memory; then nothing more is added */
	bool		failed;
	uint8_t    *start;
	size_t		length;
	size_t		room;
} WireOut;

extern void out_free(WireOut *out);
extern void out_bytes(WireOut *out, const void *from, size_t length);
extern void out_number(WireOut *out, int field, uint64_t number);
extern void out_text(WireOut *out, int field, const char *text);
extern void out_message(WireOut *out, int field, WireOut *message);	/* frees the message */

/* Attributes of a node. */
extern void out_int(WireOut *attributes, const char *name, int64_t number);
extern void out_real(WireOut *attributes, const char *name, float number);
extern void out_ints(WireOut *attributes, const char *name, int count, const int64_t *number);

/* An initializer of floats. */
extern void out_tensor(WireOut *graph, const char *name, int rank, const int64_t *dim, const float *value);

/* One of whole numbers [count]. */
extern void out_whole_tensor(WireOut *graph, const char *name, int count, const int64_t *value);

#endif
