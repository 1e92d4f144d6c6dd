/*
 * definition_layers.c: "layers" of a definition: the table of their types, and their settings.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/input_internal.h"

/* Every type that definitions may name. */
static const LayerType *const layer_types[] = {
	&layer_conv, &layer_dense, &layer_max_pool, &layer_mean_pool, &layer_adaptive_mean_pool, &layer_global_mean,
	&layer_global_max, &layer_attention_pool, &layer_batch_norm, &layer_instance_norm, &layer_local_response_norm,
	&layer_relu, &layer_prelu, &layer_leaky_relu, &layer_clip, &layer_sigmoid, &layer_hard_sigmoid, &layer_hard_swish,
	&layer_tanh, &layer_elu, &layer_selu, &layer_dropout, &layer_add, &layer_multiply, &layer_concat, &layer_pad,
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
		{"input", RULE_REFERENCE, offsetof(NetworkLayer, reads), 0, 1e6, NULL},
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

/* Layers have room for it. */
void
layers_append(NetworkDefinition *definition, const LayerType *type, double rate_factor)
{
	NetworkLayer *layer = &definition->layers[definition->layer_count++];

	layer->type = type;
	layer->number = definition->layer_count;
	layer->rate_factor = rate_factor;
}
