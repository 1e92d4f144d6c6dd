/*
 * distance_statistics.h: what ANALYZE stores for a column of embeddings, and the share of rows within a ball.
 *
 * Some rows are stored whole (the samples), each with the distribution of its distances to all rows of ANALYZE's sample (its
 * curve).  So a ball with one row in a hundred thousand is seen although only a hundred rows are stored.
 */
#ifndef SIAMESE_INDEX_DISTANCE_STATISTICS_H
#define SIAMESE_INDEX_DISTANCE_STATISTICS_H

#include "postgres.h"

#include "utils/selfuncs.h"

#include "embedding/embedding.h"

typedef struct DistanceStatistics
{
	int			count;			/* samples: all of one model, distance and number of dimensions */
	const Embedding **samples;
	int			points;			/* of a curve; 0: there were no other rows */
	const float *shares;		/* [points] of the rows, rising to 1 */
	const float *curves;		/* [count, points]: distances within which these shares lie, the sample itself left out */
	double		comparable;		/* share of the rows with a value that are of the samples' kind */
	double		not_null;		/* share of all rows that have a value */
	int			common;			/* most common values */
	const Embedding **values;
	const float *frequencies;	/* [common], of all rows */
} DistanceStatistics;

/* Of a variable that the planner examined; NULL: there are none, or the user may not see them (function: the operator's). */
extern const DistanceStatistics *statistics_read(VariableStatData *variable, Oid function);

/* Whether they can be compared. */
static inline bool
statistics_same_kind(const Embedding *a, const Embedding *b)
{
	return a->model == b->model && a->metric == b->metric && a->dimensions == b->dimensions;
}

/* Share of the rows of the samples' kind within radius of the centre, which is of that kind. */
extern double share_in_ball(const DistanceStatistics *statistics, const Embedding *center, double radius);

/* The same for a centre that is not known, but distributed as the rows are. */
extern double share_in_any_ball(const DistanceStatistics *statistics, double radius);

#endif
