/*
 * tensor.c: TensorProto (onnx.proto3) -> a constant: numbers in float or int64, whatever their type in the file.
 */
#include <math.h>
#include <string.h>

#include "onnx/onnx_internal.h"

/* How many values; false if a dimension is negative, or they are too many, were those of 0 not there. */
bool
constant_count(int rank, const int64_t *dim, size_t *count)
{
	size_t		product = 1;
	bool		empty = false;

	for (int i = 0; i < rank; i++)
	{
		if (dim[i] < 0 || dim[i] > LIMIT_PARAMETERS)
			return false;
		empty |= dim[i] == 0;
		product *= dim[i] == 0 ? 1 : (size_t) dim[i];
		if (product > LIMIT_PARAMETERS)
			return false;
	}
	*count = empty ? 0 : product;
	return true;
}

OnnxConstant *
constant_make(Onnx *onnx, bool whole, int rank, const int64_t *dim)
{
	OnnxConstant *constant = onnx_take(onnx, 1, sizeof(OnnxConstant));
	size_t		count;

	if (constant == NULL)
		return NULL;
	if (!constant_count(rank, dim, &count))
	{
		onnx_broken(onnx, "A tensor of %d dimensions has a negative one, or more than %d values.", rank, LIMIT_PARAMETERS);
		return NULL;
	}
	constant->rank = rank;
	for (int i = 0; i < rank; i++)
		constant->dim[i] = dim[i];
	constant->count = count;
	if (whole)
		constant->whole = onnx_take(onnx, count, sizeof(int64_t));
	else
		constant->real = onnx_take(onnx, count, sizeof(float));
	return constant->whole == NULL && constant->real == NULL ? NULL : constant;
}

double
constant_number(const OnnxConstant *constant, size_t i)
{
	return constant->whole != NULL ? (double) constant->whole[i] : constant->real[i];
}

/* IEEE 754 binary16, and bfloat16, which is the upper half of a float. */
static float
half_to_float(uint32_t half)
{
	int			exponent = half >> 10 & 31;
	float		fraction = (float) (half & 1023);
	float		value = exponent == 0 ? ldexpf(fraction, -24) : exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
		: ldexpf(1024 + fraction, exponent - 25);

	return half & 0x8000 ? -value : value;
}

static float
float_of_bits(uint64_t bits, int64_t type)
{
	switch (type)
	{
		case ONNX_FLOAT16:
			return half_to_float((uint32_t) bits & 0xFFFF);
		case ONNX_BFLOAT16:
			return wire_float((bits & 0xFFFF) << 16);
		case ONNX_DOUBLE:
			return (float) wire_double(bits);
		default:
			return wire_float(bits);
	}
}

static int64_t
whole_of_bits(uint64_t bits, int64_t type)
{
	switch (type)
	{
		case ONNX_INT8:
			return (int8_t) bits;
		case ONNX_UINT8:
		case ONNX_BOOL:
			return (uint8_t) bits;
		case ONNX_INT16:
			return (int16_t) bits;
		case ONNX_UINT16:
			return (uint16_t) bits;
		case ONNX_INT32:
			return (int32_t) bits;
		case ONNX_UINT32:
			return (uint32_t) bits;
		default:
			return (int64_t) bits;
	}
}

