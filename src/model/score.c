/*
 * score.c: equal error rate and area under the curve by one merge of two sorted sets.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "model/score.h"

void
distance_set_init(DistanceSet *set)
{
	set->count = 0;
	set->room = 1024;
	set->value = palloc(set->room * sizeof(double));
}

void
distance_set_add(DistanceSet *set, double distance)
{
	if (set->count == set->room)
	{
		set->room *= 2;
		set->value = repalloc_huge(set->value, set->room * sizeof(double));
	}
	set->value[set->count++] = distance;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

void
distance_set_sort(DistanceSet *set)
{
	qsort(set->value, set->count, sizeof(double), compare_doubles);
}

double
score_accepted(const DistanceSet *set, double threshold)
{
	int64		low = 0;
	int64		high = set->count;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (set->value[middle] <= threshold)
			low = middle + 1;
		else
			high = middle;
	}
	return (double) low / (double) set->count;
}

Score
score_distances(const DistanceSet *genuine, const DistanceSet *impostor)
{
	Score		score = {1.0, 0.0, 0.0};
	double		best = 2.0;
	double		won = 0;		/* genuine pairs nearer than an impostor pair, summed over impostor pairs */
	int64		g = 0;
	int64		i = 0;

	Assert(genuine->count > 0 && impostor->count > 0);

	/* Each distance that occurs is a possible threshold: g and i are the pairs that it accepts. */
	while (g < genuine->count || i < impostor->count)
	{
		int64		g_before = g;
		int64		i_before = i;
		double		threshold;
		double		next;
		double		far;
		double		frr;

		if (i == impostor->count || (g < genuine->count && genuine->value[g] <= impostor->value[i]))
			threshold = genuine->value[g];
		else
			threshold = impostor->value[i];
		while (g < genuine->count && genuine->value[g] <= threshold)
			g++;
		while (i < impostor->count && impostor->value[i] <= threshold)
			i++;
		won += (double) (i - i_before) * ((double) g_before + 0.5 * (double) (g - g_before));

		far = (double) i / (double) impostor->count;
		frr = 1.0 - (double) g / (double) genuine->count;
		if (fabs(far - frr) < best)
		{
			best = fabs(far - frr);
			score.eer = (far + frr) / 2;
			next = threshold;
			if (g < genuine->count)
				next = genuine->value[g];
			if (i < impostor->count && (next == threshold || impostor->value[i] < next))
				next = impostor->value[i];
			score.eer_threshold = threshold + (next - threshold) / 2;
		}
	}
	score.auc = won / ((double) genuine->count * (double) impostor->count);
	return score;
}
