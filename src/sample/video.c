/*
 * video.c: a frame, and what a detector finds in it.
 */
#include <stdlib.h>
#include <string.h>

#include "sample/video_internal.h"

#define SEEN 0.35				/* share of a person that has to be visible for the detector */
#define FOUND 0.96				/* of those, the share that it finds */
#define CLUTTER 4				/* places that it often takes for somebody */
#define NOISE 3.0				/* deviation of pixels */

/* Streams of random numbers. */
enum
{
	VIDEO_FOR_PERSON = 1,
	VIDEO_FOR_SCENE,
	VIDEO_FOR_FRAME,
	VIDEO_FOR_DETECTION
};

/* A person of a frame; sorted from the farthest to the nearest. */
typedef struct Present
{
	Pose		pose;
	int			person;
	int			pixels;
	int			visible;
} Present;

struct Video
{
	uint64_t	seed;
	int			people;
	int			frames;
	Look	   *look;			/* [people], as the next three */
	Walk	   *walk;
	Present    *present;
	VideoDetection clutter[CLUTTER];
	VideoDetection *detection;	/* [people + VIDEO_FALSE_ALARMS] */
	uint8_t    *background;
	Canvas		canvas;
};

static Random
stream(uint64_t seed, int purpose, int number)
{
	Random		random = random_stream(seed, (uint64_t) purpose);

	return random_stream(random_next(&random), (uint64_t) number);
}

void
video_release(const Host *host, Video *video)
{
	if (video == NULL)
		return;
	host_release(host, video->look);
	host_release(host, video->walk);
	host_release(host, video->present);
	host_release(host, video->detection);
	host_release(host, video->background);
	host_release(host, video->canvas.raster);
	host_release(host, video->canvas.owner);
	host_release(host, video);
}

static bool
allocate(Video *video, const Host *host, Status *status)
{
	size_t		people = (size_t) video->people;
	size_t		pixels = (size_t) VIDEO_WIDTH * VIDEO_HEIGHT;
	size_t		owners = (size_t) OWNER_WIDTH * OWNER_HEIGHT;

	return (video->look = host_allocate(host, people, sizeof(Look), status)) != NULL &&
		(video->walk = host_allocate(host, people, sizeof(Walk), status)) != NULL &&
		(video->present = host_allocate(host, people, sizeof(Present), status)) != NULL &&
		(video->detection = host_allocate(host, people + VIDEO_FALSE_ALARMS, sizeof(VideoDetection), status)) != NULL &&
		(video->background = host_allocate(host, pixels, 3, status)) != NULL &&
		(video->canvas.raster = host_allocate(host, pixels, 3, status)) != NULL &&
		(video->canvas.owner = host_allocate(host, owners, sizeof(int16_t), status)) != NULL;
}

/* A thing that looks a little like a person. */
static void
clutter_draw(Random *random, VideoDetection *clutter)
{
	double		x = random_range(random, 20.0, VIDEO_WIDTH - 20.0);
	double		feet = random_range(random, 120.0, 180.0);
	double		height = random_range(random, 40.0, 80.0);

	*clutter = (VideoDetection) {x - 0.2 * height, feet - height, x + 0.2 * height, feet, 0.0, VIDEO_NOBODY};
}

Video *
video_create(uint64_t seed, int people, int frames, const Host *host, Status *status)
{
	Video	   *video;
	Random		random;

	if (people < 1 || people > LIMIT_VIDEO_PEOPLE || frames < 1 || frames > LIMIT_VIDEO_FRAMES)
	{
		status_set(status, STATUS_ARGUMENT, NULL, "A video has 1 to %d people and 1 to %d frames.", LIMIT_VIDEO_PEOPLE, LIMIT_VIDEO_FRAMES);
		return NULL;
	}
	video = host_allocate_zero(host, 1, sizeof(Video), status);
	if (video == NULL)
		return NULL;
	video->seed = seed;
	video->people = people;
	video->frames = frames;
	if (!allocate(video, host, status))
	{
		video_release(host, video);
		return NULL;
	}
	for (int i = 0; i < people; i++)
	{
		random = stream(seed, VIDEO_FOR_PERSON, i);
		look_draw(&random, &video->look[i]);
		walk_draw(&random, frames, &video->walk[i]);
	}
	random = stream(seed, VIDEO_FOR_SCENE, 0);
	figure_background(&random, video->background);
	for (int i = 0; i < CLUTTER; i++)
		clutter_draw(&random, &video->clutter[i]);
	return video;
}

/* By the feet, so that the nearest are drawn last; equal ones by number: qsort() does not keep an order. */
static int
compare_present(const void *a, const void *b)
{
	const Present *x = a;
	const Present *y = b;

	if (x->pose.feet != y->pose.feet)
		return x->pose.feet < y->pose.feet ? -1 : 1;
	return x->person - y->person;
}

