/*
 * kernels.c: kernels avx2|neon|portable [large] [KERNEL]...		runs each kernel of the pure rooms once, on one thread, for test/bench/instructions
 *
 * "large" adds the networks that take long under valgrind, under names that begin so.  All work on numbers that are drawn from fixed seeds; what a kernel needs is made before counting begins.  Under valgrind's callgrind with
 * --instr-atstart=no --combine-dumps=yes the instructions of each are dumped under its name; without it this is something to look at with
 * perf.  KERNEL: those whose name begins so.  OpenBLAS is never loaded: its kernels are not ours to count.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/callgrind.h>

#include "common/cpu.h"
#include "common/random.h"
#include "distance/code.h"
#include "distance/distance.h"
#include "image/deformation.h"
#include "image/image.h"
#include "matrix/matrix.h"
#include "network/network.h"
#include "pen/elastic.h"
#include "pen/pen.h"
#include "presets.h"
#include "sample/sample.h"
#include "tracking/tracker.h"
#include "unit/host.h"

#define MOST_NAME 128

static bool with_large;
static char **wanted;			/* ended by NULL; none: all */

__attribute__((noreturn))
static void
fail(const char *what)
{
	fprintf(stderr, "kernels: %s\n", what);
	exit(1);
}

static void
need(bool done, const Status *status)
{
	if (!done)
		fail(status->detail[0] != '\0' ? status->detail : "no memory");
}

static void *
room(size_t size)
{
	void	   *memory = aligned_alloc(64, (size + 127) / 64 * 64);

	if (memory == NULL)
		fail("no memory");
	memset(memory, 0, size);
	return memory;
}

static float *
numbers(size_t count, uint64_t seed, double low, double high)
{
	float	   *value = room(count * sizeof(float));
	Random		random = random_stream(seed, 0);

	for (size_t i = 0; i < count; i++)
		value[i] = (float) random_range(&random, low, high);
	return value;
}

/* ---- counting: for (name(...); counting(); counted()) work(); ---------------------------------------------------------- */

static char current[MOST_NAME];
static bool pending;

__attribute__((format(printf, 1, 2)))
static bool
is_wanted(const char *format, ...)
{
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(current, sizeof(current), format, arguments);
	va_end(arguments);
	pending = wanted[0] == NULL;
	for (char **one = wanted; *one != NULL && !pending; one++)
		pending = strncmp(current, *one, strlen(*one)) == 0;
	return pending;
}

/* True once; instructions count from here on. */
static inline bool
counting(void)
{
	bool		begins = pending;

	pending = false;
	if (begins)
		CALLGRIND_START_INSTRUMENTATION;
	return begins;
}

static inline void
counted(void)
{
	CALLGRIND_STOP_INSTRUMENTATION;
	CALLGRIND_DUMP_STATS_AT(current);
}

#define COUNTED for (; counting(); counted())

/* ---- networks ---------------------------------------------------------------------------------------------------------- */

typedef struct Preset
{
	const char *name;
	const NetworkSetting *settings;
	int			count;
	int			batch;			/* beside one sample alone; 0: none */
	int			step;			/* samples of a step of training; 0: none */
	bool		large;			/* takes long under valgrind: run with "large" only */
} Preset;

#define PRESET(name) #name, name##_settings, sizeof(name##_settings) / sizeof(NetworkSetting)
static const Preset presets[] = {
	{PRESET(compact), 8, 4, false}, {PRESET(hollaender), 0, 0, false}, {PRESET(pen), 0, 0, false}, {PRESET(bromley), 8, 0, false},
	{PRESET(signature), 0, 0, false}, {PRESET(patch), 0, 0, true}, {PRESET(koch), 0, 0, true}, {PRESET(signet), 0, 0, true},
	{PRESET(tracking_joint), 0, 0, true}, {PRESET(tracking_cost), 0, 0, true}, {PRESET(tracking_in_network), 0, 0, true},
	{PRESET(photo), 0, 0, true}
};

