/*
 * test_onnx_data.c: the one-operator files of Debian's libonnx-testdata, whose expected outputs come from ONNX's own reference (numpy) and
 * from PyTorch: what is imported must give the same numbers.  A file of operators that the importer knows may be refused for what no
 * network of pictures can be, or has no layer for: reasons[] lists it, and any other refusal fails.  Refusals of other operators must
 * name them.
 *
 * ONNX_TESTDATA names another folder; without one the test is skipped.
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
#include "onnx/onnx_internal.h"
#include "onnx_help.h"
#include "onnx_writer.h"

#define FOLDER "/usr/share/libonnx-testdata/data"
#define LEAST_PASSED 123			/* of version 1.12 */
#define MOST_OPERATORS 200
#define NEWER "are of a newer opset"

static const char *const suites[] = {"node", "pytorch-converted", "pytorch-operator", NULL};

/* Files with these alone must pass, or have one of the reasons. */
static const char *const known[] = {
	"Conv", "BatchNormalization", "Relu", "PRelu", "LeakyRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Selu", "Add",
	"Sub", "Mul", "Div", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Gemm", "MatMul", "Flatten", "Reshape",
	"Transpose", "Concat", "LpNormalization", "ReduceL2", "InstanceNormalization", "Constant", "Identity", "Dropout", "Squeeze", "Unsqueeze", NULL
};

/* What a part of the detail says of a file. */
static const struct
{
	const char *detail;
	const char *class;
}			reasons[] = {
	{"Its operators are those of opset", NEWER},
	{"Its output needs none of its inputs", "give what does not depend on the input"},
	{"can be brought to length 1", "move values from one sample to another, or divide an axis of a picture"},
	{"only 2 is possible", "divide by a norm that is not the Euclidean one"},
	{"is its input.", "give their input back"},
	{"it is that of training", "are of training, not of inference"},
	{"its constant is not one number", "compute with a second input that has a number for each pixel or sample"},
	{"where a layer's output is needed", "compute with a second input that has a number for each pixel or sample"},
	{"second input is no constant matrix", "compute with a second input that has a number for each pixel or sample"},
	{"divides or mixes", "move values from one sample to another, or divide an axis of a picture"},
	{"it does not join channels", "move values from one sample to another, or divide an axis of a picture"},
	{"its first input is transposed", "move values from one sample to another, or divide an axis of a picture"},
	{"biases for 4 units", "compute with a second input that has a number for each pixel or sample"},
	{"it is taken over samples", "move values from one sample to another, or divide an axis of a picture"},
	{"only the length of all", "give lengths of parts of a sample"},
	{"must be from 1 to", "are above the limits of a definition"},
	{"the embedding would have", "are above the limits of a definition"}
};

#define REASONS ((int) (sizeof reasons / sizeof reasons[0]))

typedef struct Counts
{
	int			passed;
	int			because[REASONS];	/* of known operators, refused */
	int			others;			/* refused, with an operator that is not known */
	int			no_floats;
	int			rank;			/* of another rank than 2, 3 and 4 */
	int			operators;		/* that are not known */
	char		operator[MOST_OPERATORS][40];
	int			times[MOST_OPERATORS];
} Counts;

static Bytes
read_all(const char *path)
{
	Bytes		bytes = {0};
	FILE	   *file = fopen(path, "rb");
	char		part[65536];
	size_t		length;

	while (file != NULL && (length = fread(part, 1, sizeof part, file)) > 0)
		bytes_add(&bytes, part, length);
	if (file != NULL)
		fclose(file);
	return bytes;
}

/* The field of that number, after skip others. */
static OnnxBytes
find_bytes(OnnxBytes message, uint32_t number, int skip)
{
	Wire		wire = wire_of(message);
	WireField	field;

	while (wire_next(&wire, &field))
		if (field.number == number && field.type == WIRE_BYTES && skip-- == 0)
			return field.bytes;
	return (OnnxBytes) {(const uint8_t *) "", 0};
}

/* A tensor of floats: how many, at malloc'd *value; -1 for others. */
static int
read_floats(const Bytes *tensor, int64_t *dim, int *rank, float **value)
{
	Wire		wire = wire_of((OnnxBytes) {tensor->start, tensor->length});
	WireField	field;
	OnnxBytes	raw = {(const uint8_t *) "", 0};
	uint64_t	type = 0;
	int			count = 0;

	*rank = 0;
	*value = NULL;
	while (wire_next(&wire, &field))
	{
		Wire		rest = {0};
		uint64_t	number;

		if (field.number == 1)
			while (*rank < ONNX_RANK && wire_number(&field, WIRE_VARINT, &rest, &number))
				dim[(*rank)++] = (int64_t) number;
		else if (field.number == 2)
			type = field.value;
		else if (field.number == 9)
			raw = field.bytes;
		else if (field.number == 4)
			while (wire_number(&field, WIRE_FIXED32, &rest, &number))
			{
				*value = realloc(*value, (size_t) (count + 1) * sizeof(float));
				(*value)[count++] = wire_float(number);
			}
	}
	if (raw.length > 0 && type == ONNX_FLOAT)
	{
		count = (int) (raw.length / sizeof(float));
		*value = malloc(raw.length);
		memcpy(*value, raw.start, raw.length);
	}
	return type == ONNX_FLOAT ? count : -1;
}

