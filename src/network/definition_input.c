/*
 * definition_input.c: "input" of a definition: what is done to an image or to a pen's trajectory before the network.
 */
#include <string.h>

#include "common/limits.h"
#include "network/network_internal.h"

static const char *const input_kinds[] = {"image", "pen", NULL};	/* as NetworkInputKind */
static const char *const input_colours[] = {"grey", "colour", NULL};
static const char *const input_polarities[] = {"none", "auto", "dark", "light", NULL};	/* as ImagePolarity */
static const char *const input_backgrounds[] = {"keep", "remove", NULL};
static const char *const input_crops[] = {"none", "ink", NULL};
static const char *const input_blanks[] = {"refuse", "keep", NULL};
static const char *const input_fits[] = {"keep", "stretch", NULL};	/* as ImageFit */
static const char *const input_resamplings[] = {"time", "arc", NULL};	/* as PenResampling */
static const char *const input_scales[] = {"y", "both", NULL};	/* as PenScale */

static const SettingRule kind_rules[] = {
	{"kind", RULE_CHOICE, offsetof(InputSettings, kind), 0, 0, input_kinds},
	{NULL, 0, 0, 0, 0, NULL}
};

static const SettingRule image_rules[] = {
	{"width", RULE_INTEGER, offsetof(InputSettings, width), 1, LIMIT_INPUT_SIDE, NULL},
	{"height", RULE_INTEGER, offsetof(InputSettings, height), 1, LIMIT_INPUT_SIDE, NULL},
	{"colour", RULE_CHOICE, offsetof(InputSettings, colour), 0, 0, input_colours},
	{"polarity", RULE_CHOICE, offsetof(InputSettings, polarity), 0, 0, input_polarities},
	{"background", RULE_CHOICE, offsetof(InputSettings, background), 0, 0, input_backgrounds},
	{"crop", RULE_CHOICE, offsetof(InputSettings, crop), 0, 0, input_crops},
	{"centre", RULE_BOOLEAN, offsetof(InputSettings, centre), 0, 0, NULL},
	{"fit", RULE_CHOICE, offsetof(InputSettings, fit), 0, 0, input_fits},
	{"margin", RULE_REAL, offsetof(InputSettings, margin), 0, 0.4, NULL},
	{"smooth", RULE_REAL, offsetof(InputSettings, smooth), 0, 8, NULL},
	{"normalise", RULE_BOOLEAN, offsetof(InputSettings, normalise), 0, 0, NULL},
	{"blank", RULE_CHOICE, offsetof(InputSettings, blank), 0, 0, input_blanks},
	{"mean", RULE_REAL, offsetof(InputSettings, mean), -1000, 1000, NULL},
	{"deviation", RULE_REAL, offsetof(InputSettings, deviation), 1e-6, 1e6, NULL},
	{"views", RULE_INTEGER, offsetof(InputSettings, views), 1, LIMIT_VIEWS, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static const SettingRule pen_rules[] = {
	{"length", RULE_INTEGER, offsetof(InputSettings, length), LIMIT_PEN_POINTS_LEAST, LIMIT_INPUT_SIDE, NULL},
	{"resampling", RULE_CHOICE, offsetof(InputSettings, resampling), 0, 0, input_resamplings},
	{"drift", RULE_BOOLEAN, offsetof(InputSettings, drift), 0, 0, NULL},
	{"scale", RULE_CHOICE, offsetof(InputSettings, scale), 0, 0, input_scales},
	{"rate", RULE_REAL, offsetof(InputSettings, rate), 1, 1e6, NULL},
	{"features", RULE_CHOICES, offsetof(InputSettings, features), 0, 0, pen_feature_names},
	{"views", RULE_INTEGER, offsetof(InputSettings, views), 1, LIMIT_VIEWS, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

void
input_defaults(InputSettings *input)
{
	*input = (InputSettings) {.mean = 0, .deviation = 1, .views = 1, .length = 200, .drift = true, .rate = 100};
}

/* What the other settings mean depends on the kind, and they come in any order. */
bool
input_kind(const NetworkSetting *settings, int count, InputSettings *input, Status *status)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(settings[i].path, "input.kind") == 0 &&
			!setting_store(kind_rules, NULL, "Input", "kind", &settings[i], input, status))
			return false;
	}
	return true;
}

bool
input_store(const char *key, const NetworkSetting *setting, InputSettings *input, Status *status)
{
	return setting_store(input->kind == INPUT_PEN ? pen_rules : image_rules, kind_rules, "Input", key, setting, input,
						 status);
}

static bool
finish_image(const InputSettings *input, NetworkDefinition *definition, Status *status)
{
	ImagePreparation *image = &definition->image;

	if (input->width == 0 || input->height == 0)
		return status_set(status, STATUS_DEFINITION, "Give \"input\": {\"width\": 40, \"height\": 40}, for instance.",
						  "Input: \"%s\" is missing.", input->width == 0 ? "width" : "height");
	image->width = input->width;
	image->height = input->height;
	image->channels = input->colour == 1 ? 3 : 1;
	image->polarity = (ImagePolarity) input->polarity;
	image->remove_background = input->background == 1;
	image->crop = input->crop == 1;
	image->centre = input->centre;
	image->fit = (ImageFit) input->fit;
	image->margin = input->margin;
	image->smooth = input->smooth;
	image->normalise = input->normalise;
	image->keep_blank = input->blank == 1;
	definition->mean = input->mean;
	definition->deviation = input->deviation;
	if (image->polarity == IMAGE_POLARITY_NONE && (image->remove_background || image->crop || image->centre))
		return status_set(status, STATUS_DEFINITION, "Set \"polarity\" to \"auto\", \"dark\" or \"light\".",
						  "Input: \"%s\" needs a polarity, to know ink from paper.",
						  image->remove_background ? "background" : image->crop ? "crop" : "centre");
	return true;
}

static bool
finish_pen(const InputSettings *input, NetworkDefinition *definition, Status *status)
{
	PenPreparation *pen = &definition->pen;

	pen->length = input->length;
	pen->resampling = (PenResampling) input->resampling;
	pen->drift = input->drift;
	pen->scale = (PenScale) input->scale;
	pen->rate = input->rate;
	if (input->features.count == 0)
		return status_set(status, STATUS_DEFINITION, "Give \"features\": [\"x\", \"y\", \"pressure\"], for instance.",
						  "Input: \"features\" is missing.");
	for (int i = 0; i < input->features.count; i++)
	{
		int			choice = input->features.choice[i];

		if (choice == 0)
			return status_set(status, STATUS_DEFINITION, "", "Input: \"features[%d]\" must be a text.", i);
		for (int k = 0; k < i; k++)
		{
			if (pen->feature[k] == choice - 1)
				return status_set(status, STATUS_DEFINITION, "", "Input: the feature \"%s\" is named twice.",
								  pen_feature_names[choice - 1]);
		}
		pen->feature[pen->feature_count++] = (uint8_t) (choice - 1);
	}
	return true;
}

bool
input_finish(const InputSettings *input, NetworkDefinition *definition, Status *status)
{
	definition->input_kind = (NetworkInputKind) input->kind;
	definition->views = input->views;
	return input->kind == INPUT_PEN ? finish_pen(input, definition, status) : finish_image(input, definition, status);
}
