/*
 * test_onnx.c: small ONNX files, made here by hand, against a naive computation of the same; files of libonnx-testdata, where Debian's
 * package is installed; and what is refused.
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "network_help.h"
#include "onnx_help.h"
#include "onnx_writer.h"

#define SAMPLES 2

/* ---- a graph that is written and computed at the same time --------------------------------------------------------------- */

/* A value of the graph: [SAMPLES, channels, height, width]. */
typedef struct Map
{
	char		name[16];
	int			c,
				h,
				w;
	float	   *x;
} Map;

static Bytes graph;
static int	names;
static float *made[400];
static int	made_count;

static float *
keep(float *x)
{
	assert_true(made_count < 400);
	return made[made_count++] = x;
}

static float *
numbers(size_t count, double scale)
{
	float	   *x = keep(malloc(count * sizeof(float)));
	real	   *value = malloc(count * sizeof(real));

	help_fill(value, count, (unsigned) ++names);
	for (size_t i = 0; i < count; i++)
		x[i] = (float) (value[i] * scale);
	free(value);
	return x;
}

static Map
map_make(int c, int h, int w)
{
	Map			map = {.c = c, .h = h, .w = w};

	snprintf(map.name, sizeof map.name, "v%d", ++names);
	map.x = keep(calloc((size_t) SAMPLES * c * h * w, sizeof(float)));
	return map;
}

static float *
at(const Map *map, int s, int c, int h, int w)
{
	return &map->x[((s * map->c + c) * map->h + h) * map->w + w];
}

static int
map_count(const Map *map)
{
	return SAMPLES * map->c * map->h * map->w;
}

static Map
start(int c, int h, int w)
{
	Map			map = map_make(c, h, w);

	memset(&graph, 0, sizeof graph);
	map.x = numbers((size_t) map_count(&map), 1);
	snprintf(map.name, sizeof map.name, "x");
	return map;
}

/* The name of a new initializer. */
static const char *
tensor(int rank, const int *dim, const float *x)
{
	static char name[8][16];
	static int	next;

	next = (next + 1) % 8;
	snprintf(name[next], sizeof name[next], "t%d", ++names);
	onnx_tensor(&graph, name[next], rank, dim, x);
	return name[next];
}

static const char *
whole_tensor(int count, const int64_t *value)
{
	static char name[16];

	snprintf(name, sizeof name, "t%d", ++names);
	onnx_raw_tensor(&graph, name, 7, 1, &count, value, (size_t) count * sizeof(int64_t));
	return name;
}

static const char *
join(const char *a, const char *b)
{
	static char text[4][64];
	static int	next;

	next = (next + 1) % 4;
	assert_true(strlen(a) + strlen(b) + 2 < sizeof text[next]);
	strcpy(text[next], a);
	strcat(strcat(text[next], " "), b);
	return text[next];
}

typedef struct Conv
{
	int			maps,
				kh,
				kw,
				stride,
				dilation,
				groups;
	int			pads[4];		/* top, left, bottom, right */
	bool		bias;
} Conv;

static Map
conv(Map in, Conv k)
{
	int			part = in.c / k.groups;
	Map			out = map_make(k.maps, (in.h + k.pads[0] + k.pads[2] - (k.kh - 1) * k.dilation - 1) / k.stride + 1,
							   (in.w + k.pads[1] + k.pads[3] - (k.kw - 1) * k.dilation - 1) / k.stride + 1);
	float	   *weight = numbers((size_t) k.maps * part * k.kh * k.kw, 0.5);
	float	   *bias = numbers((size_t) k.maps, 1);
	const char *inputs = join(in.name, tensor(4, (int[]) {k.maps, part, k.kh, k.kw}, weight));
	Bytes		attributes = {0};

	if (k.bias)
		inputs = join(inputs, tensor(1, &k.maps, bias));
	onnx_ints(&attributes, "pads", 4, k.pads);
	onnx_ints(&attributes, "strides", 2, (int[]) {k.stride, k.stride});
	onnx_ints(&attributes, "dilations", 2, (int[]) {k.dilation, k.dilation});
	onnx_int(&attributes, "group", k.groups);
	onnx_node(&graph, "Conv", inputs, out.name, &attributes);
	for (int s = 0; s < SAMPLES; s++)
		for (int m = 0; m < k.maps; m++)
			for (int y = 0; y < out.h; y++)
				for (int x = 0; x < out.w; x++)
				{
					double		sum = k.bias ? bias[m] : 0;

					for (int c = 0; c < part; c++)
						for (int i = 0; i < k.kh; i++)
							for (int j = 0; j < k.kw; j++)
							{
								int			row = y * k.stride - k.pads[0] + i * k.dilation;
								int			column = x * k.stride - k.pads[1] + j * k.dilation;

								if (row >= 0 && row < in.h && column >= 0 && column < in.w)
									sum += (double) weight[((m * part + c) * k.kh + i) * k.kw + j] *
										*at(&in, s, m / (k.maps / k.groups) * part + c, row, column);
							}
					*at(&out, s, m, y, x) = (float) sum;
				}
	return out;
}

