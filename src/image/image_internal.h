/*
 * image_internal.h: what the files of the image room share.
 *
 * The way of an image: image_header_read (sniff, sizes, limits; nothing decoded) -> image_decode (a plain raster of
 * grey or RGB, upright) -> image_ink_extract (polarity, paper, background) -> image_resample (crop, centre, fit).
 * Only image_leptonica.c sees Leptonica, only image_png.c libdeflate.
 */
#ifndef SIAMESE_IMAGE_INTERNAL_H
#define SIAMESE_IMAGE_INTERNAL_H

#include <string.h>

#include "image/image.h"

typedef enum ImageFormat
{
	IMAGE_FORMAT_PNG,
	IMAGE_FORMAT_JPEG,
	IMAGE_FORMAT_TIFF,
	IMAGE_FORMAT_BMP,
	IMAGE_FORMAT_PNM,
	IMAGE_FORMAT_GIF,
	IMAGE_FORMAT_WEBP
} ImageFormat;

typedef enum ImageAlpha
{
	IMAGE_ALPHA_STRAIGHT,		/* colours are to be multiplied by alpha */
	IMAGE_ALPHA_PREMULTIPLIED,	/* they already are */
	IMAGE_ALPHA_IGNORED			/* the fourth byte means nothing */
} ImageAlpha;

/* What the first bytes say.  Sizes are within the limit when image_header_read has returned true. */
typedef struct ImageHeader
{
	ImageFormat format;
	int64_t		width;
	int64_t		height;
	int			samples;		/* per pixel, 1 to 4 */
	int			bits;			/* per sample, 1 to 16 */
	int			orientation;	/* EXIF's numbers, 1 to 8; the readers leave it to us */
	ImageAlpha	alpha;
	bool		invert;			/* 0 is white, and the reader leaves that to us */
	int			clear_index;	/* palette index that is transparent, or -1 */
	int			clear_colour[3];	/* colour that is transparent, of 8 bits; [0] is -1 when there is none */
	size_t		data_start;		/* PNM: first byte of the pixels; GIF, WebP: of the first frame */
	size_t		data_end;		/* GIF, WebP: one past the first frame */
	int			sample_max;		/* PNM: value of full intensity */
	bool		animated;		/* WebP: the first frame has to be taken out of an animation */
} ImageHeader;

typedef struct ImageRaster
{
	uint8_t    *pixels;			/* uint8 [height, width, channels], owned by the host */
	int			width;
	int			height;
	int			channels;		/* 1 or 3 */
} ImageRaster;

/* A half-open rectangle in pixels. */
typedef struct ImageBox
{
	int			left;
	int			top;
	int			right;
	int			bottom;
} ImageBox;

/* The same with fractions of pixels; may reach beyond the image. */
typedef struct ImageArea
{
	double		left;
	double		top;
	double		width;
	double		height;
} ImageArea;

static inline uint32_t
image_be16(const uint8_t *p)
{
	return (uint32_t) p[0] << 8 | p[1];
}

static inline uint32_t
image_be32(const uint8_t *p)
{
	return image_be16(p) << 16 | image_be16(p + 2);
}

static inline uint32_t
image_le16(const uint8_t *p)
{
	return (uint32_t) p[1] << 8 | p[0];
}

static inline uint32_t
image_le32(const uint8_t *p)
{
	return image_le16(p + 2) << 16 | image_le16(p);
}

static inline uint8_t
image_luminance(int red, int green, int blue)
{
	return (uint8_t) ((299 * red + 587 * green + 114 * blue + 500) / 1000); /* ITU-R BT.601, as JPEG's Y */
}

/* A colour over white; alpha 255 is opaque. */
static inline uint8_t
image_over_white(uint32_t colour, uint32_t alpha, ImageAlpha kind)
{
	uint32_t	value = kind == IMAGE_ALPHA_PREMULTIPLIED ? colour + 255 - alpha : (colour * alpha + 255 * (255 - alpha) + 127) / 255;

	return value > 255 ? 255 : (uint8_t) value;
}

static inline bool
image_is_clear(const ImageHeader *header, const uint8_t rgb[3])
{
	return header->clear_colour[0] == rgb[0] && header->clear_colour[1] == rgb[1] && header->clear_colour[2] == rgb[2];
}

static inline void
image_put_pixel(const uint8_t rgb[3], int channels, uint8_t *out)
{
	if (channels == 1)
		out[0] = image_luminance(rgb[0], rgb[1], rgb[2]);
	else
		memcpy(out, rgb, 3);
}

/* image_header.c */
extern const char *image_format_name(ImageFormat format);
extern bool image_broken(ImageFormat format, const char *what, Status *status);	/* fills STATUS_IMAGE_BROKEN, returns false */
extern bool image_header_read(const uint8_t *bytes, size_t length, int64_t max_pixels, ImageHeader *header, Status *status);

