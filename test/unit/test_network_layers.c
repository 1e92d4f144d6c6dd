/*
 * test_network_layers.c: each layer forward against plain loops that follow its formula.
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
#include "host.h"
#include "network/network_internal.h"
#include "network_help.h"

#define SAMPLES 3

/* A network, its weights, an input, and its output at inference or in training. */
typedef struct Run
{
	Network    *network;
	real	   *weights;
	real	   *input;
	real	   *output;
	NetworkWorkspace *workspace;
} Run;

static Run
start(const char *text)
{
	Run			run;
	Status		status;
	size_t		count;

	run.network = help_network(text);
	count = network_weight_count(run.network);
	run.weights = calloc(count, sizeof(real));
	run.input = calloc((size_t) SAMPLES * network_input_values(run.network), sizeof(real));
	run.output = calloc((size_t) SAMPLES * network_dimensions(run.network), sizeof(real));
	run.workspace = network_workspace_create(run.network, SAMPLES, true, test_host(), &status);
	assert_non_null(run.workspace);
	help_fill(run.weights, count, 4);
	help_fill(run.input, (size_t) SAMPLES * network_input_values(run.network), 5);
	return run;
}

static void
infer(Run *run)
{
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(run->network, SAMPLES, false, test_host(), &status);

	assert_true(network_forward(run->network, run->weights, workspace, run->input, SAMPLES, run->output, &status));
	network_workspace_destroy(workspace);
}

static void
finish(Run *run)
{
	network_workspace_destroy(run->workspace);
	network_destroy(run->network);
	free(run->weights);
	free(run->input);
	free(run->output);
}

/* The first layer's convolution becomes the identity, so that the next layer sees the input. */
static void
pass_through(Run *run)
{
	int			channels = run->network->layers[0].out.channels;

	memset(run->weights, 0, (size_t) channels * channels * sizeof(real));
	for (int c = 0; c < channels; c++)
		run->weights[c * channels + c] = 1;
}

static void
check(const char *name, size_t i, double expected, double found)
{
	if (!(fabs(expected - found) <= 2e-5 * fmax(1, fabs(expected))))
		fail_msg("%s: value %zu is %.8g, expected %.8g", name, i, found, expected);
}

static double
at(const real *sample, NetworkShape shape, int y, int x, int c)
{
	if (y < 0 || x < 0 || y >= shape.height || x >= shape.width)
		return 0;
	return sample[((size_t) y * shape.width + x) * shape.channels + c];
}

static double
naive_conv(const NetworkLayer *layer, const real *weights, const real *sample, int oy, int ox, int map)
{
	const ConvSettings *conv = &layer->settings.conv;
	int			in = layer->in.channels / conv->groups;
	int			maps = conv->maps / conv->groups;
	int			group = map / maps;
	size_t		patch = (size_t) conv->kernel[0] * conv->kernel[1] * in;
	double		sum = conv->bias ? weights[patch * conv->maps + map] : 0;

	for (int ky = 0; ky < conv->kernel[0]; ky++)
	{
		for (int kx = 0; kx < conv->kernel[1]; kx++)
		{
			for (int c = 0; c < in; c++)
			{
				size_t		row = (size_t) group * patch + ((size_t) ky * conv->kernel[1] + kx) * in + c;

				sum += at(sample, layer->in, oy * conv->stride[0] - conv->padding[0] + ky * conv->dilation[0],
						  ox * conv->stride[1] - conv->padding[1] + kx * conv->dilation[1], group * in + c) *
					weights[row * maps + map % maps];
			}
		}
	}
	return sum;
}