static bool
all_known(OnnxBytes graph)
{
	OnnxBytes	node;
	bool		all = true;

	for (int i = 0; (node = find_bytes(graph, 1, i)).length > 0; i++)
	{
		bool		found = false;

		for (int k = 0; known[k] != NULL; k++)
			found |= bytes_are(find_bytes(node, 4, 0), known[k]);
		all &= found;
	}
	return all;
}

/* The operator that a refusal names: 'Node 3 (Abs): ...' or 'Node 3 ("name", Abs): ...'; false if there is none of the graph. */
static bool
named_operator(OnnxBytes graph, const char *detail, char operator[40])
{
	OnnxBytes	node;

	for (int i = 0; (node = find_bytes(graph, 1, i)).length > 0; i++)
	{
		OnnxBytes	found = find_bytes(node, 4, 0);
		char		text[48];
		const char *at;

		snprintf(operator, 40, "%.*s", (int) found.length, (const char *) found.start);
		snprintf(text, sizeof text, "%s): ", operator);
		at = strstr(detail, text);
		if (strncmp(detail, "Node ", 5) == 0 && at != NULL && (at[-1] == '(' || at[-1] == ' '))
			return true;
	}
	return false;
}

static void
count_operator(Counts *counts, const char *operator)
{
	for (int i = 0; i <= counts->operators; i++)
	{
		if (i == counts->operators)
		{
			assert_true(i < MOST_OPERATORS);
			snprintf(counts->operator[counts->operators++], sizeof counts->operator[0], "%s", operator);
		}
		if (strcmp(counts->operator[i], operator) == 0)
		{
			counts->times[i]++;
			return;
		}
	}
}

static bool
is_stored(OnnxBytes graph, OnnxBytes name)
{
	OnnxBytes	tensor;

	for (int k = 0; (tensor = find_bytes(graph, 5, k)).length > 0; k++)
	{
		OnnxBytes	other = find_bytes(tensor, 8, 0);

		if (other.length == name.length && memcmp(other.start, name.start, name.length) == 0)
			return true;
	}
	return false;
}

/* The model with the tensors of its further inputs as initializers. */
static Bytes
with_constants(OnnxBytes model, OnnxBytes graph, const char *folder)
{
	Bytes		whole = {0};
	Bytes		file = {0};
	Wire		wire = wire_of(model);
	WireField	field;
	int			data = 0;

	bytes_add(&whole, graph.start, graph.length);
	for (int i = 0; find_bytes(graph, 11, i).length > 0; i++)
	{
		OnnxBytes	name = find_bytes(find_bytes(graph, 11, i), 1, 0);
		char		path[640];
		Bytes		tensor;

		if (is_stored(graph, name) || data++ == 0)
			continue;
		snprintf(path, sizeof path, "%s/test_data_set_0/input_%d.pb", folder, data - 1);
		tensor = read_all(path);
		pb_bytes(&tensor, 8, name.start, name.length);
		pb_message(&whole, 5, &tensor);
	}
	while (wire_next(&wire, &field))
	{
		if (field.type == WIRE_BYTES && field.number != 7)
			pb_bytes(&file, (int) field.number, field.bytes.start, field.bytes.length);
		else if (field.type == WIRE_VARINT)
			pb_number(&file, (int) field.number, field.value);
	}
	pb_message(&file, 7, &whole);
	return file;
}

static void
compare(const char *name, const float *result, int values, const float *expected, int count, int64_t samples)
{
	double		worst = 0;

	if (values * samples != count)
		fail_msg("%s: %d values for %lld samples, not %d", name, values, (long long) samples, count);
	for (int i = 0; i < count; i++)
		worst = fmax(worst, fabs(result[i] - expected[i]) / (1 + fabs(expected[i])));
	if (!(worst < 1e-4))
		fail_msg("%s: the output differs by %g", name, worst);
}

static int
compare_floats(const void *a, const void *b)
{
	return (*(const float *) a > *(const float *) b) - (*(const float *) a < *(const float *) b);
}

/* What has no layers gives each sample's values back, perhaps in another order. */
static void
check_same(const char *name, float *x, int count, float *y, int out_count, int64_t samples)
{
	if (count != out_count)
		fail_msg("%s: the output has %d values, not %d", name, out_count, count);
	for (int s = 0; s < samples; s++)
	{
		qsort(x + s * count / samples, (size_t) (count / samples), sizeof(float), compare_floats);
		qsort(y + s * count / samples, (size_t) (count / samples), sizeof(float), compare_floats);
	}
	if (memcmp(x, y, (size_t) count * sizeof(float)) != 0)
		fail_msg("%s: the output is not the input", name);
}

