/*
 * split.h: which identities are for training, and which are held out.
 */
#ifndef SIAMESE_SPLIT_H
#define SIAMESE_SPLIT_H

#include "postgres.h"

#include "training/examples.h"

#define SPLIT_LEAST_IDENTITIES 4	/* 2 to learn from, 2 held out */

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
 * held out, in random order, each that brings the number of held-out identities nearer to the share held_out; no more of
 * them once they have most_samples.  Of a larger group some identities are on neither side.
 */
extern Split *split_identities(const Examples *examples, double held_out, int most_samples, uint64 seed, bool strict);

#endif
