/*
 * definition_layers.c: "layers" of a definition: the table of their types, their settings, and how they follow each other:
 * shapes, counts, limits.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/input_internal.h"

/* Every type that definitions may name. */
static const LayerType *const layer_types[] = {
	&layer_conv, &layer_dense, &layer_max_pool, &layer_mean_pool, &layer_global_mean, &layer_attention_pool, &layer_batch_norm,
	&layer_local_response_norm, &layer_relu, &layer_prelu, &layer_sigmoid, &layer_tanh, &layer_dropout, &layer_add,
	&layer_flatten, &layer_l2_norm, &layer_pair, NULL
};

/* ---- settings ------------------------------------------------------------------------------------------------------ */

/* "layers[12].kernel": the index, and in *rest what follows the dot, or ""; -1 if it is not of that form. */
int
layer_index(const char *path, const char **rest)
{
	const char *digit = path + strlen("layers[");
	int			index = 0;

	if (strncmp(path, "layers[", strlen("layers[")) != 0 || *digit < '0' || *digit > '9')
		return -1;
	for (; *digit >= '0' && *digit <= '9'; digit++)
	{
		if (index <= LIMIT_LAYERS)
			index = index * 10 + (*digit - '0');
	}
	if (*digit != ']' || (digit[1] != '.' && digit[1] != '\0'))
		return -1;
	*rest = digit[1] == '.' ? digit + 2 : digit + 1;
	return index;
}

static bool
set_layer_type(NetworkLayer *layer, const NetworkSetting *setting, Status *status)
{
	char		hint[STATUS_TEXT] = "Known types: ";

	if (setting->kind != SETTING_TEXT)
		return status_set(status, STATUS_DEFINITION, "", "Layer %d: \"type\" must be a text.", layer->number);
	for (int i = 0; layer_types[i] != NULL; i++)
	{
		if (strcmp(layer_types[i]->name, setting->text) == 0)
		{
			layer->type = layer_types[i];
			if (layer->type->defaults != NULL)
				layer->type->defaults(layer);
			return true;
		}
		snprintf(hint + strlen(hint), sizeof(hint) - strlen(hint), "%s%s", i > 0 ? ", " : "", layer_types[i]->name);
	}
	snprintf(hint + strlen(hint), sizeof(hint) - strlen(hint), ".");
	return status_set(status, STATUS_DEFINITION, hint, "Layer %d: type \"%.64s\" is unknown.", layer->number,
					  setting->text);
}

bool
layers_count(const NetworkSetting *settings, int count, int *layers, Status *status)
{
	const char *rest;

	*layers = 0;
	for (int i = 0; i < count; i++)
	{
		int			index = layer_index(settings[i].path, &rest);

		if (index >= LIMIT_LAYERS)
			return status_set(status, STATUS_DEFINITION, "", "The definition has more than %d layers.", LIMIT_LAYERS);
		if (index >= *layers)
			*layers = index + 1;
	}
	if (*layers == 0)
		return status_set(status, STATUS_DEFINITION, "Give \"layers\": [{\"type\": \"dense\", \"units\": 64}], for instance.",
						  "The definition has no layers.");
	return true;
}

bool
layers_read_types(const NetworkSetting *settings, int count, NetworkDefinition *definition, Status *status)
{
	const char *rest;

	for (int i = 0; i < definition->layer_count; i++)
	{
		definition->layers[i].number = i + 1;
		definition->layers[i].source = -1;
		definition->layers[i].rate_factor = 1;
	}
	for (int i = 0; i < count; i++)
	{
		int			index = layer_index(settings[i].path, &rest);

		if (index >= 0 && strcmp(rest, "type") == 0 &&
			!set_layer_type(&definition->layers[index], &settings[i], status))
			return false;
	}
	definition->pair = -1;
	for (int i = 0; i < definition->layer_count; i++)
	{
		const NetworkLayer *layer = &definition->layers[i];

		if (layer->type == NULL)
			return status_set(status, STATUS_DEFINITION, "", "Layer %d: \"type\" is missing.", i + 1);
		if (layer->type != &layer_pair)
			continue;
		if (definition->pair >= 0)
			return layer_error(layer, status, "", "layer %d is one already.", definition->pair + 1);
		definition->pair = i;
	}
	return true;
}

