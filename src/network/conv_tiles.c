/*
 * conv_tiles.c: convolution of tiles of the input in the space of a transform, stride 1: Fourier's for large windows
 * (overlap-save; Mathieu, Henaff, LeCun 2013; Zlateski, Jia, Li, Durand 2018), Winograd's for small ones (Lavin, Gray 2016).
 *
 * With the transforms X of a tile of the input, W of the weights and Y of a tile of the output,
 *		Y = X W,    dX = dY W,    dW = sum over tiles of X dY
 * at each point of the transform: products of matrices, [tiles, in] [in, maps] and so on.  A tile of side x side values
 * gives side - kernel + 1 outputs in each direction.  The backward pass is the exact transpose: the tiles of dX overlap and
 * are added up.
 *
 * Fourier's points are complex.  Correlation is Y = X W*, dX = dY W, dW = X dY*: with W and dY stored conjugated, and dX
 * resulting conjugated, all three are plain products.  W is divided by 4 side^2; the 4 is there because each of the two
 * transforms has a factor 2.
 *
 * Packed weights: for each point [panels of maps, in, PANEL], complex: [panels of maps, in, 2, PANEL].
 */
#include <string.h>

#include "network/conv_internal.h"

#define PAD 16					/* reals between points: strides that are no multiple of a page use all of the cache */
#define POINTS_BETWEEN 16		/* checks for interrupts */
#define CHUNK_TILES 96			/* for which the weights are read once; samples are never divided */
#define MANY_WEIGHTS (256 * 1024)	/* of a layer: so many are read from memory, not from a cache */
#define READING 2				/* multiplications, for a chunk of samples, that take as long as reading a weight */

typedef struct TilePlan
{
	bool		fourier;
	int			side;
	int			step[2];		/* outputs of a tile */
	int			tiles[2];
	size_t		panel;			/* reals of a panel at a point */
	size_t		in_row;			/* reals of a tile at a point */
	size_t		out_row;
	size_t		points;
	size_t		weight_point;	/* reals of a point of the packed weights, and of their gradient */
	size_t		transposed_point;	/* of the transposed weights: [panels of in, maps] */
	int			chunk;			/* samples */
} TilePlan;

static TilePlan
make_plan(const NetworkLayer *layer, bool fourier, int side)
{
	const ConvSettings *conv = &layer->settings.conv;
	TilePlan	plan = {.fourier = fourier, .side = side};

	for (int i = 0; i < 2; i++)
	{
		int			size = i == 0 ? layer->out.height : layer->out.width;

		plan.step[i] = side - conv->kernel[i] + 1;
		plan.tiles[i] = (size + plan.step[i] - 1) / plan.step[i];
	}
	plan.panel = fourier ? 2 * PANEL : PANEL;
	plan.in_row = PANELS(layer->in.channels) * plan.panel;
	plan.out_row = PANELS(conv->maps) * plan.panel;
	plan.points = fourier ? FOURIER_POINTS : (size_t) side * side;
	plan.weight_point = layer->in.channels * plan.out_row + PAD;
	plan.transposed_point = conv->maps * plan.in_row + PAD;
	plan.chunk = CHUNK_TILES / (plan.tiles[0] * plan.tiles[1]);
	if (plan.chunk < 1)
		plan.chunk = 1;
	return plan;
}

/*
 * The sides that pay, in the built-in networks and in residual ones, for windows of 3, 4 and 5 values; ended by 0.  winograd.inc has code for these
 * alone.
 */
static const int winograd_sides[][5] = {{4, 6, 7, 8, 0}, {6, 8, 0}, {7, 8, 0}};
static const int fourier_sides[] = {FOURIER_SIDE, 0};

/* NULL where the method cannot be used. */
static const int *
sides(const ConvSettings *conv, bool fourier)
{
	if (conv->groups != 1 || conv->stride[0] != 1 || conv->stride[1] != 1 || conv->dilation[0] != 1 || conv->dilation[1] != 1)
		return NULL;
	if (fourier)
		return conv->kernel[0] <= FOURIER_SIDE / 2 + 1 && conv->kernel[1] <= FOURIER_SIDE / 2 + 1 ? fourier_sides : NULL;
	if (conv->kernel[0] != conv->kernel[1] || conv->kernel[0] < 3 || conv->kernel[0] > 5)
		return NULL;
	return winograd_sides[conv->kernel[0] - 3];
}

