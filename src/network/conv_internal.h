/*
 * conv_internal.h: the ways to convolve, among which conv.c chooses.
 *
 * Weights of the layer: [groups, kernel height, kernel width, in / groups, maps / groups]; then the biases [maps].
 */
#ifndef SIAMESE_CONV_INTERNAL_H
#define SIAMESE_CONV_INTERNAL_H

#include "network/layer_internal.h"

typedef struct ConvMethod
{
	const char *name;
	bool		(*fits) (const NetworkLayer *layer);	/* whether it can compute this layer */
	/* the others are called with the layer's plan.method set to this one */
	size_t		(*packed) (const NetworkLayer *layer);	/* reals; NULL: none */
	void		(*pack) (const NetworkLayer *layer, const real *weights, real *packed);
	size_t		(*scratch) (const NetworkLayer *layer, int samples, bool training);	/* reals */
	void		(*forward) (const LayerPass *pass);
	void		(*backward) (const LayerPass *pass);
} ConvMethod;

extern const ConvMethod conv_patches;
extern const ConvMethod conv_direct;
extern const ConvMethod conv_depthwise;
extern const ConvMethod conv_fourier;
extern const ConvMethod conv_winograd;

static inline bool
conv_is_padded(const ConvSettings *conv)
{
	return conv->padding[0] > 0 || conv->padding[1] > 0 || conv->padding[2] > 0 || conv->padding[3] > 0;
}

/* Whether a window is a pixel, and each has one: the input is its own patches. */
static inline bool
conv_is_pointwise(const NetworkLayer *layer)
{
	const ConvSettings *conv = &layer->settings.conv;

	return conv->groups == 1 && conv->kernel[0] == 1 && conv->kernel[1] == 1 && conv->stride[0] == 1 && conv->stride[1] == 1 &&
		!conv_is_padded(conv);
}

/* Multiplications for an output value and input channel; INFINITY where the method cannot be used. */
extern double conv_fourier_work(const NetworkLayer *layer);
extern double conv_winograd_work(const NetworkLayer *layer);

#endif
