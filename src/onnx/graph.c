/*
 * graph.c: ModelProto and GraphProto (onnx.proto3) -> nodes and values, and the attributes of a node.
 *
 * Nodes must stand in an order in which each one's inputs come before it, as the format asks; so there are no cycles.
 */
#include <string.h>

#include "onnx/onnx_internal.h"

/* ---- names --------------------------------------------------------------------------------------------------------- */

static uint32_t
hash_name(OnnxBytes name)
{
	uint64_t	hash = UINT64_C(0xcbf29ce484222325);	/* FNV-1a */

	for (size_t i = 0; i < name.length; i++)
		hash = (hash ^ name.start[i]) * UINT64_C(0x100000001b3);
	return (uint32_t) (hash ^ hash >> 32);
}

static bool
same_name(OnnxBytes a, OnnxBytes b)
{
	return a.length == b.length && memcmp(a.start, b.start, a.length) == 0;
}

/* The value of that name, which is added if there is none and add says so; else -1. */
static int
value_named(Onnx *onnx, OnnxBytes name, bool add)
{
	uint32_t	at = hash_name(name) & (onnx->slots - 1);

	for (; onnx->slot[at] != 0; at = (at + 1) & (onnx->slots - 1))
		if (same_name(onnx->value[onnx->slot[at] - 1].name, name))
			return onnx->slot[at] - 1;
	if (!add)
		return -1;
	onnx->value[onnx->values].name = name;
	onnx->slot[at] = ++onnx->values;
	return onnx->values - 1;
}

/* A name is given once: by an initializer, an input or one output of one node. */
static bool
give_name(Onnx *onnx, OnnxBytes name, const OnnxNode *node, int *value)
{
	char		text[ONNX_NAME];

	*value = value_named(onnx, name, true);
	if (onnx->value[*value].given)
		return node != NULL ? node_broken(onnx, node, "the name \"%s\" of its output is given twice.", onnx_name(name, text))
			: onnx_broken(onnx, "The name \"%s\" is given twice.", onnx_name(name, text));
	onnx->value[*value].given = true;
	return true;
}

/* ---- the model ----------------------------------------------------------------------------------------------------- */

static OnnxBytes
field_bytes(OnnxBytes message, uint32_t number)
{
	Wire		wire = wire_of(message);
	WireField	field;
	OnnxBytes	found = {(const uint8_t *) "", 0};

	while (wire_next(&wire, &field))
		if (field.number == number && field.type == WIRE_BYTES)
			found = field.bytes;
	return found;
}

static bool
read_opset(Onnx *onnx, OnnxBytes message)
{
	Wire		wire = wire_of(message);
	WireField	field;
	OnnxBytes	domain = {(const uint8_t *) "", 0};
	uint64_t	version = 0;

	while (wire_next(&wire, &field))
	{
		if (field.number == 1 && field.type == WIRE_BYTES)
			domain = field.bytes;
		else if (field.number == 2 && field.type == WIRE_VARINT)
			version = field.value;
	}
	if (wire.broken)
		return onnx_broken(onnx, "Its operator set cannot be read.");
	if (domain.length == 0 || bytes_are(domain, "ai.onnx"))
		onnx->opset = version > INT32_MAX ? INT32_MAX : (int64_t) version;
	return true;
}

static bool
read_model(Onnx *onnx)
{
	Wire		wire = wire_of(onnx->file);
	WireField	field;
	int			graphs = 0;

	/* Of a file without one: so it was before operator sets had versions; nodes of other domains are refused by name. */
	onnx->opset = 1;
	while (wire_next(&wire, &field))
	{
		if (field.number == 7 && field.type == WIRE_BYTES)
		{
			onnx->graph = field.bytes;
			graphs++;
		}
		else if (field.number == 8 && field.type == WIRE_BYTES && !read_opset(onnx, field.bytes))
			return false;
	}
	if (wire.broken)
		return onnx_broken(onnx, "It is cut off, or no ONNX file: its fields end before byte %zu of %zu.",
						   (size_t) (wire.at - onnx->file.start) + 1, onnx->file.length);
	if (graphs != 1)
		return onnx_broken(onnx, "It has %d graphs; an ONNX file has one.", graphs);
	if (onnx->opset < LIMIT_ONNX_OPSET_LEAST || onnx->opset > LIMIT_ONNX_OPSET)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, "Export it again with opset 17, for instance.",
						  "Its operators are those of opset %d; known are %d to %d.", (int) onnx->opset, LIMIT_ONNX_OPSET_LEAST,
						  LIMIT_ONNX_OPSET);
	return true;
}

