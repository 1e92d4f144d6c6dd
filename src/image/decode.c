/*
 * decode.c: bytes of an image file -> upright raster of grey or RGB.
 */
#include "image/image_internal.h"

#include <string.h>

/*
 * Applies the EXIF orientation, which says where the stored image's first row and first column belong: pixel (x, y) of the
 * upright image is the stored one at start + x * column step + y * row step.
 */
static bool
make_upright(ImageRaster *raster, int orientation, const Host *host, Status *status)
{
	int			width = raster->width;
	int			height = raster->height;
	int			channels = raster->channels;
	bool		swapped = orientation >= 5;
	bool		from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
	bool		from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
	ptrdiff_t	along = (from_right ? -1 : 1) * (ptrdiff_t) channels;
	ptrdiff_t	down = (from_bottom ? -1 : 1) * (ptrdiff_t) width * channels;
	const uint8_t *start;
	uint8_t    *upright;
	uint8_t    *out;

	if (orientation <= 1)
		return true;
	upright = host_allocate(host, (size_t) width * (size_t) height, (size_t) channels, status);
	if (upright == NULL)
		return false;
	start = raster->pixels + (from_right ? (size_t) (width - 1) * (size_t) channels : 0) +
		(from_bottom ? (size_t) (height - 1) * (size_t) width * (size_t) channels : 0);
	out = upright;
	raster->width = swapped ? height : width;
	raster->height = swapped ? width : height;
	for (int y = 0; y < raster->height; y++)
	{
		const uint8_t *in = start + y * (swapped ? along : down);

		if (host_interrupted(host, status))
		{
			host_release(host, upright);
			return false;
		}
		for (int x = 0; x < raster->width; x++, in += swapped ? down : along)
			for (int c = 0; c < channels; c++)
				*out++ = in[c];
	}
	host_release(host, raster->pixels);
	raster->pixels = upright;
	return true;
}

/*
 * How many low bits of 16-bit samples to drop: if only the lower 8, 10 or 12 bits are ever used, as cameras and scanners write
 * them, all above the upper 8 of those.
 */
static int
bits_to_drop(uint32_t used)
{
	return used == 0 || used > 0xFFF ? 8 : used > 0x3FF ? 4 : used > 0xFF ? 2 : 0;
}

/* Corrects the header if the decoded pixels show that an assumption about them was wrong; true: decode again. */
static bool
correct_header(ImageHeader *header, const ImageRaster *raster)
{
	int			dropped = bits_to_drop(raster->used);
	int			dropped_alpha = bits_to_drop(raster->used_alpha);

	if (header->format->zero_alpha_is_none && header->alpha != IMAGE_ALPHA_IGNORED && raster->used_alpha == 0)
	{
		header->alpha = IMAGE_ALPHA_IGNORED;
		return true;
	}
	if (header->bits != 16 || (dropped == header->dropped && dropped_alpha == header->dropped_alpha))
		return false;
	header->dropped = dropped;
	header->dropped_alpha = dropped_alpha;
	return true;
}

bool
image_decode(const uint8_t *bytes, size_t length, int channels, int wanted_side, int64_t max_pixels,
			 const Host *host, ImageRaster *raster, Status *status)
{
	ImageHeader header;

	memset(raster, 0, sizeof *raster);
	if (!image_header_read(bytes, length, max_pixels, &header, status) || host_interrupted(host, status))
		return false;
	if (header.format->reduces && wanted_side > 0)
	{
		int64_t		side = header.width < header.height ? header.width : header.height;

		while (header.reduction < 8 && side / (header.reduction * 2) >= wanted_side)
			header.reduction *= 2;
	}
	if (!header.format->decode(bytes, length, &header, channels, host, raster, status))
		return false;
	if (correct_header(&header, raster))
	{
		image_raster_drop(raster, host);
		if (!header.format->decode(bytes, length, &header, channels, host, raster, status))
			return false;
	}
	if (!make_upright(raster, header.orientation, host, status) || host_interrupted(host, status))
		return image_raster_drop(raster, host);
	return true;
}
