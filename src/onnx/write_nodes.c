/*
 * write_nodes.c: for a file that is written: the settings of layers, nodes and initializers.
 */
#include <stdio.h>
#include <string.h>

#include "onnx/write_internal.h"

bool
write_refuse(Export *pass, const char *type, const char *why)
{
	return status_set(pass->status, STATUS_ONNX_UNSUPPORTED, NULL, "Layer %d (\"%s\"): %s", pass->layer, type, why);
}

/* ---- settings ---------------------------------------------------------------------------------------------------------- */

/* Where the settings of each layer stand. */
void
write_index(Export *pass)
{
	for (int i = 0; i < pass->definition->count; i++)
	{
		int			layer;

		if (sscanf(pass->definition->settings[i].path, "layers[%d]", &layer) != 1 || layer < 0 || layer >= LIMIT_LAYERS)
			continue;
		if (pass->last[layer] == 0)
			pass->first[layer] = i;
		pass->last[layer] = i + 1;
	}
}

const NetworkSetting *
write_setting(const Export *pass, int layer, const char *key)
{
	char		path[96];

	snprintf(path, sizeof path, "layers[%d].%s", layer - 1, key);
	for (int i = pass->first[layer - 1]; i < pass->last[layer - 1]; i++)
		if (strcmp(pass->definition->settings[i].path, path) == 0 && pass->definition->settings[i].kind != SETTING_EMPTY)
			return &pass->definition->settings[i];
	return NULL;
}

double
write_number(const Export *pass, const char *key, double otherwise)
{
	const NetworkSetting *setting = write_setting(pass, pass->layer, key);

	return setting != NULL ? setting->number : otherwise;
}

/* A number for all, or an array of two or four. */
void
write_sides(const Export *pass, const char *key, int count, int64_t otherwise, int64_t *side)
{
	char		element[64];

	for (int i = 0; i < count; i++)
	{
		snprintf(element, sizeof element, "%s[%d]", key, i);
		side[i] = (int64_t) write_number(pass, element, write_number(pass, key, (double) otherwise));
	}
	/* [height, width] for both ends */
	snprintf(element, sizeof element, "%s[2]", key);
	if (count == 4 && write_setting(pass, pass->layer, element) == NULL)
	{
		side[2] = side[0];
		side[3] = side[1];
	}
}

/* The number of the layer that a setting names; -1: not given. */
int
write_reference(const Export *pass, const char *key)
{
	const NetworkSetting *setting = write_setting(pass, pass->layer, key);

	if (setting == NULL)
		return -1;
	if (setting->kind != SETTING_TEXT)
		return (int) setting->number;
	for (int i = pass->layer - 1; i > 0; i--)
	{
		const NetworkSetting *name = write_setting(pass, i, "name");

		if (name != NULL && name->kind == SETTING_TEXT && strcmp(name->text, setting->text) == 0)
			return i;
	}
	return -1;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------- */

const float *
write_parameters(Export *pass, size_t count)
{
	const float *parameters = pass->definition->parameters + pass->parameter;

	pass->parameter += count;
	return pass->parameter <= pass->definition->parameter_count ? parameters : NULL;
}

void
put_nodes(Export *pass, const char *operator, const char *const *inputs, const char *const *outputs, WireOut *attributes)
{
	WireOut		node = {.host = pass->graph.host, .status = pass->status};

	for (int i = 0; inputs[i] != NULL; i++)
		out_text(&node, 1, inputs[i]);
	for (int i = 0; outputs[i] != NULL; i++)
		out_text(&node, 2, outputs[i]);
	out_text(&node, 3, outputs[0]);
	out_text(&node, 4, operator);
	if (attributes != NULL)
		out_bytes(&node, attributes->start, attributes->length);
	out_message(&pass->graph, 1, &node);
	if (attributes != NULL)
		out_free(attributes);
}

void
put_node(Export *pass, const char *operator, const char *input, int tensors, const char *output, WireOut *attributes)
{
	enum {MOST_TENSORS = 4};
	char		name[MOST_TENSORS][WRITE_NAME];
	const char *inputs[MOST_TENSORS + 2] = {input};
	const char *outputs[2] = {output};

	for (int i = 0; i < tensors && i < MOST_TENSORS; i++)
	{
		snprintf(name[i], sizeof name[i], "t%d_%d", pass->layer, i);
		inputs[1 + i] = name[i];
	}
	put_nodes(pass, operator, inputs, outputs, attributes);
}

WireOut
write_attributes(const Export *pass)
{
	return (WireOut) {.host = pass->graph.host, .status = pass->status};
}

bool
write_has_bias(const Export *pass)
{
	return write_number(pass, "bias", 1) != 0;
}

/* An initializer of the layer. */
void
put_tensor(Export *pass, int number, int rank, const int64_t *dim, const float *value)
{
	char		name[WRITE_NAME];

	snprintf(name, sizeof name, "t%d_%d", pass->layer, number);
	out_tensor(&pass->graph, name, rank, dim, value);
}

void
put_vector(Export *pass, int number, int rank, int64_t count, const float *value)
{
	put_tensor(pass, number, rank, (int64_t[]) {count, 1, 1}, value);
}

void
put_whole(Export *pass, int number, int count, const int64_t *value)
{
	char		name[WRITE_NAME];

	snprintf(name, sizeof name, "t%d_%d", pass->layer, number);
	out_whole_tensor(&pass->graph, name, count, value);
}
