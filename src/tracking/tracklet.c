/*
 * tracklet.c: tracklets, what speaks for their truth, and which of them may follow one another.
 */
#include <math.h>
#include <string.h>

#include "tracking/tracker_internal.h"

#define FIT_SECONDS 0.8			/* of the detections that tell velocity and size at an end */
#define COMPARED 3				/* detections of each of two tracklets whose appearances are compared */
#define GAP_SAMPLES 8			/* places within a gap that are looked at */
#define COVERED 0.4				/* share of a box that another one hides */

/* ---- building ------------------------------------------------------------------------------------------------------- */

typedef struct Fit
{
	double		sum[5];			/* 1, t, t t, and of x and y with 1: see add_to_fit() */
	double		x[2];
	double		y[2];
	double		height;
	double		width;
} Fit;

static void
add_to_fit(Fit *fit, const Region *region, double time)
{
	fit->sum[0] += 1;
	fit->sum[1] += time;
	fit->sum[2] += time * time;
	fit->x[0] += region_x(region);
	fit->x[1] += time * region_x(region);
	fit->y[0] += region_y(region);
	fit->y[1] += time * region_y(region);
	fit->height += region_height(region);
	fit->width += region->right - region->left;
}

/* Value and slope at time 0. */
static double
solve_fit(const Fit *fit, const double *v, double *slope)
{
	double		determinant = fit->sum[0] * fit->sum[2] - fit->sum[1] * fit->sum[1];

	*slope = determinant > 0.5 ? (fit->sum[0] * v[1] - fit->sum[1] * v[0]) / determinant : 0;
	return (v[0] - *slope * fit->sum[1]) / fit->sum[0];
}

static void
fit_end(const Tracklets *tracklets, const Tracklet *tracklet, bool end, TrackletEnd *at)
{
	const Detection *detection = tracklets->scene->video->detection;
	int			frame = end ? tracklet->end_frame : tracklet->start_frame;
	int			most = scene_frames(tracklets->scene, FIT_SECONDS, 4);
	Fit			fit = {.height = 0};

	for (int i = tracklet->first; i >= 0; i = tracklets->next[i])
	{
		int			time = detection[i].frame - frame;

		if (time >= -most && time <= most)
			add_to_fit(&fit, &detection[i].region, time);
	}
	at->x = solve_fit(&fit, fit.x, &at->x_speed);
	at->y = solve_fit(&fit, fit.y, &at->y_speed);
	at->height = fit.height / fit.sum[0];
	at->width = fit.width / fit.sum[0];
}

/* The true track of more than half of its detections (Boyer, Moore 1991: the candidate for a majority, then counted). */
static int
majority_track(const Tracklets *tracklets, const Tracklet *tracklet)
{
	const Detection *detection = tracklets->scene->video->detection;
	int			track = -1;
	int			lead = 0;
	int			count = 0;

	for (int i = tracklet->first; i >= 0; i = tracklets->next[i])
	{
		if (lead == 0)
			track = detection[i].track;
		lead += detection[i].track == track ? 1 : -1;
	}
	for (int i = tracklet->first; i >= 0; i = tracklets->next[i])
		count += detection[i].track == track;
	return 2 * count > tracklet->count ? track : -1;
}

bool
tracklets_create(const Scene *scene, const int *number, int count, Tracklets *tracklets, Status *status)
{
	const Detection *detection = scene->video->detection;

	*tracklets = (Tracklets) {.scene = scene, .count = count};
	tracklets->tracklet = host_allocate_zero(scene->host, count, sizeof(Tracklet), status);
	tracklets->next = host_allocate(scene->host, scene->count, sizeof(int), status);
	tracklets->of = host_allocate(scene->host, scene->count, sizeof(int), status);
	if (tracklets->tracklet == NULL || tracklets->next == NULL || tracklets->of == NULL)
	{
		tracklets_release(tracklets);
		return false;
	}
	for (int i = 0; i < scene->count; i++)
	{
		Tracklet   *tracklet = number[i] < 0 ? NULL : &tracklets->tracklet[number[i]];

		tracklets->next[i] = -1;
		tracklets->of[i] = number[i];
		if (tracklet == NULL)
			continue;
		if (tracklet->count++ == 0)
		{
			tracklet->first = i;
			tracklet->start_frame = detection[i].frame;
		}
		else
			tracklets->next[tracklet->last] = i;
		tracklet->last = i;
		tracklet->end_frame = detection[i].frame;
	}
	for (int i = 0; i < count; i++)
	{
		Tracklet   *tracklet = &tracklets->tracklet[i];

		fit_end(tracklets, tracklet, false, &tracklet->start);
		fit_end(tracklets, tracklet, true, &tracklet->end);
		tracklet->track = majority_track(tracklets, tracklet);
	}
	return true;
}