static void
test_conv(void **state)
{
	static const char *const cases[] = {
		"'maps':5,'kernel':3", "'maps':16,'kernel':3,'padding':1", "'maps':3,'kernel':[4,2],'stride':[2,3],'padding':[3,1]",
		"'maps':6,'kernel':3,'groups':3,'padding':2", "'maps':3,'kernel':2,'groups':3,'bias':false", "'maps':7,'kernel':1",
		"'maps':7,'kernel':1,'stride':2", "'maps':4,'kernel':[13,17]",
		"'maps':5,'kernel':[3,2],'dilation':[2,5],'padding':[1,2,0,4]", "'maps':6,'kernel':3,'groups':3,'stride':2,'padding':[0,0,1,1]"
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[512];
		Run			run;
		const NetworkLayer *layer;
		size_t		out = 0;

		snprintf(text, sizeof(text), "{'input':{'width':17,'height':13,'colour':'colour'},'layers':[{'type':'conv',%s}]}",
				 cases[i]);
		run = start(text);
		layer = run.network->layers;
		infer(&run);
		for (int s = 0; s < SAMPLES; s++)
		{
			for (int y = 0; y < layer->out.height; y++)
			{
				for (int x = 0; x < layer->out.width; x++)
				{
					for (int map = 0; map < layer->out.channels; map++, out++)
						check(cases[i], out, naive_conv(layer, run.weights, run.input + s * shape_values(layer->in), y, x,
														map), run.output[out]);
				}
			}
		}
		finish(&run);
	}
}

/* More patches than fit into one chunk, and chunks that end inside of a sample. */
static void
test_conv_chunks(void **state)
{
	Run			run = start("{'input':{'width':33,'height':31},'layers':[{'type':'conv','maps':40,'kernel':1},"
							"{'type':'conv','maps':5,'kernel':5,'padding':2}]}");
	const NetworkLayer *layer = &run.network->layers[1];
	const real *weights = run.weights + layer->parameter_offset;
	size_t		pixels = 33 * 31;
	real	   *middle = calloc(SAMPLES * pixels * 40, sizeof(real));

	infer(&run);
	for (size_t i = 0; i < SAMPLES * pixels * 40; i++)
		middle[i] = run.input[i / 40] * run.weights[i % 40] + run.weights[40 + i % 40];
	for (size_t i = 0; i < SAMPLES * pixels * 5; i += 7)
	{
		size_t		pixel = i / 5 % pixels;

		check("chunks", i, naive_conv(layer, weights, middle + i / 5 / pixels * pixels * 40, (int) (pixel / 33),
									  (int) (pixel % 33), (int) (i % 5)), run.output[i]);
	}
	free(middle);
	finish(&run);
}

static void
test_dense(void **state)
{
	Run			run = start("{'input':{'width':7,'height':3,'colour':'colour'},'layers':[{'type':'dense','units':19}]}");

	infer(&run);
	for (int s = 0; s < SAMPLES; s++)
	{
		for (int unit = 0; unit < 19; unit++)
		{
			double		sum = run.weights[63 * 19 + unit];

			for (int i = 0; i < 63; i++)
				sum += run.input[s * 63 + i] * run.weights[i * 19 + unit];
			check("dense", s * 19 + unit, sum, run.output[s * 19 + unit]);
		}
	}
	finish(&run);
}

/* The nearest number of 8 significant bits, ties to even: by arithmetic on the number, not on its bits. */
static double
to_bf16(double x)
{
	int			exponent;
	double		fraction = frexp(x, &exponent);

	return ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

/* Inference has rounded weights, at every level.  More rows than a block, more units than a panel. */
static void
test_dense_bf16(void **state)
{
	enum {IN = 40 * 10, UNITS = 45};

	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		Run			run;

		if (!cpu_force_level(level))
			continue;
		run = start("{'input':{'width':40,'height':10},'layers':[{'type':'dense','units':45,'weights':'bf16'},"
					"{'type':'batch_norm'},{'type':'relu'},{'type':'dense','units':45,'bias':false}]}");
		/* what the last layer passes on is the first one's output */
		memset(run.weights + run.network->layers[3].parameter_offset, 0, UNITS * UNITS * sizeof(real));
		for (int unit = 0; unit < UNITS; unit++)
		{
			run.weights[run.network->layers[3].parameter_offset + unit * UNITS + unit] = 1;
			run.weights[run.network->layers[1].statistic_offset + unit] = 0;
			run.weights[run.network->layers[1].statistic_offset + UNITS + unit] = 1;
		}
		/* halfway between two: to the even one, down and up */
		run.weights[0] = (real) (1 + 1.0 / 256);
		run.weights[UNITS] = (real) (1 + 3.0 / 256);
		infer(&run);
		for (int i = 0; i < SAMPLES * UNITS; i++)
		{
			const NetworkLayer *norm = &run.network->layers[1];
			int			unit = i % UNITS;
			double		scale = run.weights[norm->parameter_offset + unit] / sqrt(1 + 1e-5);
			double		sum = run.weights[IN * UNITS + unit];
			double		exact = sum;
			double		squares = 0;
			double		sizes = 0;

			for (int k = 0; k < IN; k++)
			{
				double		x = run.input[i / UNITS * IN + k];
				double		weight = run.weights[k * UNITS + unit];

				sum += x * to_bf16(weight);
				exact += x * weight;
				sizes += fabs(x * weight);
				squares += x * weight * x * weight;
			}
			/* the bounds that dense.c states */
			assert_true(fabs(sum - exact) <= sizes / 256);
			assert_true(fabs(sum - exact) <= 3 * sqrt(squares) / 256);
			check("dense, bf16", i, fmax(scale * sum + run.weights[norm->parameter_offset + UNITS + unit], 0), run.output[i]);
		}
		finish(&run);
	}
	cpu_unforce_level();
}

