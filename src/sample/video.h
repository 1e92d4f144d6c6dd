/*
 * video.h: a synthetic video of people who walk, and what a detector finds in it.             Pure C.
 *
 * Each person has a look of their own (colours, pattern, size, bag) and walks across the scene, stands for a while or turns back;
 * who is nearer to the camera hides who is behind.  The detector misses those who are mostly hidden, is wrong by some per
 * cent of their height about where the others are, and now and then sees somebody in the background.  Everything is determined by
 * (seed, people, frames).
 */
#ifndef SIAMESE_VIDEO_H
#define SIAMESE_VIDEO_H

#include "common/status.h"

#define VIDEO_WIDTH 384			/* pixels of a frame */
#define VIDEO_HEIGHT 240
#define VIDEO_RATE 15			/* frames a second */

typedef struct VideoDetection
{
	double		left;			/* pixels, from the upper left corner of the frame; may extend beyond it */
	double		top;
	double		right;
	double		bottom;
	double		score;			/* 0 to 1 */
	int			person;			/* 0 .. people - 1; -1: nobody is there */
} VideoDetection;

typedef struct Video Video;

/*
 * people: 1 .. LIMIT_VIDEO_PEOPLE, whose walks begin at any time of the video; frames: 1 .. LIMIT_VIDEO_FRAMES.
 * NULL with STATUS_ARGUMENT or STATUS_NO_MEMORY.
 */
extern Video *video_create(uint64_t seed, int people, int frames, const Host *host, Status *status);

/*
 * Frame 0 .. frames - 1, in any order: raster uint8 [VIDEO_HEIGHT, VIDEO_WIDTH, 3], red, green, blue; detections: at most
 * people + VIDEO_FALSE_ALARMS.  Both belong to the video, until the next call.
 */
extern void video_frame(Video *video, int frame, const uint8_t **raster, const VideoDetection **detections, int *count);

#define VIDEO_FALSE_ALARMS 3	/* in a frame, at most */

extern void video_release(const Host *host, Video *video);

#endif
