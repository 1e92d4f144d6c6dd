/*
 * program.c: both passes of linking a video.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tracking/tracker_internal.h"

#define WINDOW_DETECTIONS 600	/* that a window of the first pass commits */
#define CHUNK_DETECTIONS 64		/* whose candidates are judged at once */
#define KEEP (-1e-3)			/* cost of a detection in the first pass: all are in a tracklet */

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

/* flow_solve(), with the time that it takes. */
static bool
solve(const Scene *scene, const FlowProblem *problem, int *track, int *tracks, Status *status)
{
	double		start = seconds_now();
	double		cost;
	bool		done = flow_solve(scene->host, problem, track, tracks, &cost, status);

	if (scene->solving != NULL)
		*scene->solving += seconds_now() - start;
	return done;
}

/* ---- first pass ------------------------------------------------------------------------------------------------------ */

typedef struct Window
{
	const Scene *scene;
	const Boost *link;
	double		margin;
	int		   *before;			/* [detections]: the committed one before it, -1 */
	Candidates	kept;			/* links of the window that are worth it, from its first detection on */
} Window;

/* Judges the links of the detections first .. last - 1; keeps those that would lower the cost. */
static bool
judge_links(Window *window, int first, int last, Status *status)
{
	const Host *host = window->scene->host;
	bool		done = true;

	for (int start = first; start < last && done; start += CHUNK_DETECTIONS)
	{
		Candidates	candidates = {0};

		done = link_candidates(window->scene, start, last - start < CHUNK_DETECTIONS ? last : start + CHUNK_DETECTIONS, &candidates,
							   status);
		for (int i = 0; i < candidates.links && done; i++)
		{
			double		cost = window->margin - boost_log_odds(window->link, candidates.x + (size_t) i * candidates.features);

			if (cost >= 0 || window->before[candidates.link[i].to] >= 0)
				continue;
			done = candidates_add(host, &window->kept, candidates.link[i].from, candidates.link[i].to, status);
			if (done)
				window->kept.link[window->kept.links - 1].cost = cost;
		}
		candidates_release(host, &candidates);
	}
	return done;
}

/*
 * Solves the program of the detections first .. last - 1, and commits the links that begin before core.
 */
static bool
solve_window(Window *window, int first, int core, int last, Status *status)
{
	const Host *host = window->scene->host;
	int			count = last - first;
	int			links = 0;
	double	   *cost = host_allocate_zero(host, (size_t) count * 2, sizeof(double), status);
	int		   *track = host_allocate(host, count, sizeof(int), status);
	int		   *latest = NULL;
	FlowProblem problem = {.detections = count, .detection_cost = cost, .enter_cost = cost + count, .leave_cost = cost + count};
	int			tracks = 0;
	bool		done = cost != NULL && track != NULL && judge_links(window, first, last, status);

	for (int i = 0; i < count && done; i++)
		cost[i] = KEEP;
	for (int i = 0; i < window->kept.links && done; i++)
		if (window->kept.link[i].to < last)
		{
			window->kept.link[links] = window->kept.link[i];
			window->kept.link[links].from -= first;
			window->kept.link[links++].to -= first;
		}
	problem.links = links;
	problem.link = window->kept.link;
	done = done && solve(window->scene, &problem, track, &tracks, status);
	if (done)
		latest = host_allocate(host, tracks, sizeof(int), status);
	done = done && latest != NULL;
	for (int i = 0; i < tracks && done; i++)
		latest[i] = -1;
	for (int i = 0; i < count && done; i++)
		if (track[i] >= 0)
		{
			if (latest[track[i]] >= 0 && first + latest[track[i]] < core)
				window->before[first + i] = first + latest[track[i]];
			latest[track[i]] = i;
		}
	candidates_release(host, &window->kept);
	host_release(host, cost);
	host_release(host, track);
	host_release(host, latest);
	return done;
}

bool
link_detections(const Scene *scene, const Boost *link, double margin, int *number, int *count, Status *status)
{
	const Detection *detection = scene->video->detection;
	Window		window = {.scene = scene, .link = link, .margin = margin};
	int			ahead = scene_frames(scene, LINK_SECONDS, 2);
	int			frame = 0;
	bool		done;

	window.before = host_allocate(scene->host, scene->count, sizeof(int), status);
	done = window.before != NULL;
	for (int i = 0; i < scene->count && done; i++)
		window.before[i] = -1;
	while (frame < scene->frames && done)
	{
		int			core = frame + 1;
		int			last;

		while (core < scene->frames && scene->first[core] - scene->first[frame] < WINDOW_DETECTIONS)
			core++;
		/* a link that is committed had to compete with all that begin, or end, where it does */
		for (last = core; last < scene->frames; last++)
			if ((int64_t) detection[scene->first[last]].frame - detection[scene->first[core] - 1].frame > 2 * ahead)
				break;
		done = solve_window(&window, scene->first[frame], scene->first[core], scene->first[last], status);
		frame = core;
	}
	*count = 0;
	for (int i = 0; i < scene->count && done; i++)
		number[i] = window.before[i] < 0 ? (*count)++ : number[window.before[i]];
	host_release(scene->host, window.before);
	return done;
}

