/*
 * build_recall.c: how many regions must be visited for a share of the nearest rows; for siamese.target_recall.
 *
 * Evaluation at the build on the sample: for some of its rows, where the ten nearest other rows lie in the order of the regions.
 * The sample is sparser than the table, so its neighbours are farther apart, and the numbers err on the safe side.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "distance/distance.h"
#include "index/build.h"

#define RECALL_ROWS 20000		/* of the sample at most */

/* The nearest rows of a query among the first count, by insertion. */
static void
find_nearest(const IndexBuild *build, const float *rows, int count, SampleQuery *query)
{
	int			n = build->layout.dimensions;
	Metric		metric = build->like->metric == METRIC_L1 ? METRIC_L1 : METRIC_L2;
	double		distances[BUILD_NEAREST + 1];
	int		   *nearest = query->nearest;
	int			found = 0;

	for (int i = 0; i < count; i++)
	{
		double		distance;
		int			place = found;

		if (i == query->row)
			continue;
		distance = distance_between(metric, rows + (Size) query->row * n, rows + (Size) i * n, n);
		if (found == BUILD_NEAREST && distance >= distances[found - 1])
			continue;
		while (place > 0 && distance < distances[place - 1])
		{
			distances[place] = distances[place - 1];
			if (place < BUILD_NEAREST)
				nearest[place] = nearest[place - 1];
			place--;
		}
		distances[place] = distance;
		nearest[place] = i;
		found = Min(found + 1, BUILD_NEAREST);
	}
	query->found = found;
}

int
build_queries(const IndexBuild *build, const float *rows, int count, SampleQuery *queries)
{
	int			length;

	count = Min(count, RECALL_ROWS);
	length = Min(count, BUILD_QUERIES);
	for (int i = 0; i < length; i++)
	{
		CHECK_FOR_INTERRUPTS();
		queries[i].row = (int) ((int64) count * i / length);
		find_nearest(build, rows, count, &queries[i]);
	}
	return length;
}

void
build_recall(IndexBuild *build, const float *rows, const SampleQuery *queries, int count)
{
	int			n = build->layout.dimensions;
	int64		within[INDEX_RECALL_STEPS] = {0};
	int64		total = 0;
	double	   *distances = palloc(sizeof(double) * build->regions.count);

	for (int q = 0; q < count; q++)
	{
		const int  *nearest = queries[q].nearest;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < build->regions.count; i++)
			distances[i] = distance_kernels()->l2_squared(rows + (Size) queries[q].row * n, build->regions.centres + (Size) i * n, n);
		for (int j = 0; j < queries[q].found; j++)
		{
			double		least = INFINITY;
			int			home = 0;
			int			nearer = 1;

			for (int i = 0; i < build->regions.count; i++)
			{
				double		distance = distance_kernels()->l2_squared(rows + (Size) nearest[j] * n, build->regions.centres + (Size) i * n, n);

				if (distance < least)
				{
					least = distance;
					home = i;
				}
			}
			for (int i = 0; i < build->regions.count; i++)
				nearer += distances[i] < distances[home];
			for (int step = 0; step < INDEX_RECALL_STEPS; step++)
				within[step] += nearer <= ceil(pow(2, step / 2.0));
			total++;
		}
	}
	for (int step = 0; step < INDEX_RECALL_STEPS; step++)
		build->sample.recall[step] = total > 0 ? (uint16) (within[step] * 65535 / total) : 0;
	build->sample.has_recall = total > 0;
	pfree(distances);
}
