/*
 * train.c: learns a tracker from videos whose tracks are known.
 *
 * Four forests learn one after the other, each from what the ones before say of a video.  What a forest says of the examples it learned from
 * is better than what it says of others; so each video is judged by forests that learned from the others (stacking: Wolpert 1992).
 *
 * A video is also seen with every second, third ... frame alone: so what is learned carries over between frame rates.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "tracking/tracker_internal.h"

#define FEATURE_SHARE 0.4		/* with few tracks many single features tell all examples apart: trees that know some each agree on what holds */
#define MOST_STRIDE 4
#define LEAST_RATE 4			/* frames a second of a view */
#define REACH_SHARE 0.99		/* of a track's steps are within the reach ... */
#define REACH_FACTOR 1.5		/* ... over this factor */

/* A video seen with some of its frames alone. */
typedef struct View
{
	int			fold;			/* whose forests do not learn from it */
	int			stride;			/* every so manyth frame */
	float		weight;			/* of its examples */
	Detection  *detection;
	Video		video;
	Scene		scene;
	Tracklets	tracklets;
} View;

typedef struct Teacher
{
	const Host *host;
	const TrackerSettings *settings;
	int			values;
	int			folds;
	View	   *view;
	int			views;
	double		reach;
} Teacher;

TrackerSettings
tracker_defaults(void)
{
	return (TrackerSettings) {.trees = 100, .depth = 2, .rate = 0.1, .gap = 3};
}

/* ---- rows of examples ----------------------------------------------------------------------------------------------- */

typedef struct Rows
{
	int			features;
	int			count;
	int			room;
	float	   *x;
	unsigned char *label;
	float	   *weight;
	int		   *fold;
} Rows;

static void
rows_release(const Host *host, Rows *rows)
{
	host_release(host, rows->x);
	host_release(host, rows->label);
	host_release(host, rows->weight);
	host_release(host, rows->fold);
	*rows = (Rows) {0};
}

static bool
grow(const Host *host, void **array, size_t size, int count, int room, Status *status)
{
	void	   *larger = host_allocate(host, room, size, status);

	if (larger == NULL)
		return false;
	if (count > 0)
		memcpy(larger, *array, size * count);
	host_release(host, *array);
	*array = larger;
	return true;
}

/* Room for one more row; where it begins, or NULL. */
static float *
rows_add(const Host *host, Rows *rows, bool label, const View *view, Status *status)
{
	if (rows->count == rows->room)
	{
		int			room = rows->room > 0 ? 2 * rows->room : 4096;

		if (!grow(host, (void **) &rows->x, sizeof(float) * rows->features, rows->count, room, status) ||
			!grow(host, (void **) &rows->label, 1, rows->count, room, status) ||
			!grow(host, (void **) &rows->weight, sizeof(float), rows->count, room, status) ||
			!grow(host, (void **) &rows->fold, sizeof(int), rows->count, room, status))
			return NULL;
		rows->room = room;
	}
	rows->label[rows->count] = label;
	rows->weight[rows->count] = view->weight;
	rows->fold[rows->count] = view->fold;
	return rows->x + (size_t) rows->count++ * rows->features;
}

/* A forest from the rows of all folds but one (-1: from all). */
static bool
grow_forest(const Teacher *teacher, const Rows *rows, int but, Boost *forest, Status *status)
{
	BoostSettings settings = boost_defaults(teacher->settings->trees);
	Rows		some = {.features = rows->features};
	bool		done = true;
	int			positive = 0;
	View		view = {0};

	settings.depth = teacher->settings->depth;
	settings.rate = teacher->settings->rate;
	settings.lambda = 2;
	settings.least_weight = 2;
	settings.feature_share = FEATURE_SHARE;
	for (int i = 0; i < rows->count && done; i++)
	{
		float	   *x;

		if (rows->fold[i] == but)
			continue;
		view.weight = rows->weight[i];
		x = rows_add(teacher->host, &some, rows->label[i], &view, status);
		done = x != NULL;
		if (done)
			memcpy(x, rows->x + (size_t) i * rows->features, sizeof(float) * rows->features);
		positive += rows->label[i];
	}
	if (done && (positive == 0 || positive == some.count))
	{
		/* nothing to tell apart: what the examples say, with one more of the other kind */
		done = rows_add(teacher->host, &some, positive == 0, &view, status) != NULL;
		for (int i = 0; i < rows->features && done; i++)
			some.x[(size_t) (some.count - 1) * rows->features + i] = NAN;
		if (done)
			some.weight[some.count - 1] = 1;
	}
	done = done && boost_train(teacher->host, &settings, some.count, some.features, some.x, some.label, some.weight, forest, status);
	rows_release(teacher->host, &some);
	/* as it will be stored */
	forest->base = (float) forest->base;
	for (int i = 0; i < forest->nodes; i++)
		forest->node[i].value = (float) forest->node[i].value;
	return done;
}