static Map
plain_conv(Map in, int maps, int kernel, bool bias)
{
	return conv(in, (Conv) {.maps = maps, .kh = kernel, .kw = kernel, .stride = 1, .dilation = 1, .groups = 1, .bias = bias});
}

/* An operator on each value by itself. */
static Map
each(Map in, const char *operator, Bytes *attributes, double (*f) (double))
{
	Map			out = map_make(in.c, in.h, in.w);

	onnx_node(&graph, operator, in.name, out.name, attributes);
	for (int i = 0; i < map_count(&in); i++)
		out.x[i] = (float) f(in.x[i]);
	return out;
}

static double
relu(double x)
{
	return fmax(x, 0);
}

static double
sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

static double
same(double x)
{
	return x;
}

static double
clip6(double x)
{
	return fmin(fmax(x, 0), 6);
}

static double
hard_swish(double x)
{
	return x * fmin(fmax(x / 6 + 0.5, 0), 1);
}

static double
leaky(double x)
{
	return x < 0 ? 0.2 * x : x;
}

static double
elu(double x)
{
	return x < 0 ? 0.7 * (exp(x) - 1) : x;
}

static double
selu(double x)
{
	return 1.05070098 * (x < 0 ? 1.67326324 * (exp(x) - 1) : x);
}

static double
hard_sigmoid(double x)
{
	return fmin(fmax(0.3 * x + 0.4, 0), 1);
}

static Map
activation(Map in, const char *operator, double (*f) (double))
{
	return each(in, operator, NULL, f);
}

/* With one number, or one for each channel; the constant first, or second. */
static Map
constant(Map in, char operation, int count, double number, bool first)
{
	Map			out = map_make(in.c, in.h, in.w);
	float	   *value = numbers((size_t) count, 1);
	const char *name;
	const char *operator = operation == '+' ? "Add" : operation == '-' ? "Sub" : operation == '*' ? "Mul" : "Div";

	for (int i = 0; i < count; i++)
		value[i] = count == 1 ? (float) number : value[i] + 1.5f;
	name = count == 1 ? tensor(0, NULL, value) : tensor(3, (int[]) {count, 1, 1}, value);
	onnx_node(&graph, operator, first ? join(name, in.name) : join(in.name, name), out.name, NULL);
	for (int i = 0; i < map_count(&in); i++)
	{
		double		x = in.x[i];
		double		k = value[count == 1 ? 0 : i / (in.h * in.w) % in.c];

		out.x[i] = (float) (operation == '+' ? x + k : operation == '*' ? x * k : operation == '/' ? x / k : first ? k - x : x - k);
	}
	return out;
}

/* Of two maps; the second may be 1 x 1. */
static Map
two(Map a, Map b, char operation)
{
	Map			out = map_make(a.c, a.h, a.w);

	onnx_node(&graph, operation == '+' ? "Add" : operation == '-' ? "Sub" : "Mul", join(a.name, b.name), out.name, NULL);
	for (int s = 0; s < SAMPLES; s++)
		for (int c = 0; c < a.c; c++)
			for (int h = 0; h < a.h; h++)
				for (int w = 0; w < a.w; w++)
				{
					double		x = *at(&a, s, c, h, w);
					double		y = *at(&b, s, c, b.h > 1 ? h : 0, b.w > 1 ? w : 0);

					*at(&out, s, c, h, w) = (float) (operation == '+' ? x + y : operation == '-' ? x - y : x * y);
				}
	return out;
}