/* Real multiplications for an output value and input channel. */
static double
work(const NetworkLayer *layer, bool fourier, int side)
{
	TilePlan	plan = make_plan(layer, fourier, side);

	return (fourier ? 4.0 : 1.0) * plan.points * plan.tiles[0] * plan.tiles[1] / shape_pixels(layer->out);
}

/*
 * The side with the least work, the smaller one of equals; 0 where none fits.  Many weights, of which a large tile has up to seven
 * times as many, count besides: where maps are small, one sample alone waits for little else.
 */
static int
best_side(const NetworkLayer *layer, bool fourier)
{
	const int  *side = sides(&layer->settings.conv, fourier);
	double		least = INFINITY;
	int			best = 0;

	for (; side != NULL && *side != 0; side++)
	{
		double		needed = work(layer, fourier, *side);

		if (!fourier && layer->decay_count > MANY_WEIGHTS)
			needed += (double) READING * *side * *side / shape_pixels(layer->out);
		if (needed < least)
		{
			least = needed;
			best = *side;
		}
	}
	return best;
}

static TilePlan
plan_of(const NetworkLayer *layer)
{
	bool		fourier = layer->plan.method == &conv_fourier;

	return make_plan(layer, fourier, best_side(layer, fourier));
}

static double
best_work(const NetworkLayer *layer, bool fourier)
{
	int			side = best_side(layer, fourier);

	return side > 0 ? work(layer, fourier, side) : INFINITY;
}

double
conv_fourier_work(const NetworkLayer *layer)
{
	return best_work(layer, true);
}

double
conv_winograd_work(const NetworkLayer *layer)
{
	return best_work(layer, false);
}

static bool
fourier_fits(const NetworkLayer *layer)
{
	return conv_fourier_work(layer) < INFINITY;
}

static bool
winograd_fits(const NetworkLayer *layer)
{
	return conv_winograd_work(layer) < INFINITY;
}

static int
chunk_samples(const TilePlan *plan, int samples)
{
	return samples < plan->chunk ? samples : plan->chunk;
}

static size_t
chunk_rows(const TilePlan *plan, int samples)
{
	return (size_t) chunk_samples(plan, samples) * plan->tiles[0] * plan->tiles[1];
}

static size_t
packed(const NetworkLayer *layer)
{
	TilePlan plan = plan_of(layer);

	return plan.points * plan.weight_point;
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	const ConvSettings *conv = &layer->settings.conv;
	TilePlan plan = plan_of(layer);
	size_t		rows = chunk_rows(&plan, samples);
	size_t		point = rows * (plan.in_row + plan.out_row) + 2 * PAD;

	if (training)
		point += plan.weight_point + plan.transposed_point;
	return plan.points * point + 2 * (size_t) conv->maps +
		(training ? (size_t) conv->kernel[0] * conv->kernel[1] * layer->in.channels * conv->maps : 0);
}

/* ---- transforms ---------------------------------------------------------------------------------------------------- */

/* The part of a tile's lines or columns, from start on, that lies within the map. */
static inline void
clip(int start, int count, int size, int *first, int *last)
{
	*first = start < 0 ? -start : 0;
	*last = start + count > size ? size - start : count;
	if (*last < *first)
		*last = *first;
}

/* A tile at line y and column x, that may be negative, of maps. */
static TilePass
place_tile(const TilePlan *plan, NetworkShape shape, int y, int x, int height, int width, size_t point,
		   ptrdiff_t *offset)
{
	TilePass pass = {
		.side = plan->side, .channels = shape.channels, .pixel = shape.channels,
		.line = (size_t) shape.width * shape.channels, .point = point, .panel = plan->panel, .scale = 1, .size = height
	};

	clip(y, height, shape.height, &pass.top, &pass.bottom);
	clip(x, width, shape.width, &pass.left, &pass.right);
	*offset = ((ptrdiff_t) (y + pass.top) * shape.width + x + pass.left) * shape.channels;
	return pass;
}

