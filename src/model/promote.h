/*
 * promote.h: which version of a model its plain name means.
 */
#ifndef SIAMESE_PROMOTE_H
#define SIAMESE_PROMOTE_H

#include "postgres.h"

/* Whether a new version becomes the one that the name means. */
typedef enum Promotion
{
	PROMOTE_IF_HARMLESS,		/* unless an index or a trigger is in use with other weights */
	PROMOTE_SAME_WEIGHTS,		/* if the name means the same weights already */
	PROMOTE_ALWAYS,
	PROMOTE_NEVER
} Promotion;

/* Why a version was not promoted, and what is in use with the one that the name means; strings in the context of the call. */
typedef struct PromotionResult
{
	bool		promoted;
	int			before;			/* the version that the name meant before; 0: none */
	char	   *in_use;			/* indexes and triggers, a list for people; empty if there are none */
} PromotionResult;

/*
 * Decides that for a finished version, whose promoted_at is NULL if it is new, in the transaction that makes it.  Raises if
 * there is no such version, or if it is not finished.  Inside an SPI connection; runs as the tables' owner by itself.  migrated: a table whose triggers are no obstacle, or InvalidOid.  The strings of the result are allocated in the given context.
 */
extern PromotionResult model_promote_version(const char *name, int version, Promotion promotion, Oid migrated,
											 MemoryContext context);

/* A NOTICE if the version was not promoted, or was although something is in use with another. */
extern void model_report_promotion(const char *name, int version, const PromotionResult *result);

#endif
