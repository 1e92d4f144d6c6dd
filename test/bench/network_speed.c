/*
 * network_speed.c: how fast the built-in networks run, without a server.
 *
 *	network_speed peak						GFLOP/s of a loop of multiply-adds in registers, one thread
 *	network_speed level						for which level of processor its kernels are
 *	network_speed forward NETWORK N			images a second at inference, batches of N, one thread
 *	network_speed steady NETWORK SECONDS	images a second by the clock, one after the other, over all of the time
 *	network_speed train NETWORK N THREADS	images a second of steps (forward, backward, sum, optimizer) with batches of N
 *	network_speed layers NETWORK N			milliseconds a batch of each layer, forward and backward
 *	network_speed write NETWORK N FILE		weights, N inputs and their embeddings as float32, for the peers
 *	network_speed work NETWORK				multiplications of one image by the plain algorithm
 *	network_speed weights NETWORK			how many weights it has
 *
 *	network_speed shape NETWORK				channels, height and width of its input
 *
 * NETWORK may be FILE.onnx, or FILE.onnx:TENSOR:HEIGHT:WIDTH: cut at a tensor, with the sides that the file leaves open.  It is
 * imported, and has its own weights.
 *
 * Weights and inputs are the numbers of test/unit/network/make_forward.py.  The best of several runs counts; time is the
 * processor's, spent by this process, so that other work on the machine counts little; on several threads, divided by them.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "common/cpu.h"
#include "network/conv_internal.h"
#include "network/network_internal.h"
#include "onnx/onnx.h"
#include "presets.h"
#include "unit/network_help.h"

#define SECONDS 1.5				/* of a measurement */
#define MOST_THREADS 8
#define LARGE_PAGE ((size_t) 2 * 1024 * 1024)

typedef struct Preset
{
	const char *name;
	const NetworkSetting *settings;
	int			count;
} Preset;

#define PRESET(name) {#name, name##_settings, sizeof(name##_settings) / sizeof(NetworkSetting)}
static const Preset presets[] = {PRESET(compact), PRESET(signature), PRESET(koch), PRESET(signet), PRESET(hollaender),
	PRESET(patch), PRESET(photo), PRESET(tracking_joint)};

typedef struct Share
{
	const Network *network;
	const real *weights;
	NetworkWorkspace *workspace;
	const real *input;
	int			n;
	real	   *embedding;
	real	   *gradient;
} Share;

/* Inference has its weights in large pages, as the server maps them. */
static bool large_pages;

static void *
allocate(void *context, size_t size)
{
	bool		large = large_pages && size >= LARGE_PAGE;
	size_t		alignment = large ? LARGE_PAGE : 64;
	void	   *pointer = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);

#ifdef MADV_HUGEPAGE
	if (large && pointer != NULL)
		(void) madvise(pointer, size, MADV_HUGEPAGE);
#endif
	return pointer;
}

static void
release(void *context, void *pointer)
{
	free(pointer);
}

static const Host host = {.allocate = allocate, .release = release};

static void
fail(const char *what)
{
	fprintf(stderr, "network_speed: %s\n", what);
	exit(1);
}

