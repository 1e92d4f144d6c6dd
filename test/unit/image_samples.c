/*
 * image_samples.c: small images of every format and depth.
 */
#include "image_samples_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leptonica/allheaders.h>

#define SAMPLES_MAX 192

static ImageSample samples[SAMPLES_MAX];
static size_t sample_count;

void
sample_put(Bytes *out, const void *data, size_t length)
{
	if (out->length + length > out->room)
	{
		out->room = 2 * (out->length + length) + 256;
		out->data = realloc(out->data, out->room);
		if (out->data == NULL)
			abort();
	}
	memcpy(out->data + out->length, data, length);
	out->length += length;
}

/* size bytes of a number, most significant first if asked for. */
void
sample_put_number(Bytes *out, uint32_t value, int size, bool big_endian)
{
	for (int i = 0; i < size; i++)
	{
		uint8_t		byte = (uint8_t) (value >> 8 * (big_endian ? size - 1 - i : i));

		sample_put(out, &byte, 1);
	}
}

void
sample_put_byte(Bytes *out, int value)
{
	sample_put_number(out, (uint32_t) value, 1, true);
}

/* Takes over out's bytes; expected is to be filled by the caller. */
ImageSample *
sample_add(const char *name, Bytes out, int width, int height, int tolerance)
{
	ImageSample *sample = &samples[sample_count++];

	if (sample_count > SAMPLES_MAX || out.data == NULL)
		abort();
	snprintf(sample->name, sizeof sample->name, "%s", name);
	/* Exactly as long as the image, so that a sanitizer sees a read behind it. */
	sample->bytes = malloc(out.length);
	sample->expected = malloc((size_t) width * (size_t) height * 3);
	if (sample->bytes == NULL || sample->expected == NULL)
		abort();
	memcpy(sample->bytes, out.data, out.length);
	free(out.data);
	sample->length = out.length;
	sample->width = width;
	sample->height = height;
	sample->tolerance = tolerance;
	return sample;
}

void
sample_expect(ImageSample *sample, int x, int y, int red, int green, int blue)
{
	uint8_t    *pixel = sample->expected + ((size_t) y * (size_t) sample->width + (size_t) x) * 3;

	pixel[0] = (uint8_t) red;
	pixel[1] = (uint8_t) green;
	pixel[2] = (uint8_t) blue;
}

/* A picture without symmetry: sharp (every value of a depth occurs), or smooth for lossy formats. */
uint32_t
sample_sharp(int x, int y, int channel, int bits)
{
	uint32_t	value = bits > 8 ? (uint32_t) (x * 997 + y * 1511 + channel * 7919) : (uint32_t) (x * 3 + y * 5 + channel * 11);

	return value & ((1u << bits) - 1);
}

static void
smooth(int x, int y, int rgb[3])
{
	rgb[0] = 40 + 4 * x;
	rgb[1] = 20 + 5 * y;
	rgb[2] = 250 - 3 * x - 2 * y;
}

int
sample_over_white(int colour, int alpha)
{
	return (int) (255.0 + (colour - 255.0) * alpha / 255.0 + 0.5);
}

int
sample_palette(int i, int channel)
{
	return channel == 0 ? i * 7 & 255 : channel == 1 ? (255 - i * 3) & 255 : i * 13 & 255;
}

/* ---------- PNG ---------- */

