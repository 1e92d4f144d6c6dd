/*
 * image_decode.c: from the bytes of an image file to an upright raster of grey or RGB.
 */
#include "image/image_internal.h"

#include <string.h>

/*
 * EXIF orientation: where the stored image's first row and first column are seen.  Written as steps: the pixel of the
 * upright image at (x, y) is the stored one at start + x * column step + y * row step.
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

		for (int x = 0; x < raster->width; x++, in += swapped ? down : along)
			for (int c = 0; c < channels; c++)
				*out++ = in[c];
	}
	host_release(host, raster->pixels);
	raster->pixels = upright;
	return true;
}

static bool
pack(const uint8_t *bytes, size_t length, const ImageHeader *header, const Host *host,
	 uint8_t **packed, size_t *packed_length, Status *status)
{
	*packed = NULL;
	if (header->format == IMAGE_FORMAT_PNG)
		return image_png_pack(bytes, length, header, host, packed, packed_length, status);
	if (header->format == IMAGE_FORMAT_GIF)
		return image_gif_pack(bytes, header, host, packed, packed_length, status);
	if (header->format == IMAGE_FORMAT_WEBP && header->animated)
		return image_webp_pack(bytes, header, host, packed, packed_length, status);
	if (header->format == IMAGE_FORMAT_TIFF && header->orientation != 1)
		return image_tiff_pack(bytes, length, host, packed, packed_length, status);
	return true;
}

bool
image_decode(const uint8_t *bytes, size_t length, int channels, int wanted_side, int64_t max_pixels,
			 const Host *host, ImageRaster *raster, Status *status)
{
	ImageHeader header;
	uint8_t    *packed;
	size_t		packed_length = 0;
	int			reduction = 1;
	bool		decoded;

	memset(raster, 0, sizeof *raster);
	if (!image_header_read(bytes, length, max_pixels, &header, status) || host_interrupted(host, status))
		return false;
	if (header.format == IMAGE_FORMAT_JPEG && wanted_side > 0)
	{
		int64_t		side = header.width < header.height ? header.width : header.height;

		while (reduction < 8 && side / (reduction * 2) >= wanted_side)
			reduction *= 2;
	}
	if (header.format == IMAGE_FORMAT_PNG && !image_png_decode(bytes, length, &header, channels, host, raster, status))
		return false;
	if (raster->pixels != NULL)
		decoded = true;
	else if (header.format == IMAGE_FORMAT_PNM)
		decoded = image_pnm_decode(bytes, length, &header, channels, host, raster, status);
	else
	{
		if (!pack(bytes, length, &header, host, &packed, &packed_length, status))
			return false;
		decoded = image_leptonica_decode(packed ? packed : bytes, packed ? packed_length : length, &header, channels,
										 reduction, host, raster, status);
		host_release(host, packed);
	}
	if (!decoded)
		return false;
	if (!make_upright(raster, header.orientation, host, status) || host_interrupted(host, status))
	{
		host_release(host, raster->pixels);
		raster->pixels = NULL;
		return false;
	}
	return true;
}