static Map
batch_norm(Map in)
{
	Map			out = map_make(in.c, in.h, in.w);
	float	   *k[4];
	const char *inputs = in.name;

	for (int i = 0; i < 4; i++)
	{
		k[i] = numbers((size_t) in.c, 1);
		for (int c = 0; i == 3 && c < in.c; c++)
			k[i][c] = k[i][c] * k[i][c] + 0.1f;
		inputs = join(inputs, tensor(1, &in.c, k[i]));
	}
	onnx_node(&graph, "BatchNormalization", inputs, out.name, NULL);
	for (int i = 0; i < map_count(&in); i++)
	{
		int			c = i / (in.h * in.w) % in.c;

		out.x[i] = (float) (k[0][c] * (in.x[i] - k[2][c]) / sqrt(k[3][c] + 1e-5) + k[1][c]);
	}
	return out;
}

/* Mean or maximum of windows, without padding; size 0: of all. */
static Map
pool(Map in, bool mean, int size, int stride)
{
	int			kh = size ? size : in.h;
	int			kw = size ? size : in.w;
	Map			out = map_make(in.c, size ? (in.h - size) / stride + 1 : 1, size ? (in.w - size) / stride + 1 : 1);
	Bytes		attributes = {0};

	if (size)
	{
		onnx_ints(&attributes, "kernel_shape", 2, (int[]) {size, size});
		onnx_ints(&attributes, "strides", 2, (int[]) {stride, stride});
	}
	onnx_node(&graph, size ? (mean ? "AveragePool" : "MaxPool") : mean ? "GlobalAveragePool" : "GlobalMaxPool", in.name, out.name, &attributes);
	for (int s = 0; s < SAMPLES; s++)
		for (int c = 0; c < in.c; c++)
			for (int h = 0; h < out.h; h++)
				for (int w = 0; w < out.w; w++)
				{
					double		sum = 0;
					double		most = -INFINITY;

					for (int i = 0; i < kh; i++)
						for (int j = 0; j < kw; j++)
						{
							sum += *at(&in, s, c, h * stride + i, w * stride + j);
							most = fmax(most, *at(&in, s, c, h * stride + i, w * stride + j));
						}
					*at(&out, s, c, h, w) = (float) (mean ? sum / (kh * kw) : most);
				}
	return out;
}

/* Windows of kh x kw pixels, some apart, with padding that is in no maximum and counts as zeros in a mean. */
static Map
pool_gaps(Map in, bool mean, int kh, int kw, int apart, int pad)
{
	Map			out = map_make(in.c, in.h + 2 * pad - (kh - 1) * apart, in.w + 2 * pad - (kw - 1) * apart);
	Bytes		attributes = {0};

	onnx_ints(&attributes, "kernel_shape", 2, (int[]) {kh, kw});
	onnx_ints(&attributes, "dilations", 2, (int[]) {apart, apart});
	onnx_ints(&attributes, "pads", 4, (int[]) {pad, pad, pad, pad});
	onnx_int(&attributes, "count_include_pad", 1);
	onnx_node(&graph, mean ? "AveragePool" : "MaxPool", in.name, out.name, &attributes);
	for (int i = 0; i < map_count(&out); i++)
	{
		double		sum = 0;
		double		most = -INFINITY;

		for (int k = 0; k < kh * kw; k++)
		{
			int			row = i / out.w % out.h - pad + k / kw * apart;
			int			column = i % out.w - pad + k % kw * apart;

			if (row < 0 || row >= in.h || column < 0 || column >= in.w)
				continue;
			sum += in.x[(i / (out.w * out.h) * in.h + row) * in.w + column];
			most = fmax(most, in.x[(i / (out.w * out.h) * in.h + row) * in.w + column]);
		}
		out.x[i] = (float) (mean ? sum / (kh * kw) : most);
	}
	return out;
}

/* [batch, channels, width, height] */
static Map
turned(Map in)
{
	Map			out = map_make(in.c, in.w, in.h);
	Bytes		attributes = {0};

	onnx_ints(&attributes, "perm", 4, (int[]) {0, 1, 3, 2});
	onnx_node(&graph, "Transpose", in.name, out.name, &attributes);
	for (int i = 0; i < map_count(&in); i++)
		out.x[(i / (in.w * in.h) * in.w + i % in.w) * in.h + i / in.w % in.h] = in.x[i];
	return out;
}

