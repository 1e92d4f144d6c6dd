/*
 * group.c: rows of a region into cells: a row and its nearest, up to LIMIT_CELL_ROWS and no farther away than is usual.
 *
 * So a cell of identities far from one another is one identity, and a row far from all others is a cell of its own rather than
 * in a wide one that every query would have to open.  Where there are no clusters, cells are full.  Halving by planes would cut
 * through identities: in many dimensions most planes between clusters cut through some.  Only runs of more rows than can be
 * compared pair by pair are halved before.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/limits.h"
#include "distance/distance.h"
#include "index/cluster.h"
#include "index/select_float.h"
#include "matrix/matrix.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-math-errno")
#endif

#define GROUP_RUN 1024			/* rows that are compared pair by pair */
#define GROUP_BLOCK 128			/* rows of a product */
#define GROUP_LANES 16			/* compilers make vectors of them */
#define GROUP_ROUNDS 3			/* of 2-means */
#define GROUP_REACH 1.6f		/* times the median distance of nearest rows: what a cell may reach */

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
	float	   *centred;		/* of a run: rows less their mean [GROUP_RUN, n] */
	float	   *distances;		/* squared [GROUP_RUN, GROUP_RUN] */
	float	   *nearest;		/* [GROUP_RUN] each */
	float	   *scratch;
	bool	   *taken;
	int		   *left_rows;		/* of the run, not in a cell so far */
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
	if (Min(below, count - below) < count / 32)
	{
		float	   *values = palloc(count * sizeof(float));

		for (int i = 0; i < count; i++)
			values[i] = state->projection[first + i] = (float) distance_kernels()->inner(row_at(state, first + i), state->across, n);
		below = divide(state, first, count, index_select_float(values, count, count / 2));
		pfree(values);
	}
	/* both halves are shorter than the run, whatever the values are */
	return below > 0 && below < count ? below : count / 2;
}

/* From squared lengths and products: squared distances, which are noted where they are the least so far. */
static void
finish_distances(float square, const float *restrict squares, int count, float *restrict distances, float *restrict nearest)
{
	for (int i = 0; i < count; i++)
	{
		float		sum = square + squares[i];
		float		distance = sum - 2 * distances[i];

		/* what rounding leaves of zero */
		distance = distance > 1e-6f * sum ? distance : 0;
		distances[i] = distance;
		nearest[i] = distance < nearest[i] ? distance : nearest[i];
	}
}

static float
least(const float *values, int count)
{
	float		lanes[GROUP_LANES];

	for (int lane = 0; lane < GROUP_LANES; lane++)
		lanes[lane] = INFINITY;
	for (int i = 0; i + GROUP_LANES <= count; i += GROUP_LANES)
		for (int lane = 0; lane < GROUP_LANES; lane++)
			lanes[lane] = values[i + lane] < lanes[lane] ? values[i + lane] : lanes[lane];
	for (int i = count - count % GROUP_LANES; i < count; i++)
		lanes[0] = Min(lanes[0], values[i]);
	for (int lane = 1; lane < GROUP_LANES; lane++)
		lanes[0] = Min(lanes[0], lanes[lane]);
	return lanes[0];
}

/* Squared distances of all pairs of a run, and each row's to its nearest. */
static void
measure_run(Grouping *state, int first, int count)
{
	int			n = state->n;
	float	   *mean = state->left;
	float	   *squares = state->projection;
	float		share = 1.0f / count;

	/* Around the mean, so that differences of squares keep their digits. */
	memset(mean, 0, n * sizeof(float));
	for (int i = 0; i < count; i++)
	{
		const float *row = row_at(state, first + i);

		for (int j = 0; j < n; j++)
			mean[j] += row[j] * share;
	}
	for (int i = 0; i < count; i++)
	{
		const float *row = row_at(state, first + i);

		for (int j = 0; j < n; j++)
			state->centred[(Size) i * n + j] = row[j] - mean[j];
	}
	/* Of a symmetric matrix what is on the right of the diagonal, in blocks of rows. */
	for (int i = 0; i < count; i += GROUP_BLOCK)
		matrix_multiply_large(false, true, Min(GROUP_BLOCK, count - i), count - i, n, state->centred + (Size) i * n, n,
							  state->centred + (Size) i * n, n, 0, state->distances + (Size) i * count + i, count);
	for (int i = 0; i < count; i++)
	{
		squares[i] = state->distances[(Size) i * count + i];
		state->nearest[i] = INFINITY;
	}
	for (int i = 0; i < count; i++)
	{
		float	   *distances = state->distances + (Size) i * count;
		float		nearest;

		distances[i] = 0;
		finish_distances(squares[i], squares + i + 1, count - i - 1, distances + i + 1, state->nearest + i + 1);
		nearest = least(distances + i + 1, count - i - 1);
		state->nearest[i] = Min(state->nearest[i], nearest);
	}
	/* The other half, in tiles that stay in the cache. */
	for (int first_row = 0; first_row < count; first_row += GROUP_LANES)
		for (int first_column = 0; first_column <= first_row; first_column += GROUP_LANES)
			for (int i = first_row; i < Min(first_row + GROUP_LANES, count); i++)
				for (int j = first_column; j < Min(first_column + GROUP_LANES, i); j++)
					state->distances[(Size) i * count + j] = state->distances[(Size) j * count + i];
}