/* ---- nodes --------------------------------------------------------------------------------------------------------- */

/* Attributes are looked for later, when they are needed: here only that all of them can be read. */
static bool
attribute_sound(OnnxBytes message)
{
	Wire		wire = wire_of(message);
	WireField	field;

	while (wire_next(&wire, &field))
		;
	return !wire.broken;
}

static bool
read_node(Onnx *onnx, OnnxBytes message, OnnxNode *node)
{
	Wire		wire = wire_of(message);
	WireField	field;
	int			inputs = 0;
	int			outputs = 0;
	bool		sound = true;

	node->bytes = message;
	while (wire_next(&wire, &field))
	{
		if (field.type != WIRE_BYTES)
			continue;
		switch (field.number)
		{
			case 1:
				node->inputs++;
				break;
			case 2:
				node->outputs++;
				break;
			case 3:
				node->name = field.bytes;
				break;
			case 4:
				node->operator = field.bytes;
				break;
			case 5:
				sound &= attribute_sound(field.bytes);
				break;
			case 7:
				node->domain = field.bytes;
				break;
		}
	}
	if (wire.broken || !sound)
		return node_broken(onnx, node, "it is cut off, or its attributes cannot be read.");
	if (node->outputs == 0)
		return node_broken(onnx, node, "it has no output.");
	node->input = onnx_take(onnx, (size_t) node->inputs + node->outputs, sizeof(int));
	if (node->input == NULL)
		return false;
	node->output = node->input + node->inputs;
	wire = wire_of(message);
	while (wire_next(&wire, &field))
	{
		if (field.type != WIRE_BYTES || field.number > 2)
			continue;
		if (field.number == 1)
			node->input[inputs++] = field.bytes.length == 0 ? -1 : value_named(onnx, field.bytes, true);
		else if (field.bytes.length == 0)
			node->output[outputs++] = -1;
		else if (!give_name(onnx, field.bytes, node, &node->output[outputs++]))
			return false;
	}
	return true;
}

/* How many nodes a graph has and how many names it can use; false if it cannot be read. */
static bool
count_names(Onnx *onnx, int64_t *names)
{
	Wire		wire = wire_of(onnx->graph);
	WireField	field;
	int64_t		nodes = 0;

	*names = 0;
	while (wire_next(&wire, &field))
	{
		Wire		inner = wire_of(field.bytes);
		WireField	name;

		if (field.type != WIRE_BYTES)
			continue;
		if (field.number == 5 || field.number == 11 || field.number == 12)
			++*names;
		if (field.number == 15)
			return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, "Store its tensors densely.", "It has sparse initializers.");
		if (field.number != 1)
			continue;
		nodes++;
		while (wire_next(&inner, &name))
			*names += name.number <= 2;
	}
	if (wire.broken)
		return onnx_broken(onnx, "Its graph is cut off.");
	if (nodes > LIMIT_ONNX_NODES || *names > LIMIT_ONNX_NAMES)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL,
						  "It has %lld nodes with %lld names; at most %d and %d are read.", (long long) nodes, (long long) *names,
						  LIMIT_ONNX_NODES, LIMIT_ONNX_NAMES);
	onnx->nodes = (int) nodes;
	return true;
}

static bool
read_initializers(Onnx *onnx)
{
	Wire		wire = wire_of(onnx->graph);
	WireField	field;
	int			value;

	while (wire_next(&wire, &field))
	{
		if (field.number != 5 || field.type != WIRE_BYTES)
			continue;
		if (!give_name(onnx, field_bytes(field.bytes, 8), NULL, &value))
			return false;
		onnx->value[value].kind = VALUE_TENSOR;
		onnx->value[value].tensor = field.bytes;
	}
	return true;
}

/* Files of IR version 3 list the initializers among the inputs, too. */
static bool
read_inputs(Onnx *onnx)
{
	Wire		wire = wire_of(onnx->graph);
	WireField	field;
	int			value;

	while (wire_next(&wire, &field))
	{
		OnnxBytes	name;

		if (field.number != 11 || field.type != WIRE_BYTES)
			continue;
		name = field_bytes(field.bytes, 1);
		value = value_named(onnx, name, false);
		if (value >= 0 && onnx->value[value].kind == VALUE_TENSOR)
			continue;
		if (!give_name(onnx, name, NULL, &value))
			return false;
		onnx->value[value].kind = VALUE_LAYER;
		onnx->value[value].tensor = field.bytes;
	}
	return true;
}

