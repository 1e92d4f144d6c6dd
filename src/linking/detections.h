/*
 * detections.h: rows of SQL -> the detections of a video.
 */
#ifndef SIAMESE_DETECTIONS_H
#define SIAMESE_DETECTIONS_H

#include "postgres.h"

#include "linking/looks.h"
#include "tracking/tracker.h"

typedef struct DetectionList
{
	const char *name;			/* what they are, in the plural, for messages */
	MemoryContext context;		/* holds them */
	int			count;
	int			room;
	Detection  *detection;		/* [count]; source as they were added with */
} DetectionList;

/* In the current memory context. */
extern DetectionList *detections_create(const char *name);

/* Raises if the region has no area, or the score is not finite. */
extern void detections_add(DetectionList *list, int frame, Datum region, double score, int track, int source);

/* Sorts by frame, as Video wants them, then by region and score. */
extern void detections_sort(DetectionList *list);

/* The value of a column of any type of numbers; detections_number_type(): whether it is one. */
extern bool detections_number_type(Oid type);
extern double detections_number(Datum value, Oid type);

#endif
