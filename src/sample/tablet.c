/*
 * tablet.c: what a tablet records of a movement.
 *
 * Tablets differ in what they see of the pen in the air, in noise, and in what they make of pressure.  A signer and the forgers
 * write on the same one, so that it tells nothing of who wrote.
 */
#include "sample/sample_internal.h"

void
sample_tablet(Random *random, SampleTablet *tablet)
{
	tablet->hover = random_uniform(random) < 0.4;
	tablet->noise = random_range(random, 0.0, 0.02);
	tablet->gamma = exp(random_range(random, -0.4, 0.4));
}

/* Goes straight, at constant speed, through the points between two at which the pen is down. */
static void
bridge_air(float *pen, int points)
{
	int			down = -1;		/* the last point at which it was */

	for (int i = 0; i < points; i++)
	{
		if (pen[4 * i + 2] <= 0.0F)
			continue;
		for (int k = down + 1; k < i && down >= 0; k++)
			for (int axis = 0; axis < 2; axis++)
				pen[4 * k + axis] = pen[4 * down + axis] +
					(pen[4 * i + axis] - pen[4 * down + axis]) * (float) (k - down) / (float) (i - down);
		down = i;
	}
}

/* Every SAMPLE_PEN_STRIDE-th point, in hundredths of a millimetre from a corner of the tablet. */
bool
sample_record(const SampleTrack *track, const SampleTablet *tablet, Random *random, const Host *host, SampleSignature *result,
			  Status *status)
{
	double		low_x = track->x[0];
	double		low_y = track->y[0];
	double		left = random_range(random, 500.0, 3000.0);
	double		bottom = random_range(random, 500.0, 3000.0);

	result->points = (track->points - 1) / SAMPLE_PEN_STRIDE + 1;
	result->pen = host_allocate(host, (size_t) result->points * 4, sizeof(float), status);
	if (result->pen == NULL)
		return false;
	for (int k = 1; k < track->points; k++)
	{
		low_x = fmin(low_x, track->x[k]);
		low_y = fmin(low_y, track->y[k]);
	}
	for (int i = 0; i < result->points; i++)
	{
		int			k = i * SAMPLE_PEN_STRIDE;
		float	   *point = &result->pen[(size_t) i * 4];
		uint64_t	bits = random_next(random);
		double		noise_x = tablet->noise * sample_noise((uint32_t) bits);
		double		noise_y = tablet->noise * sample_noise((uint32_t) (bits >> 32));

		point[0] = (float) (left + 100.0 * (track->x[k] - low_x + noise_x));
		point[1] = (float) (bottom + 100.0 * (track->y[k] - low_y + noise_y));
		point[2] = (float) pow(track->pressure[k], tablet->gamma);
		point[3] = (float) k / SAMPLE_RATE;
	}
	if (!tablet->hover)
		bridge_air(result->pen, result->points);
	return true;
}
