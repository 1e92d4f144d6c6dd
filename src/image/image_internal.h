/*
 * image_internal.h: what the files of the image room share.  README.md shows how an image passes through them.
 */
#ifndef SIAMESE_IMAGE_INTERNAL_H
#define SIAMESE_IMAGE_INTERNAL_H

#include <string.h>

#include "image/image.h"

typedef enum ImageAlpha
{
	IMAGE_ALPHA_STRAIGHT,		/* colours are not yet multiplied by alpha */
	IMAGE_ALPHA_PREMULTIPLIED,	/* they are */
	IMAGE_ALPHA_IGNORED			/* the alpha sample has no meaning */
} ImageAlpha;

/* A half-open rectangle in pixels. */
typedef struct ImageBox
{
	int			left;
	int			top;
	int			right;
	int			bottom;
} ImageBox;

/* From the header alone.  Sizes are within the limits once image_header_read() has returned true. */
typedef struct ImageHeader
{
	const struct ImageFormat *format;
	int64_t		width;
	int64_t		height;
	int			samples;		/* per pixel, 1 to 4 */
	int			bits;			/* per sample, 1 to 16 */
	int			orientation;	/* EXIF's numbers, 1 to 8; applied in decode.c, not by the readers */
	ImageAlpha	alpha;
	int			dropped;		/* low bits of a 16-bit colour sample that are dropped: 8, or fewer if the high ones are unused */
	int			dropped_alpha;	/* the same for alpha samples */
	int			clear_index;	/* GIF: palette index that is transparent, or -1 */
	bool		has_clear;		/* PNG: this colour is transparent */
	uint32_t	clear_colour[3];
	size_t		data_start;		/* first byte of the pixels, of the first frame, or of TIFF's directory */
	size_t		data_end;		/* GIF, WebP: one past the first frame */
	ImageBox	frame;			/* GIF, WebP: place of the first frame; the rest of the image is white */
	int			sample_max;		/* PNM: the maximum, which stands for full intensity */
	bool		animated;		/* WebP: the first frame has to be extracted from an animation */
	bool		has_end;		/* JPEG: there is an end marker */
	int			scans;			/* JPEG: passes over the image */
	int			reduction;		/* JPEG: decode at this fraction of the size: 1, 2, 4 or 8 */
} ImageHeader;

typedef struct ImageRaster
{
	uint8_t    *pixels;			/* uint8 [height, width, channels], owned by the host */
	int			width;
	int			height;
	int			channels;		/* 1 or 3 */
	uint32_t	used;			/* 16-bit samples: all colours, or-ed */
	uint32_t	used_alpha;		/* all alphas, or-ed */
} ImageRaster;

/* A rectangle with fractions of pixels; may extend beyond the image. */
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
	uint32_t	value = kind == IMAGE_ALPHA_PREMULTIPLIED ? colour + 255 - alpha :
		(colour * alpha + 255 * (255 - alpha) + 127) / 255;

	return value > 255 ? 255 : (uint8_t) value;
}

static inline void
image_put_pixel(const uint8_t rgb[3], int channels, uint8_t *out)
{
	if (channels == 1)
		out[0] = image_luminance(rgb[0], rgb[1], rgb[2]);
	else
		memcpy(out, rgb, 3);
}

/* An image format: a constant at the end of the file that reads its pixels, listed in format.c. */
typedef struct ImageFormat
{
	const char *name;			/* in messages */
	bool		(*is_mine) (const uint8_t *bytes, size_t length);	/* by the first bytes */
	bool		(*header) (const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);	/* decodes nothing */
	/* raster->pixels are allocated by the host; NULL on failure */
	bool		(*decode) (const uint8_t *bytes, size_t length, const ImageHeader *header, int channels, const Host *host,
						   ImageRaster *raster, Status *status);
	bool		(*load) (Status *status);	/* the library that decodes it; NULL: none */
	bool		reduces;		/* decodes at a half, a quarter or an eighth of the size, see ImageHeader's reduction */
	bool		zero_alpha_is_none; /* alpha that is 0 everywhere is ignored: many writers leave the alpha bytes empty */
} ImageFormat;

extern const ImageFormat image_format_bmp;
extern const ImageFormat image_format_gif;
extern const ImageFormat image_format_jpeg;
extern const ImageFormat image_format_png;
extern const ImageFormat image_format_pnm;
extern const ImageFormat image_format_tiff;
extern const ImageFormat image_format_webp;

static inline bool
image_starts_with(const uint8_t *bytes, size_t length, const char *text, size_t text_length)
{
	return length >= text_length && memcmp(bytes, text, text_length) == 0;
}

/* format.c: finds the format, has its header read, and refuses what is too large. */
extern bool image_header_read(const uint8_t *bytes, size_t length, int64_t max_pixels, ImageHeader *header, Status *status);

/* reader.c: for the readers.  Fills STATUS_IMAGE_BROKEN, "The FORMAT image WHAT.", and returns false. */
extern bool image_broken(const char *format, const char *what, Status *status);

