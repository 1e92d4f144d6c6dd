/*
 * test_network_pair.c: the layer "pair": heads against a plain computation of the same from the twin and the stacked channels.
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

#define SAMPLES 7

#define INPUT "'input':{'width':9,'height':8,'colour':'colour'}"

static const char *const definitions[] = {
	/* joint input */
	("{" INPUT ",'layers':[{'type':'pair'},{'type':'conv','maps':7,'kernel':3},{'type':'prelu'},{'type':'max_pool'},"
	"{'type':'dense','units':6},{'type':'prelu'},{'type':'dropout'},{'type':'dense','units':2}]}"),
	/* in the network, one logit; a batch norm and a sum within the head */
	("{" INPUT ",'layers':[{'type':'conv','maps':5,'kernel':2},{'type':'relu'},{'type':'max_pool'},{'type':'pair'},"
	"{'type':'conv','maps':6,'kernel':3,'padding':1,'name':'start'},{'type':'batch_norm'},{'type':'relu'},"
	"{'type':'conv','maps':6,'kernel':3,'padding':1},{'type':'add','from':'start'},{'type':'dense','units':1}]}"),
	/* branches in twin and head, straight from what each one reads */
	("{" INPUT ",'layers':[{'type':'conv','maps':3,'kernel':3,'padding':1},{'type':'relu'},{'type':'conv','maps':2,'kernel':1,'input':0},"
	"{'type':'concat','from':2},{'type':'pair','name':'both'},{'type':'conv','maps':6,'kernel':3,'padding':1},{'type':'batch_norm'},"
	"{'type':'relu','name':'a'},{'type':'global_mean','input':'both'},{'type':'dense','units':6},{'type':'sigmoid'},"
	"{'type':'multiply','from':'a'},{'type':'concat','from':['both','a']},{'type':'dense','units':1}]}"),
	/* flat outputs, the pair goes straight into the logits */
	("{" INPUT ",'layers':[{'type':'dense','units':4},{'type':'tanh'},{'type':'pair'},{'type':'dense','units':2}]}"),
	/* a twin that learns nothing, a head without a dense layer */
	("{" INPUT ",'layers':[{'type':'max_pool'},{'type':'pair'},{'type':'conv','maps':4,'kernel':3},{'type':'relu'},"
	"{'type':'conv','maps':1,'kernel':[2,2]}]}"),
	/* optical flow, stacked and half way */
	("{'input':{'width':19,'height':16,'colour':'colour','flow':true,'mean':0.4,'deviation':0.3},'layers':[{'type':'pair'},"
	"{'type':'conv','maps':5,'kernel':3},{'type':'relu'},{'type':'dense','units':2}]}"),
	("{'input':{'width':16,'height':18,'colour':'luv','flow':true},'layers':[{'type':'conv','maps':4,'kernel':3},{'type':'relu'},"
	"{'type':'max_pool'},{'type':'pair'},{'type':'conv','maps':3,'kernel':3},{'type':'relu'},{'type':'dense','units':1}]}"),
	/* pens */
	("{'input':{'kind':'pen','length':24,'features':['x','y','speed']},'layers':[{'type':'conv','maps':4,'kernel':[1,5]},"
	"{'type':'pair'},{'type':'conv','maps':3,'kernel':[1,3]},{'type':'relu'},{'type':'dense','units':1}]}")
};

#define DEFINITIONS ((int) (sizeof(definitions) / sizeof(definitions[0])))

typedef struct Setting
{
	NetworkDefinition *definition;
	Network    *network;
	real	   *weights;
	uint8_t    *samples;
	const uint8_t *sample[SAMPLES];
	char	   *side;
} Setting;

static void
make_side(Setting *s, int at_once)
{
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(s->network, at_once, false, test_host(), &status);

	assert_true(network_sides(s->network, s->weights, workspace, s->sample, SAMPLES, s->side, &status));
	network_workspace_destroy(workspace);
}