/* In training, bf16 changes nothing. */
static void
test_dense_bf16_training(void **state)
{
	Run			rounded = start("{'input':{'width':7,'height':3},'layers':[{'type':'dense','units':19,'weights':'bf16'}]}");
	Run			plain = start("{'input':{'width':7,'height':3},'layers':[{'type':'dense','units':19,'weights':'float'}]}");

	assert_true(network_forward_training(rounded.network, rounded.weights, rounded.workspace, rounded.input, SAMPLES, 1,
										 rounded.output));
	assert_true(network_forward_training(plain.network, plain.weights, plain.workspace, plain.input, SAMPLES, 1, plain.output));
	assert_memory_equal(rounded.output, plain.output, SAMPLES * 19 * sizeof(real));
	infer(&rounded);
	assert_memory_not_equal(rounded.output, plain.output, SAMPLES * 19 * sizeof(real));
	finish(&rounded);
	finish(&plain);
}

#define THROUGH(layer) "{'input':{'width':11,'height':9,'colour':'colour'},'layers':[" \
	"{'type':'conv','maps':3,'kernel':1,'bias':false}," layer "]}"

/* Windows by their definition: which pixels, and what a mean is divided by. */
static double
naive_pool(const NetworkLayer *layer, const real *sample, int oy, int ox, int c)
{
	const PoolSettings *pool = &layer->settings.pool;
	bool		adaptive = layer->type == &layer_adaptive_mean_pool;
	bool		global = layer->type == &layer_global_mean || layer->type == &layer_global_max;
	double		top = global ? 0 : adaptive ? floor((double) oy * layer->in.height / layer->out.height) :
		oy * pool->stride[0] - pool->padding[0];
	double		bottom = global ? layer->in.height : adaptive ? ceil((oy + 1.0) * layer->in.height / layer->out.height) :
		top + (pool->kernel[0] - 1) * pool->dilation[0] + 1;
	double		left = global ? 0 : adaptive ? floor((double) ox * layer->in.width / layer->out.width) :
		ox * pool->stride[1] - pool->padding[1];
	double		right = global ? layer->in.width : adaptive ? ceil((ox + 1.0) * layer->in.width / layer->out.width) :
		left + (pool->kernel[1] - 1) * pool->dilation[1] + 1;
	int			down = layer->type == &layer_max_pool || layer->type == &layer_mean_pool ? pool->dilation[0] : 1;
	int			across = layer->type == &layer_max_pool || layer->type == &layer_mean_pool ? pool->dilation[1] : 1;
	double		largest = -INFINITY;
	double		sum = 0;
	int			inside = 0;
	int			padded = 0;

	for (int y = (int) top; y < bottom; y += down)
	{
		for (int x = (int) left; x < right; x += across)
		{
			padded += y < layer->in.height + pool->padding[2] && x < layer->in.width + pool->padding[3];
			if (y < 0 || x < 0 || y >= layer->in.height || x >= layer->in.width)
				continue;
			inside++;
			largest = fmax(largest, at(sample, layer->in, y, x, c));
			sum += at(sample, layer->in, y, x, c);
		}
	}
	if (layer->type == &layer_max_pool || layer->type == &layer_global_max)
		return largest;
	return sum / (pool->count_padding ? padded : inside);
}

