/*
 * pnm.c: the portable anymaps, P1 to P7, of any maximum value.
 *
 * With a maximum of 65535, the rule for 16-bit samples in decode.c applies; values of any other maximum are scaled by it.
 */
#include "image/image_internal.h"

#include <string.h>

/* P1 and P4 are bitmaps (1 is black), P2 and P5 grey, P3 and P6 RGB; P1 to P3 are text; P7 names its samples. */
static bool
is_text(const uint8_t *bytes)
{
	return bytes[1] >= '1' && bytes[1] <= '3';
}

static bool
is_bitmap(const uint8_t *bytes)
{
	return bytes[1] == '1' || bytes[1] == '4';
}

static bool
is_space(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static size_t
skip_space(const uint8_t *bytes, size_t length, size_t position)
{
	while (position < length && (is_space(bytes[position]) || bytes[position] == '#'))
	{
		if (bytes[position] == '#')
			while (position < length && bytes[position] != '\n')
				position++;
		else
			position++;
	}
	return position;
}

/* A decimal number after white space and comments; -1 if there is none or it exceeds 32 bits. */
static int64_t
read_number(const uint8_t *bytes, size_t length, size_t *position)
{
	size_t		at = skip_space(bytes, length, *position);
	int64_t		value = 0;
	size_t		start = at;

	for (; at < length && bytes[at] >= '0' && bytes[at] <= '9'; at++)
	{
		value = value * 10 + (bytes[at] - '0');
		if (value > UINT32_MAX)
			return -1;
	}
	*position = at;
	return at > start ? value : -1;
}

/* "WIDTH 5" and so on, up to ENDHDR. */
static bool
read_pam_header(const uint8_t *bytes, size_t length, size_t *position, ImageHeader *header, int64_t *sample_max)
{
	int64_t		samples = 0;

	for (;;)
	{
		size_t		start = skip_space(bytes, length, *position);
		size_t		end = start;

		while (end < length && !is_space(bytes[end]))
			end++;
		*position = end;
		if (end - start == 6 && memcmp(bytes + start, "ENDHDR", 6) == 0)
			break;
		if (end - start == 5 && memcmp(bytes + start, "WIDTH", 5) == 0)
			header->width = read_number(bytes, length, position);
		else if (end - start == 6 && memcmp(bytes + start, "HEIGHT", 6) == 0)
			header->height = read_number(bytes, length, position);
		else if (end - start == 5 && memcmp(bytes + start, "DEPTH", 5) == 0)
			samples = read_number(bytes, length, position);
		else if (end - start == 6 && memcmp(bytes + start, "MAXVAL", 6) == 0)
			*sample_max = read_number(bytes, length, position);
		else if (end - start == 8 && memcmp(bytes + start, "TUPLTYPE", 8) == 0)
		{
			while (*position < length && bytes[*position] != '\n')
				(*position)++;
		}
		else
			return false;
	}
	header->samples = samples >= 1 && samples <= 4 ? (int) samples : 0;
	return header->samples > 0;
}

static bool
pnm_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	size_t		position = 2;
	int64_t		sample_max = 1;

	header->width = header->height = -1;
	if (bytes[1] == '7')
	{
		if (!read_pam_header(bytes, length, &position, header, &sample_max))
			return image_broken("PNM", "has an invalid header", status);
	}
	else
	{
		header->samples = bytes[1] == '3' || bytes[1] == '6' ? 3 : 1;
		header->width = read_number(bytes, length, &position);
		header->height = read_number(bytes, length, &position);
		if (!is_bitmap(bytes))
			sample_max = read_number(bytes, length, &position);
	}
	if (header->width < 0 || header->height < 0 || sample_max < 1 || sample_max > 65535)
		return image_broken("PNM", "has an invalid header", status);
	header->sample_max = (int) sample_max;
	header->bits = sample_max > 255 ? 16 : 8;
	if (!is_text(bytes))
	{
		if (position >= length || !is_space(bytes[position]))
			return image_broken("PNM", "ends within its header", status);
		position++;				/* exactly one byte of white space */
	}
	header->data_start = position;
	return true;
}

