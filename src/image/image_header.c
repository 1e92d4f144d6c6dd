/*
 * image_header.c: which format, how many pixels; refuses what is too large before anything is decoded.
 */
#include "image/image_internal.h"

#include <inttypes.h>
#include <string.h>

#include "common/limits.h"

/* What any reader of this room can be made to hold in one dimension; the libraries have similar bounds. */
#define SIDE_MAX 1000000

/* An image of as many pixels as are allowed may have so many scans; a smaller one has more. */
#define SCANS_OF_LARGEST 20

/* A new format is a line here, one in ImageFormat and one in sniff(). */
const ImageReader *
image_reader(ImageFormat format)
{
	static const ImageReader readers[] = {
		[IMAGE_FORMAT_PNG] = {"PNG", image_png_header, image_png_decode},
		[IMAGE_FORMAT_JPEG] = {"JPEG", image_jpeg_header, image_jpeg_decode},
		[IMAGE_FORMAT_TIFF] = {"TIFF", image_tiff_header, image_tiff_decode},
		[IMAGE_FORMAT_BMP] = {"BMP", image_bmp_header, image_bmp_decode},
		[IMAGE_FORMAT_PNM] = {"PNM", image_pnm_header, image_pnm_decode},
		[IMAGE_FORMAT_GIF] = {"GIF", image_gif_header, image_gif_decode},
		[IMAGE_FORMAT_WEBP] = {"WebP", image_webp_header, image_webp_decode},
	};

	return &readers[format];
}

bool
image_broken(ImageFormat format, const char *what, Status *status)
{
	return status_set(status, STATUS_IMAGE_BROKEN, NULL, "The %s image %s.", image_reader(format)->name, what);
}

static bool
starts_with(const uint8_t *bytes, size_t length, size_t offset, const char *text, size_t text_length)
{
	return length >= offset + text_length && memcmp(bytes + offset, text, text_length) == 0;
}

static bool
sniff(const uint8_t *bytes, size_t length, ImageFormat *format)
{
	if (starts_with(bytes, length, 0, "\x89PNG\r\n\x1a\n", 8))
		*format = IMAGE_FORMAT_PNG;
	else if (starts_with(bytes, length, 0, "\xff\xd8\xff", 3))
		*format = IMAGE_FORMAT_JPEG;
	else if (starts_with(bytes, length, 0, "II*\0", 4) || starts_with(bytes, length, 0, "MM\0*", 4) ||
			 starts_with(bytes, length, 0, "II+\0", 4) || starts_with(bytes, length, 0, "MM\0+", 4))
		*format = IMAGE_FORMAT_TIFF;
	else if (starts_with(bytes, length, 0, "GIF87a", 6) || starts_with(bytes, length, 0, "GIF89a", 6))
		*format = IMAGE_FORMAT_GIF;
	else if (starts_with(bytes, length, 0, "RIFF", 4) && starts_with(bytes, length, 8, "WEBP", 4))
		*format = IMAGE_FORMAT_WEBP;
	else if (starts_with(bytes, length, 0, "BM", 2))
		*format = IMAGE_FORMAT_BMP;
	else if (length >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
			 (strchr(" \t\r\n#", bytes[2]) != NULL && bytes[2] != '\0'))
		*format = IMAGE_FORMAT_PNM;
	else
		return false;
	return true;
}

bool
image_header_read(const uint8_t *bytes, size_t length, int64_t max_pixels, ImageHeader *header, Status *status)
{
	const char *name;

	memset(header, 0, sizeof *header);
	if (length == 0)
		return status_set(status, STATUS_IMAGE_FORMAT, NULL, "The image is empty.");
	if (length > LIMIT_IMAGE_BYTES)
		return status_set(status, STATUS_IMAGE_TOO_LARGE, NULL, "The encoded image has %zu bytes; the limit is %d.",
						  length, LIMIT_IMAGE_BYTES);
	if (!sniff(bytes, length, &header->format))
		return status_set(status, STATUS_IMAGE_FORMAT,
						  "PNG, JPEG, TIFF, BMP, PNM, GIF and WebP images are known by their first bytes.",
						  "The first of the %zu bytes (\\x%02x%02x%02x%02x) belong to no known image format.", length,
						  bytes[0], length > 1 ? bytes[1] : 0, length > 2 ? bytes[2] : 0, length > 3 ? bytes[3] : 0);
	header->orientation = 1;
	header->clear_index = -1;
	header->dropped = header->dropped_alpha = 8;
	header->scans = header->reduction = 1;
	name = image_reader(header->format)->name;
	if (!image_reader(header->format)->header(bytes, length, header, status))
		return false;
	if (header->width < 1 || header->height < 1)
		return status_set(status, STATUS_IMAGE_BROKEN, NULL, "The %s image has a size of %" PRId64 " x %" PRId64 " pixels.",
						  name, header->width, header->height);
	/* Sides are below 2^32 in every format, so the product of two could only overflow after this test has failed. */
	if (header->width > max_pixels / header->height || header->width > SIDE_MAX || header->height > SIDE_MAX)
		return status_set(status, STATUS_IMAGE_TOO_LARGE,
						  "Make the image smaller, or have the limit raised by the setting siamese.max_pixels.",
						  "The %s image has %" PRId64 " x %" PRId64 " pixels; the limit is %" PRId64 " pixels.",
						  name, header->width, header->height, max_pixels);
	if (header->scans > 1 && header->width * header->height / SCANS_OF_LARGEST > max_pixels / header->scans)
		return status_set(status, STATUS_IMAGE_TOO_LARGE,
						  "Save the image with fewer scans, or have the limit raised by the setting siamese.max_pixels.",
						  "The %s image of %" PRId64 " x %" PRId64 " pixels has %d scans; the limit for this size is %.0f.", name,
						  header->width, header->height, header->scans,
						  (double) max_pixels * SCANS_OF_LARGEST / (double) (header->width * header->height));
	return true;
}
