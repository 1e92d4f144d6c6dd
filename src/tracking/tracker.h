/*
 * tracker.h: learns from videos whose tracks are known how to link the detections of others.          Pure C.
 *
 * Leal-Taixé, Canton-Ferrer, Schindler 2016, "Learning by tracking: Siamese CNN for robust target association", sections 4 and 5: gradient
 * boosting of appearance and geometry gives the probability that one detection follows another, a linear program the tracks
 * (flow.c).  In two passes, as Huang, Wu, Nevatia 2008, "Robust object tracking by hierarchical association of detection responses": the
 * first links detections over short gaps to tracklets, the second links tracklets, whose velocity and mean appearance are known better than
 * a detection's.
 */
#ifndef SIAMESE_TRACKER_H
#define SIAMESE_TRACKER_H

#include "tracking/boost.h"
#include "tracking/tracking.h"

typedef struct Detection
{
	int			frame;
	Region		region;
	double		score;			/* finite; higher is more likely true; compared within its video only */
	int			track;			/* of examples: its true track in the video, -1: a false detection */
	int			source;			/* by which number the appearance knows it */
} Detection;

typedef struct DetectionPair
{
	int			from;			/* sources of two detections, the earlier one first */
	int			to;
} DetectionPair;

#define TRACKER_MOST_VALUES 2048

/* How alike detections look: an embedding's distance and log odds, or what a pair network says of two pictures. */
typedef struct TrackAppearance
{
	void	   *context;
	int			values;			/* of a pair, 1 .. TRACKER_MOST_VALUES; the first one is the smaller the more alike they are */
	int			scaled;			/* the first so many are measures of likeness: put in units of the video, looks_scale.c */
	/* value [pairs, values], NaN where an appearance is unknown.  False with a status. */
	bool		(*compare) (void *context, int pairs, const DetectionPair *pair, float *value, Status *status);
} TrackAppearance;

typedef struct Video
{
	const Detection *detection; /* [count], sorted by frame */
	int			count;
	double		frame_rate;		/* frames a second, > 0 */
	const TrackAppearance *appearance;	/* NULL: none */
} Video;

typedef struct TrackerSettings
{
	int			trees;			/* of each forest; 1 .. BOOST_MOST_TREES */
	int			depth;			/* 1 .. BOOST_MOST_DEPTH */
	double		rate;			/* of boosting, 0 < rate <= 1 */
	double		gap;			/* seconds, > 0: the longest that a track may be unseen */
} TrackerSettings;

extern TrackerSettings tracker_defaults(void);

/* All numbers are finite. */
typedef struct Tracker
{
	int			appearance_values;	/* 0: geometry alone */
	double		gap;			/* seconds */
	double		reach;			/* how far a track may move: heights over (TRACKER_REACH_SECONDS + seconds) */
	double		frame_rate;		/* of the examples, their mean */
	double		tracklet_margin;	/* log odds above which detections are linked in the first pass */
	double		join_margin;	/* the same in the second pass */
	double		enter_cost;		/* of a track: -log P, as the next two */
	double		leave_cost;
	Boost		detection;		/* log odds that a detection is true */
	Boost		link;			/* that a detection is the next one of the other's track */
	Boost		tracklet;		/* that a tracklet is true */
	Boost		join;			/* that a tracklet is the next one of the other's track */
} Tracker;

#define TRACKER_REACH_SECONDS 0.25

/* Of the examples, each video linked by what the others taught; gaps filled on both sides. */
typedef struct TrackerScores
{
	double		mota;			/* means over the videos */
	double		idf1;
} TrackerScores;

/*
 * Learns from videos.  A track has one detection in a frame at most.  Fills tracker with memory of the host's, for tracker_release().  One
 * video alone is taken as two halves.  False with a status: no memory, interrupted, or examples that cannot teach (STATUS_ARGUMENT).
 */
extern bool tracker_train(const Host *host, const TrackerSettings *settings, const Video *video, int videos, Tracker *tracker,
						  TrackerScores *scores, Status *status);

/*
 * Links a video: track [count] gets numbers 0 .. *tracks - 1 in the order of first detections, -1 for a false detection.  Memory beside the
 * video: about 250 bytes a detection, and some MB for one window.  False with a status: no memory, interrupted, an appearance with another
 * number of values than the tracker learned from (STATUS_ARGUMENT).
 */
extern bool tracker_run(const Host *host, const Tracker *tracker, const Video *video, int *track, int *tracks, Status *status);

extern void tracker_release(const Host *host, Tracker *tracker);

/* A tracker as numbers that 4-byte floats hold exactly, to be stored; tracker_unpack() believes nothing: false if they are no tracker. */
extern size_t tracker_packed_count(const Tracker *tracker);
extern void tracker_pack(const Tracker *tracker, float *packed);
extern bool tracker_unpack(const Host *host, const float *packed, size_t count, Tracker *tracker, Status *status);

/* ---- refine.c ------------------------------------------------------------------------------------------------------ */

/* A box of a track. */
typedef struct TrackedBox
{
	int			frame;
	int			track;
	Region		region;
	double		score;			/* NaN: interpolated */
	int			detection;		/* -1: interpolated */
} TrackedBox;

/*
 * The tracks of a video, sorted by frame, then by track, in memory of the host's: gaps of up to so many seconds are filled between their
 * ends; then each box is placed by a local linear fit over the boxes of its track within smooth seconds on both sides (weights fall as
 * Cleveland 1979, "Robust locally weighted regression and smoothing scatterplots"), its size by a local mean over twice as long.
 * 0: nothing is filled or smoothed.
 */
extern bool tracks_refine(const Host *host, const Video *video, const int *track, int tracks, double fill, double smooth,
						  TrackedBox **box, int *boxes, Status *status);

#endif
