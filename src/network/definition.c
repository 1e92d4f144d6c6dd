/*
 * definition.c: the leaves of a definition's JSON -> a checked NetworkDefinition.
 *
 * The keys and their defaults are in the rules below and in the files of inputs, layers, joins, losses and optimizers;
 * README.md lists them with an example.
 * All is checked before anything is allocated that grows with a number in the definition: the only allocation is one
 * block for the definition and at most LIMIT_LAYERS + 1 layers.
 */
#include <string.h>

#include "common/limits.h"
#include "network/input_internal.h"
#include "network/loss_internal.h"
#include "network/optimizer_internal.h"

/* ---- training ------------------------------------------------------------------------------------------------------- */

#define DISTORTION(member) offsetof(NetworkTraining, distortion.member)
#define SHARED(member) offsetof(NetworkTraining, shared_distortion.member)

static const SettingRule training_rules[] = {
	{"classes", RULE_INTEGER, offsetof(NetworkTraining, classes), 1, 65536, NULL},
	{"samples", RULE_INTEGER, offsetof(NetworkTraining, samples), 1, 65536, NULL},
	{"epochs", RULE_INTEGER, offsetof(NetworkTraining, epochs), 1, 1000000, NULL},
	{"epoch_samples", RULE_INTEGER, offsetof(NetworkTraining, epoch_samples), 0, 1e9, NULL},
	{"positives", RULE_INTEGER, offsetof(NetworkTraining, positives), 1, LIMIT_BATCH_PAIRS, NULL},
	{"negatives", RULE_REAL, offsetof(NetworkTraining, negatives), 0.01, 1000, NULL},
	{"frame_distance", RULE_INTEGER, offsetof(NetworkTraining, frame_distance), 1, INT32_MAX, NULL},
	{"self_forgeries", RULE_INTEGER, offsetof(NetworkTraining, self_forgeries), 0, 65536, NULL},
	{"turns", RULE_BOOLEAN, offsetof(NetworkTraining, turns), 0, 0, NULL},
	{"held_out", RULE_REAL, offsetof(NetworkTraining, held_out), 0.01, 0.9, NULL},
	{"distortion.probability", RULE_REAL, DISTORTION(probability), 0, 1, NULL},
	{"distortion.rotation", RULE_REAL, DISTORTION(rotation), 0, 180, NULL},
	{"distortion.scale", RULE_REAL, DISTORTION(scale), 0, 2, NULL},
	{"distortion.shear", RULE_REAL, DISTORTION(shear), 0, 2, NULL},
	{"distortion.shift", RULE_REAL, DISTORTION(shift), 0, 1, NULL},
	{"distortion.warp", RULE_REAL, DISTORTION(warp), 0, 1, NULL},
	{"distortion.forgery", RULE_REAL, DISTORTION(forgery), 0, 100, NULL},
	{"distortion.contrast", RULE_REAL, DISTORTION(contrast), 0, 1, NULL},
	{"distortion.noise", RULE_REAL, DISTORTION(noise), 0, 1, NULL},
	{"distortion.brightness", RULE_REAL, DISTORTION(brightness), 0, 1, NULL},
	{"distortion.gamma", RULE_REAL, DISTORTION(gamma), 0, 2, NULL},
	{"distortion.saturation", RULE_REAL, DISTORTION(saturation), 0, 1, NULL},
	{"distortion.hue", RULE_REAL, DISTORTION(hue), 0, 180, NULL},
	{"distortion.blur", RULE_REAL, DISTORTION(blur), 0, 8, NULL},
	{"distortion.flip", RULE_REAL, DISTORTION(flip), 0, 1, NULL},
	{"distortion.erase", RULE_REAL, DISTORTION(erase), 0, 0.9, NULL},
	{"distortion.time_warp", RULE_REAL, DISTORTION(time_warp), 0, 2, NULL},
	{"distortion.tempo", RULE_REAL, DISTORTION(tempo), 0, 2, NULL},
	{"distortion.pressure", RULE_REAL, DISTORTION(pressure), 0, 2, NULL},
	{"distortion.jitter", RULE_REAL, DISTORTION(jitter), 0, 1, NULL},
	{"distortion.dropped", RULE_REAL, DISTORTION(dropped), 0, 0.9, NULL},
	{"shared_distortion.probability", RULE_REAL, SHARED(probability), 0, 1, NULL},
	{"shared_distortion.rotation", RULE_REAL, SHARED(rotation), 0, 180, NULL},
	{"shared_distortion.scale", RULE_REAL, SHARED(scale), 0, 2, NULL},
	{"shared_distortion.shear", RULE_REAL, SHARED(shear), 0, 2, NULL},
	{"shared_distortion.shift", RULE_REAL, SHARED(shift), 0, 1, NULL},
	{"shared_distortion.warp", RULE_REAL, SHARED(warp), 0, 1, NULL},
	{"shared_distortion.brightness", RULE_REAL, SHARED(brightness), 0, 1, NULL},
	{"shared_distortion.gamma", RULE_REAL, SHARED(gamma), 0, 2, NULL},
	{"shared_distortion.saturation", RULE_REAL, SHARED(saturation), 0, 1, NULL},
	{"shared_distortion.hue", RULE_REAL, SHARED(hue), 0, 180, NULL},
	{"shared_distortion.time_warp", RULE_REAL, SHARED(time_warp), 0, 2, NULL},
	{"shared_distortion.tempo", RULE_REAL, SHARED(tempo), 0, 2, NULL},
	{"shared_distortion.pressure", RULE_REAL, SHARED(pressure), 0, 2, NULL},
	{"shared_distortion.mirror", RULE_BOOLEAN, SHARED(mirror), 0, 0, NULL},
	{"shared_distortion.reverse", RULE_BOOLEAN, SHARED(reverse), 0, 0, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static const NetworkTraining training_defaults = {
	.classes = 16, .samples = 4, .epochs = 20, .epoch_samples = 0, .held_out = 0.15,
	.distortion.probability = 1, .distortion.forgery = 3, .shared_distortion.probability = 1
};

static bool
check_colour(const NetworkDefinition *definition, const char *name, const NetworkDistortion *distortion, Status *status)
{
	if (definition->input_kind != INPUT_IMAGE || definition->image.channels == 3 ||
		(distortion->saturation == 0 && distortion->hue == 0))
		return true;
	return status_set(status, STATUS_DEFINITION, "", "Training: \"%s.%s\" is for colours, not for grey images.", name,
					  distortion->saturation != 0 ? "saturation" : "hue");
}

/* Settings without effect on this kind of input are refused. */
static bool
check_distortion(const NetworkDefinition *definition, Status *status)
{
	const NetworkDistortion *d = &definition->training.distortion;
	const NetworkDistortion *shared = &definition->training.shared_distortion;
	const struct
	{
		const char *key;
		double		strength;
		NetworkInputKind kind;
	}			parts[] = {
		{"distortion.shift", d->shift, INPUT_IMAGE}, {"distortion.contrast", d->contrast, INPUT_IMAGE},
		{"distortion.noise", d->noise, INPUT_IMAGE}, {"distortion.brightness", d->brightness, INPUT_IMAGE},
		{"distortion.gamma", d->gamma, INPUT_IMAGE}, {"distortion.saturation", d->saturation, INPUT_IMAGE},
		{"distortion.hue", d->hue, INPUT_IMAGE}, {"distortion.blur", d->blur, INPUT_IMAGE}, {"distortion.flip", d->flip, INPUT_IMAGE},
		{"distortion.erase", d->erase, INPUT_IMAGE},
		{"distortion.time_warp", d->time_warp, INPUT_PEN},
		{"distortion.tempo", d->tempo, INPUT_PEN}, {"distortion.pressure", d->pressure, INPUT_PEN},
		{"distortion.jitter", d->jitter, INPUT_PEN}, {"distortion.dropped", d->dropped, INPUT_PEN},
		{"shared_distortion.shift", shared->shift, INPUT_IMAGE}, {"shared_distortion.brightness", shared->brightness, INPUT_IMAGE},
		{"shared_distortion.gamma", shared->gamma, INPUT_IMAGE},
		{"shared_distortion.saturation", shared->saturation, INPUT_IMAGE}, {"shared_distortion.hue", shared->hue, INPUT_IMAGE},
		{"shared_distortion.time_warp", shared->time_warp, INPUT_PEN}, {"shared_distortion.tempo", shared->tempo, INPUT_PEN},
		{"shared_distortion.pressure", shared->pressure, INPUT_PEN}, {"shared_distortion.reverse", shared->reverse, INPUT_PEN}
	};

	if (definition->training.turns && definition->input_kind == INPUT_PEN)
		return status_set(status, STATUS_DEFINITION, "", "Training: \"turns\" is for images, not for pens.");
	for (int i = 0; i < (int) (sizeof(parts) / sizeof(parts[0])); i++)
	{
		if (parts[i].strength != 0 && parts[i].kind != definition->input_kind)
			return status_set(status, STATUS_DEFINITION, "", "Training: \"%s\" is for %s, not for %s.",
							  parts[i].key, parts[i].kind == INPUT_PEN ? "pens" : "images",
							  parts[i].kind == INPUT_PEN ? "images" : "pens");
	}
	return check_colour(definition, "distortion", d, status) && check_colour(definition, "shared_distortion", shared, status);
}

static bool
check_training(const NetworkDefinition *definition, Status *status)
{
	const NetworkTraining *training = &definition->training;

	if ((int64_t) training->classes * training->samples > LIMIT_BATCH)
		return status_set(status, STATUS_DEFINITION, "", "Training: %d classes times %d samples are more than %d.",
						  training->classes, training->samples, LIMIT_BATCH);
	if (training->self_forgeries > 0 && training->self_forgeries > training->samples - 2)
		return status_set(status, STATUS_DEFINITION, "Two genuine samples of an identity are needed in each batch.",
						  "Training: \"self_forgeries\" is %d but must be at most %d, the samples minus 2.",
						  training->self_forgeries, training->samples > 2 ? training->samples - 2 : 0);
	if (definition->pair < 0 && (training->positives != 0 || training->negatives != 0))
		return status_set(status, STATUS_DEFINITION, "The losses of embeddings choose their pairs themselves.",
						  "Training: \"%s\" is for networks with a layer \"pair\".", training->positives != 0 ? "positives" : "negatives");
	return check_distortion(definition, status);
}

/* A network with a layer "pair": what only embeddings have is refused. */
static bool
finish_pair(NetworkDefinition *definition, Status *status)
{
	if (definition->join != NULL)
		return status_set(status, STATUS_DEFINITION, "Leave it out.",
						  "The join \"%s\" compares embeddings, of which a network with a layer \"pair\" has none.", definition->join->name);
	if (definition->views > 1)
		return status_set(status, STATUS_DEFINITION, "Leave it out.",
						  "Input: \"views\" are averaged as embeddings, of which a network with a layer \"pair\" has none.");
	if (definition->training.negatives == 0)
		definition->training.negatives = 1;
	return true;
}

static bool
finish_join(NetworkDefinition *definition, Status *status)
{
	if (definition->flow)
		return status_set(status, STATUS_DEFINITION, "Add a layer \"pair\", which sees two pictures at once.",
						  "Input: \"flow\" is that from one picture of a pair to the other; an embedding is of one picture.");
	if (definition->join == NULL)
		definition->join = &join_l2;
	if (definition->join->weights != NULL)
		layers_append(definition, definition->join->weights, definition->loss.rate_factor);
	definition->metric = definition->join->metric;
	return true;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static bool
read_setting(const NetworkSetting *setting, NetworkDefinition *definition, InputSettings *input, Status *status)
{
	const struct
	{
		const char *name;
		const char *where;
		const SettingRule *rules;
		void	   *target;
	}			places[] = {
		{"loss", "Loss", loss_rules, &definition->loss},
		{"optimizer", "Optimizer", optimizer_rules, &definition->optimizer},
		{"training", "Training", training_rules, &definition->training}
	};
	const char *path = setting->path;
	const char *rest;
	int			index = layer_index(path, &rest);

	if (index >= 0)
		return layer_store(rest, setting, &definition->layers[index], status);
	if (strncmp(path, "input.", strlen("input.")) == 0)
		return input_store(path + strlen("input."), setting, input, status);
	if (strcmp(path, "input") == 0)
		return setting->kind == SETTING_EMPTY || status_set(status, STATUS_DEFINITION, "", "Input must be an object.");
	for (int i = 0; i < (int) (sizeof(places) / sizeof(places[0])); i++)
	{
		size_t		length = strlen(places[i].name);

		if (strncmp(path, places[i].name, length) != 0)
			continue;
		if (path[length] == '.')
			return setting_store(places[i].rules, NULL, places[i].where, path + length + 1, setting,
								 places[i].target, status);
		if (path[length] == '\0')
			return setting->kind == SETTING_EMPTY ||
				status_set(status, STATUS_DEFINITION, "", "%s must be an object.", places[i].where);
	}
	if (strcmp(path, "join") != 0)
		return status_set(status, STATUS_DEFINITION, "Known here: input, layers, join, loss, optimizer, training.",
						  "Setting \"%.64s\" is unknown.", path);
	return setting_store(join_rules, NULL, "Definition", path, setting, definition, status);
}

static bool
read_definition(const NetworkSetting *settings, int count, NetworkDefinition *definition, Status *status)
{
	InputSettings input;

	definition->loss = loss_defaults;
	definition->optimizer = optimizer_defaults;
	definition->training = training_defaults;
	if (!layers_read_types(settings, count, definition, status) || !input_read_kind(settings, count, &input, status))
		return false;
	if (definition->pair >= 0)
		definition->loss.type = &loss_cross_entropy;
	for (int i = 0; i < count; i++)
	{
		if (!read_setting(&settings[i], definition, &input, status))
			return false;
	}
	if (!input_finish(&input, definition, status))
		return false;
	if (!(definition->pair >= 0 ? finish_pair(definition, status) : finish_join(definition, status)))
		return false;
	optimizer_finish(&definition->optimizer);
	return layers_connect(definition, status) && loss_check(definition, status) && check_training(definition, status);
}

NetworkDefinition *
network_define(const NetworkSetting *settings, int count, const Host *host, Status *status)
{
	NetworkDefinition *definition;
	int			layers;

	if (count > LIMIT_SETTINGS)
	{
		status_set(status, STATUS_DEFINITION, "", "The definition has %d settings but may have %d.", count,
				   LIMIT_SETTINGS);
		return NULL;
	}
	if (!layers_count(settings, count, &layers, status))
		return NULL;

	definition = host_allocate_zero(host, 1, sizeof(*definition) + (layers + 1) * sizeof(NetworkLayer), status);
	if (definition == NULL)
		return NULL;
	definition->layers = (NetworkLayer *) (definition + 1);
	definition->layer_count = layers;
	if (read_definition(settings, count, definition, status))
		return definition;
	host_release(host, definition);
	return NULL;
}
