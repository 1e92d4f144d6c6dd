/*
 * format.c: the formats of images, and the header of one: which format, how many pixels.  What is too large is refused before
 * anything is decoded.
 */
#include "image/image_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/limits.h"

/* No reader handles more pixels in one dimension; the libraries have similar limits. */
#define SIDE_MAX 1000000

/* Scans of an image with as many pixels as are allowed; a smaller one may have more. */
#define SCANS_OF_LARGEST 20

static const ImageFormat *const formats[] = {
	&image_format_png,
	&image_format_jpeg,
	&image_format_tiff,
	&image_format_bmp,
	&image_format_pnm,
	&image_format_gif,
	&image_format_webp,
};

#define FORMATS (sizeof formats / sizeof formats[0])

static const ImageFormat *
find_format(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i]->is_mine(bytes, length))
			return formats[i];
	return NULL;
}

static bool
unknown_format(const uint8_t *bytes, size_t length, Status *status)
{
	char		hint[STATUS_TEXT] = "";
	size_t		at = 0;

	for (size_t i = 0; i < FORMATS; i++)
		at += (size_t) snprintf(hint + at, sizeof hint - at, "%s%s%s",
								i == 0 ? "The supported formats are " : i + 1 < FORMATS ? ", " : " and ", formats[i]->name,
								i + 1 < FORMATS ? "" : ".");
	return status_set(status, STATUS_IMAGE_FORMAT, hint,
					  "No supported image format begins like these %zu bytes: \\x%02x%02x%02x%02x.", length,
					  bytes[0], length > 1 ? bytes[1] : 0, length > 2 ? bytes[2] : 0, length > 3 ? bytes[3] : 0);
}

bool
image_header_read(const uint8_t *bytes, size_t length, int64_t max_pixels, ImageHeader *header, Status *status)
{
	const char *name;
	const ImageFormat *format;

	memset(header, 0, sizeof *header);
	if (length == 0)
		return status_set(status, STATUS_IMAGE_FORMAT, NULL, "The image is empty.");
	if (length > LIMIT_IMAGE_BYTES)
		return status_set(status, STATUS_IMAGE_TOO_LARGE, NULL, "The encoded image has %zu bytes; the limit is %d.",
						  length, LIMIT_IMAGE_BYTES);
	format = find_format(bytes, length);
	if (format == NULL)
		return unknown_format(bytes, length, status);
	header->format = format;
	header->orientation = 1;
	header->clear_index = -1;
	header->dropped = header->dropped_alpha = 8;
	header->scans = header->reduction = 1;
	name = format->name;
	if (!format->header(bytes, length, header, status))
		return false;
	if (header->width < 1 || header->height < 1)
		return status_set(status, STATUS_IMAGE_BROKEN, NULL, "The %s image has a size of %" PRId64 " x %" PRId64 " pixels.",
						  name, header->width, header->height);
	/* Divided, not multiplied: sides of up to 2^32 could overflow. */
	if (header->width > max_pixels / header->height || header->width > SIDE_MAX || header->height > SIDE_MAX)
		return status_set(status, STATUS_IMAGE_TOO_LARGE,
						  "Make the image smaller, or have a superuser raise siamese.max_pixels.",
						  "The %s image has %" PRId64 " x %" PRId64 " pixels; the limit is %" PRId64 " pixels.",
						  name, header->width, header->height, max_pixels);
	if (header->scans > 1 && header->width * header->height / SCANS_OF_LARGEST > max_pixels / header->scans)
		return status_set(status, STATUS_IMAGE_TOO_LARGE,
						  "Save the image with fewer scans, or have a superuser raise siamese.max_pixels.",
						  "The %s image of %" PRId64 " x %" PRId64 " pixels has %d scans; the limit for this size is %.0f.", name,
						  header->width, header->height, header->scans,
						  (double) max_pixels * SCANS_OF_LARGEST / (double) (header->width * header->height));
	return true;
}

void
image_load_libraries(void)
{
	Status		unused;

	for (size_t i = 0; i < FORMATS; i++)
		if (formats[i]->load != NULL)
			(void) formats[i]->load(&unused);
	(void) image_leptonica_load(&unused);
}
