/*
 * loop.c: the loop over the epochs of a training.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "common/check.h"
#include "model/row_lookup.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"
#include "training/learner.h"
#include "training/progress.h"
#include "training/training.h"
#include "verification/calibration.h"

#define PROGRESS_SECONDS 10.0	/* between two notices within an epoch */

static char *
duration_text(double seconds)
{
	int64		whole = (int64) rint(seconds);

	if (whole >= 3600)
		return psprintf("%lld:%02d h", (long long) (whole / 3600), (int) (whole / 60 % 60));
	return psprintf("%d:%02d min", (int) (whole / 60), (int) (whole % 60));
}

/* " (1.2 to 9.0 %)"; nothing if there is no interval. */
static char *
interval_text(double low, double high)
{
	return isnan(low) || isnan(high) ? "" : psprintf(" (%.2f to %.2f %%)", 100 * low, 100 * high);
}

/* After a step: how far the epoch is, for other sessions at each step, for this one every PROGRESS_SECONDS. */
static void
show_step(const Training *training, int epoch, int64 step, double loss, instr_time start, double *shown)
{
	const Learner *learner = training->learner;
	int64		steps = learner->progress.epoch_steps;
	double		seconds = seconds_since(start);
	double		images = (double) step * learner_batch_size(learner) / Max(seconds, 1e-9);
	int			later = training->request.epochs - epoch;
	double		remaining = seconds / (double) step * (double) (steps - step + later * steps) + training->clock.after_steps * (later + 1);

	progress_step(step, loss / (double) step, images, remaining);
	if (seconds < *shown + PROGRESS_SECONDS || step == steps)
		return;
	*shown = seconds;
	ereport(NOTICE,
			(errmsg("epoch %d of %d: step %lld of %lld, loss %.4f, %.0f images/s, %s left", epoch, training->request.epochs,
					(long long) step, (long long) steps, loss / (double) step, images, duration_text(remaining))));
}

static void
run_epoch(Training *training, int epoch, EpochResult *result)
{
	Learner    *learner = training->learner;
	int64		steps = learner->progress.epoch_steps;
	TrainingPlan plan = {.version = training->version.number, .epoch = epoch, .epochs = training->request.epochs, .steps = steps};
	instr_time	start;
	double		seconds;
	double		shown = 0;
	double		loss = 0;

	progress_epoch(&plan);
	INSTR_TIME_SET_CURRENT(start);
	for (int64 step = 0; step < steps; step++)
	{
		double		step_loss;

		if (!learner_step(learner, &step_loss))
		{
			CHECK_FOR_INTERRUPTS();
			elog(ERROR, "a step of training ended without an interrupt");
		}
		loss += step_loss;
		show_step(training, epoch, step + 1, loss, start, &shown);
		check_interrupts();
	}
	seconds = seconds_since(start);
	learner_release_activations(learner);
	memset(result, 0, sizeof *result);
	INSTR_TIME_SET_CURRENT(result->learned);
	result->epoch = epoch;
	result->loss = loss / (double) steps;
	result->images_per_second = (double) steps * learner_batch_size(learner) / Max(seconds, 1e-9);
	while (!validation_score(training, result))
		CHECK_FOR_INTERRUPTS();
	result->elapsed = training->resumed.elapsed + seconds_since(training->clock.start);
	time_budget_trim(training, epoch, result->elapsed,
					 seconds_since(training->clock.loop_start) / (epoch - training->clock.loop_epoch));
	result->remaining = seconds_since(start) * (training->request.epochs - epoch);
}

static double
score_of(Jsonb *scores, const char *kind, const char *name)
{
	Datum		path[2] = {CStringGetTextDatum(kind), CStringGetTextDatum(name)};
	bool		isnull;
	Datum		value = jsonb_get_element(scores, path, lengthof(path), &isnull, true);

	return isnull ? NAN : strtod(TextDatumGetCString(value), NULL);
}

/* The errors of the epoch that was kept: "EER 1.20 % (0.30 to 5.10 %) against others, 9.00 % (4.00 to 19.00 %) against forgeries". */
static char *
errors_text(Jsonb *scores)
{
	static const char *const name[PAIR_KINDS] = {[PAIR_RANDOM] = "against others", [PAIR_SKILLED] = "against forgeries"};
	StringInfoData text;

	initStringInfo(&text);
	for (int kind = PAIR_RANDOM; kind <= PAIR_SKILLED; kind++)
	{
		const char *key = pair_kind_name((PairKind) kind);
		double		eer = score_of(scores, key, "eer");

		if (!isnan(eer))
			appendStringInfo(&text, "%s %.2f %%%s %s", text.len == 0 ? "EER" : ",", 100 * eer,
							 interval_text(score_of(scores, key, "eer_low"), score_of(scores, key, "eer_high")), name[kind]);
	}
	return text.data;
}

/* Reads the calibration from the row, since the epoch that was kept may have been committed by a call before this one. */
static void
warn_of_calibration(const Training *training)
{
	char	   *name = psprintf("%s@%d", training->request.model, training->version.number);
	ModelCalibration calibration;

	PushActiveSnapshot(GetTransactionSnapshot());
	model_calibration_of(name, &calibration);
	PopActiveSnapshot();
	calibration_warn_of_chance(name, &calibration);
	calibration_warn_of_few(name, &calibration);
}

void
loop_run(Training *training)
{
	MemoryContext scratch = AllocSetContextCreate(training->context, "siamese epoch", ALLOCSET_DEFAULT_SIZES);
	PromotionResult promotion;
	Jsonb	   *scores;

	INSTR_TIME_SET_CURRENT(training->clock.loop_start);
	training->clock.loop_epoch = training->version.epoch;
	for (int epoch = training->version.epoch + 1; epoch <= training->request.epochs; epoch++)
	{
		EpochResult result;
		MemoryContext caller = MemoryContextSwitchTo(scratch);

		run_epoch(training, epoch, &result);
		MemoryContextSwitchTo(caller);
		progress_phase(PHASE_COMMITTING);
		commit_epoch(training, &result);
		training->clock.after_steps = seconds_since(result.learned);
		ereport(NOTICE,
				(errmsg("epoch %d of %d: loss %.4f, held-out EER %.2f %%, AUC %.4f, %.0f images/s, %s%s",
						epoch, training->request.epochs, result.loss, 100 * result.error.eer, result.error.auc, result.images_per_second,
						epoch < training->request.epochs ? psprintf("%s left", duration_text(result.remaining)) :
						psprintf("%s in total", duration_text(result.elapsed)),
						training->version.kept_epoch == epoch ? "" :
						psprintf(", not kept: too far above the least EER, %.2f %%", 100 * training->version.least_eer))));
		MemoryContextReset(scratch);
	}
	scores = commit_finished(training, &promotion);
	ereport(NOTICE,
			(errmsg("version %d of model \"%s\" is ready: epoch %d, %s among %d held out, fingerprint %s",
					training->version.number, training->request.model, training->version.kept_epoch, errors_text(scores),
					training->split->held_out, model_fingerprint_text(training->version.fingerprint))));
	model_report_promotion(training->request.model, training->version.number, &promotion);
	warn_of_calibration(training);
}

