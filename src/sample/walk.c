/*
 * walk.c: where a person is at what time.
 */
#include "sample/video_internal.h"

#define HORIZON 70.0			/* y at which people would have no height */
#define NEAREST (VIDEO_HEIGHT + 6.0)	/* of the feet's y */
#define FARTHEST 138.0
#define HEIGHT_A_PIXEL 0.62		/* of a person, for each pixel that the feet are below the horizon */
#define STRIDE 0.34				/* of the height, between two steps */

void
walk_draw(Random *random, int frames, Walk *walk)
{
	double		side = random_uniform(random) < 0.5 ? 0.0 : 1.0;
	double		crossing;

	walk->speed = random_range(random, 1.5, 3.2) * (side > 0.5 ? -1.0 : 1.0);
	walk->from = side * VIDEO_WIDTH + (side > 0.5 ? 20.0 : -20.0);
	walk->feet = random_range(random, FARTHEST + 5.0, NEAREST - 8.0);
	walk->approach = sample_normal(random, 0.12);
	crossing = VIDEO_WIDTH / fabs(walk->speed);
	/* some are in the middle of their way when the video begins */
	walk->start = random_range(random, -0.7 * crossing, frames - 0.25 * crossing);
	walk->pause_at = random_range(random, 0.2, 0.7) * crossing;
	walk->pause = random_uniform(random) < 0.3 ? random_range(random, 15.0, 75.0) : 0.0;
	walk->turn_at = random_uniform(random) < 0.2 ? random_range(random, 0.4, 0.7) * crossing + walk->pause : INFINITY;
	walk->sway = random_range(random, 0.0, 4.0);
	walk->phase = random_range(random, 0.0, 2.0 * M_PI);
}

bool
walk_pose(const Walk *walk, const Look *look, double frame, Pose *pose)
{
	double		since = frame - walk->start;
	double		paused = clamp(since - walk->pause_at, 0.0, walk->pause);
	bool		back = since > walk->turn_at;
	double		walked = since - paused;
	double		near;
	double		way;

	if (since < 0.0)
		return false;
	way = back ? 2.0 * (walk->turn_at - walk->pause) - walked : walked;
	pose->feet = clamp(walk->feet + walk->approach * walked + walk->sway * sin(walk->phase + walked / 25.0), FARTHEST, NEAREST);
	near = (pose->feet - HORIZON) * HEIGHT_A_PIXEL;
	pose->height = near * look->tall;
	pose->x = walk->from + walk->speed * way;
	pose->moving = !(paused > 0.0 && paused < walk->pause);
	pose->to_left = (walk->speed < 0.0) != back;
	pose->stride = walk->phase + M_PI * fabs(walk->speed) * walked / (STRIDE * near);
	return pose->x > -24.0 && pose->x < VIDEO_WIDTH + 24.0;
}
