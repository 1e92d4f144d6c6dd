/*
 * dense.c: a layer of units that see the whole sample, whatever its shape: y = x W + b.
 *
 * Weights: [in, units], in being height * width * channels; then the biases [units].
 *
 * One sample's time is that of reading the weights.  With "weights": "bf16" inference reads half as much: each weight is
 * rounded by at most 2^-8 of itself, and sums are of floats.  A unit then differs by at most 2^-8 sum |x w|; the roundings
 * being independent, by less than 2^-8 of the root of the sum of (x w)^2 as a rule.  Evaluation and calibration see the
 * rounded weights too, so thresholds are theirs.
 *
 * Packed weights, of bf16 only: for each BLOCK rows of the matrix [panels of units, rows, PANEL] of uint16.
 */
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "network/layer_internal.h"

#define MULTIPLICATIONS_AT_ONCE ((size_t) 1 << 29)
#define LEAST_AT_ONCE 1024		/* what the products like: shorter ones are slower */
#define BLOCK 256				/* rows of packed weights: a panel of them fits the first cache */
#define LEAD (BLOCK + 16)		/* reals from a copied line to the next, that shall not share a set of the cache */

static const char *const stored_names[] = {"float", "bf16", NULL};

static const SettingRule rules[] = {
	{"units", RULE_INTEGER, offsetof(NetworkLayer, maps), 1, LIMIT_UNITS, NULL},
	{"bias", RULE_BOOLEAN, offsetof(NetworkLayer, bias), 0, 0, NULL},
	{"weights", RULE_CHOICE, offsetof(NetworkLayer, stored), 0, 0, stored_names},
	{"rate_factor", RULE_REAL, offsetof(NetworkLayer, rate_factor), 0, 1e6, NULL},
	{"initial.deviation", RULE_REAL, offsetof(NetworkLayer, initial_deviation), 0, 1e3, NULL},
	{"initial.bias_mean", RULE_REAL, offsetof(NetworkLayer, initial_bias_mean), -1e3, 1e3, NULL},
	{"initial.bias_deviation", RULE_REAL, offsetof(NetworkLayer, initial_bias_deviation), 0, 1e3, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

static void
defaults(NetworkLayer *layer)
{
	layer->bias = true;
}

static bool
shape(NetworkLayer *layer, Status *status)
{
	if (layer->maps == 0)
		return layer_error(layer, status, "", "\"units\" is missing.");
	layer->out = (NetworkShape) {1, 1, layer->maps};
	layer->decay_count = shape_values(layer->in) * layer->maps;
	layer->parameter_count = layer->decay_count + (layer->bias ? layer->maps : 0);
	return true;
}

static void
describe(const NetworkLayer *layer, char *text, size_t size)
{
	snprintf(text, size, "dense, %d units%s", layer->maps, layer->stored == STORED_BF16 ? ", bf16" : "");
}

static void
initialize(const NetworkLayer *layer, Random *random, real *parameters, real *statistics)
{
	layer_initialize_matrix(layer, random, shape_values(layer->in), layer->maps, parameters,
							layer->bias ? parameters + layer->decay_count : NULL);
}

static size_t
scratch(const NetworkLayer *layer, int samples, bool training)
{
	return 2 * (size_t) layer->maps + (layer->stored == STORED_BF16 ? (size_t) samples * LEAD : 0);
}

static void
plan(NetworkLayer *layer)
{
	size_t		values = shape_values(layer->in) * PANELS(layer->maps) * PANEL;

	layer->packed_count = layer->stored == STORED_BF16 ? (values * sizeof(uint16_t) + sizeof(real) - 1) / sizeof(real) : 0;
}

static void
pack(const NetworkLayer *layer, const real *weights, real *packed)
{
	size_t		in = shape_values(layer->in);
	uint16_t   *to = (uint16_t *) packed;

	for (size_t start = 0; start < in; start += BLOCK)
	{
		size_t		rows = in - start < BLOCK ? in - start : BLOCK;

		for (int column = 0; column < layer->maps; column += PANEL)
		{
			int			count = layer->maps - column < PANEL ? layer->maps - column : PANEL;

			for (size_t row = 0; row < rows; row++, to += PANEL)
			{
				const real *from = weights + layer->parameter_offset + (start + row) * layer->maps + column;

				for (int i = 0; i < PANEL; i++)
					to[i] = i < count ? bf16_of((float) from[i]) : 0;
			}
		}
	}
}

/*
 * How many of the columns or rows that are left, of so many multiplications each, are worked off before it is asked again
 * whether to stop: a large layer's product takes a quarter of a second of an idle core, and much longer of a busy one.
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
	size_t		in = shape_values(layer->in);
	real	   *lines = pass->scratch + 2 * layer->maps;
	const uint16_t *weights = (const uint16_t *) pass->packed;

	for (size_t start = 0; start < in && !pass_interrupted(pass); start += BLOCK)
	{
		size_t		depth = in - start < BLOCK ? in - start : BLOCK;
		bool		last = start + depth == in;
		ProductPass product = {
			.rows = pass->n, .segments = 1, .depth = depth, .a = lines, .a_row = LEAD, .a_step = 1, .b_step = PANEL,
			.c_row = layer->maps, .add = start > 0, .relu = last && finish->relu
		};

		for (int i = 0; i < pass->n; i++)
			memcpy(lines + (size_t) i * LEAD, pass->input + i * in + start, depth * sizeof(real));
		for (int column = 0; column < layer->maps; column += PANEL, weights += depth * PANEL)
		{
			product.columns = layer->maps - column < PANEL ? layer->maps - column : PANEL;
			product.b_bf16 = weights;
			product.c = pass->output + column;
			product.scale = last && finish->scale != NULL ? finish->scale + column : NULL;
			product.shift = last && finish->shift != NULL ? finish->shift + column : NULL;
			matrix_kernels()->product_bf16(&product);
		}
	}
}

static void
forward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		values = shape_values(layer->in);
	const real *weights = pass->weights + layer->parameter_offset;
	const real *bias = layer->bias ? weights + layer->decay_count : NULL;
	LayerFinish finish = layer_finish(pass, bias, pass->scratch);

	if (layer->stored == STORED_BF16 && !pass->training)
	{
		forward_packed(pass, &finish);
		return;
	}
	for (int first = 0, part; first < layer->maps && !pass_interrupted(pass); first += part)
	{
		part = next_part(layer->maps - first, pass->n * values);
		matrix_multiply(false, false, pass->n, part, (int) values, pass->input, values, weights + first, layer->maps, 0,
						pass->output + first, layer->maps);
	}
	layer_finish_rows(pass, &finish, pass->n, pass->output);
}

static void
backward(const LayerPass *pass)
{
	const NetworkLayer *layer = pass->layer;
	size_t		values = shape_values(layer->in);
	real	   *gradient = pass->gradient + layer->parameter_offset;

	if (layer->bias)
		pass->kernels->column_sums(pass->output_gradient, pass->n, layer->maps, gradient + layer->decay_count);
	for (int first = 0, part; first < (int) values && !pass_interrupted(pass); first += part)
	{
		size_t		skipped = (size_t) first * layer->maps;

		part = next_part((int) values - first, (size_t) pass->n * layer->maps);
		matrix_multiply(true, false, part, layer->maps, pass->n, pass->input + first, values, pass->output_gradient, layer->maps, 1,
						gradient + skipped, layer->maps);
		if (pass->input_gradient != NULL)
			matrix_multiply(false, true, pass->n, part, layer->maps, pass->output_gradient, layer->maps,
							pass->weights + layer->parameter_offset + skipped, layer->maps, 0, pass->input_gradient + first, values);
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
