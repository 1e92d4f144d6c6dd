/*
 * image_samples_bmp.c: bitmaps of every header, depth and compression, and with the oddities that files have.
 */
#include "image_samples_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
	PLAIN = 0,
	RUNS_8 = 1,
	RUNS_4 = 2,
	MASKED = 3,
	RUNS_24 = 4,				/* with a header of 64 bytes */
	MASKED_WITH_ALPHA = 6
};

typedef struct Kind
{
	const char *name;
	int			header;			/* bytes */
	int			bits;
	int			compression;
	int			colours;		/* of the palette */
	bool		upper_first;
	int			gap;			/* bytes before the pixels */
	int			behind;			/* bytes behind them; -1: the last row is not filled up */
	bool		no_start;		/* the header does not say where the pixels are */
	bool		no_alpha;		/* alpha is 0 everywhere */
	uint32_t	mask[4];
} Kind;

static const Kind kinds[] = {
	{"BMP 24 bits, upper row first", 40, 24, PLAIN, .upper_first = true},
	{"BMP 24 bits, bytes behind the pixels", 40, 24, PLAIN, .behind = 5},
	{"BMP 24 bits, a gap before the pixels", 40, 24, PLAIN, .gap = 13},
	{"BMP 24 bits, last row not filled up", 40, 24, PLAIN, .behind = -1},
	{"BMP 24 bits, start of the pixels not told", 40, 24, PLAIN, .no_start = true},
	{"BMP 32 bits", 40, 32, PLAIN, .colours = 0},
	{"BMP 32 bits, header of 124 bytes", 124, 32, PLAIN, .colours = 0},
	{"BMP 16 bits", 40, 16, PLAIN, .mask = {0x7C00, 0x03E0, 0x001F}},
	{"BMP 1 bit, made by hand", 40, 1, PLAIN, .colours = 2, .upper_first = true},
	{"BMP 2 bits", 40, 2, PLAIN, .colours = 4},
	{"BMP 4 bits", 40, 4, PLAIN, .colours = 16},
	{"BMP 4 bits of 11 colours", 40, 4, PLAIN, .colours = 11},
	{"BMP 8 bits of 100 colours", 108, 8, PLAIN, .colours = 100, .gap = 2},
	{"BMP OS/2 1 bit", 12, 1, PLAIN, .colours = 2},
	{"BMP OS/2 4 bits", 12, 4, PLAIN, .colours = 16},
	{"BMP OS/2 8 bits", 12, 8, PLAIN, .colours = 256, .behind = 3},
	{"BMP OS/2 8 bits of 77 colours", 12, 8, PLAIN, .colours = 77},
	{"BMP OS/2 24 bits", 12, 24, PLAIN, .colours = 0},
	{"BMP OS/2 2.x 4 bits", 64, 4, PLAIN, .colours = 16},
	{"BMP OS/2 2.x 8 bits, short header", 16, 8, PLAIN, .colours = 256},
	{"BMP OS/2 2.x 24 bits in runs", 64, 24, RUNS_24, .colours = 0},
	{"BMP 32 bits, masks", 40, 32, MASKED, .mask = {0xFF000000, 0x00FF0000, 0x0000FF00}},
	{"BMP 32 bits, masks of 10 bits", 52, 32, MASKED, .mask = {0x3FF00000, 0x000FFC00, 0x000003FF}, .upper_first = true},
	{"BMP 16 bits, masks 565", 40, 16, MASKED, .mask = {0xF800, 0x07E0, 0x001F}},
	{"BMP 16 bits, masks 4444", 56, 16, MASKED, .mask = {0x0F00, 0x00F0, 0x000F, 0xF000}},
	{"BMP 32 bits, mask of alpha", 124, 32, MASKED, .mask = {0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000}},
	{"BMP 32 bits, masks with alpha", 40, 32, MASKED_WITH_ALPHA, .mask = {0x000000FF, 0x0000FF00, 0x00FF0000, 0xFF000000}},
	{"BMP 32 bits, alpha of 0", 108, 32, MASKED, .no_alpha = true, .mask = {0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000}},
	{"BMP 8 bits in runs", 40, 8, RUNS_8, .colours = 256},
	{"BMP 8 bits in runs, 30 colours", 40, 8, RUNS_8, .colours = 30, .behind = 4},
	{"BMP 4 bits in runs", 40, 4, RUNS_4, .colours = 16, .gap = 6}
};

