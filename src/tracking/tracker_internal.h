/*
 * tracker_internal.h: what the files of the tracker share.
 */
#ifndef SIAMESE_TRACKER_INTERNAL_H
#define SIAMESE_TRACKER_INTERNAL_H

#include "tracking/tracker.h"

#define LINK_SECONDS 0.3		/* of the first pass' longest gap, at least two frames */
#define CHAIN_SECONDS 0.6		/* of the neighbours that tell velocity and support */

/* Each _release() empties what it releases, and does nothing with what is empty: who made it only in part has released it already. */

/* ---- scene.c: what is known of each detection from the others of its video ---- */

typedef struct Scene
{
	const Host *host;
	const Video *video;
	int			count;
	int			frames;			/* that have a detection */
	int		   *first;			/* [frames + 1]: their detections */
	int		   *frame_of;		/* [count]: place in first */
	/* [count] */
	float	   *rank;			/* of the score, 0 .. 1: quantile in the video */
	float	   *relative;		/* score in units of the video's middle 80 % */
	float	   *size;			/* log of the height over that expected at this place */
	int		   *before;			/* mutually nearest detection of an earlier frame near by, -1: none */
	int		   *after;
	float	   *log_odds;		/* that it is true; set by scene_judge() */
	Region		extent;			/* all that detections cover */
	double		reach;			/* of the tracker, as the next one */
	int			values;			/* of the appearance of a pair */
	double	   *look_origin;	/* [values that are scaled]: scene_scale_looks(); NULL: values are as the appearance gives them */
	double	   *look_unit;		/* the same */
	double	   *solving;		/* seconds that the linear program took are added there, or NULL */
} Scene;

extern bool scene_create(const Host *host, const Video *video, double reach, int values, Scene *scene, Status *status);
extern void scene_release(Scene *scene);

/* log_odds of all detections, by the tracker's forest. */
extern bool scene_judge(Scene *scene, const Boost *detection, Status *status);

#define DETECTION_FEATURES 12
extern void detection_features(const Scene *scene, int detection, float *x);

/* Frames of a duration, at least least. */
extern int	scene_frames(const Scene *scene, double seconds, int least);

static inline double
region_height(const Region *region)
{
	return region->bottom - region->top;
}

static inline double
region_x(const Region *region)
{
	return (region->left + region->right) / 2;
}

static inline double
region_y(const Region *region)
{
	return (region->top + region->bottom) / 2;
}

/* Distance of the centres in mean heights. */
extern double scene_offset(const Region *a, const Region *b);

/* Whether a track can get from one to the other in so many seconds. */
extern bool scene_in_reach(const Scene *scene, const Region *a, const Region *b, double seconds);

/* Heights a frame, from the chain of neighbours behind (or ahead of) a detection; false if it has none. */
extern bool scene_velocity(const Scene *scene, int detection, bool ahead, double *x, double *y);

/* The last detection of that chain; the same one if it has none. */
extern int	scene_chain_end(const Scene *scene, int detection, bool ahead);

/* After scene_create(): puts the appearance's values, if there is one, in units of the video; looks_scale.c. */
extern bool scene_scale_looks(Scene *scene, Status *status);

/* ---- candidates of both passes ---- */

/* Links and their features [links, features], in memory of the host's. */
typedef struct Candidates
{
	FlowLink   *link;
	int			links;
	int			room;
	int			features;
	float	   *x;
} Candidates;

extern bool candidates_add(const Host *host, Candidates *candidates, int from, int to, Status *status);
extern void candidates_release(const Host *host, Candidates *candidates);

/*
 * Values of the video's appearance in its units, value [pairs, values]; all NaN if it has none.
 */
extern bool scene_compare(const Scene *scene, const DetectionPair *pair, int pairs, float *value, Status *status);

/* Of the detections first .. last - 1 with later ones; links are sorted by from. */
#define LINK_FEATURES 20		/* and the values of the appearance */
extern bool link_candidates(const Scene *scene, int first, int last, Candidates *candidates, Status *status);

/* ---- tracklets ------------------------------------------------------------------------------------------------------ */

/* Where a tracklet begins or ends. */
typedef struct TrackletEnd
{
	double		x;				/* of the centre, by a linear fit over the nearest detections */
	double		y;
	double		x_speed;		/* pixels a frame; 0 where there is one detection alone */
	double		y_speed;
	double		height;			/* mean of the same detections */
	double		width;
} TrackletEnd;

typedef struct Tracklet
{
	int			first;			/* detection */
	int			last;
	int			count;			/* of detections */
	int			start_frame;
	int			end_frame;
	TrackletEnd start;
	TrackletEnd end;
	double		log_odds;		/* that it is true */
	int			track;			/* of examples: the true track of most of its detections, -1 */
} Tracklet;

typedef struct Tracklets
{
	const Scene *scene;
	Tracklet   *tracklet;		/* [count], in the order of their first detections */
	int			count;
	int		   *next;			/* [detections of the scene]: in its tracklet, -1: none */
	int		   *of;				/* [detections of the scene]: its tracklet */
} Tracklets;

/* From the numbers of tracklets of all detections. */
extern bool tracklets_create(const Scene *scene, const int *number, int count, Tracklets *tracklets, Status *status);
extern void tracklets_release(Tracklets *tracklets);

#define TRACKLET_FEATURES (DETECTION_FEATURES + 6)
extern void tracklet_features(const Tracklets *tracklets, int tracklet, float *x);

#define JOIN_FEATURES 21		/* and join_looks() */
extern bool join_candidates(const Tracklets *tracklets, double gap, Candidates *candidates, Status *status);

/*
 * The appearance's values between some detections of both tracklets, value [2, scene->values]: means, then the least.  Not among the
 * candidates' features, since there may be thousands of them.
 */
extern bool join_looks(const Tracklets *tracklets, const FlowLink *link, float *value, Status *status);

/* ---- the passes ----------------------------------------------------------------------------------------------------- */

/* The first pass: number [count] of tracklets; a window at a time. */
extern bool link_detections(const Scene *scene, const Boost *link, double margin, int *number, int *count, Status *status);

/* Log odds of all tracklets. */
extern void tracklets_judge(Tracklets *tracklets, const Boost *forest);

typedef struct JoinCosts
{
	double		enter;
	double		leave;
	double		margin;			/* log odds above which a join lowers the cost */
} JoinCosts;

/* Candidates of joins, with -log odds as their costs. */
extern bool judge_joins(const Tracklets *tracklets, const Boost *join, double gap, Candidates *joins, Status *status);

/* The second pass: track [tracklets->count]. */
extern bool join_tracklets(const Tracklets *tracklets, const Candidates *joins, const JoinCosts *costs, int *track, int *tracks,
						   Status *status);

/* The quality of the tracks that the second pass makes of tracklets whose true tracks are known, gaps filled on both sides. */
extern bool validate_joins(const Tracklets *tracklets, const Boost *join, double gap, const JoinCosts *costs, TrackQuality *quality,
						   Status *status);

/* Both passes: track [scene->count]. */
extern bool tracker_run_scene(const Tracker *tracker, const Scene *scene, int *track, int *tracks, Status *status);

#endif