/* Bytes of a value in raw_data, the number of its typed field and that field's type; false for types that are not read. */
static bool
type_of(int64_t type, int *size, uint32_t *number, WireType *wire)
{
	static const struct
	{
		int			size;
		uint32_t	number;
		WireType	wire;
	}			types[] = {
		[ONNX_FLOAT] = {4, 4, WIRE_FIXED32}, [ONNX_UINT8] = {1, 5, WIRE_VARINT}, [ONNX_INT8] = {1, 5, WIRE_VARINT},
		[ONNX_UINT16] = {2, 5, WIRE_VARINT}, [ONNX_INT16] = {2, 5, WIRE_VARINT}, [ONNX_INT32] = {4, 5, WIRE_VARINT},
		[ONNX_INT64] = {8, 7, WIRE_VARINT}, [ONNX_BOOL] = {1, 5, WIRE_VARINT}, [ONNX_FLOAT16] = {2, 5, WIRE_VARINT},
		[ONNX_DOUBLE] = {8, 10, WIRE_FIXED64}, [ONNX_UINT32] = {4, 11, WIRE_VARINT}, [ONNX_UINT64] = {8, 11, WIRE_VARINT},
		[ONNX_BFLOAT16] = {2, 5, WIRE_VARINT}
	};

	if (type < 0 || type >= (int64_t) (sizeof types / sizeof types[0]) || types[type].size == 0)
		return false;
	*size = types[type].size;
	*number = types[type].number;
	*wire = types[type].wire;
	return true;
}

typedef struct TensorParts
{
	int64_t		type;
	int			rank;
	int64_t		dim[ONNX_RANK];
	size_t		count;
	OnnxBytes	raw;
	bool		has_raw;
	bool		external;
	OnnxBytes	name;
} TensorParts;

static bool
read_parts(Onnx *onnx, OnnxBytes tensor, TensorParts *parts)
{
	Wire		wire = wire_of(tensor);
	WireField	field;

	while (wire_next(&wire, &field))
	{
		Wire		rest = {0};
		uint64_t	value;

		if (field.number == 1)
			while (wire_number(&field, WIRE_VARINT, &rest, &value))
			{
				if (parts->rank == ONNX_RANK)
					return onnx_broken(onnx, "A tensor has more than %d dimensions.", ONNX_RANK);
				parts->dim[parts->rank++] = (int64_t) value;
			}
		else if (field.number == 2 && field.type == WIRE_VARINT)
			parts->type = (int64_t) field.value;
		else if (field.number == 8 && field.type == WIRE_BYTES)
			parts->name = field.bytes;
		else if (field.number == 9 && field.type == WIRE_BYTES)
		{
			parts->raw = field.bytes;
			parts->has_raw = true;
		}
		else if (field.number == 13 || (field.number == 14 && field.type == WIRE_VARINT && field.value != 0))
			parts->external = true;
	}
	return !wire.broken || onnx_broken(onnx, "A tensor is cut off.");
}

/* How many values the typed field has; the first ones go to the constant, if there is one. */
static size_t
read_typed(OnnxBytes tensor, int64_t type, uint32_t number, WireType wire_type, OnnxConstant *constant)
{
	Wire		wire = wire_of(tensor);
	WireField	field;
	size_t		count = 0;

	while (wire_next(&wire, &field))
	{
		Wire		rest = {0};
		uint64_t	value;

		if (field.number != number)
			continue;
		for (; wire_number(&field, wire_type, &rest, &value); count++)
		{
			if (constant == NULL || count >= constant->count)
				continue;
			if (constant->whole != NULL)
				constant->whole[count] = whole_of_bits(value, type);
			else
				constant->real[count] = float_of_bits(value, type);
		}
	}
	return count;
}

static void
read_raw(OnnxBytes raw, int64_t type, int size, OnnxConstant *constant)
{
	const uint8_t *from = raw.start;

	for (size_t i = 0; i < constant->count; i++, from += size)
	{
		uint64_t	bits = 0;

		for (int byte = 0; byte < size; byte++)
			bits |= (uint64_t) from[byte] << 8 * byte;
		if (constant->whole != NULL)
			constant->whole[i] = whole_of_bits(bits, type);
		else
			constant->real[i] = float_of_bits(bits, type);
	}
}

