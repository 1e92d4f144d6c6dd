/*
 * test_tracking.c: assignments and flows against all possible ones; the quality of tracks in cases that can be counted by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "tracking/tracker.h"
#include "unit/host.h"

#define MOST 6

/* The least cost of rows from row on, each with one of the columns that are free. */
static double
least_cost(int row, int rows, int columns, const double *cost, double unassigned, unsigned taken)
{
	double		least;

	if (row == rows)
		return 0;
	least = unassigned + least_cost(row + 1, rows, columns, cost, unassigned, taken);
	for (int column = 0; column < columns; column++)
		if (!(taken & 1u << column) && isfinite(cost[row * columns + column]))
			least = fmin(least, cost[row * columns + column] +
						 least_cost(row + 1, rows, columns, cost, unassigned, taken | 1u << column));
	return least;
}

static void
test_assignment(void **state)
{
	Random		random = random_stream(1, 0);

	for (int trial = 0; trial < 3000; trial++)
	{
		int			rows = (int) random_below(&random, MOST + 1);
		int			columns = (int) random_below(&random, MOST + 1);
		double		unassigned = random_range(&random, -3, 8);
		double		cost[MOST * MOST];
		int			column[MOST];
		double		sum = 0;
		unsigned	taken = 0;
		Status		status;

		for (int i = 0; i < rows * columns; i++)
			cost[i] = random_below(&random, 4) == 0 ? INFINITY : trial % 2 ? random_range(&random, -5, 5) : random_below(&random, 4);
		assert_true(assignment_solve(test_host(), rows, columns, cost, unassigned, column, &status));
		for (int row = 0; row < rows; row++)
		{
			if (column[row] >= 0)
			{
				assert_true(column[row] < columns);
				assert_false(taken & 1u << column[row]);
				taken |= 1u << column[row];
			}
			sum += column[row] >= 0 ? cost[row * columns + column[row]] : unassigned;
		}
		assert_true(fabs(sum - least_cost(0, rows, columns, cost, unassigned, 0)) < 1e-9);
	}
}