/* Over channels, and with rows over these too; kept as dimensions of 1 or not, which leaves the same numbers. */
static Map
mean_of_channels(Map in, bool rows, bool keeps)
{
	Map			out = map_make(1, rows ? 1 : in.h, in.w);
	Bytes		attributes = {0};

	onnx_ints(&attributes, "axes", rows ? 2 : 1, (int[]) {1, -2});
	onnx_int(&attributes, "keepdims", keeps);
	onnx_node(&graph, "ReduceMean", in.name, out.name, &attributes);
	for (int i = 0; i < map_count(&in); i++)
	{
		int			s = i / (in.c * in.h * in.w);

		*at(&out, s, 0, rows ? 0 : i / in.w % in.h, i % in.w) += in.x[i] / (float) (in.c * (rows ? in.h : 1));
	}
	return out;
}

/* The same numbers in the same order under another name and shape. */
static Map
moved(Map in, const char *operator, const char *more, Bytes *attributes, int c, int h, int w)
{
	Map			out = map_make(c, h, w);

	onnx_node(&graph, operator, more != NULL ? join(in.name, more) : in.name, out.name, attributes);
	memcpy(out.x, in.x, (size_t) map_count(&in) * sizeof(float));
	return out;
}

static Map
flatten(Map in)
{
	return moved(in, "Flatten", NULL, NULL, in.c * in.h * in.w, 1, 1);
}

static Map
gemm(Map in, int units, bool transposed, double alpha, double beta)
{
	Map			out = map_make(units, 1, 1);
	float	   *weight = numbers((size_t) in.c * units, 0.3);
	float	   *bias = numbers((size_t) units, 1);
	const char *inputs = join(in.name, tensor(2, transposed ? (int[]) {units, in.c} : (int[]) {in.c, units}, weight));
	Bytes		attributes = {0};

	onnx_int(&attributes, "transB", transposed);
	onnx_real(&attributes, "alpha", (float) alpha);
	onnx_real(&attributes, "beta", (float) beta);
	onnx_node(&graph, "Gemm", join(inputs, tensor(1, &units, bias)), out.name, &attributes);
	for (int s = 0; s < SAMPLES; s++)
		for (int u = 0; u < units; u++)
		{
			double		sum = 0;

			for (int i = 0; i < in.c; i++)
				sum += (double) in.x[s * in.c + i] * weight[transposed ? u * in.c + i : i * units + u];
			out.x[s * units + u] = (float) (alpha * sum + beta * bias[u]);
		}
	return out;
}

static Map
concat(Map a, Map b)
{
	Map			out = map_make(a.c + b.c, a.h, a.w);
	Bytes		attributes = {0};
	size_t		run_a = (size_t) a.c * a.h * a.w;
	size_t		run_b = (size_t) b.c * b.h * b.w;

	onnx_int(&attributes, "axis", 1);
	onnx_node(&graph, "Concat", join(a.name, b.name), out.name, &attributes);
	for (int s = 0; s < SAMPLES; s++)
	{
		memcpy(out.x + s * (run_a + run_b), a.x + s * run_a, run_a * sizeof(float));
		memcpy(out.x + s * (run_a + run_b) + run_a, b.x + s * run_b, run_b * sizeof(float));
	}
	return out;
}

static Map
unit_length(Map in)
{
	Map			out = map_make(in.c, in.h, in.w);
	int			values = map_count(&in) / SAMPLES;

	for (int i = 0; i < map_count(&in); i++)
	{
		double		sum = 0;

		for (int k = 0; k < values; k++)
			sum += (double) in.x[i / values * values + k] * in.x[i / values * values + k];
		out.x[i] = (float) (in.x[i] / sqrt(sum));
	}
	return out;
}

