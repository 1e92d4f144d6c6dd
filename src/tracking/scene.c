/*
 * scene.c: what is known of each detection from the others of its video: its score's rank, its size where it stands, its neighbours in time.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "tracking/tracker_internal.h"

#define NEIGHBOUR_SECONDS 0.15	/* at least two frames: a neighbour may be missing once */
#define NEIGHBOUR_SIZE 0.4		/* most difference of the logarithms of heights */
#define SIZE_ROUNDS 5			/* of reweighting */

double
scene_offset(const Region *a, const Region *b)
{
	return 2 * hypot(region_x(a) - region_x(b), region_y(a) - region_y(b)) / (region_height(a) + region_height(b));
}

bool
scene_in_reach(const Scene *scene, const Region *a, const Region *b, double seconds)
{
	return scene_offset(a, b) <= scene->reach * (TRACKER_REACH_SECONDS + seconds);
}

int
scene_frames(const Scene *scene, double seconds, int least)
{
	double		frames = floor(seconds * scene->video->frame_rate + 0.5);

	return frames < least ? least : frames > 1e6 ? 1000000 : (int) frames;
}

/* ---- scores -------------------------------------------------------------------------------------------------------- */

static void
rank_scores(Scene *scene, double *sorted)
{
	const Detection *detection = scene->video->detection;
	int			count = scene->count;
	double		low;
	double		spread;

	for (int i = 0; i < count; i++)
		sorted[i] = detection[i].score;
	qsort(sorted, count, sizeof(double), compare_doubles);
	low = sorted[count / 10];
	spread = sorted[count - 1 - count / 10] - low;
	for (int i = 0; i < count; i++)
	{
		int			first = 0;
		int			last = count;

		while (first < last)
		{
			int			middle = (first + last) / 2;

			if (sorted[middle] < detection[i].score)
				first = middle + 1;
			else
				last = middle;
		}
		scene->rank[i] = (float) (first + 0.5) / (float) count;
		scene->relative[i] = spread > 0 ? (float) ((detection[i].score - low) / spread) : 0;
	}
}

/* ---- sizes --------------------------------------------------------------------------------------------------------- */

typedef struct Line
{
	double		level;
	double		slope;
} Line;

/*
 * Where a camera looks at a ground, heights rise about linearly with where the boxes end: a line through both, by least squares with the
 * weights of Tukey, and the ranks of scores.
 */
static void
measure_sizes(Scene *scene)
{
	Line		line = {0, 0};
	double		scale = INFINITY;

	for (int round = 0; round < SIZE_ROUNDS; round++)
	{
		double		sum[5] = {0};
		double		deviation = 0;
		double		weights = 0;
		double		determinant;

		for (int i = 0; i < scene->count; i++)
		{
			const Region *region = &scene->video->detection[i].region;
			double		x = region->bottom;
			double		y = region_height(region);
			double		u = (y - line.level - line.slope * x) / (4 * scale);
			double		weight = u * u < 1 ? scene->rank[i] * (1 - u * u) * (1 - u * u) : 0;

			sum[0] += weight;
			sum[1] += weight * x;
			sum[2] += weight * y;
			sum[3] += weight * x * x;
			sum[4] += weight * x * y;
		}
		determinant = sum[0] * sum[3] - sum[1] * sum[1];
		if (determinant > 1e-9 * sum[0] * sum[3])
			line.slope = (sum[0] * sum[4] - sum[1] * sum[2]) / determinant;
		line.level = (sum[2] - line.slope * sum[1]) / sum[0];
		for (int i = 0; i < scene->count; i++)
		{
			const Region *region = &scene->video->detection[i].region;

			deviation += scene->rank[i] * fabs(region_height(region) - line.level - line.slope * region->bottom);
			weights += scene->rank[i];
		}
		scale = fmin(scale, deviation / weights) + 1e-9;
	}
	for (int i = 0; i < scene->count; i++)
	{
		const Region *region = &scene->video->detection[i].region;
		double		expected = line.level + line.slope * region->bottom;

		scene->size[i] = expected > region_height(region) / 16 ? (float) log(region_height(region) / expected) : NAN;
	}
}

/* ---- neighbours ---------------------------------------------------------------------------------------------------- */

