/*
 * photograph.c: whether an image is rather a photograph than ink on paper.
 *
 * Paper, or the ground of a drawing, is one colour nearly everywhere; ink is little, and of one colour.  In a photograph hardly half of the
 * pixels are near any one colour, or many are of other colours.  Of scans (CEDAR), characters (Omniglot) and digits (MNIST) 95 % have at
 * least three quarters of their pixels within LEVELS_APART of one colour, of crops of people (MOT15) 95 % at most 0.71.
 */
#include "image/image_internal.h"

#include <stdlib.h>

#define WANTED_SIDE 128			/* pixels are enough to judge by */
#define LEVELS_APART 24			/* of the ground's pixels, in each of red, green and blue */
#define LEAST_GROUND 0.55
#define MOST_COLOURED 0.2
#define BINS 16					/* of each colour, to find the most frequent one */

typedef struct Colour
{
	int			value[3];
} Colour;

/* The mean of the most frequent bin. */
static Colour
ground_of(const ImageRaster *image, size_t step, int64_t *count)
{
	size_t		pixels = (size_t) image->width * (size_t) image->height;
	int64_t		sum[3] = {0, 0, 0};
	int64_t		members = 0;
	int			best = 0;

	for (size_t i = 0; i < pixels; i += step)
	{
		const uint8_t *pixel = image->pixels + 3 * i;

		count[((pixel[0] / BINS) * BINS + pixel[1] / BINS) * BINS + pixel[2] / BINS]++;
	}
	for (int bin = 1; bin < BINS * BINS * BINS; bin++)
		if (count[bin] > count[best])
			best = bin;
	for (size_t i = 0; i < pixels; i += step)
	{
		const uint8_t *pixel = image->pixels + 3 * i;

		if (((pixel[0] / BINS) * BINS + pixel[1] / BINS) * BINS + pixel[2] / BINS != best)
			continue;
		members++;
		for (int c = 0; c < 3; c++)
			sum[c] += pixel[c];
	}
	return (Colour) {{(int) (sum[0] / members), (int) (sum[1] / members), (int) (sum[2] / members)}};
}

/* The largest difference of both colours, apart from how light they are. */
static int
hue_distance(const uint8_t *pixel, const Colour *ground)
{
	int			mean = (pixel[0] + pixel[1] + pixel[2]) / 3;
	int			ground_mean = (ground->value[0] + ground->value[1] + ground->value[2]) / 3;
	int			most = 0;

	for (int c = 0; c < 3; c++)
	{
		int			apart = abs((pixel[c] - mean) - (ground->value[c] - ground_mean));

		most = apart > most ? apart : most;
	}
	return most;
}

bool
image_is_photograph(const uint8_t *bytes, size_t length, int64_t max_pixels, const Host *host, bool *photograph, Status *status)
{
	ImageRaster image;
	int64_t    *count;
	Colour		ground;
	size_t		pixels;
	size_t		step;
	int64_t		seen = 0;
	int64_t		near_ground = 0;
	int64_t		coloured = 0;

	if (!image_decode(bytes, length, 3, WANTED_SIDE, max_pixels, host, &image, status))
		return false;
	count = host_allocate_zero(host, BINS * BINS * BINS, sizeof(int64_t), status);
	if (count == NULL)
	{
		host_release(host, image.pixels);
		return false;
	}
	pixels = (size_t) image.width * (size_t) image.height;
	step = 1 + pixels / (4 * WANTED_SIDE * WANTED_SIDE);
	ground = ground_of(&image, step, count);
	for (size_t i = 0; i < pixels; i += step)
	{
		const uint8_t *pixel = image.pixels + 3 * i;

		seen++;
		near_ground += abs(pixel[0] - ground.value[0]) <= LEVELS_APART && abs(pixel[1] - ground.value[1]) <= LEVELS_APART &&
			abs(pixel[2] - ground.value[2]) <= LEVELS_APART;
		coloured += hue_distance(pixel, &ground) > LEVELS_APART;
	}
	*photograph = (double) near_ground < LEAST_GROUND * (double) seen || (double) coloured > MOST_COLOURED * (double) seen;
	host_release(host, count);
	host_release(host, image.pixels);
	return true;
}
