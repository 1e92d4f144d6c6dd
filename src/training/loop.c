/*
 * loop.c: the epochs of a training.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "training/train.h"

static double
seconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

static char *
duration_text(double seconds)
{
	int64		whole = (int64) rint(seconds);

	if (whole >= 3600)
		return psprintf("%lld:%02d h", (long long) (whole / 3600), (int) (whole / 60 % 60));
	return psprintf("%d:%02d min", (int) (whole / 60), (int) (whole % 60));
}

/*
 * A cancel ends the training but keeps what is committed: it is not raised at once where there is something to keep.
 * Every other interrupt is served as usual.
 */
static bool
cancelled(const Training *training)
{
	if (QueryCancelPending && !ProcDiePending && training->version > 0)
		return true;
	CHECK_FOR_INTERRUPTS();
	return false;
}

/* False when it was cancelled. */
static bool
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
			if (cancelled(training))
				return false;
			elog(ERROR, "a step of training ended without an interrupt");
		}
		loss += step_loss;
		if (cancelled(training))
			return false;
	}
	seconds = seconds_since(start);
	memset(result, 0, sizeof *result);
	result->epoch = epoch;
	result->loss = loss / (double) steps;
	result->images_per_second = (double) steps * learner_batch_size(learner) / Max(seconds, 1e-9);
	while (!held_out_score(training, result))
		if (cancelled(training))
			return false;
	result->elapsed = seconds_since(training->start);
	result->remaining = seconds_since(start) * (training->epochs - epoch);
	return true;
}

void
loop_run(Training *training)
{
	MemoryContext scratch = AllocSetContextCreate(training->context, "siamese epoch", ALLOCSET_DEFAULT_SIZES);

	for (int epoch = 1; epoch <= training->epochs; epoch++)
	{
		EpochResult result;
		MemoryContext caller = MemoryContextSwitchTo(scratch);
		bool		complete = run_epoch(training, epoch, &result);

		MemoryContextSwitchTo(caller);
		if (!complete)
			break;
		version_commit_epoch(training, &result);
		/* a NOTICE serves interrupts when it is sent: a cancel is not to be raised there */
		HOLD_INTERRUPTS();
		ereport(NOTICE,
				(errmsg("epoch %d of %d: loss %.4f, held-out EER %.2f %%, AUC %.4f, %.0f images/s, %s%s",
						epoch, training->epochs, result.loss, 100 * result.eer, result.auc, result.images_per_second,
						epoch < training->epochs ? psprintf("%s left", duration_text(result.remaining)) :
						psprintf("%s in all", duration_text(result.elapsed)),
						training->best_epoch == epoch ? ", best so far" : "")));
		RESUME_INTERRUPTS();
		MemoryContextReset(scratch);
	}
	version_finish(training);
	if (cancelled(training))
	{
		ereport(NOTICE,
				(errmsg("training was cancelled; version %d of model \"%s\" keeps epoch %d",
						training->version, training->model, training->best_epoch)));
		CHECK_FOR_INTERRUPTS();
	}
	ereport(NOTICE,
			(errmsg("version %d of model \"%s\" is ready: epoch %d, fingerprint %s",
					training->version, training->model, training->best_epoch,
					model_fingerprint_text(training->fingerprint))));
}

