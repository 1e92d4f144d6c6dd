/*
 * time_budget.c: the option "max_minutes" of train(): how many epochs fit into the time.
 *
 * A few steps and a part of an evaluation are timed and their results discarded; then the number of epochs is set, so that
 * the learning rate's schedule ends within the time.  The plan is kept, so that a training with that number of epochs and
 * no time limit gives the same weights, unless the machine turns out to be slower: then epochs that no longer fit are
 * dropped and the schedule ends sooner.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "training/learner.h"
#include "training/training.h"

#define MARGIN 0.05				/* of the time, for what is not measured */
#define TRIAL_STEPS 3			/* at least */
#define TRIAL_SECONDS 5.0		/* at most, unless TRIAL_STEPS take longer */
#define TRIAL_SHARE 0.02		/* of the whole time, likewise */
#define MOST_EPOCHS 100000

static double
limit(const Training *training)
{
	return training->request.options.max_minutes * 60 * (1 - MARGIN);
}

static void
set_epochs(Training *training, int epochs)
{
	NetworkProgress *progress = &training->learner->progress;

	training->request.epochs = epochs;
	progress->steps = progress->epoch_steps * epochs;
}

/* Seconds of a step; 0 if a cancel is pending. */
static double
time_steps(Training *training)
{
	double		seconds = limit(training);
	double		most = Min(TRIAL_SECONDS, TRIAL_SHARE * seconds);
	instr_time	start;
	double		loss;
	int			steps;

	if (!learner_step(training->learner, &loss))	/* touches all memory for the first time */
		return 0;
	INSTR_TIME_SET_CURRENT(start);
	for (steps = 0; steps < TRIAL_STEPS || seconds_since(start) < most; steps++)
		if (!learner_step(training->learner, &loss))
			return 0;
	return seconds_since(start) / steps;
}

/* Seconds of a validation, likewise. */
static double
time_validation(Training *training)
{
	Learner    *learner = training->learner;
	double		share;
	instr_time	start;

	learner_release_activations(learner);
	INSTR_TIME_SET_CURRENT(start);
	if (!validation_trial(training, &share))
		return 0;
	return seconds_since(start) / share;
}

void
time_budget_plan(Training *training, int most_epochs)
{
	NetworkProgress *progress = &training->learner->progress;
	double		step;
	double		validation;
	double		rest;
	double		epochs;

	progress->steps = progress->epoch_steps * MOST_EPOCHS;
	while ((step = time_steps(training)) <= 0 || (validation = time_validation(training)) <= 0)
		CHECK_FOR_INTERRUPTS();
	learner_reset(training->learner);
	rest = limit(training) - seconds_since(training->clock.start);
	epochs = floor(rest / (step * (double) progress->epoch_steps + validation));
	if (epochs < 1)
	{
		/* not even one fits: one shorter epoch */
		progress->epoch_steps = Max(1, (int64) Min((double) progress->epoch_steps, (rest - validation) / step));
		epochs = 1;
	}
	set_epochs(training, (int) Min(epochs, most_epochs > 0 ? most_epochs : MOST_EPOCHS));
}

void
time_budget_trim(Training *training, int epoch, double elapsed, double epoch_seconds)
{
	double		rest = training->request.options.max_minutes * 60 - elapsed;

	if (training->request.options.max_minutes > 0 && epoch_seconds * (training->request.epochs - epoch) > rest)
		set_epochs(training, epoch + (int) Max(0, Min(floor(rest / epoch_seconds), training->request.epochs - epoch)));
}