/* One file a format: fills *header from the bytes alone. */
extern bool image_jpeg_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);
extern bool image_tiff_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);
extern int	image_tiff_orientation(const uint8_t *bytes, size_t length);	/* of an EXIF block; 1 if there is none */
extern bool image_pnm_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);
extern bool image_png_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);
extern bool image_gif_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);
extern bool image_webp_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);

/*
 * Copies of an image file with no more than its reader needs: a PNG's pixels and palette (not its texts, profiles and
 * times, which are a bomb's favourite places), the first frame of a GIF or of an animated WebP; a TIFF whose orientation
 * is left to us, since Leptonica 1.82 turns one of the eight wrongly.  *packed is the host's.
 */
extern bool image_png_pack(const uint8_t *bytes, size_t length, const ImageHeader *header, const Host *host,
						   uint8_t **packed, size_t *packed_length, Status *status);
extern bool image_gif_pack(const uint8_t *bytes, const ImageHeader *header, const Host *host,
						   uint8_t **packed, size_t *packed_length, Status *status);
extern bool image_webp_pack(const uint8_t *bytes, const ImageHeader *header, const Host *host,
							uint8_t **packed, size_t *packed_length, Status *status);
extern bool image_tiff_pack(const uint8_t *bytes, size_t length, const Host *host,
							uint8_t **packed, size_t *packed_length, Status *status);

/* image_pnm.c: the pixels that stand behind the header. */
extern bool image_pnm_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels,
							 const Host *host, ImageRaster *raster, Status *status);

/*
 * image_png.c: the pixels of a PNG that is neither interlaced, damaged, very large nor of an unusual order; for those, raster->pixels
 * is NULL and true returned: Leptonica's reader is to be asked.
 */
extern bool image_png_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels,
							 const Host *host, ImageRaster *raster, Status *status);

/* image_leptonica.c: one reader's work; reduction is 1, or 2, 4, 8 for a JPEG. */
extern bool image_leptonica_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels,
								   int reduction, const Host *host, ImageRaster *raster, Status *status);

/*
 * image_decode.c: bytes -> upright raster of 1 or 3 channels.  wanted_side: a JPEG is decoded at a half, a quarter or an
 * eighth as long as its shorter side keeps that many pixels; 0 for the full size.
 */
extern bool image_decode(const uint8_t *bytes, size_t length, int channels, int wanted_side, int64_t max_pixels,
						 const Host *host, ImageRaster *raster, Status *status);

/* Levels of the image's tiles, for an uneven background. */
typedef struct ImageTiles
{
	int			side;			/* of a tile, in pixels */
	int			columns;
	int			rows;
	uint8_t    *levels;			/* uint8 [rows, columns] */
	uint8_t    *spare;			/* the same, for filters */
} ImageTiles;

/* image_background.c: step is the distance in bytes from one pixel of a plane to the next. */
extern int	image_quantile(const int64_t *histogram, double share);	/* the level below which that share lies */
extern bool image_tiles_measure(ImageTiles *tiles, const uint8_t *plane, int step, int width, int height, double share,
								const Host *host, Status *status);
extern void image_tiles_free(ImageTiles *tiles, const Host *host);

/* Levels of dark ink on light, uneven paper become ink, 0 to 255, in place. */
extern bool image_lift_off_uneven(uint8_t *plane, int step, int width, int height, const Host *host, Status *status);

/*
 * image_ink.c: pixels in place become ink: 0 paper to 255.  *ink is then uint8 [height, width], owned by the caller, and
 * histogram says how many of its pixels have each level.
 */
extern bool image_ink_extract(ImageRaster *raster, ImagePolarity polarity, bool remove_background,
							  const Host *host, uint8_t **ink, int64_t histogram[256], Status *status);

#define IMAGE_WORD ((int) sizeof(uint64_t))	/* values at a time: most of paper is alike */

static inline uint64_t
image_load_word(const uint8_t *values)
{
	uint64_t	word;

	memcpy(&word, values, IMAGE_WORD);
	return word;
}

extern void image_count_levels(const uint8_t *values, size_t count, int64_t histogram[256]);

/* The level that best splits a histogram in two (Otsu 1979): values <= it are the lower class; -1 if all are alike. */
extern int	image_otsu(const int64_t histogram[256]);

/*
 * image_resample.c: `area` of the source onto `place` of the target (whole target: width x height); what lies outside
 * `box` of the source, or outside `place`, is `fill` (one value a channel).  Area averages where it shrinks, linear
 * interpolation where it grows.
 */
extern bool image_resample(const ImageRaster *source, ImageBox box, ImageArea area, ImageArea place,
						   const uint8_t fill[3], int width, int height, const Host *host, uint8_t *target, Status *status);

/* raster [height, width, channels], blurred in place by a Gaussian of that standard deviation in pixels, above 0. */
extern bool image_smooth(uint8_t *raster, int width, int height, int channels, double deviation, const Host *host,
						 Status *status);

#endif
