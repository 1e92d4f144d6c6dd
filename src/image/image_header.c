/*
 * image_header.c: which format, how many pixels; refuses what is too large before anything is decoded.
 */
#include "image/image_internal.h"

#include <inttypes.h>
#include <string.h>

#include "common/limits.h"

/* What any reader of this room can be made to hold in one dimension; Leptonica has similar bounds. */
#define SIDE_MAX 1000000

const char *
image_format_name(ImageFormat format)
{
	static const char *const names[] = {"PNG", "JPEG", "TIFF", "BMP", "PNM", "GIF", "WebP"};

	return names[format];
}

bool
image_broken(ImageFormat format, const char *what, Status *status)
{
	return status_set(status, STATUS_IMAGE_BROKEN, NULL, "The %s image %s.", image_format_name(format), what);
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

/* Uncompressed bitmaps with the 40-byte header or one of its longer successors. */
static bool
bmp_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	int64_t		height;
	uint64_t	row_bytes;
	uint64_t	start;

	if (length < 54)
		return image_broken(IMAGE_FORMAT_BMP, "ends within its header", status);
	if (image_le32(bytes + 14) < 40)
		return image_broken(IMAGE_FORMAT_BMP, "has a header of the OS/2 kind, which is not supported", status);
	if (image_le32(bytes + 30) != 0)
		return image_broken(IMAGE_FORMAT_BMP, "is compressed, which is not supported", status);
	height = (int32_t) image_le32(bytes + 22);	/* negative: the first row is the upper one */
	header->width = (int32_t) image_le32(bytes + 18);
	header->height = height < 0 ? -height : height;
	header->bits = (int) image_le16(bytes + 28);
	header->samples = header->bits > 8 ? 3 : 1;
	header->alpha = IMAGE_ALPHA_IGNORED;	/* without masks the fourth byte is undefined, and mostly 0 */
	if (header->bits != 1 && header->bits != 4 && header->bits != 8 && header->bits != 24 && header->bits != 32)
		return image_broken(IMAGE_FORMAT_BMP, "has an unsupported number of bits a pixel", status);
	if (header->width < 1 || header->width > SIDE_MAX || header->height < 1 || header->height > SIDE_MAX)
		return true;			/* the caller words it */
	row_bytes = ((uint64_t) header->width * (uint64_t) header->bits + 31) / 32 * 4;
	start = image_le32(bytes + 10);
	if (start > length || row_bytes * (uint64_t) header->height > length - start)
		return image_broken(IMAGE_FORMAT_BMP, "ends before its last row", status);
	return true;
}

bool
image_header_read(const uint8_t *bytes, size_t length, int64_t max_pixels, ImageHeader *header, Status *status)
{
	bool		known;

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
	header->clear_colour[0] = -1;
	switch (header->format)
	{
		case IMAGE_FORMAT_PNG:
			known = image_png_header(bytes, length, header, status);
			break;
		case IMAGE_FORMAT_JPEG:
			known = image_jpeg_header(bytes, length, header, status);
			break;
		case IMAGE_FORMAT_TIFF:
			known = image_tiff_header(bytes, length, header, status);
			break;
		case IMAGE_FORMAT_PNM:
			known = image_pnm_header(bytes, length, header, status);
			break;
		case IMAGE_FORMAT_GIF:
			known = image_gif_header(bytes, length, header, status);
			break;
		case IMAGE_FORMAT_WEBP:
			known = image_webp_header(bytes, length, header, status);
			break;
		default:
			known = bmp_header(bytes, length, header, status);
			break;
	}
	if (!known)
		return false;
	if (header->width < 1 || header->height < 1)
		return status_set(status, STATUS_IMAGE_BROKEN, NULL, "The %s image has a size of %" PRId64 " x %" PRId64 " pixels.",
						  image_format_name(header->format), header->width, header->height);
	/* Sides are below 2^32 in every format, so the product of two could only overflow after this test has failed. */
	if (header->width > max_pixels / header->height || header->width > SIDE_MAX || header->height > SIDE_MAX)
		return status_set(status, STATUS_IMAGE_TOO_LARGE,
						  "Make the image smaller, or have the limit raised by the setting siamese.max_pixels.",
						  "The %s image has %" PRId64 " x %" PRId64 " pixels; the limit is %" PRId64 " pixels.",
						  image_format_name(header->format), header->width, header->height, max_pixels);
	return true;
}
