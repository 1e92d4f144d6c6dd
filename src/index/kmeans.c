/*
 * kmeans.c: Lloyd's k-means (Lloyd 1982) with matrix products, for the centres of the regions.
 *
 * The nearest centre of x is the one with the largest x c - |c|^2 / 2: one product a batch of rows.  The centres
 * decide how fast the index is, never what it answers.  All this is in single precision: values near the ends of its range are
 * multiplied by kmeans_scale() first.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "common/random.h"
#include "index/cluster.h"
#include "matrix/matrix.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-math-errno")
#endif

#define KMEANS_LANES 16
#define KMEANS_EARLY_ROUNDS 5	/* with every fourth row, if those are still some for each centre */
#define KMEANS_EARLY_STRIDE 4
#define KMEANS_EARLY_ROWS 8
#define KMEANS_ROUNDS 7			/* together */
#define KMEANS_CONVERGED 0.01	/* share of the rows that still change */
#define KMEANS_LEAST_EXPONENT (-40) /* of the largest value: squares of its 2^-20 are normal numbers */
#define KMEANS_MOST_EXPONENT 50 /* sums of LIMIT_DIMENSIONS squares of differences are */

float
kmeans_scale(const float *values, Size count)
{
	float		most = 0;
	int			exponent;

	for (Size i = 0; i < count; i++)
	{
		float		value = fabsf(values[i]);

		most = Max(most, value);
	}
	frexpf(most, &exponent);
	if (most == 0 || (exponent >= KMEANS_LEAST_EXPONENT && exponent <= KMEANS_MOST_EXPONENT))
		return 1;
	return ldexpf(1, Min(KMEANS_MOST_EXPONENT - exponent, FLT_MAX_EXP - 2));
}

void
kmeans_multiply(float *values, Size count, float scale)
{
	for (Size i = 0; i < count && scale != 1; i++)
		values[i] *= scale;
}

/* In lanes, which compilers turn into vectors; of equal ones the first. */
static int32
largest_score(const float *products, const float *half_squares, int k)
{
	float		best[KMEANS_LANES];
	int32		place[KMEANS_LANES];
	int32		winner = 0;

	for (int lane = 0; lane < KMEANS_LANES; lane++)
	{
		best[lane] = -INFINITY;
		place[lane] = 0;
	}
	for (int i = 0; i + KMEANS_LANES <= k; i += KMEANS_LANES)
		for (int lane = 0; lane < KMEANS_LANES; lane++)
		{
			float		score = products[i + lane] - half_squares[i + lane];

			place[lane] = score > best[lane] ? i + lane : place[lane];
			best[lane] = score > best[lane] ? score : best[lane];
		}
	for (int lane = 1; lane < KMEANS_LANES; lane++)
		if (best[lane] > best[winner] || (best[lane] == best[winner] && place[lane] < place[winner]))
			winner = lane;
	for (int i = k - k % KMEANS_LANES; i < k; i++)
	{
		float		score = products[i] - half_squares[i];

		if (score > best[winner])
		{
			best[winner] = score;
			place[winner] = i;
		}
	}
	return place[winner];
}

void
kmeans_half_squares(const float *centres, int k, int n, float *half_squares)
{
	for (int i = 0; i < k; i++)
	{
		float		sum = 0;

		for (int j = 0; j < n; j++)
			sum += centres[(Size) i * n + j] * centres[(Size) i * n + j];
		half_squares[i] = sum / 2;
	}
}

void
kmeans_assign(const float *rows, Size stride, int count, const float *centres, const float *half_squares, int k, int n, float *products,
			  int32 *nearest)
{
	Assert(count <= KMEANS_BATCH);
	matrix_multiply_large(false, true, count, k, n, rows, stride, centres, n, 0, products, k);
	for (int row = 0; row < count; row++)
		nearest[row] = largest_score(products + (Size) row * k, half_squares, k);
}

/* Means of the rows of each centre; a centre without rows takes a random row. */
static void
move_centres(const float *rows, int count, int stride, int n, int k, const int32 *nearest, Random *random, float *centres,
			 int *members)
{
	memset(centres, 0, sizeof(float) * (Size) k * n);
	memset(members, 0, sizeof(int) * k);
	for (int row = 0; row < count; row += stride)
	{
		float	   *centre = centres + (Size) nearest[row] * n;

		for (int j = 0; j < n; j++)
			centre[j] += rows[(Size) row * n + j];
		members[nearest[row]]++;
	}
	for (int i = 0; i < k; i++)
	{
		float	   *centre = centres + (Size) i * n;

		if (members[i] > 0)
			for (int j = 0; j < n; j++)
				centre[j] /= members[i];
		else
			memcpy(centre, rows + (Size) random_below(random, count) * n, n * sizeof(float));
	}
}

int
kmeans_run(const float *rows, int count, int n, int k, uint64 seed, float *centres)
{
	Random		random = random_stream(seed, 0);
	float	   *half_squares = palloc(sizeof(float) * k);
	float	   *products = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * (Size) KMEANS_BATCH * k);
	int32	   *nearest = palloc0(sizeof(int32) * count);
	int		   *members = palloc(sizeof(int) * k);
	int32		batch[KMEANS_BATCH];
	int			used = 0;

	k = Min(k, count);
	/* One random row of each of k equal parts. */
	for (int i = 0; i < k; i++)
	{
		int			first = (int) ((int64) count * i / k);
		int			next = (int) ((int64) count * (i + 1) / k);

		memcpy(centres + (Size) i * n, rows + (Size) (first + random_below(&random, next - first)) * n, n * sizeof(float));
	}
	for (int round = 0; round < KMEANS_ROUNDS; round++)
	{
		bool		early = round < KMEANS_EARLY_ROUNDS && count / KMEANS_EARLY_STRIDE / KMEANS_EARLY_ROWS >= k;
		int			stride = early ? KMEANS_EARLY_STRIDE : 1;
		int			changed = 0;

		kmeans_half_squares(centres, k, n, half_squares);
		for (int start = 0; start < count; start += KMEANS_BATCH * stride)
		{
			int			length = Min((count - start + stride - 1) / stride, KMEANS_BATCH);

			CHECK_FOR_INTERRUPTS();
			kmeans_assign(rows + (Size) start * n, (Size) n * stride, length, centres, half_squares, k, n, products, batch);
			for (int i = 0; i < length; i++)
			{
				changed += batch[i] != nearest[start + i * stride];
				nearest[start + i * stride] = batch[i];
			}
		}
		if (!early && round > 0 && changed <= count * KMEANS_CONVERGED)
			break;
		move_centres(rows, count, stride, n, k, nearest, &random, centres, members);
	}

	/* Those that are the nearest of some row, which also leaves out the second of two equal ones. */
	memset(members, 0, sizeof(int) * k);
	for (int row = 0; row < count; row++)
		members[nearest[row]]++;
	for (int i = 0; i < k; i++)
		if (members[i] > 0)
			memmove(centres + (Size) used++ * n, centres + (Size) i * n, n * sizeof(float));
	pfree(half_squares);
	pfree(products);
	pfree(nearest);
	pfree(members);
	return used;
}
