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

/* image_samples_made.c */
extern void sample_add_cmyk_jpeg(const char *name, bool adobe);
extern void sample_add_tiff(const char *name, bool big_endian, int channels, int bits, int photometric, int orientation);
extern void sample_add_text_pnm(const char *name, int type, int most);
extern void sample_add_flipped_bmp(void);
extern void sample_add_gif_animation(const ImageSample *still);
extern void sample_add_webp_animation(const ImageSample *still);

#endif
