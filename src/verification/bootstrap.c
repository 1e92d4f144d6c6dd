/*
 * bootstrap.c: the bootstrap over identities, or groups of them: how much an error rate varies among people.
 *
 * Replicates are computed in blocks, so that the counts of a group in a block are one cache line and the weights of a pair
 * one short loop: a pass over the sorted pairs sums the weights in each replicate and stores the sums at each threshold.
 * 200,000 pairs take about a tenth of a second.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/number.h"
#include "common/random.h"
#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

#define BLOCK 64				/* replicates at once */
#define GRID_STEPS 128			/* thresholds of a grid at even shares of each kind */
#define GRID_TAIL_STEPS 8		/* thresholds a decade of small shares */
#define NORMAL_975 1.959963984540054

StaticAssertDecl(BOOTSTRAP_REPLICATES % BLOCK == 0, "replicates come in whole blocks");

/* ---- the replicates ------------------------------------------------------------------------------------------------ */

/* How often each group is drawn in each replicate of a block: count [groups, BLOCK]. */
static void
draw_groups(uint8 *count, int groups, uint64 seed, int block)
{
	memset(count, 0, (Size) groups * BLOCK);
	for (int r = 0; r < BLOCK; r++)
	{
		Random		random = random_stream(seed, (uint64) block * BLOCK + r);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < groups; i++)
		{
			uint8	   *drawn = &count[(Size) random_below(&random, (uint32) groups) * BLOCK + r];

			if (*drawn < UINT8_MAX)
				(*drawn)++;
		}
	}
}

static inline void
add_weights(uint32 *restrict sum, const uint8 *restrict a)
{
	for (int r = 0; r < BLOCK; r++)
		sum[r] += a[r];
}

static inline void
add_products(uint32 *restrict sum, const uint8 *restrict a, const uint8 *restrict b)
{
	for (int r = 0; r < BLOCK; r++)
		sum[r] += (uint32) ((uint16) a[r] * (uint16) b[r]);
}

/* The shares of one kind in one block's replicates: accepted [thresholds, BOOTSTRAP_REPLICATES]. */
static void
accumulate(const PairDistances *pairs, PairKind kind, const uint8 *count, const Bootstrap *resampled, float *accepted)
{
	const PairSet *set = &pairs->set[kind];
	uint32		sum[BLOCK] = {0};
	int64		next = 0;

	for (int t = 0; t < resampled->thresholds; t++)
	{
		float	   *row = accepted + (Size) t * BOOTSTRAP_REPLICATES;

		for (; next < set->count && set->pair[next].distance <= resampled->threshold[t]; next++)
		{
			int			a = pairs->group[set->pair[next].a];
			int			b = pairs->group[set->pair[next].b];

			if ((next & 0xFFFF) == 0)
				CHECK_FOR_INTERRUPTS();
			if (a == b)
				add_weights(sum, count + (Size) a * BLOCK);
			else
				add_products(sum, count + (Size) a * BLOCK, count + (Size) b * BLOCK);
		}
		for (int r = 0; r < BLOCK; r++)
			row[r] = (float) sum[r];
	}
	for (; next < set->count; next++)
	{
		int			a = pairs->group[set->pair[next].a];
		int			b = pairs->group[set->pair[next].b];

		if (a == b)
			add_weights(sum, count + (Size) a * BLOCK);
		else
			add_products(sum, count + (Size) a * BLOCK, count + (Size) b * BLOCK);
	}
	for (int t = 0; t < resampled->thresholds; t++)
		for (int r = 0; r < BLOCK; r++)
		{
			float	   *share = accepted + (Size) t * BOOTSTRAP_REPLICATES + r;

			*share = sum[r] > 0 ? *share / (float) sum[r] : NAN;
		}
}

