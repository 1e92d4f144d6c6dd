/*
 * refine.c: the boxes of tracks: gaps are filled, and the noise of single detections is smoothed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracking/tracker_internal.h"

#define SIZE_FACTOR 2			/* sizes are smoothed over so many times as long as places */

typedef struct Refinement
{
	const Host *host;
	const Video *video;
	TrackedBox *box;
	int			count;
	int			room;
} Refinement;

static bool
add_box(Refinement *refinement, int frame, int track, const Region *region, double score, int detection, Status *status)
{
	if (refinement->count == refinement->room)
	{
		int			room = refinement->room;
		TrackedBox *larger;

		if (room > INT32_MAX / 2)
			return status_set(status, STATUS_NO_MEMORY, "", "The tracks have more than %d boxes.", room);
		larger = host_allocate(refinement->host, (size_t) room * 2, sizeof(TrackedBox), status);
		if (larger == NULL)
			return false;
		memcpy(larger, refinement->box, sizeof(TrackedBox) * refinement->count);
		host_release(refinement->host, refinement->box);
		refinement->box = larger;
		refinement->room = room * 2;
	}
	refinement->box[refinement->count++] = (TrackedBox) {frame, track, *region, score, detection};
	return true;
}

/* ---- filling --------------------------------------------------------------------------------------------------------- */

static Region
between(const Region *a, const Region *b, double w)
{
	return (Region) {a->left + w * (b->left - a->left), a->top + w * (b->top - a->top), a->right + w * (b->right - a->right),
		a->bottom + w * (b->bottom - a->bottom)};
}

static bool
fill_gap(Refinement *refinement, int from, int to, int track, double fill, Status *status)
{
	const Detection *a = &refinement->video->detection[from];
	const Detection *b = &refinement->video->detection[to];
	int64_t		frames = (int64_t) b->frame - a->frame;

	if ((double) frames > fill * refinement->video->frame_rate)
		return true;
	for (int64_t step = 1; step < frames; step++)
	{
		Region		region = between(&a->region, &b->region, (double) step / (double) frames);

		if (!add_box(refinement, (int) (a->frame + step), track, &region, NAN, -1, status))
			return false;
	}
	return true;
}

static bool
fill_tracks(Refinement *refinement, const int *track, int tracks, double fill, Status *status)
{
	int		   *latest = host_allocate(refinement->host, tracks, sizeof(int), status);
	bool		done = latest != NULL;

	for (int i = 0; i < tracks && done; i++)
		latest[i] = -1;
	for (int i = 0; i < refinement->video->count && done; i++)
	{
		const Detection *detection = &refinement->video->detection[i];

		if (track[i] < 0)
			continue;
		done = !host_interrupted(refinement->host, status) &&
			(latest[track[i]] < 0 || fill_gap(refinement, latest[track[i]], i, track[i], fill, status)) &&
			add_box(refinement, detection->frame, track[i], &detection->region, detection->score, i, status);
		latest[track[i]] = i;
	}
	host_release(refinement->host, latest);
	return done;
}

/* ---- smoothing -------------------------------------------------------------------------------------------------------- */

static int
compare_by_track(const void *a, const void *b)
{
	const TrackedBox *x = a;
	const TrackedBox *y = b;

	if (x->track != y->track)
		return x->track < y->track ? -1 : 1;
	return (x->frame > y->frame) - (x->frame < y->frame);
}

static int
compare_by_frame(const void *a, const void *b)
{
	const TrackedBox *x = a;
	const TrackedBox *y = b;

	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return (x->track > y->track) - (x->track < y->track);
}

/* Cleveland's weight of a distance. */
static double
tricube(double distance, double most)
{
	double		u = distance / (most + 1);

	return u >= 1 ? 0 : pow(1 - u * u * u, 3);
}

typedef struct LineFit
{
	double		weight;
	double		time;
	double		square;
	double		value[2];
	double		product[2];
} LineFit;