static Setting
set_up(const char *text)
{
	Setting		s;
	size_t		bytes;
	size_t		count;

	s.definition = help_define(text);
	s.network = help_network(text);
	bytes = network_sample_bytes(s.definition);
	count = network_weight_count(s.network);
	s.weights = calloc(count, sizeof(real));
	network_initialize(s.network, 5, s.weights);
	for (size_t i = network_parameter_count(s.network); i < count; i++)
		s.weights[i] = (real) (0.5 + 0.1 * (i % 5));
	s.samples = calloc(SAMPLES, bytes);
	if (s.definition->input_kind == INPUT_PEN)
	{
		real	   *values = calloc(SAMPLES * bytes / sizeof(float), sizeof(real));

		help_fill(values, SAMPLES * bytes / sizeof(float), 9);
		for (size_t i = 0; i < SAMPLES * bytes / sizeof(float); i++)
			((float *) (void *) s.samples)[i] = (float) values[i];
		free(values);
	}
	else
		for (size_t i = 0; i < SAMPLES * bytes; i++)
			s.samples[i] = (uint8_t) (i * i * 31 + i / 7);
	for (int i = 0; i < SAMPLES; i++)
		s.sample[i] = s.samples + i * bytes;
	s.side = calloc(SAMPLES, network_side_bytes(s.network));
	make_side(&s, 3);
	return s;
}

static void
tear_down(Setting *s)
{
	network_destroy(s->network);
	host_release(test_host(), s->definition);
	free(s->weights);
	free(s->samples);
	free(s->side);
	assert_int_equal(test_host_outstanding(), 0);
}

static void
compare(Setting *s, int at_once, const NetworkPair *pair, int n, double *log_odds, real *hidden)
{
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(s->network, at_once, false, test_host(), &status);

	assert_true(network_compare(s->network, s->weights, workspace, s->side, pair, n, log_odds, hidden, &status));
	network_workspace_destroy(workspace);
}

/* Grey levels of a sample: the L* or the luma of what the network sees, by hand. */
static void
grey_levels(const Setting *s, int sample, float *grey)
{
	const ImagePreparation *image = &s->definition->image;
	real	   *input = calloc(image->width * image->height * 3, sizeof(real));

	network_input_from_raster(s->definition, s->sample[sample], input);
	for (int i = 0; i < image->width * image->height; i++)
	{
		double		value[3];

		for (int c = 0; c < 3; c++)
			value[c] = input[3 * i + c] * s->definition->deviation[c] + s->definition->mean[c];
		grey[i] = (float) (255 * (s->definition->luv ? value[0] : 0.299 * value[0] + 0.587 * value[1] + 0.114 * value[2]));
	}
	free(input);
}

/* Three channels of a sample become five: with the flow from it to another one, as shares of the shorter side. */
static void
add_flow(const Setting *s, int sample, int other, real *input)
{
	int			width = s->definition->image.width;
	int			height = s->definition->image.height;
	int			side = width < height ? width : height;
	float	   *first = calloc(width * height, sizeof(float));
	float	   *second = calloc(width * height, sizeof(float));
	float	   *flow = calloc(2 * width * height, sizeof(float));
	void	   *memory = malloc(image_flow_bytes(width, height));
	Status		status;

	grey_levels(s, sample, first);
	grey_levels(s, other, second);
	assert_true(image_flow(first, second, width, height, test_host(), memory, flow, &status));
	for (int i = width * height - 1; i >= 0; i--)
	{
		real		own[3] = {input[3 * i], input[3 * i + 1], input[3 * i + 2]};

		memcpy(input + 5 * i, own, sizeof(own));
		input[5 * i + 3] = flow[2 * i] / side;
		input[5 * i + 4] = flow[2 * i + 1] / side;
	}
	free(first);
	free(second);
	free(flow);
	free(memory);
}

