/*
 * numbered_names.h: texts numbered 0, 1, ... by their first appearance: the labels and the groups of examples.
 */
#ifndef SIAMESE_NUMBERED_NAMES_H
#define SIAMESE_NUMBERED_NAMES_H

#include "postgres.h"

#include "utils/hsearch.h"

typedef struct Names
{
	int			count;
	char	  **name;			/* [count] */
	Size		bytes;			/* about what all of it takes, and another 80 bytes a name for what is kept of it elsewhere */

	int			room;
	HTAB	   *numbers;
	MemoryContext context;
} Names;

/* In the current memory context, in which it stays. */
extern Names *names_create(void);
extern int	names_number(Names *names, const char *name);	/* of a new one: count, before it grows; the name is copied */
extern void names_end(Names *names);	/* no more numbers; the texts stay */

#endif
