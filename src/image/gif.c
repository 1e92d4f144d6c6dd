/*
 * gif.c: GIF (89a): the first frame, on the whole canvas.
 */
#include "image/image_internal.h"

#include <string.h>

#define SCREEN 13				/* bytes of signature and logical screen descriptor */
#define FRAME 10				/* of an image descriptor with its separator */
#define CODES 4096				/* of at most 12 bits */

static size_t
colour_bytes(uint8_t flags)
{
	return flags & 0x80 ? (size_t) 3 << ((flags & 7) + 1) : 0;
}

/* The position after the sub-blocks that begin at position; 0 if they are truncated. */
static size_t
skip_blocks(const uint8_t *bytes, size_t length, size_t position)
{
	while (position < length && bytes[position] != 0)
		position += (size_t) bytes[position] + 1;
	return position < length ? position + 1 : 0;
}

static bool
gif_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	size_t		position;
	ImageBox   *frame = &header->frame;

	if (length < SCREEN)
		return image_broken("GIF", "ends within its header", status);
	header->samples = 1;
	header->bits = 8;
	position = SCREEN + colour_bytes(bytes[10]);
	while (position < length && bytes[position] == 0x21)	/* extensions */
	{
		/* A graphic control extension: length 4, flags, delay, transparent index. */
		if (length - position > 8 && bytes[position + 1] == 0xF9 && bytes[position + 2] == 4)
			header->clear_index = bytes[position + 3] & 1 ? bytes[position + 6] : -1;
		position = skip_blocks(bytes, length, position + 2);
		if (position == 0)
			return image_broken("GIF", "is truncated", status);
	}
	if (position >= length || length - position < FRAME || bytes[position] != 0x2C)
		return image_broken("GIF", "has no frame", status);
	frame->left = (int) image_le16(bytes + position + 1);
	frame->top = (int) image_le16(bytes + position + 3);
	frame->right = frame->left + (int) image_le16(bytes + position + 5);
	frame->bottom = frame->top + (int) image_le16(bytes + position + 7);
	if (frame->right == frame->left || frame->bottom == frame->top)
		return image_broken("GIF", "has an empty frame", status);
	/* Some writers store a screen size of 0, or one smaller than the frame. */
	header->width = image_le16(bytes + 6);
	header->height = image_le16(bytes + 8);
	header->width = header->width > frame->right ? header->width : frame->right;
	header->height = header->height > frame->bottom ? header->height : frame->bottom;
	header->data_start = position;
	position += FRAME + colour_bytes(bytes[position + 9]) + 1;	/* and the code size */
	header->data_end = position < length ? skip_blocks(bytes, length, position) : 0;
	if (header->data_end == 0)
		return image_broken("GIF", "is truncated", status);
	return true;
}

/* Writes the pixels of a frame in the order of the file. */
typedef struct Frame
{
	const ImageHeader *header;
	ImageRaster *raster;
	uint8_t		table[256][3];	/* colours of the palette; what is transparent or missing is white */
	bool		interlaced;
	int			pass;
	int			x;				/* of the next pixel, in the frame */
	int			y;
	bool		complete;
} Frame;

static void
put_pixel(Frame *frame, int value)
{
	static const int firsts[] = {0, 4, 2, 1};
	static const int steps[] = {8, 8, 4, 2};
	const ImageBox *box = &frame->header->frame;
	ImageRaster *raster = frame->raster;

	image_put_pixel(frame->table[value], raster->channels,
					raster->pixels + ((size_t) (box->top + frame->y) * (size_t) raster->width + (size_t) (box->left + frame->x)) *
					(size_t) raster->channels);
	if (++frame->x < box->right - box->left)
		return;
	frame->x = 0;
	frame->y += frame->interlaced ? steps[frame->pass] : 1;
	while (frame->interlaced && frame->y >= box->bottom - box->top && frame->pass < 3)
		frame->y = firsts[++frame->pass];
	frame->complete = frame->y >= box->bottom - box->top;
}

/* Reads codes of growing width, low bits first, from sub-blocks of up to 255 bytes. */
typedef struct CodeReader
{
	const uint8_t *bytes;
	size_t		position;
	int			left;			/* bytes of the sub-block */
	uint32_t	kept;
	int			kept_bits;
} CodeReader;

