/*
 * test_network_training.c: the optimizers against their formulas, rates, a small training that must succeed, and memory
 * that runs out anywhere.
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
#include "network/optimizer_internal.h"
#include "network_help.h"

/* ---- optimizers ---------------------------------------------------------------------------------------------------- */

#define STEPS 4

static void
whole_step(const Network *network, const NetworkProgress *progress, real *memory, real *gradient, real *weights)
{
	network_clip_gradient(network, gradient);
	network_optimizer_part(network, progress, memory, gradient, weights, 0, network_parameter_count(network));
}

typedef struct Reference
{
	const char *text;
	int			kind;			/* in the order of the table in optimizer.c */
	double		rate,
				momentum,
				second,
				decay,
				clip,
				factor;			/* of the dense layer's rate; 0: not given */
} Reference;

static const Reference references[] = {
	{"'type':'sgd','rate':0.1,'momentum':0", 0, 0.1, 0, 0, 0, 0, 0},
	{"'type':'sgd','rate':0.1,'momentum':0.8,'weight_decay':0.3", 0, 0.1, 0.8, 0, 0.3, 0, 0},
	{"'type':'rmsprop','rate':0.01,'second_momentum':0.9", 1, 0.01, 0, 0.9, 0, 0, 0},
	{"'type':'rmsprop','rate':0.01,'second_momentum':0.9,'momentum':0.7,'weight_decay':0.2", 1, 0.01, 0.7, 0.9, 0.2, 0, 0},
	{"'type':'adam','rate':0.02", 2, 0.02, 0.9, 0.999, 0, 0, 0},
	{"'type':'adam','rate':0.02,'weight_decay':0.5,'momentum':0.5,'second_momentum':0.8", 2, 0.02, 0.5, 0.8, 0.5, 0, 0},
	{"'type':'adamw','rate':0.02,'weight_decay':0.5", 3, 0.02, 0.9, 0.999, 0.5, 0, 0},
	{"'type':'adamw','rate':0.02,'weight_decay':0.5,'clip':0.3", 3, 0.02, 0.9, 0.999, 0.5, 0.3, 0},
	{"'type':'adamw','rate':0.02,'weight_decay':0.5", 3, 0.02, 0.9, 0.999, 0.5, 0, 0.25},
	{"'type':'sgd','rate':0.1,'momentum':0.8,'weight_decay':0.3", 0, 0.1, 0.8, 0, 0.3, 0, 3},
	{"'type':'rmsprop','rate':0.01,'second_momentum':0.9,'momentum':0.7", 1, 0.01, 0.7, 0.9, 0, 0, 5}
};

/* One parameter, one step, as the papers have it. */
static void
reference_step(const Reference *r, int step, double rate, bool decays, double g, double *first, double *second, double *w)
{
	double		decay = decays ? r->decay : 0;

	if (r->kind != 3)
		g += decay * *w;
	if (r->kind == 0)
	{
		*first = r->momentum * *first + g;
		*w -= rate * *first;
	}
	else if (r->kind == 1)
	{
		*first = r->second * *first + (1 - r->second) * g * g;
		*second = r->momentum * *second + g / (sqrt(*first) + 1e-8);
		*w -= rate * *second;
	}
	else
	{
		*first = r->momentum * *first + (1 - r->momentum) * g;
		*second = r->second * *second + (1 - r->second) * g * g;
		if (r->kind == 3)
			*w -= rate * decay * *w;
		*w -= rate * (*first / (1 - pow(r->momentum, step + 1))) /
			(sqrt(*second / (1 - pow(r->second, step + 1))) + 1e-8);
	}
}

