/*
 * candidate_queue.h: candidates of a search, the smallest bound first, and not more than a limit.
 */
#ifndef SIAMESE_INDEX_CANDIDATE_QUEUE_H
#define SIAMESE_INDEX_CANDIDATE_QUEUE_H

#include "postgres.h"

#include <math.h>

#include "storage/itemptr.h"

typedef struct Candidate
{
	float		bound;
	ItemPointerData tid;
} Candidate;

/* A total order: no two rows have the same TID. */
static inline bool
candidate_less(const Candidate *a, const Candidate *b)
{
	if (a->bound != b->bound)
		return a->bound < b->bound;
	return ItemPointerCompare((ItemPointer) &a->tid, (ItemPointer) &b->tid) < 0;
}

typedef struct CandidateQueue
{
	Candidate  *items;			/* a binary heap */
	int			count;
	int			space;
	int			limit;			/* when twice as many are in the queue, the farther half is dropped */
	bool		dropped;
	Candidate	last;			/* if dropped: all up to this one have stayed, all after it were dropped */
} CandidateQueue;

extern void candidate_queue_reset(CandidateQueue *queue, int limit);
extern void candidate_queue_push(CandidateQueue *queue, const Candidate *candidate);
extern Candidate candidate_queue_pop(CandidateQueue *queue);

/* No candidate with a larger bound is of use. */
static inline float
candidate_queue_cutoff(const CandidateQueue *queue)
{
	return queue->dropped ? queue->last.bound : INFINITY;
}

#endif