static void
test_pools(void **state)
{
	static const struct
	{
		const char *layer;
		int			height;
		int			width;
	}			cases[] = {
		{THROUGH("{'type':'max_pool'}"), 4, 5}, {THROUGH("{'type':'max_pool','size':3,'stride':2}"), 4, 5},
		{THROUGH("{'type':'max_pool','size':[2,5],'stride':[3,1]}"), 3, 7},
		{THROUGH("{'type':'max_pool','ceil':true}"), 5, 6}, {THROUGH("{'type':'max_pool','size':3,'stride':2,'padding':1}"), 5, 6},
		{THROUGH("{'type':'max_pool','size':3,'stride':3,'padding':[0,0,1,2],'ceil':true}"), 3, 4},
		/* a window that would begin after the map is left out, also with "ceil" */
		{THROUGH("{'type':'max_pool','size':2,'stride':4,'padding':1,'ceil':true}"), 3, 3},
		{THROUGH("{'type':'max_pool','size':2,'stride':1,'dilation':2}"), 7, 9},
		{THROUGH("{'type':'max_pool','size':3,'stride':2,'padding':[3,4,2,1],'dilation':[2,3],'ceil':true}"), 6, 6},
		{THROUGH("{'type':'mean_pool','size':[3,2],'stride':2,'padding':2,'dilation':[2,3],'count_padding':true,'ceil':true}"), 5, 7},
		{THROUGH("{'type':'mean_pool','size':2,'stride':[1,3],'padding':[3,0,2,2],'dilation':4}"), 10, 3},
		{THROUGH("{'type':'mean_pool'}"), 4, 5}, {THROUGH("{'type':'mean_pool','size':[2,5],'stride':[3,1]}"), 3, 7},
		{THROUGH("{'type':'mean_pool','size':3,'stride':2,'padding':1}"), 5, 6},
		{THROUGH("{'type':'mean_pool','size':3,'stride':2,'padding':1,'count_padding':true}"), 5, 6},
		{THROUGH("{'type':'mean_pool','size':4,'stride':3,'padding':[1,3,0,2],'count_padding':true,'ceil':true}"), 3, 5},
		{THROUGH("{'type':'mean_pool','size':[2,3],'ceil':true}"), 5, 4},
		{THROUGH("{'type':'adaptive_mean_pool','size':4}"), 4, 4}, {THROUGH("{'type':'adaptive_mean_pool','size':[9,13]}"), 9, 13},
		{THROUGH("{'type':'global_mean'}"), 1, 1}, {THROUGH("{'type':'global_max'}"), 1, 1}
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Run			run = start(cases[i].layer);
		const NetworkLayer *layer = &run.network->layers[1];
		size_t		out = shape_values(layer->out);

		assert_int_equal(layer->out.height, cases[i].height);
		assert_int_equal(layer->out.width, cases[i].width);
		pass_through(&run);
		for (size_t o = 0; o < SAMPLES * shape_values(layer->in); o++)
			run.input[o] -= 2;	/* a zero of the padding would be the maximum */
		infer(&run);
		for (size_t o = 0; o < SAMPLES * out; o++)
		{
			const real *sample = run.input + o / out * shape_values(layer->in);
			int			pixel = (int) (o % out / 3);

			check(cases[i].layer, o, naive_pool(layer, sample, pixel / layer->out.width, pixel % layer->out.width, (int) (o % 3)),
				  run.output[o]);
		}
		finish(&run);
	}
}

static double
naive_point(const NetworkLayer *layer, double x, double slope)
{
	const char *name = layer->type->name;

	if (strcmp(name, "relu") == 0)
		return x > 0 ? x : 0;
	if (strcmp(name, "prelu") == 0)
		return x > 0 ? x : slope * x;
	if (strcmp(name, "sigmoid") == 0)
		return 1 / (1 + exp(-x));
	if (strcmp(name, "tanh") == 0)
		return tanh(x);
	if (strcmp(name, "leaky_relu") == 0)
		return x > 0 ? x : layer->settings.leaky_relu.slope * x;
	if (strcmp(name, "clip") == 0)
		return fmin(fmax(x, layer->settings.clip.low), layer->settings.clip.high);
	if (strcmp(name, "hard_sigmoid") == 0)
		return fmin(fmax(layer->settings.hard_sigmoid.slope * x + layer->settings.hard_sigmoid.offset, 0), 1);
	if (strcmp(name, "hard_swish") == 0)
		return x * fmin(fmax(x + 3, 0), 6) / 6;
	if (strcmp(name, "elu") == 0)
		return x > 0 ? x : layer->settings.elu.alpha * (exp(x) - 1);
	if (strcmp(name, "selu") == 0)
		return layer->settings.elu.gamma * (x > 0 ? x : layer->settings.elu.alpha * (exp(x) - 1));
	return x;
}

