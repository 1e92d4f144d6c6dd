/*
 * choose.c: the costs of the second pass that link known videos best.
 */
#include <math.h>

#include "tracking/tracker_internal.h"

static const double enter_costs[] = {0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8};
static const double margins[] = {-4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1};

#define ENTER_COSTS (sizeof(enter_costs) / sizeof(*enter_costs))
#define MARGINS (sizeof(margins) / sizeof(*margins))

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

/* MOTA + IDF1 of one choice, added to *score. */
static bool
try_costs(const Tracklets *tracklets, const Candidates *joins, const JoinCosts *costs, double gap, const TrackBoxes *truth,
		  TrackerScores *score, Status *status)
{
	const Scene *scene = tracklets->scene;
	int		   *joined = host_allocate(scene->host, tracklets->count, sizeof(int), status);
	int		   *track = host_allocate(scene->host, scene->count, sizeof(int), status);
	TrackBoxes	boxes = {0};
	TrackQuality quality;
	int			tracks;
	bool		done = joined != NULL && track != NULL && join_tracklets(tracklets, joins, costs, joined, &tracks, status);

	for (int i = 0; i < scene->count && done; i++)
		track[i] = joined[tracklets->of[i]];
	done = done && filled_boxes(scene->host, scene->video, track, tracks, gap, &boxes, status) &&
		track_quality_measure(scene->host, truth, &boxes, &quality, status);
	if (done)
	{
		score->mota += quality.mota;
		score->idf1 += quality.idf1;
	}
	host_release(scene->host, boxes.box);
	host_release(scene->host, joined);
	host_release(scene->host, track);
	return done;
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

/* Adds each choice's score on one video to score [ENTER_COSTS, MARGINS]. */
static bool
score_video(const Tracklets *tracklets, const Boost *join, double gap, TrackerScores *score, Status *status)
{
	const Host *host = tracklets->scene->host;
	Candidates	joins = {0};
	TrackBoxes	truth = {0};
	bool		done = judge_joins(tracklets, join, gap, &joins, status) && true_boxes(tracklets->scene, gap, &truth, status) &&
		truth.count > 0;

	for (size_t i = 0; i < ENTER_COSTS && done; i++)
		for (size_t j = 0; j < MARGINS && done; j++)
		{
			JoinCosts	costs = {enter_costs[i], enter_costs[i], margins[j]};

			done = try_costs(tracklets, &joins, &costs, gap, &truth, &score[i * MARGINS + j], status);
		}
	candidates_release(host, &joins);
	host_release(host, truth.box);
	return done || truth.count == 0;
}

bool
choose_costs(const Tracklets *const *tracklets, const Boost *const *join, int videos, double gap, JoinCosts *costs,
			 TrackerScores *scores, Status *status)
{
	TrackerScores score[ENTER_COSTS * MARGINS] = {0};
	double		best = -INFINITY;

	for (int i = 0; i < videos; i++)
		if (!score_video(tracklets[i], join[i], gap, score, status))
			return false;
	for (size_t i = 0; i < ENTER_COSTS; i++)
		for (size_t j = 0; j < MARGINS; j++)
		{
			double		sum = 0;
			int			places = 0;

			/* the mean with its neighbours: a maximum that is not one by chance */
			for (int di = -1; di <= 1; di++)
				for (int dj = -1; dj <= 1; dj++)
				{
					size_t		a = i + (size_t) di;
					size_t		b = j + (size_t) dj;

					if (a < ENTER_COSTS && b < MARGINS)
					{
						sum += score[a * MARGINS + b].mota + score[a * MARGINS + b].idf1;
						places++;
					}
				}
			if (sum / places > best)
			{
				best = sum / places;
				*costs = (JoinCosts) {enter_costs[i], enter_costs[i], margins[j]};
				*scores = (TrackerScores) {score[i * MARGINS + j].mota / videos, score[i * MARGINS + j].idf1 / videos};
			}
		}
	return true;
}