static void
find_neighbours(Scene *scene, float *nearest_before, float *nearest_after)
{
	const Detection *detection = scene->video->detection;
	int			most = scene_frames(scene, NEIGHBOUR_SECONDS, 2);

	for (int i = 0; i < scene->count; i++)
	{
		scene->before[i] = scene->after[i] = -1;
		nearest_before[i] = nearest_after[i] = INFINITY;
	}
	for (int i = 0; i < scene->count; i++)
		for (int j = scene->first[scene->frame_of[i] + 1]; j < scene->count; j++)
		{
			int64_t		gap = (int64_t) detection[j].frame - detection[i].frame;
			double		size = fabs(log(region_height(&detection[j].region) / region_height(&detection[i].region)));
			double		distance = scene_offset(&detection[i].region, &detection[j].region) + size + 0.3 * (double) (gap - 1);

			if (gap > most)
				break;
			if (size > NEIGHBOUR_SIZE ||
				!scene_in_reach(scene, &detection[i].region, &detection[j].region, (double) gap / scene->video->frame_rate))
				continue;
			if (distance < nearest_after[i])
			{
				nearest_after[i] = (float) distance;
				scene->after[i] = j;
			}
			if (distance < nearest_before[j])
			{
				nearest_before[j] = (float) distance;
				scene->before[j] = i;
			}
		}
	/* only those that are each other's nearest */
	for (int i = 0; i < scene->count; i++)
		if (scene->after[i] >= 0 && scene->before[scene->after[i]] != i)
			scene->after[i] = -1;
	for (int i = 0; i < scene->count; i++)
		if (scene->before[i] >= 0 && scene->after[scene->before[i]] != i)
			scene->before[i] = -1;
}

/* The end of the chain of neighbours in one direction, at most CHAIN_SECONDS away. */
static int
chain_end(const Scene *scene, int detection, bool ahead, int *length)
{
	const Detection *all = scene->video->detection;
	int			most = scene_frames(scene, CHAIN_SECONDS, 3);
	int			at = detection;

	*length = 0;
	for (;;)
	{
		int			next = ahead ? scene->after[at] : scene->before[at];

		if (next < 0 || abs(all[next].frame - all[detection].frame) > most)
			return at;
		at = next;
		(*length)++;
	}
}

int
scene_chain_end(const Scene *scene, int detection, bool ahead)
{
	int			length;

	return chain_end(scene, detection, ahead, &length);
}

bool
scene_velocity(const Scene *scene, int detection, bool ahead, double *x, double *y)
{
	const Detection *all = scene->video->detection;
	int			length;
	int			end = chain_end(scene, detection, ahead, &length);
	double		height = (region_height(&all[end].region) + region_height(&all[detection].region)) / 2;
	double		frames = all[end].frame - all[detection].frame;

	if (end == detection)
		return false;
	*x = (region_x(&all[end].region) - region_x(&all[detection].region)) / (height * frames);
	*y = (region_y(&all[end].region) - region_y(&all[detection].region)) / (height * frames);
	return true;
}

/* ---- is it true? ---------------------------------------------------------------------------------------------------- */

static double
common_area(const Region *a, const Region *b)
{
	double		width = fmin(a->right, b->right) - fmax(a->left, b->left);
	double		height = fmin(a->bottom, b->bottom) - fmax(a->top, b->top);

	return width > 0 && height > 0 ? width * height : 0;
}