/* Imports what was written, runs it, compares. */
static void
check_with(Map in, Map out, const OnnxOptions *options)
{
	Bytes		file;
	float	   *result;
	int			values;
	Status		status;
	Outcome		outcome;
	double		typical = 0;

	onnx_node(&graph, "Identity", out.name, "y", NULL);
	file = onnx_file(&graph, 4, (int[]) {-1, in.c, in.h, in.w}, 13);
	outcome = onnx_run(file.start, file.length, options, in.x, SAMPLES, &result, &values, &status);
	if (outcome != OUTCOME_RUN)
		fail_msg("%s", status.detail);
	assert_int_equal(values * SAMPLES, map_count(&out));
	for (int i = 0; i < map_count(&out); i++)
		typical += fabs(out.x[i]) / map_count(&out);
	for (int i = 0; i < map_count(&out); i++)
		if (!(fabs(result[i] - out.x[i]) <= 2e-5 * (typical + fabs(out.x[i]))))
			fail_msg("value %d is %g, not %g", i, result[i], out.x[i]);
	free(result);
	bytes_free(&file);
	for (int i = 0; i < made_count; i++)
		free(made[i]);
	made_count = 0;
	assert_int_equal(test_host_outstanding(), 0);
}

static void
check(Map in, Map out)
{
	check_with(in, out, &(OnnxOptions) {0});
}

/* ---- tests ------------------------------------------------------------------------------------------------------------- */

static void
test_convolutions(void **state)
{
	static const Conv convs[] = {
		{.maps = 4, .kh = 3, .kw = 3, .stride = 1, .dilation = 1, .groups = 1, .bias = true},
		{.maps = 6, .kh = 3, .kw = 2, .stride = 2, .dilation = 1, .groups = 1, .pads = {1, 1, 1, 1}, .bias = false},
		{.maps = 6, .kh = 3, .kw = 3, .stride = 1, .dilation = 1, .groups = 3, .pads = {1, 1, 1, 1}, .bias = true},
		{.maps = 3, .kh = 5, .kw = 5, .stride = 1, .dilation = 1, .groups = 3, .pads = {2, 2, 2, 2}, .bias = true},
		{.maps = 6, .kh = 3, .kw = 3, .stride = 1, .dilation = 2, .groups = 1, .pads = {2, 2, 2, 2}, .bias = true},
		{.maps = 3, .kh = 3, .kw = 3, .stride = 2, .dilation = 1, .groups = 3, .pads = {0, 1, 1, 0}, .bias = true},
		{.maps = 40, .kh = 3, .kw = 3, .stride = 1, .dilation = 1, .groups = 1, .pads = {1, 1, 1, 1}, .bias = true}
	};

	for (size_t i = 0; i < sizeof convs / sizeof convs[0]; i++)
	{
		Map			in = start(3, 9, 8);

		check(in, conv(in, convs[i]));
	}
}

/* What follows a convolution goes into it, or stays; a padded one must not take a shift. */
static void
test_numbers(void **state)
{
	static const Conv padded = {.maps = 3, .kh = 3, .kw = 3, .stride = 1, .dilation = 1, .groups = 1, .pads = {1, 1, 1, 1}, .bias = true};
	Map			in = start(3, 6, 6);
	Map			a;

	check(in, constant(constant(plain_conv(in, 4, 3, false), '*', 4, 0, false), '+', 4, 0, true));
	in = start(3, 6, 6);
	check(in, conv(constant(constant(in, '-', 3, 0, false), '/', 3, 0, false), padded));
	in = start(3, 6, 6);
	check(in, conv(constant(constant(in, '-', 1, 0.4, false), '/', 1, 0.3, false), padded));
	in = start(3, 6, 6);
	check(in, plain_conv(constant(constant(in, '*', 1, -2, false), '-', 1, 3, true), 2, 2, true));
	in = start(3, 6, 6);
	check(in, constant(constant(batch_norm(plain_conv(in, 4, 3, true)), '*', 4, 0, false), '+', 1, 2, false));
	in = start(3, 6, 6);
	check(in, activation(constant(plain_conv(in, 4, 3, true), '*', 1, -2, false), "Relu", relu));
	in = start(3, 6, 6);
	a = plain_conv(in, 4, 3, true);
	check(in, two(constant(a, '*', 4, 0, false), constant(a, '+', 4, 0, false), '-'));
	in = start(3, 6, 6);
	a = plain_conv(in, 4, 3, true);
	check(in, two(constant(a, '*', 1, 3, false), constant(a, '+', 1, 1, false), '+'));
	in = start(3, 6, 6);
	a = plain_conv(in, 4, 3, true);
	check(in, pool(constant(constant(a, '*', 1, -3, false), '+', 1, 1, false), false, 2, 2));
}