bool
graph_read(Onnx *onnx)
{
	Wire		wire;
	WireField	field;
	int64_t		names;
	int			at = 0;

	if (!read_model(onnx) || !count_names(onnx, &names))
		return false;
	for (onnx->slots = 16; onnx->slots < 2 * names + 2; onnx->slots *= 2)
		;
	onnx->value = onnx_take(onnx, names + 1, sizeof(OnnxValue));
	onnx->slot = onnx->value ? onnx_take(onnx, onnx->slots, sizeof(int)) : NULL;
	onnx->node = onnx->slot ? onnx_take(onnx, onnx->nodes, sizeof(OnnxNode)) : NULL;
	if (onnx->node == NULL || !read_initializers(onnx) || !read_inputs(onnx))
		return false;
	wire = wire_of(onnx->graph);
	while (wire_next(&wire, &field))
	{
		if (field.number != 1 || field.type != WIRE_BYTES)
			continue;
		if (host_interrupted(onnx->host, onnx->status))
			return false;
		onnx->node[at].number = at + 1;
		if (!read_node(onnx, field.bytes, &onnx->node[at++]))
			return false;
	}
	return true;
}

/* ---- what the output needs ------------------------------------------------------------------------------------------- */

/* The tensor of the options, or the graph's first output. */
static bool
find_output(Onnx *onnx)
{
	char		text[ONNX_NAME];
	OnnxBytes	name = {(const uint8_t *) "", 0};
	Wire		wire = wire_of(onnx->graph);
	WireField	field;

	while (onnx->options->output == NULL && name.length == 0 && wire_next(&wire, &field))
		if (field.number == 12 && field.type == WIRE_BYTES)
			name = field_bytes(field.bytes, 1);
	if (onnx->options->output != NULL)
		name = (OnnxBytes) {(const uint8_t *) onnx->options->output, strlen(onnx->options->output)};
	onnx->output = value_named(onnx, name, false);
	if (onnx->output >= 0 && onnx->value[onnx->output].given)
		return true;
	if (onnx->options->output == NULL)
		return onnx_broken(onnx, "No node gives its output \"%s\".", onnx_name(name, text));
	return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, "\"output\" is the name of a tensor that a node gives.",
					  "It has no tensor \"%s\".", onnx_name(name, text));
}

/* From the last node to the first; an input must be given before. */
bool
graph_mark(Onnx *onnx)
{
	char		text[ONNX_NAME];

	if (!find_output(onnx))
		return false;
	onnx->value[onnx->output].needed = true;
	onnx->value[onnx->output].consumers = 1;
	for (int i = onnx->nodes - 1; i >= 0; i--)
	{
		OnnxNode   *node = &onnx->node[i];

		for (int k = 0; k < node->outputs; k++)
			node->needed |= node->output[k] >= 0 && onnx->value[node->output[k]].needed;
		for (int k = 0; node->needed && k < node->inputs; k++)
			if (node->input[k] >= 0)
			{
				onnx->value[node->input[k]].needed = true;
				onnx->value[node->input[k]].consumers++;
			}
	}
	onnx->input = -1;
	for (int i = 0; i < onnx->values; i++)
	{
		if (onnx->value[i].kind != VALUE_LAYER || !onnx->value[i].needed)
			continue;
		if (onnx->input >= 0)
			return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, "Cut the graph where it has one input; see \"output\".",
							  "Its output needs more than one input: the second is \"%s\".", onnx_name(onnx->value[i].name, text));
		onnx->input = i;
	}
	if (onnx->input < 0)
		return onnx_broken(onnx, "Its output needs none of its inputs.");
	return true;
}