/* ---- views ---------------------------------------------------------------------------------------------------------- */

static bool
add_view(Teacher *teacher, const Video *video, int fold, int stride, int offset, Status *status)
{
	View	   *view = &teacher->view[teacher->views];

	*view = (View) {.fold = fold, .stride = stride, .weight = 1.0f / (float) stride};
	view->detection = host_allocate(teacher->host, video->count, sizeof(Detection), status);
	if (view->detection == NULL)
		return false;
	teacher->views++;
	view->video = (Video) {.detection = view->detection, .frame_rate = video->frame_rate / stride, .appearance = video->appearance};
	for (int i = 0; i < video->count; i++)
	{
		int			phase = (video->detection[i].frame % stride + stride) % stride;
		Detection  *detection;

		if (phase != offset)
			continue;
		detection = &view->detection[view->video.count++];
		*detection = video->detection[i];
		detection->frame = (int) (((int64_t) detection->frame - offset) / stride);
	}
	return true;
}

static bool
add_views(Teacher *teacher, const Video *video, int videos, Status *status)
{
	int			most = 0;

	for (int i = 0; i < videos; i++)
		for (int stride = 1; stride <= MOST_STRIDE; stride++)
			most += stride;
	teacher->view = host_allocate(teacher->host, most, sizeof(View), status);
	if (teacher->view == NULL)
		return false;
	for (int i = 0; i < videos; i++)
		for (int stride = 1; stride <= MOST_STRIDE; stride++)
			for (int offset = 0; offset < stride; offset++)
				if ((stride == 1 || video[i].frame_rate / stride >= LEAST_RATE) &&
					!add_view(teacher, &video[i], i, stride, offset, status))
					return false;
	for (int i = 0; i < teacher->views; i++)
		if (!scene_create(teacher->host, &teacher->view[i].video, teacher->reach, teacher->values, &teacher->view[i].scene, status) ||
			!scene_scale_looks(&teacher->view[i].scene, status))
			return false;
	return true;
}

static void
release_views(Teacher *teacher)
{
	for (int i = 0; i < teacher->views; i++)
	{
		tracklets_release(&teacher->view[i].tracklets);
		scene_release(&teacher->view[i].scene);
		host_release(teacher->host, teacher->view[i].detection);
	}
	host_release(teacher->host, teacher->view);
	teacher->view = NULL;
	teacher->views = 0;
}

/* ---- what is learned, one after the other ------------------------------------------------------------------------------ */

/* The forests of all folds and, at folds, of all rows. */
static bool
grow_forests(const Teacher *teacher, Rows *rows, Boost *forest, Status *status)
{
	bool		done = true;

	for (int fold = 0; fold < teacher->folds && done; fold++)
		done = teacher->folds == 1 || grow_forest(teacher, rows, fold, &forest[fold], status);
	done = done && grow_forest(teacher, rows, -1, &forest[teacher->folds], status);
	rows_release(teacher->host, rows);
	return done;
}

static const Boost *
forest_for(const Teacher *teacher, const Boost *forest, const View *view)
{
	return &forest[teacher->folds == 1 ? 1 : view->fold];
}

