/*
 * train.h: what the files of one training share: train.c (the calls), resume.c (what is left of an earlier one), loop.c
 * (its epochs), held_out.c (what an epoch is worth), version.c (what it commits) and state.c (of that, what resume() needs).
 */
#ifndef SIAMESE_TRAIN_H
#define SIAMESE_TRAIN_H

#include "postgres.h"

#include "common/clock.h"
#include "training/learner.h"
#include "training/training.h"

typedef struct Training
{
	char	   *model;
	char	   *network;
	char	   *query;
	char	   *owner;			/* of the model's name */
	int			epochs;
	int64		seed;
	TrainingOptions options;
	MemoryContext context;		/* outlives the transactions */
	NetworkDefinition *definition;
	Examples   *examples;
	Split	   *split;
	Learner    *learner;
	int		   *held_out;		/* indexes of examples, in the order of the split */
	int			held_out_count;
	float	   *embedding;		/* [held_out_count, dimensions] */
	uint64		start_fingerprint;	/* with the option "start" */
	int			version;		/* 0 until the first epoch */
	int			epoch;			/* the last one that was committed */
	double		elapsed;		/* seconds, when it was resumed */
	char	   *digest;			/* of the examples, when it was resumed; else NULL */
	int64		epoch_steps;	/* as they were planned, when it was resumed; else 0, as is the next */
	int			samples_at_once;
	bool		spare_memory;	/* by methods that take the least */
	char	   *memory;			/* where it goes, a sentence for people */
	uint64		fingerprint;	/* of the best epoch */
	int			best_epoch;
	double		best_error;
	instr_time	start;			/* of this call */
	instr_time	loop_start;		/* of its first epoch, ... */
	int			loop_epoch;		/* ... which came after this one */
} Training;

typedef struct EpochResult
{
	int			epoch;
	double		loss;
	double		eer;			/* mean of random and skilled where there are forgeries */
	double		auc;
	double		error;			/* what "best" means: EER, and AUC between equal ones */
	double		images_per_second;
	double		elapsed;		/* seconds since the start, breaks not counted */
	double		remaining;
	ModelCalibration calibration;
	ReferenceCalibration *references;
	Jsonb	   *scores;
} EpochResult;

/* ---- loop.c -------------------------------------------------------------------------------------------------------- */

/* All epochs that are left, each committed; then the version is finished. */
extern void loop_run(Training *training);

/* More say nothing new, and each epoch embeds them all: so many samples, or values of embeddings (64 MB). */
#define HELD_OUT_SAMPLES 20000
#define HELD_OUT_VALUES (16 * 1024 * 1024)

/* ---- held_out.c --------------------------------------------------------------------------------------------------- */

/* Which samples are held out, and room for their embeddings, in the current memory context. */
extern void held_out_gather(Training *training);

/* Embeds the first count of them.  False when a cancel came in between. */
extern bool held_out_embed(Training *training, int count);

/* Fills eer, auc, error, calibration and scores.  False when a cancel came in between. */
extern bool held_out_score(Training *training, EpochResult *result);

/* ---- version.c ---------------------------------------------------------------------------------------------------- */

/*
 * One transaction.  A cancel ends it, too, since writing the state of a large network takes many seconds: that epoch is then
 * computed again.
 */
extern void version_commit_epoch(Training *training, EpochResult *result);
extern void version_finish(Training *training);

/* ---- state.c ------------------------------------------------------------------------------------------------------ */

/*
 * In the current transaction, as the tables' owner.  user: who trains.  first: there is no state of this version yet; those of
 * the name's earlier ones go.
 */
extern void state_store(const Training *training, int epoch, double elapsed, Oid user, bool first);
extern void state_load(Training *training); /* into the learner's arrays; raises when it does not fit */
extern void state_drop(const Training *training);	/* as the tables' owner */

/* ---- start.c ------------------------------------------------------------------------------------------------------ */

/* Which version the option "start" means, and its weights into the learner; nothing without the option. */
extern void start_resolve(Training *training);
extern void start_load(Training *training);

/* ---- schedule.c --------------------------------------------------------------------------------------------------- */

/* With max_minutes: sets the epochs, at most most_epochs unless that is 0, and where not one fits the steps of the only one. */
extern void schedule_plan(Training *training, int most_epochs);

/* With max_minutes: leaves out epochs that do not fit any more.  elapsed: seconds of all until now; epoch_seconds: of one. */
extern void schedule_keep(Training *training, int epoch, double elapsed, double epoch_seconds);

/* ---- resume.c ----------------------------------------------------------------------------------------------------- */

/* Fills training from the rows of its model and state; raises when there is nothing to resume.  version 0: the newest. */
extern void resume_read(Training *training, int version);

#endif