static void
test_activations(void **state)
{
	struct
	{
		const char *operator;
		const char *name;
		double		number;
		const char *second;
		double		second_number;
		double		(*f) (double);
	}			cases[] = {
		{"Relu", NULL, 0, NULL, 0, relu}, {"Sigmoid", NULL, 0, NULL, 0, sigmoid}, {"Tanh", NULL, 0, NULL, 0, tanh},
		{"LeakyRelu", "alpha", 0.2, NULL, 0, leaky}, {"Elu", "alpha", 0.7, NULL, 0, elu}, {"Selu", NULL, 0, NULL, 0, selu},
		{"HardSigmoid", "alpha", 0.3, "beta", 0.4, hard_sigmoid}, {"HardSwish", NULL, 0, NULL, 0, hard_swish},
		{"Clip", "min", 0, "max", 6, clip6}, {"Identity", NULL, 0, NULL, 0, same}, {"Dropout", NULL, 0, NULL, 0, same}
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
	{
		Map			in = start(3, 5, 5);
		Bytes		attributes = {0};

		if (cases[i].name != NULL)
			onnx_real(&attributes, cases[i].name, (float) cases[i].number);
		if (cases[i].second != NULL)
			onnx_real(&attributes, cases[i].second, (float) cases[i].second_number);
		check(in, each(constant(plain_conv(in, 4, 2, true), '*', 1, 8, false), cases[i].operator, &attributes, cases[i].f));
	}
}

/* x * clip(x + 3, 0, 6) / 6 in two orders, and with hard sigmoid. */
static void
test_hard_swish(void **state)
{
	for (int order = 0; order < 3; order++)
	{
		Map			in = start(3, 5, 5);
		Map			a = constant(plain_conv(in, 4, 2, true), '*', 4, 0, false);
		Map			b;
		Map			out;
		Bytes		attributes = {0};

		if (order == 2)
		{
			onnx_real(&attributes, "alpha", 1.0f / 6);
			b = each(a, "HardSigmoid", &attributes, sigmoid);
		}
		else
		{
			onnx_real(&attributes, "min", 0);
			onnx_real(&attributes, "max", 6);
			b = each(constant(a, '+', 1, 3, false), "Clip", &attributes, clip6);
		}
		if (order == 0)
			b = constant(b, '/', 1, 6, false);
		out = two(a, b, '*');
		if (order == 1)
			out = constant(out, '/', 1, 6, false);
		for (int i = 0; i < map_count(&out); i++)
			out.x[i] = (float) hard_swish(a.x[i]);
		check(in, out);
	}
}

/* Squeeze and excitation in a residual block, with concat. */
static void
test_graph(void **state)
{
	static const Conv padded = {.maps = 8, .kh = 3, .kw = 3, .stride = 1, .dilation = 1, .groups = 1, .pads = {1, 1, 1, 1}, .bias = true};
	Map			in = start(3, 6, 7);
	Map			a = activation(batch_norm(conv(in, padded)), "Relu", relu);
	Map			b = activation(conv(a, padded), "Relu", relu);
	Map			gate = activation(plain_conv(activation(plain_conv(pool(b, true, 0, 1), 4, 1, true), "Relu", relu), 8, 1, true), "Sigmoid", sigmoid);
	Map			c = two(two(b, gate, '*'), a, '+');

	check(in, gemm(flatten(pool(concat(c, pool(a, false, 1, 1)), false, 2, 2)), 5, false, 1, 1));
}

/* A flattened map's channels come first in ONNX. */
static void
test_dense(void **state)
{
	int64_t		shape[] = {0, -1};
	Map			in = start(3, 4, 5);

	check(in, gemm(flatten(in), 7, false, 1, 1));
	in = start(3, 4, 5);
	check(in, gemm(flatten(plain_conv(in, 2, 2, true)), 7, true, 0.5, -2));
	in = start(3, 4, 5);
	check(in, gemm(moved(constant(in, '+', 1, 2, false), "Reshape", whole_tensor(2, shape), NULL, 60, 1, 1), 7, true, 1, 1));
	in = start(3, 4, 5);
	check(in, constant(activation(gemm(flatten(in), 7, false, 1, 1), "Relu", relu), '*', 1, 3, false));
}

/* Windows with gaps, of maps whose rows and columns were exchanged, and means of channels. */
static void
test_windows(void **state)
{
	static const Conv uneven = {.maps = 4, .kh = 3, .kw = 2, .stride = 2, .dilation = 1, .groups = 1, .pads = {1, 0, 2, 1}, .bias = true};
	static const Conv own = {.maps = 3, .kh = 2, .kw = 3, .stride = 1, .dilation = 2, .groups = 3, .pads = {0, 1, 1, 2}, .bias = true};

	for (int mean = 0; mean < 2; mean++)
	{
		Map			in = start(3, 7, 9);

		check(in, pool_gaps(plain_conv(in, 4, 2, true), mean, 3, 2, 2, 1));
		in = start(3, 7, 9);
		check(in, turned(pool_gaps(turned(in), mean, 3, 2, 2, 1)));
		in = start(3, 7, 9);
		check(in, gemm(flatten(pool_gaps(conv(turned(conv(turned(in), own)), uneven), mean, 2, 1, 1, 0)), 4, false, 1, 1));
		in = start(3, 7, 9);
		check(in, mean_of_channels(constant(plain_conv(in, 5, 3, true), '*', 1, 3, false), mean, true));
		in = start(3, 7, 9);
		check(in, mean_of_channels(activation(plain_conv(in, 5, 3, true), "Relu", relu), mean, false));
	}
}

/* Shape -> Gather -> Concat with -1 -> Reshape. */
static void
test_shape_chain(void **state)
{
	int64_t		zero = 0;
	int64_t		minus = -1;
	Map			in = start(3, 4, 5);
	Map			a = plain_conv(in, 2, 2, true);
	Bytes		axes = {0};
	Bytes		axis = {0};
	char		names_of[64];

	onnx_node(&graph, "Shape", a.name, "shape", NULL);
	onnx_node(&graph, "Gather", join("shape", whole_tensor(1, &zero)), "first", NULL);
	onnx_ints(&axes, "axes", 1, (int[]) {0});
	onnx_node(&graph, "Squeeze", "first", "scalar", &axes);
	onnx_ints(&axes, "axes", 1, (int[]) {0});
	onnx_node(&graph, "Unsqueeze", "scalar", "again", &axes);
	onnx_int(&axis, "axis", 0);
	snprintf(names_of, sizeof names_of, "again %s", whole_tensor(1, &minus));
	onnx_node(&graph, "Concat", names_of, "target", &axis);
	check(in, gemm(moved(a, "Reshape", "target", NULL, 24, 1, 1), 3, false, 1, 1));
}

/* Lengths by ReduceL2 and Div, by LpNormalization, and by squares. */
static void
test_lengths(void **state)
{
	for (int way = 0; way < 3; way++)
	{
		Map			in = start(3, 4, 4);
		Map			a = gemm(flatten(in), 6, false, 1, 1);
		Map			out = unit_length(a);
		Bytes		attributes = {0};
		float		least = 1e-12f;
		int			one = 1;

		if (way == 0)
		{
			onnx_int(&attributes, "axis", 1);
			onnx_node(&graph, "LpNormalization", a.name, out.name, &attributes);
		}
		else if (way == 1)
		{
			onnx_ints(&attributes, "axes", 1, &one);
			onnx_node(&graph, "ReduceL2", a.name, "l", &attributes);
			onnx_node(&graph, "Clip", join("l", tensor(0, NULL, &least)), "m", NULL);
			onnx_node(&graph, "Div", join(a.name, "m"), out.name, NULL);
		}
		else
		{
			onnx_node(&graph, "Mul", join(a.name, a.name), "q", NULL);
			onnx_ints(&attributes, "axes", 1, &one);
			onnx_node(&graph, "ReduceSum", "q", "r", &attributes);
			onnx_node(&graph, "Sqrt", "r", "l", NULL);
			onnx_node(&graph, "Div", join(a.name, "l"), out.name, NULL);
		}
		check(in, out);
	}
}

/* Weights as float16, and as int8 with a scale for each map. */
static void
test_weight_types(void **state)
{
	static const uint16_t half[] = {0x3C00, 0xC000, 0x3555, 0x0001};	/* 1, -2, 0.333252, 2^-24 */
	static const int8_t bytes[] = {100, -100, 3, -128};
	static const int8_t zero[] = {10, 0};
	int			dim[] = {2, 2, 1, 1};
	int			two_of = 2;

	for (int way = 0; way < 2; way++)
	{
		Map			in = start(2, 3, 3);
		Map			out = map_make(2, 3, 3);
		double		weight[4] = {1, -2, 0.333251953125, 5.9604644775390625e-8};
		float		scale[] = {0.5f, 0.25f};
		Bytes		attributes = {0};

		if (way == 0)
			onnx_raw_tensor(&graph, "w", 10, 4, dim, half, sizeof half);
		else
		{
			char		inputs[64];

			onnx_raw_tensor(&graph, "q", 3, 4, dim, bytes, sizeof bytes);
			onnx_raw_tensor(&graph, "z", 3, 1, &two_of, zero, sizeof zero);
			snprintf(inputs, sizeof inputs, "q %s z", tensor(1, &two_of, scale));
			onnx_int(&attributes, "axis", 0);
			onnx_node(&graph, "DequantizeLinear", inputs, "w", &attributes);
			for (int i = 0; i < 4; i++)
				weight[i] = (bytes[i] - zero[i / 2]) * (double) scale[i / 2];
		}
		onnx_node(&graph, "Conv", join(in.name, "w"), out.name, NULL);
		for (int s = 0; s < SAMPLES; s++)
			for (int m = 0; m < 2; m++)
				for (int p = 0; p < 9; p++)
					*at(&out, s, m, p / 3, p % 3) = (float) (weight[2 * m] * *at(&in, s, 0, p / 3, p % 3) +
															 weight[2 * m + 1] * *at(&in, s, 1, p / 3, p % 3));
		check(in, out);
	}
}

/* The file takes blue, green, red: what it computes of that is what ours computes of red, green, blue. */
static void
test_reversal(void **state)
{
	for (int way = 0; way < 2; way++)
	{
		Map			in = start(3, 4, 4);
		Map			out = plain_conv(way == 0 ? in : activation(in, "Relu", relu), 4, 3, true);
		Map			turned = map_make(3, 4, 4);

		for (int i = 0; i < map_count(&in); i++)
			turned.x[i] = *at(&in, i / 48, 2 - i / 16 % 3, i % 16 / 4, i % 4);
		check_with(turned, out, &(OnnxOptions) {.reverse_channels = true});
	}
}

/* Each allocation fails once: an error, and nothing is lost. */
static void
test_memory(void **state)
{
	Map			in = start(3, 4, 5);
	Map			out = gemm(flatten(constant(batch_norm(plain_conv(in, 2, 2, true)), '+', 2, 0, false)), 3, true, 1, 1);
	Bytes		file;
	OnnxOptions options = {0};
	OnnxNetwork network;
	Status		status;
	bool		done = false;
	long		fails = 0;

	onnx_node(&graph, "Identity", out.name, "y", NULL);
	file = onnx_file(&graph, 4, (int[]) {1, 3, 4, 5}, 17);
	for (; !done; fails++)
	{
		Host	   *host = test_host();

		test_host_fail_after(fails);
		done = onnx_import(file.start, file.length, &options, host, &network, &status);
		if (!done)
			assert_int_equal(status.code, STATUS_NO_MEMORY);
		else
			onnx_release(host, &network);
		assert_int_equal(test_host_outstanding(), 0);
	}
	assert_true(fails > 20);
	for (int asked = 0; asked < 3; asked++)
	{
		Host	   *host = test_host();

		test_host_interrupt_after(asked);
		assert_false(onnx_import(file.start, file.length, &options, host, &network, &status));
		assert_int_equal(status.code, STATUS_INTERRUPTED);
		assert_int_equal(test_host_outstanding(), 0);
	}
	bytes_free(&file);
	for (int i = 0; i < made_count; i++)
		free(made[i]);
	made_count = 0;
	test_host();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_convolutions), cmocka_unit_test(test_numbers), cmocka_unit_test(test_activations),
		cmocka_unit_test(test_hard_swish), cmocka_unit_test(test_graph), cmocka_unit_test(test_dense), cmocka_unit_test(test_windows), cmocka_unit_test(test_shape_chain),
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_weight_types), cmocka_unit_test(test_reversal),
		cmocka_unit_test(test_memory)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