static bool
learn_detections(Teacher *teacher, Boost *forest, Status *status)
{
	Rows		rows = {.features = DETECTION_FEATURES};
	bool		done = true;

	for (int i = 0; i < teacher->views && done; i++)
		for (int j = 0; j < teacher->view[i].scene.count && done; j++)
		{
			float	   *x = rows_add(teacher->host, &rows, teacher->view[i].detection[j].track >= 0, &teacher->view[i], status);

			done = x != NULL;
			if (done)
				detection_features(&teacher->view[i].scene, j, x);
		}
	done = done && grow_forests(teacher, &rows, forest, status);
	for (int i = 0; i < teacher->views && done; i++)
		done = scene_judge(&teacher->view[i].scene, forest_for(teacher, forest, &teacher->view[i]), status);
	rows_release(teacher->host, &rows);
	return done;
}

/* The next detection of the same track, of each one; -1: none. */
static bool
next_in_track(const Teacher *teacher, const View *view, int *next, Status *status)
{
	int			tracks = 0;
	int		   *latest;

	for (int i = 0; i < view->video.count; i++)
		tracks = view->detection[i].track >= tracks ? view->detection[i].track + 1 : tracks;
	latest = host_allocate(teacher->host, tracks, sizeof(int), status);
	if (latest == NULL)
		return false;
	for (int i = 0; i < tracks; i++)
		latest[i] = -1;
	for (int i = 0; i < view->video.count; i++)
	{
		int			track = view->detection[i].track;

		next[i] = -1;
		if (track < 0)
			continue;
		if (latest[track] >= 0)
			next[latest[track]] = i;
		latest[track] = i;
	}
	host_release(teacher->host, latest);
	return true;
}

static bool
add_links(Teacher *teacher, View *view, Rows *rows, Status *status)
{
	Candidates	candidates = {0};
	int		   *next = host_allocate(teacher->host, view->video.count, sizeof(int), status);
	bool		done = next != NULL && next_in_track(teacher, view, next, status) &&
		link_candidates(&view->scene, 0, view->scene.count, &candidates, status);

	for (int i = 0; i < candidates.links && done; i++)
	{
		float	   *x = rows_add(teacher->host, rows, next[candidates.link[i].from] == candidates.link[i].to, view, status);

		done = x != NULL;
		if (done)
			memcpy(x, candidates.x + (size_t) i * candidates.features, sizeof(float) * rows->features);
	}
	candidates_release(teacher->host, &candidates);
	host_release(teacher->host, next);
	return done;
}

static bool
learn_links(Teacher *teacher, Boost *forest, Status *status)
{
	Rows		rows = {.features = LINK_FEATURES + teacher->values};
	bool		done = true;

	for (int i = 0; i < teacher->views && done; i++)
		done = add_links(teacher, &teacher->view[i], &rows, status);
	done = done && grow_forests(teacher, &rows, forest, status);
	rows_release(teacher->host, &rows);
	return done;
}

static bool
learn_tracklets(Teacher *teacher, const Boost *link, double margin, Boost *forest, Status *status)
{
	Rows		rows = {.features = TRACKLET_FEATURES};
	bool		done = true;

	for (int i = 0; i < teacher->views && done; i++)
	{
		View	   *view = &teacher->view[i];
		int		   *number = host_allocate(teacher->host, view->video.count, sizeof(int), status);
		int			count;

		done = number != NULL && link_detections(&view->scene, forest_for(teacher, link, view), margin, number, &count, status) &&
			tracklets_create(&view->scene, number, count, &view->tracklets, status);
		for (int j = 0; j < view->tracklets.count && done; j++)
		{
			float	   *x = rows_add(teacher->host, &rows, view->tracklets.tracklet[j].track >= 0, view, status);

			done = x != NULL;
			if (done)
				tracklet_features(&view->tracklets, j, x);
		}
		host_release(teacher->host, number);
	}
	done = done && grow_forests(teacher, &rows, forest, status);
	for (int i = 0; i < teacher->views && done; i++)
		tracklets_judge(&teacher->view[i].tracklets, forest_for(teacher, forest, &teacher->view[i]));
	rows_release(teacher->host, &rows);
	return done;
}