const OnnxConstant *
tensor_read(Onnx *onnx, OnnxBytes tensor, const OnnxNode *node)
{
	char		text[ONNX_NAME];
	TensorParts parts = {.name = {(const uint8_t *) "", 0}};
	OnnxConstant *constant;
	int			size;
	uint32_t	number;
	WireType	wire;
	bool		whole;
	size_t		count;
	size_t		given;

	if (!read_parts(onnx, tensor, &parts))
		return NULL;
	onnx_name(parts.name, text);
	if (parts.external)
	{
		node_unsupported(onnx, node, "Store the model in one file, with its tensors inside.",
						 "the data of its tensor \"%s\" are in another file.", text);
		return NULL;
	}
	if (!type_of(parts.type, &size, &number, &wire))
	{
		node_unsupported(onnx, node, NULL, "its tensor \"%s\" has elements of type %lld, which is no number that is read.", text,
						 (long long) parts.type);
		return NULL;
	}
	if (!constant_count(parts.rank, parts.dim, &count))
	{
		node_broken(onnx, node, "its tensor \"%s\" of %d dimensions has a negative one, or more than %d values.", text, parts.rank,
					LIMIT_PARAMETERS);
		return NULL;
	}
	given = parts.has_raw ? parts.raw.length / size : read_typed(tensor, parts.type, number, wire, NULL);
	if (given != count || (parts.has_raw && parts.raw.length % size != 0))
	{
		node_broken(onnx, node, "its tensor \"%s\" has %zu values, but its dimensions ask for %zu.", text, given, count);
		return NULL;
	}
	whole = parts.type != ONNX_FLOAT && parts.type != ONNX_FLOAT16 && parts.type != ONNX_DOUBLE && parts.type != ONNX_BFLOAT16;
	constant = constant_make(onnx, whole, parts.rank, parts.dim);
	if (constant == NULL)
		return NULL;
	if (parts.has_raw)
		read_raw(parts.raw, parts.type, size, constant);
	else
		read_typed(tensor, parts.type, number, wire, constant);
	return constant;
}

const OnnxConstant *
node_constant(Onnx *onnx, const OnnxNode *node, int input, bool *failed)
{
	OnnxValue  *value;

	*failed = false;
	if (input >= node->inputs || node->input[input] < 0)
		return NULL;
	value = &onnx->value[node->input[input]];
	if (value->kind == VALUE_TENSOR)
	{
		value->constant = tensor_read(onnx, value->tensor, node);
		if (value->constant == NULL)
		{
			*failed = true;
			return NULL;
		}
		value->kind = VALUE_CONSTANT;
	}
	return value->kind == VALUE_CONSTANT ? value->constant : NULL;
}

bool
node_whole_numbers(Onnx *onnx, const OnnxNode *node, const char *name, int input, int64_t *number, int *count)
{
	const OnnxConstant *constant;
	bool		failed;

	*count = node_ints(node, name, number, ONNX_RANK);
	if (*count > ONNX_RANK)
		return node_broken(onnx, node, "\"%s\" has %d numbers; at most %d make sense.", name, *count, ONNX_RANK);
	if (*count >= 0 || input >= node->inputs || node->input[input] < 0)
		return true;
	constant = node_constant(onnx, node, input, &failed);
	if (failed)
		return false;
	if (constant == NULL)
		return node_unsupported(onnx, node, NULL, "\"%s\" depends on the input.", name);
	if (constant->whole == NULL || constant->count > ONNX_RANK)
		return node_broken(onnx, node, "\"%s\" has %zu numbers; it must be at most %d whole ones.", name, constant->count, ONNX_RANK);
	*count = (int) constant->count;
	for (int i = 0; i < *count; i++)
		number[i] = constant->whole[i];
	return true;
}

bool
node_reduced_axes(Onnx *onnx, const OnnxNode *node, int64_t *axes, int *count)
{
	if (!node_whole_numbers(onnx, node, "axes", 1, axes, count))
		return false;
	if (*count <= 0 && node_int(node, "noop_with_empty_axes", 0) != 0)
		return node_unsupported(onnx, node, NULL, "it reduces no axis.");
	if (*count == 0)
		*count = -1;
	return true;
}
