/*
 * image_container.c: GIF and WebP, formats made of blocks.  Their sizes, and copies with only what is needed.
 */
#include "image/image_internal.h"

#include <string.h>

/* ---------- GIF (89a) ---------- */

#define GIF_SCREEN 13			/* bytes of signature and logical screen descriptor */
#define GIF_FRAME 10			/* of an image descriptor with its separator */

static size_t
gif_colours(uint8_t flags)
{
	return flags & 0x80 ? (size_t) 3 << ((flags & 7) + 1) : 0;
}

/* One past the sub-blocks that begin at position; 0 when they are cut off. */
static size_t
gif_skip_blocks(const uint8_t *bytes, size_t length, size_t position)
{
	while (position < length && bytes[position] != 0)
		position += (size_t) bytes[position] + 1;
	return position < length ? position + 1 : 0;
}

bool
image_gif_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	size_t		position;

	if (length < GIF_SCREEN)
		return image_broken(IMAGE_FORMAT_GIF, "ends within its header", status);
	header->samples = 1;
	header->bits = 8;
	position = GIF_SCREEN + gif_colours(bytes[10]);
	while (position < length && bytes[position] == 0x21)	/* extensions */
	{
		/* A graphic control extension: length 4, flags, delay, transparent index. */
		if (length - position > 8 && bytes[position + 1] == 0xF9 && bytes[position + 2] == 4)
			header->clear_index = bytes[position + 3] & 1 ? bytes[position + 6] : -1;
		position = gif_skip_blocks(bytes, length, position + 2);
		if (position == 0)
			return image_broken(IMAGE_FORMAT_GIF, "is cut off", status);
	}
	if (position >= length || length - position < GIF_FRAME || bytes[position] != 0x2C)
		return image_broken(IMAGE_FORMAT_GIF, "has no frame", status);
	header->width = image_le16(bytes + position + 5);
	header->height = image_le16(bytes + position + 7);
	header->data_start = position;
	position += GIF_FRAME + gif_colours(bytes[position + 9]) + 1;	/* and the code size */
	header->data_end = position < length ? gif_skip_blocks(bytes, length, position) : 0;
	if (header->data_end == 0)
		return image_broken(IMAGE_FORMAT_GIF, "is cut off", status);
	return true;
}

bool
image_gif_pack(const uint8_t *bytes, const ImageHeader *header, const Host *host,
			   uint8_t **packed, size_t *packed_length, Status *status)
{
	size_t		start = GIF_SCREEN + gif_colours(bytes[10]);
	size_t		frame = header->data_end - header->data_start;

	*packed = host_allocate(host, start + frame + 1, 1, status);
	if (*packed == NULL)
		return false;
	memcpy(*packed, bytes, start);
	memcpy(*packed + start, bytes + header->data_start, frame);
	(*packed)[start + frame] = 0x3B;	/* the trailer */
	*packed_length = start + frame + 1;
	return true;
}

/* ---------- WebP (RFC 9649) ---------- */

#define WEBP_START 12			/* "RIFF", size, "WEBP" */
#define WEBP_CHUNK 8			/* type and size */
#define WEBP_FRAME 16			/* of an ANMF chunk, before the frame's own chunks */
#define WEBP_ALPHA 0x10

static uint32_t
le24(const uint8_t *p)
{
	return image_le16(p) | (uint32_t) p[2] << 16;
}

/* Width and height in the bitstream of a "VP8 " or "VP8L" chunk. */
static bool
webp_bitstream(bool lossless, const uint8_t *data, size_t size, int64_t *width, int64_t *height)
{
	if (lossless)
	{
		uint32_t	packed;

		if (size < 5 || data[0] != 0x2F)
			return false;
		packed = image_le32(data + 1);
		*width = (packed & 0x3FFF) + 1;
		*height = (packed >> 14 & 0x3FFF) + 1;
		return true;
	}
	if (size < 10 || memcmp(data + 3, "\x9d\x01\x2a", 3) != 0)
		return false;
	*width = image_le16(data + 6) & 0x3FFF;
	*height = image_le16(data + 8) & 0x3FFF;
	return true;
}