/* Whether no other tracklet of the true track lies between both. */
static bool
is_next(const Tracklets *tracklets, int from, int to)
{
	const Tracklet *tracklet = tracklets->tracklet;

	if (tracklet[from].track < 0 || tracklet[from].track != tracklet[to].track)
		return false;
	for (int i = from + 1; i < to; i++)
		if (tracklet[i].track == tracklet[from].track && tracklet[i].start_frame > tracklet[from].end_frame &&
			tracklet[i].end_frame < tracklet[to].start_frame)
			return false;
	return true;
}

static bool
learn_joins(Teacher *teacher, Boost *forest, Status *status)
{
	Rows		rows = {.features = JOIN_FEATURES + 2 * teacher->values};
	bool		done = true;

	for (int i = 0; i < teacher->views && done; i++)
	{
		View	   *view = &teacher->view[i];
		Candidates	candidates = {0};

		done = join_candidates(&view->tracklets, teacher->settings->gap, &candidates, status);
		for (int j = 0; j < candidates.links && done; j++)
		{
			float	   *x = rows_add(teacher->host, &rows, is_next(&view->tracklets, candidates.link[j].from, candidates.link[j].to), view,
									 status);

			done = x != NULL && join_looks(&view->tracklets, &candidates.link[j], x + JOIN_FEATURES, status);
			if (done)
				memcpy(x, candidates.x + (size_t) j * JOIN_FEATURES, JOIN_FEATURES * sizeof(float));
		}
		candidates_release(teacher->host, &candidates);
	}
	done = done && grow_forests(teacher, &rows, forest, status);
	rows_release(teacher->host, &rows);
	return done;
}

/* ---- plain numbers ---------------------------------------------------------------------------------------------------- */

