/*
 * reader.c: what the readers of all formats need: memory for a raster, and the error about a file that cannot be read.
 */
#include "image/image_internal.h"

bool
image_broken(const char *format, const char *what, Status *status)
{
	return status_set(status, STATUS_IMAGE_BROKEN, NULL, "The %s image %s.", format, what);
}

bool
image_raster_allocate(ImageRaster *raster, int64_t width, int64_t height, int channels, const Host *host, Status *status)
{
	raster->width = (int) width;
	raster->height = (int) height;
	raster->channels = channels;
	raster->pixels = host_allocate(host, (size_t) width * (size_t) height, (size_t) channels, status);
	return raster->pixels != NULL;
}

bool
image_raster_drop(ImageRaster *raster, const Host *host)
{
	host_release(host, raster->pixels);
	raster->pixels = NULL;
	return false;
}
