/*
 * jpeg_markers.c: reads size, EXIF orientation and number of scans from a JPEG's markers, without decoding; the pixels: jpeg.c.
 *
 * Markers are found as libjpeg finds them (bytes before an 0xFF are skipped), so that both see the same frame.
 */
#include "image/image_internal.h"

#include <string.h>

/*
 * A progressive file can refine the whole image again and again with a few bytes per scan; real ones have about ten scans.
 * image_header_read() has a limit that depends on the size.
 */
#define SCANS_MAX 100

enum
{
	MARKER_TEM = 0x01,
	MARKER_SOF0 = 0xC0,			/* baseline */
	MARKER_SOF2 = 0xC2,			/* progressive */
	MARKER_DHT = 0xC4,
	MARKER_JPG = 0xC8,
	MARKER_SOF9 = 0xC9,			/* arithmetic coding */
	MARKER_SOF10 = 0xCA,
	MARKER_DAC = 0xCC,
	MARKER_SOF15 = 0xCF,
	MARKER_RST0 = 0xD0,
	MARKER_RST7 = 0xD7,
	MARKER_SOI = 0xD8,
	MARKER_EOI = 0xD9,
	MARKER_SOS = 0xDA,
	MARKER_APP1 = 0xE1
};

/* The code of the next marker at or after *position, which is advanced past it; -1 at the end. */
static int
next_marker(const uint8_t *bytes, size_t length, size_t *position)
{
	size_t		at = *position;

	for (;;)
	{
		const uint8_t *found = at < length ? memchr(bytes + at, 0xFF, length - at) : NULL;

		if (found == NULL)
			return -1;
		at = (size_t) (found - bytes);
		while (at < length && bytes[at] == 0xFF)
			at++;
		if (at == length)
			return -1;
		if (bytes[at++] != 0)
			break;
	}
	*position = at;
	return bytes[at - 1];
}

static bool
is_frame(int marker)
{
	return marker >= MARKER_SOF0 && marker <= MARKER_SOF15 &&
		marker != MARKER_DHT && marker != MARKER_JPG && marker != MARKER_DAC;
}

static bool
read_frame(int marker, const uint8_t *segment, size_t length, ImageHeader *header, Status *status)
{
	if (marker > MARKER_SOF2 && marker != MARKER_SOF9 && marker != MARKER_SOF10)
		return image_broken("JPEG", "is lossless or hierarchical, which is not supported", status);
	if (length < 6)
		return image_broken("JPEG", "has a frame header that is too short", status);
	header->bits = segment[0];
	header->height = image_be16(segment + 1);
	header->width = image_be16(segment + 3);
	header->samples = segment[5];
	if (header->bits != 8)
		return image_broken("JPEG", "does not have 8 bits per sample", status);
	if (header->samples != 1 && header->samples != 3 && header->samples != 4)
		return image_broken("JPEG", "does not have 1, 3 or 4 components", status);
	return true;
}

bool
image_jpeg_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	size_t		position = 2;
	int			scans = 0;
	bool		framed = false;

	header->alpha = IMAGE_ALPHA_IGNORED;
	for (;;)
	{
		int			marker = next_marker(bytes, length, &position);
		size_t		segment;

		if (marker < 0)
			break;
		header->has_end = marker == MARKER_EOI;
		if (header->has_end)
			break;
		if (marker == MARKER_TEM || (marker >= MARKER_RST0 && marker <= MARKER_RST7))
			continue;
		if (marker == MARKER_SOI || length - position < 2)
			return image_broken("JPEG", "has a misplaced marker", status);
		segment = image_be16(bytes + position);
		if (segment < 2 || segment > length - position)
			return image_broken("JPEG", "has a segment longer than the file", status);
		if (is_frame(marker))
		{
			if (framed)
				return image_broken("JPEG", "has two frames", status);
			framed = true;
			if (!read_frame(marker, bytes + position + 2, segment - 2, header, status))
				return false;
		}
		else if (marker == MARKER_APP1 && segment >= 8 && memcmp(bytes + position + 2, "Exif\0\0", 6) == 0)
		{
			if (header->orientation == 1)
				header->orientation = image_exif_orientation(bytes + position + 8, segment - 8);
		}
		else if (marker == MARKER_SOS && (!framed || ++scans > SCANS_MAX))
			return image_broken("JPEG", framed ? "has more than 100 scans" : "has scan data before its frame header", status);
		position += segment;
	}
	if (scans == 0)
		return image_broken("JPEG", header->has_end ? "has no pixels" : "is truncated", status);
	header->scans = scans;
	return true;
}
