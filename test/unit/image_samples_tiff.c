/*
 * image_samples_tiff.c: TIFFs in strips, tiles and planes, of every kind of colours, with thumbnails.
 */
#include "image_samples_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TILE 16
#define STRIP_ROWS 10
#define CUT_AT 32768			/* length of a file that is cut off */

typedef enum Thumbnail
{
	NO_THUMBNAIL,
	THUMBNAIL_FIRST,			/* the picture is in the next directory */
	THUMBNAIL_PARENT			/* the picture is a child of the thumbnail's directory */
} Thumbnail;

typedef struct Kind
{
	const char *name;
	int			samples;
	int			bits;
	int			photometric;
	bool		big_endian;
	bool		planes;
	bool		tiled;
	bool		strips;			/* several */
	int			extra;			/* what the last sample is; -1: none, or not told */
	int			used;			/* bits of a 16-bit sample that are not 0 */
	Thumbnail	thumbnail;
} Kind;

static const Kind kinds[] = {
	{"TIFF RGB in strips", 3, 8, 2, .strips = true, .extra = -1},
	{"TIFF RGB in tiles", 3, 8, 2, .tiled = true, .extra = -1},
	{"TIFF grey in tiles", 1, 8, 1, true, .tiled = true, .extra = -1},
	{"TIFF 1 bit in tiles", 1, 1, 1, .tiled = true, .extra = -1},
	{"TIFF RGB in planes", 3, 8, 2, .planes = true, .extra = -1},
	{"TIFF RGB in planes of strips", 3, 8, 2, true, .planes = true, .strips = true, .extra = -1},
	{"TIFF RGB and alpha in planes of tiles", 4, 8, 2, .planes = true, .tiled = true, .extra = 2},
	{"TIFF RGB and associated alpha", 4, 8, 2, .extra = 1},
	{"TIFF RGB and a sample that is not alpha", 4, 8, 2, .extra = 0},
	{"TIFF RGB and a sample without a word", 4, 8, 2, .extra = -1},
	{"TIFF grey and associated alpha", 2, 8, 1, .extra = 1},
	{"TIFF palette with alpha", 2, 8, 3, .extra = 2},
	{"TIFF palette of 4 bits", 1, 4, 3, true, .extra = -1},
	{"TIFF YCbCr", 3, 8, 6, .extra = -1},
	{"TIFF YCbCr in strips", 3, 8, 6, true, .strips = true, .extra = -1},
	{"TIFF CMYK", 4, 8, 5, .extra = -1},
	{"TIFF CMYK and alpha in planes", 5, 8, 5, .planes = true, .extra = 2},
	{"TIFF CMYK 16 bits", 4, 16, 5, true, .extra = -1, .used = 16},
	{"TIFF RGB 16 bits in tiles", 3, 16, 2, .tiled = true, .extra = -1, .used = 16},
	{"TIFF RGB and alpha 16 bits", 4, 16, 2, true, .extra = 2, .used = 16},
	{"TIFF 8 bits in 16", 1, 16, 1, .extra = -1, .used = 8},
	{"TIFF RGB 12 bits in 16", 3, 16, 2, true, .extra = -1, .used = 12},
	{"TIFF with a thumbnail first", 3, 8, 2, .strips = true, .extra = -1, .thumbnail = THUMBNAIL_FIRST},
	{"TIFF below its thumbnail", 3, 8, 2, true, .extra = -1, .thumbnail = THUMBNAIL_PARENT}
};

static uint32_t
level(const Kind *kind, int x, int y, int sample)
{
	uint32_t	value = sample_sharp(x, y, sample, kind->used > 0 ? kind->used : kind->bits);

	/* Colours that were multiplied by alpha are not above it. */
	if (kind->extra == 1 && sample < kind->samples - 1)
		return value * level(kind, x, y, kind->samples - 1) / 255;
	return value;
}

/* Samples first .. first + count - 1 of the pixels of a box; what lies outside the picture is 0. */
static void
put_box(Bytes *out, const Kind *kind, int left, int top, int width, int height, int first, int count)
{
	for (int y = top; y < top + height; y++)
	{
		uint32_t	kept = 0;
		int			kept_bits = 0;

		for (int x = left; x < left + width; x++)
			for (int s = first; s < first + count; s++)
			{
				uint32_t	value = x < WIDTH && y < HEIGHT ? level(kind, x, y, s) : 0;

				if (kind->bits == 16)
				{
					sample_put_number(out, value, 2, kind->big_endian);
					continue;
				}
				kept = kept << kind->bits | value;
				for (kept_bits += kind->bits; kept_bits >= 8; kept_bits -= 8)
					sample_put_byte(out, (int) (kept >> (kept_bits - 8) & 0xFF));
			}
		if (kept_bits > 0)
			sample_put_byte(out, (int) (kept << (8 - kept_bits) & 0xFF));
	}
}

