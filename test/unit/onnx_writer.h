/*
 * onnx_writer.h: ONNX files made in a test.
 */
#ifndef SIAMESE_TEST_ONNX_WRITER_H
#define SIAMESE_TEST_ONNX_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
typedef struct Bytes
{
	uint8_t    *start;
	size_t		length;
	size_t		room;
} Bytes;

extern void bytes_add(Bytes *bytes, const void *from, size_t length);
extern void bytes_free(Bytes *bytes);

/* Fields of a protobuf message. */
extern void pb_number(Bytes *to, int field, uint64_t number);
extern void pb_bytes(Bytes *to, int field, const void *from, size_t length);
extern void pb_text(Bytes *to, int field, const char *text);
extern void pb_message(Bytes *to, int field, Bytes *message);	/* frees the message */

/* The nodes and initializers of a graph, as they are added. */
extern void onnx_tensor(Bytes *graph, const char *name, int rank, const int *dim, const float *value);
extern void onnx_raw_tensor(Bytes *graph, const char *name, int type, int rank, const int *dim, const void *raw, size_t length);

/* inputs: "x w b", with "-" for one that is left out; attributes: what onnx_ints() and the like have made, freed; or NULL. */
extern void onnx_node(Bytes *graph, const char *operator, const char *inputs, const char *output, Bytes *attributes);
extern void onnx_int(Bytes *attributes, const char *name, int64_t number);
extern void onnx_real(Bytes *attributes, const char *name, float number);
extern void onnx_string(Bytes *attributes, const char *name, const char *text);
extern void onnx_ints(Bytes *attributes, const char *name, int count, const int *number);

/* The whole file; dimensions of its input "x", -1: symbolic; its output is "y".  The graph is freed. */
extern Bytes onnx_file(Bytes *graph, int rank, const int *dim, int opset);

#endif