void
tracklets_release(Tracklets *tracklets)
{
	if (tracklets->scene == NULL)
		return;
	host_release(tracklets->scene->host, tracklets->tracklet);
	host_release(tracklets->scene->host, tracklets->next);
	host_release(tracklets->scene->host, tracklets->of);
	*tracklets = (Tracklets) {0};
}

/* ---- is it true? ---------------------------------------------------------------------------------------------------- */

void
tracklet_features(const Tracklets *tracklets, int number, float *x)
{
	const Scene *scene = tracklets->scene;
	const Tracklet *tracklet = &tracklets->tracklet[number];
	double		frames = (double) tracklet->end_frame - tracklet->start_frame + 1;
	double		mean = 0;
	float		most = -INFINITY;
	int			known[DETECTION_FEATURES] = {0};

	memset(x, 0, sizeof(float) * DETECTION_FEATURES);
	for (int i = tracklet->first; i >= 0; i = tracklets->next[i])
	{
		float		own[DETECTION_FEATURES];

		detection_features(scene, i, own);
		for (int j = 0; j < DETECTION_FEATURES; j++)
			if (!isnan(own[j]))
			{
				x[j] += own[j];
				known[j]++;
			}
		mean += scene->log_odds[i];
		most = fmaxf(most, scene->log_odds[i]);
	}
	for (int j = 0; j < DETECTION_FEATURES; j++)
		x[j] = known[j] > 0 ? x[j] / (float) known[j] : NAN;
	x += DETECTION_FEATURES;
	x[0] = (float) (mean / tracklet->count);
	x[1] = most;
	x[2] = (float) tracklet->count;
	x[3] = (float) (frames / scene->video->frame_rate);
	x[4] = (float) (tracklet->count / frames);
	x[5] = tracklet->count < 2 ? NAN :
		(float) (hypot(tracklet->end.x - tracklet->start.x, tracklet->end.y - tracklet->start.y) * scene->video->frame_rate /
				 ((frames - 1) * tracklet->end.height));
}

/* ---- does one follow the other? -------------------------------------------------------------------------------------- */

/* The place of a frame among those that have a detection, or of the next one after it. */
static int
find_frame(const Scene *scene, int frame)
{
	int			first = 0;
	int			last = scene->frames;

	while (first < last)
	{
		int			middle = (first + last) / 2;

		if (scene->video->detection[scene->first[middle]].frame < frame)
			first = middle + 1;
		else
			last = middle;
	}
	return first;
}

static bool
is_covered(const Tracklets *tracklets, const Region *box, int frame, int a, int b)
{
	const Scene *scene = tracklets->scene;
	int			place = find_frame(scene, frame);

	if (place == scene->frames || scene->video->detection[scene->first[place]].frame != frame)
		return false;
	for (int i = scene->first[place]; i < scene->first[place + 1]; i++)
	{
		const Region *other = &scene->video->detection[i].region;
		double		width = fmin(box->right, other->right) - fmax(box->left, other->left);
		double		height = fmin(box->bottom, other->bottom) - fmax(box->top, other->top);

		if (tracklets->of[i] != a && tracklets->of[i] != b && scene->log_odds[i] > 0 && width > 0 && height > 0 &&
			width * height > COVERED * region_area(box))
			return true;
	}
	return false;
}

/* The share of the gap in which the straight way between both is hidden by others. */
static float
covered_share(const Tracklets *tracklets, int from, int to)
{
	const TrackletEnd *a = &tracklets->tracklet[from].end;
	const TrackletEnd *b = &tracklets->tracklet[to].start;
	int			start = tracklets->tracklet[from].end_frame;
	int			frames = tracklets->tracklet[to].start_frame - start;
	int			samples = frames - 1 < GAP_SAMPLES ? frames - 1 : GAP_SAMPLES;
	int			covered = 0;

	for (int i = 1; i <= samples; i++)
	{
		int			step = (int) ((int64_t) frames * i / (samples + 1));
		double		w = (double) step / frames;
		double		x = a->x + w * (b->x - a->x);
		double		y = a->y + w * (b->y - a->y);
		double		width = a->width + w * (b->width - a->width);
		double		height = a->height + w * (b->height - a->height);
		Region		box = {x - width / 2, y - height / 2, x + width / 2, y + height / 2};

		covered += is_covered(tracklets, &box, start + step, from, to);
	}
	return samples > 0 ? (float) covered / (float) samples : NAN;
}

