/*
 * image.h: bytes of an image file -> the raster that a network sees.        Pure C over libjpeg, libtiff and libwebp.
 *
 * The header is read first: what asks for more than max_pixels is refused before a pixel is decoded.  The format is
 * sniffed from the first bytes and that one reader is called.  PNG, JPEG (its EXIF orientation applied), TIFF (the first page
 * that is no thumbnail), BMP, PNM (PBM, PGM, PPM, PAM), GIF (first frame) and WebP, of any depth, with palette or alpha (laid
 * over white).  What is damaged or cut off is refused, what is only odd is read.
 *
 * Of 16-bit samples the upper 8 bits count; unless no sample of the image exceeds 12, 10 or 8 bits, as cameras and scanners
 * write them: then the upper 8 of those.  Colours and alpha are looked at apart.  A PNM whose maximum is not 65535 is taken at its
 * word.
 */
#ifndef SIAMESE_IMAGE_H
#define SIAMESE_IMAGE_H

#include "common/status.h"

typedef enum ImagePolarity
{
	IMAGE_POLARITY_NONE,		/* photographs: values as they are */
	IMAGE_POLARITY_AUTO,		/* ink is whatever differs from the border's level */
	IMAGE_POLARITY_DARK,		/* dark ink on light paper */
	IMAGE_POLARITY_LIGHT		/* light ink on dark ground */
} ImagePolarity;

typedef enum ImageFit
{
	IMAGE_FIT_KEEP,				/* proportions kept, the rest filled with background */
	IMAGE_FIT_STRETCH
} ImageFit;

/* Part of a network's definition ("input"); what an image goes through before the network sees it, in this order. */
typedef struct ImagePreparation
{
	int			width;			/* pixels, of the result */
	int			height;
	int			channels;		/* 1 grey, 3 colour (red, green, blue) */
	ImagePolarity polarity;		/* other than NONE: the result is 0 for paper and up to 255 for ink */
	bool		remove_background;	/* uneven paper flattened, then everything on the paper's side of Otsu's threshold
									 * becomes paper; needs a polarity */
	bool		crop;			/* to the bounding box of the ink; needs a polarity */
	bool		centre;			/* the ink's centre of mass, not the box's middle, in the centre; needs a polarity */
	ImageFit	fit;
	double		margin;			/* share of the width and height left free on each side, 0 to 0.4 */
	double		smooth;			/* standard deviation of a blur, pixels of the result, 0 to 8; 0: none.  Thin strokes look alike
								 * then whether or not they were distorted. */
	bool		normalise;		/* ink (or the grey range) stretched so that its strongest value is 255 */
	bool		keep_blank;		/* an image without ink, or whose raster would be the same everywhere, is prepared as it is (not
								 * cropped) instead of refused: to a network all such images are the same */
} ImagePreparation;

/*
 * Decodes and prepares.  raster: uint8 [height, width, channels] as in the preparation, owned by the caller.
 * Returns false with STATUS_IMAGE_FORMAT, _TOO_LARGE, _BROKEN, _BLANK, STATUS_LIBRARY, _NO_MEMORY or _INTERRUPTED.
 */
extern bool image_prepare(const uint8_t *bytes, size_t length, const ImagePreparation *preparation,
						  int64_t max_pixels, const Host *host, uint8_t *raster, Status *status);

/* Loads the libraries that read images now, so that processes forked from this one have them; those that are missing are left out. */
extern void image_load_libraries(void);

/* The same raster as a PNG (for siamese.preview).  *png is allocated by the host. */
extern bool image_encode_png(const uint8_t *raster, int width, int height, int channels,
							 const Host *host, uint8_t **png, size_t *length, Status *status);

#endif