/* Of a pair network, the head: with "pair" first, that is all of it, run once a pair in one order. */
static const Network *
create_network(const Preset *preset)
{
	Status		status = {0};
	NetworkDefinition *definition = network_define(preset->settings, preset->count, test_host(), &status);
	Network    *network;

	need(definition != NULL, &status);
	network = network_create(definition, test_host(), &status);
	need(network != NULL, &status);
	return network_head(network) != NULL ? network_head(network) : network;
}

static void
run_forward(const Preset *preset, int n)
{
	Status		status = {0};
	const Network *network;
	NetworkWorkspace *workspace;
	real	   *weights;
	real	   *packed;
	real	   *input;
	real	   *embedding;

	if (n == 0 || !is_wanted("%sforward %s %d", preset->large ? "large " : "", preset->name, n))
		return;
	network = create_network(preset);
	weights = room(network_weight_count(network) * sizeof(real));
	packed = room((network_packed_count(network) + 16) * sizeof(real));
	input = numbers((size_t) n * network_input_values(network), 2, 0, 1);
	embedding = room((size_t) n * network_dimensions(network) * sizeof(real));
	network_initialize(network, 1, weights);
	network_pack(network, weights, packed);
	workspace = network_workspace_create(network, n, false, test_host(), &status);
	need(workspace != NULL, &status);
	network_workspace_use(workspace, packed);
	COUNTED need(network_forward(network, weights, workspace, input, n, embedding, &status), &status);
	network_workspace_destroy(workspace);
	free(weights);
	free(packed);
	free(input);
	free(embedding);
}

/* As learner.c does it, on one thread. */
static void
run_step(const Preset *preset)
{
	Status		status = {0};
	NetworkProgress progress = {.step = 1, .steps = 1000, .epoch_steps = 100};
	const Network *network;
	NetworkWorkspace *workspace;
	int			n = preset->step;
	int32_t		label[64];
	uint8_t		genuine[64];
	size_t		count;
	double		loss;
	real	   *weights;
	real	   *packed;
	real	   *input;
	real	   *embedding;
	real	   *embedding_gradient;
	real	   *gradient;
	real	   *memory;

	if (n == 0 || !is_wanted("step %s %d", preset->name, n))
		return;
	network = create_network(preset);
	count = network_parameter_count(network);
	weights = room(network_weight_count(network) * sizeof(real));
	packed = room((network_packed_count(network) + 16) * sizeof(real));
	gradient = room((count + 16) * sizeof(real));
	memory = room((network_optimizer_count(network) + 16) * sizeof(real));
	input = numbers((size_t) n * network_input_values(network), 2, 0, 1);
	embedding = room((size_t) n * network_dimensions(network) * sizeof(real));
	embedding_gradient = room((size_t) n * network_dimensions(network) * sizeof(real));
	for (int i = 0; i < n; i++)
	{
		label[i] = i / 2;
		genuine[i] = 1;
	}
	network_initialize(network, 1, weights);
	workspace = network_workspace_create(network, n, true, test_host(), &status);
	need(workspace != NULL, &status);
	COUNTED
	{
		NetworkBatch batch = {.n = n, .embedding = embedding, .label = label, .genuine = genuine, .seed = 1};

		network_pack_training(network, weights, packed);
		network_workspace_use(workspace, packed);
		need(network_forward_training(network, weights, workspace, input, n, 1, embedding), &status);
		need(network_loss(network, weights, &batch, test_host(), &loss, embedding_gradient, gradient, &status), &status);
		need(network_backward(network, weights, workspace, input, embedding_gradient, gradient), &status);
		network_clip_gradient(network, gradient);
		network_optimizer_part(network, &progress, memory, gradient, weights, 0, count);
		network_update_statistics(network, workspace, weights);
	}
	network_workspace_destroy(workspace);
	free(weights);
	free(packed);
	free(gradient);
	free(memory);
	free(input);
	free(embedding);
	free(embedding_gradient);
}

/* ---- products of matrices: shapes of the layers and of the index ------------------------------------------------------- */

