/*
 * test_tracker.c: a tracker learned from made videos: its tracks, its numbers, the boxes of its tracks, and trouble.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "host.h"
#include "tracking/tracker_internal.h"

#define FRAMES 80
#define OBJECTS 6
#define MOST (FRAMES * (OBJECTS + 2))

typedef struct MadeVideo
{
	Video		video;
	Detection	detection[MOST];
} MadeVideo;

/* Objects in lanes of their own, half of them each way; a tenth of the frames is missed, and there are false detections of low scores. */
static void
make_video(uint64_t seed, MadeVideo *made)
{
	Random		random = random_stream(seed, 0);
	int			count = 0;

	for (int frame = 0; frame < FRAMES; frame++)
	{
		for (int i = 0; i < OBJECTS; i++)
		{
			double		x = i % 2 ? 700 - 4.0 * frame : 20 + 5.0 * frame;
			double		y = 100.0 * i + random_range(&random, -1, 1);

			x += random_range(&random, -1, 1);
			if (random_below(&random, 10) > 0)
			{
				made->detection[count] = (Detection) {frame, {x, y, x + 30, y + 60}, random_range(&random, 0.5, 1), i, count};
				count++;
			}
		}
		for (int i = random_below(&random, 3); i > 0; i--)
		{
			double		x = random_range(&random, 0, 700);
			double		y = random_range(&random, 0, 600);

			made->detection[count] = (Detection) {frame, {x, y, x + 30, y + 60}, random_range(&random, 0, 0.6), -1, count};
			count++;
		}
	}
	made->video = (Video) {made->detection, count, 25, NULL};
}

static bool
learn_with(Host *host, int trees, Tracker *tracker, TrackerScores *scores, Status *status)
{
	static MadeVideo teacher[2];
	Video		video[2];
	TrackerSettings settings = tracker_defaults();

	settings.trees = trees;
	for (int i = 0; i < 2; i++)
	{
		make_video(i + 1, &teacher[i]);
		video[i] = teacher[i].video;
	}
	return tracker_train(host, &settings, video, 2, tracker, scores, status);
}

static void
learn(Tracker *tracker)
{
	TrackerScores scores;
	Status		status;

	assert_true(learn_with(test_host(), 20, tracker, &scores, &status));
	assert_true(scores.idf1 > 0.9 && scores.mota > 0.8);
}

/* Of a video that it has not seen; and a run is the same after a stored form. */
static void
test_tracks_and_numbers(void **state)
{
	static MadeVideo made;
	static int	track[MOST];
	static int	again[MOST];
	Tracker		tracker;
	Tracker		copy;
	size_t		count;
	float	   *packed;
	float	   *twice;
	int			tracks;
	int			tracks_again;
	int			right = 0;
	int			owner[MOST];
	Status		status;

	learn(&tracker);
	make_video(9, &made);
	assert_true(tracker_run(test_host(), &tracker, &made.video, track, &tracks, &status));
	assert_int_equal(tracks, OBJECTS);
	for (int i = made.video.count - 1; i >= 0; i--)
		if (track[i] >= 0)
			owner[track[i]] = made.detection[i].track;
	for (int i = 0; i < made.video.count; i++)
		right += (track[i] < 0 ? -1 : owner[track[i]]) == made.detection[i].track;
	assert_true(right >= made.video.count * 0.95);

	count = tracker_packed_count(&tracker);
	packed = malloc(sizeof(float) * count);
	twice = malloc(sizeof(float) * count);
	tracker_pack(&tracker, packed);
	assert_true(tracker_unpack(test_host(), packed, count, &copy, &status));
	tracker_pack(&copy, twice);
	assert_memory_equal(packed, twice, sizeof(float) * count);
	assert_true(tracker_run(test_host(), &copy, &made.video, again, &tracks_again, &status));
	assert_int_equal(tracks_again, tracks);
	assert_memory_equal(track, again, sizeof(int) * made.video.count);
	tracker_release(test_host(), &copy);

	/* cut off anywhere, or with one number more */
	for (size_t i = 0; i < count; i += 1 + count / 97)
	{
		assert_false(tracker_unpack(test_host(), packed, i, &copy, &status));
		assert_int_equal(status.code, STATUS_ARGUMENT);
	}
	/* any number may be wrong: what is believed links without harm, what is not leaves nothing behind */
	for (size_t i = 0; i < count; i += i < 40 ? 1 : 1 + count / 211)
	{
		static const float wrong[] = {NAN, INFINITY, -INFINITY, -1, 0.5F, 1e30F, 16777216};

		for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
		{
			memcpy(twice, packed, sizeof(float) * count);
			twice[i] = wrong[k];
			if (!tracker_unpack(test_host(), twice, count, &copy, &status))
			{
				assert_int_equal(status.code, STATUS_ARGUMENT);
				continue;
			}
			if (!tracker_run(test_host(), &copy, &made.video, again, &tracks_again, &status))
				assert_int_equal(status.code, STATUS_ARGUMENT);
			tracker_release(test_host(), &copy);
		}
	}
	free(packed);
	free(twice);
	tracker_release(test_host(), &tracker);
}