static int
count_groups(const PairDistances *pairs, PairKind kind)
{
	bool	   *seen = palloc0(Max(pairs->groups, 1));
	int			groups = 0;

	for (int64 i = 0; i < pairs->set[kind].count; i++)
	{
		seen[pairs->group[pairs->set[kind].pair[i].a]] = true;
		seen[pairs->group[pairs->set[kind].pair[i].b]] = true;
	}
	for (int i = 0; i < pairs->groups; i++)
		groups += seen[i];
	pfree(seen);
	return groups;
}

Bootstrap *
bootstrap_pairs(const PairDistances *pairs, const double *threshold, int thresholds, uint64 seed)
{
	Bootstrap  *resampled = palloc0(sizeof(Bootstrap));
	uint8	   *count = palloc_extended((Size) Max(pairs->groups, 1) * BLOCK, MCXT_ALLOC_HUGE);

	resampled->threshold = palloc(sizeof(double) * Max(thresholds, 1));
	memcpy(resampled->threshold, threshold, sizeof(double) * thresholds);
	qsort(resampled->threshold, thresholds, sizeof(double), compare_doubles);
	for (int i = 0; i < thresholds; i++)
		if (i == 0 || resampled->threshold[i] != resampled->threshold[resampled->thresholds - 1])
			resampled->threshold[resampled->thresholds++] = resampled->threshold[i];

	for (int kind = 0; kind < PAIR_KINDS; kind++)
	{
		if (pairs->set[kind].count == 0)
			continue;
		resampled->groups[kind] = count_groups(pairs, kind);
		resampled->accepted[kind] = palloc_extended(sizeof(float) * BOOTSTRAP_REPLICATES * Max(resampled->thresholds, 1),
													MCXT_ALLOC_HUGE);
	}
	for (int block = 0; block < BOOTSTRAP_REPLICATES / BLOCK; block++)
	{
		draw_groups(count, pairs->groups, seed, block);
		for (int kind = 0; kind < PAIR_KINDS; kind++)
			if (resampled->accepted[kind] != NULL)
				accumulate(pairs, kind, count, resampled, resampled->accepted[kind] + (Size) block * BLOCK);
	}
	pfree(count);
	return resampled;
}

int
bootstrap_grid(const PairDistances *pairs, const double *given, int count, double **threshold)
{
	int			n = 0;

	*threshold = palloc(sizeof(double) * (count + PAIR_KINDS * (GRID_STEPS + 1 + 20 * GRID_TAIL_STEPS)));
	for (int i = 0; i < count; i++)
		(*threshold)[n++] = given[i];
	for (int kind = 0; kind < PAIR_KINDS; kind++)
	{
		const PairSet *set = &pairs->set[kind];

		if (set->count == 0)
			continue;
		for (int i = 0; i <= GRID_STEPS; i++)
			(*threshold)[n++] = set->pair[(set->count - 1) * (int64) i / GRID_STEPS].distance;
		for (int i = 0; i < 20 * GRID_TAIL_STEPS; i++)
		{
			int64		place = (int64) ((double) set->count * pow(10, -1 - i / (double) GRID_TAIL_STEPS));

			if (place == 0)
				break;
			(*threshold)[n++] = set->pair[place].distance;
		}
	}
	return n;
}

int
bootstrap_place(const Bootstrap *resampled, double threshold)
{
	const double *found = bsearch(&threshold, resampled->threshold, resampled->thresholds, sizeof(double), compare_doubles);

	if (found == NULL)
		elog(ERROR, "threshold %g was not resampled", threshold);
	return (int) (found - resampled->threshold);
}

const float *
bootstrap_at(const Bootstrap *resampled, PairKind kind, int place)
{
	return resampled->accepted[kind] + (Size) place * BOOTSTRAP_REPLICATES;
}

/* ---- statistics of replicates -------------------------------------------------------------------------------------- */

double
bootstrap_deviation(const float *value)
{
	double		sum = 0;
	double		squares = 0;
	int			n = 0;

	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
		if (!isnan(value[r]))
		{
			sum += value[r];
			n++;
		}
	if (n < BOOTSTRAP_REPLICATES / 2)
		return NAN;
	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
		if (!isnan(value[r]))
			squares += (value[r] - sum / n) * (value[r] - sum / n);
	return sqrt(squares / (n - 1));
}