/* Some pixels in a row are alike. */
static int
run_index(const Kind *kind, int x, int y)
{
	return (x / 4 * 3 + y * 5) % kind->colours;
}

static int
run_level(int x, int y, int channel)
{
	return (x / 4 * 30 + y * 5 + channel * 70) & 255;
}

/* The pixels that a row in runs skips. */
static bool
skipped(const Kind *kind, int x, int y)
{
	return (kind->compression == RUNS_8 || kind->compression == RUNS_4) && y % 5 == 2 && x >= 12 && x < 17;
}

static void
put_run_pixels(Bytes *out, const Kind *kind, int x, int y, int count, bool alike)
{
	int			bytes = kind->bits == 4 ? (count + 1) / 2 : kind->bits / 8 * count;

	for (int i = 0; i < (alike ? 1 : count); i++)
		if (kind->bits == 24)
			for (int c = 2; c >= 0; c--)
				sample_put_byte(out, run_level(x + i, y, c));
		else if (kind->bits == 8)
			sample_put_byte(out, run_index(kind, x + i, y));
		else if (alike)
			sample_put_byte(out, run_index(kind, x, y) * 17);
		else if (i % 2 == 0)
			sample_put_byte(out, run_index(kind, x + i, y) << 4 | (i + 1 < count ? run_index(kind, x + i + 1, y) : 0));
	if (!alike && bytes % 2 == 1)
		sample_put_byte(out, 0);
}

/* Seven pixels as they are, then runs, a jump in some rows, and the end of the row. */
static void
put_run_row(Bytes *out, const Kind *kind, int y)
{
	int			x = 7;

	sample_put_byte(out, 0);
	sample_put_byte(out, 7);
	put_run_pixels(out, kind, 0, y, 7, false);
	while (x < WIDTH)
	{
		int			next = x / 4 * 4 + 4 < WIDTH ? x / 4 * 4 + 4 : WIDTH;

		if (skipped(kind, x, y))
		{
			sample_put(out, "\0\2\5\0", 4);
			x += 5;
			continue;
		}
		sample_put_byte(out, next - x);
		put_run_pixels(out, kind, x, y, next - x, true);
		x = next;
	}
	sample_put(out, "\0\0", 2);
}

static int
mask_bits(uint32_t mask)
{
	return __builtin_popcount(mask);
}

static void
put_plain_row(Bytes *out, const Kind *kind, int y, bool filled)
{
	size_t		start = out->length;
	uint32_t	kept = 0;
	int			kept_bits = 0;

	for (int x = 0; x < WIDTH; x++)
	{
		if (kind->bits == 24 || (kind->bits == 32 && kind->compression == PLAIN))
		{
			for (int c = 2; c >= 0; c--)
				sample_put_byte(out, (int) sample_sharp(x, y, c, 8));
			if (kind->bits == 32)
				sample_put_byte(out, x % 3 == 0 ? 0 : x);
		}
		else if (kind->bits >= 16)
		{
			uint32_t	pixel = 0;

			for (int c = 0; c < 4; c++)
				if (kind->mask[c] != 0 && !(c == 3 && kind->no_alpha))
					pixel |= sample_sharp(x, y, c, mask_bits(kind->mask[c])) << __builtin_ctz(kind->mask[c]);
			sample_put_number(out, pixel, kind->bits / 8, false);
		}
		else
		{
			kept = kept << kind->bits | sample_sharp(x, y, 0, kind->bits) % (uint32_t) kind->colours;
			for (kept_bits += kind->bits; kept_bits >= 8; kept_bits -= 8)
				sample_put_byte(out, (int) (kept >> (kept_bits - 8) & 0xFF));
		}
	}
	if (kept_bits > 0)
		sample_put_byte(out, (int) (kept << (8 - kept_bits) & 0xFF));
	while (filled && (out->length - start) % 4 != 0)
		sample_put_byte(out, 0);
}