/* The log odds of one pair in one order: the twin's outputs, stacked value by value, through the head. */
static double
naive(const Setting *s, int a, int b)
{
	const Network *head = network_head(s->network);
	const NetworkShape shape = s->definition->layers[s->definition->pair].in;
	int			values = network_dimensions(s->network);
	real	   *input = calloc(network_input_values(s->network), sizeof(real));
	real	   *twin = calloc(2 * values, sizeof(real));
	real	   *stacked = calloc(2 * values, sizeof(real));
	real		output[2];
	Status		status;
	NetworkWorkspace *workspace = network_workspace_create(s->network, 1, false, test_host(), &status);

	for (int i = 0; i < 2; i++)
	{
		network_input_from_raster(s->definition, s->sample[i == 0 ? a : b], input);
		if (s->definition->flow)
			add_flow(s, i == 0 ? a : b, i == 0 ? b : a, input);
		assert_true(network_forward(s->network, s->weights, workspace, input, 1, twin + i * values, &status));
	}
	for (int y = 0; y < shape.height; y++)
		for (int x = 0; x < shape.width; x++)
			for (int c = 0; c < 2 * shape.channels; c++)
				stacked[(y * shape.width + x) * 2 * shape.channels + c] =
					twin[c / shape.channels * values + (y * shape.width + x) * shape.channels + c % shape.channels];
	assert_int_equal(network_input_values(head), 2 * values);
	assert_true(network_forward(head, s->weights, network_workspace_head(workspace), stacked, 1, output, &status));
	network_workspace_destroy(workspace);
	free(input);
	free(twin);
	free(stacked);
	return network_dimensions(head) == 1 ? output[0] : output[1] - output[0];
}

/* All pairs, both orders, some of a sample with itself. */
static int
all_pairs(NetworkPair *pair)
{
	int			count = 0;

	for (int a = 0; a < SAMPLES; a++)
		for (int b = 0; b < SAMPLES; b++)
			pair[count++] = (NetworkPair) {.a = a, .b = b};
	return count;
}

static void
test_against_naive(void **state)
{
	NetworkPair pair[SAMPLES * SAMPLES];
	double		log_odds[SAMPLES * SAMPLES];
	int			n = all_pairs(pair);

	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
		for (int i = 0; i < DEFINITIONS && cpu_force_level(level); i++)
		{
			Setting		s = set_up(definitions[i]);
			double		spread = 0;

			compare(&s, 4, pair, n, log_odds, NULL);
			for (int k = 0; k < n; k++)
			{
				double		expected = (naive(&s, pair[k].a, pair[k].b) + naive(&s, pair[k].b, pair[k].a)) / 2;

				if (!(fabs(log_odds[k] - expected) <= 1e-5 * fmax(1, fabs(expected))))
					fail_msg("definition %d: pair %d, %d has log odds %.9g, not %.9g", i, pair[k].a, pair[k].b, log_odds[k], expected);
				spread = fmax(spread, fabs(log_odds[k] - log_odds[0]));
			}
			assert_true(spread > 1e-3);
			tear_down(&s);
		}
	cpu_unforce_level();
}

/* The same bits in either order, and whatever else is computed with a pair. */
static void
test_bits(void **state)
{
	NetworkPair pair[SAMPLES * SAMPLES];
	double		log_odds[SAMPLES * SAMPLES];
	int			n = all_pairs(pair);

	for (int i = 0; i < DEFINITIONS; i++)
	{
		Setting		s = set_up(definitions[i]);
		size_t		hidden_values = network_hidden_values(s.network);
		real	   *hidden = calloc(n * hidden_values, sizeof(real));
		real	   *alone = calloc(hidden_values, sizeof(real));

		compare(&s, 16, pair, n, log_odds, hidden);
		for (int a = 0; a < SAMPLES; a++)
			for (int b = 0; b < SAMPLES; b++)
			{
				double		one;

				assert_true(log_odds[a * SAMPLES + b] == log_odds[b * SAMPLES + a]);
				compare(&s, 1, &pair[a * SAMPLES + b], 1, &one, NULL);
				assert_true(one == log_odds[a * SAMPLES + b]);
				compare(&s, 1, &pair[b * SAMPLES + a], 1, &one, alone);
				assert_true(one == log_odds[a * SAMPLES + b]);
				assert_memory_equal(alone, hidden + (a * SAMPLES + b) * hidden_values, hidden_values * sizeof(real));
			}
		make_side(&s, 16);
		compare(&s, 16, &pair[1], 1, log_odds, NULL);
		assert_true(log_odds[0] == log_odds[SAMPLES]);
		free(hidden);
		free(alone);
		tear_down(&s);
	}
}

