/*
 * image.h: bytes of an image file -> the raster that a network sees.        Pure C over libjpeg, libtiff and libwebp.
 *
 * The header is read first: an image of more than max_pixels is refused before a pixel is decoded.  The format is recognised by
 * the first bytes, and only its reader is called: PNG, JPEG (EXIF orientation applied), TIFF (the first page that is no
 * thumbnail), BMP, PNM (PBM, PGM, PPM, PAM), GIF (first frame) and WebP, of any depth, with palette or alpha (composited over
 * white). Damaged and truncated files are refused; harmless deviations from the format are accepted.
 *
 * 16-bit samples are reduced to their upper 8 bits; if no sample of the image uses more than 12, 10 or 8 bits, as is usual for
 * cameras and scanners, to the upper 8 of those.  Colours and alpha are judged separately.  A PNM whose maximum is not 65535 is
 * scaled by its maximum.
 */
#ifndef SIAMESE_IMAGE_H
#define SIAMESE_IMAGE_H

#include "common/status.h"

typedef enum ImagePolarity
{
	IMAGE_POLARITY_NONE,		/* photographs: values unchanged */
	IMAGE_POLARITY_AUTO,		/* paper is what the border shows */
	IMAGE_POLARITY_DARK,		/* dark ink on light paper */
	IMAGE_POLARITY_LIGHT		/* light ink on dark ground */
} ImagePolarity;

typedef enum ImageFit
{
	IMAGE_FIT_KEEP,				/* proportions kept, the rest filled with background */
	IMAGE_FIT_STRETCH
} ImageFit;

/* Part of a network's definition ("input"): how an image is prepared, in this order. */
typedef struct ImagePreparation
{
	int			width;			/* pixels, of the result */
	int			height;
	int			channels;		/* 1 grey, 3 colour (red, green, blue) */
	ImagePolarity polarity;		/* other than NONE: the result is 0 for paper and up to 255 for ink */
	bool		remove_background;	/* uneven paper is levelled, then everything below Otsu's threshold becomes paper; needs
									 * a polarity */
	bool		crop;			/* to the bounding box of the ink; needs a polarity */
	bool		centre;			/* centred on the ink's centre of mass instead of its bounding box; needs a polarity */
	ImageFit	fit;
	double		margin;			/* share of the width and height left free on each side, 0 to 0.4 */
	double		smooth;			/* standard deviation of a Gaussian blur in pixels of the result, 0 to 8; 0: none.  It makes thin
								 * strokes look alike with and without distortion. */
	bool		normalise;		/* contrast stretched: the strongest ink (or the lightest grey) becomes 255 */
	bool		keep_blank;		/* an image without ink, or with all pixels equal, is prepared without cropping instead of
								 * refused; all such images look the same to a network */
} ImagePreparation;

/*
 * Decodes and prepares.  raster: uint8 [height, width, channels] as in the preparation, owned by the caller.
 * Returns false with STATUS_IMAGE_FORMAT, _TOO_LARGE, _BROKEN, _BLANK, STATUS_LIBRARY, _NO_MEMORY or _INTERRUPTED.
 */
extern bool image_prepare(const uint8_t *bytes, size_t length, const ImagePreparation *preparation,
						  int64_t max_pixels, const Host *host, uint8_t *raster, Status *status);

/*
 * Whether an image is rather a photograph than ink on paper: hardly half of it is near one colour, or much of it is of other colours.  Decodes
 * it; fails as image_prepare() does.
 */
extern bool image_is_photograph(const uint8_t *bytes, size_t length, int64_t max_pixels, const Host *host, bool *photograph,
								Status *status);

/* In pixels, from the upper left corner; left <= right, top <= bottom.  May extend beyond the image. */
typedef struct ImageRegion
{
	double		left;
	double		top;
	double		right;
	double		bottom;
} ImageRegion;

/*
 * The part of an image in a region, as it is, as a PNG: the pixels whose centres lie in it.  Grey if all of these are, else red,
 * green, blue.  *png is allocated by the host.  Fails as image_prepare() does, and with STATUS_ARGUMENT if the region holds no
 * pixel of the image.
 */
extern bool image_crop(const uint8_t *bytes, size_t length, const ImageRegion *region, int64_t max_pixels, const Host *host,
					   uint8_t **png, size_t *png_length, Status *status);

/*
 * rgb: red, green, blue of sRGB, each 0 to 255 (beyond: the nearest of these; NaN: 0) -> luv: CIE 1976 L* (0 to 100), u* (-84 to 176) and
 * v* (-135 to 108) for the white D65.  The table is the same for all, made once by who converts many pixels.
 */
typedef struct ImageLuvTable
{
	double		linear[257];	/* light, of the levels 0 to 255; the last once more */
} ImageLuvTable;

extern void image_luv_table(ImageLuvTable *table);
extern void image_luv(const ImageLuvTable *table, const float rgb[3], float luv[3]);

/*
 * Dense optical flow: where each pixel of the first of two grey pictures of one size has moved to in the second.
 * Lucas, Kanade 1981, at every pixel, on a pyramid of levels (Bouguet 2001).
 *
 * first, second: float [height, width], grey levels 0 to 255.  flow: float [height, width, 2], the way across (to the right) and down
 * in pixels; always finite, and 0 where the pictures are flat.  memory: image_flow_bytes(), aligned for floats and owned by the
 * caller, so that any thread may call this.  Both sides must be 1 to LIMIT_INPUT_SIDE pixels.  Moves of up to about a seventh of the
 * shorter side are found.  False with STATUS_INTERRUPTED.
 */
extern size_t image_flow_bytes(int width, int height);
extern bool image_flow(const float *first, const float *second, int width, int height, const Host *host, void *memory,
					   float *flow, Status *status);

/* Loads the image libraries now, so that processes forked from this one inherit them; missing ones are skipped. */
extern void image_load_libraries(void);

/* The same raster as a PNG (for siamese.preview).  *png is allocated by the host. */
extern bool image_encode_png(const uint8_t *raster, int width, int height, int channels,
							 const Host *host, uint8_t **png, size_t *length, Status *status);

#endif