static void *
need(void *pointer)
{
	if (pointer == NULL)
		fail("no memory");
	return pointer;
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

/*
 * What is timed must take so long: the clock moves in steps, which on some machines are those of the scheduler, and a run between
 * two of them took no time at all.
 */
static double
least_seconds(void)
{
	enum {STEPS = 20};
	double		start = now();
	double		end = start;

	for (int step = 0; step < 3; step++)
	{
		start = end;
		while ((end = now()) == start)
			;
	}
	return (end - start) * STEPS;
}

static void
fill(real *values, size_t count, unsigned seed, double factor, double shift)
{
	for (size_t i = 0; i < count; i++)
	{
		uint32_t	value = (uint32_t) (i + 1) * 2654435761u + seed * 40503u;

		value ^= value >> 15;
		value *= 2246822519u;
		value ^= value >> 13;
		values[i] = (real) (((value >> 8) / 8388608.0 - 1) * factor + shift);
	}
}

static void
scale_range(real *weights, size_t start, size_t count, double factor, double shift)
{
	for (size_t i = start; i < start + count; i++)
		weights[i] = (real) (weights[i] * factor + shift);
}

/* Of an ONNX file: what it was imported as. */
static OnnxNetwork imported;

static Network *
import_network(const char *name)
{
	char		path[1024];
	char		tensor[256] = "";
	OnnxOptions options = {0};
	FILE	   *file;
	long		length;
	void	   *bytes;
	char	   *text;
	const NetworkSetting *settings;
	int			count;
	Status		status;
	NetworkDefinition *definition;

	sscanf(name, "%1023[^:]:%255[^:]:%d:%d", path, tensor, &options.height, &options.width);
	options.output = tensor[0] != '\0' ? tensor : NULL;
	file = fopen(path, "rb");
	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0)
		fail("the file cannot be read");
	rewind(file);
	bytes = need(malloc((size_t) length + 1));
	if (fread(bytes, 1, (size_t) length, file) != (size_t) length)
		fail("the file cannot be read");
	fclose(file);
	if (!onnx_import(bytes, (size_t) length, &options, &host, &imported, &status))
		fail(status.detail);
	free(bytes);
	text = need(malloc(strlen(imported.layers) + 256));
	sprintf(text, "{'input':{'width':%d,'height':%d,'colour':'%s'},'loss':{'type':'triplet'},'join':'l2','layers':%s}", imported.width,
			imported.height, imported.channels == 1 ? "grey" : "colour", imported.layers);
	for (char *at = text; *at != '\0'; at++)
		*at = *at == '"' ? '\'' : *at;
	settings = help_settings(text, &count);
	definition = network_define(settings, count, &host, &status);
	free(text);
	if (definition == NULL)
		fail(status.detail);
	return need(network_create(definition, &host, &status));
}

/* Of a pair network, the head: with "pair" first, that is all of it, run once a pair in one order. */
static Network *
make_network(const char *name)
{
	Network    *network;
	Status		status;

	if (strstr(name, ".onnx") != NULL)
		return import_network(name);
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
	{
		NetworkDefinition *definition;

		if (strcmp(presets[i].name, name) != 0)
			continue;
		definition = network_define(presets[i].settings, presets[i].count, &host, &status);
		if (definition == NULL)
			fail(status.detail);
		network = need(network_create(definition, &host, &status));
		return network_head(network) != NULL ? (Network *) network_head(network) : network;
	}
	fail("unknown network");
	return NULL;
}

static real *
make_weights(const Network *network)
{
	size_t		count = network_weight_count(network);
	real	   *weights = need(allocate(NULL, count * sizeof(real)));

	if (imported.layers != NULL)
	{
		memcpy(weights, imported.parameters, imported.parameter_count * sizeof(real));
		memcpy(weights + network_parameter_count(network), imported.statistics, imported.statistic_count * sizeof(real));
		return weights;
	}
	fill(weights, count, 1, 1, 0);
	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];
		size_t		start = layer->parameter_offset;
		size_t		half = layer->in.channels;

		if (layer->type == &layer_conv || layer->type == &layer_dense)
		{
			scale_range(weights, start, layer->decay_count, sqrt(6.0 / (layer->decay_count / layer->out.channels)), 0);
			scale_range(weights, start + layer->decay_count, layer->parameter_count - layer->decay_count, 0.1, 0);
		}
		else if (layer->type == &layer_batch_norm)
		{
			scale_range(weights, start, half, 0.3, 1);
			scale_range(weights, start + half, half, 0.3, 0);
			scale_range(weights, layer->statistic_offset, half, 0.3, 0);
			scale_range(weights, layer->statistic_offset + half, half, 0.5, 1);
		}
	}
	return weights;
}

