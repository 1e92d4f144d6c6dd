/*
 * test_network_conv.c: every method of convolution, both passes, at every level of kernels, against plain loops in double;
 * test_double_conv.c runs the same in double precision, where an error of the method cannot hide behind rounding.
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
#include "common/random.h"
#include "host.h"
#include "network/conv_internal.h"
#include "network/network_internal.h"
#include "network_help.h"

/* Of the root mean square of the expected values.  Winograd's points up to 2 and 1/2 cost a digit. */
#ifdef REAL_IS_DOUBLE
#define TOLERANCE 1e-11
#define WINOGRAD_TOLERANCE 1e-11
#else
#define TOLERANCE 2e-5
#define WINOGRAD_TOLERANCE 1e-4
#endif

#define BETWEEN(random, least, most) ((int) (least) + (int) random_below(random, (most) - (least) + 1))

static const ConvMethod *const methods[] = {&conv_patches, &conv_direct, &conv_depthwise, &conv_fourier, &conv_winograd};

/* One convolution after one of 1 x 1, which only makes the number of channels. */
typedef struct Case
{
	Network    *network;
	const NetworkLayer *layer;
	int			n;
	char		text[400];
	real	   *weights;
	real	   *packed;
	real	   *input;			/* of the layer */
	real	   *output_gradient;			/* of its output */
	double	   *output;			/* expected, before anything that follows */
	double	   *input_gradient;
	double	   *gradient;
} Case;

static size_t
input_place(const NetworkLayer *layer, int sample, int y, int x)
{
	return (((size_t) sample * layer->in.height + y) * layer->in.width + x) * layer->in.channels;
}

/* Plain loops: the formula and its derivatives. */
static void
expect(Case *c)
{
	const NetworkLayer *layer = c->layer;
	const ConvSettings *conv = &layer->settings.conv;
	const real *weights = c->weights + layer->parameter_offset;
	int			in = layer->in.channels / conv->groups;
	int			maps = conv->maps / conv->groups;
	size_t		pixel = 0;

	for (int sample = 0; sample < c->n; sample++)
	{
		for (int place = 0; place < (int) shape_pixels(layer->out); place++, pixel++)
		{
			const real *output_gradient = c->output_gradient + pixel * conv->maps;
			double	   *output = c->output + pixel * conv->maps;

			for (int map = 0; map < conv->maps && conv->bias; map++)
			{
				output[map] = weights[layer->decay_count + map];
				c->gradient[layer->decay_count + map] += output_gradient[map];
			}
			for (int tap = 0; tap < conv->kernel[0] * conv->kernel[1]; tap++)
			{
				int			y = place / layer->out.width * conv->stride[0] - conv->padding[0] + tap / conv->kernel[1] * conv->dilation[0];
				int			x = place % layer->out.width * conv->stride[1] - conv->padding[1] + tap % conv->kernel[1] * conv->dilation[1];

				if (y < 0 || y >= layer->in.height || x < 0 || x >= layer->in.width)
					continue;
				for (int channel = 0; channel < layer->in.channels; channel++)
				{
					int			group = channel / in;
					size_t		from = input_place(layer, sample, y, x) + channel;
					size_t		row = (((size_t) group * conv->kernel[0] * conv->kernel[1] + tap) * in + channel % in) * maps;

					for (int map = 0; map < maps; map++)
					{
						output[group * maps + map] += (double) c->input[from] * weights[row + map];
						c->gradient[row + map] += (double) c->input[from] * output_gradient[group * maps + map];
						c->input_gradient[from] += (double) weights[row + map] * output_gradient[group * maps + map];
					}
				}
			}
		}
	}
}

static void
start(Case *c, const char *input, int channels, const char *conv, int n)
{
	size_t		count;

	snprintf(c->text, sizeof(c->text),
			 "{'input':{%s},'layers':[{'type':'conv','maps':%d,'kernel':1},{'type':'conv',%s},{'type':'global_mean'}]}",
			 input, channels, conv);
	c->network = help_network(c->text);
	c->layer = &c->network->layers[1];
	c->n = n;
	count = network_weight_count(c->network);
	c->weights = calloc(count, sizeof(real));
	c->packed = NULL;
	c->input = calloc(n * shape_values(c->layer->in), sizeof(real));
	c->output_gradient = calloc(n * shape_values(c->layer->out), sizeof(real));
	c->output = calloc(n * shape_values(c->layer->out), sizeof(double));
	c->input_gradient = calloc(n * shape_values(c->layer->in), sizeof(double));
	c->gradient = calloc(c->layer->parameter_count, sizeof(double));
	help_fill(c->weights, count, 4);
	help_fill(c->input, n * shape_values(c->layer->in), 5);
	help_fill(c->output_gradient, n * shape_values(c->layer->out), 6);
	expect(c);
}

