/*
 * kernels.h: the loops that are not matrix products, one table of them for each level of processor.
 *
 * kernels.inc holds the code once; kernels_*.c compile it for their level.  "rows" rows of channels values follow each
 * other without gaps.  An output may be the input of the same shape, but must not overlap it otherwise.
 */
#ifndef SIAMESE_NETWORK_KERNELS_H
#define SIAMESE_NETWORK_KERNELS_H

#include "matrix/product.h"
#include "network/network.h"

/* Index of a pixel in a pooling window; as wide as real, so that vectors of both have the same lanes. */
#ifdef REAL_IS_DOUBLE
typedef int64_t PoolPlace;
#else
typedef int32_t PoolPlace;
#endif

/* Batch norm with the statistics of a batch, and the ReLU behind it: y = scale x + shift. */
typedef struct NormPass
{
	int			channels;
	bool		relu;
	const real *scale;			/* [channels]: gamma / deviation */
	const real *shift;			/* [channels]: beta - mean scale */
	const real *mean;			/* [channels] */
} NormPass;

/* A pooling of maps [height, width, channels] to [out_height, out_width, channels]. */
typedef struct PoolPass
{
	int			height;
	int			width;
	int			channels;
	int			out_height;
	int			out_width;
	int			kernel[2];
	int			stride[2];
	int			padding[4];		/* top, left, bottom, right: what lies there is in no window's maximum or sum */
	bool		count_padding;	/* but a mean is divided by what it has of the padded map */
	int			gap[2];			/* pixels between two of a window: dilation - 1 */
} PoolPass;

/* What of an output's window lies in the map: its lines top to bottom - 1, columns left to right - 1, counted without gaps. */
typedef struct PoolWindow
{
	int			top;
	int			bottom;
	int			left;
	int			right;
	size_t		first;			/* pixel of the map: the first one of these */
} PoolWindow;

static inline PoolWindow
pool_window(const PoolPass *pool, int oy, int ox)
{
	int			top = oy * pool->stride[0] - pool->padding[0];
	int			left = ox * pool->stride[1] - pool->padding[1];
	int			down = pool->gap[0] + 1;
	int			across = pool->gap[1] + 1;
	PoolWindow	window = {
		.top = top < 0 ? (down - 1 - top) / down : 0,
		.bottom = (pool->height - top + down - 1) / down,
		.left = left < 0 ? (across - 1 - left) / across : 0,
		.right = (pool->width - left + across - 1) / across
	};

	if (window.bottom > pool->kernel[0])
		window.bottom = pool->kernel[0];
	if (window.right > pool->kernel[1])
		window.right = pool->kernel[1];
	window.first = (size_t) (top + window.top * down) * pool->width + left + window.left * across;
	return window;
}

/* Pixels of the map from the first one of a window to that in its line and column. */
static inline size_t
pool_pixel(const PoolPass *pool, int line, int column)
{
	return (size_t) line * (pool->gap[0] + 1) * pool->width + column * (pool->gap[1] + 1);
}

/* Whether all windows lie in the map, and have no gaps. */
static inline bool
pool_is_inside(const PoolPass *pool)
{
	return pool->padding[0] == 0 && pool->padding[1] == 0 && pool->gap[0] == 0 && pool->gap[1] == 0 &&
		(pool->out_height - 1) * pool->stride[0] + pool->kernel[0] <= pool->height &&
		(pool->out_width - 1) * pool->stride[1] + pool->kernel[1] <= pool->width;
}

/* 1 / what a mean's sum is divided by. */
static inline real
pool_share(const PoolPass *pool, const PoolWindow *window, int oy, int ox)
{
	int			rows = window->bottom - window->top;
	int			columns = window->right - window->left;

	if (pool->count_padding)
	{
		int			below = pool->height + pool->padding[0] + pool->padding[2] - oy * pool->stride[0];
		int			right = pool->width + pool->padding[1] + pool->padding[3] - ox * pool->stride[1];

		below = (below + pool->gap[0]) / (pool->gap[0] + 1);
		right = (right + pool->gap[1]) / (pool->gap[1] + 1);
		rows = below < pool->kernel[0] ? below : pool->kernel[0];
		columns = right < pool->kernel[1] ? right : pool->kernel[1];
	}
	return (real) 1 / (rows * columns);
}