/* Windows of the first pass: what they commit is what the whole video's program says. */
static void
test_windows(void **state)
{
	enum {LONG = 1500, EACH = 4};
	Detection  *detection = malloc(sizeof(Detection) * LONG * EACH);
	Video		video = {detection, 0, 25, NULL};
	Random		random = random_stream(5, 0);
	Tracker		tracker;
	Scene		scene;
	Candidates	all = {0};
	FlowProblem problem = {0};
	int		   *number = malloc(sizeof(int) * LONG * EACH);
	int		   *whole = malloc(sizeof(int) * LONG * EACH);
	const double margin = -4;	/* so that links compete */
	double	   *cost = calloc(LONG * EACH * 2, sizeof(double));
	int			links = 0;
	int			count;
	int			tracks;
	double		total;
	Status		status;

	learn(&tracker);
	/* lanes close enough that boxes of neighbours compete */
	for (int frame = 0; frame < LONG; frame++)
		for (int i = 0; i < EACH; i++)
		{
			double		x = fmod(3.0 * frame + 9 * i, 900) + random_range(&random, -6, 6);
			double		y = 5.0 * i + random_range(&random, -6, 6);

			if (random_below(&random, 5) > 0)
			{
				detection[video.count] = (Detection) {frame, {x, y, x + 30, y + 60}, random_range(&random, 0.3, 1), -1, video.count};
				video.count++;
			}
		}
	assert_true(scene_create(test_host(), &video, tracker.reach, 0, &scene, &status));
	assert_true(scene_judge(&scene, &tracker.detection, &status));
	assert_true(link_detections(&scene, &tracker.link, margin, number, &count, &status));

	assert_true(link_candidates(&scene, 0, video.count, &all, &status));
	for (int i = 0; i < all.links; i++)
	{
		all.link[i].cost = margin - boost_log_odds(&tracker.link, all.x + (size_t) i * all.features);
		if (all.link[i].cost < 0)
			all.link[links++] = all.link[i];
	}
	for (int i = 0; i < video.count; i++)
		cost[i] = -1e-3;
	problem = (FlowProblem) {video.count, cost, cost + video.count, cost + video.count, links, all.link};
	assert_true(flow_solve(test_host(), &problem, whole, &tracks, &total, &status));
	assert_true(links > video.count * 1.2);
	assert_int_equal(count, tracks);
	assert_memory_equal(number, whole, sizeof(int) * video.count);
	candidates_release(test_host(), &all);
	scene_release(&scene);
	tracker_release(test_host(), &tracker);
	free(detection);
	free(number);
	free(whole);
	free(cost);
}

/* ---- refine.c -------------------------------------------------------------------------------------------------------- */

static Region
on_line(double frame)
{
	double		x = 10 + 3 * frame;
	double		y = 300 - 2 * frame;

	return (Region) {x - 15, y - 30, x + 15, y + 30};
}

static void
assert_region(const Region *a, const Region *b, double within)
{
	assert_true(fabs(a->left - b->left) < within && fabs(a->right - b->right) < within);
	assert_true(fabs(a->top - b->top) < within && fabs(a->bottom - b->bottom) < within);
}

/* A gap that is short enough is filled on the line between its ends; smoothing leaves a line as it is. */
static void
test_gaps(void **state)
{
	static const int seen[] = {0, 1, 2, 3, 9, 10, 11, 40, 41};	/* at 25 frames a second gaps of 6 and 29 frames */
	enum {SEEN = sizeof seen / sizeof *seen};
	Detection	detection[SEEN + 1];
	Video		video = {detection, SEEN + 1, 25, NULL};
	int			track[SEEN + 1];
	TrackedBox *box;
	int			boxes;
	int			place = 0;
	Status		status;

	for (int i = 0; i < SEEN; i++)
	{
		detection[i] = (Detection) {seen[i], on_line(seen[i]), 1, -1, i};
		track[i] = 0;
	}
	detection[SEEN] = (Detection) {41, {0, 0, 5, 5}, 1, -1, SEEN};
	track[SEEN] = -1;
	for (int smooth = 0; smooth <= 1; smooth++)
	{
		assert_true(tracks_refine(test_host(), &video, track, 1, 1, 0.3 * smooth, &box, &boxes, &status));
		assert_int_equal(boxes, 14);
		place = 0;
		for (int i = 0; i < boxes; i++)
		{
			Region		wanted = on_line(box[i].frame);

			assert_region(&box[i].region, &wanted, 1e-9);
			assert_int_equal(box[i].track, 0);
			assert_true(box[i].frame <= 11 || box[i].frame >= 40);
			if (box[i].detection >= 0)
				assert_int_equal(box[i].detection, place++);
			else
				assert_true(box[i].frame > 3 && box[i].frame < 9 && isnan(box[i].score));
		}
		assert_int_equal(place, SEEN);
		host_release(test_host(), box);
	}
	assert_true(tracks_refine(test_host(), &video, track, 1, 0, 0, &box, &boxes, &status));
	assert_int_equal(boxes, SEEN);
	host_release(test_host(), box);
}