/* Rows no farther apart than this may share a cell: the usual distance of nearest rows, and some more. */
static float
usual_reach(const Grouping *state, int count)
{
	int			length = 0;
	float	   *values = state->scratch;

	for (int i = 0; i < count; i++)
		if (state->nearest[i] > 0 && isfinite(state->nearest[i]))
			values[length++] = state->nearest[i];
	if (length == 0)
		return 0;
	return index_select_float(values, length, length / 2 + 1) * GROUP_REACH * GROUP_REACH;
}

/*
 * Cells of a run of at most GROUP_RUN rows: a row, its centre, and the nearest rows that are left.  The centre of the next cell
 * is the row nearest to this one's, so that neighbours share leaves.
 */
static void
group_run(Grouping *state, int first, int count)
{
	int		   *rows = state->spare;
	int		   *left = state->left_rows;
	int			left_count = count;
	int			done = 0;
	int			centre = 0;
	float		reach;

	measure_run(state, first, count);
	reach = usual_reach(state, count);
	memcpy(rows, state->order + first, count * sizeof(int));
	for (int i = 0; i < count; i++)
	{
		left[i] = i;
		state->taken[i] = false;
	}
	while (done < count)
	{
		const float *distances = state->distances + (Size) centre * count;
		int			members[LIMIT_CELL_ROWS];
		int			length = 1;
		int			kept = 0;
		int			next = -1;

		CHECK_FOR_INTERRUPTS();
		members[0] = centre;
		for (int i = 0; i < left_count; i++)
		{
			int			row = left[i];
			int			place = length;

			if (distances[row] > reach || row == centre || (length == LIMIT_CELL_ROWS && distances[row] >= distances[members[length - 1]]))
				continue;
			if (length < LIMIT_CELL_ROWS)
				length++;
			else
				place--;
			for (; place > 1 && distances[row] < distances[members[place - 1]]; place--)
				members[place] = members[place - 1];
			members[place] = row;
		}
		for (int i = 0; i < length; i++)
		{
			state->taken[members[i]] = true;
			state->order[first + done++] = rows[members[i]];
		}
		state->ends[state->cells++] = first + done;
		for (int i = 0; i < left_count; i++)
		{
			int			row = left[i];

			left[kept] = row;
			kept += !state->taken[row];
			if (!state->taken[row] && (next < 0 || distances[row] < distances[next]))
				next = row;
		}
		left_count = kept;
		centre = next;
	}
}

static void
divide_run(Grouping *state, int first, int count)
{
	int			below;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (count <= GROUP_RUN)
	{
		group_run(state, first, count);
		return;
	}
	below = halve(state, first, count);
	divide_run(state, first, below);
	divide_run(state, first + below, count - below);
}

int
group_rows(float *rows, int count, int n, int *order, int *ends)
{
	Grouping	state = {.rows = rows, .n = n, .order = order, .ends = ends};
	int			most = Min(count, GROUP_RUN);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese index cells", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(context);

	state.spare = palloc(sizeof(int) * Max(count, 1));
	state.projection = palloc(sizeof(float) * Max(count, 1));
	state.left = palloc(sizeof(float) * n);
	state.right = palloc(sizeof(float) * n);
	state.across = palloc(sizeof(float) * n);
	state.centred = palloc(sizeof(float) * n * Max(most, 1));
	state.distances = palloc(sizeof(float) * most * most + 1);
	state.nearest = palloc(sizeof(float) * Max(most, 1));
	state.scratch = palloc(sizeof(float) * Max(most, 1));
	state.taken = palloc(sizeof(bool) * Max(most, 1));
	state.left_rows = palloc(sizeof(int) * Max(most, 1));
	for (int i = 0; i < count; i++)
		order[i] = i;
	kmeans_multiply(rows, (Size) count * n, kmeans_scale(rows, (Size) count * n));
	if (count > 0)
		divide_run(&state, 0, count);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	return state.cells;
}