/* A convolution of each channel by itself; padding by what lies beyond the map, which is [height, width, channels]. */
typedef struct DepthwisePass
{
	int			height;
	int			width;
	int			channels;
	int			out_width;
	int			kernel[2];
	int			stride[2];
	int			dilation[2];
	int			top;			/* padding */
	int			left;
	const real *scale;			/* what follows: y = scale y + shift, then ReLU; scale, or both, may be NULL */
	const real *shift;
	bool		relu;
} DepthwisePass;

typedef struct OptimizerPass
{
	real		rate;			/* of this step, including Adam's correction of the first moment */
	real		decay;			/* added to the gradient, times the weight */
	real		shrink;			/* AdamW: rate times weight decay */
	real		momentum;
	real		second_momentum;
	real		correction;		/* Adam: 1 / sqrt(1 - second_momentum^t) */
	real		epsilon;
} OptimizerPass;

/*
 * Transforms of square tiles of maps, all channels at once: Fourier's of side FOURIER_SIDE, Winograd's of sides 6 to 8.
 *
 * A point of Winograd's transform has, for every panel of PANEL channels, the last one filled up by zeros, real [PANEL];
 * there are side^2.  A point of Fourier's has real [2, PANEL]; of its side^2 only FOURIER_POINTS are kept, the others being
 * their conjugates.
 */
#define FOURIER_SIDE 20
#define FOURIER_POINTS ((size_t) FOURIER_SIDE * FOURIER_SIDE / 2 + 2)

typedef struct TilePass
{
	int			side;			/* Winograd: of the tile */
	int			size;			/* Winograd: of what the tile holds: the side, or the outputs, or the window */
	int			top;			/* lines top to bottom - 1 and columns left to right - 1 of the tile exist; */
	int			bottom;			/* the others are read as zero, and not written */
	int			left;
	int			right;
	int			channels;
	size_t		line;			/* reals from a line of the maps to the next */
	size_t		pixel;			/* from a pixel to the next */
	size_t		point;			/* from a point of the transform to the next */
	size_t		panel;			/* from a panel of channels to the next, in the transform */
	real		scale;			/* Fourier: of the result */
	bool		conjugate;		/* Fourier */
	/* of the inverse and the transposed transform: added to what is there; or y = factor x + shift, then ReLU */
	bool		add;
	const real *factor;			/* [channels]; NULL: 1 */
	const real *shift;			/* [channels]; NULL: 0 */
	bool		relu;
} TilePass;