bool
layer_store(const char *key, const NetworkSetting *setting, NetworkLayer *layer, Status *status)
{
	static const SettingRule common[] = {
		{"type", RULE_NAME, 0, 0, 0, NULL},		/* read before */
		{"name", RULE_NAME, offsetof(NetworkLayer, name), 0, 0, NULL},
		{NULL, 0, 0, 0, 0, NULL}
	};
	char		where[64];

	if (strcmp(key, "type") == 0)
		return true;
	snprintf(where, sizeof(where), "Layer %d (\"%s\")", layer->number, layer->type->name);
	if (key[0] == '\0')
		return status_set(status, STATUS_DEFINITION, "", "Layer %d must be an object.", layer->number);
	return setting_store(layer->type->rules, common, where, key, setting, layer, status);
}

/* ---- shapes -------------------------------------------------------------------------------------------------------- */

/* Layers have room for it. */
void
layers_append(NetworkDefinition *definition, const LayerType *type, double rate_factor)
{
	NetworkLayer *layer = &definition->layers[definition->layer_count++];

	layer->type = type;
	layer->number = definition->layer_count;
	layer->source = -1;
	layer->rate_factor = rate_factor;
}

/* A head has layers that learn, reads nothing of the twin but its output, and ends in one logit or two. */
static bool
check_head(const NetworkDefinition *definition, uint64_t parameters, Status *status)
{
	const NetworkLayer *pair = &definition->layers[definition->pair];
	const NetworkLayer *last = &definition->layers[definition->layer_count - 1];
	const char *hint = "End with a dense layer of 1 unit, the log odds of \"the same\", or of 2, \"different\" and \"the same\".";
	uint64_t	twin = 0;

	for (int i = 0; i < definition->pair; i++)
		twin += definition->layers[i].parameter_count;
	if (parameters == twin)
		return layer_error(pair, status, hint, "no layer after it learns.");
	for (int i = definition->pair + 1; i < definition->layer_count; i++)
		if (definition->layers[i].source >= 0 && definition->layers[i].source <= definition->pair)
			return layer_error(&definition->layers[i], status, "", "it stands after the pair and reads layer %d, which does not.",
							   definition->layers[i].source + 1);
	if (shape_values(last->out) > 2)
		return layer_error(last, status, hint, "its %zu outputs are more than the 2 that a head can end in.",
						   shape_values(last->out));
	return true;
}

bool
layers_connect(NetworkDefinition *definition, Status *status)
{
	NetworkShape shape = definition->input->shape(definition);
	uint64_t	parameters = 0;
	uint64_t	statistics = 0;

	for (int i = 0; i < definition->layer_count; i++)
	{
		NetworkLayer *layer = &definition->layers[i];
		int			next = i + 1;

		layer->in = layer->out = shape;
		if (layer->type->shape != NULL && !layer->type->shape(layer, status))
			return false;
		if (layer->type->connect != NULL && !layer->type->connect(definition->layers, layer, status))
			return false;
		if (shape_values(layer->out) > LIMIT_ACTIVATIONS)
			return layer_error(layer, status, "", "its output of %d x %d x %d has more than %d values.",
							   layer->out.height, layer->out.width, layer->out.channels, LIMIT_ACTIVATIONS);
		parameters += layer->parameter_count;
		statistics += layer->statistic_count;
		if (parameters + statistics > LIMIT_PARAMETERS)
			return layer_error(layer, status, "", "up to here the network has %llu parameters, more than %d.",
							   (unsigned long long) (parameters + statistics), LIMIT_PARAMETERS);
		while (next < definition->layer_count && definition->layers[next].type->fold != NULL)
			next++;
		layer->rectifier_follows = next < definition->layer_count && definition->layers[next].type->rectifier;
		shape = layer->out;
	}
	if (definition->pair >= 0)
		return check_head(definition, parameters, status);
	if (shape_values(shape) > LIMIT_DIMENSIONS)
		return layer_error(&definition->layers[definition->layer_count - 1], status,
						   "End with a dense layer of some hundred units.",
						   "the embedding would have %zu dimensions, more than %d.", shape_values(shape),
						   LIMIT_DIMENSIONS);
	if (parameters == 0)
		return status_set(status, STATUS_DEFINITION, "", "The network has no parameters to learn.");
	return true;
}