/*
 * Walks the chunks from position to end for the first bitstream.  A canvas (VP8X), an animation's first frame and the
 * bitstream each name a size; the largest counts.
 */
static bool
webp_walk(const uint8_t *bytes, size_t position, size_t end, bool in_frame, ImageHeader *header)
{
	bool		found = false;

	while (end - position >= WEBP_CHUNK)
	{
		const uint8_t *type = bytes + position;
		const uint8_t *data = type + WEBP_CHUNK;
		size_t		size = image_le32(type + 4);
		int64_t		width = 0;
		int64_t		height = 0;

		if (size > end - position - WEBP_CHUNK)
			return found;
		if (!in_frame && memcmp(type, "VP8X", 4) == 0 && size >= 10)
		{
			width = (int64_t) le24(data + 4) + 1;
			height = (int64_t) le24(data + 7) + 1;
		}
		else if (!found && !in_frame && memcmp(type, "ANMF", 4) == 0 && size >= WEBP_FRAME)
		{
			header->data_start = position + WEBP_CHUNK + WEBP_FRAME;
			header->data_end = position + WEBP_CHUNK + size;
			width = (int64_t) le24(data + 6) + 1;
			height = (int64_t) le24(data + 9) + 1;
			found = header->animated = webp_walk(bytes, header->data_start, header->data_end, true, header);
		}
		else if (!found && (memcmp(type, "VP8 ", 4) == 0 || memcmp(type, "VP8L", 4) == 0))
			found = webp_bitstream(type[3] == 'L', data, size, &width, &height);
		else if (!in_frame && memcmp(type, "EXIF", 4) == 0)
		{
			/* Some writers put JPEG's "Exif" before the block. */
			size_t		skip = size >= 6 && memcmp(data, "Exif\0\0", 6) == 0 ? 6 : 0;

			header->orientation = image_tiff_orientation(data + skip, size - skip);
		}
		if (width > header->width)
			header->width = width;
		if (height > header->height)
			header->height = height;
		size += size & 1;
		if (size > end - position - WEBP_CHUNK)
			return found;
		position += WEBP_CHUNK + size;
	}
	return found;
}

bool
image_webp_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	header->samples = 4;
	header->bits = 8;
	if (!webp_walk(bytes, WEBP_START, length, false, header))
		return image_broken(IMAGE_FORMAT_WEBP, "has no frame, or is cut off", status);
	return true;
}

static void
put_le24(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t) value;
	p[1] = (uint8_t) (value >> 8);
	p[2] = (uint8_t) (value >> 16);
}

static void
put_le32(uint8_t *p, uint32_t value)
{
	put_le24(p, value);
	p[3] = (uint8_t) (value >> 24);
}

/* The first frame of an animation as a WebP of its own, with its own size as the canvas. */
bool
image_webp_pack(const uint8_t *bytes, const ImageHeader *header, const Host *host,
				uint8_t **packed, size_t *packed_length, Status *status)
{
	const uint8_t *frame = bytes + header->data_start - WEBP_FRAME;
	size_t		size = header->data_end - header->data_start;
	uint8_t    *out = host_allocate(host, WEBP_START + WEBP_CHUNK + 10 + size + 1, 1, status);

	*packed = out;
	if (out == NULL)
		return false;
	memcpy(out, "RIFF....WEBPVP8X", 16);
	put_le32(out + 16, 10);
	memset(out + 20, 0, 10);
	out[20] = WEBP_ALPHA;
	put_le24(out + 24, le24(frame + 6));
	put_le24(out + 27, le24(frame + 9));
	memcpy(out + 30, bytes + header->data_start, size);
	*packed_length = 30 + size;
	if (size & 1)
		out[(*packed_length)++] = 0;
	put_le32(out + 4, (uint32_t) (*packed_length - 8));
	return true;
}
