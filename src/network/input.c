/*
 * input.c: a prepared sample -> the network's input, as it is or distorted.
 *
 * A sample of an image is its raster, one of a pen the floats of pen_prepare(): both are handed about as bytes of one size.
 */
#include <string.h>

#include "common/limits.h"
#include "network/network_internal.h"

_Static_assert(PEN_FEATURES <= MOST_CHOICES, "a definition can name every feature");

size_t
network_sample_bytes(const NetworkDefinition *definition)
{
	if (definition->input_kind == INPUT_PEN)
		return sizeof(float) * PEN_VALUES * (size_t) definition->pen.length;
	return (size_t) definition->image.height * definition->image.width * definition->image.channels;
}

/* In double precision the floats at the front spread out from the end. */
static void
pen_input(const PenPreparation *pen, const float *sample, real *input)
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

void
network_input_from_raster(const NetworkDefinition *definition, const uint8_t *raster, real *input)
{
	if (definition->input_kind == INPUT_PEN)
		pen_input(&definition->pen, (const float *) (const void *) raster, input);
	else
		raster_input(definition, raster, input);
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

bool
network_shares_distortion(const NetworkDefinition *definition)
{
	const NetworkDistortion *d = &definition->training.shared_distortion;

	return d->rotation > 0 || d->scale > 0 || d->shear > 0 || d->shift > 0 || d->warp > 0 || d->time_warp > 0 ||
		d->tempo > 0 || d->pressure > 0 || d->mirror || d->reverse;
}

void
network_input_distorted(const NetworkDefinition *definition, const uint8_t *raster, const NetworkCopy *copy,
						Random *random, real *input)
{
	const NetworkDistortion *d = &definition->training.distortion;

	if (definition->input_kind == INPUT_PEN)
	{
		PenDistortion distortion = pen_distortion(d);
		PenDistortion shared = pen_distortion(&definition->training.shared_distortion);
		float		made_up[LIMIT_INPUT_SIDE * PEN_VALUES];
		float		sample[LIMIT_INPUT_SIDE * PEN_VALUES];
		const float *from = (const float *) (const void *) raster;

		if (copy->shared != 0)
		{
			Random		stream = random_stream(copy->shared, 0);

			pen_distort(&definition->pen, &shared, from, &stream, made_up);
			from = made_up;
		}
		if (copy->forge)
		{
			double		factor = d->forgery * random_range(random, 2.0 / 3, 4.0 / 3);

			distortion.warp *= factor;
			distortion.time_warp *= factor;
			distortion.probability = 1;
		}
		pen_distort(&definition->pen, &distortion, from, random, sample);
		pen_input(&definition->pen, sample, input);
	}
	else
		raster_input_distorted(definition, raster, copy, random, input);
}

int
network_embedding_places(const Network *network)
{
	if (network->definition->input_kind != INPUT_PEN)
		return 1;
	for (int i = network->layer_count - 1; i >= 0; i--)
	{
		const NetworkLayer *layer = &network->layers[i];

		if (layer->type == &layer_flatten)
			return layer->in.width;
		if (layer->out.width > 1)
			return layer->out.width;
		if (layer->type != &layer_l2_norm && layer->type != &layer_dropout && layer->type != &layer_join_weights)
			return 1;
	}
	return 1;
}
