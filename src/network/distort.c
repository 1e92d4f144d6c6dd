/*
 * distort.c: a raster -> the network's input, as it is or distorted.
 *
 * Each pixel of the result looks up where it came from: x' = R (x - c) + c + shift + warp(x), by the copy's own mapping and
 * then by the one that it shares, and is read bilinearly.
 */
#include <math.h>

#include "common/random.h"
#include "network/network_internal.h"

#define GRID 5					/* nodes of the random field along each axis */

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

/* Whether a part of the distortion applies to this sample, drawn also where its strength is 0: streams stay aligned. */
static double
draw(Random *random, double probability, double strength)
{
	bool		applies = random_uniform(random) < probability;
	double		value = random_range(random, -strength, strength);

	return applies ? value : 0;
}

static void
draw_mapping(const NetworkDistortion *d, int width, int height, const NetworkCopy *copy, Random *random, Mapping *mapping)
{
	double		warp = d->warp * width * (copy->forge ? d->forgery * random_range(random, 2.0 / 3, 4.0 / 3) : 1);
	double		angle = draw(random, d->probability, d->rotation) * M_PI / 180.0 + copy->turn * M_PI_2;
	double		scale_x = exp(draw(random, d->probability, d->scale));
	double		scale_y = exp(draw(random, d->probability, d->scale));
	double		shear = draw(random, d->probability, d->shear);
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
	mapping->shift_x = draw(random, d->probability, d->shift) * width;
	mapping->shift_y = draw(random, d->probability, d->shift) * height;
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
raster_input(const NetworkDefinition *definition, const uint8_t *raster, real *input)
{
	size_t		count = (size_t) definition->image.height * definition->image.width * definition->image.channels;
	real		factor = (real) (1 / (255 * definition->deviation));
	real		shift = (real) (definition->mean / definition->deviation);

	for (size_t i = 0; i < count; i++)
		input[i] = raster[i] * factor - shift;
}

void
raster_input_distorted(const NetworkDefinition *definition, const uint8_t *raster, const NetworkCopy *copy,
					   Random *random, real *input)
{
	const ImagePreparation *image = &definition->image;
	const NetworkDistortion *d = &definition->training.distortion;
	int			width = image->width;
	int			height = image->height;
	int			channels = image->channels;
	bool		paper = image->polarity != IMAGE_POLARITY_NONE; /* outside is 0; else the nearest edge */
	double		center_x = (width - 1) / 2.0;
	double		center_y = (height - 1) / 2.0;
	double		contrast = 1 + draw(random, d->probability, d->contrast);
	float		gain = (float) (contrast / 255.0 / definition->deviation);
	float		base = (float) (-definition->mean / definition->deviation);
	float		noise = random_uniform(random) < d->probability ? (float) (d->noise * random_uniform(random)) : 0;
	Mapping		mapping;
	Mapping		shared;
	float		row_x[GRID] = {0};
	float		row_y[GRID] = {0};

	draw_mapping(d, width, height, copy, random, &mapping);
	if (copy->shared != 0)
	{
		Random		stream = random_stream(copy->shared, 0);

		draw_mapping(&definition->training.shared_distortion, width, height, &(NetworkCopy) {0}, &stream, &shared);
	}
	for (int y = 0; y < height; y++)
	{
		if (mapping.warped)
			warp_row(&mapping, (float) y * (GRID - 1) / (height > 1 ? height - 1 : 1), row_x, row_y);
		for (int x = 0; x < width; x++)
		{
			float		u = (float) (mapping.xx * (x - center_x) + mapping.xy * (y - center_y) + center_x + mapping.shift_x);
			float		v = (float) (mapping.yx * (x - center_x) + mapping.yy * (y - center_y) + center_y + mapping.shift_y);
			int			left;
			int			top;
			float		s;
			float		t;

			if (mapping.warped)
			{
				float		at = (float) x * (GRID - 1) / (width > 1 ? width - 1 : 1);
				int			node = least((int) at, GRID - 2);

				at -= node;
				u += row_x[node] * (1 - at) + row_x[node + 1] * at;
				v += row_y[node] * (1 - at) + row_y[node + 1] * at;
			}
			if (copy->shared != 0)
				map_point(&shared, width, height, &u, &v);
			if (!paper)
			{
				u = fmaxf(0, fminf(u, (float) (width - 1)));
				v = fmaxf(0, fminf(v, (float) (height - 1)));
			}
			left = (int) floorf(u);
			top = (int) floorf(v);
			s = u - left;
			t = v - top;
			for (int channel = 0; channel < channels; channel++)
			{
				float		value = 0;

				for (int corner = 0; corner < 4; corner++)
				{
					int			column = left + (corner & 1);
					int			row = top + (corner >> 1);

					if (column >= 0 && column < width && row >= 0 && row < height)
						value += raster[((size_t) row * width + column) * channels + channel] *
							(corner & 1 ? s : 1 - s) * (corner >> 1 ? t : 1 - t);
				}
				value = value * gain + base;
				if (noise > 0)
					value += noise * quick_normal(random) / (float) definition->deviation;
				*input++ = value;
			}
		}
	}
}
