/*
 * input_image.c: "input" of kind "image", and a raster -> the network's input, as it is or distorted.
 *
 * Distortion (Simard, Steinkraus, Platt 2003) is done backwards: each pixel of the result looks up where it came from,
 * x' = R (x - c) + c + shift + warp(x), by the copy's own mapping and then by the one that it shares, and is interpolated
 * bilinearly.
 */
#include <string.h>

#include "common/limits.h"
#include "network/input_internal.h"

#define GRID 5					/* nodes of the random field along each axis */

/* ---- settings ------------------------------------------------------------------------------------------------------ */

enum
{
	COLOUR_GREY, COLOUR_RGB, COLOUR_LUV
};

static const char *const colour_names[] = {"grey", "colour", "luv", NULL};
static const char *const polarities[] = {"none", "auto", "dark", "light", NULL};	/* as ImagePolarity */
static const char *const backgrounds[] = {"keep", "remove", NULL};
static const char *const crops[] = {"none", "ink", NULL};
static const char *const blanks[] = {"refuse", "keep", NULL};
static const char *const fits[] = {"keep", "stretch", NULL};	/* as ImageFit */

static const SettingRule rules[] = {
	{"width", RULE_INTEGER, offsetof(InputSettings, image.width), 1, LIMIT_INPUT_SIDE, NULL},
	{"height", RULE_INTEGER, offsetof(InputSettings, image.height), 1, LIMIT_INPUT_SIDE, NULL},
	{"colour", RULE_CHOICE, offsetof(InputSettings, image.colour), 0, 0, colour_names},
	{"polarity", RULE_CHOICE, offsetof(InputSettings, image.polarity), 0, 0, polarities},
	{"background", RULE_CHOICE, offsetof(InputSettings, image.background), 0, 0, backgrounds},
	{"crop", RULE_CHOICE, offsetof(InputSettings, image.crop), 0, 0, crops},
	{"centre", RULE_BOOLEAN, offsetof(InputSettings, image.centre), 0, 0, NULL},
	{"fit", RULE_CHOICE, offsetof(InputSettings, image.fit), 0, 0, fits},
	{"margin", RULE_REAL, offsetof(InputSettings, image.margin), 0, 0.4, NULL},
	{"smooth", RULE_REAL, offsetof(InputSettings, image.smooth), 0, 8, NULL},
	{"normalise", RULE_BOOLEAN, offsetof(InputSettings, image.normalise), 0, 0, NULL},
	{"blank", RULE_CHOICE, offsetof(InputSettings, image.blank), 0, 0, blanks},
	{"mean", RULE_COLOURS, offsetof(InputSettings, image.mean), -1000, 1000, NULL},
	{"deviation", RULE_COLOURS, offsetof(InputSettings, image.deviation), 1e-6, 1e6, NULL},
	{"flow", RULE_BOOLEAN, offsetof(InputSettings, image.flow), 0, 0, NULL},
	{"views", RULE_INTEGER, offsetof(InputSettings, views), 1, LIMIT_VIEWS, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(InputSettings *settings)
{
	for (int channel = 0; channel < 3; channel++)
		settings->image.deviation[channel] = 1;
}

static bool
finish(const InputSettings *settings, NetworkDefinition *definition, Status *status)
{
	const struct ImageSettings *input = &settings->image;
	ImagePreparation *image = &definition->image;

	if (input->width == 0 || input->height == 0)
		return status_set(status, STATUS_DEFINITION, "Give \"input\": {\"width\": 40, \"height\": 40}, for instance.",
						  "Input: \"%s\" is missing.", input->width == 0 ? "width" : "height");
	image->width = input->width;
	image->height = input->height;
	image->channels = input->colour == COLOUR_GREY ? 1 : 3;
	definition->luv = input->colour == COLOUR_LUV;
	image->polarity = (ImagePolarity) input->polarity;
	image->remove_background = input->background == 1;
	image->crop = input->crop == 1;
	image->centre = input->centre;
	image->fit = (ImageFit) input->fit;
	image->margin = input->margin;
	image->smooth = input->smooth;
	image->normalise = input->normalise;
	image->keep_blank = input->blank == 1;
	definition->flow = input->flow;
	memcpy(definition->mean, input->mean, sizeof(definition->mean));
	memcpy(definition->deviation, input->deviation, sizeof(definition->deviation));
	if (image->polarity == IMAGE_POLARITY_NONE && (image->remove_background || image->crop || image->centre))
		return status_set(status, STATUS_DEFINITION, "Set \"polarity\" to \"auto\", \"dark\" or \"light\".",
						  "Input: \"%s\" needs a polarity, to know ink from paper.",
						  image->remove_background ? "background" : image->crop ? "crop" : "centre");
	for (int channel = 1; channel < 3; channel++)
		if (image->channels == 1 && (input->mean[channel] != input->mean[0] || input->deviation[channel] != input->deviation[0]))
			return status_set(status, STATUS_DEFINITION, "Give one number, or set \"colour\" to \"colour\".",
							  "Input: \"mean\" or \"deviation\" differs between colours, but the images are grey.");
	if (definition->luv && image->polarity != IMAGE_POLARITY_NONE)
		return status_set(status, STATUS_DEFINITION, "Set \"polarity\" to \"none\", or \"colour\" to \"colour\".",
						  "Input: the colour \"luv\" is that of photographs, but a polarity makes ink of all colours.");
	return true;
}

static NetworkShape
shape(const NetworkDefinition *definition)
{
	return (NetworkShape) {
		definition->image.height, definition->image.width, definition->image.channels + (definition->flow ? IMAGE_FLOW_CHANNELS : 0)
	};
}

static size_t
sample_bytes(const NetworkDefinition *definition)
{
	return (size_t) definition->image.height * definition->image.width * definition->image.channels;
}

/* ---- distortion ---------------------------------------------------------------------------------------------------- */

typedef struct Mapping
{
	double		xx,
				xy,
				yx,
				yy;				/* the inverse affine map, about the centre */
	double		shift_x,
				shift_y;
	bool		warped;
	float		warp_x[GRID][GRID];
	float		warp_y[GRID][GRID];
} Mapping;

static inline int
least(int a, int b)
{
	return a < b ? a : b;
}

static void
draw_mapping(const NetworkDistortion *d, int width, int height, const NetworkCopy *copy, Random *random, Mapping *mapping)
{
	double		warp = d->warp * width * (copy->forge ? d->forgery * random_range(random, 2.0 / 3, 4.0 / 3) : 1);
	double		angle = draw_strength(random, d->probability, d->rotation) * M_PI / 180.0 + copy->turn * M_PI_2;
	double		scale_x = exp(draw_strength(random, d->probability, d->scale));
	double		scale_y = exp(draw_strength(random, d->probability, d->scale));
	double		shear = draw_strength(random, d->probability, d->shear);
	double		cosine = cos(angle);
	double		sine = sin(angle);

	if (d->mirror)
	{
		uint64_t	bits = random_next(random);

		scale_x *= bits & 1 ? -1 : 1;
		scale_y *= bits & 2 ? -1 : 1;
	}
	/* rotation, then shear along x, then scale */
	mapping->xx = (cosine + shear * sine) * scale_x;
	mapping->xy = (-sine + shear * cosine) * scale_y;
	mapping->yx = sine * scale_x;
	mapping->yy = cosine * scale_y;
	mapping->shift_x = draw_strength(random, d->probability, d->shift) * width;
	mapping->shift_y = draw_strength(random, d->probability, d->shift) * height;
	mapping->warped = (random_uniform(random) < d->probability || copy->forge) && warp > 0;
	if (mapping->warped)
		for (int row = 0; row < GRID; row++)
			for (int column = 0; column < GRID; column++)
			{
				mapping->warp_x[row][column] = (float) random_range(random, -warp, warp);
				mapping->warp_y[row][column] = (float) random_range(random, -warp, warp);
			}
}

/* The field's row at y: displacement of each grid column. */
static void
warp_row(const Mapping *mapping, float y, float *row_x, float *row_y)
{
	int			node = least((int) y, GRID - 2);
	float		t = y - node;

	for (int column = 0; column < GRID; column++)
	{
		row_x[column] = mapping->warp_x[node][column] * (1 - t) + mapping->warp_x[node + 1][column] * t;
		row_y[column] = mapping->warp_y[node][column] * (1 - t) + mapping->warp_y[node + 1][column] * t;
	}
}

/* Where a point of the result, (*x, *y), came from. */
static void
map_point(const Mapping *mapping, int width, int height, float *x, float *y)
{
	double		centre_x = (width - 1) / 2.0;
	double		centre_y = (height - 1) / 2.0;
	float		u = (float) (mapping->xx * (*x - centre_x) + mapping->xy * (*y - centre_y) + centre_x + mapping->shift_x);
	float		v = (float) (mapping->yx * (*x - centre_x) + mapping->yy * (*y - centre_y) + centre_y + mapping->shift_y);

	if (mapping->warped)
	{
		/* beyond the picture as at its edge */
		float		across = fmaxf(0, fminf(*x / (width > 1 ? width - 1 : 1), 1)) * (GRID - 1);
		float		down = fmaxf(0, fminf(*y / (height > 1 ? height - 1 : 1), 1)) * (GRID - 1);
		int			node = least((int) across, GRID - 2);
		float		row_x[GRID];
		float		row_y[GRID];

		warp_row(mapping, down, row_x, row_y);
		across -= node;
		u += row_x[node] * (1 - across) + row_x[node + 1] * across;
		v += row_y[node] * (1 - across) + row_y[node + 1] * across;
	}
	*x = u;
	*y = v;
}

static void
convert(const NetworkDefinition *definition, const uint8_t *raster, real *input)
{
	int			channels = definition->image.channels;
	size_t		pixels = (size_t) definition->image.height * definition->image.width;

	if (definition->luv)
	{
		colours_convert_luv(definition, raster, input);
		return;
	}
	for (int channel = 0; channel < channels; channel++)
	{
		real		factor = (real) (1 / (255 * definition->deviation[channel]));
		real		shift = (real) (definition->mean[channel] / definition->deviation[channel]);

		for (size_t i = channel; i < pixels * channels; i += channels)
			input[i] = raster[i] * factor - shift;
	}
}

/* value [channels]: the raster at a point, interpolated; outside is paper, 0, or what is at the nearest edge. */
static void
value_at(const ImagePreparation *image, const uint8_t *raster, float u, float v, real *value)
{
	int			left;
	int			top;
	float		s;
	float		t;

	if (image->polarity == IMAGE_POLARITY_NONE)
	{
		u = fmaxf(0, fminf(u, (float) (image->width - 1)));
		v = fmaxf(0, fminf(v, (float) (image->height - 1)));
	}
	left = (int) floorf(u);
	top = (int) floorf(v);
	s = u - left;
	t = v - top;
	for (int channel = 0; channel < image->channels; channel++)
	{
		float		sum = 0;

		for (int corner = 0; corner < 4; corner++)
		{
			int			column = left + (corner & 1);
			int			row = top + (corner >> 1);

			if (column >= 0 && column < image->width && row >= 0 && row < image->height)
				sum += raster[((size_t) row * image->width + column) * image->channels + channel] *
					(corner & 1 ? s : 1 - s) * (corner >> 1 ? t : 1 - t);
		}
		value[channel] = sum;
	}
}

/* values: the distorted picture, real [height, width, channels] in 0 to 255. */
static void
move_pixels(const ImagePreparation *image, const uint8_t *raster, const Mapping *mapping, const Mapping *shared, real *values)
{
	int			width = image->width;
	int			height = image->height;
	double		center_x = (width - 1) / 2.0;
	double		center_y = (height - 1) / 2.0;
	float		row_x[GRID] = {0};
	float		row_y[GRID] = {0};

	for (int y = 0; y < height; y++)
	{
		if (mapping->warped)
			warp_row(mapping, (float) y * (GRID - 1) / (height > 1 ? height - 1 : 1), row_x, row_y);
		for (int x = 0; x < width; x++)
		{
			float		u = (float) (mapping->xx * (x - center_x) + mapping->xy * (y - center_y) + center_x + mapping->shift_x);
			float		v = (float) (mapping->yx * (x - center_x) + mapping->yy * (y - center_y) + center_y + mapping->shift_y);

			if (mapping->warped)
			{
				float		at = (float) x * (GRID - 1) / (width > 1 ? width - 1 : 1);
				int			node = least((int) at, GRID - 2);

				at -= node;
				u += row_x[node] * (1 - at) + row_x[node + 1] * at;
				v += row_y[node] * (1 - at) + row_y[node + 1] * at;
			}
			if (shared != NULL)
				map_point(shared, width, height, &u, &v);
			value_at(image, raster, u, v, values);
			values += image->channels;
		}
	}
}

static void
distort(const NetworkDefinition *definition, const uint8_t *raster, const NetworkCopy *copy, Random *random, real *input)
{
	const ImagePreparation *image = &definition->image;
	const NetworkDistortion *d = &definition->training.distortion;
	bool		shares = copy->shared != 0;
	ImageColours	colours;
	ImageColours	shared_colours;
	Mapping		mapping;
	Mapping		shared;

	colours_draw(d, random, &colours);
	draw_mapping(d, image->width, image->height, copy, random, &mapping);
	if (colours.flip)
	{
		mapping.xx = -mapping.xx;
		mapping.yx = -mapping.yx;
	}
	if (shares)
	{
		const NetworkDistortion *common = &definition->training.shared_distortion;
		Random		places = random_stream(copy->shared, 0);
		Random		stream = random_stream(copy->shared, 1);

		draw_mapping(common, image->width, image->height, &(NetworkCopy) {0}, &places, &shared);
		colours_draw(common, &stream, &shared_colours);
	}
	move_pixels(image, raster, &mapping, shares ? &shared : NULL, input);
	colours_apply(definition, shares ? &shared_colours : NULL, &colours, random, input);
}

const InputType input_image = {
	.name = "image",
	.kind = INPUT_IMAGE,
	.rules = rules,
	.defaults = defaults,
	.finish = finish,
	.shape = shape,
	.sample_bytes = sample_bytes,
	.convert = convert,
	.distort = distort
};