static Share
make_share(const Network *network, const real *weights, int n, bool training)
{
	Status		status;
	size_t		values = (size_t) network_input_values(network) * n;
	real	   *input = need(allocate(NULL, values * sizeof(real)));
	Share		share = {network, weights, network_workspace_create(network, n, training, &host, &status), input, n,
	need(allocate(NULL, (size_t) n * network_dimensions(network) * sizeof(real))), NULL};

	if (share.workspace == NULL)
		fail(status.detail);
	fill(input, values, 2, 0.5, 0.5);
	if (training)
	{
		share.gradient = need(allocate(NULL, network_parameter_count(network) * sizeof(real)));
		memset(share.gradient, 0, network_parameter_count(network) * sizeof(real));
	}
	else
	{
		real	   *packed = need(allocate(NULL, network_packed_count(network) * sizeof(real) + 64));

		network_pack(network, weights, packed);
		network_workspace_use(share.workspace, packed);
	}
	return share;
}

static void
forward(Share *share)
{
	Status		status;

	if (!network_forward(share->network, share->weights, share->workspace, share->input, share->n, share->embedding,
						 &status))
		fail(status.detail);
}

static void *
forth(void *argument)
{
	Share	   *share = argument;

	network_forward_training(share->network, share->weights, share->workspace, share->input, share->n, 1,
							 share->embedding);
	return NULL;
}

static void *
back(void *argument)
{
	Share	   *share = argument;

	network_backward(share->network, share->weights, share->workspace, share->input, share->embedding, share->gradient);
	return NULL;
}

static void
on_threads(void *(*work) (void *), Share *shares, int threads)
{
	pthread_t	thread[MOST_THREADS];

	for (int i = 1; i < threads; i++)
	{
		if (pthread_create(&thread[i], NULL, work, &shares[i]) != 0)
			fail("no thread");
	}
	work(&shares[0]);
	for (int i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
}

/* rounds of 24 multiply-adds of a vector; the sum is returned so that nothing is left out. */
#define PEAK_LOOP(name, bytes, target) \
static target double \
name(int rounds) \
{ \
	typedef float Wide __attribute__((vector_size(bytes))); \
	Wide		sum[24] = {0}; \
	Wide		factor = (Wide) {0} + 0.999f; \
	\
	for (int i = 0; i < 24; i++) \
		sum[i] = factor * (float) i; \
	for (int round = 0; round < rounds; round++) \
	{ \
		_Pragma("GCC unroll 24") \
		for (int i = 0; i < 24; i++) \
			sum[i] = sum[i] * factor + factor; \
	} \
	for (int i = 1; i < 24; i++) \
		sum[0] += sum[i]; \
	return sum[0][0]; \
}

PEAK_LOOP(peak_portable, 16, )
#if defined(__x86_64__)
PEAK_LOOP(peak_avx2, 32, __attribute__((target("avx2,fma"))))
PEAK_LOOP(peak_avx512, 64, __attribute__((target("avx512f"))))
#endif

static double
peak(void)
{
	double		best = 0;
	double		sum = 0;
	double		least = least_seconds();
	double		(*volatile loop) (int) = peak_portable;	/* volatile: a call that the compiler knows would be made once */
	int			lanes = 4;

#if defined(__x86_64__)
	if (cpu_level() == CPU_AVX2)
		loop = peak_avx2, lanes = 8;
	else if (cpu_level() == CPU_AVX512)
		loop = peak_avx512, lanes = 16;
#endif
	for (double end = now() + SECONDS; now() < end;)
	{
		double		start = now();
		double		passed;
		int			runs = 0;

		do
		{
			sum += loop(100000);
			runs++;
			passed = now() - start;
		} while (passed < least);
		best = fmax(best, runs * 100000.0 * 24 * 2 * lanes / passed / 1e9);
	}
	return sum > 0 ? best : 0;
}

static double
time_forward(const char *name, int n)
{
	Network    *network = make_network(name);
	Share		share = make_share(network, make_weights(network), n, false);
	double		least = least_seconds();
	double		best = INFINITY;

	forward(&share);
	for (double end = now() + SECONDS; now() < end;)
	{
		double		start = now();
		double		passed;
		int			runs = 0;

		do
		{
			forward(&share);
			runs++;
			passed = now() - start;
		} while (passed < least);
		best = fmin(best, passed / runs);
	}
	return n / best;
}

/* What an endless run reaches, with all that disturbs it. */
static double
time_steady(const char *name, double seconds)
{
	Network    *network = make_network(name);
	Share		share = make_share(network, make_weights(network), 1, false);
	struct timespec start;
	struct timespec end;
	double		passed = 0;
	long		images = 0;

	forward(&share);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (; passed < seconds; images++)
	{
		forward(&share);
		clock_gettime(CLOCK_MONOTONIC, &end);
		passed = end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) * 1e-9;
	}
	return images / passed;
}

