/*
 * insert_internal.h: the row that is being inserted, for insert.c and insert_region.c.
 */
#ifndef SIAMESE_INSERT_INTERNAL_H
#define SIAMESE_INSERT_INTERNAL_H

#include "postgres.h"

#include "utils/rel.h"

#include "index/index.h"
#include "index/region.h"

#define CHOICES 4				/* nearest cells whose leaves are tried */

typedef struct Choice
{
	BlockNumber directory;		/* node and item of the cell; InvalidBlockNumber: none */
	int			item;
	ItemPointerData leaf;		/* its pointer */
	uint16		cell;
	uint32		sum;			/* of its code and the row's; UINT32_MAX: none */
	float		slack;			/* the cell's now, and with the row */
	float		needed;
} Choice;

typedef struct Insertion
{
	Relation	index;
	IndexMeta	meta;
	IndexLayout layout;
	IndexLayout directory;
	const Embedding *row;
	ItemPointerData tid;
	float	   *vector;			/* [n] */
	double		rounding;		/* of it */
	uint32		region;
	float		step;
	float	   *centre;			/* [n] */
	uint8	   *code;			/* [n] of the row in the region */
	float		slack;
	float		prefix_slack;		/* of the code's prefix */
	float		clipped;
	float		radius;			/* the row's distance to the centre, in units */
	IndexRegion record;			/* a copy */
	Choice		choices[CHOICES];	/* the nearest cells, nearest first */
	Choice		listed;			/* the nearest one in the first leaf of the free-space list */
	BlockNumber directory_space; /* a directory node with free space, or the last one; InvalidBlockNumber: there is none */
} Insertion;

/* The nearest region, or, if there is none or it is too small for the row, a new one around it: region, step, centre and code. */
extern void insert_find_region(Insertion *insertion);

/* Makes the region's radius at least the row's distance to the centre; takes a copy of its record. */
extern void insert_grow_region(Insertion *insertion);

#endif