static void
finish(Case *c)
{
	network_destroy(c->network);
	free(c->weights);
	free(c->input);
	free(c->output_gradient);
	free(c->output);
	free(c->input_gradient);
	free(c->gradient);
}

static void
check(const Case *c, const ConvMethod *method, const char *what, size_t count, const double *expected, const real *found)
{
	double		square = 0;
	double		tolerance = method == &conv_winograd ? WINOGRAD_TOLERANCE : TOLERANCE;

	for (size_t i = 0; i < count; i++)
		square += expected[i] * expected[i];
	for (size_t i = 0; i < count; i++)
	{
		if (!(fabs(expected[i] - found[i]) <= tolerance * sqrt(square / count)))
			fail_msg("%s, level %s, %s: value %zu of %zu is %.9g, expected %.9g, typical %.3g\n%s", method->name,
					 cpu_level_name(cpu_level()), what, i, count, (double) found[i], expected[i], sqrt(square / count), c->text);
	}
}

/* Memory followed by a guard for check_guard(). */
static real *
guarded(size_t count)
{
	real	   *values = test_host()->allocate(NULL, (count + 16) * sizeof(real));

	for (size_t i = 0; i < count + 16; i++)
		values[i] = 77;
	return values;
}

static void
release(real *values, size_t count)
{
	for (size_t i = count; i < count + 16; i++)
		assert_true(values[i] == 77);
	host_release(test_host(), values);
}

static void
run(const Case *c, const ConvMethod *method)
{
	NetworkLayer layer = *c->layer;
	bool		chosen = (layer.plan.method = method) != NULL;
	size_t		packed = chosen && method->packed != NULL ? method->packed(&layer) : 0;
	size_t		scratch = method->scratch(&layer, c->n, true);
	size_t		inference_scratch = method->scratch(&layer, c->n, false);
	size_t		in = c->n * shape_values(layer.in);
	size_t		out = c->n * shape_values(layer.out);
	size_t		parameters = layer.parameter_offset + layer.parameter_count;
	real	   *inference = guarded(inference_scratch);
	LayerPass	pass = {
		.host = test_host(), .layer = &layer, .kernels = network_kernels(), .n = c->n, .weights = c->weights, .input = c->input,
		.output = guarded(out), .scratch = inference, .output_gradient = c->output_gradient, .input_gradient = guarded(in),
		.gradient = guarded(parameters)
	};
	real	   *prepared = guarded(packed);
	real	   *training = guarded(scratch);
	real	   *again = guarded(parameters);
	double		difference = 0;

	if (packed > 0)
		method->pack(&layer, c->weights + layer.parameter_offset, prepared);
	pass.packed = prepared;
	method->forward(&pass);
	check(c, method, "output", out, c->output, pass.output);
	layer.plan.fuses_relu = true;
	method->forward(&pass);
	for (size_t i = 0; i < out; i++)
		c->output[i] = fmax(c->output[i], 0);
	check(c, method, "output with ReLU", out, c->output, pass.output);

	/* gradients are added to what is there */
	pass.training = true;
	pass.packed = NULL;
	pass.scratch = training;
	for (size_t i = 0; i < parameters; i++)
		pass.gradient[i] = again[i] = 0;
	method->backward(&pass);
	check(c, method, "input's gradient", in, c->input_gradient, pass.input_gradient);
	check(c, method, "gradient", layer.parameter_count, c->gradient, pass.gradient + layer.parameter_offset);
	memcpy(again, pass.gradient, parameters * sizeof(real));
	release(pass.input_gradient, in);
	pass.input_gradient = NULL;
	method->backward(&pass);
	for (size_t i = 0; i < parameters; i++)
		difference += fabs(pass.gradient[i] - 2 * (double) again[i]) - TOLERANCE * fabs(again[i]);
	assert_true(difference < TOLERANCE * parameters);

	release(pass.output, out);
	release(pass.gradient, parameters);
	release(again, parameters);
	release(inference, inference_scratch);
	release(training, scratch);
	release(prepared, packed);
}