static void
check_optimizer(const Reference *r)
{
	enum {MATRIX = 6 * 7, ALL = MATRIX + 7 + 14};	/* dense weights, biases, batch norm */
	double		factor = r->factor > 0 ? r->factor : 1;
	char		given[64] = "";
	char		text[512];
	Network    *network;
	real		weights[ALL + 14],
				gradient[ALL],
				memory[2 * ALL] = {0};
	double		w[ALL],
				first[ALL] = {0},
				second[ALL] = {0};

	if (r->factor > 0)
		snprintf(given, sizeof(given), ",'rate_factor':%g", r->factor);
	snprintf(text, sizeof(text), "{'input':{'width':3,'height':2},'layers':[{'type':'dense','units':7%s},"
			 "{'type':'batch_norm'}],'optimizer':{%s}}", given, r->text);
	network = help_network(text);
	assert_int_equal(network_parameter_count(network), ALL);
	assert_true(network_optimizer_count(network) <= 2 * ALL);
	help_fill(weights, ALL + 14, 1);
	for (int i = 0; i < ALL; i++)
		w[i] = weights[i];
	for (int step = 0; step < STEPS; step++)
	{
		NetworkProgress progress = {step, 100, 10};
		double		square = 0;
		double		shorter = 1;

		help_fill(gradient, ALL, 10 + step);
		for (int i = 0; i < ALL; i++)
			square += gradient[i] * gradient[i];
		if (r->clip > 0 && sqrt(square) > r->clip)
			shorter = r->clip / sqrt(square);
		for (int i = 0; i < ALL; i++)
			reference_step(r, step, r->rate * (i < MATRIX + 7 ? factor : 1), i < MATRIX, gradient[i] * shorter, &first[i], &second[i], &w[i]);
		whole_step(network, &progress, memory, gradient, weights);
	}
	for (int i = 0; i < ALL; i++)
	{
		if (!(fabs(weights[i] - w[i]) <= 2e-6))
			fail_msg("%s at level %s: parameter %d is %.8g, expected %.8g", r->text, cpu_level_name(cpu_level()), i,
					 weights[i], w[i]);
	}
	network_destroy(network);
}

static void
test_optimizers(void **state)
{
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		if (!cpu_force_level(level))
			continue;
		for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
			check_optimizer(&references[i]);
	}
	cpu_unforce_level();
}

/* Adam's first step is the rate in each parameter: the join's weights and the loss's bias take the loss's factor of it. */
static void
test_rate_of_loss(void **state)
{
	enum {DENSE = 6 * 4 + 4, JOIN = 4, ALL = DENSE + JOIN + 1};
	Network    *network = help_network("{'input':{'width':3,'height':2},'layers':[{'type':'dense','units':4}],'join':'weighted_l1',"
									   "'loss':{'type':'cross_entropy','rate_factor':50,'bias':7},'optimizer':{'type':'adam','rate':0.001}}");
	NetworkProgress progress = {0, 100, 10};
	real		before[ALL],
				weights[ALL],
				gradient[ALL],
				memory[2 * ALL] = {0};

	assert_int_equal(network_parameter_count(network), ALL);
	network_initialize(network, 1, weights);
	assert_true(weights[ALL - 1] == 7);
	memcpy(before, weights, sizeof(before));
	for (int i = 0; i < ALL; i++)
		gradient[i] = i % 2 ? -3 : 3;
	whole_step(network, &progress, memory, gradient, weights);
	for (int i = 0; i < ALL; i++)
		assert_true(fabs(before[i] - weights[i] - (i % 2 ? -1 : 1) * (i < DENSE ? 0.001 : 0.05)) < 1e-6);
	network_destroy(network);
}

static void
check_rate(const NetworkOptimizer *optimizer, int64_t step, int64_t steps, int64_t epoch, double expected)
{
	NetworkProgress progress = {step, steps, epoch};

	assert_true(fabs(optimizer_rate(optimizer, &progress) - expected) < 1e-12);
}

static void
test_rates(void **state)
{
	NetworkOptimizer optimizer = {.rate = 0.5, .warmup = 10, .schedule = SCHEDULE_CONSTANT, .decay = 0.9};

	check_rate(&optimizer, 0, 100, 10, 0.05);
	check_rate(&optimizer, 4, 100, 10, 0.25);
	check_rate(&optimizer, 9, 100, 10, 0.5);
	check_rate(&optimizer, 99, 100, 10, 0.5);
	check_rate(&optimizer, 0, 20, 10, 0.5 / 4);		/* a fifth of 20 */
	optimizer.warmup = 0.1;		/* a tenth, however many steps there are */
	check_rate(&optimizer, 0, 100, 10, 0.05);
	check_rate(&optimizer, 9, 100, 10, 0.5);
	check_rate(&optimizer, 0, 2000, 10, 0.5 / 200);
	check_rate(&optimizer, 0, 14, 10, 0.5);
	optimizer.warmup = 0.9;
	check_rate(&optimizer, 0, 20, 10, 0.5 / 4);
	optimizer.warmup = 10;
	optimizer.schedule = SCHEDULE_COSINE;
	check_rate(&optimizer, 4, 111, 10, 0.25);
	check_rate(&optimizer, 10, 111, 10, 0.5);
	check_rate(&optimizer, 60, 111, 10, 0.25);
	check_rate(&optimizer, 110, 111, 10, 0);
	check_rate(&optimizer, 0, 1, 1, 0.5);
	optimizer.schedule = SCHEDULE_EXPONENTIAL;
	check_rate(&optimizer, 19, 100, 10, 0.5 * 0.9);
	check_rate(&optimizer, 20, 100, 10, 0.5 * 0.81);
}