/* From the farthest to the nearest; returns how many are in the scene. */
static int
people_draw(Video *video, int frame)
{
	Canvas	   *canvas = &video->canvas;
	int			count = 0;

	memcpy(canvas->raster, video->background, (size_t) VIDEO_WIDTH * VIDEO_HEIGHT * 3);
	for (int i = 0; i < OWNER_WIDTH * OWNER_HEIGHT; i++)
		canvas->owner[i] = VIDEO_NOBODY;
	for (int i = 0; i < video->people; i++)
	{
		if (walk_pose(&video->walk[i], &video->look[i], frame, &video->present[count].pose))
			video->present[count++].person = i;
	}
	qsort(video->present, (size_t) count, sizeof(Present), compare_present);
	for (int i = 0; i < count; i++)
	{
		Present    *present = &video->present[i];

		present->pixels = figure_draw(&video->look[present->person], &present->pose, i, canvas);
		present->visible = 0;
	}
	for (int y = 0; y < VIDEO_HEIGHT; y++)
	{
		for (int x = 0; x < VIDEO_WIDTH; x++)
		{
			int			owner = *canvas_owner(canvas, x, y);

			if (owner != VIDEO_NOBODY)
				video->present[owner].visible++;
		}
	}
	return count;
}

/* The light changes slowly; the camera adds noise. */
static void
camera(Random *random, int frame, uint8_t *raster)
{
	double		light = 1.0 + 0.05 * sin(2.0 * M_PI * frame / 200.0);

	for (int i = 0; i < VIDEO_WIDTH * VIDEO_HEIGHT * 3; i += 2)
	{
		uint64_t	bits = random_next(random);

		raster[i] = (uint8_t) clamp(light * raster[i] + NOISE * sample_noise((uint32_t) bits) + 0.5, 0.0, 255.0);
		raster[i + 1] = (uint8_t) clamp(light * raster[i + 1] + NOISE * sample_noise((uint32_t) (bits >> 32)) + 0.5, 0.0, 255.0);
	}
}

static void
shift(VideoDetection *detection, double deviation, Random *random)
{
	double		height = detection->bottom - detection->top;
	double		x = sample_normal(random, deviation * height);
	double		y = sample_normal(random, deviation * height);
	double		larger = sample_normal(random, deviation * height);

	detection->left += x - larger / 4.0;
	detection->right += x + larger / 4.0;
	detection->top += y - larger / 2.0;
	detection->bottom += y + larger / 2.0;
}

static bool
detect(const Present *present, Random *random, VideoDetection *detection)
{
	const Pose *pose = &present->pose;
	double		half = 0.21 * pose->height;
	double		share = present->pixels > 0 ? (double) present->visible / present->pixels : 0.0;
	bool		found = random_uniform(random) < FOUND;
	double		score = 0.3 + 0.6 * share + sample_normal(random, 0.1);

	*detection = (VideoDetection) {pose->x - half, pose->feet - pose->height, pose->x + half, pose->feet, clamp(score, 0.0, 1.0),
		present->person};
	shift(detection, 0.02 + 0.03 * (1.0 - share), random);
	return found && share >= SEEN;
}

/* One of the places that look like somebody, or any other. */
static void
false_alarm(const Video *video, Random *random, VideoDetection *detection)
{
	bool		known = random_uniform(random) < 0.6;
	uint32_t	place = random_below(random, CLUTTER);

	if (known)
		*detection = video->clutter[place];
	else
		clutter_draw(random, detection);
	shift(detection, 0.05, random);
	detection->score = clamp(0.4 + sample_normal(random, 0.15), 0.0, 1.0);
}

void
video_frame(Video *video, int frame, const uint8_t **raster, const VideoDetection **detections, int *count)
{
	Random		random = stream(video->seed, VIDEO_FOR_FRAME, frame);
	int			present = people_draw(video, frame);
	int			alarms = 0;

	camera(&random, frame, video->canvas.raster);
	*count = 0;
	for (int i = 0; i < present; i++)
	{
		Random		own = stream(video->seed, VIDEO_FOR_DETECTION, frame);

		own = random_stream(random_next(&own), (uint64_t) video->present[i].person);
		if (detect(&video->present[i], &own, &video->detection[*count]))
			(*count)++;
	}
	while (alarms < VIDEO_FALSE_ALARMS && random_uniform(&random) < 0.3)
	{
		false_alarm(video, &random, &video->detection[(*count)++]);
		alarms++;
	}
	*raster = video->canvas.raster;
	*detections = video->detection;
}