static double
time_training(const char *name, int n, int threads)
{
	Network    *network = make_network(name);
	real	   *weights = make_weights(network);
	real	   *memory = need(calloc(network_optimizer_count(network) + 1, sizeof(real)));
	size_t		count = network_parameter_count(network);
	Share		shares[MOST_THREADS];
	double		best = INFINITY;

	for (int i = 0; i < threads; i++)
		shares[i] = make_share(network, weights, n / threads, true);
	for (double end = now() + 8 * SECONDS; now() < end;)
	{
		double		start = now();
		NetworkProgress progress = {.step = 1, .steps = 1000000, .epoch_steps = 1000};

		on_threads(forth, shares, threads);
		on_threads(back, shares, threads);
		for (int i = 1; i < threads; i++)
		{
			network_kernels()->add(shares[i].gradient, count, shares[0].gradient);
			memset(shares[i].gradient, 0, count * sizeof(real));
		}
		network_clip_gradient(network, shares[0].gradient);
		network_optimizer_part(network, &progress, memory, shares[0].gradient, weights, 0, count);
		memset(shares[0].gradient, 0, count * sizeof(real));
		best = fmin(best, now() - start);
	}
	return n / best * threads;
}

static void *
reals(size_t count)
{
	void	   *values = need(allocate(NULL, (count + 16) * sizeof(real)));

	memset(values, 0, (count + 16) * sizeof(real));
	return values;
}

/* Each layer alone, on n samples of what comes before it: best of some runs, in milliseconds, forward and backward. */
static void
time_layers(const char *name, int n)
{
	Network    *network = make_network(name);
	real	   *weights = make_weights(network);
	real	   *packed = reals(network_packed_count(network));
	real	   *gradient = reals(network_parameter_count(network));
	real	   *input = reals((size_t) n * network_input_values(network));
	real	  **outputs = need(malloc((size_t) network->layer_count * sizeof(real *)));
	char		line[160];

	network_pack(network, weights, packed);
	fill(input, (size_t) n * network_input_values(network), 2, 0.5, 0.5);
	for (int i = 0; network_describe_layer(network, i, line, sizeof(line)); i++)
	{
		const NetworkLayer *layer = &network->layers[i];
		size_t		scratch = layer->type->scratch != NULL ? layer->type->scratch(layer, n, true) : 0;
		double		best[2] = {INFINITY, INFINITY};
		LayerPass	pass = {
			.host = &host, .layer = layer, .kernels = network_kernels(), .n = n, .training = true,
			.weights = weights, .packed = packed + layer->plan.packed_offset,
			.input = layer->input >= 0 ? outputs[layer->input] : input, .output = reals(n * shape_values(layer->out)),
			.state = (char *) reals((layer->plan.state_fixed + n * layer->plan.state_bytes) / sizeof(real)),
			.scratch = reals(scratch), .output_gradient = reals(n * shape_values(layer->out)),
			.input_gradient = layer->input >= 0 ? reals(n * shape_values(layer->in)) : NULL, .gradient = gradient
		};

		outputs[i] = pass.output;
		for (int k = 0; k < layer->source_count; k++)
			pass.other[k] = layer->source[k].layer >= 0 ? outputs[layer->source[k].layer] : input;
		fill((real *) pass.output_gradient, n * shape_values(layer->out), 5, 1, 0);
		if (layer->plan.fused)
		{
			memcpy(pass.output, pass.input, n * shape_values(layer->out) * sizeof(real));
			best[0] = best[1] = 0;
		}
		for (double end = now() + SECONDS / 4; now() < end && !layer->plan.fused;)
		{
			double		start = now();
			double		middle;

			layer->type->forward(&pass);
			middle = now();
			layer->type->backward(&pass);
			best[0] = fmin(best[0], middle - start);
			best[1] = fmin(best[1], now() - middle);
		}
		printf("%9.3f %9.3f  %-10s %s\n", best[0] * 1e3, best[1] * 1e3,
			   layer->plan.method != NULL ? layer->plan.method->name : "", line);
	}
}

