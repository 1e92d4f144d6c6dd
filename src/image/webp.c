/*
 * webp.c: WebP (RFC 9649): the image, or the first frame of an animation on the whole canvas, by libwebp.
 *
 * libwebp gets the data in pieces, with a check for interrupts in between.
 */
#include "image/image_internal.h"

#include <errno.h>
#include <string.h>

#include <webp/decode.h>

#define FUNCTIONS(DO) \
	DO(WebPInitDecoderConfigInternal) DO(WebPIDecode) DO(WebPIUpdate) DO(WebPIDelete) DO(WebPFreeDecBuffer)

IMAGE_LIBRARY(webp, LIBWEBP_LIBRARY, FUNCTIONS);

static bool
webp_load(Status *status)
{
	return image_library_load(&webp_library, status);
}

/* ---------- the container ---------- */

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
 * Finds the first bitstream among the chunks from position to end.  The canvas (VP8X), the first frame of an animation and the
 * bitstream each have a size; the largest one counts.
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
			header->frame.left = 2 * (int) le24(data);
			header->frame.top = 2 * (int) le24(data + 3);
			header->frame.right = header->frame.left + (int) le24(data + 6) + 1;
			header->frame.bottom = header->frame.top + (int) le24(data + 9) + 1;
			width = header->frame.right;
			height = header->frame.bottom;
			found = header->animated = webp_walk(bytes, header->data_start, header->data_end, true, header);
		}
		else if (!found && (memcmp(type, "VP8 ", 4) == 0 || memcmp(type, "VP8L", 4) == 0))
			found = webp_bitstream(type[3] == 'L', data, size, &width, &height);
		else if (!in_frame && memcmp(type, "EXIF", 4) == 0)
		{
			/* some writers prefix the block with JPEG's "Exif" */
			size_t		skip = size >= 6 && memcmp(data, "Exif\0\0", 6) == 0 ? 6 : 0;

			header->orientation = image_exif_orientation(data + skip, size - skip);
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

static bool
webp_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	header->samples = 4;
	header->bits = 8;
	if (!webp_walk(bytes, WEBP_START, length, false, header))
		return image_broken("WebP", "has no frame, or is truncated", status);
	if (!header->animated)
		header->frame = (ImageBox) {0, 0, (int) header->width, (int) header->height};
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

/* Repacks the first frame of an animation as a WebP of its own, whose canvas is the frame. */
static bool
webp_pack(const uint8_t *bytes, const ImageHeader *header, const Host *host,
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

/* ---------- pixels ---------- */

/* Bytes handed to libwebp at a time. */
#define PIECE (16 * 1024)

/* pixels: red, green, blue and alpha of the frame. */
static bool
webp_decode_frame(const uint8_t *bytes, size_t length, const ImageHeader *header, uint8_t *pixels, const Host *host,
				  Status *status)
{
	WebPDecoderConfig config;
	size_t		width = (size_t) (header->frame.right - header->frame.left);
	size_t		height = (size_t) (header->frame.bottom - header->frame.top);
	WebPIDecoder *decoder;
	VP8StatusCode code = VP8_STATUS_SUSPENDED;
	bool		stopped = false;

	if (!image_library_reserve(host, status))
		return false;
	if (!webp.WebPInitDecoderConfigInternal(&config, WEBP_DECODER_ABI_VERSION))
		return status_set(status, STATUS_LIBRARY, "Install the version that the extension was built with.",
						  "libwebp does not support version %x of its decoder interface.", WEBP_DECODER_ABI_VERSION);
	config.output.colorspace = MODE_RGBA;
	config.output.is_external_memory = 1;
	config.output.u.RGBA.rgba = pixels;
	config.output.u.RGBA.stride = (int) (4 * width);
	config.output.u.RGBA.size = 4 * width * height;
	errno = 0;					/* libwebp reports a failed malloc in no other way */
	decoder = webp.WebPIDecode(NULL, 0, &config);
	if (decoder == NULL)
		code = VP8_STATUS_OUT_OF_MEMORY;
	for (size_t given = 0; code == VP8_STATUS_SUSPENDED && given < length && !stopped;)
	{
		given = length - given > PIECE ? given + PIECE : length;
		code = webp.WebPIUpdate(decoder, bytes, given);
		stopped = host_interrupted(host, status);
	}
	if (decoder != NULL)
		webp.WebPIDelete(decoder);
	webp.WebPFreeDecBuffer(&config.output);
	if (stopped)
		return false;
	if (code == VP8_STATUS_OUT_OF_MEMORY || (code != VP8_STATUS_OK && errno == ENOMEM))
		return status_set(status, STATUS_NO_MEMORY, NULL, "Could not allocate memory to decode the WebP image.");
	/* the image that is decoded must be the one whose header was checked */
	if (code == VP8_STATUS_OK && (config.output.width != (int) width || config.output.height != (int) height))
		return image_broken("WebP", "does not match its header", status);
	return code == VP8_STATUS_OK || image_broken("WebP", "cannot be decoded: its data is damaged or cut off", status);
}

static bool
webp_put_frame(const uint8_t *pixels, const ImageBox *box, const Host *host, ImageRaster *raster, Status *status)
{
	for (int y = box->top; y < box->bottom; y++)
	{
		uint8_t    *out = raster->pixels + ((size_t) y * (size_t) raster->width + (size_t) box->left) * (size_t) raster->channels;

		for (int x = box->left; x < box->right; x++, pixels += 4, out += raster->channels)
		{
			uint8_t		rgb[3];

			for (int c = 0; c < 3; c++)
				rgb[c] = image_over_white(pixels[c], pixels[3], IMAGE_ALPHA_STRAIGHT);
			image_put_pixel(rgb, raster->channels, out);
		}
		if (host_interrupted(host, status))
			return false;
	}
	return true;
}

static bool
webp_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels, const Host *host,
			ImageRaster *raster, Status *status)
{
	const ImageBox *box = &header->frame;
	uint8_t    *packed = NULL;
	uint8_t    *pixels;
	bool		done;

	if (!webp_load(status) || (header->animated && !webp_pack(bytes, header, host, &packed, &length, status)))
		return false;
	pixels = host_allocate(host, (size_t) (box->right - box->left) * (size_t) (box->bottom - box->top), 4, status);
	done = pixels != NULL && webp_decode_frame(packed != NULL ? packed : bytes, length, header, pixels, host, status);
	host_release(host, packed);
	if (done && image_raster_allocate(raster, header->width, header->height, channels, host, status))
	{
		if (header->animated)
			memset(raster->pixels, 255, (size_t) raster->width * (size_t) raster->height * (size_t) channels);
		done = webp_put_frame(pixels, box, host, raster, status);
	}
	else
		done = false;
	host_release(host, pixels);
	return done || image_raster_drop(raster, host);
}

static bool
is_webp(const uint8_t *bytes, size_t length)
{
	return image_starts_with(bytes, length, "RIFF", 4) && length >= WEBP_START &&
		memcmp(bytes + WEBP_START - 4, "WEBP", 4) == 0;
}

const ImageFormat image_format_webp = {
	.name = "WebP",
	.is_mine = is_webp,
	.header = webp_header,
	.decode = webp_decode,
	.load = webp_load,
};
