/*
 * fuzz_onnx.c: fuzz_onnx SEED COUNT
 *
 * COUNT ONNX files are imported: half of them sound ones with bits flipped, numbers set to extremes, pieces cut out, doubled or
 * spliced; half of them graphs of random operators, inputs and attributes, whose bytes are those of a sound file.  Each must
 * give an error that says something, or a network whose weights are finite; memory must neither remain nor be asked for beyond what
 * the file accounts for.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "onnx/onnx.h"
#include "unit/host.h"
#include "unit/onnx_writer.h"

#define ROOM (1 << 16)
#define MEMORY_FACTOR 40		/* of the file's length, beside what is taken for any file, in all */
#define MEMORY_LEAST ((size_t) 66 << 20)

static const char *const operators[] = {
	"Conv", "BatchNormalization", "Relu", "PRelu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Selu", "Add",
	"Sub", "Mul", "Div", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "Gemm", "MatMul",
	"Flatten", "Reshape", "Transpose", "Concat", "LpNormalization", "ReduceL2", "InstanceNormalization", "Identity", "Dropout", "Cast",
	"Squeeze", "Unsqueeze", "Pad", "Shape", "Gather", "Slice", "Constant", "ConstantOfShape", "DequantizeLinear", "Expand", "Sqrt", "Pow",
	"ReduceSum", "Max", "Sum", "Softmax", "LRN", "Split", "Exp", "Neg", "Reciprocal"
};

static const char *const attributes[] = {
	"axis", "axes", "kernel_shape", "strides", "pads", "dilations", "group", "perm", "keepdims", "transB", "ceil_mode", "count_include_pad",
	"alpha", "beta", "epsilon", "min", "max", "to", "starts", "ends", "shape", "value_ints", "value_int", "value_float", "auto_pad", "mode", "p", "size"
};

#define LENGTH(array) ((uint32_t) (sizeof(array) / sizeof((array)[0])))

static int
draw_number(Random *random)
{
	static const int extremes[] = {0, 1, -1, 2, -2, 3, 4, 7, 64, 255, 256, 65536, 0x7FFFFFFF, -0x7FFFFFFF - 1, 1 << 28, -4};

	return random_below(random, 3) ? 1 + (int) random_below(random, 4) : extremes[random_below(random, LENGTH(extremes))];
}

static void
add_attributes(Bytes *to, Random *random)
{
	for (uint32_t left = random_below(random, 4); left > 0; left--)
	{
		const char *name = attributes[random_below(random, LENGTH(attributes))];
		int			number[10];
		int			count = (int) random_below(random, 10);

		for (int i = 0; i < 10; i++)
			number[i] = draw_number(random);
		switch (random_below(random, 8))
		{
			case 0:
				onnx_real(to, name, random_below(random, 8) ? (float) number[0] / 4 : random_below(random, 2) ? INFINITY : NAN);
				break;
			case 1:
			case 2:
			case 3:
				onnx_int(to, name, number[0]);
				break;
			case 4:
				onnx_string(to, "auto_pad", random_below(random, 2) ? "SAME_UPPER" : "VALID");
				break;
			default:
				onnx_ints(to, name, random_below(random, 4) ? (int) random_below(random, 5) : count, number);
		}
	}
}

/* Tensors of all shapes that fit something: names t0, t1, ... */
static int
add_tensors(Bytes *graph, Random *random)
{
	static const int shapes[][5] = {
		{4, 2, 3, 3, 3}, {4, 3, 1, 3, 3}, {4, 4, 2, 1, 1}, {1, 2, 0, 0, 0}, {1, 3, 0, 0, 0}, {2, 48, 5, 0, 0}, {2, 5, 32, 0, 0}, {3, 3, 1, 1, 0},
		{0, 0, 0, 0, 0}, {1, 4, 0, 0, 0}, {2, 3, 5, 0, 0}, {4, 1, 1, 1, 1}
	};
	int			count = 0;

	for (; count < (int) LENGTH(shapes); count++)
	{
		float		value[160];
		int8_t		bytes[160];
		int64_t		whole[160];
		char		name[16];
		size_t		values = 1;

		for (int i = 0; i < shapes[count][0]; i++)
			values *= (size_t) shapes[count][1 + i];
		values = values > 160 ? 160 : values;
		for (size_t i = 0; i < values; i++)
		{
			value[i] = (float) random_range(random, -1, 1);
			bytes[i] = (int8_t) random_below(random, 256);
			whole[i] = draw_number(random);
		}
		snprintf(name, sizeof name, "t%d", count);
		if (random_below(random, 4) != 0)
			onnx_raw_tensor(graph, name, 1, shapes[count][0], shapes[count] + 1, value, values * sizeof(float));
		else if (random_below(random, 2) != 0)
			onnx_raw_tensor(graph, name, 7, shapes[count][0], shapes[count] + 1, whole, values * sizeof(int64_t));
		else
			onnx_raw_tensor(graph, name, 3, shapes[count][0], shapes[count] + 1, bytes, values);
	}
	return count;
}