typedef enum TileKind
{
	TILE_INPUT,					/* input -> X */
	TILE_OUTPUT,				/* Y -> output */
	TILE_OUTPUT_GRADIENT,					/* output's gradient -> dY* */
	TILE_INPUT_GRADIENT			/* dX* -> input's gradient, added */
} TileKind;

/* All tiles of samples from first on; values [points, rows, in or maps]. */
static void
transform_tiles(const LayerPass *pass, const TilePlan *plan, TileKind kind, int first, int samples,
				const LayerFinish *finish, real *values)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	bool		of_input = kind == TILE_INPUT || kind == TILE_INPUT_GRADIENT;
	NetworkShape shape = of_input ? layer->in : layer->out;
	size_t		row_size = of_input ? plan->in_row : plan->out_row;
	int			tile_count = plan->tiles[0] * plan->tiles[1];
	size_t		point = (size_t) samples * tile_count * row_size + PAD;
	void		(*transform) (const TilePass *, const real *, real *) =
		plan->fourier ? pass->kernels->fourier : pass->kernels->winograd;
	void		(*inverse) (const TilePass *, const real *, real *) =
		plan->fourier ? pass->kernels->fourier_inverse : pass->kernels->winograd_transposed;

	for (int row = 0; row < samples * tile_count; row++, values += row_size)
	{
		size_t		start = (first + row / tile_count) * shape_values(shape);
		int			y = row % tile_count / plan->tiles[1] * plan->step[0];
		int			x = row % plan->tiles[1] * plan->step[1];
		ptrdiff_t	offset;
		TilePass	tile;

		if (of_input)
			tile = place_tile(plan, shape, y - conv->padding[0], x - conv->padding[1], plan->side, plan->side, point,
							  &offset);
		else
			tile = place_tile(plan, shape, y, x, plan->step[0], plan->step[1], point, &offset);
		tile.conjugate = kind == TILE_OUTPUT_GRADIENT || kind == TILE_INPUT_GRADIENT;
		switch (kind)
		{
			case TILE_INPUT:
				transform(&tile, pass->input + start + offset, values);
				break;
			case TILE_OUTPUT_GRADIENT:
				transform(&tile, pass->output_gradient + start + offset, values);
				break;
			case TILE_INPUT_GRADIENT:
				tile.add = true;
				inverse(&tile, values, pass->input_gradient + start + offset);
				break;
			case TILE_OUTPUT:
				tile.factor = finish->scale;
				tile.shift = finish->shift;
				tile.relu = finish->relu;
				inverse(&tile, values, pass->output + start + offset);
				break;
		}
	}
}

/* weights [kernel height, kernel width, rows, columns] -> transforms [points][panels of columns, rows, 2, PANEL] */
static TilePass
place_weights(const NetworkLayer *layer, const TilePlan *plan, int rows, int columns, size_t point)
{
	const ConvSettings *conv = &layer->settings.conv;
	TilePass pass = {
		.side = plan->side, .size = conv->kernel[0], .bottom = conv->kernel[0], .right = conv->kernel[1], .channels = columns,
		.line = (size_t) conv->kernel[1] * rows * columns, .pixel = (size_t) rows * columns,
		.point = point, .panel = rows * plan->panel,
		.scale = (real) 1 / (4 * plan->side * plan->side)
	};

	return pass;
}

static void
pack_matrix(const NetworkLayer *layer, const TilePlan *plan, const real *weights, int rows, int columns,
			size_t point, real *packed)
{
	TilePass	pass = place_weights(layer, plan, rows, columns, point);
	void		(*transform) (const TilePass *, const real *, real *) =
		plan->fourier ? network_kernels()->fourier : network_kernels()->winograd;

	pass.conjugate = true;
	for (int row = 0; row < rows; row++)
		transform(&pass, weights + (size_t) row * columns, packed + row * plan->panel);
}

static void
pack(const NetworkLayer *layer, const real *weights, real *packed)
{
	TilePlan plan = plan_of(layer);

	pack_matrix(layer, &plan, weights, layer->in.channels, layer->settings.conv.maps, plan.weight_point, packed);
}

