/*
 * test_video.c: synthetic videos: what their users rely on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "sample/video_internal.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, host_begin, host_end)
#define BYTES ((size_t) VIDEO_WIDTH * VIDEO_HEIGHT * 3)

static Host *host;

static int
host_begin(void **state)
{
	host = test_host();
	return 0;
}

static int
host_end(void **state)
{
	return test_host_outstanding() == 0 ? 0 : -1;
}

static Video *
make(uint64_t seed, int people, int frames)
{
	Status		status;
	Video	   *video = video_create(seed, people, frames, host, &status);

	assert_non_null(video);
	return video;
}

static void
test_same_numbers_same_frame(void **state)
{
	Video	   *first = make(7, 6, 60);
	Video	   *second = make(7, 6, 60);
	Video	   *other = make(8, 6, 60);
	const uint8_t *raster[3];
	const VideoDetection *detections[3];
	int			count[3];

	video_frame(second, 59, &raster[1], &detections[1], &count[1]);	/* in any order */
	video_frame(first, 30, &raster[0], &detections[0], &count[0]);
	video_frame(second, 30, &raster[1], &detections[1], &count[1]);
	video_frame(other, 30, &raster[2], &detections[2], &count[2]);
	assert_int_equal(count[0], count[1]);
	assert_memory_equal(detections[0], detections[1], count[0] * sizeof(VideoDetection));
	assert_memory_equal(raster[0], raster[1], BYTES);
	assert_memory_not_equal(raster[0], raster[2], BYTES);
	video_release(host, first);
	video_release(host, second);
	video_release(host, other);
}

static void
test_detections_are_what_they_say(void **state)
{
	Video	   *video = make(3, 12, 200);
	int			found[12] = {0};
	int			false_alarms = 0;

	for (int frame = 0; frame < 200; frame++)
	{
		const uint8_t *raster;
		const VideoDetection *detections;
		int			count;

		video_frame(video, frame, &raster, &detections, &count);
		for (int i = 0; i < count; i++)
		{
			const VideoDetection *d = &detections[i];

			assert_true(d->left < d->right && d->top < d->bottom);
			assert_true(d->left < VIDEO_WIDTH && d->right > 0 && d->top < VIDEO_HEIGHT && d->bottom > 0);
			assert_true(d->score >= 0.0 && d->score <= 1.0);
			assert_true(d->person >= -1 && d->person < 12);
			if (d->person >= 0)
				found[d->person]++;
			else
				false_alarms++;
			for (int k = 0; k < i; k++)	/* a person is found once */
				assert_true(d->person < 0 || d->person != detections[k].person);
		}
	}
	for (int i = 0, seen = 0; i < 12; i++)
	{
		seen += found[i] > 30;
		assert_true(i < 11 || seen >= 8);
	}
	assert_true(false_alarms >= 40 && false_alarms <= 160);	/* 0.3 + 0.09 + 0.027 a frame */
	video_release(host, video);
}

/* Who stands behind another one is not found; a person alone lies within the region. */
static void
test_figures_hide_one_another(void **state)
{
	Random		random = random_stream(1, 1);
	Look		look;
	Pose		behind = {100.0, 150.0, 60.0, 0.0, false, false};
	Pose		ahead = {102.0, 160.0, 80.0, 0.0, false, false};
	Canvas		canvas = {host_allocate_zero(host, BYTES, 1, NULL), host_allocate_zero(host, OWNER_WIDTH * OWNER_HEIGHT, sizeof(int16_t), NULL)};
	int			pixels;
	int			visible = 0;
	int			outside = 0;

	memset(canvas.owner, 0xFF, OWNER_WIDTH * OWNER_HEIGHT * sizeof(int16_t));
	look_draw(&random, &look);
	pixels = figure_draw(&look, &behind, 0, &canvas);
	for (int y = 0; y < VIDEO_HEIGHT; y++)
	{
		for (int x = 0; x < VIDEO_WIDTH; x++)
		{
			if (*canvas_owner(&canvas, x, y) != 0)
				continue;
			visible++;
			outside += abs(x - 100) > 0.21 * 60.0 + 1.0 || y < 89 || y > 152;
		}
	}
	assert_int_equal(visible, pixels);
	assert_true(pixels >= 300 && pixels <= 60 * 40);
	assert_true(outside < pixels / 20);
	figure_draw(&look, &ahead, 1, &canvas);
	visible = 0;
	for (int i = 0; i < OWNER_WIDTH * OWNER_HEIGHT; i++)
		visible += canvas.owner[i] == 0;
	assert_true(visible < pixels / 2);
	host_release(host, canvas.raster);
	host_release(host, canvas.owner);
}

static void
test_walk_turns_and_stands(void **state)
{
	Walk		walk = {.start = 10.0, .from = 0.0, .speed = 2.0, .feet = 200.0, .pause_at = 20.0, .pause = 30.0, .turn_at = 100.0};
	Look		look = {.tall = 1.0};
	Pose		pose;

	assert_false(walk_pose(&walk, &look, 9.0, &pose));
	assert_true(walk_pose(&walk, &look, 20.0, &pose));
	assert_float_equal(pose.x, 20.0, 1e-9);
	assert_true(pose.moving && !pose.to_left);
	assert_true(walk_pose(&walk, &look, 45.0, &pose));
	assert_float_equal(pose.x, 40.0, 1e-9);
	assert_false(pose.moving);
	assert_true(walk_pose(&walk, &look, 110.0, &pose));
	assert_float_equal(pose.x, 140.0, 1e-9);
	assert_true(walk_pose(&walk, &look, 130.0, &pose));
	assert_float_equal(pose.x, 100.0, 1e-9);
	assert_true(pose.to_left);
	assert_false(walk_pose(&walk, &look, 200.0, &pose));
}

static void
test_limits(void **state)
{
	Status		status;

	assert_null(video_create(1, 0, 10, host, &status));
	assert_int_equal(status.code, STATUS_ARGUMENT);
	assert_null(video_create(1, LIMIT_VIDEO_PEOPLE + 1, 10, host, &status));
	assert_null(video_create(1, 1, 0, host, &status));
	assert_null(video_create(1, 1, LIMIT_VIDEO_FRAMES + 1, host, &status));
	for (int i = 0; i < 8; i++)
	{
		test_host_fail_after(i);
		assert_null(video_create(1, 3, 10, host, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_numbers_same_frame),
		TEST(test_detections_are_what_they_say),
		TEST(test_figures_hide_one_another),
		TEST(test_walk_turns_and_stands),
		TEST(test_limits),
	};

	return cmocka_run_group_tests_name("video", tests, NULL, NULL);
}