static void
put_headers(Bytes *out, const Kind *kind)
{
	int			masks = kind->header == 40 ? (kind->compression == MASKED ? 3 : kind->compression == MASKED_WITH_ALPHA ? 4 : 0) : 0;
	int			entry = kind->header == 12 ? 3 : 4;
	uint32_t	start = (uint32_t) (14 + kind->header + 4 * masks + entry * kind->colours + kind->gap);
	size_t		end = 14 + (size_t) kind->header;

	sample_put(out, "BM", 2);
	sample_put_number(out, 12345, 4, false);	/* the file's size, which no reader believes */
	sample_put_number(out, 0, 4, false);
	sample_put_number(out, kind->no_start ? 0 : start, 4, false);
	sample_put_number(out, (uint32_t) kind->header, 4, false);
	sample_put_number(out, WIDTH, kind->header == 12 ? 2 : 4, false);
	sample_put_number(out, (uint32_t) (kind->upper_first ? -HEIGHT : HEIGHT), kind->header == 12 ? 2 : 4, false);
	sample_put_number(out, 1, 2, false);
	sample_put_number(out, (uint32_t) kind->bits, 2, false);
	if (kind->header >= 40)
	{
		sample_put_number(out, (uint32_t) kind->compression, 4, false);
		for (int i = 0; i < 3; i++)
			sample_put_number(out, 0, 4, false);
		sample_put_number(out, kind->bits <= 8 && kind->colours < 1 << kind->bits ? (uint32_t) kind->colours : 0, 4, false);
		sample_put_number(out, 0, 4, false);
	}
	for (int i = 0; (kind->header >= 52 && kind->header != 64 && i < 4) || i < masks; i++)
		sample_put_number(out, kind->mask[i], 4, false);
	while (out->length < end)
		sample_put_byte(out, 0);
	if (kind->header >= 52 && out->length > end)
		out->length = end;
	for (int i = 0; i < kind->colours; i++)
	{
		for (int c = 2; c >= 0; c--)
			sample_put_byte(out, sample_palette(i, c));
		if (entry == 4)
			sample_put_byte(out, 0);
	}
	for (int i = 0; i < kind->gap; i++)
		sample_put_byte(out, 0xA5);
}

static void
expect_pixel(ImageSample *sample, const Kind *kind, int x, int y)
{
	bool		runs = kind->compression == RUNS_8 || kind->compression == RUNS_4 || (kind->compression == RUNS_24 && kind->header == 64);
	int			value[4] = {0, 0, 0, 255};
	int			index = kind->bits > 8 ? 0 : runs ? run_index(kind, x, y) : (int) sample_sharp(x, y, 0, kind->bits) % kind->colours;

	for (int c = 0; c < 4; c++)
	{
		int			most = (1 << mask_bits(kind->mask[c])) - 1;

		if (most > 0 && !(c == 3 && kind->no_alpha))
			value[c] = (int) (sample_sharp(x, y, c, mask_bits(kind->mask[c])) * 255.0 / most + 0.5);
		else if (c < 3)
			value[c] = kind->bits <= 8 ? sample_palette(index, c) : runs ? run_level(x, y, c) : (int) sample_sharp(x, y, c, 8);
	}
	if (skipped(kind, x, y))
		value[3] = 0;
	sample_expect(sample, x, y, sample_over_white(value[0], value[3]), sample_over_white(value[1], value[3]), sample_over_white(value[2], value[3]));
}

static void
add_bmp(const Kind *kind)
{
	Bytes		out = {0};
	ImageSample *sample;

	put_headers(&out, kind);
	for (int row = 0; row < HEIGHT; row++)
	{
		int			y = kind->upper_first ? row : HEIGHT - 1 - row;

		if (kind->compression == RUNS_8 || kind->compression == RUNS_4 || kind->compression == RUNS_24)
			put_run_row(&out, kind, y);
		else
			put_plain_row(&out, kind, y, row < HEIGHT - 1 || kind->behind >= 0);
	}
	for (int i = 0; i < kind->behind; i++)
		sample_put_byte(&out, i);
	sample = sample_add(kind->name, out, WIDTH, HEIGHT, 0);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			expect_pixel(sample, kind, x, y);
}

void
sample_add_bmps(void)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		add_bmp(&kinds[i]);
}
