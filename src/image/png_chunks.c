/*
 * png_chunks.c: PNG (ISO/IEC 15948): its header and the chunks around its pixels; the pixels: png.c.
 *
 * Of an animated PNG the default image is read, which fills the whole canvas.
 */
#include "image/png_internal.h"

#include <libdeflate.h>
#include <string.h>

bool
image_png_next(const uint8_t *bytes, size_t length, size_t *position, const uint8_t **type, size_t *size)
{
	if (length - *position < PNG_CHUNK_FRAME)
		return false;
	*size = image_be32(bytes + *position);
	if (*size > length - *position - PNG_CHUNK_FRAME)
		return false;
	*type = bytes + *position + 4;
	*position += *size + PNG_CHUNK_FRAME;
	return true;
}

/* The transparent colour in tRNS, in the image's own samples. */
static void
png_clear_colour(const uint8_t *data, size_t size, int colour_type, ImageHeader *header)
{
	int			values = colour_type == PNG_RGB ? 3 : 1;

	if ((colour_type != PNG_RGB && colour_type != PNG_GREY) || size < 2 * (size_t) values)
		return;
	header->has_clear = true;
	for (int i = 0; i < 3; i++)
		header->clear_colour[i] = image_be16(data + (values == 3 ? 2 * i : 0)) & ((1u << header->bits) - 1);
}

bool
image_png_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	size_t		position = PNG_SIGNATURE;
	const uint8_t *type;
	const uint8_t *data;
	size_t		size;
	int			colour_type;
	bool		depth_fits;
	bool		begun = false;	/* the pixels */

	if (!image_png_next(bytes, length, &position, &type, &size) || !png_is(type, "IHDR") || size != 13)
		return image_broken("PNG", "ends within its header", status);
	data = type + 4;
	header->width = image_be32(data);
	header->height = image_be32(data + 4);
	header->bits = data[8];
	colour_type = data[9];
	depth_fits = header->bits == 8 || (colour_type != PNG_PALETTE && header->bits == 16) ||
		((colour_type == PNG_GREY || colour_type == PNG_PALETTE) &&
		 (header->bits == 1 || header->bits == 2 || header->bits == 4));
	if ((colour_type != PNG_GREY && colour_type != PNG_RGB && colour_type != PNG_PALETTE &&
		 colour_type != PNG_GREY_ALPHA && colour_type != PNG_RGB_ALPHA) || !depth_fits)
		return image_broken("PNG", "has an invalid colour type or bit depth", status);
	header->samples = colour_type == PNG_RGB ? 3 : colour_type == PNG_GREY_ALPHA ? 2 : colour_type == PNG_RGB_ALPHA ? 4 : 1;
	while (image_png_next(bytes, length, &position, &type, &size) && !png_is(type, "IEND"))
	{
		begun = begun || png_is(type, "IDAT");
		if (png_is(type, "tRNS") && !begun)
			png_clear_colour(type + 4, size, colour_type, header);
		else if (png_is(type, "eXIf"))
			header->orientation = image_exif_orientation(type + 4, size);
	}
	return true;
}

static bool
png_sum_holds(const uint8_t *type, size_t size)
{
	return libdeflate_crc32(0, type, size + 4) == image_be32(type + 4 + size);
}

/* A chunk's type is four letters; a lower-case first letter marks chunks that may be skipped. */
static bool
png_known(const uint8_t *type)
{
	for (int i = 0; i < 4; i++)
		if (!((type[i] >= 'a' && type[i] <= 'z') || (type[i] >= 'A' && type[i] <= 'Z')))
			return false;
	return type[0] >= 'a' || png_is(type, "PLTE") || png_is(type, "IDAT");
}

/* A PLTE, or the tRNS of a palette; misplaced or ill-sized ones are ignored. */
static void
png_take_colours(const uint8_t *type, size_t size, PngParts *parts)
{
	if (parts->data_chunks > 0 || parts->colour_type != PNG_PALETTE)
		return;
	if (png_is(type, "PLTE"))
	{
		if (parts->palette != NULL || size == 0 || size % 3 != 0 || size > 3 * 256)
			return;
		parts->palette = type + 4;
		parts->colours = size / 3;
	}
	else if (parts->palette != NULL && parts->alphas == NULL && size <= parts->colours)
	{
		parts->alphas = type + 4;
		parts->alpha_count = size;
	}
}

/* A missing IEND is accepted: whether the pixels are complete shows in their data. */
bool
image_png_find_parts(const uint8_t *bytes, size_t length, PngParts *parts, Status *status)
{
	size_t		position = PNG_SIGNATURE;
	const uint8_t *type = NULL;
	size_t		size = 0;

	memset(parts, 0, sizeof *parts);
	/* IHDR, as checked by image_png_header() */
	if (!image_png_next(bytes, length, &position, &type, &size) || !png_sum_holds(type, size))
		return image_broken("PNG", "has a damaged header", status);
	if (type[14] != 0 || type[15] != 0 || type[16] > 1)
		return image_broken("PNG", "has an unknown compression, filter or interlace method", status);
	parts->colour_type = type[13];
	parts->interlaced = type[16] != 0;
	while (image_png_next(bytes, length, &position, &type, &size) && !png_is(type, "IEND"))
	{
		if (png_is(type, "IHDR"))
			return image_broken("PNG", "has two headers", status);
		if (!png_known(type))
			return image_broken("PNG", "has a damaged chunk, or a critical one that is unknown", status);
		if (!png_is(type, "PLTE") && !png_is(type, "tRNS") && !png_is(type, "IDAT"))
			continue;
		if (!png_sum_holds(type, size))
			return image_broken("PNG", "has a damaged chunk", status);
		if (!png_is(type, "IDAT"))
			png_take_colours(type, size, parts);
		else
		{
			if (parts->data_chunks++ == 0)
				parts->data = type + 4;
			parts->data_length += size;
		}
	}
	if (parts->data_chunks == 0)
		return image_broken("PNG", "has no pixels, or is truncated", status);
	if (parts->colour_type == PNG_PALETTE && parts->palette == NULL)
		return image_broken("PNG", "has no palette", status);
	return true;
}
