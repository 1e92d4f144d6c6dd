/*
 * held_out_error.c: the error of an epoch among the held-out people.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "training/held_out_error.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

void
held_out_error(const PairDistances *pairs, uint64 seed, HeldOutError *error)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese held-out error", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	double	   *grid;
	int			thresholds = bootstrap_grid(pairs, NULL, 0, &grid);
	Bootstrap  *resampled = bootstrap_pairs(pairs, grid, thresholds, seed);
	float	   *value = palloc(sizeof(float) * BOOTSTRAP_REPLICATES);
	int			kinds = 0;

	memset(error, 0, sizeof *error);
	error->groups = resampled->groups[PAIR_GENUINE];
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		int			groups = Min(resampled->groups[PAIR_GENUINE], resampled->groups[kind]);

		if (pairs->set[kind].count == 0)
			continue;
		kinds++;
		error->measured[kind] = true;
		error->score[kind] = score_pairs(&pairs->set[PAIR_GENUINE], &pairs->set[kind]);
		error->groups = Min(error->groups, groups);
		error->eer += error->score[kind].eer;
		error->auc += error->score[kind].auc;
		bootstrap_eer(resampled, (PairKind) kind, value);
		error->eer_interval[kind] = score_interval(error->score[kind].eer, bootstrap_deviation(value), groups, false);
		for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
			error->replicate[r] += value[r];
	}
	error->eer /= kinds;
	error->auc /= kinds;
	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
		error->replicate[r] /= (float) kinds;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

bool
held_out_error_above(const HeldOutError *error, double other, const float *other_replicate)
{
	float		difference[BOOTSTRAP_REPLICATES];

	for (int r = 0; r < BOOTSTRAP_REPLICATES; r++)
		difference[r] = error->replicate[r] - other_replicate[r];
	return difference_interval(error->eer - other, bootstrap_deviation(difference), error->groups).low > 0;
}

static void
append_end(StringInfo text, const char *name, double value)
{
	if (isnan(value))
		appendStringInfo(text, ", \"%s\": null", name);
	else
		appendStringInfo(text, ", \"%s\": %.6g", name, value);
}

void
held_out_error_append(StringInfo text, const HeldOutError *error)
{
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		if (error->measured[kind])
		{
			appendStringInfo(text, ", \"%s\": {\"eer\": %.6g", pair_kind_name((PairKind) kind), error->score[kind].eer);
			append_end(text, "eer_low", error->eer_interval[kind].low);
			append_end(text, "eer_high", error->eer_interval[kind].high);
			appendStringInfo(text, ", \"auc\": %.6g}", error->score[kind].auc);
		}
}