/* The same of the weights with in and maps exchanged, which are first laid out in transposed. */
static void
pack_transposed(const NetworkLayer *layer, const TilePlan *plan, const real *weights, real *transposed, real *packed)
{
	const ConvSettings *conv = &layer->settings.conv;
	size_t		in = layer->in.channels;
	size_t		maps = conv->maps;

	for (int place = 0; place < conv->kernel[0] * conv->kernel[1]; place++)
	{
		const real *from = weights + place * in * maps;
		real	   *to = transposed + place * in * maps;

		for (size_t c = 0; c < in; c++)
		{
			for (size_t m = 0; m < maps; m++)
				to[m * in + c] = from[c * maps + m];
		}
	}
	pack_matrix(layer, plan, transposed, conv->maps, layer->in.channels, plan->transposed_point, packed);
}

/* ---- products ------------------------------------------------------------------------------------------------------ */

/* c [rows, panels of columns] = a [rows, depth] b [panels of columns, depth], at one point */
static void
multiply(const LayerPass *pass, const TilePlan *plan, size_t rows, size_t depth, size_t columns, const real *a, size_t a_row,
		 const real *b, real *c, size_t c_row)
{
	const MatrixKernels *kernels = matrix_kernels();
	ProductPass product = {
		.rows = rows, .columns = PANEL, .a_row = a_row, .a_segment = plan->panel, .a_step = 1, .b_step = plan->panel,
		.c_row = c_row
	};
	size_t		whole = depth / PANEL;

	for (size_t panel = 0; panel < PANELS(columns); panel++)
	{
		product.a = a;
		product.b = b + panel * depth * plan->panel;
		product.c = c + panel * plan->panel;
		product.add = false;
		product.segments = plan->fourier ? (int) whole : 1;
		product.depth = plan->fourier ? PANEL : depth;
		if (!plan->fourier)
			kernels->product(&product);
		else if (whole > 0)
			kernels->product_complex(&product);
		if (!plan->fourier || depth % PANEL == 0)
			continue;
		product.a = a + whole * plan->panel;
		product.b += whole * PANEL * plan->panel;
		product.segments = 1;
		product.depth = depth % PANEL;
		product.add = whole > 0;
		kernels->product_complex(&product);
	}
}

/* gradient [panels of maps, in] (+)= sum over rows of input * output_gradient, at one point */
static void
multiply_gradient(const LayerPass *pass, const TilePlan *plan, size_t rows, const real *input,
				  const real *output_gradient, bool add, real *gradient)
{
	size_t		in = pass->layer->in.channels;
	size_t		together = plan->fourier ? PANEL : in;	/* channels that lie side by side */
	const MatrixKernels *kernels = matrix_kernels();
	ProductPass product = {
		.columns = PANEL, .segments = 1, .depth = rows, .a_row = 1, .a_step = plan->in_row, .b_step = plan->out_row,
		.c_row = plan->panel, .add = add
	};

	for (size_t panel = 0; panel < PANELS(pass->layer->settings.conv.maps); panel++)
	{
		for (size_t start = 0; start < in; start += together)
		{
			product.rows = in - start < together ? in - start : together;
			product.a = input + start / PANEL * plan->panel;
			product.b = output_gradient + panel * plan->panel;
			product.c = gradient + (panel * in + start) * plan->panel;
			if (plan->fourier)
				kernels->product_complex(&product);
			else
				kernels->product(&product);
		}
	}
}