/* -1 at the end.  gif_header() has checked that the terminating empty sub-block exists. */
static int
next_code(CodeReader *reader, int bits)
{
	int			code;

	while (reader->kept_bits < bits)
	{
		if (reader->left == 0)
		{
			reader->left = reader->bytes[reader->position];
			if (reader->left == 0)
				return -1;
			reader->position++;
		}
		reader->kept |= (uint32_t) reader->bytes[reader->position++] << reader->kept_bits;
		reader->kept_bits += 8;
		reader->left--;
	}
	code = (int) (reader->kept & ((1u << bits) - 1));
	reader->kept >>= bits;
	reader->kept_bits -= bits;
	return code;
}

/* LZW: each code stands for the pixels of an earlier code and one more. */
typedef struct Dictionary
{
	uint16_t	before[CODES];
	uint8_t		last[CODES];
	uint8_t		stack[CODES];	/* pixels of a code, last one first */
} Dictionary;

static bool
decode_codes(CodeReader *reader, int smallest_bits, Dictionary *dictionary, Frame *frame, const Host *host, Status *status)
{
	const int	clear = 1 << smallest_bits;
	int			bits = smallest_bits + 1;
	int			next = clear + 2;
	int			previous = -1;
	int			first = 0;
	int			rows = 0;

	while (!frame->complete)
	{
		int			code = next_code(reader, bits);
		int			depth = 0;
		int			at = code;

		if (code == clear)
		{
			bits = smallest_bits + 1;
			next = clear + 2;
			previous = -1;
			continue;
		}
		if (code < 0 || code == clear + 1 || code > next || (code == next && previous < 0) || (previous < 0 && code > clear))
			return image_broken("GIF", "is damaged or truncated: pixels are missing", status);
		if (code == next)
		{
			dictionary->stack[depth++] = (uint8_t) first;
			at = previous;
		}
		for (; at >= clear; at = dictionary->before[at])
			dictionary->stack[depth++] = dictionary->last[at];
		dictionary->stack[depth++] = (uint8_t) at;
		first = at;
		if (previous >= 0 && next < CODES)
		{
			dictionary->before[next] = (uint16_t) previous;
			dictionary->last[next++] = (uint8_t) first;
			if (next == 1 << bits && bits < 12)
				bits++;
		}
		previous = code;
		while (depth > 0 && !frame->complete)
			put_pixel(frame, dictionary->stack[--depth]);
		if (frame->y != rows && host_interrupted(host, status))
			return false;
		rows = frame->y;
	}
	return true;
}

static void
fill_table(const uint8_t *bytes, size_t length, const ImageHeader *header, uint8_t table[256][3])
{
	const uint8_t *descriptor = bytes + header->data_start;
	bool		own = colour_bytes(descriptor[9]) > 0;
	size_t		count = own ? colour_bytes(descriptor[9]) : colour_bytes(bytes[10]);

	memset(table, 255, 256 * 3);
	memcpy(table, own ? descriptor + FRAME : bytes + SCREEN, count);
	if (header->clear_index >= 0)
		memset(table[header->clear_index], 255, 3);
}

static bool
gif_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels, const Host *host,
		   ImageRaster *raster, Status *status)
{
	uint8_t		flags = bytes[header->data_start + 9];
	size_t		codes = header->data_start + FRAME + colour_bytes(flags);
	CodeReader	reader = {.bytes = bytes, .position = codes + 1};
	Frame		frame = {.header = header, .raster = raster, .interlaced = (flags & 0x40) != 0};
	Dictionary *dictionary;
	bool		done;

	if (bytes[codes] < 1 || bytes[codes] > 8)
		return image_broken("GIF", "has an invalid code size", status);
	dictionary = host_allocate(host, 1, sizeof *dictionary, status);
	if (dictionary == NULL)
		return false;
	done = image_raster_allocate(raster, header->width, header->height, channels, host, status);
	if (done)
	{
		memset(raster->pixels, 255, (size_t) raster->width * (size_t) raster->height * (size_t) channels);
		fill_table(bytes, length, header, frame.table);
		done = decode_codes(&reader, bytes[codes], dictionary, &frame, host, status);
	}
	host_release(host, dictionary);
	return done || image_raster_drop(raster, host);
}

static bool
is_gif(const uint8_t *bytes, size_t length)
{
	return image_starts_with(bytes, length, "GIF87a", 6) || image_starts_with(bytes, length, "GIF89a", 6);
}

const ImageFormat image_format_gif = {
	.name = "GIF",
	.is_mine = is_gif,
	.header = gif_header,
	.decode = gif_decode,
};
