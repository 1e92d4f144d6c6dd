/*
 * loop.c: the loop over the epochs of a training.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "model/row_lookup.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"
#include "training/learner.h"
#include "training/training.h"
#include "verification/calibration.h"

static char *
duration_text(double seconds)
{
	int64		whole = (int64) rint(seconds);

	if (whole >= 3600)
		return psprintf("%lld:%02d h", (long long) (whole / 3600), (int) (whole / 60 % 60));
	return psprintf("%d:%02d min", (int) (whole / 60), (int) (whole % 60));
}

static void
run_epoch(Training *training, int epoch, EpochResult *result)
{
	Learner    *learner = training->learner;
	int64		steps = learner->progress.epoch_steps;
	instr_time	start;
	double		seconds;
	double		loss = 0;

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
		CHECK_FOR_INTERRUPTS();
	}
	seconds = seconds_since(start);
	learner_release_activations(learner);
	memset(result, 0, sizeof *result);
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

/* Reads the calibration from the row, since the best epoch may have been committed by a call before this one. */
static void
warn_of_chance(const Training *training)
{
	char	   *name = psprintf("%s@%d", training->request.model, training->version.number);
	ModelCalibration calibration;

	PushActiveSnapshot(GetTransactionSnapshot());
	model_calibration_of(name, &calibration);
	PopActiveSnapshot();
	calibration_warn_of_chance(name, &calibration);
}

void
loop_run(Training *training)
{
	MemoryContext scratch = AllocSetContextCreate(training->context, "siamese epoch", ALLOCSET_DEFAULT_SIZES);

	INSTR_TIME_SET_CURRENT(training->clock.loop_start);
	training->clock.loop_epoch = training->version.epoch;
	for (int epoch = training->version.epoch + 1; epoch <= training->request.epochs; epoch++)
	{
		EpochResult result;
		MemoryContext caller = MemoryContextSwitchTo(scratch);

		run_epoch(training, epoch, &result);
		MemoryContextSwitchTo(caller);
		commit_epoch(training, &result);
		ereport(NOTICE,
				(errmsg("epoch %d of %d: loss %.4f, held-out EER %.2f %%, AUC %.4f, %.0f images/s, %s%s",
						epoch, training->request.epochs, result.loss, 100 * result.eer, result.auc, result.images_per_second,
						epoch < training->request.epochs ? psprintf("%s left", duration_text(result.remaining)) :
						psprintf("%s in total", duration_text(result.elapsed)),
						training->version.best_epoch == epoch ? ", best so far" : "")));
		MemoryContextReset(scratch);
	}
	commit_finished(training);
	ereport(NOTICE,
			(errmsg("version %d of model \"%s\" is ready: epoch %d, fingerprint %s",
					training->version.number, training->request.model, training->version.best_epoch,
					model_fingerprint_text(training->version.fingerprint))));
	warn_of_chance(training);
}