static void
test_points(void **state)
{
	static const char *const cases[] = {
		THROUGH("{'type':'relu'}"), THROUGH("{'type':'prelu'}"), THROUGH("{'type':'sigmoid'}"), THROUGH("{'type':'tanh'}"),
		THROUGH("{'type':'dropout'}"), THROUGH("{'type':'flatten'}"), THROUGH("{'type':'leaky_relu'}"),
		THROUGH("{'type':'leaky_relu','slope':0.3}"), THROUGH("{'type':'clip'}"), THROUGH("{'type':'clip','low':-3,'high':2.5}"),
		THROUGH("{'type':'hard_sigmoid'}"), THROUGH("{'type':'hard_sigmoid','slope':0.2,'offset':0.4}"),
		THROUGH("{'type':'hard_swish'}"), THROUGH("{'type':'elu'}"), THROUGH("{'type':'elu','alpha':2}"),
		THROUGH("{'type':'selu'}"), THROUGH("{'type':'selu','alpha':1.5,'gamma':2}")
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Run			run = start(cases[i]);
		const NetworkLayer *layer = &run.network->layers[1];

		pass_through(&run);
		for (size_t o = 0; o < SAMPLES * shape_values(layer->in); o++)
			run.input[o] *= 7;
		infer(&run);
		assert_true(layer->type->activate == NULL || layer->plan.applied);
		for (size_t o = 0; o < SAMPLES * shape_values(layer->out); o++)
			check(cases[i], o, naive_point(layer, run.input[o], layer->type == &layer_prelu ? run.weights[9 + o % 3] : 0),
				  run.output[o]);
		finish(&run);
	}
}

/* Also of a large score, where exp() alone would overflow. */
static void
test_attention_pool(void **state)
{
	Run			run = start(THROUGH("{'type':'attention_pool','heads':4}"));
	const NetworkLayer *layer = &run.network->layers[1];
	real	   *query = run.weights + layer->parameter_offset;
	const real *place = query + 3 * 4;

	pass_through(&run);
	for (int c = 0; c < 3; c++)
		query[c * 4 + 3] *= 500;
	infer(&run);
	for (int o = 0; o < SAMPLES * 4 * 3; o++)
	{
		const real *sample = run.input + o / 12 * 99 * 3;
		int			head = o / 3 % 4;
		double		largest = -INFINITY;
		double		total = 0;
		double		sum = 0;

		for (int round = 0; round < 2; round++)
		{
			for (int pixel = 0; pixel < 99; pixel++)
			{
				double		score = place[pixel * 4 + head];

				for (int c = 0; c < 3; c++)
					score += (double) sample[pixel * 3 + c] * query[c * 4 + head];
				if (round == 0)
					largest = fmax(largest, score);
				else
				{
					total += exp(score - largest);
					sum += exp(score - largest) * sample[pixel * 3 + o % 3];
				}
			}
		}
		check("attention pool", o, sum / total, run.output[o]);
	}
	finish(&run);
}

static void
test_response_norm(void **state)
{
	Run			run = start("{'input':{'width':4,'height':3},'layers':[{'type':'conv','maps':7,'kernel':1},"
							"{'type':'local_response_norm','size':4,'alpha':0.7,'beta':0.6,'constant':1.5}]}");

	infer(&run);
	for (int pixel = 0; pixel < SAMPLES * 12; pixel++)
	{
		double		x[7];

		for (int c = 0; c < 7; c++)
			x[c] = run.input[pixel] * run.weights[c] + run.weights[7 + c];
		for (int c = 0; c < 7; c++)
		{
			double		sum = 0;

			for (int i = c - 2; i <= c + 1; i++)
				sum += i >= 0 && i < 7 ? x[i] * x[i] : 0;
			check("response norm", pixel * 7 + c, x[c] / pow(1.5 + 0.7 / 4 * sum, 0.6), run.output[pixel * 7 + c]);
		}
	}
	finish(&run);
}