/* ValueInfoProto: name = 1, type = 2; TypeProto: tensor_type = 1; its elem_type = 1, shape = 2; dim = 1: dim_value = 1. */
bool
graph_input_shape(Onnx *onnx, int64_t *dim, int *rank)
{
	char		text[ONNX_NAME];
	const OnnxValue *value = &onnx->value[onnx->input];
	OnnxBytes	tensor = field_bytes(field_bytes(value->tensor, 2), 1);
	Wire		wire = wire_of(tensor);
	WireField	field;
	OnnxBytes	shape = {(const uint8_t *) "", 0};
	uint64_t	type = 0;

	*rank = 0;
	while (wire_next(&wire, &field))
	{
		if (field.number == 1 && field.type == WIRE_VARINT)
			type = field.value;
		else if (field.number == 2 && field.type == WIRE_BYTES)
			shape = field.bytes;
	}
	if (type != ONNX_FLOAT && type != ONNX_FLOAT16 && type != ONNX_DOUBLE && type != ONNX_UINT8)
		return status_set(onnx->status, STATUS_ONNX_UNSUPPORTED, NULL,
						  "Its input \"%s\" has elements of type %lld; it must be of floats (1, 10 or 11) or bytes (2).",
						  onnx_name(value->name, text), (long long) type);
	wire = wire_of(shape);
	while (wire_next(&wire, &field))
	{
		Wire		inner = wire_of(field.bytes);
		WireField	part;
		int64_t		size = -1;

		if (field.number != 1 || field.type != WIRE_BYTES)
			continue;
		while (wire_next(&inner, &part))
			if (part.number == 1 && part.type == WIRE_VARINT)
				size = (int64_t) part.value;
		if (*rank == ONNX_RANK || size < -1 || size == 0 || size > INT32_MAX)
			return onnx_broken(onnx, "Dimension %d of its input \"%s\" is %lld.", *rank + 1, onnx_name(value->name, text),
							   (long long) size);
		dim[(*rank)++] = size;
	}
	return true;
}

/* ---- attributes ------------------------------------------------------------------------------------------------------ */

/* AttributeProto: name = 1, f = 2, i = 3, s = 4, t = 5, floats = 7, ints = 8. */
static bool
find_attribute(const OnnxNode *node, const char *name, OnnxBytes *attribute)
{
	Wire		wire = wire_of(node->bytes);
	WireField	field;

	while (wire_next(&wire, &field))
		if (field.number == 5 && field.type == WIRE_BYTES && bytes_are(field_bytes(field.bytes, 1), name))
		{
			*attribute = field.bytes;
			return true;
		}
	return false;
}

static bool
find_field(const OnnxNode *node, const char *name, uint32_t number, WireType type, WireField *found)
{
	OnnxBytes	attribute;
	WireField	field;
	Wire		wire;
	bool		any = false;

	if (!find_attribute(node, name, &attribute))
		return false;
	wire = wire_of(attribute);
	while (wire_next(&wire, &field))
		if (field.number == number && field.type == type)
		{
			*found = field;
			any = true;
		}
	return any;
}

bool
node_has(const OnnxNode *node, const char *name)
{
	OnnxBytes	attribute;

	return find_attribute(node, name, &attribute);
}

int64_t
node_int(const OnnxNode *node, const char *name, int64_t otherwise)
{
	WireField	field;

	return find_field(node, name, 3, WIRE_VARINT, &field) ? (int64_t) field.value : otherwise;
}

double
node_real(const OnnxNode *node, const char *name, double otherwise)
{
	WireField	field;

	return find_field(node, name, 2, WIRE_FIXED32, &field) ? wire_float(field.value) : otherwise;
}

OnnxBytes
node_text(const OnnxNode *node, const char *name)
{
	WireField	field = {0};

	return find_field(node, name, 4, WIRE_BYTES, &field) ? field.bytes : (OnnxBytes) {(const uint8_t *) "", 0};
}

OnnxBytes
node_tensor(const OnnxNode *node, const char *name)
{
	WireField	field = {0};

	return find_field(node, name, 5, WIRE_BYTES, &field) ? field.bytes : (OnnxBytes) {(const uint8_t *) "", 0};
}

/* All numbers of a repeated field of an attribute; the first ones go to whole or real. */
static int
read_numbers(const OnnxNode *node, const char *name, uint32_t number, WireType type, int64_t *whole, float *real, int most)
{
	OnnxBytes	attribute;
	WireField	field;
	Wire		wire;
	int			count = 0;

	if (!find_attribute(node, name, &attribute))
		return -1;
	wire = wire_of(attribute);
	while (wire_next(&wire, &field))
	{
		Wire		rest = {0};
		uint64_t	value;

		if (field.number != number)
			continue;
		for (; count < INT32_MAX && wire_number(&field, type, &rest, &value); count++)
		{
			if (count >= most)
				continue;
			if (whole != NULL)
				whole[count] = (int64_t) value;
			else
				real[count] = wire_float(value);
		}
	}
	return count;
}

int
node_ints(const OnnxNode *node, const char *name, int64_t *number, int most)
{
	return read_numbers(node, name, 8, WIRE_VARINT, number, NULL, most);
}

int
node_reals(const OnnxNode *node, const char *name, float *number, int most)
{
	return read_numbers(node, name, 7, WIRE_FIXED32, NULL, number, most);
}
