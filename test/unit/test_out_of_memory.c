/*
 * test_out_of_memory.c: memory that runs out, at each allocation in turn, as SQLite tests it: once so that this one allocation alone
 * fails, once so that all later ones fail too.  Nothing is left, the status says why, and another try gives what the first gave.  In
 * the same way each question whether to stop is answered yes.
 *
 * Rooms whose tests do this themselves: image (test_image_formats), onnx (test_onnx, test_onnx_export), the boosting and the linking of
 * tracks (test_boost, test_tracker), readers of pens (test_pen_read), networks for embeddings (test_network_training).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "matrix/matrix.h"
#include "network_help.h"
#include "pen/elastic.h"
#include "sample/sample.h"
#include "tracking/tracking.h"

/* Does something, releases all of it and adds what came out to the sum; false with a status. */
typedef bool (*Work) (const Host *host, uint64_t *sum, Status *status);

static void
add(uint64_t *sum, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		*sum = (*sum ^ ((const uint8_t *) bytes)[i]) * UINT64_C(1099511628211);
}

/* One try; nothing may be left of it.  What succeeds has the wanted sum, what does not the given status. */
static bool
try(Work work, const Host *host, uint64_t wanted, StatusCode code)
{
	uint64_t	sum = 0;
	Status		status = {0};
	bool		done = work(host, &sum, &status);

	assert_int_equal(test_host_outstanding(), 0);
	if (done)
		assert_true(sum == wanted);
	else
	{
		assert_int_equal(status.code, code);
		assert_true(code == STATUS_INTERRUPTED || status.detail[0] != '\0');
	}
	return done;
}

static void
survives(Work work)
{
	uint64_t	wanted = 0;
	Status		status = {0};
	long		allocations;
	long		asked;
	Host	   *host = test_host();

	assert_true(work(host, &wanted, &status));
	assert_int_equal(test_host_outstanding(), 0);
	allocations = test_host_allocations();
	assert_true(allocations > 0);
	for (long i = 0; i < allocations; i++)
		for (int once = 0; once < 2; once++)
		{
			host = test_host();
			if (once)
				test_host_fail_once(i);
			else
				test_host_fail_after(i);
			assert_false(try(work, host, wanted, STATUS_NO_MEMORY));
			assert_true(try(work, test_host(), wanted, STATUS_OK));
		}
	for (asked = 0;; asked += 1 + asked / 8)
	{
		host = test_host();
		test_host_interrupt_after(asked);
		if (try(work, host, wanted, STATUS_INTERRUPTED))
			break;
	}
	test_host();
}

static bool
signature(const Host *host, uint64_t *sum, Status *status)
{
	SampleSignature made;

	if (!sample_signature(20, 3, 1, true, host, &made, status))
		return false;
	add(sum, made.raster, (size_t) made.width * made.height);
	add(sum, made.pen, sizeof(float) * 4 * made.points);
	sample_signature_release(host, &made);
	return true;
}

/* Two curves of unlike length, compared by elastic matching. */
static bool
elastic(const Host *host, uint64_t *sum, Status *status)
{
	float		points[2][120 * 4];
	PenRows		pen[2];
	ElasticSequence sequence[2] = {{0}, {0}};
	double		distance;
	bool		done = true;

	for (int which = 0; which < 2; which++)
	{
		pen[which] = (PenRows) {.single = points[which], .rows = 90 + 30 * which, .columns = 4};
		for (int i = 0; i < pen[which].rows; i++)
		{
			double		at = (double) i / pen[which].rows;

			points[which][4 * i] = (float) (3 * at + sin(17 * at));
			points[which][4 * i + 1] = (float) (cos((13 + which) * at));
			points[which][4 * i + 2] = 0.5F;
			points[which][4 * i + 3] = (float) (1.2 * at);
		}
		done = done && elastic_sequence(&pen[which], host, &sequence[which], status);
	}
	done = done && elastic_distance(&sequence[0], &sequence[1], host, &distance, status);
	if (done)
		add(sum, &distance, sizeof(distance));
	host_release(host, sequence[0].value);
	host_release(host, sequence[1].value);
	return done;
}

static bool
assignment(const Host *host, uint64_t *sum, Status *status)
{
	double		cost[9 * 7];
	int			column[9];

	for (int i = 0; i < 9 * 7; i++)
		cost[i] = i * 37 % 64;
	if (!assignment_solve(host, 9, 7, cost, 40, column, status))
		return false;
	add(sum, column, sizeof(column));
	return true;
}