static void
test_average(void **state)
{
	Network    *network = help_network("{'input':{'width':2,'height':1},'layers':[{'type':'dense','units':1,'bias':false}],"
									   "'optimizer':{'average':0.9}}");
	real		weights[2] = {1, -2};
	real		average[2] = {0, 0};
	double		expected = 0;

	for (int step = 0; step < 100; step++)
	{
		NetworkProgress progress = {step, 100, 10};
		double		decay = fmin(0.9, (1.0 + step) / (10.0 + step));

		network_average_part(network, &progress, weights, average, 0, network_weight_count(network));
		expected = decay * expected + (1 - decay);
	}
	assert_true(fabs(average[0] - expected) < 1e-5 && fabs(average[1] + 2 * expected) < 1e-5);
	network_destroy(network);
}

/* ---- a small training ---------------------------------------------------------------------------------------------- */

#define CLASSES 8
#define EACH 4
#define BATCH (CLASSES * EACH)
#define SIDE 12
#define PIXELS (SIDE * SIDE)
#define NOISE 0.8

/* Class c is a bar of an own direction; each sample has its own place and noise. */
static void
draw(int label, uint64_t seed, real *image)
{
	Random		random = random_stream(seed, label);
	double		angle = M_PI * label / CLASSES;
	double		cx = SIDE / 2.0 + random_range(&random, -1, 1);
	double		cy = SIDE / 2.0 + random_range(&random, -1, 1);

	for (int i = 0; i < PIXELS; i++)
	{
		double		across = (i % SIDE - cx) * sin(angle) - (i / SIDE - cy) * cos(angle);

		image[i] = (real) (exp(-across * across) + random_range(&random, 0, NOISE));
	}
}

/* How often the nearest other sample is of the same class. */
static double
accuracy(const Network *network, const real *weights, const real *images, const int32_t *labels)
{
	Status		status;
	int			dimensions = network_dimensions(network);
	NetworkWorkspace *workspace = network_workspace_create(network, BATCH, false, test_host(), &status);
	real	   *embedding = calloc(BATCH * dimensions, sizeof(real));
	int			right = 0;

	assert_true(network_forward(network, weights, workspace, images, BATCH, embedding, &status));
	for (int i = 0; i < BATCH; i++)
	{
		int			nearest = -1;
		double		least = INFINITY;

		for (int j = 0; j < BATCH; j++)
		{
			double		apart = 0;

			for (int d = 0; d < dimensions; d++)
				apart += pow(embedding[i * dimensions + d] - embedding[j * dimensions + d], 2);
			if (j != i && apart < least)
			{
				least = apart;
				nearest = j;
			}
		}
		right += labels[i] == labels[nearest];
	}
	network_workspace_destroy(workspace);
	free(embedding);
	return (double) right / BATCH;
}

