/*
 * progress.h: what a running training is doing, for siamese.training_progress in all sessions.
 */
#ifndef SIAMESE_PROGRESS_H
#define SIAMESE_PROGRESS_H

#include "postgres.h"

typedef enum TrainingPhase
{
	PHASE_READING,				/* the examples */
	PHASE_TIMING,				/* steps, for the number of epochs */
	PHASE_REPEATING,			/* draws of batches, up to where a resumed training was */
	PHASE_LEARNING,
	PHASE_MEASURING,			/* the held-out examples */
	PHASE_COMMITTING
} TrainingPhase;

/* What is known of the training as a whole. */
typedef struct TrainingPlan
{
	int			version;		/* 0: not known yet */
	int			epoch;			/* the current one */
	int			epochs;
	int64		steps;			/* of an epoch */
} TrainingPlan;

/* These do nothing outside of a training, and cost no more than a few writes to memory. */
extern void progress_begin(const char *model);
extern void progress_elapsed(double seconds);	/* before this call, of a resumed training */
extern void progress_phase(TrainingPhase phase);
extern void progress_examples(int64 count);	/* read, or of the held-out ones measured */
extern void progress_epoch(const TrainingPlan *plan);
extern void progress_step(int64 step, double loss, double images_per_second, double remaining);
extern void progress_end(void);

#endif
