/*
 * input_colour.c: the values of an image's input: CIE L*u*v*, and the parts of a distortion that change values, not places.
 *
 * A network for L*u*v* sees (L*, 50 + u*, 50 + v*) / 100, then less the input's mean and divided by its deviation as other values are.
 * So all three have one scale, in which distances are differences of colour, and a medium grey is 0.5 in each.
 */
#include <math.h>

#include "common/limits.h"
#include "common/number.h"
#include "network/input_internal.h"

#define LEAST_BLUR 0.01			/* pixels: less changes nothing */
#define MOST_BLUR 8				/* as the setting's rule */
#define REACH 3					/* of the blur, in standard deviations, on either side */

/* The stream of the older settings must not depend on the later ones: so a definition keeps its distortions, and its weights. */
#define LATER_STREAM UINT64_C(0x6c6f6f6b)

/* A table, since raising each value to a power would take longer than all the rest. */
static void
draw_curve(double contrast, double brightness, double exponent, float curve[257])
{
	for (int i = 0; i < 256; i++)
		curve[i] = (float) (255 * ((exponent == 1 ? i / 255.0 : pow(i / 255.0, exponent)) * contrast + brightness));
	curve[256] = curve[255];
}

/* Colours turn about the axis of greys, and their distance from it changes. */
static void
draw_mix(double saturation, double turn, float mix[3][3])
{
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
		{
			double		across = i == j ? 0 : (j - i + 3) % 3 == 1 ? -1 : 1;

			mix[i][j] = (float) (1.0 / 3 + saturation * (cos(turn) * ((i == j) - 1.0 / 3) + sin(turn) / sqrt(3) * across));
		}
}

void
colours_draw(const NetworkDistortion *d, Random *random, ImageColours *colours)
{
	Random		later = random_stream(random->state, LATER_STREAM);
	double		brightness;
	double		exponent;
	double		saturation;
	double		turn;

	colours->contrast = 1 + draw_strength(random, d->probability, d->contrast);
	colours->noise = random_uniform(random) < d->probability ? (float) (d->noise * random_uniform(random)) : 0;

	colours->flip = random_uniform(&later) < d->flip;
	colours->blur = fabs(draw_strength(&later, d->probability, d->blur));
	brightness = draw_strength(&later, d->probability, d->brightness);
	exponent = exp(draw_strength(&later, d->probability, d->gamma));
	saturation = 1 + draw_strength(&later, d->probability, d->saturation);
	turn = draw_strength(&later, d->probability, d->hue) * M_PI / 180;
	colours->erase = fabs(draw_strength(&later, d->probability, d->erase));
	colours->erase_shape = exp(random_range(&later, -1, 1));
	colours->erase_place[0] = random_uniform(&later);
	colours->erase_place[1] = random_uniform(&later);
	colours->recoloured = d->brightness > 0 || d->gamma > 0 || d->saturation > 0 || d->hue > 0;
	draw_curve(colours->contrast, brightness, exponent, colours->curve);
	draw_mix(saturation, turn, colours->mix);
}

/* ---- blur ---------------------------------------------------------------------------------------------------------- */

/* Blurs count values, step apart, in place; beyond the ends they go on as there. */
static void
blur_line(real *value, int count, size_t step, const real *weight, int radius)
{
	real		line[LIMIT_INPUT_SIDE];

	for (int i = 0; i < count; i++)
		line[i] = value[i * step];
	for (int i = 0; i < count; i++)
	{
		real		sum = 0;

		for (int k = -radius; k <= radius; k++)
			sum += weight[k + radius] * line[i + k < 0 ? 0 : i + k >= count ? count - 1 : i + k];
		value[i * step] = sum;
	}
}

static void
blur(real *values, const ImagePreparation *image, double deviation)
{
	int			radius = (int) ceil(REACH * deviation);
	size_t		row = (size_t) image->width * image->channels;
	real		weight[2 * REACH * MOST_BLUR + 1];
	double		total = 0;

	for (int i = -radius; i <= radius; i++)
		total += exp(-i * i / (2 * deviation * deviation));
	for (int i = -radius; i <= radius; i++)
		weight[i + radius] = (real) (exp(-i * i / (2 * deviation * deviation)) / total);
	for (int channel = 0; channel < image->channels; channel++)
	{
		for (int y = 0; y < image->height; y++)
			blur_line(values + y * row + channel, image->width, image->channels, weight, radius);
		for (int x = 0; x < image->width; x++)
			blur_line(values + x * image->channels + channel, image->height, row, weight, radius);
	}
}

/* ---- erasing ------------------------------------------------------------------------------------------------------- */

