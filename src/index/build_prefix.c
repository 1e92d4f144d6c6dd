/*
 * build_prefix.c: how many dimensions the codes of cells have.
 *
 * Fewer dimensions make the directories shorter; too few let leaves be opened for nothing.  What each number costs is measured
 * on the sample: a row stands for a query, its nearest other row for the width of a cell, and what is sought is that row alone
 * or, as often, as many as the sample has of the query's ten nearest.  Of the other rows, each that is no farther away by its
 * first dimensions than reach and width together would be opened.  In the sparser sample some rows have no near ones, though
 * they do in the table: a query for which even all dimensions would let most leaves be opened tells nothing, and is left out.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "distance/distance.h"
#include "index/build.h"

#define PREFIX_MARGIN 1.25		/* the tenth row is farther than the nearest, and so is the farthest of a cell */
#define PREFIX_STEP 16			/* dimensions */
#define PREFIX_STEPS 32			/* more than 512 dimensions are not tried */
#define PREFIX_CANDIDATES 1000	/* rows of the sample that stand for cells, about */
#define PREFIX_ITEM (sizeof(IndexItem) + sizeof(float))	/* bytes of an item beside its code: with its slack */
#define PREFIX_TELLS 0.5		/* a query for which more of the leaves would be opened tells nothing */
#define PREFIX_OTHERS (BUILD_NEAREST - 1)	/* of ten rows that a query for one of the table finds, one is itself */

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

/* For a query that reaches for a row: the share of the sample that first dimensions alone would let it look at, opened [steps]. */
static void
measure_opened(bool l1, const float *rows, int count, int n, const SampleQuery *query, int wanted, int steps, double *opened)
{
	const float *x = rows + (Size) query->row * n;
	const float *nearest = rows + (Size) query->nearest[0] * n;
	double		reach = distance_of(l1, sum_of(l1, x, rows + (Size) wanted * n, n));
	double		limits[PREFIX_STEPS];
	int			within[PREFIX_STEPS] = {0};
	int			pairs = 0;
	double		sum = 0;

	for (int step = 0; step < steps; step++)
	{
		sum += sum_of(l1, x + step * PREFIX_STEP, nearest + step * PREFIX_STEP, PREFIX_STEP);
		limits[step] = (reach + distance_of(l1, sum)) * PREFIX_MARGIN;
	}
	for (int i = 0; i < count; i += Max(count / PREFIX_CANDIDATES, 1))
	{
		if (i == query->row || i == query->nearest[0])
			continue;
		sum = 0;
		for (int step = 0; step < steps; step++)
		{
			sum += sum_of(l1, x + step * PREFIX_STEP, rows + (Size) i * n + step * PREFIX_STEP, PREFIX_STEP);
			within[step] += distance_of(l1, sum) <= limits[step];
		}
		pairs++;
	}
	for (int step = 0; step < steps; step++)
		opened[step] = (double) within[step] / Max(pairs, 1);
}

int
build_prefix(const IndexBuild *build, const float *rows, int count, const SampleQuery *queries, int query_count)
{
	int			n = build->layout.dimensions;
	bool		l1 = build->like->metric == METRIC_L1;
	int			steps = Min(n / PREFIX_STEP, PREFIX_STEPS);
	double		leaf_rows = Max(build->layout.capacity * build->settings.fill / 100, 1);
	double		leaf_cells = Max(leaf_rows / INDEX_ROWS_PER_CELL, 1);
	int			ranks[] = {1, (int) ceil(PREFIX_OTHERS * Min(count / build->sample.expected_rows, 1))};
	double		shares[PREFIX_STEPS] = {0};	/* of the leaves that are opened, summed */
	double		least = INFINITY;
	int			prefix = index_default_prefix(n);
	int			telling = 0;

	for (int i = 0; i < query_count * lengthof(ranks) && steps > 0; i++)
	{
		const SampleQuery *query = &queries[i / lengthof(ranks)];
		int			rank = ranks[i % lengthof(ranks)];
		double		opened[PREFIX_STEPS];

		CHECK_FOR_INTERRUPTS();
		if (query->found < rank)
			continue;
		measure_opened(l1, rows, count, n, query, query->nearest[rank - 1], steps, opened);
		for (int step = 0; step < steps; step++)
			opened[step] = 1 - pow(1 - opened[step], leaf_cells);
		if (opened[steps - 1] > PREFIX_TELLS)
			continue;
		for (int step = 0; step < steps; step++)
			shares[step] += opened[step];
		telling++;
	}
	for (int step = 0; step < steps && telling > 0; step++)
	{
		double		cost = (step + 1) * PREFIX_STEP + PREFIX_ITEM + shares[step] / telling * leaf_rows * (n + PREFIX_ITEM) / leaf_cells;

		if (cost < least)
		{
			least = cost;
			prefix = (step + 1) * PREFIX_STEP;
		}
	}
	return prefix;
}