/* ---- passes -------------------------------------------------------------------------------------------------------- */

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	TilePlan plan = plan_of(layer);
	int			chunk = chunk_samples(&plan, pass->n);
	size_t		most_rows = chunk_rows(&plan, pass->n);
	const real *weights = pass->weights + layer->parameter_offset;
	real	   *fold = pass->scratch;
	real	   *input = fold + 2 * conv->maps;
	real	   *output = input + plan.points * (most_rows * plan.in_row + PAD);
	LayerFinish finish = layer_finish(pass, conv->bias ? weights + layer->decay_count : NULL, fold);

	for (int first = 0; first < pass->n; first += chunk)
	{
		int			samples = pass->n - first < chunk ? pass->n - first : chunk;
		size_t		rows = chunk_rows(&plan, samples);

		transform_tiles(pass, &plan, TILE_INPUT, first, samples, NULL, input);
		for (size_t point = 0; point < plan.points; point++)
		{
			if (point % POINTS_BETWEEN == 0 && pass_interrupted(pass))
				return;
			multiply(pass, &plan, rows, layer->in.channels, conv->maps, input + point * (rows * plan.in_row + PAD),
					 plan.in_row, pass->packed + point * plan.weight_point,
					 output + point * (rows * plan.out_row + PAD), plan.out_row);
		}
		transform_tiles(pass, &plan, TILE_OUTPUT, first, samples, &finish, output);
		layer_activate_rows(pass, &finish, samples * shape_pixels(layer->out), pass->output + first * shape_values(layer->out));
	}
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const ConvSettings *conv = &layer->settings.conv;
	TilePlan plan = plan_of(layer);
	int			chunk = chunk_samples(&plan, pass->n);
	size_t		most_rows = chunk_rows(&plan, pass->n);
	const real *weights = pass->weights + layer->parameter_offset;
	real	   *gradient = pass->gradient + layer->parameter_offset;
	real	   *input = pass->scratch;
	real	   *output_gradient = input + plan.points * (most_rows * plan.in_row + PAD);
	real	   *weight_gradient = output_gradient + plan.points * (most_rows * plan.out_row + PAD);
	real	   *transposed = weight_gradient + plan.points * plan.weight_point;
	TilePass last = place_weights(layer, &plan, layer->in.channels, conv->maps, plan.weight_point);

	if (conv->bias)
		pass->kernels->column_sums(pass->output_gradient, pass->n * shape_pixels(layer->out), conv->maps,
								   gradient + layer->decay_count);
	if (pass->input_gradient != NULL)
	{
		pack_transposed(layer, &plan, weights, transposed + plan.points * plan.transposed_point, transposed);
		memset(pass->input_gradient, 0, pass->n * shape_values(layer->in) * sizeof(real));
	}
	for (int first = 0; first < pass->n; first += chunk)
	{
		int			samples = pass->n - first < chunk ? pass->n - first : chunk;
		size_t		rows = chunk_rows(&plan, samples);
		size_t		in_point = rows * plan.in_row + PAD;
		size_t		out_point = rows * plan.out_row + PAD;

		transform_tiles(pass, &plan, TILE_INPUT, first, samples, NULL, input);
		transform_tiles(pass, &plan, TILE_OUTPUT_GRADIENT, first, samples, NULL, output_gradient);
		for (size_t point = 0; point < plan.points; point++)
		{
			if (point % POINTS_BETWEEN == 0 && pass_interrupted(pass))
				return;
			multiply_gradient(pass, &plan, rows, input + point * in_point, output_gradient + point * out_point,
							  first > 0, weight_gradient + point * plan.weight_point);
			/* the input's transform is no longer needed: dX takes its place */
			if (pass->input_gradient != NULL)
				multiply(pass, &plan, rows, conv->maps, layer->in.channels, output_gradient + point * out_point, plan.out_row,
						 transposed + point * plan.transposed_point, input + point * in_point, plan.in_row);
		}
		if (pass->input_gradient != NULL)
			transform_tiles(pass, &plan, TILE_INPUT_GRADIENT, first, samples, NULL, input);
	}
	last.add = true;
	for (int row = 0; row < layer->in.channels; row++)
	{
		const real *from = weight_gradient + row * plan.panel;
		real	   *to = gradient + (size_t) row * conv->maps;

		if (plan.fourier)
			pass->kernels->fourier_inverse(&last, from, to);
		else
			pass->kernels->winograd_transposed(&last, from, to);
	}
}

const ConvMethod conv_fourier = {
	.name = "fourier",
	.fits = fourier_fits,
	.packed = packed,
	.pack = pack,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};

const ConvMethod conv_winograd = {
	.name = "winograd",
	.fits = winograd_fits,
	.packed = packed,
	.pack = pack,
	.scratch = scratch,
	.forward = forward,
	.backward = backward
};
