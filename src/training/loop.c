/*
 * loop.c: the epochs of a training.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "training/train.h"

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
	learner_rest(learner);
	memset(result, 0, sizeof *result);
	result->epoch = epoch;
	result->loss = loss / (double) steps;
	result->images_per_second = (double) steps * learner_batch_size(learner) / Max(seconds, 1e-9);
	while (!held_out_score(training, result))
		CHECK_FOR_INTERRUPTS();
	result->elapsed = training->elapsed + seconds_since(training->start);
	schedule_keep(training, epoch, result->elapsed, seconds_since(training->loop_start) / (epoch - training->loop_epoch));
	result->remaining = seconds_since(start) * (training->epochs - epoch);
}

/* The best epoch may be one of before a break. */
static void
warn_of_chance(const Training *training)
{
	char	   *name = psprintf("%s@%d", training->model, training->version);
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

	INSTR_TIME_SET_CURRENT(training->loop_start);
	training->loop_epoch = training->epoch;
	for (int epoch = training->epoch + 1; epoch <= training->epochs; epoch++)
	{
		EpochResult result;
		MemoryContext caller = MemoryContextSwitchTo(scratch);

		run_epoch(training, epoch, &result);
		MemoryContextSwitchTo(caller);
		version_commit_epoch(training, &result);
		ereport(NOTICE,
				(errmsg("epoch %d of %d: loss %.4f, held-out EER %.2f %%, AUC %.4f, %.0f images/s, %s%s",
						epoch, training->epochs, result.loss, 100 * result.eer, result.auc, result.images_per_second,
						epoch < training->epochs ? psprintf("%s left", duration_text(result.remaining)) :
						psprintf("%s in all", duration_text(result.elapsed)),
						training->best_epoch == epoch ? ", best so far" : "")));
		MemoryContextReset(scratch);
	}
	version_finish(training);
	ereport(NOTICE,
			(errmsg("version %d of model \"%s\" is ready: epoch %d, fingerprint %s",
					training->version, training->model, training->best_epoch,
					model_fingerprint_text(training->fingerprint))));
	warn_of_chance(training);
}

