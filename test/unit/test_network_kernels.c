/*
 * test_network_kernels.c: every kernel at every level that this processor has, against plain loops in double.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/cpu.h"
#include "network/kernels.h"
#include "network_help.h"

#define MOST_ROWS 37
#define MOST_CHANNELS 67
#define MOST (MOST_ROWS * MOST_CHANNELS)

static const int channel_counts[] = {1, 3, 8, 15, 16, 17, 32, 48, 67};
static const int row_counts[] = {1, 2, 5, 37};

static real x[MOST],
			dy[MOST],
			y[MOST + 1],
			a[MOST_CHANNELS],
			b[MOST_CHANNELS],
			m[MOST_CHANNELS],
			s[MOST_CHANNELS + 1],
			t[MOST_CHANNELS + 1];

static void
check(const char *what, int channels, size_t i, double expected, double found, double size)
{
	if (!(fabs(expected - found) <= 3e-6 * fmax(1, size)))
		fail_msg("%s at level %s with %d channels: value %zu is %.8g, expected %.8g", what, cpu_level_name(cpu_level()),
				 channels, i, found, expected);
}

static double
stopped(double value, bool relu)
{
	return relu && !(value > 0) ? 0 : value;
}

static void
check_rows(const NetworkKernels *k, int rows, int channels, bool relu)
{
	size_t		count = (size_t) rows * channels;
	NormPass	norm = {channels, relu, a, b, m};

	y[count] = 99;
	s[channels] = t[channels] = 99;

	memcpy(y, x, count * sizeof(real));
	k->add_bias(y, a, rows, channels, relu);
	for (size_t i = 0; i < count; i++)
		check("add_bias", channels, i, stopped(x[i] + a[i % channels], relu), y[i], 1);
	k->scale_shift(x, a, b, rows, channels, relu, y);
	for (size_t i = 0; i < count; i++)
		check("scale_shift", channels, i, stopped((double) x[i] * a[i % channels] + b[i % channels], relu), y[i], 1);
	k->norm_backward(&norm, x, dy, t, s, rows, y);
	for (size_t i = 0; i < count; i++)
	{
		int			c = (int) (i % channels);
		double		gradient = relu && !(x[i] * a[c] + b[c] > 0) ? 0 : dy[i];

		check("norm_backward", channels, i, (double) a[c] * gradient - (double) t[c] * ((double) x[i] - m[c]) - s[c], y[i], 1);
	}

	for (int c = 0; c < channels; c++)
		s[c] = t[c] = (real) c;
	k->column_sums(x, rows, channels, s);
	k->column_squares(x, m, rows, channels, t);
	for (int c = 0; c < channels; c++)
	{
		double		sum = c,
					squares = c;

		for (int row = 0; row < rows; row++)
		{
			sum += x[row * channels + c];
			squares += pow((double) x[row * channels + c] - m[c], 2);
		}
		check("column_sums", channels, c, sum, s[c], rows + c);
		check("column_squares", channels, c, squares, t[c], rows + c);
	}
	for (int c = 0; c < channels; c++)
		s[c] = t[c] = (real) c;
	k->norm_sums(&norm, x, dy, rows, s, t);
	for (int c = 0; c < channels; c++)
	{
		double		sum = c,
					product = c;

		for (int row = 0; row < rows; row++)
		{
			size_t		i = (size_t) row * channels + c;
			double		gradient = relu && !(x[i] * a[c] + b[c] > 0) ? 0 : dy[i];

			sum += gradient;
			product += gradient * ((double) x[i] - m[c]);
		}
		check("norm_sums", channels, c, sum, s[c], rows + c);
		check("norm_sums, products", channels, c, product, t[c], rows + c);
	}
	assert_true(y[count] == 99 && s[channels] == 99 && t[channels] == 99);
}

static void
check_products(const NetworkKernels *k, int rows, int channels)
{
	size_t		count = (size_t) rows * channels;

	y[count] = s[channels] = 99;
	k->product(x, dy, count, false, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == x[i] * dy[i]);
	k->product(x, x, count, true, y);
	for (size_t i = 0; i < count; i++)
		check("product, added", channels, i, (double) x[i] * dy[i] + (double) x[i] * x[i], y[i], 1);
	k->product_rows(x, a, rows, channels, false, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == x[i] * a[i % channels]);
	k->product_rows(dy, b, rows, channels, true, y);
	for (size_t i = 0; i < count; i++)
		check("product_rows, added", channels, i, (double) x[i] * a[i % channels] + (double) dy[i] * b[i % channels], y[i], 1);
	for (int c = 0; c < channels; c++)
		s[c] = (real) c;
	k->column_products(x, dy, rows, channels, s);
	for (int c = 0; c < channels; c++)
	{
		double		sum = c;

		for (int row = 0; row < rows; row++)
			sum += (double) x[row * channels + c] * dy[row * channels + c];
		check("column_products", channels, c, sum, s[c], rows + c);
	}
	assert_true(y[count] == 99 && s[channels] == 99);
}

static void
check_activations(const NetworkKernels *k, size_t count)
{
	y[count] = 99;
	k->leaky_relu(x, (real) 0.125, count, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == (x[i] > 0 ? x[i] : x[i] / 8));
	k->leaky_relu_backward(x, (real) 0.125, dy, count, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == (x[i] > 0 ? dy[i] : dy[i] / 8));
	k->clip(x, (real) -0.25, (real) 0.5, count, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == (real) fmin(fmax(x[i], -0.25), 0.5));
	k->clip_backward(y, (real) -0.25, (real) 0.5, 2, dy, count, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == (x[i] > -0.25 && x[i] < 0.5 ? 2 * dy[i] : 0));
	k->hard_sigmoid(x, 2, (real) 0.75, count, y);
	for (size_t i = 0; i < count; i++)
		check("hard_sigmoid", 1, i, fmin(fmax(2.0 * x[i] + 0.75, 0), 1), y[i], 1);
	for (size_t i = 0; i < count; i++)
		y[i] = 5 * x[i];
	k->hard_swish_backward(y, dy, count, y);
	for (size_t i = 0; i < count; i++)
	{
		double		value = (real) (5 * x[i]);

		check("hard_swish_backward", 1, i, value < -3 ? 0 : value > 3 ? dy[i] : dy[i] * (2 * value + 3) / 6, y[i], 3);
	}
	for (size_t i = 0; i < count; i++)
		y[i] = 5 * x[i];
	k->hard_swish(y, count, y);
	for (size_t i = 0; i < count; i++)
		check("hard_swish", 1, i, 5.0 * x[i] * fmin(fmax(5.0 * x[i] + 3, 0), 6) / 6, y[i], 5);
	assert_true(y[count] == 99);
}

static void
check_elements(const NetworkKernels *k, size_t count)
{
	double		sum = 0;

	y[count] = 99;
	k->relu(x, count, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == (x[i] > 0 ? x[i] : 0));
	k->relu_backward(x, dy, count, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == (x[i] > 0 ? dy[i] : 0));
	memcpy(y, dy, count * sizeof(real));
	k->add(x, count, y);
	for (size_t i = 0; i < count; i++)
		assert_true(y[i] == x[i] + dy[i]);
	k->add_scaled(x, 3, count, y);
	for (size_t i = 0; i < count; i++)
		check("add_scaled", 1, i, 4.0 * x[i] + dy[i], y[i], 1);
	k->scale(2, count, y);
	for (size_t i = 0; i < count; i++)
		check("scale", 1, i, 8.0 * x[i] + 2.0 * dy[i], y[i], 8);
	memcpy(y, dy, count * sizeof(real));
	k->move_average(x, (real) 0.75, count, y);
	for (size_t i = 0; i < count; i++)
	{
		check("move_average", 1, i, 0.25 * x[i] + 0.75 * dy[i], y[i], 1);
		sum += (double) x[i] * x[i];
	}
	check("square_sum", 1, 0, sum, k->square_sum(x, count), sum);
	assert_true(y[count] == 99);
}

static void
check_pool(const NetworkKernels *k, int channels, int kernel, int stride, int padding, int gap)
{
	enum {HEIGHT = 6, WIDTH = 5};
	int			reach = kernel + (kernel - 1) * gap;
	PoolPass	pool = {HEIGHT, WIDTH, channels, (HEIGHT + padding - reach) / stride + 1, (WIDTH + padding - reach) / stride + 1,
	{kernel, kernel}, {stride, stride}, {padding, padding, 0, 0}, false, {gap, gap}};
	int			out = pool.out_height * pool.out_width * channels;
	PoolPlace  *where = calloc(out, sizeof(PoolPlace));
	double		back[HEIGHT * WIDTH * MOST_CHANNELS] = {0};

	for (int times = 0; times < 2; times++)
	{
		k->max_pool(&pool, x, y, times == 0 ? where : NULL);
		for (int o = 0; o < out; o++)
		{
			int			pixel = o / channels;
			double		largest = -INFINITY;
			int			place = 0;
			int			top = pixel / pool.out_width * stride - padding;
			int			left = pixel % pool.out_width * stride - padding;

			for (int w = 0; w < kernel * kernel; w++)
			{
				int			row = top + w / kernel * (gap + 1);
				int			column = left + w % kernel * (gap + 1);
				double		value = row < 0 || column < 0 ? -INFINITY : x[(row * WIDTH + column) * channels + o % channels];

				if (value > largest)
				{
					largest = value;
					place = w;
				}
			}
			assert_true(y[o] == largest);
			if (times > 0)
				continue;
			assert_int_equal(where[o], place);
			back[((top + place / kernel * (gap + 1)) * WIDTH + left + place % kernel * (gap + 1)) * channels + o % channels] += dy[o];
		}
	}
	for (int i = 0; i < HEIGHT * WIDTH * channels; i++)
		y[i] = 77;
	k->max_pool_backward(&pool, dy, where, y);
	for (int i = 0; i < HEIGHT * WIDTH * channels; i++)
		check("max_pool_backward", channels, i, back[i], y[i], 1);
	free(where);
}

static void
test_levels(void **state)
{
	int			levels = 0;

	help_fill(x, MOST, 1);
	help_fill(dy, MOST, 2);
	help_fill(a, MOST_CHANNELS, 3);
	help_fill(b, MOST_CHANNELS, 4);
	help_fill(m, MOST_CHANNELS, 5);
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		const NetworkKernels *k;

		if (!cpu_force_level(level))
			continue;
		k = network_kernels();
		levels++;
		for (int c = 0; c < 9; c++)
		{
			for (int r = 0; r < 4; r++)
			{
				help_fill(s, MOST_CHANNELS, 6);
				help_fill(t, MOST_CHANNELS, 7);
				check_rows(k, row_counts[r], channel_counts[c], false);
				help_fill(s, MOST_CHANNELS, 6);
				help_fill(t, MOST_CHANNELS, 7);
				check_rows(k, row_counts[r], channel_counts[c], true);
				check_elements(k, (size_t) row_counts[r] * channel_counts[c]);
				check_products(k, row_counts[r], channel_counts[c]);
				check_activations(k, (size_t) row_counts[r] * channel_counts[c]);
			}
			check_pool(k, channel_counts[c], 2, 2, 0, 0);
			check_pool(k, channel_counts[c], 3, 2, 0, 0);
			check_pool(k, channel_counts[c], 2, 1, 0, 0);
			check_pool(k, channel_counts[c], 1, 3, 0, 0);
			check_pool(k, channel_counts[c], 3, 2, 1, 0);
			check_pool(k, channel_counts[c], 2, 2, 1, 0);
			check_pool(k, channel_counts[c], 3, 1, 3, 1);
			check_pool(k, channel_counts[c], 2, 2, 2, 2);
		}
	}
	cpu_unforce_level();
	assert_true(levels >= 1);
	print_message("%d levels\n", levels);
}

/* Each level has a table of its own. */
static void
test_choice(void **state)
{
	assert_true(cpu_force_level(CPU_PORTABLE));
	assert_ptr_equal(network_kernels(), &network_kernels_portable);
	cpu_unforce_level();
#if defined(__x86_64__)
	if (cpu_supports(CPU_AVX512))
		assert_ptr_equal(network_kernels(), &network_kernels_avx512);
	else if (cpu_supports(CPU_AVX2))
		assert_ptr_equal(network_kernels(), &network_kernels_avx2);
#elif defined(__aarch64__)
	assert_ptr_equal(network_kernels(), &network_kernels_neon);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_choice)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
