/*
 * examples_internal.h: what the reading (examples.c) and the sorting (examples_sort.c) of examples share.
 */
#ifndef SIAMESE_EXAMPLES_INTERNAL_H
#define SIAMESE_EXAMPLES_INTERNAL_H

#include "common/cryptohash.h"

#include "model/ink_check.h"
#include "training/examples.h"
#include "training/numbered_names.h"

#define EXAMPLE_DIGEST_BYTES 16	/* kept of a raster's SHA-256 */
#define NO_GROUP (-1)

/* A row while rows are read: the raster itself may be on disk, so it is sorted by its digest. */
typedef struct ExampleEntry
{
	int			label;
	int			slot;
	int32		frame;
	bool		genuine;
	uint8		digest[EXAMPLE_DIGEST_BYTES];
} ExampleEntry;

typedef struct ExamplesReader
{
	Examples   *examples;
	const NetworkDefinition *definition;
	MemoryContext context;		/* of the result */
	NumberedNames *labels;		/* by first appearance; sorted afterwards */
	NumberedNames *groups;		/* NULL: the query has none */
	Size		memory;			/* limit for all of the examples ... */
	Size		most;			/* ... unless the list of them alone needs more, up to this */
	int			room;			/* of entry */
	ExampleEntry *entry;
	int			label_room;
	uint8	   *raster;			/* the one being prepared */
	pg_cryptohash_ctx *hash;
	Oid			label_output;
	Oid			group_output;
	int			genuine_column; /* from 1; 0: the query has none */
	int			group_column;
	int			frame_column;
	Oid			frame_type;
	int64		row;
	InkCheck	ink_check;
} ExamplesReader;

/*
 * Sorts labels by name and entries by label and content, so that the result does not depend on the order of the rows; leaves out
 * copies, counts contradictions, computes the digest, and turns the entries into the result's examples.
 */
extern void examples_sort(ExamplesReader *reader);

#endif