typedef struct Shape
{
	bool		a_transposed;
	bool		b_transposed;
	int			m;
	int			n;
	int			k;
} Shape;

static const Shape shapes[] = {
	{false, false, 1, 128, 1024}, {false, false, 48, 128, 512}, {true, false, 512, 64, 32}, {false, true, 32, 512, 64},
	{false, false, 128, 64, 288}, {false, true, 96, 96, 128}, {false, false, 33, 17, 5}
};

static void
run_product(const Shape *shape)
{
	float	   *a;
	float	   *b;
	float	   *c;

	if (!is_wanted("product %s%d x %d x %d%s", shape->a_transposed ? "transposed " : "", shape->m, shape->n, shape->k,
				   shape->b_transposed ? " transposed" : ""))
		return;
	a = numbers((size_t) shape->m * shape->k, 1, -1, 1);
	b = numbers((size_t) shape->n * shape->k, 2, -1, 1);
	c = room((size_t) shape->m * shape->n * sizeof(float));
	COUNTED matrix_multiply(shape->a_transposed, shape->b_transposed, shape->m, shape->n, shape->k, a, shape->a_transposed ? shape->m : shape->k,
							b, shape->b_transposed ? shape->k : shape->n, 0, c, shape->n);
	free(a);
	free(b);
	free(c);
}

/* ---- distances, and the codes of the index ------------------------------------------------------------------------------ */

#define ROWS 500

static void
run_distances(int n)
{
	const DistanceKernels *distance = distance_kernels();
	float	   *rows = numbers((size_t) ROWS * n, 1, -1, 1);
	float	   *query = numbers(n, 2, -1, 1);
	double		(*kernel[]) (const float *, const float *, int) = {distance->l1, distance->l2_squared, distance->inner, distance_chord_squared};
	static const char *const name[] = {"l1", "l2", "inner", "chord"};
	volatile double sum = 0;

	for (int which = 0; which < 4; which++)
	{
		if (!is_wanted("distance %s of %d", name[which], n))
			continue;
		COUNTED
		{
			for (int i = 0; i < ROWS; i++)
				sum += kernel[which] (rows + (size_t) i * n, query, n);
		}
	}
	free(rows);
	free(query);
}

static void
run_codes(int n)
{
	const CodeKernels *code = code_kernels();
	float	   *rows = numbers((size_t) ROWS * n, 1, -1, 1);
	float	   *query = numbers(n, 2, -1, 1);
	float	   *centre = numbers(n, 3, -0.1, 0.1);
	uint8_t    *codes = room((size_t) ROWS * n);
	uint8_t    *query_code = room(n);
	uint32_t   *sums = room(ROWS * sizeof(uint32_t));
	float	   *slacks = room(ROWS * sizeof(float));
	float	   *bounds = room(ROWS * sizeof(float));
	CodeQuery	in_units;

	for (int l1 = 0; l1 < 2; l1++)
	{
		Metric		metric = l1 ? METRIC_L1 : METRIC_L2;
		const char *name = l1 ? "l1" : "l2";

		/* what is counted below needs them, too */
		for (int i = 0; i < ROWS; i++)
			slacks[i] = code_row(metric, rows + (size_t) i * n, 0, centre, 0.01f, n, codes + (size_t) i * n, NULL);
		code_query(metric, query, 0, centre, 0.01f, n, query_code, &in_units);
		memset(sums, 0, ROWS * sizeof(uint32_t));
		if (is_wanted("code %s of %d", name, n))
			COUNTED (l1 ? code->l1 : code->l2_squared) (query_code, codes, n, n, ROWS, sums);
		if (is_wanted("bounds %s of %d", name, n))
			COUNTED code->bounds(l1, sums, slacks, ROWS, &in_units, bounds);
		if (is_wanted("row code %s of %d", name, n))
		{
			COUNTED
			{
				for (int i = 0; i < ROWS; i++)
					slacks[i] = code_row(metric, rows + (size_t) i * n, 0, centre, 0.01f, n, codes + (size_t) i * n, NULL);
			}
		}
		if (is_wanted("query code %s of %d", name, n))
		{
			COUNTED
			{
				for (int i = 0; i < 100; i++)
					code_query(metric, query, 0, centre, 0.01f, n, query_code, &in_units);
			}
		}
	}
	free(rows);
	free(query);
	free(centre);
	free(codes);
	free(query_code);
	free(sums);
	free(slacks);
	free(bounds);
}