/* In training: by the batch's statistics, which then move the running ones. */
static void
test_batch_norm(void **state)
{
	Run			run = start(THROUGH("{'type':'batch_norm','epsilon':0.01}"));
	const NetworkLayer *layer = &run.network->layers[1];
	int			rows = SAMPLES * 99;
	real	   *kept = calloc(network_weight_count(run.network), sizeof(real));

	pass_through(&run);
	for (int i = 0; i < rows * 3; i++)
		run.input[i] = run.input[i] * 0.1f + 30 * (i % 3);	/* far from zero */
	memcpy(kept, run.weights, network_weight_count(run.network) * sizeof(real));
	network_forward_training(run.network, run.weights, run.workspace, run.input, SAMPLES, 1, run.output);
	network_update_statistics(run.network, run.workspace, run.weights);
	for (int c = 0; c < 3; c++)
	{
		const real *gamma = kept + layer->parameter_offset;
		const real *running = kept + layer->statistic_offset;
		const real *moved = run.weights + layer->statistic_offset;
		double		mean = 0,
					variance = 0;

		for (int row = 0; row < rows; row++)
			mean += run.input[row * 3 + c] / (double) rows;
		for (int row = 0; row < rows; row++)
			variance += pow(run.input[row * 3 + c] - mean, 2) / rows;
		for (int row = 0; row < rows; row++)
			check("batch norm", row * 3 + c, gamma[c] * (run.input[row * 3 + c] - mean) / sqrt(variance + 0.01) + gamma[3 + c],
				  run.output[row * 3 + c]);
		check("running mean", c, 0.9 * running[c] + 0.1 * mean, moved[c]);
		check("running variance", c, 0.9 * running[3 + c] + 0.1 * variance * rows / (rows - 1), moved[3 + c]);
	}
	assert_memory_equal(kept, run.weights, network_parameter_count(run.network) * sizeof(real));
	free(kept);
	finish(&run);
}

/* Each sample by itself, in training as at inference, with and without ReLU. */
static void
test_instance_norm(void **state)
{
	for (int relu = 0; relu < 2; relu++)
	{
		Run			run = start(relu ? THROUGH("{'type':'instance_norm','epsilon':0.01},{'type':'relu'}") :
								THROUGH("{'type':'instance_norm','epsilon':0.01}"));
		const real *parameters = run.weights + run.network->layers[1].parameter_offset;

		pass_through(&run);
		for (int i = 0; i < SAMPLES * 297; i++)
			run.input[i] = run.input[i] * 0.1f + 30 * (i % 3) - i / 297;	/* far from zero */
		for (int training = 0; training < 2; training++)
		{
			if (training)
				network_forward_training(run.network, run.weights, run.workspace, run.input, SAMPLES, 1, run.output);
			else
				infer(&run);
			for (int i = 0; i < SAMPLES * 3; i++)
			{
				const real *sample = run.input + i / 3 * 297 + i % 3;
				double		mean = 0,
							variance = 0;

				for (int pixel = 0; pixel < 99; pixel++)
					mean += sample[pixel * 3] / 99.0;
				for (int pixel = 0; pixel < 99; pixel++)
					variance += pow(sample[pixel * 3] - mean, 2) / 99;
				for (int pixel = 0; pixel < 99; pixel++)
				{
					double		value = parameters[i % 3] * (sample[pixel * 3] - mean) / sqrt(variance + 0.01) + parameters[3 + i % 3];

					check("instance norm", i * 99 + pixel, relu ? fmax(value, 0) : value, run.output[i / 3 * 297 + pixel * 3 + i % 3]);
				}
			}
		}
		finish(&run);
	}
}