static void
check_training(const char *end)
{
	char		text[768];
	Network    *network;
	Status		status;
	size_t		count;
	real	   *weights,
			   *average,
			   *gradient,
			   *memory,
			   *images,
			   *embedding,
			   *embedding_gradient;
	int32_t		labels[BATCH];
	uint8_t		genuine[BATCH];
	NetworkWorkspace *workspace;
	double		first = 0,
				last = 0,
				before,
				after;
	const int	steps = 120;

	snprintf(text, sizeof(text), "{'input':{'width':%d,'height':%d},'layers':["
			 "{'type':'conv','maps':8,'kernel':3,'padding':1,'bias':false},{'type':'batch_norm'},{'type':'relu'},{'type':'max_pool'},"
			 "{'type':'conv','maps':16,'kernel':3,'bias':false},{'type':'batch_norm'},{'type':'relu'},{'type':'max_pool'},"
			 "{'type':'dropout','rate':0.1},{'type':'dense','units':8}],%s}", SIDE, SIDE, end);
	network = help_network(text);
	count = network_weight_count(network);
	weights = calloc(count, sizeof(real));
	average = calloc(count, sizeof(real));
	gradient = calloc(network_parameter_count(network), sizeof(real));
	memory = calloc(network_optimizer_count(network), sizeof(real));
	images = calloc(BATCH * PIXELS, sizeof(real));
	embedding = calloc(BATCH * 8, sizeof(real));
	embedding_gradient = calloc(BATCH * 8, sizeof(real));
	workspace = network_workspace_create(network, BATCH, true, test_host(), &status);
	network_initialize(network, 1, weights);
	for (int i = 0; i < BATCH; i++)
	{
		labels[i] = i / EACH;
		genuine[i] = 1;
		draw(labels[i], 1000000 + i, images + i * PIXELS);
	}
	before = accuracy(network, weights, images, labels);
	for (int step = 0; step < steps; step++)
	{
		NetworkProgress progress = {step, steps, 10};
		NetworkBatch batch = {.n = BATCH, .embedding = embedding, .label = labels, .genuine = genuine, .seed = step};
		double		loss;

		for (int i = 0; i < BATCH; i++)
			draw(labels[i], 1000 * step + i, images + i * PIXELS);
		network_forward_training(network, weights, workspace, images, BATCH, step, embedding);
		memset(gradient, 0, network_parameter_count(network) * sizeof(real));
		assert_true(network_loss(network, weights, &batch, test_host(), &loss, embedding_gradient, gradient, &status));
		network_backward(network, weights, workspace, images, embedding_gradient, gradient);
		whole_step(network, &progress, memory, gradient, weights);
		network_update_statistics(network, workspace, weights);
		network_average_part(network, &progress, weights, average, 0, network_weight_count(network));
		first += step < 10 ? loss / 10 : 0;
		last += step >= steps - 10 ? loss / 10 : 0;
	}
	for (int i = 0; i < BATCH; i++)
		draw(labels[i], 1000000 + i, images + i * PIXELS);
	after = accuracy(network, average, images, labels);
	print_message("%.60s: loss %.3f -> %.3f, nearest right %.0f %% -> %.0f %%\n", end, first, last, 100 * before, 100 * after);
	assert_true(isfinite(last) && last < 0.8 * first);
	assert_true(after >= 0.8 && after >= before + 0.3);
	network_workspace_destroy(workspace);
	network_destroy(network);
	free(weights);
	free(average);
	free(gradient);
	free(memory);
	free(images);
	free(embedding);
	free(embedding_gradient);
}