/* A box in the middle of a noisy track, by weighted least squares written out: intercept and slope by Cramer's rule in long double. */
static void
test_smoothing(void **state)
{
	enum {COUNT = 41, MIDDLE = 20};
	Detection	detection[COUNT];
	Video		video = {detection, COUNT, 25, NULL};
	int			track[COUNT] = {0};
	Random		random = random_stream(3, 0);
	long double w0 = 0, w1 = 0, w2 = 0, wx = 0, wtx = 0;
	long double size = 0, tall = 0;
	double		most = 0.2 * 25;
	TrackedBox *box;
	int			boxes;
	Status		status;

	for (int i = 0; i < COUNT; i++)
	{
		Region		region = on_line(i);

		region.left += random_range(&random, -4, 4);
		region.right += random_range(&random, -4, 4);
		region.top += random_range(&random, -4, 4);
		region.bottom += random_range(&random, -4, 4);
		detection[i] = (Detection) {i, region, 1, -1, i};
	}
	assert_true(tracks_refine(test_host(), &video, track, 1, 0, 0.2, &box, &boxes, &status));
	assert_int_equal(boxes, COUNT);
	for (int i = 0; i < COUNT; i++)
	{
		long double t = i - MIDDLE;
		long double u = fabsl(t) / (most + 1);
		long double v = fabsl(t) / (2 * most + 1);
		long double w = u < 1 ? powl(1 - u * u * u, 3) : 0;
		long double x = ((long double) detection[i].region.left + detection[i].region.right) / 2;

		w0 += w;
		w1 += w * t;
		w2 += w * t * t;
		wx += w * x;
		wtx += w * t * x;
		if (v < 1)
		{
			size += powl(1 - v * v * v, 3);
			tall += powl(1 - v * v * v, 3) * logl(detection[i].region.bottom - detection[i].region.top);
		}
	}
	assert_true(fabs((box[MIDDLE].region.left + box[MIDDLE].region.right) / 2 - (double) ((w2 * wx - w1 * wtx) / (w0 * w2 - w1 * w1))) < 1e-9);
	assert_true(fabs(box[MIDDLE].region.bottom - box[MIDDLE].region.top - (double) expl(tall / size)) < 1e-9);
	host_release(test_host(), box);
}

/* Each allocation fails in turn, and each question whether to stop is answered yes: nothing is left behind. */
static void
test_trouble(void **state)
{
	static MadeVideo made;
	static int	track[MOST];
	Tracker		tracker;
	TrackedBox *box;
	int			tracks;
	int			boxes;
	Status		status;

	learn(&tracker);
	make_video(9, &made);
	for (int interrupt = 0; interrupt <= 1; interrupt++)
	{
		bool		done = false;

		for (long i = 0; !done; i++)
		{
			Host	   *host = test_host();

			if (interrupt)
				test_host_interrupt_after(i);
			else
				test_host_fail_after(i);
			done = tracker_run(host, &tracker, &made.video, track, &tracks, &status) &&
				tracks_refine(host, &made.video, track, tracks, 1, 0.2, &box, &boxes, &status);
			if (done)
				host_release(host, box);
			else
				assert_int_equal(status.code, interrupt ? STATUS_INTERRUPTED : STATUS_NO_MEMORY);
			assert_int_equal(test_host_outstanding(), 0);
		}
	}
	tracker_release(test_host(), &tracker);
}

/* The same of a training: all of its first and then some allocations, and questions. */
static void
test_trouble_in_training(void **state)
{
	Tracker		tracker;
	TrackerScores scores;
	Status		status;
	long		allocations;

	assert_true(learn_with(test_host(), 2, &tracker, &scores, &status));
	allocations = test_host_allocations();
	tracker_release(test_host(), &tracker);
	for (long i = 0; i < allocations; i += 1 + i / 4)
	{
		Host	   *host = test_host();

		test_host_fail_after(i);
		assert_false(learn_with(host, 2, &tracker, &scores, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
	for (int i = 0; i < 200; i += 1 + i)
	{
		Host	   *host = test_host();

		test_host_interrupt_after(i);
		assert_false(learn_with(host, 2, &tracker, &scores, &status));
		assert_int_equal(status.code, STATUS_INTERRUPTED);
		assert_int_equal(test_host_outstanding(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tracks_and_numbers),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_smoothing),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_trouble_in_training)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
