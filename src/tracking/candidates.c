/*
 * candidates.c: links that may be, with their features.
 */
#include <math.h>
#include <string.h>

#include "tracking/tracker_internal.h"

#define COMPARED_AT_ONCE 4096

bool
candidates_add(const Host *host, Candidates *candidates, int from, int to, Status *status)
{
	if (candidates->links == candidates->room)
	{
		int			room = candidates->room > 0 ? candidates->room : 512;
		FlowLink   *link;
		float	   *x;

		if (room > INT32_MAX / 2)
			return status_set(status, STATUS_NO_MEMORY, "", "There are more than %d possible links.", room);
		room *= 2;
		link = host_allocate(host, room, sizeof(FlowLink), status);
		x = host_allocate(host, (size_t) room * candidates->features, sizeof(float), status);
		if (link == NULL || x == NULL)
		{
			host_release(host, link);
			host_release(host, x);
			return false;
		}
		if (candidates->links > 0)
		{
			memcpy(link, candidates->link, sizeof(FlowLink) * candidates->links);
			memcpy(x, candidates->x, sizeof(float) * (size_t) candidates->links * candidates->features);
		}
		host_release(host, candidates->link);
		host_release(host, candidates->x);
		candidates->link = link;
		candidates->x = x;
		candidates->room = room;
	}
	candidates->link[candidates->links++] = (FlowLink) {from, to, 0};
	return true;
}

void
candidates_release(const Host *host, Candidates *candidates)
{
	host_release(host, candidates->link);
	host_release(host, candidates->x);
	*candidates = (Candidates) {0};
}

/* ---- of the first pass ---------------------------------------------------------------------------------------------- */

/* The least distance from a detection to those of a frame, but for one of them. */
static double
nearest_other(const Scene *scene, int detection, int frame, int but)
{
	double		least = INFINITY;

	for (int i = scene->first[frame]; i < scene->first[frame + 1]; i++)
		if (i != but)
			least = fmin(least, scene_offset(&scene->video->detection[detection].region, &scene->video->detection[i].region));
	return least;
}

/* How far from b's centre a comes with a velocity in heights a frame; in heights. */
static float
miss(const Region *a, const Region *b, double x, double y, double frames)
{
	double		height = (region_height(a) + region_height(b)) / 2;

	return (float) hypot((region_x(b) - region_x(a)) / height - x * frames, (region_y(b) - region_y(a)) / height - y * frames);
}

static void
link_features(const Scene *scene, int from, int to, float *x)
{
	const Detection *a = &scene->video->detection[from];
	const Detection *b = &scene->video->detection[to];
	double		frames = b->frame - a->frame;
	double		seconds = frames / scene->video->frame_rate;
	double		height = (region_height(&a->region) + region_height(&b->region)) / 2;
	double		offset = scene_offset(&a->region, &b->region);
	double		across;
	double		down;

	x[0] = (float) frames;
	x[1] = (float) seconds;
	x[2] = (float) (fabs(region_x(&b->region) - region_x(&a->region)) / height);
	x[3] = (float) ((region_y(&b->region) - region_y(&a->region)) / height);
	x[4] = (float) offset;
	x[5] = (float) (offset / frames);
	x[6] = (float) (offset / seconds);
	x[7] = (float) fabs(log(region_height(&b->region) / region_height(&a->region)));
	x[8] = (float) fabs(log(region_area(&b->region) / region_area(&a->region)));
	x[9] = (float) region_overlap(&a->region, &b->region);
	x[10] = scene_velocity(scene, from, false, &across, &down) ? miss(&a->region, &b->region, across, down, frames) : NAN;
	x[11] = scene_velocity(scene, to, true, &across, &down) ? miss(&a->region, &b->region, across, down, frames) : NAN;
	x[12] = (float) fmin(nearest_other(scene, from, scene->frame_of[to], to) - offset, 8);
	x[13] = (float) fmin(nearest_other(scene, to, scene->frame_of[from], from) - offset, 8);
	x[14] = fminf(scene->log_odds[from], scene->log_odds[to]);
	x[15] = fmaxf(scene->log_odds[from], scene->log_odds[to]);
	x[16] = fabsf(scene->relative[from] - scene->relative[to]);
	x[17] = scene->after[from] == to;
	x[18] = scene->after[from] >= 0 && scene->after[from] < to;
	x[19] = scene->before[to] >= 0 && scene->before[to] > from;
}

bool
scene_compare(const Scene *scene, const DetectionPair *pair, int pairs, float *value, Status *status)
{
	const TrackAppearance *appearance = scene->video->appearance;

	if (appearance == NULL)
	{
		for (size_t i = 0; i < (size_t) pairs * scene->values; i++)
			value[i] = NAN;
		return true;
	}
	for (int done = 0; done < pairs; done += COMPARED_AT_ONCE)
	{
		int			part = pairs - done < COMPARED_AT_ONCE ? pairs - done : COMPARED_AT_ONCE;

		if (host_interrupted(scene->host, status) ||
			!appearance->compare(appearance->context, part, pair + done, value + (size_t) done * scene->values, status))
			return false;
	}
	for (int i = 0; i < pairs && scene->look_unit != NULL; i++)
		for (int k = 0; k < appearance->scaled; k++)
		{
			float	   *one = &value[(size_t) i * scene->values + k];

			*one = (float) ((*one - scene->look_origin[k]) / scene->look_unit[k]);
		}
	return true;
}

/* The appearance's values of all links, after the geometry's features. */
static bool
add_appearance(const Scene *scene, Candidates *candidates, Status *status)
{
	DetectionPair *pair = host_allocate(scene->host, candidates->links, sizeof(DetectionPair), status);
	float	   *value = host_allocate(scene->host, (size_t) candidates->links * scene->values, sizeof(float), status);
	bool		done = pair != NULL && value != NULL;

	for (int i = 0; i < candidates->links && done; i++)
		pair[i] = (DetectionPair) {scene->video->detection[candidates->link[i].from].source,
		scene->video->detection[candidates->link[i].to].source};
	done = done && scene_compare(scene, pair, candidates->links, value, status);
	for (int i = 0; i < candidates->links && done; i++)
		memcpy(candidates->x + (size_t) i * candidates->features + LINK_FEATURES, value + (size_t) i * scene->values,
			   sizeof(float) * scene->values);
	host_release(scene->host, pair);
	host_release(scene->host, value);
	return done;
}

bool
link_candidates(const Scene *scene, int first, int last, Candidates *candidates, Status *status)
{
	const Detection *detection = scene->video->detection;
	int			most = scene_frames(scene, LINK_SECONDS, 2);

	candidates->features = LINK_FEATURES + scene->values;
	for (int i = first; i < last; i++)
	{
		if (host_interrupted(scene->host, status))
			return false;
		for (int j = scene->first[scene->frame_of[i] + 1]; j < scene->count; j++)
		{
			int64_t		gap = (int64_t) detection[j].frame - detection[i].frame;

			if (gap > most)
				break;
			if (!scene_in_reach(scene, &detection[i].region, &detection[j].region, (double) gap / scene->video->frame_rate))
				continue;
			if (!candidates_add(scene->host, candidates, i, j, status))
				return false;
			link_features(scene, i, j, candidates->x + (size_t) (candidates->links - 1) * candidates->features);
		}
	}
	return scene->values == 0 || add_appearance(scene, candidates, status);
}
