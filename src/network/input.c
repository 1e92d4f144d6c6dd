/*
 * input.c: the table of kinds of input: "input" of a definition, and a prepared sample -> the network's input.
 *
 * A prepared sample is bytes of one size: an image's raster, or a pen's floats of pen_prepare().
 */
#include <string.h>

#include "common/limits.h"
#include "network/input_internal.h"

static const void *const inputs[] = {&input_image, &input_pen, NULL};

static const SettingRule kind_rules[] = {
	{"kind", RULE_TYPE, offsetof(InputSettings, type), 0, 0, inputs},
	{NULL, 0, 0, 0, 0, NULL}
};

bool
input_read_kind(const NetworkSetting *settings, int count, InputSettings *input, Status *status)
{
	*input = (InputSettings) {.type = &input_image, .views = 1};
	for (int i = 0; i < count; i++)
	{
		if (strcmp(settings[i].path, "input.kind") == 0 &&
			!setting_store(kind_rules, NULL, "Input", "kind", &settings[i], input, status))
			return false;
	}
	input->type->defaults(input);
	return true;
}

bool
input_store(const char *key, const NetworkSetting *setting, InputSettings *input, Status *status)
{
	return setting_store(input->type->rules, kind_rules, "Input", key, setting, input, status);
}

bool
input_finish(const InputSettings *input, NetworkDefinition *definition, Status *status)
{
	definition->input = input->type;
	definition->input_kind = input->type->kind;
	definition->views = input->views;
	return input->type->finish(input, definition, status);
}

size_t
network_sample_bytes(const NetworkDefinition *definition)
{
	return definition->input->sample_bytes(definition);
}

void
network_input_from_raster(const NetworkDefinition *definition, const uint8_t *raster, real *input)
{
	definition->input->convert(definition, raster, input);
}

bool
network_shares_distortion(const NetworkDefinition *definition)
{
	const NetworkDistortion *d = &definition->training.shared_distortion;

	return d->rotation > 0 || d->scale > 0 || d->shear > 0 || d->shift > 0 || d->warp > 0 || d->time_warp > 0 ||
		d->tempo > 0 || d->pressure > 0 || d->mirror || d->reverse || d->brightness > 0 || d->gamma > 0 || d->saturation > 0 ||
		d->hue > 0;
}

void
network_input_distorted(const NetworkDefinition *definition, const uint8_t *raster, const NetworkCopy *copy,
						Random *random, real *input)
{
	definition->input->distort(definition, raster, copy, random, input);
}
