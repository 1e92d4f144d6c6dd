/*
 * looks.h: how detections look to one model: embeddings, given or made here of images, or images compared in pairs.
 */
#ifndef SIAMESE_LOOKS_H
#define SIAMESE_LOOKS_H

#include "postgres.h"

#include "model/model.h"
#include "model/stored_calibration.h"
#include "tracking/tracker.h"

/* The model that a tracker was trained with, and what it needs of it: later calibrations of the model change no tracker. */
typedef struct LooksModel
{
	uint64		fingerprint;	/* 0: none, geometry alone */
	bool		compares_pairs; /* a layer "pair": metric and dimensions mean nothing */
	Metric		metric;
	int			dimensions;
	ModelCalibration calibration;
} LooksModel;

typedef struct Looks Looks;

/* In the current memory context; what is given must be embeddings of the model.  Raises if it compares pairs. */
extern Looks *looks_create(const LooksModel *of);

/*
 * The same from images, by the model, which the caller has found as the current user; raises if it takes none.  Where it compares
 * pairs, the model has to stay valid as long as the appearance is used, and what was compared is kept in so many kilobytes.
 */
extern Looks *looks_of_images(const LooksModel *of, Model *model, int kilobytes);

/* Of the next detection.  An image that cannot be used is as one that is NULL; looks_finish() warns of it. */
extern void looks_add(Looks *looks, Datum value, bool isnull);

/* After the last one. */
extern void looks_finish(Looks *looks);

/* As the tracker takes it; lives as long as looks. */
extern const TrackAppearance *looks_appearance(Looks *looks);

#endif
