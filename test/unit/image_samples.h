/*
 * image_samples.h: small images of every format and depth, made in memory, and what each must look like.
 *
 * What Leptonica can write it writes; the rest (interlaced PNG, CMYK JPEG, oriented TIFF, ...) is put together by hand.
 */
#ifndef SIAMESE_IMAGE_SAMPLES_H
#define SIAMESE_IMAGE_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

typedef struct ImageSample
{
	char		name[48];		/* its first word is the format */
	uint8_t    *bytes;
	size_t		length;
	int			width;
	int			height;
	uint8_t    *expected;		/* uint8 [height, width, 3], on white */
	int			tolerance;		/* levels that a lossy format may be off */
} ImageSample;

/* All of them; made on the first call, and kept. */
extern const ImageSample *image_samples(size_t *count);

/* A JPEG with an EXIF orientation put in behind its first marker; in Motorola's byte order if asked for.  malloc'd. */
extern uint8_t *image_sample_with_exif(const ImageSample *jpeg, int orientation, int big_endian, size_t *length);

/* Where a stored pixel is seen, by EXIF's definition: 1 as it is, 6 turned clockwise, ... */
extern void image_sample_upright(int orientation, int width, int height, int x, int y, int *seen_x, int *seen_y);

/* A PNG that asks for width x height grey pixels, all in one small stream of zeros.  malloc'd. */
extern uint8_t *image_sample_bomb(uint32_t width, uint32_t height, size_t *length);

/* A grey, progressive JPEG of one level; each scan but the first one sends all other coefficients, 0, again.  malloc'd. */
extern uint8_t *image_sample_of_scans(int width, int height, int scans, size_t *length);

/* The sample of that name without the last half of its last piece of pixels.  malloc'd. */
extern uint8_t *image_sample_cut_tiff(const char *name, size_t *length);

#endif
