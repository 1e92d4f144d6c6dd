/*
 * head.c: how many dimensions the codes of cells have.
 *
 * A cell needs no more of them than tell it from the query's surroundings.  Few make the directories short; too few let leaves be
 * opened in vain.  Measured at the build on the sample: a row stands for a query, its nearest other row for what is to be
 * found and for the width of a cell; whatever of the others is not farther away than both together by its first dimensions
 * would be opened.  Where the table's rows have near ones, only some of the thinner sample's do; so the queries with the nearest
 * rows count.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "distance/distance.h"
#include "index/build.h"

#define HEAD_MARGIN 1.25		/* the tenth row is farther than the nearest, and so is the farthest of a cell */
#define HEAD_STEP 16			/* dimensions */
#define HEAD_STEPS 32			/* more than 512 dimensions are not tried */
#define HEAD_CANDIDATES 1000	/* rows of the sample that stand for cells, about */
#define HEAD_SHARE 4			/* of the queries a quarter is taken, those with the nearest rows */
#define HEAD_ITEM (sizeof(IndexItem) + sizeof(float))	/* bytes of an item beside its code: with its slack */
#define HEAD_TELLS 0.5			/* if more of the leaves would be opened, the sample tells nothing */

/* The distance of a metric by its sum over some of the dimensions. */
static double
distance_of(bool l1, double sum)
{
	return l1 ? sum : sqrt(sum);
}

static double
sum_of(bool l1, const float *a, const float *b, int n)
{
	return (l1 ? distance_kernels()->l1 : distance_kernels()->l2_squared) (a, b, n);
}

/* Notes for how many pairs of a query and another row the first dimensions do not tell that it need not be looked at. */
static void
count_opened(bool l1, const float *rows, int count, int n, int query, int nearest, int steps, int64 *opened, int64 *pairs)
{
	const float *x = rows + (Size) query * n;
	double		reach = distance_of(l1, sum_of(l1, x, rows + (Size) nearest * n, n));
	double		limits[HEAD_STEPS];
	double		sum = 0;

	for (int step = 0; step < steps; step++)
	{
		sum += sum_of(l1, x + step * HEAD_STEP, rows + (Size) nearest * n + step * HEAD_STEP, HEAD_STEP);
		limits[step] = (reach + distance_of(l1, sum)) * HEAD_MARGIN;
	}
	for (int i = 0; i < count; i += Max(count / HEAD_CANDIDATES, 1))
	{
		if (i == query || i == nearest)
			continue;
		sum = 0;
		for (int step = 0; step < steps; step++)
		{
			sum += sum_of(l1, x + step * HEAD_STEP, rows + (Size) i * n + step * HEAD_STEP, HEAD_STEP);
			opened[step] += distance_of(l1, sum) <= limits[step];
		}
		(*pairs)++;
	}
}

typedef struct Reach
{
	double		distance;
	const SampleQuery *query;
} Reach;

static int
compare_reaches(const void *a, const void *b)
{
	double		x = ((const Reach *) a)->distance;
	double		y = ((const Reach *) b)->distance;

	return x < y ? -1 : x > y ? 1 : 0;
}

int
build_head(const IndexBuild *build, const float *rows, int count, const SampleQuery *queries, int query_count)
{
	int			n = build->layout.dimensions;
	bool		l1 = build->like->metric == METRIC_L1;
	int			steps = Min(n / HEAD_STEP, HEAD_STEPS);
	double		leaf_rows = Max(build->layout.capacity * build->fill / 100, 1);
	double		leaf_cells = Max(leaf_rows / INDEX_ROWS_PER_CELL, 1);
	double		least = INFINITY;
	int			head = index_default_head(n);
	int64		opened[HEAD_STEPS] = {0};
	int64		pairs = 0;
	Reach		reaches[BUILD_QUERIES];
	int			length = 0;

	for (int i = 0; i < query_count; i++)
		if (queries[i].found > 0)
		{
			reaches[length].query = &queries[i];
			reaches[length++].distance = sum_of(l1, rows + (Size) queries[i].row * n, rows + (Size) queries[i].nearest[0] * n, n);
		}
	qsort(reaches, length, sizeof(Reach), compare_reaches);
	for (int i = 0; i < (length + HEAD_SHARE - 1) / HEAD_SHARE; i++)
		count_opened(l1, rows, count, n, reaches[i].query->row, reaches[i].query->nearest[0], steps, opened, &pairs);
	for (int step = 0; step < steps && pairs > 0; step++)
	{
		double		share = 1 - pow(1 - (double) opened[step] / pairs, leaf_cells);
		double		cost = (step + 1) * HEAD_STEP + HEAD_ITEM + share * leaf_rows * (n + HEAD_ITEM) / leaf_cells;

		if (share < HEAD_TELLS && cost < least)
		{
			least = cost;
			head = (step + 1) * HEAD_STEP;
		}
	}
	return head;
}
