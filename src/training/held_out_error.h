/*
 * held_out_error.h: the error of an epoch among the held-out people, and whether that of another one is really lower.
 */
#ifndef SIAMESE_HELD_OUT_ERROR_H
#define SIAMESE_HELD_OUT_ERROR_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "verification/bootstrap.h"
#include "verification/score.h"

typedef struct HeldOutError
{
	Score		score[PAIR_KINDS];	/* against each kind of impostor that there is */
	ScoreInterval eer_interval[PAIR_KINDS];	/* 95 %, over people; NaN if they are too few */
	bool		measured[PAIR_KINDS];
	int			groups;			/* of people, each one where there are no groups */
	double		eer;			/* mean of the kinds */
	double		auc;
	float		replicate[BOOTSTRAP_REPLICATES];	/* of eer; replicate i has the same people whatever the distances */
} HeldOutError;

/* Of genuine pairs and at least one kind of impostors. */
extern void held_out_error(const PairDistances *pairs, uint64 seed, HeldOutError *error);

/*
 * Whether the error is above another one of the same people beyond the 95 % interval of their difference: paired, since the
 * same pairs are measured and the same people drawn, so that what all epochs find difficult does not count.  Never with
 * too few people for an interval.
 */
extern bool held_out_error_above(const HeldOutError *error, double other, const float *other_replicate);

/* ', "random": {"eer": 0.02, "eer_low": 0.004, "eer_high": 0.11, "auc": 0.99}', and likewise "skilled"; null without an interval. */
extern void held_out_error_append(StringInfo text, const HeldOutError *error);

#endif
