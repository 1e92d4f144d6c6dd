/*
 * definition.c: the leaves of a definition's JSON -> a checked NetworkDefinition.
 *
 * The keys and their defaults are in the tables below and in the layers' files; README.md lists them with an example.
 * All is checked before anything is allocated that grows with a number in the definition: the only allocation is one
 * block for the definition and at most LIMIT_LAYERS + 1 layers.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/network_internal.h"

#define TINY 1e-12				/* the least value of what must be positive */
#define HUGE_NUMBER 1e9

/* ---- join, loss, optimizer, training ------------------------------------------------------------------------------- */

typedef struct TopSettings
{
	int			join;
} TopSettings;

static const char *const join_names[] = {"l2", "l1", "weighted_l1", "cosine", NULL};	/* as NetworkJoin */
static const char *const loss_names[] =		/* as NetworkLossKind */
{"contrastive", "triplet", "cross_entropy", "cosine_target", "supervised_contrastive", NULL};
static const char *const optimizer_names[] = {"sgd", "rmsprop", "adam", "adamw", NULL}; /* as NetworkOptimizerKind */
static const char *const schedule_names[] = {"constant", "cosine", "exponential", NULL};	/* as NetworkSchedule */

static const SettingRule top_rules[] = {
	{"join", RULE_CHOICE, offsetof(TopSettings, join), 0, 0, join_names},
	{NULL, 0, 0, 0, 0, NULL}
};