typedef struct NetworkKernels
{
	/* x points to the first pixel that exists; v = 2 scale DFT(x), or its conjugate */
	void		(*fourier) (const TilePass *pass, const real *x, real *v);
	/* x = scale sum(v e^...), of v or of its conjugate: the inverse without the division by side^2 */
	void		(*fourier_inverse) (const TilePass *pass, const real *v, real *x);
	/* v = the transform of x; x = the transposed transform of v */
	void		(*winograd) (const TilePass *pass, const real *x, real *v);
	void		(*winograd_transposed) (const TilePass *pass, const real *v, real *x);

	/* line of the outputs y of the maps x; weights [kernel height, kernel width, channels] */
	void		(*depthwise) (const DepthwisePass *pass, int line, const real *x, const real *weights, real *y);
	/* of the gradient dy of that line: dx, of the maps, and gradient, of the weights; added to both */
	void		(*depthwise_spread) (const DepthwisePass *pass, int line, const real *dy, const real *weights, real *dx);
	void		(*depthwise_gradient) (const DepthwisePass *pass, int line, const real *x, const real *dy, real *gradient);

	/* y = y + bias, then optionally ReLU */
	void		(*add_bias) (real *y, const real *bias, size_t rows, int channels, bool relu);
	/* y = scale x + shift, then optionally ReLU */
	void		(*scale_shift) (const real *x, const real *scale, const real *shift, size_t rows, int channels,
								bool relu, real *y);
	void		(*relu) (const real *x, size_t count, real *y);
	/* dx = dy where y > 0, else 0 */
	void		(*relu_backward) (const real *y, const real *dy, size_t count, real *dx);
	/* [rows, channels]: y = x where x > 0, else slope x; slope [channels] */
	void		(*prelu) (const real *x, const real *slope, size_t rows, int channels, real *y);
	/* dslope [channels] += dy x where x <= 0; dx, unless it is NULL, = dy where x > 0, else slope dy */
	void		(*prelu_backward) (const real *x, const real *slope, const real *dy, size_t rows, int channels, real *dslope, real *dx);
	/* y = x where x > 0, else slope x; dx = dy where y > 0, else slope dy */
	void		(*leaky_relu) (const real *x, real slope, size_t count, real *y);
	void		(*leaky_relu_backward) (const real *y, real slope, const real *dy, size_t count, real *dx);
	/* y = x, at least low and at most high; dx = factor dy where y is between them, else 0 */
	void		(*clip) (const real *x, real low, real high, size_t count, real *y);
	void		(*clip_backward) (const real *y, real low, real high, real factor, const real *dy, size_t count, real *dx);
	/* y = slope x + offset, at least 0 and at most 1 */
	void		(*hard_sigmoid) (const real *x, real slope, real offset, size_t count, real *y);
	/* y = x clip(x + 3, 0, 6) / 6 */
	void		(*hard_swish) (const real *x, size_t count, real *y);
	void		(*hard_swish_backward) (const real *x, const real *dy, size_t count, real *dx);
	/* y += x */
	void		(*add) (const real *x, size_t count, real *y);
	/* y += factor x */
	void		(*add_scaled) (const real *x, real factor, size_t count, real *y);

	/* y = x factor, or y += x factor; factor [count], or of product_rows() [channels] */
	void		(*product) (const real *x, const real *factor, size_t count, bool add, real *y);
	void		(*product_rows) (const real *x, const real *factor, size_t rows, int channels, bool add, real *y);
	/* sums [channels] += the rows of x dy */
	void		(*column_products) (const real *x, const real *dy, size_t rows, int channels, real *sums);

	/* sums [channels] += the rows of x */
	void		(*column_sums) (const real *x, size_t rows, int channels, real *sums);
	/* sums += (x - mean)^2 */
	void		(*column_squares) (const real *x, const real *mean, size_t rows, int channels, real *sums);
	/* sums += g, products += g (x - mean), where g is dy, or 0 where the ReLU was inactive */
	void		(*norm_sums) (const NormPass *norm, const real *x, const real *dy, size_t rows,
							  real *sums, real *products);
	/* dx = scale g - correction (x - mean) - mean_gradient, the latter two [channels] */
	void		(*norm_backward) (const NormPass *norm, const real *x, const real *dy, const real *correction,
								  const real *mean_gradient, size_t rows, real *dx);

	/* where [out]: index in its window of each maximum, the first of equals; may be NULL */
	void		(*max_pool) (const PoolPass *pool, const real *x, real *y, PoolPlace *where);
	/* dx is set */
	void		(*max_pool_backward) (const PoolPass *pool, const real *dy, const PoolPlace *where, real *dx);
	void		(*mean_pool) (const PoolPass *pool, const real *x, real *y);

	void		(*step_sgd) (const OptimizerPass *step, size_t count, const real *gradient, real *velocity, real *weights);
	/* velocity NULL: no momentum */
	void		(*step_rmsprop) (const OptimizerPass *step, size_t count, const real *gradient, real *squares,
								 real *velocity, real *weights);
	void		(*step_adam) (const OptimizerPass *step, size_t count, const real *gradient, real *mean, real *squares,
							  real *weights);
	double		(*square_sum) (const real *x, size_t count);
	/* average = decay average + (1 - decay) x */
	void		(*move_average) (const real *x, real decay, size_t count, real *average);
	void		(*scale) (real factor, size_t count, real *x);
} NetworkKernels;

/* The table of cpu_level(). */
extern const NetworkKernels *network_kernels(void);

extern const NetworkKernels network_kernels_portable;
#if defined(__x86_64__)
extern const NetworkKernels network_kernels_avx2;
extern const NetworkKernels network_kernels_avx512;
#elif defined(__aarch64__)
extern const NetworkKernels network_kernels_neon;
#endif

#endif
