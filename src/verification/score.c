/*
 * score.c: sets of pairs; equal error rate and area under the ROC curve by one merge of two sorted sets.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "model/stored_calibration.h"
#include "verification/score.h"

void
pair_set_init(PairSet *set)
{
	set->count = 0;
	set->room = 1024;
	set->pair = palloc(set->room * sizeof(Pair));
}

void
pair_set_add(PairSet *set, double distance, int a, int b)
{
	if (set->count == set->room)
	{
		set->room *= 2;
		set->pair = repalloc_huge(set->pair, set->room * sizeof(Pair));
	}
	set->pair[set->count++] = (Pair) {distance, a, b};
}

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *x = a;
	const Pair *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return (x->b > y->b) - (x->b < y->b);
}

void
pair_set_sort(PairSet *set)
{
	qsort(set->pair, set->count, sizeof(Pair), compare_pairs);
}

int
pairs_nearest(const PairDistances *pairs, const int64 *next)
{
	int			nearest = -1;

	for (int kind = 0; kind < PAIR_KINDS; kind++)
		if (next[kind] < pairs->set[kind].count &&
			(nearest < 0 || pairs->set[kind].pair[next[kind]].distance < pairs->set[nearest].pair[next[nearest]].distance))
			nearest = kind;
	return nearest;
}

/* Pairs of the sorted set at or below the threshold. */
static int64
count_accepted(const PairSet *set, double threshold)
{
	int64		low = 0;
	int64		high = set->count;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (set->pair[middle].distance <= threshold)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

double
score_accepted(const PairSet *set, double threshold)
{
	return (double) count_accepted(set, threshold) / (double) set->count;
}

Score
score_pairs(const PairSet *genuine, const PairSet *impostor)
{
	Score		score = {1.0, 0.0, 0.0};
	double		best = 2.0;
	double		won = 0;		/* pairs of a genuine and an impostor pair in which the genuine one is nearer */
	int64		g = 0;
	int64		i = 0;

	Assert(genuine->count > 0 && impostor->count > 0);

	/* each distance that occurs is a possible threshold: it accepts g genuine and i impostor pairs */
	while (g < genuine->count || i < impostor->count)
	{
		int64		g_before = g;
		int64		i_before = i;
		double		threshold;
		double		next;
		double		far;
		double		frr;

		if (i == impostor->count || (g < genuine->count && genuine->pair[g].distance <= impostor->pair[i].distance))
			threshold = genuine->pair[g].distance;
		else
			threshold = impostor->pair[i].distance;
		while (g < genuine->count && genuine->pair[g].distance <= threshold)
			g++;
		while (i < impostor->count && impostor->pair[i].distance <= threshold)
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
				next = genuine->pair[g].distance;
			if (i < impostor->count && (next == threshold || impostor->pair[i].distance < next))
				next = impostor->pair[i].distance;
			score.eer_threshold = threshold + (next - threshold) / 2;
		}
	}
	/* ties count one half */
	score.auc = won / ((double) genuine->count * (double) impostor->count);
	return score;
}
