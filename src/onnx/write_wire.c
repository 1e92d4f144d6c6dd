/*
 * write_wire.c: see write_wire.h.
 */
#include <string.h>

#include "onnx/write_wire.h"

void
out_free(WireOut *out)
{
	host_release(out->host, out->start);
	out->start = NULL;
	out->length = out->room = 0;
}

/* Room for so many bytes more. */
static bool
reserve(WireOut *out, size_t length)
{
	size_t		room;
	uint8_t    *grown;

	if (out->failed)
		return false;
	if (length <= out->room - out->length)
		return true;
	room = out->length + length + out->length / 2 + 256;
	grown = host_allocate(out->host, room, 1, out->status);
	if (grown == NULL)
	{
		out->failed = true;
		return false;
	}
	if (out->length > 0)
		memcpy(grown, out->start, out->length);
	host_release(out->host, out->start);
	out->start = grown;
	out->room = room;
	return true;
}

void
out_bytes(WireOut *out, const void *from, size_t length)
{
	if (length == 0 || !reserve(out, length))
		return;
	memcpy(out->start + out->length, from, length);
	out->length += length;
}

static void
out_varint(WireOut *out, uint64_t number)
{
	do
	{
		uint8_t		byte = (uint8_t) ((number & 0x7F) | (number > 0x7F ? 0x80 : 0));

		out_bytes(out, &byte, 1);
		number >>= 7;
	} while (number > 0);
}

void
out_number(WireOut *out, int field, uint64_t number)
{
	out_varint(out, (uint64_t) field << 3);
	out_varint(out, number);
}

static void
out_head(WireOut *out, int field, size_t length)
{
	out_varint(out, (uint64_t) field << 3 | 2);
	out_varint(out, length);
}

void
out_text(WireOut *out, int field, const char *text)
{
	out_head(out, field, strlen(text));
	out_bytes(out, text, strlen(text));
}

void
out_message(WireOut *out, int field, WireOut *message)
{
	out_head(out, field, message->length);
	out_bytes(out, message->start, message->length);
	out->failed |= message->failed;
	out_free(message);
}

static void
out_attribute(WireOut *attributes, const char *name, int type, WireOut *value)
{
	WireOut		attribute = {.host = attributes->host, .status = attributes->status};

	out_text(&attribute, 1, name);
	out_bytes(&attribute, value->start, value->length);
	out_number(&attribute, 20, (uint64_t) type);
	attribute.failed |= value->failed;
	out_free(value);
	out_message(attributes, 5, &attribute);
}

void
out_int(WireOut *attributes, const char *name, int64_t number)
{
	WireOut		value = {.host = attributes->host, .status = attributes->status};

	out_number(&value, 3, (uint64_t) number);
	out_attribute(attributes, name, 2, &value);
}

void
out_real(WireOut *attributes, const char *name, float number)
{
	WireOut		value = {.host = attributes->host, .status = attributes->status};

	out_varint(&value, 2 << 3 | 5);
	out_bytes(&value, &number, sizeof number);
	out_attribute(attributes, name, 1, &value);
}

void
out_ints(WireOut *attributes, const char *name, int count, const int64_t *number)
{
	WireOut		value = {.host = attributes->host, .status = attributes->status};

	for (int i = 0; i < count; i++)
		out_number(&value, 8, (uint64_t) number[i]);
	out_attribute(attributes, name, 7, &value);
}

/* Values are little-endian, as every processor is that the kernels are built for. */
void
out_tensor(WireOut *graph, const char *name, int rank, const int64_t *dim, const float *value)
{
	WireOut		head = {.host = graph->host, .status = graph->status};
	size_t		count = 1;

	for (int i = 0; i < rank; i++)
	{
		out_number(&head, 1, (uint64_t) dim[i]);
		count *= (size_t) dim[i];
	}
	out_number(&head, 2, 1);
	out_text(&head, 8, name);
	out_head(&head, 9, count * sizeof(float));
	graph->failed |= head.failed;
	out_head(graph, 5, head.length + count * sizeof(float));
	out_bytes(graph, head.start, head.length);
	out_free(&head);
	out_bytes(graph, value, count * sizeof(float));
}

void
out_whole_tensor(WireOut *graph, const char *name, int count, const int64_t *value)
{
	WireOut		tensor = {.host = graph->host, .status = graph->status};

	out_number(&tensor, 1, (uint64_t) count);
	out_number(&tensor, 2, 7);
	for (int i = 0; i < count; i++)
		out_number(&tensor, 7, (uint64_t) value[i]);
	out_text(&tensor, 8, name);
	out_message(graph, 5, &tensor);
}