/* In heights, to the nearest side of all that detections cover. */
static float
edge_distance(const Scene *scene, const TrackletEnd *end)
{
	double		across = fmin(end->x - end->width / 2 - scene->extent.left, scene->extent.right - end->x - end->width / 2);
	double		down = fmin(end->y - end->height / 2 - scene->extent.top, scene->extent.bottom - end->y - end->height / 2);

	return (float) (fmin(across, down) / end->height);
}

static void
join_features(const Tracklets *tracklets, int from, int to, float *x)
{
	const Scene *scene = tracklets->scene;
	const Tracklet *one = &tracklets->tracklet[from];
	const Tracklet *other = &tracklets->tracklet[to];
	const TrackletEnd *a = &one->end;
	const TrackletEnd *b = &other->start;
	double		frames = other->start_frame - one->end_frame;
	double		seconds = frames / scene->video->frame_rate;
	double		height = (a->height + b->height) / 2;
	double		across = (b->x - a->x) / height;
	double		down = (b->y - a->y) / height;
	double		offset = hypot(across, down);
	double		ahead = hypot(across - a->x_speed * frames / height, down - a->y_speed * frames / height);
	double		behind = hypot(across - b->x_speed * frames / height, down - b->y_speed * frames / height);

	x[0] = (float) frames;
	x[1] = (float) seconds;
	x[2] = (float) offset;
	x[3] = (float) (offset / seconds);
	x[4] = (float) down;
	x[5] = one->count > 1 ? (float) ahead : NAN;
	x[6] = other->count > 1 ? (float) behind : NAN;
	x[7] = (float) fmin(fmin(ahead, behind), offset);
	x[8] = (float) ((one->count > 1 && other->count > 1 ? (ahead + behind) / 2 : one->count > 1 ? ahead : other->count > 1 ? behind :
					 offset) / (TRACKER_REACH_SECONDS + seconds));
	x[9] = (float) fabs(log(b->height / a->height));
	x[10] = (float) fabs(log(b->height * b->width / (a->height * a->width)));
	x[11] = one->count > 1 && other->count > 1 ?
		(float) (hypot(b->x_speed - a->x_speed, b->y_speed - a->y_speed) * scene->video->frame_rate / height) : NAN;
	x[12] = (float) (one->count < other->count ? one->count : other->count);
	x[13] = (float) (one->end_frame - one->start_frame + 1) / (float) scene->video->frame_rate;
	x[14] = (float) (other->end_frame - other->start_frame + 1) / (float) scene->video->frame_rate;
	x[15] = covered_share(tracklets, from, to);
	x[16] = edge_distance(scene, a);
	x[17] = edge_distance(scene, b);
	x[18] = (float) fmin(one->log_odds, other->log_odds);
	/* 19, 20: set when all candidates are known */
}

static float
miss_of(const Candidates *candidates, int link)
{
	return candidates->x[(size_t) link * candidates->features + 8];
}

/* How much better the best other candidate of the same beginning, or of the same end, fits: above zero, this one is the best. */
static bool
add_rivals(const Tracklets *tracklets, Candidates *candidates, Status *status)
{
	const Host *host = tracklets->scene->host;
	float	   *best = host_allocate(host, (size_t) tracklets->count * 4, sizeof(float), status);

	if (best == NULL)
		return false;
	/* of each tracklet, as beginning and as end, the least two misses */
	for (size_t i = 0; i < (size_t) tracklets->count * 4; i++)
		best[i] = 8;
	for (int i = 0; i < candidates->links; i++)
		for (int side = 0; side < 2; side++)
		{
			float	   *two = &best[(size_t) 4 * (side ? candidates->link[i].to : candidates->link[i].from) + 2 * side];
			float		own = miss_of(candidates, i);

			if (own < two[0])
			{
				two[1] = two[0];
				two[0] = own;
			}
			else
				two[1] = fminf(two[1], own);
		}
	for (int i = 0; i < candidates->links; i++)
		for (int side = 0; side < 2; side++)
		{
			const float *two = &best[(size_t) 4 * (side ? candidates->link[i].to : candidates->link[i].from) + 2 * side];
			float		own = miss_of(candidates, i);

			candidates->x[(size_t) i * candidates->features + 19 + side] = (own > two[0] ? two[0] : two[1]) - own;
		}
	host_release(host, best);
	return true;
}