/* What the last dense layer makes of the hidden values are the log odds. */
static void
test_hidden(void **state)
{
	static const int width[] = {6, 72, 9 * 8 * 22, 8, 16, 14 * 17 * 5, 6 * 5 * 3, 54};
	NetworkPair pair[SAMPLES * SAMPLES];
	double		log_odds[SAMPLES * SAMPLES];
	int			n = all_pairs(pair);

	for (int i = 0; i < DEFINITIONS; i++)
	{
		Setting		s = set_up(definitions[i]);
		const Network *head = network_head(s.network);
		const NetworkLayer *last = &head->layers[head->layer_count - 1];
		int			values = (int) network_hidden_values(s.network);
		int			outputs = network_dimensions(head);
		real	   *hidden = calloc(n * values, sizeof(real));

		assert_int_equal(values, width[i]);
		compare(&s, 5, pair, n, log_odds, hidden);
		for (int k = 0; k < n; k++)
		{
			const real *weights = s.weights + last->parameter_offset;
			double		output[2] = {weights[values * outputs], outputs == 2 ? weights[values * outputs + 1] : 0};

			for (int j = 0; j < values; j++)
				for (int o = 0; o < outputs; o++)
					output[o] += (double) weights[j * outputs + o] * hidden[k * values + j];
			assert_true(fabs((outputs == 1 ? output[0] : output[1] - output[0]) - log_odds[k]) < 1e-4);
		}
		free(hidden);
		tear_down(&s);
	}
}

static void
test_stacking(void **state)
{
	enum {VALUES = 4 * 3 * 5, STACKED = 2 * VALUES};
	Network    *network = help_network("{'input':{'width':4,'height':3},'layers':[{'type':'conv','maps':5,'kernel':1},{'type':'pair'},"
									   "{'type':'dense','units':1}]}");
	const NetworkPair pair[] = {{0, 2, false}, {2, 1, false}, {1, 1, false}};
	real		output[3 * VALUES];
	real		stacked[3 * STACKED];
	real		gradient[3 * VALUES];
	double		expected[3 * VALUES];

	help_fill(output, 3 * VALUES, 1);
	network_stack(network, output, pair, 3, stacked);
	for (int p = 0; p < 3; p++)
		for (int pixel = 0; pixel < 12; pixel++)
			for (int c = 0; c < 5; c++)
			{
				assert_true(stacked[p * STACKED + pixel * 10 + c] == output[pair[p].a * VALUES + pixel * 5 + c]);
				assert_true(stacked[p * STACKED + pixel * 10 + 5 + c] == output[pair[p].b * VALUES + pixel * 5 + c]);
			}
	for (int i = 0; i < 3 * VALUES; i++)
		expected[i] = gradient[i] = 1;
	network_unstack(network, stacked, pair, 3, gradient);
	for (int p = 0; p < 3; p++)
		for (int i = 0; i < STACKED; i++)
			expected[(i / 5 % 2 == 0 ? pair[p].a : pair[p].b) * VALUES + i / 10 * 5 + i % 5] += stacked[p * STACKED + i];
	for (int i = 0; i < 3 * VALUES; i++)
		assert_true(fabs(gradient[i] - expected[i]) < 1e-5);
	network_destroy(network);
}

/* ---- pairs of a batch ---------------------------------------------------------------------------------------------- */

enum {BATCH = 24};

static void
choose(const char *training, const NetworkBatch *batch, NetworkPair **pairs, int *count)
{
	char		text[512];
	Network    *network;
	Status		status;

	snprintf(text, sizeof(text), "{'input':{'width':2,'height':2},'layers':[{'type':'pair'},{'type':'dense','units':1}],%s}", training);
	network = help_network(text);
	assert_true(network_choose_pairs(network, batch, test_host(), pairs, count, &status));
	network_destroy(network);
}

