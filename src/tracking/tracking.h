/*
 * tracking.h: detections of a video -> tracks, and how good tracks are.          Pure C.
 */
#ifndef SIAMESE_TRACKING_H
#define SIAMESE_TRACKING_H

#include "common/status.h"

/* ---- region.c --------------------------------------------------------------------------------------------------------- */

/* In pixels; y grows downwards.  Finite, left < right and top < bottom. */
typedef struct Region
{
	double		left;
	double		top;
	double		right;
	double		bottom;
} Region;

extern double region_area(const Region *box);

/* Intersection over union: 0 where they do not meet, 1 where they are the same. */
extern double region_overlap(const Region *a, const Region *b);

/* ---- assignment.c -------------------------------------------------------------------------------------------------- */

/*
 * Gives each row at most one column and each column at most one row, at the least total cost.  cost [rows, columns], finite, or
 * INFINITY where a pair is not allowed; a row without a column costs unassigned, which is finite.  column [rows]: of each row, -1:
 * none.  O(rows^2 (rows + columns)), by shortest augmenting paths with potentials (Kuhn 1955; Jonker, Volgenant 1987).
 * False with a status: no memory, interrupted.
 */
extern bool assignment_solve(const Host *host, int rows, int columns, const double *cost, double unassigned, int *column,
							 Status *status);

/* ---- flow.c -------------------------------------------------------------------------------------------------------- */

/* Two detections may follow one another in a track. */
typedef struct FlowLink
{
	int			from;
	int			to;				/* from < to */
	double		cost;
} FlowLink;

/*
 * Detections in the order of time.  A track costs what its detections, its links, entering at its first and leaving at its last
 * detection cost; a detection without a track costs nothing.  Costs are finite; those of detections are negative where they are
 * likely to be true, usually log(p_false / p_true).
 */
typedef struct FlowProblem
{
	int			detections;
	const double *detection_cost;	/* [detections], as the next two */
	const double *enter_cost;
	const double *leave_cost;
	int			links;
	const FlowLink *link;		/* [links], sorted by from; each pair at most once */
} FlowProblem;

/*
 * The tracks of the least total cost: track [detections] gets the numbers of tracks, 0 .. *tracks - 1 in the order of their first
 * detections, -1: none.  Exact, but for rounding: see flow.c.  About tracks * links * log(detections) operations.  False with a status:
 * no memory, interrupted.
 */
extern bool flow_solve(const Host *host, const FlowProblem *problem, int *track, int *tracks, double *cost, Status *status);

/* ---- quality.c ----------------------------------------------------------------------------------------------------- */

/* A box of a track in a frame; a track has at most one in a frame. */
typedef struct TrackBox
{
	int			frame;
	int			track;			/* 0 .. tracks - 1 */
	Region			box;
} TrackBox;

/* Sorted by frame, then by track: track_boxes_sort(). */
typedef struct TrackBoxes
{
	TrackBox   *box;
	int			count;
	int			tracks;
} TrackBoxes;

#define TRACK_QUALITY_OVERLAP 0.5	/* of two boxes that may be matched */
#define TRACK_QUALITY_MOSTLY 0.8	/* a true track whose boxes are matched to at least this share is mostly tracked ... */
#define TRACK_QUALITY_LOST 0.2	/* ... and to less than this one mostly lost */

/*
 * CLEAR MOT: Bernardin, Stiefelhagen 2008, "Evaluating multiple object tracking performance", section 2; mostly tracked and lost:
 * Li, Huang, Nevatia 2009; identities: Ristani et al. 2016, "Performance measures and a data set for multi-target, multi-camera
 * tracking", section 3.  Shares of nothing are NaN.
 */
typedef struct TrackQuality
{
	double		mota;			/* 1 - (misses + false positives + switches) / true boxes */
	double		motp;			/* mean overlap of the matched boxes */
	double		idf1;			/* 2 identity matches / (true boxes + boxes) */
	double		idp;			/* identity matches / boxes */
	double		idr;			/* identity matches / true boxes */
	int			switches;
	int			fragmentations; /* of true tracks that are missed and later found again */
	int			false_positives;
	int			misses;
	int			mostly_tracked;
	int			mostly_lost;
	int			true_tracks;	/* that have a box */
	int			true_boxes;
	int			tracks;
	int			boxes;
} TrackQuality;

/* Sorts; the index of the second of two boxes of one track in one frame, -1 if there is none. */
extern int	track_boxes_sort(TrackBoxes *boxes);

/* Both sorted.  False with a status: no memory, interrupted. */
extern bool track_quality_measure(const Host *host, const TrackBoxes *truth, const TrackBoxes *tracks, TrackQuality *quality,
								  Status *status);

#endif