static void
write_file(const char *name, int n, const char *path)
{
	Network    *network = make_network(name);
	real	   *weights = make_weights(network);
	Share		share = make_share(network, weights, n, false);
	FILE	   *file = fopen(path, "wb");

	forward(&share);
	if (file == NULL || fwrite(weights, sizeof(real), network_weight_count(network), file) == 0 ||
		fwrite(share.input, sizeof(real), (size_t) n * network_input_values(network), file) == 0 ||
		fwrite(share.embedding, sizeof(real), (size_t) n * network_dimensions(network), file) == 0 || fclose(file) != 0)
		fail("the file cannot be written");
}

static double
plain_work(const Network *network)
{
	double		work = 0;

	for (int i = 0; i < network->layer_count; i++)
	{
		const NetworkLayer *layer = &network->layers[i];

		if (layer->type == &layer_conv || layer->type == &layer_dense)
			work += (double) layer->decay_count * shape_pixels(layer->out);
	}
	return work;
}

/* As siamese.train() does; OWN_PRODUCTS shows what it is worth. */
static void
load_matrix_library(void)
{
	Status		status;

	if (getenv("OWN_PRODUCTS") == NULL && !matrix_library_load(&host, &status))
		fail(status.detail);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *level = getenv("KERNEL_LEVEL");

	for (int i = 0; level != NULL && i < CPU_LEVEL_COUNT; i++)
	{
		if (strcmp(cpu_level_name(i), level) == 0 && !cpu_force_level(i))
			fail("this processor does not have the level");
	}
	large_pages = strcmp(what, "forward") == 0 || strcmp(what, "steady") == 0;
	if (strcmp(what, "peak") == 0)
		printf("%.1f\n", peak());
	else if (strcmp(what, "level") == 0)
		puts(cpu_level_name(cpu_level()));
	else if (strcmp(what, "forward") == 0 && argc == 4)
		printf("%.1f\n", time_forward(argv[2], atoi(argv[3])));
	else if (strcmp(what, "steady") == 0 && argc == 4)
		printf("%.1f\n", time_steady(argv[2], atof(argv[3])));
	else if (strcmp(what, "train") == 0 && argc == 5)
	{
		load_matrix_library();
		printf("%.1f\n", time_training(argv[2], atoi(argv[3]), atoi(argv[4])));
	}
	else if (strcmp(what, "layers") == 0 && argc == 4)
	{
		load_matrix_library();
		time_layers(argv[2], atoi(argv[3]));
	}
	else if (strcmp(what, "write") == 0 && argc == 5)
		write_file(argv[2], atoi(argv[3]), argv[4]);
	else if (strcmp(what, "work") == 0 && argc == 3)
		printf("%.0f\n", plain_work(make_network(argv[2])));
	else if (strcmp(what, "shape") == 0 && argc == 3)
	{
		const Network *network = make_network(argv[2]);

		printf("%d %d %d\n", network->in.channels, network->in.height, network->in.width);
	}
	else if (strcmp(what, "weights") == 0 && argc == 3)
		printf("%zu\n", network_weight_count(make_network(argv[2])));
	else
		fail("see the head of test/bench/network_speed.c");
	return 0;
}
