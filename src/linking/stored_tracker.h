/*
 * stored_tracker.h: trackers as rows of siamese.model.
 */
#ifndef SIAMESE_STORED_TRACKER_H
#define SIAMESE_STORED_TRACKER_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "linking/looks.h"
#include "tracking/tracker.h"

typedef struct StoredTracker
{
	uint64		fingerprint;
	LooksModel	looks;
	Tracker		tracker;
} StoredTracker;

/*
 * The tracker that "name" or "name@version" means, in the current memory context.  Raises if there is none that the current user may
 * read, if it is another kind of model, or damaged.  Inside no SPI connection.
 */
extern StoredTracker *tracker_by_name(const char *name);

/* The definition of a tracker with these looks and settings. */
extern Jsonb *tracker_definition(const LooksModel *looks, const TrackerSettings *settings);

/*
 * Stores the next version of a name, which is locked; its number.  Inside an SPI connection, in which the owner was asked for.
 */
extern int	tracker_store(const char *name, const char *owner, const char *query, const Tracker *tracker, Jsonb *definition,
						  Jsonb *scores, Jsonb *options);

#endif
