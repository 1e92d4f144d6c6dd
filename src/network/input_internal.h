/*
 * input_internal.h: kinds of input: what is done to an image or to a pen's trajectory before the network sees it.
 *
 * A kind is one InputType: its settings, and how a prepared sample becomes the network's input, as it is or distorted.
 */
#ifndef SIAMESE_NETWORK_INPUT_INTERNAL_H
#define SIAMESE_NETWORK_INPUT_INTERNAL_H

#include "network/layer_internal.h"
#include "network/settings_internal.h"

/* "input" of a definition, as it is read. */
typedef struct InputSettings
{
	const InputType *type;
	int			views;
	union
	{
		struct ImageSettings
		{
			int			width;
			int			height;
			int			colour;
			int			polarity;
			int			background;
			int			crop;
			bool		centre;
			int			fit;
			double		margin;
			double		smooth;
			bool		normalise;
			int			blank;
			bool		flow;
			double		mean[3];
			double		deviation[3];
		}			image;
		struct PenSettings
		{
			int			length;
			int			resampling;
			bool		drift;
			int			scale;
			double		rate;
			SettingChoices features;
		}			pen;
	};
} InputSettings;

struct InputType
{
	const char *name;
	NetworkInputKind kind;
	bool		sequence;		/* its width is time */
	const SettingRule *rules;	/* offsets in InputSettings */
	void		(*defaults) (InputSettings *settings);
	bool		(*finish) (const InputSettings *settings, NetworkDefinition *definition, Status *status);
	NetworkShape (*shape) (const NetworkDefinition *definition);
	size_t		(*sample_bytes) (const NetworkDefinition *definition);	/* of a prepared sample */
	void		(*convert) (const NetworkDefinition *definition, const uint8_t *sample, real *input);
	void		(*distort) (const NetworkDefinition *definition, const uint8_t *sample, const NetworkCopy *copy, Random *random,
							real *input);
};

/*
 * input_colour.c: how the values of a distorted image change, apart from their places.
 */
typedef struct ImageColours
{
	double		contrast;		/* factor */
	float		noise;			/* standard deviation */
	bool		flip;			/* left and right exchanged: the only place among them */
	double		blur;			/* standard deviation in pixels; 0: none */
	double		erase;			/* share of the area; 0: nothing */
	double		erase_shape;	/* width to height of what is erased */
	double		erase_place[2]; /* across and down, 0 to 1 */
	bool		recoloured;		/* by any of the following */
	float		curve[257];		/* of the levels 0 to 255, the last once more: gamma, contrast and brightness */
	float		mix[3][3];		/* red, green and blue of these: saturation and hue */
} ImageColours;

/* Whether a part of the distortion applies to this sample, drawn also where its strength is 0: streams stay aligned. */
static inline double
draw_strength(Random *random, double probability, double strength)
{
	bool		applies = random_uniform(random) < probability;
	double		value = random_range(random, -strength, strength);

	return applies ? value : 0;
}

extern void colours_draw(const NetworkDistortion *distortion, Random *random, ImageColours *colours);

/*
 * values: real [height, width, channels], 0 to 255, become the network's input, in place.  shared: colours changed before, or NULL.
 */
extern void colours_apply(const NetworkDefinition *definition, const ImageColours *shared, const ImageColours *colours, Random *random,
					   real *values);

/* An undistorted raster as the network's input, where that is L*u*v*. */
extern void colours_convert_luv(const NetworkDefinition *definition, const uint8_t *raster, real *input);

#define IMAGE_FLOW_CHANNELS 2	/* across and down (flow_input.c) */

extern const InputType input_image;
extern const InputType input_pen;

/* First the kind, on which the meaning of the other settings depends, then each of them, then all together. */
extern bool input_read_kind(const NetworkSetting *settings, int count, InputSettings *input, Status *status);
extern bool input_store(const char *key, const NetworkSetting *setting, InputSettings *input, Status *status);
extern bool input_finish(const InputSettings *input, NetworkDefinition *definition, Status *status);

#endif