/* Folded and not: after conv, dense and pool; with and without relu after it; with an add that reads the output in between. */
static void
test_folding(void **state)
{
	static const char *const cases[] = {
		"{'type':'conv','maps':5,'kernel':3},{'type':'batch_norm'},{'type':'relu'}",
		"{'type':'conv','maps':5,'kernel':3,'bias':false},{'type':'batch_norm'}",
		"{'type':'dense','units':5},{'type':'batch_norm'},{'type':'relu'}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'max_pool'},{'type':'batch_norm'},{'type':'relu'}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'batch_norm'},{'type':'add','from':1},{'type':'relu'}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'batch_norm'},{'type':'relu'},{'type':'add','from':2}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'relu'},{'type':'batch_norm'},{'type':'add','from':1},{'type':'add','from':2}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'batch_norm'},{'type':'hard_swish'}",
		"{'type':'conv','maps':20,'kernel':1},{'type':'conv','maps':20,'kernel':3,'groups':20},{'type':'batch_norm'},{'type':'relu'}",
		"{'type':'dense','units':5},{'type':'batch_norm'},{'type':'prelu'},{'type':'clip','high':0.7}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'batch_norm'},{'type':'clip','high':0.9},{'type':'add','from':3}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'batch_norm'},{'type':'leaky_relu'},{'type':'add','from':2}",
		"{'type':'conv','maps':5,'kernel':3},{'type':'elu'},{'type':'batch_norm'},{'type':'relu'},{'type':'clip','high':0.9}"
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[512];
		Run			run;
		real	   *trained;
		size_t		count;

		snprintf(text, sizeof(text), "{'input':{'width':9,'height':8},'layers':[%s]}", cases[i]);
		run = start(text);
		count = (size_t) SAMPLES * network_dimensions(run.network);
		trained = calloc(count, sizeof(real));
		/* running statistics that are the batch's own, but for the unbiased variance */
		for (int times = 0; times < 200; times++)
		{
			network_forward_training(run.network, run.weights, run.workspace, run.input, SAMPLES, 1, trained);
			network_update_statistics(run.network, run.workspace, run.weights);
		}
		for (int l = 0; l < run.network->layer_count; l++)
		{
			const NetworkLayer *layer = &run.network->layers[l];
			double		rows = SAMPLES * shape_pixels(layer->in);

			for (int c = 0; layer->type == &layer_batch_norm && c < layer->in.channels; c++)
				run.weights[layer->statistic_offset + layer->in.channels + c] *= (real) ((rows - 1) / rows);
		}
		infer(&run);
		for (size_t o = 0; o < count; o++)
			check(cases[i], o, trained[o], run.output[o]);
		free(trained);
		finish(&run);
	}
}

/* An activation that the layer before applies at inference, whatever computes that, against training, where it stands alone. */
static void
test_applied(void **state)
{
	static const char *const activations[] = {"prelu", "leaky_relu", "clip", "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "elu",
	"selu"};
	static const char *const before[] = {
		"{'type':'conv','maps':5,'kernel':3,'padding':1}", "{'type':'conv','maps':64,'kernel':1},{'type':'conv','maps':32,'kernel':3}",
		"{'type':'conv','maps':64,'kernel':1},{'type':'conv','maps':32,'kernel':7}",
		"{'type':'conv','maps':6,'kernel':1},{'type':'conv','maps':6,'kernel':3,'groups':2}",
		"{'type':'conv','maps':20,'kernel':1},{'type':'conv','maps':20,'kernel':3,'groups':20}",
		"{'type':'dense','units':9}", "{'type':'dense','units':9,'weights':'bf16'}"
	};

	for (size_t i = 0; i < 9 * 7; i++)
	{
		char		text[512];
		Run			run;
		real	   *trained;
		size_t		count;
		bool		rounded = strstr(before[i / 9], "bf16") != NULL;

		snprintf(text, sizeof(text), "{'input':{'width':18,'height':17},'layers':[%s,{'type':'%s'},{'type':'global_mean'}]}",
				 before[i / 9], activations[i % 9]);
		run = start(text);
		assert_true(run.network->layers[run.network->layer_count - 2].plan.applied);
		count = (size_t) SAMPLES * network_dimensions(run.network);
		trained = calloc(count, sizeof(real));
		network_forward_training(run.network, run.weights, run.workspace, run.input, SAMPLES, 1, trained);
		infer(&run);
		for (size_t o = 0; o < count; o++)
			if (fabs(trained[o] - run.output[o]) > (rounded ? 0.05 : 1e-5) * fmax(1, fabs(trained[o])))
				fail_msg("%s: value %zu is %g, in training %g", text, o, run.output[o], trained[o]);
		free(trained);
		finish(&run);
	}
}

