/*
 * ball_share.c: the share of rows within a ball, estimated from the samples and curves of ANALYZE.
 *
 * Where enough samples lie in the ball, they are counted.  Where a few do, the rows around them are taken for those around the
 * centre: their curves tell.  Where none does, the distance to the nearest samples anchors the density around the centre, and
 * the curves of the samples whose surroundings are most alike tell how it falls towards the centre.  Last, the triangle
 * inequality limits what can be: a sample p at distance d has all of its rows within r - d in the ball, and none of those
 * nearer than d - r or farther than d + r.
 */
#include "postgres.h"

#include <math.h>

#include "index/distance_statistics.h"

#define ANCHOR_PART 12			/* the anchor is the distance of one in so many samples, */
#define ANCHOR_LEAST 3			/* but of so many at least */
#define ALIKE_PART 5			/* so many of the samples tell the shape */
#define ALIKE_LEAST 8
#define LARGEST_DIMENSION 64.0	/* by which a share falls with the distance */
#define ROUNDING 1e-5			/* relative, of distances stored as float */

typedef struct Neighbour
{
	double		distance;
	int			sample;
} Neighbour;

#define ST_SORT sort_neighbours
#define ST_ELEMENT_TYPE Neighbour
#define ST_COMPARE(a, b) ((a)->distance < (b)->distance ? -1 : (a)->distance > (b)->distance)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Points of a curve within the distance. */
static int
points_within(const DistanceStatistics *statistics, int sample, double distance)
{
	const float *curve = statistics->curves + (Size) sample * statistics->points;
	int			low = 0;
	int			high = statistics->points;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (curve[middle] <= distance)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Share of rows within the distance of a sample, between points by the power law that joins them. */
static double
curve_share(const DistanceStatistics *statistics, int sample, double distance)
{
	const float *curve = statistics->curves + (Size) sample * statistics->points;
	const float *shares = statistics->shares;
	int			within = points_within(statistics, sample, distance);
	double		dimension;

	if (within == statistics->points)
		return statistics->points > 0 ? 1 : 0;
	if (within == 0)
	{
		/* nearer than the nearest: as the shares of the next ones fall */
		int			next = Min(5, statistics->points - 1);

		if (distance <= 0)
			return 0;
		dimension = curve[next] > curve[0] ? log(shares[next] / shares[0]) / log(curve[next] / curve[0]) : LARGEST_DIMENSION;
		return shares[0] * pow(distance / curve[0], Min(dimension, LARGEST_DIMENSION));
	}
	if (curve[within - 1] <= 0 || curve[within] <= curve[within - 1])
		return shares[within - 1];
	dimension = log(shares[within] / shares[within - 1]) / log(curve[within] / curve[within - 1]);
	return shares[within - 1] * pow(distance / curve[within - 1], dimension);
}

/* The distance within which this share of rows lies around a sample. */
static double
curve_distance(const DistanceStatistics *statistics, int sample, double share)
{
	int			point = 0;

	while (point < statistics->points - 1 && statistics->shares[point] < share)
		point++;
	return statistics->curves[(Size) sample * statistics->points + point];
}

/* No sample lies in the ball. */
static double
extrapolate(const DistanceStatistics *statistics, const Neighbour *neighbours, double radius)
{
	int			count = statistics->count;
	int			anchor = Min(Max(count / ANCHOR_PART, ANCHOR_LEAST), count);
	double		at = neighbours[anchor - 1].distance;
	double		share = (double) anchor / (count + 1);
	int			alike_count = Min(Max(count / ALIKE_PART, ALIKE_LEAST), count);
	Neighbour  *alike = palloc(sizeof(Neighbour) * count);
	double		near_sum = 0;
	double		anchor_sum = 0;

	for (int i = 0; i < count; i++)
	{
		alike[i].sample = i;
		alike[i].distance = 0;
		for (int rank = anchor; rank > 0; rank /= 2)
			alike[i].distance += fabs(log((curve_distance(statistics, i, (double) rank / (count + 1)) + 1e-30) /
										  (neighbours[rank - 1].distance + 1e-30)));
	}
	sort_neighbours(alike, count);
	for (int i = 0; i < alike_count; i++)
	{
		near_sum += curve_share(statistics, alike[i].sample, radius);
		anchor_sum += curve_share(statistics, alike[i].sample, at);
	}
	pfree(alike);
	return anchor_sum > 0 ? share * Min(near_sum / anchor_sum, 1) : 0;
}

/* Leaves out what the triangle inequality excludes. */
static double
limit_share(const DistanceStatistics *statistics, const Neighbour *neighbours, double radius, double share)
{
	double		least = 0;
	double		most = 1;

	if (statistics->points == 0)
		return share;
	for (int i = 0; i < statistics->count; i++)
	{
		double		distance = neighbours[i].distance;
		int			sample = neighbours[i].sample;
		int			within = points_within(statistics, sample, (radius - distance) * (1 - ROUNDING));
		int			beyond = points_within(statistics, sample, (radius + distance) * (1 + ROUNDING));
		int			before = points_within(statistics, sample, (distance - radius) * (1 - ROUNDING));

		if (within > 0 && distance <= radius)
			least = Max(least, statistics->shares[within - 1]);
		if (beyond < statistics->points)
			most = Min(most, statistics->shares[beyond]);
		if (before > 0)
			most = Min(most, 1 - statistics->shares[before - 1]);
	}
	return Max(least, Min(share, most));
}

double
share_in_ball(const DistanceStatistics *statistics, const Embedding *center, double radius)
{
	int			count = statistics->count;
	Neighbour  *neighbours = palloc(sizeof(Neighbour) * count);
	double		common = 0;
	double		share = 0;
	int			within = 0;

	for (int i = 0; i < count; i++)
	{
		neighbours[i].sample = i;
		neighbours[i].distance = embedding_distance(center, statistics->samples[i]);
		within += neighbours[i].distance <= radius;
	}
	sort_neighbours(neighbours, count);
	if (within >= Max(count / ANCHOR_PART, ANCHOR_LEAST) || statistics->points == 0)
		share = (double) within / count;
	else if (within > 0)
	{
		for (int i = 0; i < within; i++)
			share += curve_share(statistics, neighbours[i].sample, radius);
		share /= within;
	}
	else
		share = extrapolate(statistics, neighbours, radius);
	share = limit_share(statistics, neighbours, radius, share);
	pfree(neighbours);

	for (int i = 0; i < statistics->common; i++)
		if (statistics_same_kind(center, statistics->values[i]) && embedding_distance(center, statistics->values[i]) <= radius)
			common += statistics->frequencies[i];
	return Min(Max(share, common / Max(statistics->comparable * statistics->not_null, 1e-6)), 1);
}

double
share_in_any_ball(const DistanceStatistics *statistics, double radius)
{
	double		share = 0;

	for (int i = 0; i < statistics->count; i++)
		share += curve_share(statistics, i, radius);
	return statistics->points > 0 ? share / statistics->count : 1;
}
