/*
 * validate.c: how well videos are linked whose tracks are known.
 */
#include <math.h>

#include "tracking/tracker_internal.h"

/* The boxes of some tracks, with gaps filled. */
static bool
filled_boxes(const Host *host, const Video *video, const int *track, int tracks, double fill, TrackBoxes *boxes, Status *status)
{
	TrackedBox *box;
	int			count;

	if (!tracks_refine(host, video, track, tracks, fill, 0, &box, &count, status))
		return false;
	*boxes = (TrackBoxes) {.box = host_allocate(host, count, sizeof(TrackBox), status), .count = count, .tracks = tracks};
	for (int i = 0; i < count && boxes->box != NULL; i++)
		boxes->box[i] = (TrackBox) {box[i].frame, box[i].track, box[i].region};
	host_release(host, box);
	return boxes->box != NULL;
}

static bool
true_boxes(const Scene *scene, double gap, TrackBoxes *truth, Status *status)
{
	const Video *video = scene->video;
	int		   *track = host_allocate(scene->host, scene->count, sizeof(int), status);
	int			tracks = 0;
	bool		done = track != NULL;

	for (int i = 0; i < scene->count && done; i++)
	{
		track[i] = video->detection[i].track;
		tracks = track[i] >= tracks ? track[i] + 1 : tracks;
	}
	done = done && filled_boxes(scene->host, video, track, tracks, gap, truth, status);
	host_release(scene->host, track);
	return done;
}

bool
validate_joins(const Tracklets *tracklets, const Boost *join, double gap, const JoinCosts *costs, TrackQuality *quality, Status *status)
{
	const Scene *scene = tracklets->scene;
	const Host *host = scene->host;
	int		   *joined = host_allocate(host, tracklets->count, sizeof(int), status);
	int		   *track = host_allocate(host, scene->count, sizeof(int), status);
	Candidates	joins = {0};
	TrackBoxes	truth = {0};
	TrackBoxes	boxes = {0};
	int			tracks;
	bool		done = joined != NULL && track != NULL && judge_joins(tracklets, join, gap, &joins, status) &&
		join_tracklets(tracklets, &joins, costs, joined, &tracks, status);

	for (int i = 0; i < scene->count && done; i++)
		track[i] = joined[tracklets->of[i]];
	done = done && true_boxes(scene, gap, &truth, status) && filled_boxes(host, scene->video, track, tracks, gap, &boxes, status) &&
		track_quality_measure(host, &truth, &boxes, quality, status);
	candidates_release(host, &joins);
	host_release(host, truth.box);
	host_release(host, boxes.box);
	host_release(host, joined);
	host_release(host, track);
	return done;
}