typedef struct Pieces
{
	uint32_t	offset[64];
	uint32_t	size[64];
	int			count;
} Pieces;

static void
put_pieces(Bytes *out, const Kind *kind, Pieces *pieces)
{
	int			planes = kind->planes ? kind->samples : 1;
	int			stored = kind->planes ? 1 : kind->samples;
	int			step_x = kind->tiled ? TILE : WIDTH;
	int			step_y = kind->tiled ? TILE : kind->strips ? STRIP_ROWS : HEIGHT;

	for (int plane = 0; plane < planes; plane++)
		for (int y = 0; y < HEIGHT; y += step_y)
			for (int x = 0; x < WIDTH; x += step_x)
			{
				size_t		start = out->length;
				int			height = kind->tiled || y + step_y <= HEIGHT ? step_y : HEIGHT - y;

				put_box(out, kind, x, y, step_x, height, plane, stored);
				pieces->offset[pieces->count] = (uint32_t) start;
				pieces->size[pieces->count++] = (uint32_t) (out->length - start);
				if (out->length % 2 == 1)
					sample_put_byte(out, 0);
			}
}

/* An entry of a directory, with its values where they belong. */
static void
put_entry(Bytes *entries, Bytes *out, const Kind *kind, int tag, int type, const uint32_t *values, int count)
{
	int			size = type == 3 ? 2 : 4;
	bool		inside = size * count <= 4;
	Bytes	   *at = inside ? entries : out;

	sample_put_number(entries, (uint32_t) tag, 2, kind->big_endian);
	sample_put_number(entries, (uint32_t) type, 2, kind->big_endian);
	sample_put_number(entries, (uint32_t) count, 4, kind->big_endian);
	if (!inside)
		sample_put_number(entries, (uint32_t) out->length, 4, kind->big_endian);
	for (int i = 0; i < count; i++)
		sample_put_number(at, values[i], size, kind->big_endian);
	for (int i = size * count; inside && i < 4; i++)
		sample_put_byte(entries, 0);
}

static void
put_one(Bytes *entries, Bytes *out, const Kind *kind, int tag, int type, int value)
{
	uint32_t	number = (uint32_t) value;

	put_entry(entries, out, kind, tag, type, &number, 1);
}

/* The picture's directory, returns where; its values stand in front.  cut: its last piece is to be behind it, and is not there. */
static uint32_t
put_picture(Bytes *out, const Kind *kind, bool cut)
{
	Bytes		entries = {0};
	Pieces		pieces = {.count = 0};
	uint32_t	colours[3 * 256];
	uint32_t	bits[5];
	const uint32_t ones[2] = {1, 1};	/* chroma of every pixel */
	uint32_t	start;

	for (int i = 0; i < 3 << kind->bits && kind->bits <= 8; i++)
		colours[i] = (uint32_t) sample_palette(i & ((1 << kind->bits) - 1), i >> kind->bits) << 8;
	for (int i = 0; i < 5; i++)
		bits[i] = (uint32_t) kind->bits;
	put_pieces(out, kind, &pieces);
	if (cut)
		pieces.offset[pieces.count - 1] = CUT_AT - pieces.size[pieces.count - 1] / 2;
	put_one(&entries, out, kind, 256, 4, WIDTH);
	put_one(&entries, out, kind, 257, 4, HEIGHT);
	put_entry(&entries, out, kind, 258, 3, bits, kind->samples);
	put_one(&entries, out, kind, 259, 3, 1);
	put_one(&entries, out, kind, 262, 3, kind->photometric);
	if (!kind->tiled)
		put_entry(&entries, out, kind, 273, 4, pieces.offset, pieces.count);
	put_one(&entries, out, kind, 277, 3, kind->samples);
	if (!kind->tiled)
	{
		put_one(&entries, out, kind, 278, 3, kind->strips ? STRIP_ROWS : HEIGHT);
		put_entry(&entries, out, kind, 279, 4, pieces.size, pieces.count);
	}
	put_one(&entries, out, kind, 284, 3, kind->planes ? 2 : 1);
	if (kind->photometric == 3)
		put_entry(&entries, out, kind, 320, 3, colours, 3 << kind->bits);
	if (kind->tiled)
	{
		put_one(&entries, out, kind, 322, 3, TILE);
		put_one(&entries, out, kind, 323, 3, TILE);
		put_entry(&entries, out, kind, 324, 4, pieces.offset, pieces.count);
		put_entry(&entries, out, kind, 325, 4, pieces.size, pieces.count);
	}
	if (kind->extra >= 0)
		put_one(&entries, out, kind, 338, 3, kind->extra);
	if (kind->photometric == 6)
		put_entry(&entries, out, kind, 530, 3, ones, 2);
	start = (uint32_t) out->length;
	sample_put_number(out, (uint32_t) entries.length / 12, 2, kind->big_endian);
	sample_put(out, entries.data, entries.length);
	sample_put_number(out, 0, 4, kind->big_endian);
	free(entries.data);
	return start;
}