/* At time 0; where the times do not tell a slope, the mean. */
static double
line_at_zero(const LineFit *fit, int which)
{
	double		determinant = fit->weight * fit->square - fit->time * fit->time;

	if (determinant < 1e-6 * fit->weight * fit->square || determinant <= 0)
		return fit->value[which] / fit->weight;
	return (fit->square * fit->value[which] - fit->time * fit->product[which]) / determinant;
}

/*
 * Box i of those of its track, box[first .. last - 1], from what was detected: what was filled in adds nothing.
 */
static Region
smoothed(const TrackedBox *box, int first, int last, int i, double most)
{
	LineFit		place = {0};
	double		weight = 0;
	double		height = 0;
	double		width = 0;
	double		x;
	double		y;

	for (int side = -1; side <= 1; side += 2)
		for (int j = side < 0 ? i : i + 1; j >= first && j < last; j += side)
		{
			double		time = (double) box[j].frame - box[i].frame;
			double		w = tricube(fabs(time), most);
			double		size = tricube(fabs(time), SIZE_FACTOR * most);

			if (fabs(time) > SIZE_FACTOR * most)
				break;
			if (box[j].detection < 0)
				continue;
			place.weight += w;
			place.time += w * time;
			place.square += w * time * time;
			place.value[0] += w * region_x(&box[j].region);
			place.value[1] += w * region_y(&box[j].region);
			place.product[0] += w * time * region_x(&box[j].region);
			place.product[1] += w * time * region_y(&box[j].region);
			weight += size;
			height += size * log(region_height(&box[j].region));
			width += size * log(box[j].region.right - box[j].region.left);
		}
	x = line_at_zero(&place, 0);
	y = line_at_zero(&place, 1);
	width = exp(width / weight) / 2;
	height = exp(height / weight) / 2;
	return (Region) {x - width, y - height, x + width, y + height};
}

/* Detected boxes are smoothed; then those of gaps lie between smoothed ones. */
static bool
smooth_track(const Host *host, TrackedBox *box, int first, int last, double most, Status *status)
{
	Region	   *region = host_allocate(host, last - first, sizeof(Region), status);
	int			known = first;

	if (region == NULL)
		return false;
	for (int i = first; i < last; i++)
	{
		if (i % 256 == 0 && host_interrupted(host, status))
		{
			host_release(host, region);
			return false;
		}
		if (box[i].detection >= 0)
			region[i - first] = smoothed(box, first, last, i, most);
	}
	for (int i = first; i < last; i++)
	{
		if (box[i].detection < 0)
			continue;
		for (int j = known + 1; j < i; j++)
			region[j - first] = between(&region[known - first], &region[i - first],
										((double) box[j].frame - box[known].frame) / ((double) box[i].frame - box[known].frame));
		known = i;
	}
	for (int i = first; i < last; i++)
		box[i].region = region[i - first];
	host_release(host, region);
	return true;
}

bool
tracks_refine(const Host *host, const Video *video, const int *track, int tracks, double fill, double smooth, TrackedBox **box,
			  int *boxes, Status *status)
{
	Refinement	refinement = {.host = host, .video = video, .room = video->count + 1};
	bool		done;

	refinement.box = host_allocate(host, refinement.room, sizeof(TrackedBox), status);
	done = refinement.box != NULL && fill_tracks(&refinement, track, tracks, fill, status);
	if (done && smooth > 0)
	{
		qsort(refinement.box, refinement.count, sizeof(TrackedBox), compare_by_track);
		for (int first = 0, last; first < refinement.count && done; first = last)
		{
			for (last = first + 1; last < refinement.count && refinement.box[last].track == refinement.box[first].track; last++)
				;
			done = smooth_track(host, refinement.box, first, last, smooth * video->frame_rate, status);
		}
	}
	if (!done)
	{
		host_release(host, refinement.box);
		return false;
	}
	qsort(refinement.box, refinement.count, sizeof(TrackedBox), compare_by_frame);
	*box = refinement.box;
	*boxes = refinement.count;
	return true;
}