static void
run_all(const char *input, int channels, const char *conv, int n)
{
	Case		c;
	int			methods_tried = 0;

	start(&c, input, channels, conv, n);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		if (!methods[i]->fits(c.layer))
			continue;
		methods_tried++;
		for (int level = 0; level < CPU_LEVEL_COUNT; level++)
		{
			double	   *kept;
			size_t		size = n * shape_values(c.layer->out) * sizeof(double);

			if (!cpu_force_level(level))
				continue;
			kept = malloc(size);
			memcpy(kept, c.output, size);
			run(&c, methods[i]);
			memcpy(c.output, kept, size);
			free(kept);
		}
		cpu_unforce_level();
	}
	assert_true(methods_tried > 0);
	finish(&c);
}

/* The shapes of the built-in networks, with fewer channels, and the edges of each method. */
static void
test_shapes(void **state)
{
	static const struct
	{
		int			height;
		int			width;
		int			channels;
		const char *conv;
		int			n;
	}			shapes[] = {
		{40, 40, 1, "'maps':32,'kernel':3,'padding':1", 2},
		{20, 20, 32, "'maps':64,'kernel':3,'padding':1,'bias':false", 1},
		{10, 10, 64, "'maps':33,'kernel':3,'padding':1", 3},
		{5, 5, 40, "'maps':64,'kernel':3,'padding':1", 3},
		{4, 4, 172, "'maps':172,'kernel':3,'padding':1", 2},
		{5, 3, 172, "'maps':176,'kernel':3,'padding':1", 2},
		{13, 11, 24, "'maps':40,'kernel':3,'padding':1,'stride':2", 2},
		{20, 5, 24, "'maps':33,'kernel':3,'padding':1,'stride':[1,2]", 2},
		{9, 11, 72, "'maps':40,'kernel':1", 3},
		{30, 31, 1, "'maps':64,'kernel':10", 2},
		{48, 48, 16, "'maps':35,'kernel':7", 1},
		{21, 21, 33, "'maps':32,'kernel':4", 2},
		{9, 9, 64, "'maps':32,'kernel':4", 5},
		{35, 40, 1, "'maps':96,'kernel':11,'stride':4", 2},
		{18, 26, 24, "'maps':40,'kernel':5,'padding':2", 1},
		{11, 11, 32, "'maps':32,'kernel':5", 2},
		{7, 7, 32, "'maps':48,'kernel':5", 9},
		{3, 3, 5, "'maps':3,'kernel':3", 1},
		{1, 1, 3, "'maps':1,'kernel':1", 1},
		{1, 9, 4, "'maps':6,'kernel':[1,4],'padding':[0,2]", 2},
		{13, 17, 12, "'maps':6,'kernel':3,'groups':3,'padding':2", 2},
		{13, 17, 3, "'maps':4,'kernel':[4,2],'stride':[2,3],'padding':[3,1]", 2},
		{13, 17, 5, "'maps':4,'kernel':3,'dilation':[2,3],'padding':[2,3]", 2},
		{13, 17, 6, "'maps':8,'kernel':3,'dilation':2,'groups':2,'padding':[1,2,0,4],'stride':2", 2},
		{12, 12, 40, "'maps':33,'kernel':3,'padding':[0,0,1,1]", 2},
		{12, 12, 33, "'maps':32,'kernel':3,'padding':[1,2,0,0],'stride':2", 2},
		{12, 14, 32, "'maps':32,'kernel':7,'padding':[4,3,2,1]", 2},
		{9, 11, 8, "'maps':7,'kernel':1,'padding':0", 2},
		{14, 15, 32, "'maps':32,'kernel':3,'padding':1,'groups':32", 2},
		{14, 15, 24, "'maps':24,'kernel':3,'padding':[0,0,1,1],'stride':2,'groups':24,'bias':false", 2},
		{14, 15, 37, "'maps':37,'kernel':5,'padding':2,'groups':37", 2},
		{14, 15, 8, "'maps':8,'kernel':5,'padding':[1,2,2,1],'stride':2,'groups':8", 3},
		{14, 15, 3, "'maps':3,'kernel':3,'padding':1,'groups':3", 2},
		{14, 15, 12, "'maps':24,'kernel':3,'padding':1,'groups':12,'stride':2", 2},
		{14, 15, 7, "'maps':21,'kernel':3,'padding':1,'groups':7", 2},
		{14, 15, 20, "'maps':20,'kernel':3,'padding':2,'dilation':2,'groups':20", 2},
		{14, 15, 20, "'maps':20,'kernel':[2,3],'padding':[1,4,0,5],'dilation':[2,3],'stride':[2,1],'groups':20", 2},
		{4, 4, 18, "'maps':18,'kernel':[7,4],'padding':[6,3],'groups':18", 2},
		{2, 3, 33, "'maps':33,'kernel':5,'padding':4,'groups':33", 2},
		{7, 7, 65, "'maps':65,'kernel':7,'padding':3,'groups':65", 1},
		{40, 3, 16, "'maps':16,'kernel':[3,1],'groups':16", 1}
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
	{
		char		input[64];

		snprintf(input, sizeof(input), "'height':%d,'width':%d", shapes[i].height, shapes[i].width);
		run_all(input, shapes[i].channels, shapes[i].conv, shapes[i].n);
	}
}

static void
test_random(void **state)
{
	Random		random = random_stream(7, 1);

	for (int i = 0; i < 100; i++)
	{
		bool		depthwise = i >= 60;
		int			kernel[2] = {BETWEEN(&random, 1, 11), BETWEEN(&random, 1, 11)};
		bool		square = BETWEEN(&random, 0, 2) > 0;
		int			stride = BETWEEN(&random, 0, 3) == 0 ? 2 : 1;
		int			groups = depthwise ? BETWEEN(&random, 2, 40) : BETWEEN(&random, 0, 5) == 0 ? 2 : 1;
		int			dilation = i >= 50 && BETWEEN(&random, 0, 2) == 0 ? 2 : 1;
		char		conv[200];
		char		input[64];

		if (square)
			kernel[1] = kernel[0];
		snprintf(input, sizeof(input), "'height':%d,'width':%d", (kernel[0] - 1) * dilation + 1 + BETWEEN(&random, 0, 14),
				 (kernel[1] - 1) * dilation + 1 + BETWEEN(&random, 0, 14));
		snprintf(conv, sizeof(conv),
				 "'maps':%d,'kernel':[%d,%d],'stride':%d,'dilation':%d,'padding':[%d,%d,%d,%d],'groups':%d,'bias':%s",
				 groups * (depthwise ? BETWEEN(&random, 0, 3) / 3 + 1 : BETWEEN(&random, 1, 40)), kernel[0], kernel[1], stride,
				 dilation, BETWEEN(&random, 0, (kernel[0] - 1) / 2), BETWEEN(&random, 0, (kernel[1] - 1) / 2),
				 BETWEEN(&random, 0, (kernel[0] - 1) / 2), BETWEEN(&random, 0, (kernel[1] - 1) / 2), groups,
				 BETWEEN(&random, 0, 1) ? "true" : "false");
		run_all(input, groups * (depthwise ? 1 : BETWEEN(&random, 1, 40)), conv, BETWEEN(&random, 1, 5));
	}
}

/* Which method computes what: depthwise ones never as products of one column, and 1 x 1 without patches. */
static void
test_choice(void **state)
{
	static const struct
	{
		int			side;
		int			channels;
		const char *conv;
		const ConvMethod *method;
	}			choices[] = {
		{14, 32, "'maps':32,'kernel':3,'groups':32", &conv_depthwise},
		{14, 8, "'maps':16,'kernel':5,'groups':8,'stride':2", &conv_depthwise},
		{14, 32, "'maps':32,'kernel':3,'groups':16", &conv_patches},
		{14, 3, "'maps':32,'kernel':3,'dilation':2", &conv_patches},
		{14, 32, "'maps':64,'kernel':1", &conv_direct},
		{7, 32, "'maps':64,'kernel':1", &conv_direct},
		{1, 32, "'maps':64,'kernel':1", &conv_patches}
	};

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
	{
		Case		c;
		char		input[64];

		snprintf(input, sizeof(input), "'height':%d,'width':%d", choices[i].side, choices[i].side);
		start(&c, input, choices[i].channels, choices[i].conv, 1);
		assert_string_equal(c.layer->plan.method->name, choices[i].method->name);
		finish(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_random)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
