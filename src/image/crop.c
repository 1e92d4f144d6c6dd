/*
 * crop.c: a part of an image, in its own pixels.
 */
#include <math.h>

#include "common/number.h"
#include "image/image_internal.h"

/* The first pixel whose centre is not before a place; pixel i lies between i and i + 1. */
static int
first_pixel(double place, int size)
{
	return (int) ceil(clamp(place, 0, size) - 0.5);
}

/* Whether all pixels [count, 3] are grey; if so they become [count, 1], in place. */
static bool
make_grey(uint8_t *pixels, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pixels[3 * i] != pixels[3 * i + 1] || pixels[3 * i] != pixels[3 * i + 2])
			return false;
	for (size_t i = 0; i < count; i++)
		pixels[i] = pixels[3 * i];
	return true;
}

/* Moves the part to the beginning of the raster's pixels. */
static void
keep_part(ImageRaster *raster, int left, int top, int width, int height)
{
	size_t		line = (size_t) raster->width * raster->channels;
	size_t		part = (size_t) width * raster->channels;

	for (int y = 0; y < height; y++)
		memmove(raster->pixels + y * part, raster->pixels + (top + y) * line + (size_t) left * raster->channels, part);
	raster->width = width;
	raster->height = height;
}

bool
image_crop(const uint8_t *bytes, size_t length, const ImageRegion *region, int64_t max_pixels, const Host *host, uint8_t **png,
		   size_t *png_length, Status *status)
{
	ImageRaster raster;
	int			left;
	int			top;
	int			width;
	int			height;
	bool		done;

	if (!image_decode(bytes, length, 3, 0, max_pixels, host, &raster, status))
		return false;
	left = first_pixel(region->left, raster.width);
	top = first_pixel(region->top, raster.height);
	width = first_pixel(region->right, raster.width) - left;
	height = first_pixel(region->bottom, raster.height) - top;
	if (width <= 0 || height <= 0)
	{
		status_set(status, STATUS_ARGUMENT, "Coordinates are in pixels, from the upper left corner.",
				   "The region (%g,%g),(%g,%g) holds no pixel of the image, which has %d x %d.", region->right, region->bottom,
				   region->left, region->top, raster.width, raster.height);
		return image_raster_drop(&raster, host);
	}
	keep_part(&raster, left, top, width, height);
	if (make_grey(raster.pixels, (size_t) width * height))
		raster.channels = 1;
	done = image_encode_png(raster.pixels, width, height, raster.channels, host, png, png_length, status);
	image_raster_drop(&raster, host);
	return done;
}
