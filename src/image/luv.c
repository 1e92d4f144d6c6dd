/*
 * luv.c: sRGB -> CIE 1976 L*u*v*, in which equal distances look about equally different.
 *
 * sRGB by IEC 61966-2-1, its matrix to XYZ and its white, D65; L*u*v* by CIE 15:2004, section 8.2.2.  Double precision, rounded at the
 * end, so that the last digits of the C library do not matter.
 */
#include <math.h>

#include "image/image.h"

#define WHITE_X 0.95047
#define WHITE_Z 1.08883
#define WHITE_U (4 * WHITE_X / (WHITE_X + 15 + 3 * WHITE_Z))
#define WHITE_V (9 / (WHITE_X + 15 + 3 * WHITE_Z))

void
image_luv_table(ImageLuvTable *table)
{
	for (int i = 0; i < 256; i++)
	{
		double		value = i / 255.0;

		table->linear[i] = value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
	}
	table->linear[256] = 1;
}

/* Interpolated between the 256 levels; what is not a number is 0. */
static double
linear_light(const ImageLuvTable *table, float level)
{
	double		place = level > 0 ? fmin(level, 255) : 0;
	int			below = (int) place;

	return table->linear[below] + (place - below) * (table->linear[below + 1] - table->linear[below]);
}

void
image_luv(const ImageLuvTable *table, const float rgb[3], float luv[3])
{
	double		red = linear_light(table, rgb[0]);
	double		green = linear_light(table, rgb[1]);
	double		blue = linear_light(table, rgb[2]);
	double		x = 0.4124564 * red + 0.3575761 * green + 0.1804375 * blue;
	double		y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue;
	double		z = 0.0193339 * red + 0.1191920 * green + 0.9503041 * blue;
	double		sum = x + 15 * y + 3 * z;
	double		lightness = y > 216.0 / 24389 ? 116 * cbrt(y) - 16 : y * 24389 / 27;

	luv[0] = (float) lightness;
	luv[1] = sum > 0 ? (float) (13 * lightness * (4 * x / sum - WHITE_U)) : 0;
	luv[2] = sum > 0 ? (float) (13 * lightness * (9 * y / sum - WHITE_V)) : 0;
}