static const SettingRule loss_rules[] = {
	{"type", RULE_CHOICE, offsetof(NetworkLoss, kind), 0, 0, loss_names},
	{"margin", RULE_REAL, offsetof(NetworkLoss, margin), TINY, 1e6, NULL},
	{"temperature", RULE_REAL, offsetof(NetworkLoss, temperature), 1e-3, 1e3, NULL},
	{"genuine_target", RULE_REAL, offsetof(NetworkLoss, genuine_target), -1, 1, NULL},
	{"forged_target", RULE_REAL, offsetof(NetworkLoss, forged_target), -1, 1, NULL},
	{"forgery_weight", RULE_REAL, offsetof(NetworkLoss, forgery_weight), 0, 1e6, NULL},
	{"forged_share", RULE_REAL, offsetof(NetworkLoss, forged_share), 0, 1, NULL},
	{"rate_factor", RULE_REAL, offsetof(NetworkLoss, rate_factor), 0, 1e6, NULL},
	{"bias", RULE_REAL, offsetof(NetworkLoss, bias), -1e6, 1e6, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static const SettingRule optimizer_rules[] = {
	{"type", RULE_CHOICE, offsetof(NetworkOptimizer, kind), 0, 0, optimizer_names},
	{"rate", RULE_REAL, offsetof(NetworkOptimizer, rate), TINY, 1e3, NULL},
	{"momentum", RULE_REAL, offsetof(NetworkOptimizer, momentum), 0, 0.9999, NULL},
	{"second_momentum", RULE_REAL, offsetof(NetworkOptimizer, second_momentum), 0, 0.999999, NULL},
	{"weight_decay", RULE_REAL, offsetof(NetworkOptimizer, weight_decay), 0, 10, NULL},
	{"clip", RULE_REAL, offsetof(NetworkOptimizer, clip), 0, HUGE_NUMBER, NULL},
	{"warmup", RULE_INTEGER, offsetof(NetworkOptimizer, warmup), 0, 1e9, NULL},
	{"schedule", RULE_CHOICE, offsetof(NetworkOptimizer, schedule), 0, 0, schedule_names},
	{"decay", RULE_REAL, offsetof(NetworkOptimizer, decay), TINY, 1, NULL},
	{"average", RULE_REAL, offsetof(NetworkOptimizer, average), 0, 0.999999, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

#define DISTORTION(member) offsetof(NetworkTraining, distortion.member)
#define SHARED(member) offsetof(NetworkTraining, shared_distortion.member)

static const SettingRule training_rules[] = {
	{"classes", RULE_INTEGER, offsetof(NetworkTraining, classes), 1, 65536, NULL},
	{"samples", RULE_INTEGER, offsetof(NetworkTraining, samples), 1, 65536, NULL},
	{"epochs", RULE_INTEGER, offsetof(NetworkTraining, epochs), 1, 1000000, NULL},
	{"epoch_samples", RULE_INTEGER, offsetof(NetworkTraining, epoch_samples), 0, 1e9, NULL},
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
	{"shared_distortion.time_warp", RULE_REAL, SHARED(time_warp), 0, 2, NULL},
	{"shared_distortion.tempo", RULE_REAL, SHARED(tempo), 0, 2, NULL},
	{"shared_distortion.pressure", RULE_REAL, SHARED(pressure), 0, 2, NULL},
	{"shared_distortion.mirror", RULE_BOOLEAN, SHARED(mirror), 0, 0, NULL},
	{"shared_distortion.reverse", RULE_BOOLEAN, SHARED(reverse), 0, 0, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
set_defaults(NetworkDefinition *definition, InputSettings *input)
{
	input_defaults(input);
	definition->loss = (NetworkLoss) {
		.kind = LOSS_CONTRASTIVE, .margin = 1, .temperature = 0.1,
		.genuine_target = 1, .forged_target = -1, .forgery_weight = 1, .forged_share = 1, .rate_factor = 1, .bias = NAN
	};
	definition->optimizer = (NetworkOptimizer) {
		.kind = OPTIMIZER_ADAM, .rate = 1e-3, .momentum = NAN, .second_momentum = NAN,
		.schedule = SCHEDULE_CONSTANT, .decay = 1
	};
	definition->training = (NetworkTraining) {
		.classes = 16, .samples = 4, .epochs = 20, .epoch_samples = 0, .held_out = 0.15,
		.distortion.probability = 1, .distortion.forgery = 3, .shared_distortion.probability = 1
	};
}

/* No setting is accepted that does nothing. */
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
		{"distortion.noise", d->noise, INPUT_IMAGE}, {"distortion.time_warp", d->time_warp, INPUT_PEN},
		{"distortion.tempo", d->tempo, INPUT_PEN}, {"distortion.pressure", d->pressure, INPUT_PEN},
		{"distortion.jitter", d->jitter, INPUT_PEN}, {"distortion.dropped", d->dropped, INPUT_PEN},
		{"shared_distortion.shift", shared->shift, INPUT_IMAGE},
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
	return true;
}

/* What depends on several settings. */
static bool
finish_rest(const TopSettings *top, NetworkDefinition *definition, Status *status)
{
	NetworkOptimizer *optimizer = &definition->optimizer;
	const NetworkTraining *training = &definition->training;
	const NetworkLayer *last = &definition->layers[definition->layer_count - 1];

	definition->join = (NetworkJoin) top->join;
	definition->metric = top->join == JOIN_L2 ? METRIC_L2 : top->join == JOIN_COSINE ? METRIC_COSINE : METRIC_L1;
	if (isnan(optimizer->momentum))
		optimizer->momentum = optimizer->kind == OPTIMIZER_RMSPROP ? 0 : 0.9;
	if (isnan(optimizer->second_momentum))
		optimizer->second_momentum = optimizer->kind == OPTIMIZER_RMSPROP ? 0.99 : 0.999;
	if ((definition->loss.kind == LOSS_SUPERVISED_CONTRASTIVE || definition->loss.kind == LOSS_COSINE_TARGET) &&
		definition->join != JOIN_COSINE && last->type != &layer_l2_norm)
		return status_set(status, STATUS_DEFINITION,
						  "Set \"join\" to \"cosine\", or end the layers with \"l2_norm\".",
						  "Loss: \"%s\" compares directions, the join \"%s\" does not.",
						  loss_names[definition->loss.kind], join_names[top->join]);
	if ((int64_t) training->classes * training->samples > LIMIT_BATCH)
		return status_set(status, STATUS_DEFINITION, "", "Training: %d classes times %d samples are more than %d.",
						  training->classes, training->samples, LIMIT_BATCH);
	if (training->self_forgeries > 0 && training->self_forgeries > training->samples - 2)
		return status_set(status, STATUS_DEFINITION, "Two genuine samples of an identity are needed in each batch.",
						  "Training: \"self_forgeries\" is %d but must be at most %d, the samples less 2.",
						  training->self_forgeries, training->samples > 2 ? training->samples - 2 : 0);
	return check_distortion(definition, status);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static bool
read_setting(const NetworkSetting *setting, NetworkDefinition *definition, InputSettings *input, TopSettings *top,
			 Status *status)
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
	return setting_store(top_rules, NULL, "Definition", path, setting, top, status);
}

/* The weights of "weighted_l1" are the twin's last layer, so that a stored embedding has them in it already. */
static void
append_join_weights(NetworkDefinition *definition)
{
	NetworkLayer *layer = &definition->layers[definition->layer_count++];

	layer->type = &layer_join_weights;
	layer->number = definition->layer_count;
	layer->source = -1;
	layer->initial_deviation = NAN;
	layer->rate_factor = definition->loss.rate_factor;
}

static bool
read_definition(const NetworkSetting *settings, int count, NetworkDefinition *definition, Status *status)
{
	InputSettings input;
	TopSettings top = {JOIN_L2};

	set_defaults(definition, &input);
	if (!layers_read_types(settings, count, definition, status) || !input_kind(settings, count, &input, status))
		return false;
	for (int i = 0; i < count; i++)
	{
		if (!read_setting(&settings[i], definition, &input, &top, status))
			return false;
	}
	if (!input_finish(&input, definition, status))
		return false;
	if (top.join == JOIN_WEIGHTED_L1)
		append_join_weights(definition);
	return layers_connect(definition, status) && finish_rest(&top, definition, status);
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
