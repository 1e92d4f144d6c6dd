/*
 * dense.c: fully connected, whatever the shape of the sample: y = x W + b.
 *
 * Weights: [in, units], in being height * width * channels; then the biases [units].
 *
 * For one sample the time is that of reading the weights.  With "weights": "bf16" inference reads half as much: each
 * weight is rounded by at most 2^-8 of its value; sums are in float.  A unit's output then differs by at most
 * 2^-8 sum |x w|, and typically, the roundings being independent, by less than 2^-8 sqrt(sum (x w)^2).  Evaluation and
 * calibration use the rounded weights too, so thresholds fit them.
 *
 * Packed weights, of bf16 only: for each BLOCK rows of the matrix [panels of units, rows, PANEL] of uint16.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/layer_internal.h"

#define MULTIPLICATIONS_AT_ONCE ((size_t) 1 << 29)	/* between two checks for interrupts */
#define LEAST_AT_ONCE 1024		/* rows or columns: smaller products are slower */
#define BLOCK 256				/* rows of packed weights: a panel of them fits the first-level cache */
#define STRIDE (BLOCK + 16)		/* reals from a copied line to the next, so that they do not share cache sets */

static const char *const stored_names[] = {"float", "bf16", NULL};

static const SettingRule rules[] = {
	{"units", RULE_INTEGER, offsetof(NetworkLayer, settings.dense.units), 1, LIMIT_UNITS, NULL},
	{"bias", RULE_BOOLEAN, offsetof(NetworkLayer, settings.dense.bias), 0, 0, NULL},
	{"weights", RULE_CHOICE, offsetof(NetworkLayer, settings.dense.stored), 0, 0, stored_names},
	{"rate_factor", RULE_REAL, offsetof(NetworkLayer, rate_factor), 0, 1e6, NULL},
	{"initial.deviation", RULE_REAL, offsetof(NetworkLayer, settings.dense.initial.deviation), 0, 1e3, NULL},
	{"initial.bias_mean", RULE_REAL, offsetof(NetworkLayer, settings.dense.initial.bias_mean), -1e3, 1e3, NULL},
	{"initial.bias_deviation", RULE_REAL, offsetof(NetworkLayer, settings.dense.initial.bias_deviation), 0, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	layer->settings.dense.bias = true;
	layer->settings.dense.initial.deviation = NAN;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	DenseSettings *dense = &layer->settings.dense;

	if (dense->units == 0)
		return layer_error(layer, status, "", "\"units\" is missing.");
	layer->out = (NetworkShape) {1, 1, dense->units};
	layer->decay_count = shape_values(layer->in) * dense->units;
	layer->parameter_count = layer->decay_count + (dense->bias ? dense->units : 0);
	return true;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	const DenseSettings *dense = &layer->settings.dense;

	snprintf(text, size, "dense, %d units%s", dense->units, dense->stored == STORED_BF16 ? ", bf16" : "");
}

static void
initialize(const InitializePass *pass)
{
	const DenseSettings *dense = &pass->layer->settings.dense;

	layer_initialize_matrix(pass, &dense->initial, shape_values(pass->layer->in), dense->units);
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	const DenseSettings *dense = &layer->settings.dense;

	return 2 * (size_t) dense->units + (dense->stored == STORED_BF16 ? (size_t) samples * STRIDE : 0);
}

static void
plan(NetworkLayer *layer, bool spare_memory)
{
	DenseSettings *dense = &layer->settings.dense;
	size_t		values = shape_values(layer->in) * PANELS(dense->units) * PANEL;

	layer->plan.packed_count = dense->stored == STORED_BF16 ? (values * sizeof(uint16_t) + sizeof(real) - 1) / sizeof(real) : 0;
}

static void
pack(const NetworkLayer *layer, const real *weights, real *packed)
{
	const DenseSettings *dense = &layer->settings.dense;
	size_t		in = shape_values(layer->in);
	uint16_t   *to = (uint16_t *) packed;

	for (size_t start = 0; start < in; start += BLOCK)
	{
		size_t		rows = in - start < BLOCK ? in - start : BLOCK;

		for (int column = 0; column < dense->units; column += PANEL)
		{
			int			count = dense->units - column < PANEL ? dense->units - column : PANEL;

			for (size_t row = 0; row < rows; row++, to += PANEL)
			{
				const real *from = weights + layer->parameter_offset + (start + row) * dense->units + column;

				for (int i = 0; i < PANEL; i++)
					to[i] = i < count ? bf16_of((float) from[i]) : 0;
			}
		}
	}
}

/*
 * How many of the columns or rows that are left, with so many multiplications each, are done until the next check for
 * interrupts: the product of a large layer takes a quarter of a second of an idle core, and much longer of a busy one.
 */
static int
next_part(int left, size_t multiplications)
{
	size_t		count = MULTIPLICATIONS_AT_ONCE / multiplications / LEAST_AT_ONCE * LEAST_AT_ONCE;

	if (count < LEAST_AT_ONCE)
		count = LEAST_AT_ONCE;
	return left < 2 * LEAST_AT_ONCE || count > (size_t) left ? left : (int) count;
}

/* The packed weights are read once and in their order, whatever the number of samples. */
static void
forward_packed(const LayerPass *pass, const LayerFinish *finish)
{
	const NetworkLayer *layer = pass->layer;
	const DenseSettings *dense = &layer->settings.dense;
	const MatrixKernels *kernels = matrix_kernels();
	size_t		in = shape_values(layer->in);
	real	   *lines = pass->scratch + 2 * dense->units;
	const uint16_t *weights = (const uint16_t *) pass->packed;

	for (size_t start = 0; start < in && !pass_interrupted(pass); start += BLOCK)
	{
		size_t		depth = in - start < BLOCK ? in - start : BLOCK;
		bool		last = start + depth == in;
		ProductPass product = {
			.rows = pass->n, .segments = 1, .depth = depth, .a = lines, .a_row = STRIDE, .a_step = 1, .b_step = PANEL,
			.c_row = dense->units, .add = start > 0, .relu = last && finish->relu
		};

		for (int i = 0; i < pass->n; i++)
			memcpy(lines + (size_t) i * STRIDE, pass->input + i * in + start, depth * sizeof(real));
		for (int column = 0; column < dense->units; column += PANEL, weights += depth * PANEL)
		{
			product.columns = dense->units - column < PANEL ? dense->units - column : PANEL;
			product.b_bf16 = weights;
			product.c = pass->output + column;
			product.scale = last && finish->scale != NULL ? finish->scale + column : NULL;
			product.shift = last && finish->shift != NULL ? finish->shift + column : NULL;
			kernels->product_bf16(&product);
		}
	}
	layer_activate_rows(pass, finish, pass->n, pass->output);
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const DenseSettings *dense = &layer->settings.dense;
	size_t		values = shape_values(layer->in);
	const real *weights = pass->weights + layer->parameter_offset;
	const real *bias = dense->bias ? weights + layer->decay_count : NULL;
	LayerFinish finish = layer_finish(pass, bias, pass->scratch);

	if (dense->stored == STORED_BF16 && !pass->training)
	{
		forward_packed(pass, &finish);
		return;
	}
	for (int first = 0, part; first < dense->units && !pass_interrupted(pass); first += part)
	{
		part = next_part(dense->units - first, pass->n * values);
		/* the bits of an embedding depend on the own kernels alone */
		if (pass->training)
			matrix_multiply_large(false, false, pass->n, part, (int) values, pass->input, values,
								  weights + first, dense->units, 0, pass->output + first, dense->units);
		else
			matrix_multiply(false, false, pass->n, part, (int) values, pass->input, values, weights + first, dense->units, 0,
							pass->output + first, dense->units);
	}
	layer_finish_rows(pass, &finish, pass->n, pass->output);
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	const DenseSettings *dense = &layer->settings.dense;
	size_t		values = shape_values(layer->in);
	real	   *gradient = pass->gradient + layer->parameter_offset;

	if (dense->bias)
		pass->kernels->column_sums(pass->output_gradient, pass->n, dense->units, gradient + layer->decay_count);
	for (int first = 0, part; first < (int) values && !pass_interrupted(pass); first += part)
	{
		size_t		skipped = (size_t) first * dense->units;

		part = next_part((int) values - first, (size_t) pass->n * dense->units);
		matrix_multiply_large(true, false, part, dense->units, pass->n, pass->input + first, values,
							  pass->output_gradient, dense->units, 1, gradient + skipped, dense->units);
		if (pass->input_gradient != NULL)
			matrix_multiply_large(false, true, pass->n, part, dense->units, pass->output_gradient, dense->units,
								  pass->weights + layer->parameter_offset + skipped, dense->units, 0,
								  pass->input_gradient + first, values);
	}
}

const LayerType layer_dense = {
	.name = "dense",
	.packed_for_inference = true,
	.rules = rules,
	.applies_scale = true,
	.applies_relu = true,
	.defaults = defaults,
	.shape = shape,
	.describe = describe,
	.initialize = initialize,
	.scratch = scratch,
	.plan = plan,
	.pack = pack,
	.forward = forward,
	.backward = backward
};