/* How far true tracks move. */
static bool
measure_reach(const Host *host, const Video *video, int videos, double gap, Tracker *tracker, Status *status)
{
	int			most = 0;
	int			steps = 0;
	double	   *step;
	int		   *next;
	bool		done = true;

	for (int i = 0; i < videos; i++)
		most = video[i].count > most ? video[i].count : most;
	for (int i = 0; i < videos; i++)
		steps += video[i].count;
	step = host_allocate(host, steps, sizeof(double), status);
	next = host_allocate(host, most, sizeof(int), status);
	done = step != NULL && next != NULL;
	steps = 0;
	for (int i = 0; i < videos && done; i++)
	{
		Teacher		teacher = {.host = host};
		View		view = {.detection = (Detection *) video[i].detection, .video = video[i]};

		done = next_in_track(&teacher, &view, next, status);
		for (int j = 0; j < video[i].count && done; j++)
		{
			double		seconds;

			if (next[j] < 0)
				continue;
			seconds = (video[i].detection[next[j]].frame - video[i].detection[j].frame) / video[i].frame_rate;
			if (seconds <= gap)
				step[steps++] = scene_offset(&video[i].detection[j].region, &video[i].detection[next[j]].region) /
					(TRACKER_REACH_SECONDS + seconds);
		}
	}
	if (done && steps == 0)
		done = status_set(status, STATUS_ARGUMENT, "Mark the detections of one thing with the same track, those that are false with NULL.",
						  "No track of the examples has two detections within %g seconds.", gap);
	if (done)
	{
		qsort(step, steps, sizeof(double), compare_doubles);
		tracker->reach = REACH_FACTOR * step[(int) ((steps - 1) * REACH_SHARE)] + 1e-3;
	}
	host_release(host, step);
	host_release(host, next);
	return done;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

/*
 * What it costs to enter and to leave: -log of the share of true tracklets that are a track's first, or last; with one more that is, and one
 * that is not.
 */
static void
measure_entering(const Teacher *teacher, Tracker *tracker)
{
	double		true_tracklets = 0;
	double		first = 0;

	for (int i = 0; i < teacher->views; i++)
	{
		const Tracklets *tracklets = &teacher->view[i].tracklets;

		for (int j = 0; j < tracklets->count && teacher->view[i].stride == 1; j++)
		{
			bool		known = false;

			if (tracklets->tracklet[j].track < 0)
				continue;
			for (int k = 0; k < j && !known; k++)
				known = tracklets->tracklet[k].track == tracklets->tracklet[j].track;
			first += !known;
			true_tracklets++;
		}
	}
	tracker->enter_cost = tracker->leave_cost = (float) -log((first + 1) / (true_tracklets + 2));
}

/* Means over the videos, each linked by what the others taught. */
static bool
validate(const Teacher *teacher, const Boost *join, const Tracker *tracker, TrackerScores *scores, Status *status)
{
	JoinCosts	costs = {tracker->enter_cost, tracker->leave_cost, tracker->join_margin};
	int			videos = 0;

	*scores = (TrackerScores) {0, 0};
	for (int i = 0; i < teacher->views; i++)
	{
		const View *view = &teacher->view[i];
		TrackQuality quality;

		if (view->stride > 1)
			continue;
		if (!validate_joins(&view->tracklets, forest_for(teacher, join, view), tracker->gap, &costs, &quality, status))
			return false;
		if (quality.true_boxes == 0)
			continue;
		scores->mota += quality.mota;
		scores->idf1 += quality.idf1;
		videos++;
	}
	if (videos > 0)
		*scores = (TrackerScores) {scores->mota / videos, scores->idf1 / videos};
	return true;
}

static bool
train(const Host *host, const TrackerSettings *settings, const Video *video, int videos, Tracker *tracker,
	  TrackerScores *scores, Status *status)
{
	Teacher		teacher = {.host = host, .settings = settings, .folds = videos, .reach = tracker->reach,
		.values = tracker->appearance_values};
	Boost	   *forests = host_allocate_zero(host, (size_t) (videos + 1) * 4, sizeof(Boost), status);
	Boost	   *forest[4];
	bool		done = forests != NULL && add_views(&teacher, video, videos, status);

	for (int i = 0; i < 4; i++)
		forest[i] = forests + (size_t) i * (videos + 1);
	done = done && learn_detections(&teacher, forest[0], status) && learn_links(&teacher, forest[1], status) &&
		learn_tracklets(&teacher, forest[1], tracker->tracklet_margin, forest[2], status) &&
		learn_joins(&teacher, forest[3], status);
	if (done)
	{
		measure_entering(&teacher, tracker);
		done = validate(&teacher, forest[3], tracker, scores, status);
	}
	if (done)
	{
		tracker->detection = forest[0][videos];
		tracker->link = forest[1][videos];
		tracker->tracklet = forest[2][videos];
		tracker->join = forest[3][videos];
		for (int i = 0; i < 4; i++)
			forest[i][videos] = (Boost) {0};
	}
	for (int i = 0; i < 4 * (videos + 1) && forests != NULL; i++)
		boost_release(host, &forests[i]);
	host_release(host, forests);
	release_views(&teacher);
	return done;
}

bool
tracker_train(const Host *host, const TrackerSettings *settings, const Video *video, int videos, Tracker *tracker,
			  TrackerScores *scores, Status *status)
{
	Video		half[2] = {video[0], video[0]};

	*tracker = (Tracker) {.gap = settings->gap};
	for (int i = 0; i < videos; i++)
		tracker->frame_rate += video[i].frame_rate / videos;
	tracker->appearance_values = video[0].appearance != NULL ? video[0].appearance->values : 0;
	if (!measure_reach(host, video, videos, settings->gap, tracker, status))
		return false;
	if (videos > 1)
		return train(host, settings, video, videos, tracker, scores, status);
	half[0].count /= 2;
	half[1].detection += half[0].count;
	half[1].count -= half[0].count;
	return train(host, settings, half, 2, tracker, scores, status);
}

void
tracker_release(const Host *host, Tracker *tracker)
{
	boost_release(host, &tracker->detection);
	boost_release(host, &tracker->link);
	boost_release(host, &tracker->tracklet);
	boost_release(host, &tracker->join);
}