static uint32_t
checksum(const uint8_t *data, size_t length)
{
	uint32_t	crc = 0xFFFFFFFFu;

	for (size_t i = 0; i < length; i++)
	{
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	return ~crc;
}

static void
put_chunk(Bytes *out, const char *type, const void *data, size_t length)
{
	size_t		start = out->length + 4;

	sample_put_number(out, (uint32_t) length, 4, true);
	sample_put(out, type, 4);
	sample_put(out, data, length);
	sample_put_number(out, checksum(out->data + start, out->length - start), 4, true);
}

/* Rows of every step-th pixel from (x0, y0), each with filter 0, packed to the depth. */
static void
put_png_rows(Bytes *raw, int x0, int y0, int step_x, int step_y, int channels, int bits, int used)
{
	for (int y = y0; y < HEIGHT && x0 < WIDTH; y += step_y)
	{
		uint32_t	kept = 0;
		int			kept_bits = 0;

		sample_put_byte(raw, 0);
		for (int x = x0; x < WIDTH; x += step_x)
			for (int c = 0; c < channels; c++)
			{
				kept = kept << bits | sample_sharp(x, y, c, used);
				for (kept_bits += bits; kept_bits >= 8; kept_bits -= 8)
					sample_put_byte(raw, (int) (kept >> (kept_bits - 8) & 0xFF));
			}
		if (kept_bits > 0)
			sample_put_byte(raw, (int) (kept << (8 - kept_bits) & 0xFF));
	}
}

/* used: bits of a sample that are not 0, the lower ones. */
static void
add_deep_png(const char *name, int colour_type, int bits, int used, bool interlaced, bool transparent, bool animated)
{
	static const int passes[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
	int			channels = colour_type == 2 ? 3 : colour_type == 6 ? 4 : colour_type == 4 ? 2 : 1;
	Bytes		out = {0};
	Bytes		header = {0};
	Bytes		raw = {0};
	Bytes		colours = {0};
	uint8_t    *packed;
	size_t		packed_length;
	ImageSample *sample;
	uint8_t		alpha[256];

	sample_put(&out, "\x89PNG\r\n\x1a\n", 8);
	sample_put_number(&header, WIDTH, 4, true);
	sample_put_number(&header, HEIGHT, 4, true);
	sample_put_byte(&header, bits);
	sample_put_byte(&header, colour_type);
	sample_put_number(&header, 0, 2, true);
	sample_put_byte(&header, interlaced);
	put_chunk(&out, "IHDR", header.data, header.length);
	put_chunk(&out, "gAMA", "\0\0\xb1\x8f", 4);
	put_chunk(&out, "tEXt", "Comment\0nothing", 15);
	if (animated)				/* one frame beside the image that all readers show: of two by two pixels, at (5, 7) */
	{
		put_chunk(&out, "acTL", "\0\0\0\1\0\0\0\0", 8);
		put_chunk(&out, "fcTL", "\0\0\0\0\0\0\0\2\0\0\0\2\0\0\0\5\0\0\0\7\0\1\0\x0a\0\0", 26);
	}
	if (colour_type == 3)
	{
		for (int i = 0; i < 1 << bits; i++)
			for (int c = 0; c < 3; c++)
				sample_put_byte(&colours, sample_palette(i, c));
		put_chunk(&out, "PLTE", colours.data, colours.length);
		for (int i = 0; i < 256; i++)
			alpha[i] = transparent && i < (1 << bits) / 2 + 1 ? (uint8_t) (i * 31) : 255;
		if (transparent)
			put_chunk(&out, "tRNS", alpha, (size_t) (1 << bits) / 2 + 1);
	}
	else if (transparent)
	{
		Bytes		clear = {0};

		for (int c = 0; c < channels; c++)
			sample_put_number(&clear, sample_sharp(3, 4, c, used), 2, true);
		put_chunk(&out, "tRNS", clear.data, clear.length);
		free(clear.data);
	}
	if (interlaced)
		for (int p = 0; p < 7; p++)
			put_png_rows(&raw, passes[p][0], passes[p][1], passes[p][2], passes[p][3], channels, bits, used);
	else
		put_png_rows(&raw, 0, 0, 1, 1, channels, bits, used);
	packed = zlibCompress(raw.data, raw.length, &packed_length);
	put_chunk(&out, "IDAT", packed, packed_length / 2);
	put_chunk(&out, "IDAT", packed + packed_length / 2, packed_length - packed_length / 2);
	if (animated)
		put_chunk(&out, "fdAT", "\0\0\0\1not compressed", 18);
	put_chunk(&out, "IEND", "", 0);
	sample = sample_add(name, out, WIDTH, HEIGHT, 0);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
		{
			int			value[4];
			int			a = 255;

			for (int c = 0; c < 4; c++)
			{
				uint32_t	v = sample_sharp(x, y, c < channels ? c : 0, used);

				value[c] = bits == 16 ? (int) (v >> (used - 8)) : (int) (v * 255 / ((1u << bits) - 1));
			}
			if (colour_type == 4)
				a = value[1];
			else if (colour_type == 6)
				a = value[3];
			else if (colour_type == 3)
			{
				int			index = (int) sample_sharp(x, y, 0, bits);

				a = alpha[index];
				for (int c = 0; c < 3; c++)
					value[c] = sample_palette(index, c);
			}
			else if (transparent)
			{
				bool		same = true;

				for (int c = 0; c < channels; c++)
					same = same && sample_sharp(x, y, c, used) == sample_sharp(3, 4, c, used);
				a = same ? 0 : 255;
			}
			if (channels < 3 && colour_type != 3)
				value[1] = value[2] = value[0];
			sample_expect(sample, x, y, sample_over_white(value[0], a), sample_over_white(value[1], a), sample_over_white(value[2], a));
		}
	lept_free(packed);
	free(header.data);
	free(raw.data);
	free(colours.data);
}

static void
add_png(const char *name, int colour_type, int bits, bool interlaced, bool transparent)
{
	add_deep_png(name, colour_type, bits, bits, interlaced, transparent, false);
}

uint8_t *
image_sample_bomb(uint32_t width, uint32_t height, size_t *length)
{
	Bytes		out = {0};
	Bytes		header = {0};
	uint8_t		zeros[4096] = {0};
	size_t		packed_length;
	uint8_t    *packed = zlibCompress(zeros, sizeof zeros, &packed_length);

	sample_put(&out, "\x89PNG\r\n\x1a\n", 8);
	sample_put_number(&header, width, 4, true);
	sample_put_number(&header, height, 4, true);
	sample_put(&header, "\x08\0\0\0\0", 5);
	put_chunk(&out, "IHDR", header.data, header.length);
	put_chunk(&out, "IDAT", packed, packed_length);
	put_chunk(&out, "IEND", "", 0);
	lept_free(packed);
	free(header.data);
	*length = out.length;
	return out.data;
}

/* ---------- what Leptonica writes ---------- */

/* The smooth picture in 32 bits (alpha if asked for), in 8 bits of grey, or the sharp one in 1 bit or with a palette. */
static PIX *
make_pix(int depth, bool colours, bool alpha)
{
	PIX		   *pix = pixCreate(WIDTH, HEIGHT, depth);

	if (colours)
	{
		PIXCMAP    *map = pixcmapCreate(depth);

		for (int i = 0; i < 1 << depth; i++)
			pixcmapAddColor(map, sample_palette(i, 0), sample_palette(i, 1), sample_palette(i, 2));
		pixSetColormap(pix, map);
	}
	if (alpha)
		pixSetSpp(pix, 4);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
		{
			int			rgb[3];
			l_uint32	value;

			smooth(x, y, rgb);
			if (depth == 32)
			{
				composeRGBPixel(rgb[0], rgb[1], rgb[2], &value);
				value |= alpha ? (l_uint32) (5 * x) : 255;
			}
			else if (depth == 8 && !colours)
				value = (l_uint32) ((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
			else
				value = sample_sharp(x, y, 0, depth);
			pixSetPixel(pix, x, y, value);
		}
	return pix;
}

void
sample_expect_pix(ImageSample *sample, int depth, bool colours, bool alpha)
{
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
		{
			int			rgb[3];

			smooth(x, y, rgb);
			if (depth == 8 && !colours)
				rgb[0] = rgb[1] = rgb[2] = (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000;
			else if (depth < 32)
			{
				int			value = (int) sample_sharp(x, y, 0, depth);

				for (int c = 0; c < 3; c++)
					rgb[c] = colours ? sample_palette(value, c) : depth == 1 ? 255 - 255 * value : depth == 16 ? value >> 8 : value * 255 / ((1 << depth) - 1);
			}
			if (alpha)
				for (int c = 0; c < 3; c++)
					rgb[c] = sample_over_white(rgb[c], 5 * x);
			sample_expect(sample, x, y, rgb[0], rgb[1], rgb[2]);
		}
}

typedef l_ok (*PixWriter) (l_uint8 **data, size_t *length, PIX *pix, int choice);

static l_ok
write_jpeg(l_uint8 **data, size_t *length, PIX *pix, int choice)
{
	return pixWriteMemJpeg(data, length, pix, 95, choice);
}

static l_ok
write_tiff(l_uint8 **data, size_t *length, PIX *pix, int choice)
{
	return pixWriteMemTiff(data, length, pix, choice);
}

static l_ok
write_bmp(l_uint8 **data, size_t *length, PIX *pix, int choice)
{
	return pixWriteMemBmp(data, length, pix);
}

static l_ok
write_gif(l_uint8 **data, size_t *length, PIX *pix, int choice)
{
	return pixWriteMemGif(data, length, pix);
}

static l_ok
write_webp(l_uint8 **data, size_t *length, PIX *pix, int choice)
{
	return pixWriteMemWebP(data, length, pix, 90, choice);
}

static l_ok
write_pnm(l_uint8 **data, size_t *length, PIX *pix, int choice)
{
	return choice ? pixWriteMemPam(data, length, pix) : pixWriteMemPnm(data, length, pix);
}

static ImageSample *
add_pix(const char *name, PixWriter writer, int choice, int depth, bool colours, bool alpha, int tolerance)
{
	PIX		   *pix = make_pix(depth, colours, alpha);
	l_uint8    *data = NULL;
	size_t		length = 0;
	Bytes		out = {0};
	ImageSample *sample;

	if (writer(&data, &length, pix, choice) != 0 || data == NULL)
	{
		fprintf(stderr, "Leptonica could not write %s\n", name);
		abort();
	}
	sample_put(&out, data, length);
	lept_free(data);
	pixDestroy(&pix);
	sample = sample_add(name, out, WIDTH, HEIGHT, tolerance);
	sample_expect_pix(sample, depth, colours, alpha);
	return sample;
}

static void
make_all(void)
{
	add_png("PNG 1 bit", 0, 1, false, false);
	add_png("PNG 2 bits", 0, 2, false, false);
	add_png("PNG 4 bits", 0, 4, false, false);
	add_png("PNG 8 bits", 0, 8, false, false);
	add_png("PNG 16 bits", 0, 16, false, false);
	add_png("PNG RGB", 2, 8, false, false);
	add_png("PNG RGB 16 bits", 2, 16, false, false);
	add_png("PNG grey and alpha", 4, 8, false, false);
	add_png("PNG grey and alpha 16 bits", 4, 16, false, false);
	add_png("PNG RGB and alpha", 6, 8, false, false);
	add_png("PNG RGB and alpha 16 bits", 6, 16, false, false);
	add_png("PNG palette 1 bit", 3, 1, false, false);
	add_png("PNG palette 2 bits", 3, 2, false, false);
	add_png("PNG palette 4 bits", 3, 4, false, false);
	add_png("PNG palette 8 bits", 3, 8, false, false);
	add_png("PNG palette 1 bit with alpha", 3, 1, false, true);
	add_png("PNG palette 4 bits with alpha", 3, 4, false, true);
	add_png("PNG palette 8 bits with alpha", 3, 8, false, true);
	add_png("PNG 1 bit with a clear level", 0, 1, false, true);
	add_png("PNG 4 bits with a clear level", 0, 4, false, true);
	add_png("PNG 8 bits with a clear level", 0, 8, false, true);
	add_png("PNG RGB with a clear colour", 2, 8, false, true);
	add_png("PNG interlaced 1 bit", 0, 1, true, false);
	add_png("PNG interlaced 8 bits", 0, 8, true, false);
	add_png("PNG interlaced RGB and alpha", 6, 8, true, false);
	add_png("PNG interlaced 16 bits with a clear level", 0, 16, true, true);
	add_png("PNG 16 bits with a clear level", 0, 16, false, true);
	add_png("PNG RGB 16 bits with a clear colour", 2, 16, false, true);
	add_deep_png("PNG 8 bits in 16", 0, 16, 8, false, false, false);
	add_deep_png("PNG RGB 10 bits in 16", 2, 16, 10, false, false, false);
	add_deep_png("PNG RGB and alpha 12 bits in 16", 6, 16, 12, true, false, false);
	add_deep_png("PNG animation", 2, 8, 8, false, false, true);
	add_pix("JPEG grey", write_jpeg, 0, 8, false, false, 6);
	sample_add_odd_jpegs(add_pix("JPEG colour", write_jpeg, 0, 32, false, false, 12));
	add_pix("JPEG progressive", write_jpeg, 1, 32, false, false, 12);
	sample_add_cmyk_jpeg("JPEG CMYK of Adobe's kind", 0);
	sample_add_cmyk_jpeg("JPEG YCCK of Adobe's kind", 2);
	sample_add_cmyk_jpeg("JPEG CMYK", -1);
	add_pix("TIFF grey, plain", write_tiff, IFF_TIFF, 8, false, false, 0);
	add_pix("TIFF 16 bits, LZW", write_tiff, IFF_TIFF_LZW, 16, false, false, 0);
	add_pix("TIFF colour, deflate", write_tiff, IFF_TIFF_ZIP, 32, false, false, 0);
	add_pix("TIFF colour, LZW", write_tiff, IFF_TIFF_LZW, 32, false, false, 0);
	add_pix("TIFF colour, JPEG", write_tiff, IFF_TIFF_JPEG, 32, false, false, 24);
	add_pix("TIFF 1 bit, G4", write_tiff, IFF_TIFF_G4, 1, false, false, 0);
	add_pix("TIFF 1 bit, G3", write_tiff, IFF_TIFF_G3, 1, false, false, 0);
	add_pix("TIFF 1 bit, PackBits", write_tiff, IFF_TIFF_PACKBITS, 1, false, false, 0);
	add_pix("TIFF palette", write_tiff, IFF_TIFF_LZW, 8, true, false, 0);
	sample_add_tiff("TIFF 1 bit, 0 is white", true, 1, 1, 0, 1);
	sample_add_tiff("TIFF 4 bits, 0 is white", false, 1, 4, 0, 1);
	sample_add_tiff("TIFF 4 bits", true, 1, 4, 1, 1);
	sample_add_tiff("TIFF 8 bits, 0 is white", true, 1, 8, 0, 1);
	sample_add_tiff("TIFF 16 bits, 0 is white", true, 1, 16, 0, 1);
	sample_add_tiff("TIFF grey and alpha", true, 2, 8, 1, 1);
	sample_add_tiff("TIFF RGB and alpha", false, 4, 8, 2, 1);
	for (int orientation = 2; orientation <= 8; orientation++)
	{
		char		name[48];

		snprintf(name, sizeof name, "TIFF grey, orientation %d", orientation);
		sample_add_tiff(name, orientation & 1, 1, 8, 1, orientation);
		snprintf(name, sizeof name, "TIFF RGB, orientation %d", orientation);
		sample_add_tiff(name, orientation & 1, 3, 8, 2, orientation);
	}
	sample_add_tiffs();
	add_pix("BMP 1 bit", write_bmp, 0, 1, false, false, 0);
	add_pix("BMP palette", write_bmp, 0, 8, true, false, 0);
	add_pix("BMP grey", write_bmp, 0, 8, false, false, 0);
	add_pix("BMP 24 bits", write_bmp, 0, 32, false, false, 0);
	sample_add_bmps();
	add_pix("PNM P4", write_pnm, 0, 1, false, false, 0);
	add_pix("PNM P5", write_pnm, 0, 8, false, false, 0);
	add_pix("PNM P6", write_pnm, 0, 32, false, false, 0);
	add_pix("PNM P7 RGB", write_pnm, 1, 32, false, false, 0);
	add_pix("PNM P7 RGB and alpha", write_pnm, 1, 32, false, true, 0);
	sample_add_text_pnm("PNM P1", 1, 1);
	sample_add_text_pnm("PNM P2", 2, 100);
	sample_add_text_pnm("PNM P3", 3, 1000);
	sample_add_text_pnm("PNM P5 of 10 bits", 5, 1023);
	sample_add_text_pnm("PNM P6 up to 200", 6, 200);
	sample_add_pnm_of_16_bits("PNM P5 of 16 bits", 5, 16);
	sample_add_pnm_of_16_bits("PNM P5, 8 bits in 16", 5, 8);
	sample_add_pnm_of_16_bits("PNM P6, 12 bits in 16", 6, 12);
	sample_add_gif_animation(add_pix("GIF", write_gif, 0, 8, true, false, 0));
	add_pix("WebP lossy", write_webp, 0, 32, false, false, 24);
	sample_add_webp_animation("WebP animation", add_pix("WebP lossless", write_webp, 1, 32, false, false, 0), WIDTH, HEIGHT, 0, 0);
	sample_add_webp_animation("WebP animation with a small first frame", &samples[sample_count - 2], WIDTH + 9, HEIGHT + 5, 4, 2);
	add_pix("WebP lossless with alpha", write_webp, 1, 32, false, true, 0);
}

const ImageSample *
image_samples(size_t *count)
{
	if (sample_count == 0)
	{
		setMsgSeverity(L_SEVERITY_NONE);
		make_all();
	}
	*count = sample_count;
	return samples;
}