/* The input's mean is 0 for the network. */
static void
erase(real *values, const ImagePreparation *image, const ImageColours *colours)
{
	double		area = colours->erase * image->width * image->height;
	int			width = (int) fmin(sqrt(area * colours->erase_shape), image->width);
	int			height = (int) fmin(sqrt(area / colours->erase_shape), image->height);
	int			left = (int) (colours->erase_place[0] * (image->width - width + 1));
	int			top = (int) (colours->erase_place[1] * (image->height - height + 1));

	for (int y = top; y < top + height; y++)
		for (int i = left * image->channels; i < (left + width) * image->channels; i++)
			values[(size_t) y * image->width * image->channels + i] = 0;
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

/* One pixel's values, 0 to 255, which stay within these. */
static void
recolour(const ImageColours *colours, int channels, float *value)
{
	float		changed[3] = {0};

	for (int i = 0; i < channels; i++)
	{
		float		level = (float) clamp(value[i], 0, 255);
		int			below = (int) level;

		changed[i] = colours->curve[below] + (level - below) * (colours->curve[below + 1] - colours->curve[below]);
	}
	for (int i = 0; i < channels; i++)
	{
		float		mixed = changed[i];

		if (channels == 3)
			mixed = colours->mix[i][0] * changed[0] + colours->mix[i][1] * changed[1] + colours->mix[i][2] * changed[2];
		value[i] = (float) clamp(mixed, 0, 255);
	}
}

/* As the head of this file says, before mean and deviation. */
static void
scaled_luv(const ImageLuvTable *table, const float rgb[3], float scaled[3])
{
	float		luv[3];

	image_luv(table, rgb, luv);
	scaled[0] = luv[0] / 100;
	scaled[1] = (50 + luv[1]) / 100;
	scaled[2] = (50 + luv[2]) / 100;
}

void
colours_convert_luv(const NetworkDefinition *definition, const uint8_t *raster, real *input)
{
	size_t		pixels = (size_t) definition->image.height * definition->image.width;
	ImageLuvTable table;

	image_luv_table(&table);
	for (size_t i = 0; i < pixels; i++, raster += 3, input += 3)
	{
		float		scaled[3];

		scaled_luv(&table, (float[3]) {raster[0], raster[1], raster[2]}, scaled);
		for (int channel = 0; channel < 3; channel++)
			input[channel] = (real) ((scaled[channel] - definition->mean[channel]) / definition->deviation[channel]);
	}
}

/* Where colours are changed or another space than sRGB: the values without noise. */
static void
colour_pixels(const NetworkDefinition *definition, const ImageColours *shared, const ImageColours *colours, real *values)
{
	int			channels = definition->image.channels;
	size_t		pixels = (size_t) definition->image.height * definition->image.width;
	ImageLuvTable table;

	if (definition->luv)
		image_luv_table(&table);
	for (size_t i = 0; i < pixels; i++, values += channels)
	{
		float		value[3];

		for (int channel = 0; channel < channels; channel++)
			value[channel] = (float) values[channel];
		if (shared != NULL && shared->recoloured)
			recolour(shared, channels, value);
		recolour(colours, channels, value);
		if (definition->luv)
			scaled_luv(&table, value, value);
		for (int channel = 0; channel < channels; channel++)
			values[channel] = (real) ((value[channel] / (definition->luv ? 1 : 255) - definition->mean[channel]) /
									  definition->deviation[channel]);
	}
}

/* Roughly normal with standard deviation 1: four uniform numbers of 16 bits, summed. */
static float
quick_normal(Random *random)
{
	uint64_t	bits = random_next(random);
	int			sum = (int) (bits & 0xFFFF) + (int) (bits >> 16 & 0xFFFF) + (int) (bits >> 32 & 0xFFFF) +
		(int) (bits >> 48);

	return ((float) sum - 131070.0f) * (1.0f / 37837.0f);
}

void
colours_apply(const NetworkDefinition *definition, const ImageColours *shared, const ImageColours *colours, Random *random, real *values)
{
	const ImagePreparation *image = &definition->image;
	size_t		count = (size_t) image->height * image->width * image->channels;
	bool		coloured = colours->recoloured || (shared != NULL && shared->recoloured) || definition->luv;

	if (colours->blur > LEAST_BLUR)
		blur(values, image, colours->blur);
	if (coloured)
		colour_pixels(definition, shared, colours, values);
	for (int channel = 0; !coloured && channel < image->channels; channel++)
	{
		float		gain = (float) (colours->contrast / 255.0 / definition->deviation[channel]);
		float		base = (float) (-definition->mean[channel] / definition->deviation[channel]);

		for (size_t i = channel; i < count; i += image->channels)
			values[i] = values[i] * gain + base;
	}
	if (colours->noise > 0)
		for (size_t i = 0; i < count; i++)
			values[i] += colours->noise * quick_normal(random) / (float) definition->deviation[i % image->channels];
	if (colours->erase > 0)
		erase(values, image, colours);
}