void
bootstrap_percentiles(const float *value, double *low, double *high)
{
	float	   *sorted = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);
	int			n = 0;

	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
		if (!isnan(value[r]))
			sorted[n++] = value[r];
	qsort(sorted, n, sizeof(float), compare_floats);
	*low = n > 0 ? sorted[(int) floor(0.025 * (n - 1))] : NAN;
	*high = n > 0 ? sorted[(int) ceil(0.975 * (n - 1))] : NAN;
	pfree(sorted);
}

void
bootstrap_eer(const Bootstrap *resampled, PairKind impostor, float *value)
{
	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
	{
		double		far_before = 0;
		double		frr_before = 1;

		value[r] = NAN;
		for (int t = 0; t < resampled->thresholds; t++)
		{
			double		far = bootstrap_at(resampled, impostor, t)[r];
			double		frr = 1 - bootstrap_at(resampled, PAIR_GENUINE, t)[r];

			if (isnan(far) || isnan(frr))
				break;
			if (far >= frr)
			{
				double		share = (frr_before - far_before) / ((frr_before - far_before) + (far - frr));

				value[r] = (float) (far_before + share * (far - far_before));
				break;
			}
			far_before = far;
			frr_before = frr;
		}
	}
}

void
bootstrap_auc(const Bootstrap *resampled, PairKind impostor, float *value)
{
	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
	{
		double		far_before = 0;
		double		accepted_before = 0;
		double		area = 0;

		for (int t = 0; t < resampled->thresholds; t++)
		{
			double		far = bootstrap_at(resampled, impostor, t)[r];
			double		accepted = bootstrap_at(resampled, PAIR_GENUINE, t)[r];

			area += (far - far_before) * (accepted + accepted_before) / 2;
			far_before = far;
			accepted_before = accepted;
		}
		value[r] = (float) area;
	}
}

/* Student's quantile at 97.5 % from the normal one (Cornish, Fisher 1938), within 2 % from 4 degrees of freedom on. */
static double
student_975(int freedom)
{
	const double z = NORMAL_975;

	return z + (pow(z, 3) + z) / (4.0 * freedom) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96.0 * freedom * freedom);
}

ScoreInterval
score_interval(double rate, double deviation, int groups, bool two_way)
{
	double		trials = two_way ? groups * (groups - 1.0) / 2 : groups;
	double		t;
	double		middle;
	double		half;

	if (groups < BOOTSTRAP_LEAST_GROUPS || isnan(rate) || isnan(deviation))
		return (ScoreInterval) {NAN, NAN};
	if (rate > 0 && rate < 1 && deviation > 0)
		trials = rate * (1 - rate) / (deviation * deviation);
	t = student_975(groups - 1);
	middle = (rate + t * t / (2 * trials)) / (1 + t * t / trials);
	half = t / (1 + t * t / trials) * sqrt(rate * (1 - rate) / trials + t * t / (4 * trials * trials));
	return (ScoreInterval) {Max(middle - half, 0), Min(middle + half, 1)};
}

ScoreInterval
bootstrap_rate_interval(const Bootstrap *resampled, PairKind kind, double threshold, double rate)
{
	const float *value = bootstrap_at(resampled, kind, bootstrap_place(resampled, threshold));

	return score_interval(rate, bootstrap_deviation(value), resampled->groups[kind], kind == PAIR_RANDOM);
}

ScoreInterval
difference_interval(double difference, double deviation, int groups)
{
	double		half;

	if (groups < BOOTSTRAP_LEAST_GROUPS || isnan(difference) || isnan(deviation))
		return (ScoreInterval) {NAN, NAN};
	half = student_975(groups - 1) * deviation;
	return (ScoreInterval) {difference - half, difference + half};
}
