/*
 * video_internal.h: what walk.c, figure.c and video.c share: people, and pixels.
 *
 * Lengths are pixels of the frame, y grows downwards; times are frames.
 */
#ifndef SIAMESE_VIDEO_INTERNAL_H
#define SIAMESE_VIDEO_INTERNAL_H

#include "common/limits.h"
#include "common/number.h"
#include "common/random.h"
#include "sample/sample_internal.h"
#include "sample/video.h"

#define VIDEO_NOBODY -1

typedef struct Colour
{
	float		red;			/* 0 to 255 */
	float		green;
	float		blue;
} Colour;

typedef enum Pattern
{
	PATTERN_PLAIN,
	PATTERN_STRIPES,			/* across the body */
	PATTERN_HALVES,				/* another colour below the chest */
	PATTERN_OPEN,				/* a jacket over another colour */
	PATTERN_COUNT
} Pattern;

/* What does not change about a person. */
typedef struct Look
{
	Colour		hair;
	Colour		skin;
	Colour		coat;
	Colour		second;			/* of the pattern */
	Colour		legs;
	Colour		shoes;
	Colour		bag;
	Pattern		pattern;
	bool		has_bag;
	bool		has_skirt;
	double		tall;			/* times the usual height */
	double		broad;			/* times the usual breadth */
} Look;

/* A way across the scene. */
typedef struct Walk
{
	double		start;			/* time at which the person enters */
	double		from;			/* x there */
	double		speed;			/* pixels a frame at the usual height; negative: to the left */
	double		feet;			/* y of the feet at the start: near the bottom is near the camera */
	double		approach;		/* its change a frame */
	double		pause_at;		/* times since the start; a pause of 0 frames is none */
	double		pause;
	double		turn_at;		/* time since the start at which the person walks back; INFINITY: never */
	double		sway;			/* of the feet, pixels */
	double		phase;
} Walk;

/* A person in one frame. */
typedef struct Pose
{
	double		x;				/* of the middle */
	double		feet;			/* y */
	double		height;
	double		stride;			/* phase of the legs, radians */
	bool		moving;
	bool		to_left;
} Pose;

#define OWNER_MARGIN 40			/* pixels around the frame, for the parts of people outside of it */
#define OWNER_WIDTH (VIDEO_WIDTH + 2 * OWNER_MARGIN)
#define OWNER_HEIGHT (VIDEO_HEIGHT + 2 * OWNER_MARGIN)

typedef struct Canvas
{
	uint8_t    *raster;			/* [VIDEO_HEIGHT, VIDEO_WIDTH, 3] */
	int16_t    *owner;			/* [OWNER_HEIGHT, OWNER_WIDTH]: who is seen there, VIDEO_NOBODY */
} Canvas;

/* Of a pixel, in the frame or in its margin. */
static inline int16_t *
canvas_owner(const Canvas *canvas, int x, int y)
{
	return &canvas->owner[(size_t) (y + OWNER_MARGIN) * OWNER_WIDTH + x + OWNER_MARGIN];
}

/* walk.c */
extern void walk_draw(Random *random, int frames, Walk *walk);
extern bool walk_pose(const Walk *walk, const Look *look, double frame, Pose *pose);	/* false: not in the scene */

/* figure.c */
extern void look_draw(Random *random, Look *look);
extern int	figure_draw(const Look *look, const Pose *pose, int owner, Canvas *canvas);	/* its pixels, with those in the margin */
extern void figure_background(Random *random, uint8_t *raster);

#endif
