/*
 * new_version.h: a finished version that was not trained here: imported.
 */
#ifndef SIAMESE_NEW_VERSION_H
#define SIAMESE_NEW_VERSION_H

#include "postgres.h"

#include "utils/jsonb.h"

typedef struct NewVersion
{
	Jsonb	   *definition;
	Jsonb	   *calibration;	/* NULL: none yet */
	Jsonb	   *scores;
	const char *network;
	const char *metric;			/* "" and 0 dimensions for a network of pairs, and for a tracker */
	uint64		fingerprint;
	int			dimensions;
	int64		seed;
	int			epochs;
	int			threads;
} NewVersion;

/* Inserts the next version of a name; its number.  Inside an SPI connection, as the tables' owner, with the name locked. */
extern int	model_insert_version(const NewVersion *version, const char *name, const char *owner);

#endif