/* Six frames of three detections. */
static bool
flow(const Host *host, uint64_t *sum, Status *status)
{
	enum {FRAMES = 6, EACH = 3, ALL = FRAMES * EACH};
	double		detection[ALL];
	double		ends[ALL];
	FlowLink	link[(FRAMES - 1) * EACH * EACH];
	FlowProblem problem = {ALL, detection, ends, ends, 0, link};
	int			track[ALL];
	int			tracks;
	double		cost;

	for (int i = 0; i < ALL; i++)
	{
		detection[i] = -2 + i % 5 * 0.5;
		ends[i] = 1.5;
		for (int j = 0; i / EACH < FRAMES - 1 && j < EACH; j++)
			link[problem.links++] = (FlowLink) {i, (i / EACH + 1) * EACH + j, (i * 7 + j * 5) % 11 * 0.2};
	}
	if (!flow_solve(host, &problem, track, &tracks, &cost, status))
		return false;
	add(sum, track, sizeof(track));
	add(sum, &tracks, sizeof(tracks));
	add(sum, &cost, sizeof(cost));
	return true;
}

static bool
quality(const Host *host, uint64_t *sum, Status *status)
{
	enum {FRAMES = 5, EACH = 3};
	TrackBox	box[2][FRAMES * EACH];
	TrackBoxes	boxes[2];
	TrackQuality found;

	for (int which = 0; which < 2; which++)
	{
		for (int i = 0; i < FRAMES * EACH; i++)
			box[which][i] = (TrackBox) {i / EACH, i % EACH, {i % EACH * 20 + which, 0, i % EACH * 20 + 12, 30}};
		boxes[which] = (TrackBoxes) {box[which], FRAMES * EACH, EACH};
		assert_int_equal(track_boxes_sort(&boxes[which]), -1);
	}
	if (!track_quality_measure(host, &boxes[0], &boxes[1], &found, status))
		return false;
	add(sum, &found.mota, sizeof(found.mota));
	add(sum, &found.motp, sizeof(found.motp));
	add(sum, &found.idf1, sizeof(found.idf1));
	return true;
}

static bool
components(const Host *host, uint64_t *sum, Status *status)
{
	enum {ROWS = 64, N = 32, COUNT = 4};
	static real rows[ROWS * N],
				mean[N],
				covariance[N * N],
				found[COUNT * N];
	bool		varies;

	help_fill(rows, ROWS * N, 5);
	if (!matrix_covariance(rows, ROWS, N, ROWS, host, mean, covariance, &varies, status) ||
		!matrix_components(covariance, COUNT, N, 7, host, found, status))
		return false;
	add(sum, found, sizeof(found));
	return true;
}

/* A pair network: definition, twin, head, workspaces, the pairs of a batch. */
static bool
pair_network(const Host *host, uint64_t *sum, Status *status)
{
	static const int32_t label[] = {1, 1, 2, 2, 3, 3};
	static const uint8_t genuine[] = {1, 1, 1, 1, 1, 0};
	int			count;
	const NetworkSetting *settings = help_settings("{'input':{'width':8,'height':8},'layers':[{'type':'conv','maps':3,'kernel':3},"
												   "{'type':'relu'},{'type':'pair'},{'type':'dense','units':4},{'type':'tanh'},"
												   "{'type':'dense','units':1}]}", &count);
	NetworkDefinition *definition = network_define(settings, count, host, status);
	Network    *network = definition != NULL ? network_create(definition, host, status) : NULL;
	NetworkWorkspace *workspace = network != NULL ? network_workspace_create(network, 6, true, host, status) : NULL;
	NetworkBatch batch = {.n = 6, .label = label, .genuine = genuine, .seed = 3};
	NetworkPair *pair = NULL;
	int			pairs;
	bool		done = workspace != NULL && network_choose_pairs(network, &batch, host, &pair, &pairs, status);

	for (int i = 0; done && i < pairs; i++)
		add(sum, (int[]) {pair[i].a, pair[i].b, pair[i].genuine}, 3 * sizeof(int));
	host_release(host, pair);
	network_workspace_destroy(workspace);
	network_destroy(network);
	host_release(host, definition);
	return done;
}

#define CASE(work) static void test_##work(void **state) { survives(work); }
CASE(signature)
CASE(elastic)
CASE(assignment)
CASE(flow)
CASE(quality)

static void
test_components(void **state)
{
	Status		status;

	if (!matrix_library_load(test_host(), &status))
		skip();
	survives(components);
}

CASE(pair_network)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signature), cmocka_unit_test(test_elastic), cmocka_unit_test(test_assignment), cmocka_unit_test(test_flow),
		cmocka_unit_test(test_quality), cmocka_unit_test(test_components), cmocka_unit_test(test_pair_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
