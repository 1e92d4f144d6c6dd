/*
 * numbered_names.h: texts numbered 0, 1, ... by their first appearance: the labels and the groups of examples.
 */
#ifndef SIAMESE_NUMBERED_NAMES_H
#define SIAMESE_NUMBERED_NAMES_H

#include "postgres.h"

#include "utils/hsearch.h"

typedef struct NumberedNames
{
	int			count;
	char	  **name;			/* [count] */
	Size		bytes;			/* about what all of it takes, and 80 bytes a name for what others store about it */

	int			room;
	HTAB	   *numbers;
	MemoryContext context;
} NumberedNames;

/* In the current memory context. */
extern NumberedNames *numbered_names_create(void);
extern int	numbered_names_number(NumberedNames *names, const char *name);	/* a new name is copied and gets the next number */
extern void numbered_names_freeze(NumberedNames *names);	/* frees what only numbering needs; the texts stay */

#endif
