/*
 * wire.c: the wire format of protobuf: a message is fields, each a key (number and type) and a value.
 *
 * protobuf.dev, "Encoding".  Groups, which ONNX does not use, count as broken.
 */
#include <string.h>

#include "onnx/onnx_internal.h"

Wire
wire_of(OnnxBytes bytes)
{
	return (Wire) {bytes.start, bytes.start + bytes.length, false};
}

static bool
break_wire(Wire *wire)
{
	wire->broken = true;
	return false;
}

static bool
read_varint(Wire *wire, uint64_t *value)
{
	*value = 0;
	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t		byte;

		if (wire->at == wire->end)
			return break_wire(wire);
		byte = *wire->at++;
		*value |= (uint64_t) (byte & 0x7F) << shift;
		if (byte < 0x80)
			return true;
	}
	return break_wire(wire);
}

static bool
read_fixed(Wire *wire, int size, uint64_t *value)
{
	if (wire->end - wire->at < size)
		return break_wire(wire);
	*value = 0;
	for (int i = 0; i < size; i++)
		*value |= (uint64_t) wire->at[i] << 8 * i;
	wire->at += size;
	return true;
}

static bool
read_value(Wire *wire, WireType type, uint64_t *value)
{
	switch (type)
	{
		case WIRE_VARINT:
			return read_varint(wire, value);
		case WIRE_FIXED64:
			return read_fixed(wire, 8, value);
		case WIRE_FIXED32:
			return read_fixed(wire, 4, value);
		case WIRE_BYTES:
			break;
	}
	return break_wire(wire);
}

bool
wire_next(Wire *wire, WireField *field)
{
	uint64_t	key;
	uint64_t	length;

	if (wire->broken || wire->at == wire->end)
		return false;
	if (!read_varint(wire, &key))
		return false;
	if (key >> 3 == 0 || key >> 32 != 0)
		return break_wire(wire);
	*field = (WireField) {.number = (uint32_t) (key >> 3), .type = (WireType) (key & 7)};
	if (field->type != WIRE_BYTES)
		return read_value(wire, field->type, &field->value);
	if (!read_varint(wire, &length))
		return false;
	if (length > (size_t) (wire->end - wire->at))
		return break_wire(wire);
	field->bytes = (OnnxBytes) {wire->at, (size_t) length};
	wire->at += length;
	return true;
}

bool
wire_number(const WireField *field, WireType type, Wire *rest, uint64_t *value)
{
	if (rest->at == NULL)
	{
		if (field->type == type)
		{
			*rest = (Wire) {(const uint8_t *) "", (const uint8_t *) "", false};
			rest->end = rest->at;
			*value = field->value;
			return true;
		}
		*rest = field->type == WIRE_BYTES ? wire_of(field->bytes) : (Wire) {(const uint8_t *) "", NULL, true};
	}
	if (rest->broken || rest->at == rest->end)
		return false;
	return read_value(rest, type, value);
}

float
wire_float(uint64_t value)
{
	uint32_t	bits = (uint32_t) value;
	float		number;

	memcpy(&number, &bits, sizeof number);
	return number;
}

double
wire_double(uint64_t value)
{
	double		number;

	memcpy(&number, &value, sizeof number);
	return number;
}
