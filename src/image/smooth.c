/*
 * smooth.c: a Gaussian blur of a raster.
 *
 * Separable; fixed-point weights whose sum is exactly one, so that the result is the same on every machine and an even area keeps
 * its value.  Beyond the border the nearest pixel is repeated.
 */
#include "image/image_internal.h"

#include <math.h>

#define ONE (1 << 16)			/* a weight of one */
#define REACH 3					/* of the kernel, in standard deviations, on either side */

/* weight [2 radius + 1] */
static void
make_weights(double deviation, int radius, uint32_t *weight)
{
	double		total = 0;
	uint32_t	sum = 0;

	for (int i = -radius; i <= radius; i++)
		total += exp(-i * i / (2 * deviation * deviation));
	for (int i = -radius; i <= radius; i++)
	{
		weight[i + radius] = (uint32_t) (ONE / total * exp(-i * i / (2 * deviation * deviation)));
		sum += weight[i + radius];
	}
	weight[radius] += ONE - sum;
}

/* Blurs count values, step apart, in place; line [count] is scratch space. */
static void
smooth_line(uint8_t *value, int count, size_t step, const uint32_t *weight, int radius, uint8_t *line)
{
	for (int i = 0; i < count; i++)
		line[i] = value[i * step];
	for (int i = 0; i < count; i++)
	{
		uint32_t	sum = ONE / 2;

		for (int k = -radius; k <= radius; k++)
		{
			int			at = i + k < 0 ? 0 : i + k >= count ? count - 1 : i + k;

			sum += weight[k + radius] * line[at];
		}
		value[i * step] = (uint8_t) (sum / ONE);
	}
}

bool
image_smooth(uint8_t *raster, int width, int height, int channels, double deviation, const Host *host, Status *status)
{
	int			radius = (int) ceil(REACH * deviation);
	int			longer = width > height ? width : height;
	uint32_t   *weight;
	uint8_t    *line;

	weight = host_allocate(host, 1, (2 * (size_t) radius + 1) * sizeof(uint32_t) + (size_t) longer, status);
	if (weight == NULL)
		return false;
	line = (uint8_t *) (weight + 2 * radius + 1);
	make_weights(deviation, radius, weight);
	for (int c = 0; c < channels; c++)
	{
		for (int y = 0; y < height; y++)
			smooth_line(raster + (size_t) y * width * channels + c, width, channels, weight, radius, line);
		for (int x = 0; x < width; x++)
			smooth_line(raster + (size_t) x * channels + c, height, (size_t) width * channels, weight, radius, line);
	}
	host_release(host, weight);
	return true;
}