static void
test_dropout(void **state)
{
	Run			run = start(THROUGH("{'type':'dropout','rate':0.3}"));
	int			count = SAMPLES * 297;
	real	   *first = calloc(count, sizeof(real));
	int			dropped = 0;

	pass_through(&run);
	network_forward_training(run.network, run.weights, run.workspace, run.input, SAMPLES, 1, first);
	for (int i = 0; i < count; i++)
	{
		dropped += first[i] == 0;
		if (first[i] != 0)
			check("dropout", i, run.input[i] / 0.7, first[i]);
	}
	assert_true(dropped >= count / 4 && dropped <= count * 7 / 20);
	network_forward_training(run.network, run.weights, run.workspace, run.input, SAMPLES, 1, run.output);
	assert_memory_equal(first, run.output, count * sizeof(real));
	network_forward_training(run.network, run.weights, run.workspace, run.input, SAMPLES, 2, run.output);
	assert_memory_not_equal(first, run.output, count * sizeof(real));
	free(first);
	finish(&run);
}

static void
test_ends(void **state)
{
	Run			run = start("{'input':{'width':3,'height':2},'layers':[{'type':'dense','units':5,'bias':false},"
							"{'type':'l2_norm'}],'join':'weighted_l1'}");

	infer(&run);
	for (int s = 0; s < SAMPLES; s++)
	{
		double		value[5];
		double		square = 0;

		for (int u = 0; u < 5; u++)
		{
			value[u] = 0;
			for (int i = 0; i < 6; i++)
				value[u] += run.input[s * 6 + i] * run.weights[i * 5 + u];
			square += value[u] * value[u];
		}
		for (int u = 0; u < 5; u++)
			check("ends", s * 5 + u, value[u] / sqrt(square) * log(1 + exp(run.weights[30 + u])), run.output[s * 5 + u]);
	}
	finish(&run);
}

/* By He before a ReLU, else by Glorot; "initial" overrides; the seed decides. */
static void
test_initial(void **state)
{
	Run			run = start("{'input':{'width':20,'height':20},'layers':[{'type':'conv','maps':64,'kernel':10},"
							"{'type':'batch_norm'},{'type':'relu'},{'type':'dense','units':8},"
							"{'type':'dense','units':900,'initial':{'deviation':0.2,'bias_mean':0.5,'bias_deviation':0.01}}]}");
	const double expected[] = {sqrt(2.0 / 100), 0, 0, sqrt(2.0 / (11 * 11 * 64 + 8)), 0.2};
	real	   *again = calloc(network_weight_count(run.network), sizeof(real));

	network_initialize(run.network, 5, run.weights);
	network_initialize(run.network, 5, again);
	assert_memory_equal(again, run.weights, network_weight_count(run.network) * sizeof(real));
	network_initialize(run.network, 6, again);
	assert_memory_not_equal(again, run.weights, network_weight_count(run.network) * sizeof(real));
	for (int l = 0; l < 5; l++)
	{
		const NetworkLayer *layer = &run.network->layers[l];
		const real *weights = run.weights + layer->parameter_offset;
		double		square = 0,
					bias = 0;

		if (expected[l] == 0)
			continue;
		for (size_t i = 0; i < layer->decay_count; i++)
			square += weights[i] * weights[i];
		for (size_t i = layer->decay_count; i < layer->parameter_count; i++)
			bias += weights[i] / (layer->parameter_count - layer->decay_count);
		assert_true(fabs(sqrt(square / layer->decay_count) / expected[l] - 1) < 0.05);
		assert_true(fabs(bias - (l == 4 ? 0.5 : 0)) < 0.002);
	}
	free(again);
	finish(&run);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conv),
		cmocka_unit_test(test_conv_chunks),
		cmocka_unit_test(test_dense),
		cmocka_unit_test(test_dense_bf16),
		cmocka_unit_test(test_dense_bf16_training),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_attention_pool),
		cmocka_unit_test(test_response_norm),
		cmocka_unit_test(test_batch_norm),
		cmocka_unit_test(test_instance_norm),
		cmocka_unit_test(test_folding),
		cmocka_unit_test(test_applied),
		cmocka_unit_test(test_dropout),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_initial)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
