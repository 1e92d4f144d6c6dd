/*
 * group.c: rows of a region into cells, by halving: 2-means until a cell is small, and further while halves are clearly
 * tighter than the whole.  So a cell of identities far from one another is one identity, and where there are no
 * clusters cells have LIMIT_CELL_ROWS rows at most and half of that at least, in general.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "common/limits.h"
#include "distance/distance.h"
#include "index/index.h"

#define GROUP_ROUNDS 3
#define GROUP_TIGHTER 0.7		/* halves of a small cell are kept if their radius is less than this share of its own */
#define GROUP_LEAST 4			/* rows: smaller ones are not halved */

typedef struct Grouping
{
	const float *rows;			/* [count, n] */
	int			n;
	int		   *order;			/* rows, reordered */
	int		   *spare;			/* [count] */
	float	   *projection;		/* [count] */
	int		   *ends;
	int			cells;
	float	   *left;			/* [n] each: means and their difference */
	float	   *right;
	float	   *across;
} Grouping;

static const float *
row_at(const Grouping *state, int place)
{
	return state->rows + (Size) state->order[place] * state->n;
}

static int
farthest(const Grouping *state, int first, int count, const float *from)
{
	double		most = -1;
	int			place = first;

	for (int i = first; i < first + count; i++)
	{
		double		distance = distance_kernels()->l2_squared(row_at(state, i), from, state->n);

		if (distance > most)
		{
			most = distance;
			place = i;
		}
	}
	return place;
}

/* Mean of a run, and the largest distance to it. */
static double
radius_of(const Grouping *state, int first, int count, float *mean)
{
	double		most = 0;

	memset(mean, 0, state->n * sizeof(float));
	for (int i = first; i < first + count; i++)
		for (int j = 0; j < state->n; j++)
			mean[j] += row_at(state, i)[j] / count;
	for (int i = first; i < first + count; i++)
		most = Max(most, distance_kernels()->l2_squared(row_at(state, i), mean, state->n));
	return sqrt(most);
}

/* Orders the run so that those with projection <= cut come first; returns their number. */
static int
divide(Grouping *state, int first, int count, float cut)
{
	int			below = 0;
	int			above = 0;

	for (int i = first; i < first + count; i++)
		if (state->projection[i] <= cut)
			state->order[first + below++] = state->order[i];
		else
			state->spare[above++] = state->order[i];
	memcpy(state->order + first + below, state->spare, above * sizeof(int));
	return below;
}

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* Two halves by 2-means, started from two rows far apart; by number alone if all are equal. */
static int
halve(Grouping *state, int first, int count)
{
	int			n = state->n;
	int			below;
	int			one = farthest(state, first, count, row_at(state, first));
	int			other = farthest(state, first, count, row_at(state, one));
	float		cut = 0;

	memcpy(state->left, row_at(state, one), n * sizeof(float));
	memcpy(state->right, row_at(state, other), n * sizeof(float));
	for (int round = 0; round < GROUP_ROUNDS; round++)
	{
		int			left_count = 0;

		cut = 0;
		for (int j = 0; j < n; j++)
		{
			state->across[j] = state->right[j] - state->left[j];
			cut += state->across[j] * (state->right[j] + state->left[j]) / 2;
		}
		for (int i = first; i < first + count; i++)
			state->projection[i] = (float) distance_kernels()->inner(row_at(state, i), state->across, n);
		if (round == GROUP_ROUNDS - 1)
			break;
		memset(state->left, 0, n * sizeof(float));
		memset(state->right, 0, n * sizeof(float));
		for (int i = first; i < first + count; i++)
		{
			float	   *mean = state->projection[i] <= cut ? state->left : state->right;
			const float *row = row_at(state, i);

			left_count += state->projection[i] <= cut;
			for (int j = 0; j < n; j++)
				mean[j] += row[j];
		}
		if (left_count == 0 || left_count == count)
			break;
		for (int j = 0; j < n; j++)
		{
			state->left[j] /= left_count;
			state->right[j] /= count - left_count;
		}
	}

	/* Outliers one by one would take as many rounds as there are: cut such a run in the middle. */
	below = divide(state, first, count, cut);
	if (below == 0 || below == count || (count > 4 * LIMIT_CELL_ROWS && Min(below, count - below) < count / 32))
	{
		float	   *sorted = palloc(count * sizeof(float));

		for (int i = 0; i < count; i++)
			sorted[i] = state->projection[first + i] = (float) distance_kernels()->inner(row_at(state, first + i), state->across, n);
		qsort(sorted, count, sizeof(float), compare_floats);
		below = divide(state, first, count, sorted[count / 2 - 1]);
		pfree(sorted);
		if (below == count)
			below = count / 2;
	}
	return below;
}

static void
group_run(Grouping *state, int first, int count)
{
	int			below;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (count > LIMIT_CELL_ROWS)
	{
		below = halve(state, first, count);
		group_run(state, first, below);
		group_run(state, first + below, count - below);
		return;
	}
	if (count >= 2 * GROUP_LEAST)
	{
		double		whole = radius_of(state, first, count, state->left);
		double		left;
		double		right;

		below = halve(state, first, count);
		left = radius_of(state, first, below, state->left);
		right = radius_of(state, first + below, count - below, state->right);
		if ((left * below + right * (count - below)) / count < GROUP_TIGHTER * whole)
		{
			group_run(state, first, below);
			group_run(state, first + below, count - below);
			return;
		}
	}
	state->ends[state->cells++] = first + count;
}

int
group_rows(const float *rows, int count, int n, int *order, int *ends)
{
	Grouping	state = {rows, n, order, palloc(sizeof(int) * count), palloc(sizeof(float) * count), ends, 0,
	palloc(sizeof(float) * n), palloc(sizeof(float) * n), palloc(sizeof(float) * n)};

	for (int i = 0; i < count; i++)
		order[i] = i;
	if (count > 0)
		group_run(&state, 0, count);
	pfree(state.spare);
	pfree(state.projection);
	pfree(state.left);
	pfree(state.right);
	pfree(state.across);
	return state.cells;
}