/* A directory of two by one grey pixels, marked as a reduced picture; returns where. */
static uint32_t
put_thumbnail(Bytes *out, const Kind *kind, uint32_t child, uint32_t next)
{
	Bytes		entries = {0};
	uint32_t	start;
	int			pixels = (int) out->length;

	sample_put(out, "\x10\xF0", 2);
	put_one(&entries, out, kind, 254, 4, 1);
	put_one(&entries, out, kind, 256, 3, 2);
	put_one(&entries, out, kind, 257, 3, 1);
	put_one(&entries, out, kind, 258, 3, 8);
	put_one(&entries, out, kind, 259, 3, 1);
	put_one(&entries, out, kind, 262, 3, 1);
	put_one(&entries, out, kind, 273, 4, pixels);
	put_one(&entries, out, kind, 279, 4, 2);
	if (child != 0)
		put_one(&entries, out, kind, 330, 4, (int) child);
	start = (uint32_t) out->length;
	sample_put_number(out, (uint32_t) entries.length / 12, 2, kind->big_endian);
	sample_put(out, entries.data, entries.length);
	sample_put_number(out, next, 4, kind->big_endian);
	free(entries.data);
	return start;
}

static int
to_byte(double value)
{
	return value < 0 ? 0 : value > 255 ? 255 : (int) (value + 0.5);
}

static void
expect_pixel(ImageSample *sample, const Kind *kind, int x, int y)
{
	int			value[5];
	int			rgb[3];
	bool		premultiplied = kind->extra == 1;
	int			colours = kind->photometric == 2 || kind->photometric == 6 ? 3 : kind->photometric == 5 ? 4 : 1;
	int			alpha = 255;

	for (int s = 0; s < kind->samples; s++)
	{
		uint32_t	v = level(kind, x, y, s);

		value[s] = kind->bits == 16 ? (int) (v >> (kind->used - 8)) : kind->photometric == 3 ? (int) v : (int) (v * 255 / ((1u << kind->bits) - 1));
	}
	if (kind->samples > colours && kind->extra != 0)
		alpha = value[kind->samples - 1];
	if (kind->photometric == 6)
	{
		double		luma = value[0];
		double		blue = value[1] - 128;
		double		red = value[2] - 128;

		value[0] = to_byte(luma + 1.402 * red);
		value[1] = to_byte(luma - 0.344136 * blue - 0.714136 * red);
		value[2] = to_byte(luma + 1.772 * blue);
	}
	for (int c = 0; c < 3; c++)
	{
		rgb[c] = colours == 3 ? value[c] : colours == 4 ? ((255 - value[c]) * (255 - value[3]) + 127) / 255 :
			kind->photometric == 3 ? sample_palette(value[0], c) : value[0];
		rgb[c] = premultiplied ? rgb[c] + 255 - alpha : sample_over_white(rgb[c], alpha);
	}
	sample_expect(sample, x, y, rgb[0], rgb[1], rgb[2]);
}

static Bytes
make_tiff(const Kind *kind, bool cut)
{
	Bytes		out = {0};
	uint32_t	directory;

	sample_put(&out, kind->big_endian ? "MM" : "II", 2);
	sample_put_number(&out, 42, 2, kind->big_endian);
	sample_put_number(&out, 0, 4, kind->big_endian);
	directory = put_picture(&out, kind, cut);
	if (kind->thumbnail == THUMBNAIL_FIRST)
		directory = put_thumbnail(&out, kind, 0, directory);
	else if (kind->thumbnail == THUMBNAIL_PARENT)
		directory = put_thumbnail(&out, kind, directory, 0);
	for (int i = 0; i < 4; i++)
		out.data[4 + i] = (uint8_t) (directory >> 8 * (kind->big_endian ? 3 - i : i));
	while (cut && out.length < CUT_AT)
		sample_put_byte(&out, (int) out.length & 255);
	return out;
}

uint8_t *
image_sample_cut_tiff(const char *name, size_t *length)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, name) == 0)
		{
			Bytes		out = make_tiff(&kinds[i], true);

			*length = out.length;
			return out.data;
		}
	abort();
}

static void
add_tiff(const Kind *kind)
{
	Bytes		out = make_tiff(kind, false);
	ImageSample *sample;

	sample = sample_add(kind->name, out, WIDTH, HEIGHT, kind->photometric == 6 ? 2 : 0);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			expect_pixel(sample, kind, x, y);
}

void
sample_add_tiffs(void)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		add_tiff(&kinds[i]);
}
