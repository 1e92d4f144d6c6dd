/*
 * input_pen.c: "input" of kind "pen", and a prepared trajectory -> the network's input, as it is or distorted.
 */
#include <string.h>

#include "common/limits.h"
#include "network/input_internal.h"

_Static_assert(PEN_FEATURES <= MOST_CHOICES, "a definition can name every feature");

static const char *const resamplings[] = {"time", "arc", NULL}; /* as PenResampling */
static const char *const scales[] = {"y", "both", NULL};	/* as PenScale */

static const SettingRule rules[] = {
	{"length", RULE_INTEGER, offsetof(InputSettings, pen.length), LIMIT_PEN_POINTS_LEAST, LIMIT_INPUT_SIDE, NULL},
	{"resampling", RULE_CHOICE, offsetof(InputSettings, pen.resampling), 0, 0, resamplings},
	{"drift", RULE_BOOLEAN, offsetof(InputSettings, pen.drift), 0, 0, NULL},
	{"scale", RULE_CHOICE, offsetof(InputSettings, pen.scale), 0, 0, scales},
	{"rate", RULE_REAL, offsetof(InputSettings, pen.rate), 1, 1e6, NULL},
	{"features", RULE_CHOICES, offsetof(InputSettings, pen.features), 0, 0, pen_feature_names},
	{"views", RULE_INTEGER, offsetof(InputSettings, views), 1, LIMIT_VIEWS, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(InputSettings *settings)
{
	settings->pen = (struct PenSettings) {.length = 200, .drift = true, .rate = 100};
}

static bool
finish(const InputSettings *settings, NetworkDefinition *definition, Status *status)
{
	const struct PenSettings *input = &settings->pen;
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

static NetworkShape
shape(const NetworkDefinition *definition)
{
	return (NetworkShape) {1, definition->pen.length, definition->pen.feature_count};
}

static size_t
sample_bytes(const NetworkDefinition *definition)
{
	return sizeof(float) * PEN_VALUES * (size_t) definition->pen.length;
}

/* In double precision the floats at the front spread out from the end. */
static void
compute_features(const PenPreparation *pen, const float *sample, real *input)
{
	size_t		count = (size_t) pen->length * pen->feature_count;

	pen_features(pen, sample, (float *) input);
	for (size_t i = count; sizeof(real) != sizeof(float) && i-- > 0;)
	{
		float		value;

		memcpy(&value, (char *) input + i * sizeof(float), sizeof(float));
		input[i] = value;
	}
}

static void
convert(const NetworkDefinition *definition, const uint8_t *sample, real *input)
{
	compute_features(&definition->pen, (const float *) (const void *) sample, input);
}

static PenDistortion
pen_distortion(const NetworkDistortion *d)
{
	return (PenDistortion) {
		.probability = d->probability, .rotation = d->rotation, .scale = d->scale, .shear = d->shear, .warp = d->warp,
		.time_warp = d->time_warp, .tempo = d->tempo, .pressure = d->pressure, .jitter = d->jitter, .dropped = d->dropped,
		.mirror = d->mirror, .reverse = d->reverse
	};
}

static void
distort(const NetworkDefinition *definition, const uint8_t *sample, const NetworkCopy *copy, Random *random, real *input)
{
	const NetworkDistortion *d = &definition->training.distortion;
	PenDistortion distortion = pen_distortion(d);
	PenDistortion shared = pen_distortion(&definition->training.shared_distortion);
	float		synthetic[LIMIT_INPUT_SIDE * PEN_VALUES];	/* of the identity that copies share */
	float		distorted[LIMIT_INPUT_SIDE * PEN_VALUES];
	const float *from = (const float *) (const void *) sample;

	if (copy->shared != 0)
	{
		Random		stream = random_stream(copy->shared, 0);

		pen_distort(&definition->pen, &shared, from, &stream, synthetic);
		from = synthetic;
	}
	if (copy->forge)
	{
		double		factor = d->forgery * random_range(random, 2.0 / 3, 4.0 / 3);

		distortion.warp *= factor;
		distortion.time_warp *= factor;
		distortion.probability = 1;
	}
	pen_distort(&definition->pen, &distortion, from, random, distorted);
	compute_features(&definition->pen, distorted, input);
}

const InputType input_pen = {
	.name = "pen",
	.kind = INPUT_PEN,
	.sequence = true,
	.rules = rules,
	.defaults = defaults,
	.finish = finish,
	.shape = shape,
	.sample_bytes = sample_bytes,
	.convert = convert,
	.distort = distort
};
