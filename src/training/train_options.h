/*
 * train_options.h: the options of train().
 */
#ifndef SIAMESE_TRAIN_OPTIONS_H
#define SIAMESE_TRAIN_OPTIONS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "model/promote.h"

#define LEARN_ALL PG_INT32_MIN

typedef struct TrainOptions
{
	int			threads;
	bool		strict;
	bool		held_out;		/* the share of held-out identities was asked for, not the definition's */
	Promotion	promotion;		/* whether the name shall mean the version once it is finished */
	double		max_minutes;	/* 0: no limit, as many epochs as were asked for */
	char	   *start;			/* the model to begin from, or NULL */
	int			learn_last;		/* so many of the last layers with weights learn, not yet checked; or LEARN_ALL */
	Jsonb	   *given;			/* as the caller wrote them */
	Jsonb	   *definition;		/* the network's, changed by the options */
} TrainOptions;

/* The option "start" alone, NULL if there is none, before a definition is known. */
extern char *train_options_start(Jsonb *given);

/* Raises on unknown options (the hint lists the known ones) and values out of range. */
extern void train_options_read(Jsonb *given, Jsonb *network_definition, TrainOptions *options);

/* Sets from options->given, as it was stored, what a resumed training needs besides threads and definition. */
extern void train_options_resume(TrainOptions *options);

/* Replaces "start" in options->given by the version that it meant. */
extern void train_options_set_start(TrainOptions *options, const char *start);

#endif