/* Kinds of pairs: positive, with a forgery, of two labels; checks that each is what it says. */
static void
count_kinds(const NetworkBatch *batch, const NetworkPair *pairs, int count, int *kinds)
{
	kinds[0] = kinds[1] = kinds[2] = 0;
	for (int i = 0; i < count; i++)
	{
		int			a = pairs[i].a;
		int			b = pairs[i].b;
		bool		same = batch->label[a] == batch->label[b];

		assert_true(a != b && (batch->genuine[a] || batch->genuine[b]));
		assert_int_equal(pairs[i].genuine, same && batch->genuine[a] && batch->genuine[b]);
		assert_true(same || (batch->genuine[a] && batch->genuine[b]));
		kinds[!same ? 2 : pairs[i].genuine ? 0 : 1]++;
	}
}

static void
test_pairs_of_batch(void **state)
{
	int32_t		label[BATCH];
	uint8_t		genuine[BATCH];
	int32_t		frame[BATCH];
	NetworkBatch batch = {.n = BATCH, .label = label, .genuine = genuine, .seed = 3};
	static const struct
	{
		const char *training;
		int			kinds[3];
	}			cases[] = {
		/* 4 labels with 5 genuine samples and a forgery each: 40 positive pairs, 20 with forgeries */
		{"'training':{}", {40, 20, 20}},
		{"'training':{'negatives':2}", {40, 20, 60}},
		{"'training':{'negatives':2},'loss':{'forged_share':0.1}", {40, 8, 72}},
		{"'training':{'negatives':0.25},'loss':{'forged_share':0}", {40, 0, 10}},
		{"'training':{'positives':9,'negatives':3}", {9, 20, 7}},
		{"'training':{'positives':1000}", {40, 20, 20}}
	};
	NetworkPair *pairs;
	NetworkPair *again;
	int			count;
	int			kinds[3];
	int			first_is_less = 0;

	for (int i = 0; i < BATCH; i++)
	{
		label[i] = i % 4;
		genuine[i] = i < 20;
		frame[i] = i / 4 * 10;
	}
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
	{
		choose(cases[c].training, &batch, &pairs, &count);
		count_kinds(&batch, pairs, count, kinds);
		assert_memory_equal(kinds, cases[c].kinds, sizeof(kinds));
		choose(cases[c].training, &batch, &again, &count);
		assert_memory_equal(pairs, again, count * sizeof(*pairs));
		host_release(test_host(), pairs);
		host_release(test_host(), again);
	}
	/* either order; frames at most so far apart */
	batch.frame = frame;
	choose("'training':{'frame_distance':15}", &batch, &pairs, &count);
	count_kinds(&batch, pairs, count, kinds);
	assert_int_equal(kinds[0], 16);
	for (int i = 0; i < count; i++)
	{
		assert_true(!pairs[i].genuine || abs(frame[pairs[i].a] - frame[pairs[i].b]) <= 15);
		first_is_less += pairs[i].a < pairs[i].b;
	}
	assert_true(first_is_less > count / 4 && first_is_less < 3 * count / 4);
	host_release(test_host(), pairs);
	/* no label twice */
	for (int i = 0; i < BATCH; i++)
		label[i] = i;
	choose("'training':{}", &batch, &pairs, &count);
	assert_null(pairs);
	assert_int_equal(count, 0);
	assert_int_equal(test_host_outstanding(), 0);
}

/* ---- definitions --------------------------------------------------------------------------------------------------- */

