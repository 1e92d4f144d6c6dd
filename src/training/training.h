/*
 * training.h: one training, shared by the files that run it: train.c (the SQL procedures), resume.c (reads the checkpoint of an
 * earlier one), warm_start.c, time_budget.c, loop.c (the epochs), validation.c (the scores of an epoch), commit_epoch.c (what
 * it commits, and which weights are kept) and checkpoint.c (of that, what resume() needs).
 */
#ifndef SIAMESE_TRAINING_H
#define SIAMESE_TRAINING_H

#include "postgres.h"

#include "common/clock.h"
#include "model/promote.h"
#include "model/stored_calibration.h"
#include "training/examples.h"
#include "training/held_out_error.h"
#include "training/learner.h"
#include "training/split.h"
#include "training/train_options.h"

/* The arguments of the call; when resumed, those of the call that began it. */
typedef struct TrainingRequest
{
	char	   *model;
	char	   *network;
	char	   *query;
	int			epochs;			/* 0 until they are known; fewer later if the time budget is short */
	int64		seed;
	TrainOptions options;
} TrainingRequest;

/* The held-out examples, in the order of the split. */
typedef struct ValidationSet
{
	int			count;
	int		   *example;		/* [count] */
	float	   *embedding;		/* [count, dimensions], overwritten by each validation; NULL with a head */
	Size		side_bytes;		/* with a head: memory for sides of samples, that of the activations of a step */
	struct ElasticTable *elastic;	/* of trajectories, from the first validation on */
} ValidationSet;

/* What is committed of the version so far. */
typedef struct TrainedVersion
{
	char	   *owner;			/* of the model's name */
	int			number;			/* 0 until the first epoch */
	int			epoch;			/* the last one that was committed */
	int			kept_epoch;
	uint64		fingerprint;	/* of the kept epoch */
	double		least_eer;		/* of all epochs so far */
	float		least_replicate[BOOTSTRAP_REPLICATES];	/* of that epoch's error */
} TrainedVersion;

/* What a resumed training has to do as the one before; zero in a new one. */
typedef struct ResumedPlan
{
	double		elapsed;		/* seconds until the checkpoint */
	char	   *digest;			/* of the examples */
	int64		epoch_steps;
	int			samples_at_once;
} ResumedPlan;

typedef struct TrainingClock
{
	instr_time	start;			/* of this call */
	instr_time	loop_start;		/* of its first epoch, ... */
	int			loop_epoch;		/* ... which came after this one */
	double		after_steps;	/* seconds from the last step of the last epoch until it was committed; 0 in the first */
} TrainingClock;

typedef struct Training
{
	MemoryContext context;		/* outlives the transactions; holds everything below */
	TrainingRequest request;
	ResumedPlan resumed;
	uint64		start_fingerprint;	/* with the option "start" */
	NetworkDefinition *definition;
	bool		spare_memory;	/* the network computes by the methods that take least */
	char	   *memory_text;	/* where memory goes, a sentence for people */
	Examples   *examples;
	Split	   *split;
	Learner    *learner;
	ValidationSet validation;
	TrainedVersion version;
	TrainingClock clock;
} Training;

typedef struct EpochResult
{
	int			epoch;
	double		loss;
	HeldOutError error;
	double		images_per_second;
	instr_time	learned;		/* when its last step was done */
	double		elapsed;		/* seconds since the training began, interruptions not counted */
	double		remaining;
	ModelCalibration calibration;
	ReferenceCalibration *references;
	Jsonb	   *scores;
} EpochResult;

/* ---- loop.c -------------------------------------------------------------------------------------------------------- */

/* Runs and commits all epochs that are left; then finishes the version. */
extern void loop_run(Training *training);

/* ---- validation.c -------------------------------------------------------------------------------------------------- */

/* Limits of what is held out, since each epoch embeds it all: so many samples, or values of embeddings (64 MB). */
#define VALIDATION_SAMPLES 20000
#define VALIDATION_VALUES (16 * 1024 * 1024)

/* Lists the held-out examples, with room for their embeddings, in the current memory context. */
extern void validation_gather(Training *training);

/*
 * A small part of a validation, to be timed: *share is that of the whole which was done.  False if a cancel or a termination is
 * pending.
 */
extern bool validation_trial(Training *training, double *share);

/* Fills error, calibration, references (NULL with a head) and scores.  False as above. */
extern bool validation_score(Training *training, EpochResult *result);

/* ---- commit_epoch.c ------------------------------------------------------------------------------------------------ */

/*
 * One transaction.  A cancel ends it as well, since writing the checkpoint of a large network takes many seconds: that epoch is
 * then computed again.
 */
extern void commit_epoch(Training *training, EpochResult *result);

/*
 * Finishes the version, and promotes it if that is asked for.  Returns the scores of the epoch that was kept, which a call
 * before this one may have committed; in the training's context.
 */
extern Jsonb *commit_finished(Training *training, PromotionResult *promotion);

/* ---- checkpoint.c -------------------------------------------------------------------------------------------------- */

/*
 * In the current transaction, as the tables' owner.  user: who trains.  first: this version has no checkpoint yet; those of
 * the name's earlier versions are removed.
 */
extern void checkpoint_store(const Training *training, int epoch, double elapsed, Oid user, bool first);
extern void checkpoint_load(Training *training);	/* into the learner's arrays; raises if it does not fit */
extern void checkpoint_drop(const Training *training);	/* as the tables' owner */

/* ---- warm_start.c -------------------------------------------------------------------------------------------------- */

/* Which version the option "start" means, and its weights into the learner; nothing without the option. */
extern void warm_start_resolve(Training *training);
extern void warm_start_load(Training *training);

/* ---- time_budget.c ------------------------------------------------------------------------------------------------- */

/* With max_minutes: sets the number of epochs, at most most_epochs unless that is 0; if not one fits, shortens the only one. */
extern void time_budget_plan(Training *training, int most_epochs);

/* With max_minutes: drops epochs that no longer fit.  elapsed: seconds of all until now; epoch_seconds: of one. */
extern void time_budget_trim(Training *training, int epoch, double elapsed, double epoch_seconds);

/* ---- resume.c ------------------------------------------------------------------------------------------------------ */

/* Fills training from the rows of its model and checkpoint; raises if there is nothing to resume.  version 0: the newest. */
extern void resume_read(Training *training, int version);

#endif