static Bytes
draw_graph(Random *random)
{
	Bytes		graph = {0};
	int			tensors = add_tensors(&graph, random);
	int			nodes = 1 + (int) random_below(random, 12);
	int			dim[] = {random_below(random, 2) ? -1 : 1 + (int) random_below(random, 2), 1 + (int) random_below(random, 3), 4, 4};

	for (int i = 0; i < nodes; i++)
	{
		Bytes		some = {0};
		char		inputs[128] = "";
		char		output[16];
		uint32_t	count = 1 + random_below(random, 3);

		/* most take what the one before them gave, and constants */
		for (uint32_t k = 0; k < count; k++)
		{
			char	   *to = inputs + strlen(inputs);

			if (k == 0 && random_below(random, 8) != 0)
				snprintf(to, 24, i > 0 ? "n%d" : "x", i - 1);
			else if (random_below(random, 3) != 0)
				snprintf(to, 24, "%st%d", k > 0 ? " " : "", (int) random_below(random, (uint32_t) tensors));
			else
				snprintf(to, 24, random_below(random, 8) ? "%sn%d" : "%s-", k > 0 ? " " : "", (int) random_below(random, (uint32_t) i + 1));
		}
		add_attributes(&some, random);
		snprintf(output, sizeof output, "n%d", i);
		onnx_node(&graph, operators[random_below(random, LENGTH(operators))], inputs, i == nodes - 1 ? "y" : output, &some);
	}
	return onnx_file(&graph, random_below(random, 4) ? 4 : 2 + (int) random_below(random, 2), dim, 7 + (int) random_below(random, 15));
}

/* A chain that is sound: what mutations begin with. */
static Bytes
sound_file(void)
{
	Bytes		graph = {0};
	Bytes		some = {0};
	float		value[200];
	float		low = 0;
	float		high = 6;
	int64_t		shape[] = {0, -1};

	for (int i = 0; i < 200; i++)
		value[i] = (float) (i % 13 - 6) / 8;
	onnx_tensor(&graph, "w", 4, (int[]) {2, 3, 3, 3}, value);
	onnx_tensor(&graph, "b", 1, (int[]) {2}, value);
	onnx_tensor(&graph, "g", 1, (int[]) {2}, value + 7);
	onnx_tensor(&graph, "v", 1, (int[]) {2}, value + 10);
	onnx_tensor(&graph, "low", 0, NULL, &low);
	onnx_tensor(&graph, "high", 0, NULL, &high);
	onnx_raw_tensor(&graph, "shape", 7, 1, (int[]) {2}, shape, sizeof shape);
	onnx_tensor(&graph, "m", 2, (int[]) {8, 5}, value);
	onnx_int(&some, "group", 1);
	onnx_ints(&some, "pads", 4, (int[]) {1, 1, 1, 1});
	onnx_node(&graph, "Conv", "x w b", "a", &some);
	onnx_node(&graph, "BatchNormalization", "a g b g v", "c", NULL);
	onnx_node(&graph, "Clip", "c low high", "d", NULL);
	onnx_node(&graph, "Add", "d a", "e", NULL);
	onnx_ints(&some, "kernel_shape", 2, (int[]) {2, 2});
	onnx_ints(&some, "strides", 2, (int[]) {2, 2});
	onnx_node(&graph, "MaxPool", "e", "f", &some);
	onnx_node(&graph, "Reshape", "f shape", "h", NULL);
	onnx_node(&graph, "MatMul", "h m", "i", NULL);
	onnx_ints(&some, "axes", 1, (int[]) {1});
	onnx_node(&graph, "ReduceL2", "i", "l", &some);
	onnx_node(&graph, "Div", "i l", "y", NULL);
	return onnx_file(&graph, 4, (int[]) {1, 3, 4, 4}, 13);
}