/* Up to COMPARED detections of a tracklet, spread over its end (or its start) of FIT_SECONDS. */
static int
choose_compared(const Tracklets *tracklets, const Tracklet *tracklet, bool end, int *source)
{
	const Detection *detection = tracklets->scene->video->detection;
	int			most = scene_frames(tracklets->scene, 2 * FIT_SECONDS, 4);
	int			near_by = 0;
	int			place = 0;
	int			count = 0;

	for (int i = tracklet->first; i >= 0; i = tracklets->next[i])
		near_by += end ? tracklet->end_frame - detection[i].frame <= most : detection[i].frame - tracklet->start_frame <= most;
	for (int i = tracklet->first; i >= 0; i = tracklets->next[i])
	{
		if (end ? tracklet->end_frame - detection[i].frame > most : detection[i].frame - tracklet->start_frame > most)
			continue;
		if (place * COMPARED / near_by >= count || near_by <= COMPARED)
			source[count++] = detection[i].source;
		place++;
		if (count == COMPARED)
			break;
	}
	return count;
}

bool
join_looks(const Tracklets *tracklets, const FlowLink *link, float *value, Status *status)
{
	const Scene *scene = tracklets->scene;
	int			values = scene->values;
	DetectionPair pair[COMPARED * COMPARED];
	int			a[COMPARED];
	int			b[COMPARED];
	int			as;
	int			bs;
	float	   *one;
	bool		done;

	if (values == 0)
		return true;
	one = host_allocate(scene->host, (size_t) COMPARED * COMPARED * values, sizeof(float), status);
	as = choose_compared(tracklets, &tracklets->tracklet[link->from], true, a);
	bs = choose_compared(tracklets, &tracklets->tracklet[link->to], false, b);
	for (int i = 0; i < as * bs; i++)
		pair[i] = (DetectionPair) {a[i / bs], b[i % bs]};
	done = one != NULL && scene_compare(scene, pair, as * bs, one, status);
	for (int k = 0; k < values && done; k++)
	{
		int			known = 0;

		value[k] = 0;
		value[values + k] = INFINITY;
		for (int i = 0; i < as * bs; i++)
			if (!isnan(one[(size_t) i * values + k]))
			{
				known++;
				value[k] += one[(size_t) i * values + k];
				value[values + k] = fminf(value[values + k], one[(size_t) i * values + k]);
			}
		value[k] = known > 0 ? value[k] / (float) known : NAN;
		value[values + k] = known > 0 ? value[values + k] : NAN;
	}
	host_release(scene->host, one);
	return done;
}

static bool
ends_in_reach(const Scene *scene, const TrackletEnd *a, const TrackletEnd *b, double frames)
{
	double		height = (a->height + b->height) / 2;
	double		reach = scene->reach * height * (TRACKER_REACH_SECONDS + frames / scene->video->frame_rate);

	return hypot(b->x - a->x, b->y - a->y) <= reach ||
		hypot(b->x - a->x - a->x_speed * frames, b->y - a->y - a->y_speed * frames) <= reach;
}

bool
join_candidates(const Tracklets *tracklets, double gap, Candidates *candidates, Status *status)
{
	const Scene *scene = tracklets->scene;
	int			most = scene_frames(scene, gap, 2);

	candidates->features = JOIN_FEATURES;
	for (int i = 0; i < tracklets->count; i++)
	{
		const Tracklet *from = &tracklets->tracklet[i];

		if (host_interrupted(scene->host, status))
			return false;
		for (int j = i + 1; j < tracklets->count; j++)
		{
			const Tracklet *to = &tracklets->tracklet[j];
			int64_t		frames = (int64_t) to->start_frame - from->end_frame;

			if (frames > most)
				break;
			if (frames < 1 || !ends_in_reach(scene, &from->end, &to->start, (double) frames))
				continue;
			if (!candidates_add(scene->host, candidates, i, j, status))
				return false;
			join_features(tracklets, i, j, candidates->x + (size_t) (candidates->links - 1) * candidates->features);
		}
	}
	return add_rivals(tracklets, candidates, status);
}
