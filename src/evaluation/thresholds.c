/*
 * thresholds.c: siamese.thresholds(model, examples, seed, refs): stated false-accept rates, and those that examples show.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/compat.h"
#include "evaluation/evaluation.h"
#include "evaluation/reference_decisions.h"
#include "evaluation/thresholds.h"
#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

#define SHOWN_DECADES 3			/* false-accept rates of 10, 1 and 0.1 % are shown even if they are not supported */
#define MOST_DECADES 9

StaticAssertDecl((PAIR_KINDS - 1) * MOST_DECADES <= THRESHOLD_CHECKS, "there is room for every row");

/* The calibration's entry for a rate; NULL if it cannot support it. */
static const CalibrationRate *
stated_rate(const ModelCalibration *calibration, double rate)
{
	for (int i = 0; i < calibration->rates; i++)
		if (fabs(calibration->rate[i].rate / rate - 1) < 1e-6)
			return &calibration->rate[i];
	return NULL;
}

int
thresholds_measure(const Evaluation *evaluation, const ModelCalibration *calibration, ThresholdCheck *check)
{
	double		threshold[MOST_DECADES];
	double	   *grid;
	int			grid_count;
	int			count = 0;
	int			checks = 0;
	Bootstrap  *resampled = NULL;

	for (int decade = 1; decade <= MOST_DECADES; decade++)
	{
		const CalibrationRate *stated = stated_rate(calibration, pow(10, -decade));

		if (stated != NULL)
			threshold[count++] = stated->threshold;
	}
	if (evaluation != NULL && count > 0)
	{
		grid_count = bootstrap_grid(&evaluation->pairs, threshold, count, &grid);
		resampled = bootstrap_pairs(&evaluation->pairs, grid, grid_count, evaluation->seed);
	}
	for (int decade = 1; decade <= MOST_DECADES; decade++)
	{
		const CalibrationRate *stated = stated_rate(calibration, pow(10, -decade));

		if (stated == NULL && decade > SHOWN_DECADES)
			continue;
		for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
		{
			ThresholdCheck *row = &check[checks];
			const PairSet *genuine;
			const PairSet *impostor;
			ScoreInterval accepted;

			if (evaluation == NULL ? kind != PAIR_RANDOM : evaluation->pairs.set[kind].count == 0)
				continue;
			*row = (ThresholdCheck) {
				.rate = pow(10, -decade), .stated = stated, .measured = resampled != NULL && stated != NULL,
				.impostors = (PairKind) kind
			};
			checks++;
			if (!row->measured)
				continue;
			genuine = &evaluation->pairs.set[PAIR_GENUINE];
			impostor = &evaluation->pairs.set[kind];
			row->far = score_accepted(impostor, stated->threshold);
			row->frr = 1 - score_accepted(genuine, stated->threshold);
			row->far_interval = bootstrap_rate_interval(resampled, (PairKind) kind, stated->threshold, row->far);
			accepted = bootstrap_rate_interval(resampled, PAIR_GENUINE, stated->threshold, 1 - row->frr);
			row->frr_interval = (ScoreInterval) {1 - accepted.high, 1 - accepted.low};
		}
	}
	return checks;
}

PG_FUNCTION_INFO_V1(siamese_thresholds);

Datum
siamese_thresholds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	MemoryContext scratch;
	Evaluation	evaluation;
	bool		examples = !PG_ARGISNULL(1);
	int			refs;
	char	   *name;
	ThresholdCheck check[THRESHOLD_CHECKS];
	int			checks;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || (PG_NARGS() > 3 && PG_ARGISNULL(3)))
		return (Datum) 0;
	refs = evaluation_refs_argument(fcinfo, 3);
	scratch = evaluation_enter(&caller);
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (examples)
	{
		evaluation_run(name, text_to_cstring(PG_GETARG_TEXT_PP(1)), (uint64) PG_GETARG_INT64(2), &evaluation);
		evaluation_decide(&evaluation, refs);
	}
	else
		evaluation_stated(name, refs, &evaluation);
	checks = thresholds_measure(examples ? &evaluation : NULL, &evaluation.calibration, check);
	for (int i = 0; i < checks; i++)
	{
		const ThresholdCheck *row = &check[i];
		Datum		values[13];
		bool		nulls[13];

		memset(nulls, true, sizeof nulls);
		evaluation_put(values, nulls, 0, row->rate);
		if (row->stated != NULL)
		{
			evaluation_put(values, nulls, 1, row->stated->threshold);
			evaluation_put_interval(values, nulls, 2, row->stated->threshold_interval);
			evaluation_put_interval(values, nulls, 4, row->stated->rate_interval);
		}
		if (examples)
		{
			nulls[6] = false;
			values[6] = CStringGetTextDatum(pair_kind_name(row->impostors));
		}
		if (row->measured)
		{
			evaluation_put(values, nulls, 7, row->far);
			evaluation_put_interval(values, nulls, 8, row->far_interval);
			evaluation_put(values, nulls, 10, row->frr);
			evaluation_put_interval(values, nulls, 11, row->frr_interval);
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	evaluation_leave(scratch, caller);
	return (Datum) 0;
}