/* What several operators make one layer of. */
static Bytes
patterned_file(void)
{
	Bytes		graph = {0};
	Bytes		some = {0};
	float		value[40];
	static const float means[12] = {0.5f, 0, 0, 0.5f, 0.5f, 0, 0, 0.5f, 0.5f, 0, 0, 0.5f};
	static const float turned[12] = {0.5f, 0.5f, 0, 0, 0, 0.5f, 0.5f, 0, 0, 0, 0.5f, 0.5f};

	for (int i = 0; i < 40; i++)
		value[i] = (float) (i % 13 - 6) / 8;
	onnx_tensor(&graph, "columns", 2, (int[]) {4, 3}, means);
	onnx_tensor(&graph, "rows", 2, (int[]) {3, 4}, turned);
	onnx_tensor(&graph, "query", 4, (int[]) {2, 3, 1, 1}, value);
	onnx_tensor(&graph, "place", 4, (int[]) {1, 2, 3, 3}, value);
	onnx_raw_tensor(&graph, "heads", 7, 1, (int[]) {3}, (int64_t[]) {0, 2, 9}, 3 * sizeof(int64_t));
	onnx_raw_tensor(&graph, "pixels", 7, 1, (int[]) {3}, (int64_t[]) {0, 3, -1}, 3 * sizeof(int64_t));
	onnx_int(&some, "size", 3);
	onnx_node(&graph, "LRN", "x", "a", &some);
	onnx_node(&graph, "MatMul", "a columns", "b", NULL);
	onnx_node(&graph, "MatMul", "rows b", "c", NULL);
	onnx_node(&graph, "Conv", "c query", "s", NULL);
	onnx_node(&graph, "Add", "s place", "t", NULL);
	onnx_node(&graph, "Reshape", "t heads", "u", NULL);
	onnx_int(&some, "axis", 2);
	onnx_node(&graph, "Softmax", "u", "v", &some);
	onnx_node(&graph, "Reshape", "c pixels", "k", NULL);
	onnx_ints(&some, "perm", 3, (int[]) {0, 2, 1});
	onnx_node(&graph, "Transpose", "k", "q", &some);
	onnx_node(&graph, "MatMul", "v q", "h", NULL);
	onnx_node(&graph, "Flatten", "h", "y", NULL);
	return onnx_file(&graph, 4, (int[]) {-1, 3, 4, 4}, 17);
}

static size_t
mutate(const Bytes *sample, uint8_t *bytes, Random *random)
{
	size_t		length = sample->length;

	memcpy(bytes, sample->start, length);
	for (uint32_t left = 1 + random_below(random, 4); left > 0 && length > 0; left--)
	{
		size_t		at = random_below(random, (uint32_t) length);
		size_t		size = random_below(random, 48);

		size = size < length - at ? size : length - at;
		switch (random_below(random, 6))
		{
			case 0:
			case 1:
				bytes[at] ^= (uint8_t) (1 << random_below(random, 8));
				break;
			case 2:
				bytes[at] = (uint8_t) (random_below(random, 2) ? 0xFF : random_below(random, 2) ? 0x7F : 0);
				break;
			case 3:
				length = random_below(random, 8) ? length : at;
				break;
			case 4:
				memmove(bytes + at, bytes + at + size, length - at - size);
				length -= size;
				break;
			default:
				memmove(bytes + at, bytes + random_below(random, (uint32_t) (length - size + 1)), size);
				break;
		}
	}
	return length;
}

static const char *
check_network(const OnnxNetwork *network)
{
	for (size_t i = 0; i < network->parameter_count; i++)
		if (!isfinite(network->parameters[i]))
			return "a weight is not finite";
	return network->layer_count < 1 || network->layers[0] != '[' || network->dimensions < 1 ? "the network is empty" : NULL;
}

int
main(int argc, char **argv)
{
	uint64_t	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	long		count = argc > 2 ? strtol(argv[2], NULL, 10) : 10000;
	static uint8_t work[ROOM];
	Bytes		sample[] = {sound_file(), patterned_file()};
	long		imported = 0;

	for (long i = 0; i < count; i++)
	{
		Random		random = random_stream(seed, (uint64_t) i);
		Bytes		drawn = {0};
		size_t		length;
		uint8_t    *bytes;
		Status		status = {0};
		Host	   *host = test_host();
		OnnxOptions options = {.reverse_channels = random_below(&random, 4) == 0, .unit_length = random_below(&random, 4) == 0};
		OnnxNetwork network;
		const char *wrong = NULL;
		bool		done;

		if (i % 2 == 0)
		{
			drawn = draw_graph(&random);
			if (random_below(&random, 4) != 0 || drawn.length > ROOM)
			{
				length = drawn.length < ROOM ? drawn.length : ROOM;
				memcpy(work, drawn.start, length);
			}
			else
				length = mutate(&drawn, work, &random);
		}
		else
			length = mutate(&sample[i / 2 % 2], work, &random);
		bytes_free(&drawn);
		bytes = malloc(length ? length : 1);	/* of just that length, for the sanitizer */
		memcpy(bytes, work, length);
		done = onnx_import(bytes, length, &options, host, &network, &status);
		free(bytes);
		imported += done;
		if (done)
		{
			wrong = check_network(&network);
			onnx_release(host, &network);
		}
		else if (status.detail[0] == '\0' || (status.code != STATUS_ONNX_FORMAT && status.code != STATUS_ONNX_UNSUPPORTED))
			wrong = "the error says nothing";
		if (test_host_outstanding() != 0)
			wrong = "allocations were not released";
		if (test_host_peak() > MEMORY_LEAST + MEMORY_FACTOR * length)
			wrong = "too much memory was asked for";
		if (wrong != NULL)
			return printf("mutation %ld: %s; status %d \"%s\"\n", i, wrong, status.code, status.detail), 1;
	}
	bytes_free(&sample[0]);
	bytes_free(&sample[1]);
	printf("%ld files, %ld imported, %ld refused\n", count, imported, count - imported);
	return 0;
}