static void
test_refused(void **state)
{
#define HEAD "{'input':{'width':6,'height':5},'layers':["
	static const struct
	{
		const char *text;
		const char *detail;
	}			cases[] = {
		{HEAD "{'type':'pair'}]}", "Layer 1 (\"pair\"): no layer after it learns."},
		{HEAD "{'type':'dense','units':1},{'type':'pair'},{'type':'relu'}]}", "Layer 2 (\"pair\"): no layer after it learns."},
		{HEAD "{'type':'pair'},{'type':'dense','units':3}]}",
		"Layer 2 (\"dense\"): its 3 outputs are more than the 2 that a head can end in."},
		{HEAD "{'type':'pair'},{'type':'dense','units':3},{'type':'pair'},{'type':'dense','units':1}]}",
		"Layer 3 (\"pair\"): layer 1 is one already."},
		{HEAD "{'type':'conv','maps':2,'kernel':3,'padding':1},{'type':'pair'},{'type':'conv','maps':2,'kernel':3,'padding':1},"
			"{'type':'add','from':1},{'type':'dense','units':1}]}",
		"Layer 4 (\"add\"): it stands after the pair and reads layer 1, which does not."},
		{HEAD "{'type':'pair'},{'type':'conv','maps':2,'kernel':1},{'type':'add','from':0},{'type':'dense','units':1}]}",
		"Layer 3 (\"add\"): \"from\" is 0, the network's input, but the layer stands after the pair."},
		{HEAD "{'type':'pair'},{'type':'dense','units':1}],'join':'l2'}",
		"The join \"l2\" compares embeddings, of which a network with a layer \"pair\" has none."},
		{HEAD "{'type':'pair'},{'type':'dense','units':1}],'loss':{'type':'contrastive'}}",
		"Loss: \"contrastive\" compares embeddings, of which a network with a layer \"pair\" has none."},
		{"{'input':{'width':6,'height':5,'views':3},'layers':[{'type':'pair'},{'type':'dense','units':1}]}",
		"Input: \"views\" are averaged as embeddings, of which a network with a layer \"pair\" has none."},
		{"{'input':{'width':6,'height':5,'flow':true},'layers':[{'type':'dense','units':1}]}",
		"Input: \"flow\" is that from one picture of a pair to the other; an embedding is of one picture."},
		{HEAD "{'type':'pair','units':3},{'type':'dense','units':1}]}", "Layer 1 (\"pair\"): setting \"units\" is unknown."},
		{HEAD "{'type':'dense','units':1}],'training':{'negatives':2}}",
		"Training: \"negatives\" is for networks with a layer \"pair\"."},
		{HEAD "{'type':'dense','units':1}],'training':{'positives':2}}",
		"Training: \"positives\" is for networks with a layer \"pair\"."},
	};
	Status		status;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		help_refused(cases[i].text, &status);
		assert_int_equal(status.code, STATUS_DEFINITION);
		assert_string_equal(status.detail, cases[i].detail);
	}
	assert_int_equal(test_host_outstanding(), 0);
}

/* A network without a pair has no head; one with has no loss parameters of its own. */
static void
test_parts(void **state)
{
	Network    *plain = help_network("{'input':{'width':6,'height':5},'layers':[{'type':'dense','units':4}],'loss':{'type':'cross_entropy'}}");
	Network    *pair = help_network("{'input':{'width':6,'height':5},'layers':[{'type':'dense','units':4},{'type':'pair'},"
									"{'type':'dense','units':2}]}");
	char		line[160];
	int			lines = 0;

	assert_null(network_head(plain));
	assert_int_equal(network_parameter_count(plain), 31 * 4 + 2);
	assert_int_equal(network_multiplications(plain), 30 * 4);
	assert_int_equal(network_parameter_count(pair), 31 * 4 + 9 * 2);
	assert_int_equal(network_multiplications(pair), 30 * 4);
	assert_int_equal(network_multiplications(network_head(pair)), 8 * 2);
	assert_int_equal(network_dimensions(pair), 4);
	assert_int_equal(network_dimensions(network_head(pair)), 2);
	while (network_describe_layer(pair, lines, line, sizeof(line)))
		lines++;
	assert_int_equal(lines, 3);
	network_destroy(plain);
	network_destroy(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_naive), cmocka_unit_test(test_bits), cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_stacking), cmocka_unit_test(test_pairs_of_batch), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_parts)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