static void
test_assignment_trouble(void **state)
{
	double		cost[4] = {1, 2, 3, 4};
	int			column[2];
	Status		status;

	for (int i = 0; i < 6; i++)
	{
		Host	   *host = test_host();

		test_host_fail_after(i);
		assert_false(assignment_solve(host, 2, 2, cost, 10, column, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
	{
		Host	   *host = test_host();

		test_host_interrupt_after(1);
		assert_false(assignment_solve(host, 2, 2, cost, 10, column, &status));
		assert_int_equal(status.code, STATUS_INTERRUPTED);
		assert_int_equal(test_host_outstanding(), 0);
	}
}

/* ---- flows ---- */

#define MOST_DETECTIONS 6

/* Link costs by pair; INFINITY: none. */
typedef struct Small
{
	int			n;
	double		detection[MOST_DETECTIONS];
	double		enter[MOST_DETECTIONS];
	double		leave[MOST_DETECTIONS];
	double		link[MOST_DETECTIONS][MOST_DETECTIONS];
} Small;

/* The least cost of detections from i on; open: those that a track may go on from. */
static double
least_flow(const Small *small, int i, unsigned open)
{
	double		least;

	if (i == small->n)
	{
		least = 0;
		for (int j = 0; j < small->n; j++)
			least += open & 1u << j ? small->leave[j] : 0;
		return least;
	}
	least = fmin(least_flow(small, i + 1, open),
				 small->detection[i] + small->enter[i] + least_flow(small, i + 1, open | 1u << i));
	for (int j = 0; j < i; j++)
		if (open & 1u << j && isfinite(small->link[j][i]))
			least = fmin(least, small->detection[i] + small->link[j][i] + least_flow(small, i + 1, (open & ~(1u << j)) | 1u << i));
	return least;
}

/* What the tracks cost, counted anew. */
static double
cost_of_tracks(const Small *small, const int *track, int tracks)
{
	double		cost = 0;

	for (int t = 0; t < tracks; t++)
	{
		int			last = -1;

		for (int i = 0; i < small->n; i++)
			if (track[i] == t)
			{
				cost += small->detection[i] + (last < 0 ? small->enter[i] : small->link[last][i]);
				last = i;
			}
		assert_true(last >= 0);
		cost += small->leave[last];
	}
	return cost;
}

static int
make_small(Small *small, Random *random, FlowLink *link)
{
	int			links = 0;

	small->n = (int) random_below(random, MOST_DETECTIONS + 1);
	for (int i = 0; i < small->n; i++)
	{
		small->detection[i] = random_range(random, -6, 2);
		small->enter[i] = random_range(random, 0, 4);
		small->leave[i] = random_range(random, 0, 4);
		for (int j = i + 1; j < small->n; j++)
		{
			small->link[i][j] = random_below(random, 3) == 0 ? INFINITY : random_range(random, -2, 5);
			if (isfinite(small->link[i][j]))
				link[links++] = (FlowLink) {i, j, small->link[i][j]};
		}
	}
	return links;
}

static void
test_flow(void **state)
{
	Random		random = random_stream(3, 0);

	for (int trial = 0; trial < 5000; trial++)
	{
		Small		small;
		FlowLink	link[MOST_DETECTIONS * MOST_DETECTIONS];
		FlowProblem problem = {.links = make_small(&small, &random, link)};
		int			track[MOST_DETECTIONS];
		int			tracks;
		double		cost;
		Status		status;
		Host	   *host = test_host();

		problem.detections = small.n;
		problem.detection_cost = small.detection;
		problem.enter_cost = small.enter;
		problem.leave_cost = small.leave;
		problem.link = link;
		assert_true(flow_solve(host, &problem, track, &tracks, &cost, &status));
		assert_int_equal(test_host_outstanding(), 0);
		assert_true(fabs(cost - least_flow(&small, 0, 0)) < 1e-9);
		assert_true(fabs(cost - cost_of_tracks(&small, track, tracks)) < 1e-9);
	}
}

/* Many walkers that cross: found again as they went, and in no time. */
static void
test_flow_large(void **state)
{
	enum {WALKERS = 10, FRAMES = 300, NEAR = 3};
	static double detection[WALKERS * FRAMES];
	static double enter[WALKERS * FRAMES];
	static FlowLink link[WALKERS * FRAMES * WALKERS * NEAR];
	static int	track[WALKERS * FRAMES];
	FlowProblem problem = {WALKERS * FRAMES, detection, enter, enter, 0, link};
	int			tracks;
	double		cost;
	Status		status;

	for (int i = 0; i < problem.detections; i++)
	{
		detection[i] = -3;
		enter[i] = 5;
		for (int gap = 1; gap <= NEAR; gap++)
			for (int walker = 0; walker < WALKERS && i / WALKERS + gap < FRAMES; walker++)
				link[problem.links++] = (FlowLink) {i, (i / WALKERS + gap) * WALKERS + walker,
					gap - 1 + (walker == i % WALKERS ? 0.1 : 1.5)};
	}
	assert_true(flow_solve(test_host(), &problem, track, &tracks, &cost, &status));
	assert_int_equal(tracks, WALKERS);
	for (int i = 0; i < problem.detections; i++)
		assert_int_equal(track[i], i % WALKERS);
}

static void
test_flow_trouble(void **state)
{
	double		cost_of[2] = {-3, -3};
	double		enter[2] = {1, 1};
	FlowLink	link = {0, 1, 0.5};
	FlowProblem problem = {2, cost_of, enter, enter, 1, &link};
	int			track[2];
	int			tracks;
	double		cost;
	Status		status;
	Host	   *host;

	for (int i = 0; i < 9; i++)
	{
		host = test_host();
		test_host_fail_after(i);
		assert_false(flow_solve(host, &problem, track, &tracks, &cost, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
	host = test_host();
	test_host_interrupt_after(1);
	assert_false(flow_solve(host, &problem, track, &tracks, &cost, &status));
	assert_int_equal(status.code, STATUS_INTERRUPTED);
	assert_int_equal(test_host_outstanding(), 0);
}

static void
test_overlap(void **state)
{
	Region			a = {0, 0, 2, 2};
	Region			b = {1, 0, 3, 2};
	Region			c = {2, 0, 3, 2};

	assert_true(region_overlap(&a, &a) == 1);
	assert_true(fabs(region_overlap(&a, &b) - 1.0 / 3) < 1e-15);
	assert_true(region_overlap(&a, &c) == 0);
}

/* A box of ten by ten at a place. */
static TrackBox
box_at(int frame, int track, double left)
{
	return (TrackBox) {frame, track, {left, 0, left + 10, 10}};
}

static TrackQuality
measure(TrackBox *truth, int truth_count, int true_tracks, TrackBox *found, int found_count, int found_tracks)
{
	TrackBoxes	a = {truth, truth_count, true_tracks};
	TrackBoxes	b = {found, found_count, found_tracks};
	TrackQuality quality;
	Status		status;
	Host	   *host = test_host();

	assert_int_equal(track_boxes_sort(&a), -1);
	assert_int_equal(track_boxes_sort(&b), -1);
	assert_true(track_quality_measure(host, &a, &b, &quality, &status));
	assert_int_equal(test_host_outstanding(), 0);
	return quality;
}

/* One true track of ten frames: the first four as track 0, two missed, the last four as track 1, and a false box. */
static void
test_switch(void **state)
{
	TrackBox	truth[10];
	TrackBox	found[9];
	TrackQuality quality;

	for (int i = 0; i < 10; i++)
		truth[i] = box_at(i, 0, i);
	for (int i = 0; i < 4; i++)
	{
		found[i] = box_at(i, 0, i);
		found[4 + i] = box_at(6 + i, 1, 6 + i + 2);	/* overlaps by two thirds */
	}
	found[8] = box_at(5, 0, 500);
	quality = measure(truth, 10, 1, found, 9, 2);
	assert_int_equal(quality.switches, 1);
	assert_int_equal(quality.fragmentations, 1);
	assert_int_equal(quality.misses, 2);
	assert_int_equal(quality.false_positives, 1);
	assert_int_equal(quality.mostly_tracked, 1);	/* 8 of 10 */
	assert_int_equal(quality.mostly_lost, 0);
	assert_true(fabs(quality.mota - 0.6) < 1e-12);
	assert_true(fabs(quality.motp - (4 + 4 * 2.0 / 3) / 8) < 1e-12);
	assert_true(fabs(quality.idf1 - 2 * 4.0 / 19) < 1e-12);
	assert_true(fabs(quality.idr - 0.4) < 1e-12);
}

/* What was matched before is kept, though another box is nearer now; identities are matched once for all frames. */
static void
test_kept_match(void **state)
{
	TrackBox	truth[] = {box_at(1, 0, 0), box_at(2, 0, 0), box_at(3, 0, 0)};
	TrackBox	found[] = {box_at(1, 0, 0), box_at(2, 0, 3), box_at(2, 1, 0), box_at(3, 1, 0)};
	TrackQuality quality = measure(truth, 3, 1, found, 4, 2);

	assert_int_equal(quality.switches, 1);	/* in frame 3 alone */
	assert_int_equal(quality.fragmentations, 0);
	assert_int_equal(quality.false_positives, 1);
	assert_int_equal(quality.misses, 0);
	assert_true(fabs(quality.idf1 - 2 * 2.0 / 7) < 1e-12);
}

static void
test_nothing(void **state)
{
	TrackBox	one[] = {box_at(1, 0, 0)};
	TrackQuality quality = measure(NULL, 0, 0, NULL, 0, 0);

	assert_true(isnan(quality.mota) && isnan(quality.motp) && isnan(quality.idf1));
	quality = measure(one, 1, 1, NULL, 0, 0);
	assert_true(quality.mota == 0 && quality.idf1 == 0 && isnan(quality.idp) && quality.mostly_lost == 1);
	quality = measure(NULL, 0, 0, one, 1, 1);
	assert_true(quality.false_positives == 1 && isnan(quality.mota));
}

static void
test_twice(void **state)
{
	TrackBox	boxes[] = {box_at(2, 0, 0), box_at(1, 1, 0), box_at(2, 0, 50)};
	TrackBoxes	sorted = {boxes, 3, 2};

	assert_int_equal(track_boxes_sort(&sorted), 2);
}

/* Two sets with the numbers of their tracks mixed: all that is measured stays. */
static void
test_numbers_of_tracks(void **state)
{
	enum {TRACKS = 12, FRAMES = 40};
	Random		random = random_stream(2, 0);
	TrackBox	truth[TRACKS * FRAMES];
	TrackBox	found[TRACKS * FRAMES];
	TrackBox	other[TRACKS * FRAMES];
	TrackQuality a;
	TrackQuality b;
	int			count = 0;

	for (int frame = 0; frame < FRAMES; frame++)
		for (int track = 0; track < TRACKS; track++)
		{
			double		place = 8 * track + frame % 5;

			truth[frame * TRACKS + track] = box_at(frame, track, place);
			if (random_below(&random, 5) == 0)
				continue;
			found[count] = box_at(frame, (track + (frame > 20 && track < 4)) % TRACKS, place + random_range(&random, -2, 2));
			other[count] = found[count];
			other[count].track = (5 * found[count].track + 7) % TRACKS;
			count++;
		}
	/* the shift above may give a track two boxes in a frame: leave out the second */
	for (int i = 0; i < count; i++)
		for (int j = 0; j < i; j++)
			if (found[i].frame == found[j].frame && found[i].track == found[j].track)
			{
				count--;
				memmove(&found[i], &found[i + 1], sizeof(TrackBox) * (count - i));
				memmove(&other[i], &other[i + 1], sizeof(TrackBox) * (count - i));
				i--;
				break;
			}
	a = measure(truth, TRACKS * FRAMES, TRACKS, found, count, TRACKS);
	b = measure(truth, TRACKS * FRAMES, TRACKS, other, count, TRACKS);
	assert_true(a.switches > 0 && a.idf1 > 0.4 && a.idf1 < 1);
	assert_true(fabs(a.idf1 - b.idf1) < 1e-12 && fabs(a.mota - b.mota) < 1e-12 && a.switches == b.switches);
}

static bool
never_compared(void *context, int pairs, const DetectionPair *pair, float *value, Status *status)
{
	fail();
	return false;
}

/* A tracker that was made for other values of a pair would read or write beyond them. */
static void
test_appearance_of_another_tracker(void **state)
{
	Detection	detection[2] = {{1, {0, 0, 10, 20}, 1, -1, 0}, {2, {0, 0, 10, 20}, 1, -1, 1}};
	TrackAppearance appearance = {NULL, 2, 2, never_compared};
	Video		video = {detection, 2, 25, &appearance};
	Tracker		tracker = {.appearance_values = 1, .gap = 1, .reach = 1, .frame_rate = 25};
	int			track[2];
	int			tracks;
	Status		status;

	assert_false(tracker_run(test_host(), &tracker, &video, track, &tracks, &status));
	assert_int_equal(status.code, STATUS_ARGUMENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assignment),
		cmocka_unit_test(test_assignment_trouble),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_flow_large),
		cmocka_unit_test(test_flow_trouble),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_kept_match),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_numbers_of_tracks),
		cmocka_unit_test(test_appearance_of_another_tracker)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