/* ---- signatures ---------------------------------------------------------------------------------------------------------- */

static SampleSignature
draw_signature(int signer, int sample)
{
	SampleSignature signature;
	Status		status = {0};

	need(sample_signature(1, signer, sample, true, test_host(), &signature, &status), &status);
	return signature;
}

static void
run_signatures(void)
{
	SampleSignature signature = draw_signature(0, 0);
	SampleSignature other = draw_signature(1, 0);
	SampleSignature drawn;
	Status		status = {0};

	if (is_wanted("sample signature"))
	{
		COUNTED drawn = draw_signature(2, 1);
		sample_signature_release(test_host(), &drawn);
	}

	/* elastic matching: dynamic time warping of two pens */
	{
		PenRows		rows[] = {{signature.pen, NULL, signature.points, 4}, {other.pen, NULL, other.points, 4}};
		ElasticSequence sequence[2];
		ElasticSequence made;
		double		distance;

		for (int i = 0; i < 2; i++)
			need(elastic_sequence(&rows[i], test_host(), &sequence[i], &status), &status);
		if (is_wanted("elastic sequence"))
		{
			COUNTED need(elastic_sequence(&rows[0], test_host(), &made, &status), &status);
			host_release(test_host(), made.value);
		}
		if (is_wanted("elastic distance"))
			COUNTED need(elastic_distance(&sequence[0], &sequence[1], test_host(), &distance, &status), &status);
		for (int i = 0; i < 2; i++)
			host_release(test_host(), sequence[i].value);
	}

	/* preparing a pen */
	{
		static float sample[256 * PEN_VALUES];
		static float distorted[256 * PEN_VALUES];
		static float input[256 * PEN_FEATURES];
		PenPreparation preparation = {.length = 200, .resampling = PEN_RESAMPLING_TIME, .drift = true, .scale = PEN_SCALE_Y, .rate = 100,
			.feature_count = PEN_FEATURES};
		PenDistortion distortion = {.probability = 1, .rotation = 10, .scale = 0.1, .shear = 0.1, .warp = 0.1, .time_warp = 0.2, .tempo = 0.1,
			.pressure = 0.1, .jitter = 0.01, .dropped = 0.1};
		PenRows		rows = {signature.pen, NULL, signature.points, 4};
		Random		random = random_stream(1, 1);

		for (int i = 0; i < PEN_FEATURES; i++)
			preparation.feature[i] = (uint8_t) i;
		need(pen_prepare(&rows, &preparation, sample, &status), &status);
		if (is_wanted("pen prepare"))
			COUNTED need(pen_prepare(&rows, &preparation, sample, &status), &status);
		if (is_wanted("pen distort"))
			COUNTED pen_distort(&preparation, &distortion, sample, &random, distorted);
		if (is_wanted("pen features"))
			COUNTED pen_features(&preparation, sample, input);
	}

	/* preparing an image: a PNM, so that no library's decoder is counted */
	{
		ImagePreparation preparation = {.width = 144, .height = 96, .channels = 1, .polarity = IMAGE_POLARITY_AUTO, .remove_background = true,
			.crop = true, .centre = true, .fit = IMAGE_FIT_KEEP, .margin = 0.05, .smooth = 1, .normalise = true};
		size_t		pixels = (size_t) signature.width * signature.height;
		uint8_t    *file = room(pixels + 64);
		int			head = sprintf((char *) file, "P5\n%d %d\n255\n", signature.width, signature.height);
		static uint8_t raster[2][144 * 96];
		DeformationPlaces places[2];
		DeformationPlaces made;
		volatile double distance;

		memcpy(file + head, signature.raster, pixels);
		need(image_prepare(file, head + pixels, &preparation, 1000000, test_host(), raster[0], &status), &status);
		if (is_wanted("image prepare"))
			COUNTED need(image_prepare(file, head + pixels, &preparation, 1000000, test_host(), raster[0], &status), &status);
		free(file);
		for (int i = 0; i < 144 * 96; i++)
			raster[1][i] = raster[0][(i + 3 * 144 + 2) % (144 * 96)];

		/* elastic matching of pictures: histograms of oriented gradients, and the image distortion model */
		for (int i = 0; i < 2; i++)
			need(deformation_places(raster[i], 144, 96, test_host(), &places[i], &status), &status);
		if (is_wanted("deformation places"))
		{
			COUNTED need(deformation_places(raster[0], 144, 96, test_host(), &made, &status), &status);
			host_release(test_host(), made.place);
		}
		if (is_wanted("deformation distance"))
			COUNTED distance = deformation_distance(&places[0], &places[1]);
		(void) distance;
		for (int i = 0; i < 2; i++)
			host_release(test_host(), places[i].place);

		if (is_wanted("image flow"))
		{
			float	   *grey[2] = {room(sizeof(float) * 144 * 96), room(sizeof(float) * 144 * 96)};
			float	   *flow = room(sizeof(float) * 2 * 144 * 96);
			void	   *memory = room(image_flow_bytes(144, 96));

			for (int i = 0; i < 2; i++)
				for (int k = 0; k < 144 * 96; k++)
					grey[i][k] = raster[i][k];
			COUNTED need(image_flow(grey[0], grey[1], 144, 96, test_host(), memory, flow, &status), &status);
			free(grey[0]);
			free(grey[1]);
			free(flow);
			free(memory);
		}
	}
	sample_signature_release(test_host(), &signature);
	sample_signature_release(test_host(), &other);
}

