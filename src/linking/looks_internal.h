/*
 * looks_internal.h: what looks.c and looks_pairs.c share.
 */
#ifndef SIAMESE_LOOKS_INTERNAL_H
#define SIAMESE_LOOKS_INTERNAL_H

#include "postgres.h"

#include <math.h>

#include "utils/hsearch.h"

#include "linking/looks.h"
#include "model/embedder.h"
#include "model/pair_scorer.h"
#include "verification/calibration.h"

#define LOOKS_BATCH 256			/* images that go through the network at once */

struct Looks
{
	LooksModel	of;
	MemoryContext context;
	int			count;
	int			room;
	Size		bytes;			/* that are kept of a detection: an embedding, or a side of pairs */
	char	   *kept;			/* [count, bytes] */
	bool	   *known;			/* [count] */
	TrackAppearance appearance;

	/* from images */
	Model	   *model;			/* NULL: embeddings are given */
	Embedder   *embedder;
	Size		raster_bytes;
	uint8	   *raster;			/* [LOOKS_BATCH, raster_bytes] */
	const uint8 **sample;		/* [LOOKS_BATCH] */
	int		   *waiting;		/* [LOOKS_BATCH]: whose they are */
	char	   *made;			/* [LOOKS_BATCH, bytes] */
	int			batch;			/* that wait */
	int64		bad;
	char	   *first_bad;

	/* of a network that compares pairs */
	PairScorer *scorer;			/* else NULL */
	HTAB	   *compared;		/* PairLook by its pair */
	MemoryContext pairs;		/* holds them ... */
	Size		pairs_memory;	/* ... up to so many bytes, or what one call to compare needs */
};

static inline void *
looks_kept(const Looks *looks, int number)
{
	return looks->kept + looks->bytes * number;
}

/* What the calibration makes of a distance: log odds of "the same", at even odds. */
static inline float
looks_log_odds(const LooksModel *of, double distance)
{
	double		probability = calibration_probability(&of->calibration, distance, 0.5);

	return (float) log(probability / (1 - probability));
}

/* looks_pairs.c: makes the scorer and the comparison of the model's pairs. */
extern void looks_compare_pairs(Looks *looks, ThreadPool *pool);

#endif