/* The next sample of 0 .. sample_max, or -1. */
static int64_t
next_sample(const uint8_t *bytes, size_t length, size_t *position, const ImageHeader *header)
{
	if (bytes[1] == '1')
	{
		/* Bitmap digits need no space between them. */
		*position = skip_space(bytes, length, *position);
		if (*position >= length || (bytes[*position] != '0' && bytes[*position] != '1'))
			return -1;
		return bytes[(*position)++] - '0';
	}
	if (is_text(bytes))
		return read_number(bytes, length, position);
	if (header->bits == 16)
	{
		*position += 2;
		return image_be16(bytes + *position - 2);
	}
	return bytes[(*position)++];
}

static bool
decode_row(const uint8_t *bytes, size_t length, size_t *position, const ImageHeader *header, ImageRaster *raster, uint8_t *row)
{
	int			channels = raster->channels;

	for (int64_t x = 0; x < header->width; x++)
	{
		int			value[4] = {0, 0, 0, 255};
		int			colours = header->samples < 3 ? 1 : 3;

		for (int i = 0; i < header->samples; i++)
		{
			int64_t		sample = next_sample(bytes, length, position, header);

			if (sample < 0 || sample > header->sample_max)
				return false;
			/* of 2 or 4 samples the last one is alpha */
			if (header->sample_max < 65535)
				value[i < colours ? i : 3] = (int) ((sample * 255 + header->sample_max / 2) / header->sample_max);
			else
			{
				uint32_t   *used = i < colours ? &raster->used : &raster->used_alpha;

				*used |= (uint32_t) sample;
				value[i < colours ? i : 3] = (int) (sample >> (i < colours ? header->dropped : header->dropped_alpha) & 255);
			}
		}
		for (int i = 0; i < colours; i++)
		{
			if (is_bitmap(bytes))
				value[i] = 255 - value[i];
			value[i] = (value[i] * value[3] + 255 * (255 - value[3]) + 127) / 255;
		}
		if (colours == 1)
			value[1] = value[2] = value[0];
		if (channels == 1)
			row[x] = image_luminance(value[0], value[1], value[2]);
		else
			for (int i = 0; i < 3; i++)
				row[3 * x + i] = (uint8_t) value[i];
	}
	return true;
}

/* P4: eight pixels per byte, each row begins with a new byte. */
static void
decode_bit_row(const uint8_t *bits, int64_t width, int channels, uint8_t *row)
{
	for (int64_t x = 0; x < width; x++)
		memset(row + x * channels, bits[x >> 3] >> (7 - (x & 7)) & 1 ? 0 : 255, (size_t) channels);
}

static bool
pnm_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels,
		   const Host *host, ImageRaster *raster, Status *status)
{
	size_t		position = header->data_start;
	bool		plain = bytes[1] == '5' && header->sample_max == 255 && channels == 1;
	size_t		row_bytes = bytes[1] == '4' ? ((size_t) header->width + 7) / 8 :
		(size_t) header->width * (size_t) header->samples * (size_t) (header->bits / 8);

	/* Text needs at least one byte per sample: nothing is allocated for pixels that cannot exist. */
	if (is_text(bytes))
		row_bytes = (size_t) header->width * (size_t) header->samples;
	if (row_bytes > (length - position) / (size_t) header->height)
		return image_broken("PNM", "ends before its last row", status);
	if (!image_raster_allocate(raster, header->width, header->height, channels, host, status))
		return false;
	for (int y = 0; y < raster->height; y++)
	{
		uint8_t    *row = raster->pixels + (size_t) y * (size_t) raster->width * (size_t) channels;
		bool		done = true;

		if (bytes[1] == '4')
			decode_bit_row(bytes + position + (size_t) y * row_bytes, header->width, channels, row);
		else if (plain)
			memcpy(row, bytes + position + (size_t) y * row_bytes, row_bytes);
		else
			done = decode_row(bytes, length, &position, header, raster, row);
		if (!done)
			image_broken("PNM", "has a sample that is missing or too large", status);
		if (!done || host_interrupted(host, status))
			return image_raster_drop(raster, host);
	}
	return true;
}

static bool
is_pnm(const uint8_t *bytes, size_t length)
{
	return length >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' && (is_space(bytes[2]) || bytes[2] == '#');
}

const ImageFormat image_format_pnm = {
	.name = "PNM",
	.is_mine = is_pnm,
	.header = pnm_header,
	.decode = pnm_decode,
};