/* ---- second pass ------------------------------------------------------------------------------------------------------ */

bool
judge_joins(const Tracklets *tracklets, const Boost *join, double gap, Candidates *joins, Status *status)
{
	const Scene *scene = tracklets->scene;
	float	   *x = host_allocate(scene->host, JOIN_FEATURES + 2 * (size_t) scene->values, sizeof(float), status);
	bool		done = x != NULL && join_candidates(tracklets, gap, joins, status);

	for (int i = 0; i < joins->links && done; i++)
	{
		memcpy(x, joins->x + (size_t) i * JOIN_FEATURES, JOIN_FEATURES * sizeof(float));
		done = !host_interrupted(scene->host, status) && join_looks(tracklets, &joins->link[i], x + JOIN_FEATURES, status);
		if (done)
			joins->link[i].cost = -boost_log_odds(join, x);
	}
	host_release(scene->host, x);
	return done;
}

/* The joins that may pay: two tracks in one cost one entering and one leaving less. */
static int
copy_joins(const Candidates *joins, const JoinCosts *costs, FlowLink *link)
{
	int			links = 0;

	for (int i = 0; i < joins->links; i++)
	{
		double		cost = joins->link[i].cost + costs->margin;

		if (cost < costs->enter + costs->leave)
			link[links++] = (FlowLink) {joins->link[i].from, joins->link[i].to, cost};
	}
	return links;
}

bool
join_tracklets(const Tracklets *tracklets, const Candidates *joins, const JoinCosts *costs, int *track, int *tracks,
			   Status *status)
{
	const Host *host = tracklets->scene->host;
	int			count = tracklets->count;
	double	   *cost = host_allocate(host, (size_t) count * 3, sizeof(double), status);
	FlowLink   *link = host_allocate(host, joins->links, sizeof(FlowLink), status);
	FlowProblem problem = {.detections = count, .detection_cost = cost, .enter_cost = cost + count, .leave_cost = cost + 2 * count};
	bool		done = cost != NULL && link != NULL;

	for (int i = 0; i < count && done; i++)
	{
		/* a long one is worth more, but its detections are not independent of each other */
		cost[i] = -tracklets->tracklet[i].log_odds * sqrt(tracklets->tracklet[i].count);
		cost[count + i] = costs->enter;
		cost[2 * count + i] = costs->leave;
	}
	if (done)
	{
		problem.link = link;
		problem.links = copy_joins(joins, costs, link);
		done = solve(tracklets->scene, &problem, track, tracks, status);
	}
	host_release(host, link);
	host_release(host, cost);
	return done;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

void
tracklets_judge(Tracklets *tracklets, const Boost *forest)
{
	float		x[TRACKLET_FEATURES];

	for (int i = 0; i < tracklets->count; i++)
	{
		tracklet_features(tracklets, i, x);
		tracklets->tracklet[i].log_odds = boost_log_odds(forest, x);
	}
}

bool
tracker_run_scene(const Tracker *tracker, const Scene *scene, int *track, int *tracks, Status *status)
{
	const Host *host = scene->host;
	Tracklets	tracklets = {.scene = scene};
	JoinCosts	costs = {tracker->enter_cost, tracker->leave_cost, tracker->join_margin};
	Candidates	joins = {0};
	int		   *joined = NULL;
	int			count;
	bool		done = link_detections(scene, &tracker->link, tracker->tracklet_margin, track, &count, status) &&
		tracklets_create(scene, track, count, &tracklets, status);

	if (done)
	{
		tracklets_judge(&tracklets, &tracker->tracklet);
		joined = host_allocate(host, count, sizeof(int), status);
		done = joined != NULL && judge_joins(&tracklets, &tracker->join, tracker->gap, &joins, status) &&
			join_tracklets(&tracklets, &joins, &costs, joined, tracks, status);
	}
	for (int i = 0; i < scene->count && done; i++)
		track[i] = joined[track[i]];
	candidates_release(host, &joins);
	host_release(host, joined);
	tracklets_release(&tracklets);
	return done;
}

bool
tracker_run(const Host *host, const Tracker *tracker, const Video *video, int *track, int *tracks, Status *status)
{
	Scene		scene;
	double		start = seconds_now();
	double		solving = 0;
	char		message[160];
	bool		done;

	*tracks = 0;
	if (video->appearance != NULL && video->appearance->values != tracker->appearance_values)
		return status_set(status, STATUS_ARGUMENT, NULL, "The tracker takes %d values of how alike two detections look; its appearance gives %d.",
						  tracker->appearance_values, video->appearance->values);
	if (video->count == 0)
		return true;
	if (!scene_create(host, video, tracker->reach, tracker->appearance_values, &scene, status))
		return false;
	scene.solving = &solving;
	done = scene_scale_looks(&scene, status) && scene_judge(&scene, &tracker->detection, status) && tracker_run_scene(tracker, &scene, track, tracks, status);
	scene_release(&scene);
	if (done && host->debug != NULL)
	{
		snprintf(message, sizeof message, "linked %d detections to %d tracks in %.3f s, of which the linear program took %.3f s", video->count,
				 *tracks, seconds_now() - start, solving);
		host->debug(host->context, message);
	}
	return done;
}
