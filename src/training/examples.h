/*
 * examples.h: the rows of an examples' query, prepared: what training learns from and evaluation measures by.
 */
#ifndef SIAMESE_EXAMPLES_H
#define SIAMESE_EXAMPLES_H

#include "postgres.h"

#include "network/network.h"
#include "training/raster_store.h"

typedef struct Example
{
	int			label;			/* index into Examples.label */
	bool		genuine;
	int			slot;			/* number of its raster in the store: rises in the order of the query's rows */
	int32		frame;			/* 0 if the query has no frames */
} Example;

typedef struct ExampleLabel
{
	char	   *name;
	int			first;			/* index of its first example; genuine ones come first, then forgeries */
	int			genuine;
	int			forged;
	int			group;			/* 0 .. groups - 1: labels of one group are never on both sides of a split */
} ExampleLabel;

/* What is wrong with the rows; each first_... is a sentence about the first such row. */
typedef struct ExampleProblems
{
	int64		null_rows;		/* left out: the sample or the label is NULL */
	int64		bad_rows;		/* left out: the sample cannot be decoded or prepared */
	char	   *first_bad;
	int64		copies;			/* left out: the same as another sample of the label, once prepared */
	int64		contradictions; /* kept: samples that are genuine under two labels, or both genuine and forged under one */
	char	   *first_contradiction;
} ExampleProblems;

typedef struct Examples
{
	int			count;
	Example    *example;		/* [count], sorted by label, genuine before forged, then by content */
	int			labels;
	ExampleLabel *label;		/* [labels], sorted by name, bytewise */
	int			groups;			/* as many as labels when the query has no groups */
	bool		grouped;		/* the query has groups */
	bool		framed;			/* the query has frames */
	char	   *digest;			/* SHA-256 over labels, groups, frames and prepared samples, in hexadecimal; not of their order */
	int			raster_bytes;	/* of one example */
	struct RasterStore *rasters;
	Size		bytes;			/* that all of it takes in memory */
	ExampleProblems problems;
} Examples;

/*
 * Runs the query inside the current SPI connection; everything lives in the current memory context.  Columns: sample
 * bytea or real[], label of any type, optionally genuine boolean (NULL is an error), optionally group of any type; and among those
 * behind the label, by its name, optionally frame, an integer.  All rows of a label that name a group must name the same one; a
 * label without any is a group of its own.  The result depends on the set
 * of rows, not on their order.  Rasters that do not fit into memory bytes go to a temporary file.  Warns of rows that were left
 * out; raises if the query or its columns are wrong, or if the list of the rows alone takes more than most bytes.
 */
extern Examples *examples_read(const char *query, const NetworkDefinition *definition, Size memory, Size most);

/*
 * Rasters, prepared as the network takes them, of the examples index [count]: raster [count] points to them, in memory or in
 * buffer [count, examples->raster_bytes].  Valid until the buffer is used again.  For the main thread alone.
 */
extern void examples_fetch(const Examples *examples, const int *index, int count, uint8 *buffer, const uint8 **raster);
extern bool examples_spilled(const Examples *examples);	/* whether there is a temporary file */

#endif
