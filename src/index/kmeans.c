/*
 * kmeans.c: Lloyd's k-means (Lloyd 1982) with matrix products, for the centres of the regions.
 *
 * The nearest centre of x is the one with the largest x c - |c|^2 / 2: one product a batch of rows.  Where the centres lie
 * decides how fast the index is, never what it answers; so overflows need no care.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "common/random.h"
#include "index/index.h"
#include "network/gemm.h"

#define KMEANS_ROUNDS 10
#define KMEANS_CONVERGED 0.01	/* share of the rows that still change */

void
kmeans_halves(const float *centres, int k, int n, float *halves)
{
	for (int i = 0; i < k; i++)
	{
		float		sum = 0;

		for (int j = 0; j < n; j++)
			sum += centres[(Size) i * n + j] * centres[(Size) i * n + j];
		halves[i] = sum / 2;
	}
}

void
kmeans_assign(const float *rows, int count, const float *centres, const float *halves, int k, int n, float *scratch, int32 *nearest)
{
	Assert(count <= KMEANS_BATCH);
	gemm(false, true, count, k, n, rows, n, centres, n, 0, scratch, k);
	for (int row = 0; row < count; row++)
	{
		const float *products = scratch + (Size) row * k;
		float		best = products[0] - halves[0];
		int32		best_centre = 0;

		for (int i = 1; i < k; i++)
		{
			float		score = products[i] - halves[i];

			if (score > best)
			{
				best = score;
				best_centre = i;
			}
		}
		nearest[row] = best_centre;
	}
}

/* Means of the rows of each centre; a centre without rows takes a random row. */
static void
move_centres(const float *rows, int count, int n, int k, const int32 *nearest, Random *random, float *centres, int *members)
{
	memset(centres, 0, sizeof(float) * (Size) k * n);
	memset(members, 0, sizeof(int) * k);
	for (int row = 0; row < count; row++)
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
	float	   *halves = palloc(sizeof(float) * k);
	float	   *scratch = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(float) * (Size) KMEANS_BATCH * k);
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
		int			changed = 0;

		kmeans_halves(centres, k, n, halves);
		for (int start = 0; start < count; start += KMEANS_BATCH)
		{
			int			length = Min(count - start, KMEANS_BATCH);

			CHECK_FOR_INTERRUPTS();
			kmeans_assign(rows + (Size) start * n, length, centres, halves, k, n, scratch, batch);
			for (int i = 0; i < length; i++)
			{
				changed += batch[i] != nearest[start + i];
				nearest[start + i] = batch[i];
			}
		}
		if (round > 0 && changed <= count * KMEANS_CONVERGED)
			break;
		move_centres(rows, count, n, k, nearest, &random, centres, members);
	}

	/* Those that are the nearest of some row, which also leaves out the second of two equal ones. */
	memset(members, 0, sizeof(int) * k);
	for (int row = 0; row < count; row++)
		members[nearest[row]]++;
	for (int i = 0; i < k; i++)
		if (members[i] > 0)
			memmove(centres + (Size) used++ * n, centres + (Size) i * n, n * sizeof(float));
	pfree(halves);
	pfree(scratch);
	pfree(nearest);
	pfree(members);
	return used;
}