void
detection_features(const Scene *scene, int detection, float *x)
{
	const Region *own = &scene->video->detection[detection].region;
	int			frame = scene->frame_of[detection];
	int			behind;
	int			ahead;
	int			start = chain_end(scene, detection, false, &behind);
	int			end = chain_end(scene, detection, true, &ahead);
	double		ranks = scene->rank[detection];
	double		most = scene_frames(scene, CHAIN_SECONDS, 3);
	float		overlap = 0;
	float		covered = 0;
	float		over = 0;

	for (int at = detection; at != start; at = scene->before[at])
		ranks += scene->rank[scene->before[at]];
	for (int at = detection; at != end; at = scene->after[at])
		ranks += scene->rank[scene->after[at]];
	for (int i = scene->first[frame]; i < scene->first[frame + 1]; i++)
	{
		const Region *other = &scene->video->detection[i].region;
		float		share = (float) (common_area(own, other) / region_area(own));

		if (i == detection)
			continue;
		overlap = fmaxf(overlap, (float) region_overlap(own, other));
		if (scene->rank[i] > scene->rank[detection] && share > covered)
		{
			covered = share;
			over = (float) log(region_height(other) / region_height(own));
		}
	}
	x[0] = scene->rank[detection];
	x[1] = scene->relative[detection];
	x[2] = scene->size[detection];
	x[3] = fabsf(scene->size[detection]);
	x[4] = (float) (behind / most);
	x[5] = (float) (ahead / most);
	x[6] = (float) ((behind + ahead) / most);
	x[7] = (float) (ranks / (behind + ahead + 1));
	x[8] = overlap;
	x[9] = covered;
	x[10] = over;
	x[11] = (float) (scene->first[frame + 1] - scene->first[frame]) * (float) scene->frames / (float) scene->count;
}

bool
scene_judge(Scene *scene, const Boost *detection, Status *status)
{
	float		x[DETECTION_FEATURES];

	for (int i = 0; i < scene->count; i++)
	{
		if (i % 1024 == 0 && host_interrupted(scene->host, status))
			return false;
		detection_features(scene, i, x);
		scene->log_odds[i] = (float) boost_log_odds(detection, x);
	}
	return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static void
index_frames(Scene *scene)
{
	const Detection *detection = scene->video->detection;

	scene->extent = detection[0].region;
	for (int i = 0; i < scene->count; i++)
	{
		const Region *region = &detection[i].region;

		if (i == 0 || detection[i].frame != detection[i - 1].frame)
			scene->first[scene->frames++] = i;
		scene->frame_of[i] = scene->frames - 1;
		scene->extent.left = fmin(scene->extent.left, region->left);
		scene->extent.top = fmin(scene->extent.top, region->top);
		scene->extent.right = fmax(scene->extent.right, region->right);
		scene->extent.bottom = fmax(scene->extent.bottom, region->bottom);
	}
	scene->first[scene->frames] = scene->count;
}

bool
scene_create(const Host *host, const Video *video, double reach, int values, Scene *scene, Status *status)
{
	size_t		count = video->count;
	double	   *scratch = host_allocate(host, count, sizeof(double), status);

	*scene = (Scene) {.host = host, .video = video, .count = video->count, .reach = reach, .values = values};
	scene->first = host_allocate(host, count + 1, sizeof(int), status);
	scene->frame_of = host_allocate(host, count, sizeof(int), status);
	scene->rank = host_allocate(host, count, sizeof(float), status);
	scene->relative = host_allocate(host, count, sizeof(float), status);
	scene->size = host_allocate(host, count, sizeof(float), status);
	scene->before = host_allocate(host, count, sizeof(int), status);
	scene->after = host_allocate(host, count, sizeof(int), status);
	scene->log_odds = host_allocate_zero(host, count, sizeof(float), status);
	if (scratch == NULL || scene->first == NULL || scene->frame_of == NULL || scene->rank == NULL || scene->relative == NULL ||
		scene->size == NULL || scene->before == NULL || scene->after == NULL || scene->log_odds == NULL)
	{
		host_release(host, scratch);
		scene_release(scene);
		return false;
	}
	scene->first[0] = 0;
	if (count > 0)
	{
		index_frames(scene);
		rank_scores(scene, scratch);
		measure_sizes(scene);
		/* both halves of the scratch: it is no longer needed */
		find_neighbours(scene, (float *) scratch, (float *) scratch + count);
	}
	host_release(host, scratch);
	return true;
}

void
scene_release(Scene *scene)
{
	if (scene->host == NULL)
		return;
	host_release(scene->host, scene->look_origin);
	host_release(scene->host, scene->look_unit);
	host_release(scene->host, scene->first);
	host_release(scene->host, scene->frame_of);
	host_release(scene->host, scene->rank);
	host_release(scene->host, scene->relative);
	host_release(scene->host, scene->size);
	host_release(scene->host, scene->before);
	host_release(scene->host, scene->after);
	host_release(scene->host, scene->log_odds);
	*scene = (Scene) {0};
}
