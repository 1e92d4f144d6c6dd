/*
 * split.h: which identities are for training, and which are held out.
 */
#ifndef SIAMESE_SPLIT_H
#define SIAMESE_SPLIT_H

#include "postgres.h"

#include "training/examples.h"

#define SPLIT_LEAST_IDENTITIES 4	/* 2 to learn from, 2 held out */

typedef struct SplitRequest
{
	double		share;			/* of the identities to hold out */
	bool		asked;			/* the user asked for this share; else it is the network definition's */
	bool		strict;
	int			most_samples;	/* held out */
} SplitRequest;

typedef struct Split
{
	int			training;
	int			held_out;
	int			groups;			/* of all identities that can be used */
	int			held_out_groups;
	int		   *training_label; /* [training] */
	int		   *held_out_label; /* [held_out] */
} Split;

/*
 * Splits groups (identities, where the query has no groups), never samples, by seed.  An identity needs two genuine samples:
 * others raise an error, or with strict false are left out.  Raises if there are too few identities or groups.  Whole groups are
 * held out, in random order, each that brings the number of held-out identities nearer to the wanted one (split_wanted()); no
 * more of them once they have most_samples.  Of a larger group some identities are on neither side.
 */
extern Split *split_identities(const Examples *examples, const SplitRequest *request, uint64 seed);

/*
 * How many of so many identities to hold out.  Where the user asked for the share, that share.  Else of a small collection more
 * than the definition's: as many as error rates need, CALIBRATION_FEW, up to a quarter of all; and the fewest that intervals
 * need, BOOTSTRAP_LEAST_GROUPS, up to a third.
 */
extern int	split_wanted(int identities, const SplitRequest *request);

#endif
