/*
 * onnx_writer.c: see onnx_writer.h.
 */
#include <stdlib.h>
#include <string.h>

#include "onnx_writer.h"

void
bytes_add(Bytes *bytes, const void *from, size_t length)
{
	if (bytes->length + length > bytes->room)
	{
		bytes->room = 2 * (bytes->length + length) + 64;
		bytes->start = realloc(bytes->start, bytes->room);
	}
	if (length > 0)
		memcpy(bytes->start + bytes->length, from, length);
	bytes->length += length;
}

void
bytes_free(Bytes *bytes)
{
	free(bytes->start);
	*bytes = (Bytes) {0};
}

static void
add_varint(Bytes *to, uint64_t number)
{
	do
	{
		uint8_t		byte = (uint8_t) ((number & 0x7F) | (number > 0x7F ? 0x80 : 0));

		bytes_add(to, &byte, 1);
		number >>= 7;
	} while (number > 0);
}

void
pb_number(Bytes *to, int field, uint64_t number)
{
	add_varint(to, (uint64_t) field << 3);
	add_varint(to, number);
}

void
pb_bytes(Bytes *to, int field, const void *from, size_t length)
{
	add_varint(to, (uint64_t) field << 3 | 2);
	add_varint(to, length);
	bytes_add(to, from, length);
}

void
pb_text(Bytes *to, int field, const char *text)
{
	pb_bytes(to, field, text, strlen(text));
}

void
pb_message(Bytes *to, int field, Bytes *message)
{
	pb_bytes(to, field, message->start, message->length);
	bytes_free(message);
}

void
onnx_raw_tensor(Bytes *graph, const char *name, int type, int rank, const int *dim, const void *raw, size_t length)
{
	Bytes		tensor = {0};

	for (int i = 0; i < rank; i++)
		pb_number(&tensor, 1, (uint64_t) dim[i]);
	pb_number(&tensor, 2, (uint64_t) type);
	pb_text(&tensor, 8, name);
	pb_bytes(&tensor, 9, raw, length);
	pb_message(graph, 5, &tensor);
}

void
onnx_tensor(Bytes *graph, const char *name, int rank, const int *dim, const float *value)
{
	size_t		count = 1;

	for (int i = 0; i < rank; i++)
		count *= (size_t) dim[i];
	onnx_raw_tensor(graph, name, 1, rank, dim, value, count * sizeof(float));
}

void
onnx_node(Bytes *graph, const char *operator, const char *inputs, const char *output, Bytes *attributes)
{
	Bytes		node = {0};

	while (*inputs != '\0')
	{
		size_t		length = strcspn(inputs, " ");

		pb_bytes(&node, 1, inputs, *inputs == '-' ? 0 : length);
		inputs += length + strspn(inputs + length, " ");
	}
	pb_text(&node, 2, output);
	pb_text(&node, 3, output);
	pb_text(&node, 4, operator);
	if (attributes != NULL)
	{
		bytes_add(&node, attributes->start, attributes->length);
		bytes_free(attributes);
	}
	pb_message(graph, 1, &node);
}

static void
add_attribute(Bytes *attributes, const char *name, int type, Bytes *value)
{
	Bytes		attribute = {0};

	pb_text(&attribute, 1, name);
	bytes_add(&attribute, value->start, value->length);
	pb_number(&attribute, 20, (uint64_t) type);
	bytes_free(value);
	pb_message(attributes, 5, &attribute);
}

void
onnx_int(Bytes *attributes, const char *name, int64_t number)
{
	Bytes		value = {0};

	pb_number(&value, 3, (uint64_t) number);
	add_attribute(attributes, name, 2, &value);
}

void
onnx_real(Bytes *attributes, const char *name, float number)
{
	Bytes		value = {0};

	add_varint(&value, 2 << 3 | 5);
	bytes_add(&value, &number, sizeof number);
	add_attribute(attributes, name, 1, &value);
}

void
onnx_string(Bytes *attributes, const char *name, const char *text)
{
	Bytes		value = {0};

	pb_text(&value, 4, text);
	add_attribute(attributes, name, 3, &value);
}

/* Packed, as newer writers do it, if there are more than two. */
void
onnx_ints(Bytes *attributes, const char *name, int count, const int *number)
{
	Bytes		value = {0};
	Bytes		packed = {0};

	for (int i = 0; i < count; i++)
	{
		if (count > 2)
			add_varint(&packed, (uint64_t) (int64_t) number[i]);
		else
			pb_number(&value, 8, (uint64_t) (int64_t) number[i]);
	}
	if (count > 2)
		pb_message(&value, 8, &packed);
	add_attribute(attributes, name, 7, &value);
}

Bytes
onnx_file(Bytes *graph, int rank, const int *dim, int opset)
{
	Bytes		file = {0};
	Bytes		shape = {0};
	Bytes		tensor = {0};
	Bytes		type = {0};
	Bytes		input = {0};
	Bytes		output = {0};
	Bytes		set = {0};

	for (int i = 0; i < rank; i++)
	{
		Bytes		part = {0};

		if (dim[i] < 0)
			pb_text(&part, 2, "open");
		else
			pb_number(&part, 1, (uint64_t) dim[i]);
		pb_message(&shape, 1, &part);
	}
	pb_number(&tensor, 1, 1);
	pb_message(&tensor, 2, &shape);
	pb_message(&type, 1, &tensor);
	pb_text(&input, 1, "x");
	pb_message(&input, 2, &type);
	pb_text(&output, 1, "y");
	pb_message(graph, 11, &input);
	pb_message(graph, 12, &output);
	pb_number(&set, 2, (uint64_t) opset);
	pb_number(&file, 1, 8);
	pb_message(&file, 7, graph);
	pb_message(&file, 8, &set);
	return file;
}
