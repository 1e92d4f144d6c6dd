/*
 * image_samples_made.c: sample images put together byte by byte, because Leptonica does not write them.
 */
#include "image_samples_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------- JPEG by hand ---------- */

typedef struct BitWriter
{
	Bytes	   *out;
	uint32_t	kept;
	int			count;
} BitWriter;

static void
put_bits(BitWriter *writer, uint32_t value, int count)
{
	writer->kept = writer->kept << count | value;
	for (writer->count += count; writer->count >= 8; writer->count -= 8)
	{
		int			byte = (int) (writer->kept >> (writer->count - 8) & 0xFF);

		sample_put_byte(writer->out, byte);
		if (byte == 0xFF)
			sample_put_byte(writer->out, 0);
	}
}

static int
to_byte(double value)
{
	return value < 0 ? 0 : value > 255 ? 255 : (int) (value + 0.5);
}

/* A CMYK image of 2 x 3 blocks of one colour each: only the mean of a block is coded. */
void
sample_add_cmyk_jpeg(const char *name, int adobe_transform)
{
	Bytes		out = {0};
	BitWriter	writer = {&out, 0, 0};
	int			before[4] = {0};
	ImageSample *sample;

	sample_put(&out, "\xff\xd8", 2);
	if (adobe_transform >= 0)
	{
		sample_put(&out, "\xff\xee\0\x0e" "Adobe\0\x64\0\0\0\0", 15);
		sample_put_byte(&out, adobe_transform);
	}
	sample_put(&out, "\xff\xdb\0\x43\0", 5);	/* quantisation by 1 */
	for (int i = 0; i < 64; i++)
		sample_put_byte(&out, 1);
	sample_put(&out, "\xff\xc0\0\x14\x08\0\x18\0\x10\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0", 22);
	sample_put(&out, "\xff\xc4\0\x1f\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 21);	/* twelve codes of 4 bits: a category each */
	for (int i = 0; i < 12; i++)
		sample_put_byte(&out, i);
	sample_put(&out, "\xff\xc4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);	/* one code of 1 bit: end of block */
	sample_put(&out, "\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0", 16);
	for (int block = 0; block < 6; block++)
		for (int c = 0; c < 4; c++)
		{
			int			mean = 8 * ((block * 41 + c * 23 + 30) % 256 - 128);
			int			difference = mean - before[c];
			int			category = 0;

			while (abs(difference) >> category != 0)
				category++;
			before[c] = mean;
			put_bits(&writer, (uint32_t) category, 4);
			put_bits(&writer, (uint32_t) (difference < 0 ? difference + (1 << category) - 1 : difference), category);
			put_bits(&writer, 0, 1);
		}
	put_bits(&writer, 0x7F, 7);
	sample_put(&out, "\xff\xd9", 2);
	sample = sample_add(name, out, 16, 24, 2);
	for (int y = 0; y < 24; y++)
		for (int x = 0; x < 16; x++)
		{
			int			block = y / 8 * 2 + x / 8;
			int			ink[4];

			for (int c = 0; c < 4; c++)
				ink[c] = (block * 41 + c * 23 + 30) % 256;
			if (adobe_transform == 2)	/* the colours are stored as Y, Cb, Cr of what is left of white */
			{
				double		luma = ink[0];
				double		blue = ink[1] - 128;
				double		red = ink[2] - 128;

				ink[0] = 255 - to_byte(luma + 1.402 * red);
				ink[1] = 255 - to_byte(luma - 0.344136 * blue - 0.714136 * red);
				ink[2] = 255 - to_byte(luma + 1.772 * blue);
			}
			for (int c = 0; adobe_transform < 0 && c < 4; c++)
				ink[c] = 255 - ink[c];	/* Adobe's files hold inverted values */
			sample_expect(sample, x, y, ink[0] * ink[3] / 255, ink[1] * ink[3] / 255, ink[2] * ink[3] / 255);
		}
}

uint8_t *
image_sample_of_scans(int width, int height, int scans, size_t *length)
{
	Bytes		out = {0};
	int			blocks = (width + 7) / 8 * ((height + 7) / 8);
	BitWriter	writer = {&out, 0, 0};

	sample_put(&out, "\xff\xd8\xff\xdb\0\x43\0", 7);
	for (int i = 0; i < 64; i++)
		sample_put_byte(&out, 1);
	sample_put(&out, "\xff\xc2\0\x0b\x08", 5);
	sample_put_number(&out, (uint32_t) height, 2, true);
	sample_put_number(&out, (uint32_t) width, 2, true);
	sample_put(&out, "\x01\x01\x11\0", 4);
	sample_put(&out, "\xff\xc4\0\x14\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);	/* one code of 1 bit: no difference */
	sample_put(&out, "\xff\xc4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0", 22);	/* one: a run of 2^14 blocks and more */
	sample_put(&out, "\xff\xda\0\x08\x01\x01\0\0\0\0", 10);
	for (int i = 0; i < (blocks + 7) / 8; i++)
		sample_put_byte(&out, 0);
	for (int scan = 1; scan < scans; scan++)
	{
		sample_put(&out, "\xff\xda\0\x08\x01\x01\0\x01\x3f\0", 10);
		writer.count = 0;
		for (int done = 0; done < blocks; done += 1 << 14)
		{
			put_bits(&writer, 0, 1);
			put_bits(&writer, 0, 14);
		}
		if (writer.count > 0)
			put_bits(&writer, (1u << (8 - writer.count)) - 1, 8 - writer.count);
	}
	sample_put(&out, "\xff\xd9", 2);
	*length = out.length;
	return out.data;
}

/* Where the first segment of that marker begins. */
static size_t
find_segment(const ImageSample *jpeg, int marker)
{
	size_t		at = 2;

	while (jpeg->bytes[at + 1] != marker)
		at += 2 + (size_t) (jpeg->bytes[at + 2] << 8 | jpeg->bytes[at + 3]);
	return at;
}

static void
add_odd_jpeg(const char *name, const ImageSample *jpeg, size_t at, const char *inserted, size_t length, size_t left_out)
{
	Bytes		out = {0};
	ImageSample *sample;

	sample_put(&out, jpeg->bytes, at);
	sample_put(&out, inserted, length);
	sample_put(&out, jpeg->bytes + at + left_out, jpeg->length - at - left_out);
	sample = sample_add(name, out, jpeg->width, jpeg->height, jpeg->tolerance);
	memcpy(sample->expected, jpeg->expected, (size_t) (3 * jpeg->width * jpeg->height));
}

/* What libjpeg warns of without any harm to the pixels. */
void
sample_add_odd_jpegs(const ImageSample *jpeg)
{
	size_t		scan = find_segment(jpeg, 0xDA);
	size_t		end = jpeg->length - 2;

	add_odd_jpeg("JPEG with bytes before a marker", jpeg, find_segment(jpeg, 0xDB), "some bytes", 10, 0);
	add_odd_jpeg("JPEG with a scan of 0 to 0", jpeg, scan + 2 + 9, "\0", 1, 1);
	add_odd_jpeg("JPEG with zeros before its end", jpeg, end, "\0\0\0\0\0\0\0", 7, 0);
	add_odd_jpeg("JPEG without an end marker", jpeg, end, "", 0, 2);
	add_odd_jpeg("JPEG with bytes behind its end", jpeg, jpeg->length, "behind", 6, 0);
	add_odd_jpeg("JPEG with Adobe's marker of an unknown kind", jpeg, 2, "\xff\xee\0\x0e" "Adobe\0\x64\0\0\0\0\x07", 16, 0);
}

uint8_t *
image_sample_with_exif(const ImageSample *jpeg, int orientation, int big_endian, size_t *length)
{
	Bytes		out = {0};

	sample_put(&out, jpeg->bytes, 2);
	sample_put(&out, "\xff\xe1\0\x22" "Exif\0\0", 10);
	sample_put(&out, big_endian ? "MM" : "II", 2);
	sample_put_number(&out, 42, 2, big_endian);
	sample_put_number(&out, 8, 4, big_endian);
	sample_put_number(&out, 1, 2, big_endian);
	sample_put_number(&out, 274, 2, big_endian);
	sample_put_number(&out, 3, 2, big_endian);
	sample_put_number(&out, 1, 4, big_endian);
	sample_put_number(&out, (uint32_t) orientation, 2, big_endian);
	sample_put_number(&out, 0, 2, big_endian);
	sample_put_number(&out, 0, 4, big_endian);	/* no further directory */
	sample_put(&out, jpeg->bytes + 2, jpeg->length - 2);
	*length = out.length;
	return out.data;
}

void
image_sample_upright(int orientation, int width, int height, int x, int y, int *seen_x, int *seen_y)
{
	int			right = width - 1 - x;
	int			bottom = height - 1 - y;

	*seen_x = orientation <= 4 ? (orientation == 2 || orientation == 3 ? right : x) : (orientation == 6 || orientation == 7 ? bottom : y);
	*seen_y = orientation <= 4 ? (orientation >= 3 ? bottom : y) : (orientation >= 7 ? right : x);
}

/* ---------- TIFF by hand ---------- */

void
sample_add_tiff(const char *name, bool big_endian, int channels, int bits, int photometric, int orientation)
{
	Bytes		out = {0};
	Bytes		pixels = {0};
	uint32_t	directory;
	ImageSample *sample;
	int			tags = channels == 2 || channels == 4 ? 12 : 11;
	bool		turned = orientation >= 5;

	for (int y = 0; y < HEIGHT; y++)
	{
		uint32_t	kept = 0;
		int			kept_bits = 0;

		for (int x = 0; x < WIDTH; x++)
			for (int c = 0; c < channels; c++)
			{
				if (bits == 16)
				{
					sample_put_number(&pixels, sample_sharp(x, y, c, 16), 2, big_endian);
					continue;
				}
				kept = kept << bits | sample_sharp(x, y, c, bits);
				for (kept_bits += bits; kept_bits >= 8; kept_bits -= 8)
					sample_put_byte(&pixels, (int) (kept >> (kept_bits - 8) & 0xFF));
			}
		if (kept_bits > 0)
			sample_put_byte(&pixels, (int) (kept << (8 - kept_bits) & 0xFF));
	}
	directory = 8 + 8 + (uint32_t) pixels.length + ((uint32_t) pixels.length & 1);
	sample_put(&out, big_endian ? "MM" : "II", 2);
	sample_put_number(&out, 42, 2, big_endian);
	sample_put_number(&out, directory, 4, big_endian);
	for (int c = 0; c < 4; c++)
		sample_put_number(&out, (uint32_t) bits, 2, big_endian);	/* at 8, for tag 258 */
	sample_put(&out, pixels.data, pixels.length);
	if (pixels.length & 1)
		sample_put_byte(&out, 0);
	sample_put_number(&out, (uint32_t) tags, 2, big_endian);
	for (int i = 0; i < tags; i++)
	{
		uint32_t	entry[12][4] = {
			{256, 3, 1, WIDTH}, {257, 3, 1, HEIGHT}, {258, 3, (uint32_t) channels, channels <= 2 ? (uint32_t) bits : 8},
			{259, 3, 1, 1}, {262, 3, 1, (uint32_t) photometric}, {273, 4, 1, 16}, {274, 3, 1, (uint32_t) orientation},
			{277, 3, 1, (uint32_t) channels}, {278, 3, 1, HEIGHT}, {279, 4, 1, (uint32_t) pixels.length},
			{284, 3, 1, 1}, {338, 3, 1, 2}
		};
		bool		is_short = entry[i][1] == 3 && entry[i][2] <= 2;

		sample_put_number(&out, entry[i][0], 2, big_endian);
		sample_put_number(&out, entry[i][1], 2, big_endian);
		sample_put_number(&out, entry[i][2], 4, big_endian);
		sample_put_number(&out, entry[i][3], is_short ? 2 : 4, big_endian);
		if (is_short)
			sample_put_number(&out, entry[i][2] == 2 ? entry[i][3] : 0, 2, big_endian);
	}
	sample_put_number(&out, 0, 4, big_endian);
	free(pixels.data);
	sample = sample_add(name, out, turned ? HEIGHT : WIDTH, turned ? WIDTH : HEIGHT, channels == 2 || channels == 4 || bits == 16 ? 1 : 0);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
		{
			int			value[4] = {0};
			int			alpha = 255;
			int			seen_x;
			int			seen_y;

			for (int c = 0; c < channels; c++)
			{
				uint32_t	v = sample_sharp(x, y, c, bits);

				value[c] = bits == 16 ? (int) (v >> 8) : (int) (v * 255 / ((1u << bits) - 1));
				if (photometric == 0)
					value[c] = 255 - value[c];
			}
			if (channels == 2 || channels == 4)
				alpha = value[channels - 1];
			if (channels < 3)
				value[1] = value[2] = value[0];
			image_sample_upright(orientation, WIDTH, HEIGHT, x, y, &seen_x, &seen_y);
			sample_expect(sample, seen_x, seen_y, sample_over_white(value[0], alpha), sample_over_white(value[1], alpha), sample_over_white(value[2], alpha));
		}
}

/* ---------- the others by hand ---------- */

/* P1 to P3 as text, P5 and P6 with an unusual maximum. */
void
sample_add_text_pnm(const char *name, int type, int most)
{
	Bytes		out = {0};
	char		text[64];
	int			channels = type == 3 || type == 6 ? 3 : 1;
	ImageSample *sample;

	sample_put(&out, text, (size_t) snprintf(text, sizeof text, "P%d # comment 7 7\n%d\t%d", type, WIDTH, HEIGHT));
	if (type != 1)
		sample_put(&out, text, (size_t) snprintf(text, sizeof text, "\n%d", most));
	sample_put(&out, "\n", 1);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			for (int c = 0; c < channels; c++)
			{
				int			value = (int) sample_sharp(x, y, c, 16) % (most + 1);

				if (type > 3)
					sample_put_number(&out, (uint32_t) value, most > 255 ? 2 : 1, true);
				else
					sample_put(&out, text, (size_t) snprintf(text, sizeof text, x % 9 ? "%d " : "%d\n", value));
			}
	sample = sample_add(name, out, WIDTH, HEIGHT, 0);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
		{
			int			value[3];

			for (int c = 0; c < 3; c++)
			{
				value[c] = (int) ((sample_sharp(x, y, channels == 3 ? c : 0, 16) % (uint32_t) (most + 1)) * 255.0 / most + 0.5);
				if (type == 1)
					value[c] = 255 - value[c];
			}
			sample_expect(sample, x, y, value[0], value[1], value[2]);
		}
}

void
sample_add_pnm_of_16_bits(const char *name, int type, int used)
{
	Bytes		out = {0};
	char		text[64];
	int			channels = type == 6 ? 3 : 1;
	ImageSample *sample;

	sample_put(&out, text, (size_t) snprintf(text, sizeof text, "P%d %d %d 65535\n", type, WIDTH, HEIGHT));
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			for (int c = 0; c < channels; c++)
				sample_put_number(&out, sample_sharp(x, y, c, used), 2, true);
	sample = sample_add(name, out, WIDTH, HEIGHT, 0);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
		{
			int			value[3];

			for (int c = 0; c < 3; c++)
				value[c] = (int) (sample_sharp(x, y, channels == 3 ? c : 0, used) >> (used - 8));
			sample_expect(sample, x, y, value[0], value[1], value[2]);
		}
}

/* A sample's picture at that place of a larger white one. */
static void
expect_placed(ImageSample *sample, const ImageSample *part, int left, int top)
{
	memset(sample->expected, 255, (size_t) (3 * sample->width * sample->height));
	for (int y = 0; y < part->height; y++)
		memcpy(sample->expected + 3 * ((top + y) * sample->width + left), part->expected + 3 * y * part->width, (size_t) (3 * part->width));
}

/* A still image as the only frame of a larger screen, and with its rows taken for those of four passes. */
static void
add_placed_gif(const ImageSample *still, size_t start)
{
	Bytes		out = {0};
	ImageSample *sample;

	sample_put(&out, still->bytes, still->length);
	out.data[6] += 7;
	out.data[8] += 11;
	out.data[start + 1] = 3;
	out.data[start + 3] = 9;
	sample = sample_add("GIF with a small first frame", out, WIDTH + 7, HEIGHT + 11, 0);
	expect_placed(sample, still, 3, 9);
	out = (Bytes) {0};
	sample_put(&out, still->bytes, still->length);
	memset(out.data + 6, 0, 4);
	out.data[start + 9] |= 0x40;
	sample = sample_add("GIF interlaced, without a size of the screen", out, WIDTH, HEIGHT, 0);
	for (int pass = 0, row = 0; pass < 4; pass++)
		for (int y = pass == 0 ? 0 : 8 >> pass; y < HEIGHT; y += pass == 0 ? 8 : 16 >> pass, row++)
			memcpy(sample->expected + 3 * y * WIDTH, still->expected + 3 * row * WIDTH, 3 * WIDTH);
}

/* The same frame twice, the first with palette entry 9 transparent. */
void
sample_add_gif_animation(const ImageSample *still)
{
	Bytes		out = {0};
	size_t		start = 13 + ((size_t) 3 << ((still->bytes[10] & 7) + 1));
	ImageSample *sample;

	while (still->bytes[start] == 0x21)	/* extensions that the writer put in */
	{
		for (start += 2; still->bytes[start] != 0; start += still->bytes[start] + 1)
			;
		start++;
	}
	add_placed_gif(still, start);
	sample_put(&out, still->bytes, 13 + ((size_t) 3 << ((still->bytes[10] & 7) + 1)));
	memcpy(out.data, "GIF89a", 6);
	sample_put(&out, "\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0", 19);
	sample_put(&out, "\x21\xf9\x04\x01\x0a\0\x09\0", 8);
	sample_put(&out, still->bytes + start, still->length - start - 1);
	sample_put(&out, "\x21\xf9\x04\0\x0a\0\0\0", 8);
	sample_put(&out, still->bytes + start, still->length - start);
	sample = sample_add("GIF animation with a transparent entry", out, WIDTH, HEIGHT, 0);
	sample_expect_pix(sample, 8, true, false);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			if (sample_sharp(x, y, 0, 8) == 9)
				sample_expect(sample, x, y, 255, 255, 255);
}

/* A still WebP's bitstream as the only frame of an animation. */
void
sample_add_webp_animation(const char *name, const ImageSample *still, int width, int height, int left, int top)
{
	Bytes		out = {0};
	uint32_t	payload = (uint32_t) still->length - 12;
	ImageSample *sample;

	sample_put(&out, "RIFF", 4);
	sample_put_number(&out, 4 + 18 + 14 + 8 + 16 + payload, 4, false);
	sample_put(&out, "WEBPVP8X\x0a\0\0\0\x02\0\0\0", 16);
	sample_put_number(&out, (uint32_t) width - 1, 3, false);
	sample_put_number(&out, (uint32_t) height - 1, 3, false);
	sample_put(&out, "ANIM\x06\0\0\0\xff\xff\xff\xff\0\0", 14);
	sample_put(&out, "ANMF", 4);
	sample_put_number(&out, 16 + payload, 4, false);
	sample_put_number(&out, (uint32_t) left / 2, 3, false);
	sample_put_number(&out, (uint32_t) top / 2, 3, false);
	sample_put_number(&out, WIDTH - 1, 3, false);
	sample_put_number(&out, HEIGHT - 1, 3, false);
	sample_put_number(&out, 100, 4, false);
	sample_put(&out, still->bytes + 12, payload);
	sample = sample_add(name, out, width, height, still->tolerance);
	expect_placed(sample, still, left, top);
}