/* ---- tracking ------------------------------------------------------------------------------------------------------------ */

#define OBJECTS 8
#define FRAMES 60
#define FEATURES 12
#define EXAMPLES 600

static void
make_video(uint64_t seed, Detection *detection, Video *video)
{
	Random		random = random_stream(seed, 0);
	double		place[OBJECTS][4];
	int			count = 0;

	for (int i = 0; i < OBJECTS; i++)
	{
		place[i][0] = random_range(&random, 0, 600);
		place[i][1] = 60 * i;
		place[i][2] = random_range(&random, -4, 4);
		place[i][3] = random_range(&random, -0.5, 0.5);
	}
	for (int frame = 0; frame < FRAMES; frame++)
		for (int i = 0; i < OBJECTS; i++)
		{
			double		x = place[i][0] + place[i][2] * frame + random_range(&random, -1, 1);
			double		y = place[i][1] + place[i][3] * frame + random_range(&random, -1, 1);

			if (random_below(&random, 10) == 0)
				continue;
			detection[count] = (Detection) {frame, {x, y, x + 30, y + 60}, random_range(&random, 0.5, 1), i, count};
			count++;
		}
	*video = (Video) {detection, count, 25, NULL};
}

static void
run_tracking(void)
{
	static Detection detection[3][OBJECTS * FRAMES];
	static int	track[OBJECTS * FRAMES];
	Video		video[3];
	TrackerSettings settings = tracker_defaults();
	Tracker		tracker;
	TrackerScores scores;
	Status		status = {0};
	int			tracks;

	/* an assignment, and a flow through frames of which each detection may follow any of the frame before */
	if (is_wanted("assignment 60"))
	{
		enum {SIDE = 60};
		Random		random = random_stream(1, 0);
		static double cost[SIDE * SIDE];
		static int	column[SIDE];

		for (int i = 0; i < SIDE * SIDE; i++)
			cost[i] = random_uniform(&random);
		COUNTED need(assignment_solve(test_host(), SIDE, SIDE, cost, 2, column, &status), &status);
	}
	if (is_wanted("flow"))
	{
		static FlowLink link[OBJECTS * OBJECTS * FRAMES];
		static double own[OBJECTS * FRAMES];
		static double ends[OBJECTS * FRAMES];
		FlowProblem problem = {OBJECTS * FRAMES, own, ends, ends, 0, link};
		Random		random = random_stream(2, 0);
		double		cost;

		for (int i = 0; i < OBJECTS * FRAMES; i++)
		{
			own[i] = random_range(&random, -2, 0.5);
			ends[i] = 2;
			for (int k = 0; k < OBJECTS && i / OBJECTS + 1 < FRAMES; k++)
				link[problem.links++] = (FlowLink) {i, (i / OBJECTS + 1) * OBJECTS + k, random_range(&random, k == i % OBJECTS ? -2 : 0, 2)};
		}
		COUNTED need(flow_solve(test_host(), &problem, track, &tracks, &cost, &status), &status);
	}

	/* boosting */
	{
		static float x[EXAMPLES * FEATURES];
		static unsigned char label[EXAMPLES];
		BoostSettings boost_settings = boost_defaults(20);
		Random		random = random_stream(3, 0);
		Boost		boost;
		volatile double sum = 0;

		for (int i = 0; i < EXAMPLES; i++)
		{
			for (int k = 0; k < FEATURES; k++)
				x[i * FEATURES + k] = (float) random_range(&random, -1, 1);
			label[i] = x[i * FEATURES] * x[i * FEATURES + 1] + 0.3 * random_normal(&random) > 0;
		}
		if (is_wanted("boosting train"))
		{
			COUNTED need(boost_train(test_host(), &boost_settings, EXAMPLES, FEATURES, x, label, NULL, &boost, &status), &status);
			boost_release(test_host(), &boost);
		}
		if (is_wanted("boosting log odds"))
		{
			need(boost_train(test_host(), &boost_settings, EXAMPLES, FEATURES, x, label, NULL, &boost, &status), &status);
			COUNTED
			{
				for (int i = 0; i < EXAMPLES; i++)
					sum += boost_log_odds(&boost, x + i * FEATURES);
			}
			boost_release(test_host(), &boost);
		}
	}

	if (is_wanted("track"))
	{
		settings.trees = 10;
		for (int i = 0; i < 3; i++)
			make_video(i + 1, detection[i], &video[i]);
		need(tracker_train(test_host(), &settings, video, 2, &tracker, &scores, &status), &status);
		COUNTED need(tracker_run(test_host(), &tracker, &video[2], track, &tracks, &status), &status);
		tracker_release(test_host(), &tracker);
	}
}

