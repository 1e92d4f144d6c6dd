/*
 * distort.c: a distorted copy of a prepared sample, as the same person might have written it on another day.
 *
 * Time warping, rotation, scaling and jitter are from Um et al. 2017 ("Data augmentation of wearable sensor data"); the smooth
 * fields are random values at a few nodes along the signature, with smoothstep interpolation.
 */
#include <math.h>
#include <string.h>

#include "pen/pen_internal.h"

#define NODES 8					/* of a smooth field along the signature */

typedef struct Field
{
	double		node[NODES];
} Field;

/* Random numbers are drawn even if the strength is 0, so that a setting does not shift those of the others. */
static double
draw(Random *random, const PenDistortion *distortion, double strength)
{
	bool		applies = random_uniform(random) < distortion->probability;
	double		value = random_range(random, -strength, strength);

	return applies ? value : 0;
}

static Field
draw_field(Random *random, const PenDistortion *distortion, double strength)
{
	Field		field;
	bool		applies = random_uniform(random) < distortion->probability;

	for (int i = 0; i < NODES; i++)
		field.node[i] = (applies ? strength : 0) * random_range(random, -1, 1);
	return field;
}

/* The field at a share from 0 to 1 of the signature. */
static double
field_at(const Field *field, double share)
{
	double		at = share * (NODES - 1);
	int			node = at >= NODES - 1 ? NODES - 2 : (int) at;
	double		t = at - node;

	t = t * t * (3 - 2 * t);
	return field->node[node] * (1 - t) + field->node[node + 1] * t;
}

/* times [length]: the sample's times at another speed. */
static void
warp_times(const PenDistortion *distortion, const float *sample, int length, Random *random, double *times)
{
	double		tempo = draw(random, distortion, distortion->tempo);
	Field		field = draw_field(random, distortion, distortion->time_warp);

	times[0] = 0;
	for (int i = 1; i < length; i++)
	{
		double		step = sample[(size_t) i * PEN_VALUES + PEN_TIME] - sample[(size_t) (i - 1) * PEN_VALUES + PEN_TIME];

		times[i] = times[i - 1] + step * exp(tempo + field_at(&field, (i - 0.5) / (length - 1)));
	}
}

/* Resamples at equal steps of the new times. */
static void
resample_times(const float *sample, const double *times, int length, float *result)
{
	int			from = 0;

	for (int i = 0; i < length; i++)
	{
		double		goal = times[length - 1] * i / (length - 1);
		const float *a;
		double		step;
		double		share;

		while (from + 2 < length && times[from + 1] < goal)
			from++;
		step = times[from + 1] - times[from];
		share = step > 0 ? clamp((goal - times[from]) / step, 0, 1) : 0;
		a = sample + (size_t) from * PEN_VALUES;
		for (int value = 0; value < PEN_VALUES; value++)
			result[value] = (float) (a[value] + share * (a[PEN_VALUES + value] - a[value]));
		result[PEN_DOWN] = a[PEN_DOWN + (share < 0.5 ? 0 : PEN_VALUES)];
		result[PEN_TIME] = (float) goal;
		result += PEN_VALUES;
	}
}

/* Rotation, then shear along x, then scale, then the smooth displacement and noise. */
static void
move_points(const PenDistortion *distortion, int length, Random *random, float *sample)
{
	double		angle = draw(random, distortion, distortion->rotation) * M_PI / 180;
	double		scale_x = exp(draw(random, distortion, distortion->scale));
	double		scale_y = exp(draw(random, distortion, distortion->scale));
	double		shear = draw(random, distortion, distortion->shear);
	Field		warp_x = draw_field(random, distortion, distortion->warp);
	Field		warp_y = draw_field(random, distortion, distortion->warp);
	Field		pressure = draw_field(random, distortion, distortion->pressure);
	double		jitter = fabs(draw(random, distortion, distortion->jitter));
	double		cosine = cos(angle);
	double		sine = sin(angle);

	if (distortion->mirror)
	{
		uint64_t	bits = random_next(random);

		scale_x *= bits & 1 ? -1 : 1;
		scale_y *= bits & 2 ? -1 : 1;
	}
	for (int i = 0; i < length; i++, sample += PEN_VALUES)
	{
		double		share = (double) i / (length - 1);
		double		x = cosine * sample[PEN_X] - sine * sample[PEN_Y];
		double		y = sine * sample[PEN_X] + cosine * sample[PEN_Y];

		x = (x + shear * y) * scale_x + field_at(&warp_x, share);
		y = y * scale_y + field_at(&warp_y, share);
		if (jitter > 0)
		{
			x += jitter * random_normal(random);
			y += jitter * random_normal(random);
		}
		sample[PEN_X] = (float) x;
		sample[PEN_Y] = (float) y;
		sample[PEN_PRESSURE] = (float) fmin(sample[PEN_PRESSURE] * exp(field_at(&pressure, share)), 1);
	}
}

/* Replaces lost points by linear interpolation between the remaining ones; the first and the last one remain. */
static void
drop_points(const PenDistortion *distortion, int length, Random *random, float *sample)
{
	double		share = fabs(draw(random, distortion, distortion->dropped));
	int			kept = 0;

	for (int i = 1; i < length && share > 0; i++)
	{
		const float *a = sample + (size_t) kept * PEN_VALUES;
		const float *b = sample + (size_t) i * PEN_VALUES;

		if (i < length - 1 && random_uniform(random) < share)
			continue;
		for (int k = kept + 1; k < i; k++)
		{
			float		t = (float) (k - kept) / (float) (i - kept);

			for (int value = PEN_X; value <= PEN_PRESSURE; value++)
				sample[(size_t) k * PEN_VALUES + value] = a[value] + t * (b[value] - a[value]);
		}
		kept = i;
	}
}

/* Reverses the order of the points; the time starts at 0 again. */
static void
reverse_time(int length, float *sample)
{
	float		end = sample[(size_t) (length - 1) * PEN_VALUES + PEN_TIME];

	for (int i = 0, j = length - 1; i <= j; i++, j--)
	{
		float		swap[PEN_VALUES];
		float	   *a = sample + (size_t) i * PEN_VALUES;
		float	   *b = sample + (size_t) j * PEN_VALUES;

		memcpy(swap, a, sizeof(swap));
		memmove(a, b, sizeof(swap));
		memcpy(b, swap, sizeof(swap));
		a[PEN_TIME] = end - a[PEN_TIME];
		if (i < j)
			b[PEN_TIME] = end - b[PEN_TIME];
	}
}

void
pen_distort(const PenPreparation *preparation, const PenDistortion *distortion, const float *sample, Random *random,
			float *distorted)
{
	int			length = preparation->length;
	double		times[LIMIT_INPUT_SIDE];

	warp_times(distortion, sample, length, random, times);
	if (preparation->resampling == PEN_RESAMPLING_TIME)
		resample_times(sample, times, length, distorted);
	else
	{
		memcpy(distorted, sample, sizeof(float) * PEN_VALUES * (size_t) length);
		for (int i = 0; i < length; i++)
			distorted[(size_t) i * PEN_VALUES + PEN_TIME] = (float) times[i];
	}
	move_points(distortion, length, random, distorted);
	drop_points(distortion, length, random, distorted);
	if (distortion->reverse && random_uniform(random) < 0.5)
		reverse_time(length, distorted);
}
