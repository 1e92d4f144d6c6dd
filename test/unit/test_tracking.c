/*
 * test_tracking.c: assignments against all permutations; the quality of tracks in cases that can be counted by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "tracking/tracking.h"
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assignment),
		cmocka_unit_test(test_assignment_trouble),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_kept_match),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_numbers_of_tracks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