int
main(int argument_count, char **arguments)
{
	int			level = 0;

	if (argument_count == 2 && strcmp(arguments[1], "compiler") == 0)
	{
		/* what the counts depend on, beside the level; nothing of a build for a debugger, whose counts are others */
#if !defined(__OPTIMIZE__)
		puts("");
#elif defined(__clang__)
		printf("clang-%d\n", __clang_major__);
#else
		printf("gcc-%d\n", __GNUC__);
#endif
		return 0;
	}
	while (argument_count > 1 && level < CPU_LEVEL_COUNT && strcmp(cpu_level_name((CpuLevel) level), arguments[1]) != 0)
		level++;
	if (argument_count < 2 || level == CPU_LEVEL_COUNT || !cpu_force_level((CpuLevel) level))
		fail("this processor has no such level");
	with_large = argument_count > 2 && strcmp(arguments[2], "large") == 0;
	wanted = arguments + (with_large ? 3 : 2);
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
	{
		if (presets[i].large && !with_large)
			continue;
		run_forward(&presets[i], 1);
		/* valgrind runs some million instructions a second */
		if (level == CPU_PORTABLE)
			continue;
		run_forward(&presets[i], presets[i].batch);
		run_step(&presets[i]);
	}
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		run_product(&shapes[i]);
	run_distances(128);
	run_codes(128);
	run_signatures();
	/* no kernels of levels here: once is enough */
	if (level != CPU_PORTABLE)
		run_tracking();
	return 0;
}