static void
test_training(void **state)
{
	check_training("'join':'cosine','loss':{'type':'supervised_contrastive'},"
				   "'optimizer':{'type':'adamw','rate':0.01,'schedule':'cosine','warmup':10,'average':0.9}");
	check_training("'join':'l2','loss':{'type':'triplet','margin':1},'optimizer':{'rate':0.005,'average':0.9}");
	check_training("'join':'l2','loss':{'type':'contrastive'},'optimizer':{'type':'rmsprop','rate':0.003,'average':0.9}");
	check_training("'join':'weighted_l1','loss':{'type':'cross_entropy'},'optimizer':{'rate':0.01,'average':0.9}");
	check_training("'join':'cosine','loss':{'type':'cosine_target','forged_target':0},"
				   "'optimizer':{'type':'sgd','rate':0.1,'momentum':0.9,'average':0.9,'clip':1}");
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

/* All that allocates, once; false where memory ran out. */
static bool
use_all(const NetworkSetting *settings, int count, const Host *host, Status *status)
{
	static const int32_t labels[] = {1, 1, 2, 2};
	static const uint8_t genuine[] = {1, 1, 1, 1};
	real		embedding[4 * 3],
				embedding_gradient[4 * 3],
				input[4 * 36] = {0};
	NetworkDefinition *definition = network_define(settings, count, host, status);
	Network    *network = definition != NULL ? network_create(definition, host, status) : NULL;
	NetworkWorkspace *inference = network != NULL ? network_workspace_create(network, 4, false, host, status) : NULL;
	NetworkWorkspace *training = inference != NULL ? network_workspace_create(network, 4, true, host, status) : NULL;
	bool		done = false;

	if (training != NULL)
	{
		real	   *weights = calloc(network_weight_count(network), sizeof(real));
		real	   *gradient = calloc(network_parameter_count(network), sizeof(real));
		NetworkBatch batch = {.n = 4, .embedding = embedding, .label = labels, .genuine = genuine, .seed = 1};
		double		value;

		network_initialize(network, 1, weights);
		help_fill(input, 4 * 36, 3);
		done = network_forward(network, weights, inference, input, 4, embedding, status) &&
			network_loss(network, weights, &batch, host, &value, embedding_gradient, gradient, status);
		free(weights);
		free(gradient);
	}
	network_workspace_destroy(training);
	network_workspace_destroy(inference);
	network_destroy(network);
	host_release(host, definition);
	return done;
}

static void
test_no_memory(void **state)
{
	static const char *const losses[] = {
		"'join':'cosine','loss':{'type':'supervised_contrastive'}", "'loss':{'type':'triplet'}", "'loss':{'type':'contrastive'}"
	};

	for (int i = 0; i < 3; i++)
	{
		char		text[256];
		int			count;
		const NetworkSetting *settings;
		Status		status;
		long		allowed;

		snprintf(text, sizeof(text), "{'input':{'width':6,'height':6},'layers':[{'type':'conv','maps':2,'kernel':3},"
				 "{'type':'dense','units':3}],%s}", losses[i]);
		settings = help_settings(text, &count);
		for (allowed = 0; allowed < 100; allowed++)
		{
			bool		done;
			Host	   *host = test_host();

			test_host_fail_after(allowed);
			memset(&status, 0, sizeof(status));
			done = use_all(settings, count, host, &status);
			assert_int_equal(test_host_outstanding(), 0);
			if (done)
				break;
			assert_int_equal(status.code, STATUS_NO_MEMORY);
		}
		assert_int_equal(allowed, 6);	/* the last one for prepared weights */
	}
	test_host_fail_after(-1);
}

/* The size that is told is the size that is allocated; one that no size_t holds is told as the largest. */
static void
test_workspace_size(void **state)
{
	char		text[4096] = "{'input':{'width':900,'height':900},'layers':[{'type':'conv','maps':64,'kernel':1}";
	Network    *network;
	Network    *small = help_network("{'input':{'width':9,'height':9},'layers':[{'type':'conv','maps':3,'kernel':2}]}");
	NetworkWorkspace *workspace;
	Status		status;
	Host	   *host;

	for (int i = 0; i < 60; i++)
		strcat(text, ",{'type':'prelu'}");
	strcat(text, ",{'type':'global_mean'}]}");
	network = help_network(text);
	assert_true(network_workspace_bytes(network, 1000, true) >= (size_t) 1000 * 60 * 900 * 900 * 64 * sizeof(real));
	assert_true(network_workspace_bytes(network, INT32_MAX, true) == SIZE_MAX);
	network_destroy(network);

	host = test_host();
	for (int training = 0; training < 2; training++)
	{
		workspace = network_workspace_create(small, 7, training, host, &status);
		assert_non_null(workspace);
		assert_int_equal(test_host_bytes(), network_workspace_bytes(small, 7, training));
		network_workspace_destroy(workspace);
	}
	network_destroy(small);
}

static void
test_interrupt(void **state)
{
	Network    *network = help_network("{'input':{'width':6,'height':6},'layers':[{'type':'dense','units':3},"
									   "{'type':'relu'},{'type':'dense','units':3}]}");
	real		weights[512] = {0},
				input[36] = {0},
				embedding[3];
	Status		status;
	Host	   *host = test_host();
	NetworkWorkspace *workspace = network_workspace_create(network, 1, false, host, &status);

	test_host_interrupt_after(1);
	assert_false(network_forward(network, weights, workspace, input, 1, embedding, &status));
	assert_int_equal(status.code, STATUS_INTERRUPTED);
	test_host_interrupt_after(-1);
	assert_true(network_forward(network, weights, workspace, input, 1, embedding, &status));
	network_workspace_destroy(workspace);
	network_destroy(network);
}

/* A dense layer whose product is long is left within, and its parts are the whole. */
static void
test_interrupt_in_dense(void **state)
{
	Network    *network = help_network("{'input':{'width':64,'height':64},'layers':[{'type':'dense','units':16},"
									   "{'type':'dense','units':4096,'bias':false},{'type':'dense','units':2048}]}");
	enum {SAMPLES = 80, OUT = 2048};
	size_t		count = network_weight_count(network);
	real	   *weights = calloc(count, sizeof(real));
	real	   *gradient = calloc(network_parameter_count(network), sizeof(real));
	real	   *input = calloc((size_t) SAMPLES * 4096, sizeof(real));
	real	   *embedding = calloc((size_t) SAMPLES * OUT, sizeof(real));
	real	   *last = weights + count - OUT - (size_t) 4096 * OUT;
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(network, SAMPLES, true, test_host(), &status);
	double		output_gradient = 0;
	long		forward = 0,
				backward = 0;

	assert_non_null(workspace);
	for (int i = 0; i < 16; i++)
		weights[4096 * 16 + i] = 1;
	for (int i = 0; i < 16 * 4096; i++)
		weights[4096 * 16 + 16 + i] = (real) 1 / 16;
	for (int k = 0; k < 4096; k++)
		for (int j = 0; j < OUT; j++)
			last[(size_t) k * OUT + j] = (real) (j % 7) / 4096;
	for (; test_host_interrupt_after(forward),
		 !network_forward_training(network, weights, workspace, input, SAMPLES, 1, embedding);)
		forward++;
	for (int i = 0; i < SAMPLES * OUT; i++)
		assert_true(fabs(embedding[i] - i % OUT % 7) < 1e-3);
	for (int i = 0; i < SAMPLES * OUT; i++)
		embedding[i] = 1;
	for (; test_host_interrupt_after(backward), !network_backward(network, weights, workspace, input, embedding, gradient);)
	{
		memset(gradient, 0, count * sizeof(real));
		backward++;
	}
	test_host_interrupt_after(-1);
	for (int j = 0; j < OUT; j++)
		output_gradient += (j % 7) / 4096.0;
	for (size_t i = 0; i < (size_t) 4096 * OUT; i++)
		assert_true(fabs(gradient[last - weights + i] - SAMPLES) < 1e-2);
	for (size_t i = 0; i < 16 * 4096; i++)
		assert_true(fabs(gradient[4096 * 16 + 16 + i] - SAMPLES * output_gradient) < 1e-2);
	assert_true(forward >= 3 + 4 && forward <= 100);
	assert_true(backward >= 3 + 4 && backward <= 100);
	network_workspace_destroy(workspace);
	network_destroy(network);
	free(weights);
	free(gradient);
	free(input);
	free(embedding);
}

/*
 * A convolution of many chunks is left within the layer: after each allowed number of checks the passes say so, and
 * there are more checks than layers.
 */
static void
test_interrupt_in_training(void **state)
{
	Network    *network = help_network("{'input':{'width':200,'height':200},'layers':[{'type':'conv','maps':2,'kernel':5},"
									   "{'type':'max_pool','size':14},{'type':'dense','units':3}]}");
	real	   *weights = calloc(network_weight_count(network), sizeof(real));
	real	   *gradient = calloc(network_parameter_count(network), sizeof(real));
	real	   *input = calloc(40000, sizeof(real));
	real		embedding[3];
	Status		status;
	Host	   *host = test_host();
	NetworkWorkspace *workspace = network_workspace_create(network, 1, true, host, &status);
	NetworkWorkspace *inference = network_workspace_create(network, 1, false, host, &status);
	long		forward = 0,
				backward = 0,
				plain = 0;

	for (; test_host_interrupt_after(forward), !network_forward_training(network, weights, workspace, input, 1, 1, embedding);)
		forward++;
	test_host_interrupt_after(-1);
	assert_true(network_forward_training(network, weights, workspace, input, 1, 1, embedding));
	for (; test_host_interrupt_after(backward), !network_backward(network, weights, workspace, input, embedding, gradient);)
		backward++;
	for (; test_host_interrupt_after(plain), !network_forward(network, weights, inference, input, 1, embedding, &status);)
	{
		assert_int_equal(status.code, STATUS_INTERRUPTED);
		plain++;
	}
	assert_true(forward >= 3 + 5 && forward <= 100);
	assert_true(backward >= 3 + 5 && backward <= 100);
	assert_true(plain >= 3 + 5 && plain <= 100);
	test_host_interrupt_after(-1);
	network_workspace_destroy(workspace);
	network_workspace_destroy(inference);
	network_destroy(network);
	free(weights);
	free(gradient);
	free(input);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_optimizers),
		cmocka_unit_test(test_rate_of_loss),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_average),
		cmocka_unit_test(test_training),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_workspace_size),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_interrupt_in_dense),
		cmocka_unit_test(test_interrupt_in_training)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
