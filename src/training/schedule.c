/*
 * schedule.c: how many epochs fit into the minutes that were given.
 *
 * A few steps and a part of an evaluation are timed and thrown away; then the number of epochs is set, so that the rates
 * run down to their end within the time.  The plan stays, so that the same epochs give the same weights again without any
 * clock, unless the machine turns out to be slower: then the epochs that no longer fit are left out and the rates run down
 * sooner.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "training/train.h"

#define MARGIN 0.05				/* of the time, for what was not measured */
#define TRIAL_STEPS 3			/* at least */
#define TRIAL_SECONDS 5.0		/* of steps, at most unless the steps are that slow */
#define TRIAL_SHARE 0.02		/* of all the time, likewise */
#define TRIAL_SAMPLES 1024		/* of an evaluation */
#define MOST_EPOCHS 100000

static double
limit(const Training *training)
{
	return training->options.max_minutes * 60 * (1 - MARGIN);
}

static void
set_epochs(Training *training, int epochs)
{
	NetworkProgress *progress = &training->learner->progress;

	training->epochs = epochs;
	progress->steps = progress->epoch_steps * epochs;
}

/* Seconds of a step; 0 when a cancel came in between. */
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

/* Seconds of an evaluation, likewise. */
static double
time_evaluation(Training *training)
{
	Learner    *learner = training->learner;
	int			count = Min(training->held_out_count, TRIAL_SAMPLES);
	instr_time	start;

	learner_rest(learner);
	INSTR_TIME_SET_CURRENT(start);
	if (!held_out_embed(training, count))
		return 0;
	return seconds_since(start) * training->held_out_count / count;
}

void
schedule_plan(Training *training, int most_epochs)
{
	NetworkProgress *progress = &training->learner->progress;
	double		step;
	double		evaluation;
	double		rest;
	double		epochs;

	progress->steps = progress->epoch_steps * MOST_EPOCHS;
	while ((step = time_steps(training)) <= 0 || (evaluation = time_evaluation(training)) <= 0)
		CHECK_FOR_INTERRUPTS();
	learner_begin(training->learner);
	rest = limit(training) - seconds_since(training->start);
	epochs = floor(rest / (step * (double) progress->epoch_steps + evaluation));
	if (epochs < 1)
	{
		/* not even one: one that is shorter */
		progress->epoch_steps = Max(1, (int64) Min((double) progress->epoch_steps, (rest - evaluation) / step));
		epochs = 1;
	}
	set_epochs(training, (int) Min(epochs, most_epochs > 0 ? most_epochs : MOST_EPOCHS));
}

void
schedule_keep(Training *training, int epoch, double elapsed, double epoch_seconds)
{
	double		rest = training->options.max_minutes * 60 - elapsed;

	if (training->options.max_minutes > 0 && epoch_seconds * (training->epochs - epoch) > rest)
		set_epochs(training, epoch + (int) Max(0, Min(floor(rest / epoch_seconds), training->epochs - epoch)));
}
