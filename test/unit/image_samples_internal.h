/*
 * image_samples_internal.h: what the makers of sample images share.
 */
#ifndef SIAMESE_IMAGE_SAMPLES_INTERNAL_H
#define SIAMESE_IMAGE_SAMPLES_INTERNAL_H

#include <stdbool.h>

#include "image_samples.h"

#define WIDTH 46
#define HEIGHT 37

typedef struct Bytes
{
	uint8_t    *data;
	size_t		length;
	size_t		room;
} Bytes;

/* image_samples.c */
extern void sample_put(Bytes *out, const void *data, size_t length);
extern void sample_put_number(Bytes *out, uint32_t value, int size, bool big_endian);
extern void sample_put_byte(Bytes *out, int value);
extern ImageSample *sample_add(const char *name, Bytes out, int width, int height, int tolerance);
extern void sample_expect(ImageSample *sample, int x, int y, int red, int green, int blue);
extern void sample_expect_pix(ImageSample *sample, int depth, bool colours, bool alpha);
extern uint32_t sample_sharp(int x, int y, int channel, int bits);
extern int	sample_over_white(int colour, int alpha);

extern int	sample_palette(int i, int channel);	/* entry i of the palettes */

/* image_samples_bmp.c, image_samples_tiff.c */
extern void sample_add_bmps(void);
extern void sample_add_tiffs(void);

/* image_samples_made.c */
extern void sample_add_cmyk_jpeg(const char *name, int adobe_transform);	/* -1: none of Adobe's kind */
extern void sample_add_odd_jpegs(const ImageSample *jpeg);
extern void sample_add_pnm_of_16_bits(const char *name, int type, int used);
extern void sample_add_tiff(const char *name, bool big_endian, int channels, int bits, int photometric, int orientation);
extern void sample_add_text_pnm(const char *name, int type, int most);
extern void sample_add_gif_animation(const ImageSample *still);
extern void sample_add_webp_animation(const char *name, const ImageSample *still, int width, int height, int left, int top);

#endif
