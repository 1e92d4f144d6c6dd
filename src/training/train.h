/*
 * train.h: what the files of one training share: train.c (the call), loop.c (its epochs), held_out.c (what an epoch is
 * worth) and version.c (what it commits).
 */
#ifndef SIAMESE_TRAIN_H
#define SIAMESE_TRAIN_H

#include "postgres.h"

#include "portability/instr_time.h"

#include "training/learner.h"
#include "training/training.h"

typedef struct Training
{
	char	   *model;
	char	   *network;
	char	   *query;
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
	int			version;		/* 0 until the first epoch */
	uint64		fingerprint;	/* of the best epoch */
	int			best_epoch;
	double		best_error;
	instr_time	start;
} Training;

typedef struct EpochResult
{
	int			epoch;
	double		loss;
	double		eer;			/* mean of random and skilled where there are forgeries */
	double		auc;
	double		error;			/* what "best" means: EER, and AUC between equal ones */
	double		images_per_second;
	double		elapsed;		/* seconds since the start */
	double		remaining;
	ModelCalibration calibration;
	Jsonb	   *scores;
} EpochResult;

/* ---- loop.c -------------------------------------------------------------------------------------------------------- */

/* All epochs, each committed; then the version is finished. */
extern void loop_run(Training *training);

/* ---- held_out.c --------------------------------------------------------------------------------------------------- */

/* Which samples are held out, and room for their embeddings, in the current memory context. */
extern void held_out_gather(Training *training);

/* Fills eer, auc, error, calibration and scores.  False when a cancel came in between. */
extern bool held_out_score(Training *training, EpochResult *result);

/* ---- version.c ---------------------------------------------------------------------------------------------------- */

/*
 * One transaction.  It is not interrupted: an epoch that has been computed is not thrown away for the moment that writing
 * it takes.
 */
extern void version_commit_epoch(Training *training, EpochResult *result);
extern void version_finish(Training *training);

#endif