static void
count_refusal(const char *name, const char *detail, OnnxBytes graph, Counts *counts)
{
	char		operator[40];

	if (!all_known(graph) && named_operator(graph, detail, operator))
	{
		counts->others++;
		count_operator(counts, operator);
		return;
	}
	for (int i = 0; i < REASONS; i++)
		if (strstr(detail, reasons[i].detail) != NULL)
		{
			counts->because[i]++;
			return;
		}
	fail_msg("%s is refused: %s", name, detail);
}

static void
run_folder(const char *folder, const char *name, Counts *counts)
{
	char		path[640];
	Bytes		model;
	Bytes		input;
	Bytes		expected;
	Bytes		file;
	OnnxBytes	graph;
	int64_t		dim[ONNX_RANK] = {0};
	int64_t		out_dim[ONNX_RANK];
	int			rank;
	int			out_rank;
	int			values = 0;
	float	   *x;
	float	   *y;
	float	   *result = NULL;
	Status		status;
	int			count;
	int			out_count;

	snprintf(path, sizeof path, "%s/model.onnx", folder);
	model = read_all(path);
	snprintf(path, sizeof path, "%s/test_data_set_0/input_0.pb", folder);
	input = read_all(path);
	snprintf(path, sizeof path, "%s/test_data_set_0/output_0.pb", folder);
	expected = read_all(path);
	graph = find_bytes((OnnxBytes) {model.start, model.length}, 7, 0);
	out_count = read_floats(&expected, out_dim, &out_rank, &y);
	count = read_floats(&input, dim, &rank, &x);
	file = with_constants((OnnxBytes) {model.start, model.length}, graph, folder);
	if (count <= 0 || out_count <= 0 || rank < 2 || rank > 4)
	{
		OnnxNetwork network;

		/* anything but a crash */
		if (onnx_import(file.start, file.length, &(OnnxOptions) {0}, test_host(), &network, &status))
			onnx_release(test_host(), &network);
		if (count <= 0 || out_count <= 0)
			counts->no_floats++;
		else
			counts->rank++;
	}
	else if (onnx_run(file.start, file.length, &(OnnxOptions) {0}, x, (int) dim[0], &result, &values, &status) == OUTCOME_RUN)
	{
		compare(name, result, values, y, out_count, dim[0]);
		counts->passed++;
	}
	else
	{
		count_refusal(name, status.detail, graph, counts);
		if (strstr(status.detail, "is its input.") != NULL)
			check_same(name, x, count, y, out_count, dim[0]);
	}
	free(x);
	free(y);
	free(result);
	bytes_free(&model);
	bytes_free(&input);
	bytes_free(&expected);
	bytes_free(&file);
}

static void
print_counts(const Counts *counts)
{
	printf("%d files give the same numbers.  Of operators that the importer knows are refused:\n", counts->passed);
	for (int i = 0; i < REASONS; i++)
	{
		int			files = 0;
		bool		before = false;

		for (int k = 0; k < REASONS; k++)
			if (strcmp(reasons[k].class, reasons[i].class) == 0)
			{
				files += counts->because[k];
				before |= k < i;
			}
		if (!before)
			printf("%5d that %s\n", files, reasons[i].class);
	}
	printf("%d of operators that it does not know:", counts->others);
	for (int i = 0; i < counts->operators; i++)
		printf("%s %s %d", i > 0 ? "," : "", counts->operator[i], counts->times[i]);
	printf("\nNot tried: %d whose inputs or outputs are no floats, %d with one dimension or more than four\n", counts->no_floats, counts->rank);
}

static void
test_files(void **state)
{
	const char *from = getenv("ONNX_TESTDATA") != NULL ? getenv("ONNX_TESTDATA") : FOLDER;
	Counts		counts = {0};

	for (int i = 0; suites[i] != NULL; i++)
	{
		char		folder[300];
		char		path[600];
		DIR		   *suite;
		struct dirent *entry;

		snprintf(folder, sizeof folder, "%s/%s", from, suites[i]);
		suite = opendir(folder);
		if (suite == NULL)
		{
			printf("libonnx-testdata is not installed\n");
			skip();
		}
		while ((entry = readdir(suite)) != NULL)
		{
			if (strncmp(entry->d_name, "test_", 5) != 0)
				continue;
			snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
			run_folder(path, entry->d_name, &counts);
		}
		closedir(suite);
	}
	print_counts(&counts);
	assert_string_equal(reasons[0].class, NEWER);
	assert_true(counts.passed + counts.because[0] >= LEAST_PASSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_files)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