/* Sets the raster's size and takes memory for its pixels. */
extern bool image_raster_allocate(ImageRaster *raster, int64_t width, int64_t height, int channels, const Host *host,
								  Status *status);
extern bool image_raster_drop(ImageRaster *raster, const Host *host);	/* releases the pixels; false */

/* jpeg_markers.c: the header of a JPEG, also of one embedded in a TIFF */
extern bool image_jpeg_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);

/* tiff_directory.c: TIFF's header, and the orientation in an EXIF block, which has TIFF's structure; 1 if there is none */
extern bool image_tiff_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status);
extern int	image_exif_orientation(const uint8_t *bytes, size_t length);

/*
 * library.c: a library that is loaded on first use.  `functions` is a struct of function pointers, in the order of `names`.
 */
typedef struct ImageLibrary
{
	const char *file;
	const char *const *names;
	size_t		count;
	void	   *functions;
	void	   *loaded;
} ImageLibrary;

extern bool image_library_load(ImageLibrary *library, Status *status);

/*
 * Some versions of libtiff and libwebp crash if a small allocation fails, for a directory or a table.  So some memory is
 * allocated and released before, which makes it likely that theirs succeed.
 */
extern bool image_library_reserve(const Host *host, Status *status);

#define IMAGE_LIBRARY_POINTER(name) __typeof__(name) *name;
#define IMAGE_LIBRARY_NAME(name) #name,
#define IMAGE_LIBRARY_FILE(macro) IMAGE_LIBRARY_TEXT(macro)
#define IMAGE_LIBRARY_TEXT(text) #text

/* A static struct `table` of the FUNCTIONS, and the ImageLibrary `table`_library that fills it. */
#define IMAGE_LIBRARY(table, file, FUNCTIONS) \
	static struct { FUNCTIONS(IMAGE_LIBRARY_POINTER) } table; \
	static const char *const table##_names[] = {FUNCTIONS(IMAGE_LIBRARY_NAME)}; \
	static ImageLibrary table##_library = { \
		IMAGE_LIBRARY_FILE(file), table##_names, sizeof table##_names / sizeof table##_names[0], &table, NULL \
	}

/* png_write.c */
extern bool image_leptonica_load(Status *status);

/*
 * decode.c: bytes -> upright raster of 1 or 3 channels.  wanted_side: a JPEG is decoded at a half, a quarter or an eighth of its
 * size as long as its shorter side keeps at least that many pixels; 0: at full size.
 */
extern bool image_decode(const uint8_t *bytes, size_t length, int channels, int wanted_side, int64_t max_pixels,
						 const Host *host, ImageRaster *raster, Status *status);

/* A grey level for each tile of the image, to estimate an uneven background. */
typedef struct ImageTiles
{
	int			side;			/* of a tile, in pixels */
	int			columns;
	int			rows;
	uint8_t    *levels;			/* uint8 [rows, columns] */
	uint8_t    *spare;			/* scratch space of the same shape */
} ImageTiles;

/* background.c: step is the distance in bytes from one pixel of a plane to the next. */
extern int	image_quantile(const int64_t *histogram, double share);	/* the level below which that share of the pixels lies */
extern bool image_tiles_measure(ImageTiles *tiles, const uint8_t *plane, int step, int width, int height, double share,
								const Host *host, Status *status);
extern void image_tiles_free(ImageTiles *tiles, const Host *host);

/* Dark ink on light, uneven paper: levels -> ink, 0 to 255, in place. */
extern bool image_ink_by_tiles(uint8_t *plane, int step, int width, int height, const Host *host, Status *status);

/*
 * ink.c: turns the raster's pixels into ink, 0 (paper) to 255, in place.  *ink is the same as one grey channel, uint8 [height,
 * width], owned by the caller, and histogram counts its levels.
 */
extern bool image_ink_extract(ImageRaster *raster, ImagePolarity polarity, bool remove_background,
							  const Host *host, uint8_t **ink, int64_t histogram[256], Status *status);

#define IMAGE_WORD ((int) sizeof(uint64_t))	/* pixels handled at once: most of paper is of one level */

static inline uint64_t
image_load_word(const uint8_t *values)
{
	uint64_t	word;

	memcpy(&word, values, IMAGE_WORD);
	return word;
}

/*
 * The threshold that best splits a histogram in two (Otsu 1979): values <= it are the lower class; -1 if there is only one class.
 */
extern int	image_otsu(const int64_t histogram[256]);

/*
 * resample.c: maps `area` of the source onto `place` of the target, which is width x height in all.  What lies outside `box` of
 * the source or outside `place` gets `fill` (a value per channel).  Area averages where the image shrinks, linear interpolation
 * where it grows.
 */
extern bool image_resample(const ImageRaster *source, ImageBox box, ImageArea area, ImageArea place,
						   const uint8_t fill[3], int width, int height, const Host *host, uint8_t *target, Status *status);

/* smooth.c: raster [height, width, channels], blurred in place by a Gaussian of that standard deviation in pixels, above 0. */
extern bool image_smooth(uint8_t *raster, int width, int height, int channels, double deviation, const Host *host,
						 Status *status);

#endif
