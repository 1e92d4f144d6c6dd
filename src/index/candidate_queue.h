/*
 * candidate_queue.h: candidates of a search, the smallest bound first; at most so many are kept.
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

typedef struct CandidateHeap
{
	Candidate  *items;			/* a binary heap */
	int			count;
	int			space;
	int			keep;			/* when twice as many have come, the larger half is dropped */
	bool		dropped;
	Candidate	last;			/* if dropped: all up to this one were kept, all after it were dropped */
} CandidateHeap;

extern void heap_reset(CandidateHeap *heap, int keep);
extern void heap_push(CandidateHeap *heap, const Candidate *candidate);
extern Candidate heap_pop(CandidateHeap *heap);

/* No candidate with a larger bound is of use. */
static inline float
heap_cutoff(const CandidateHeap *heap)
{
	return heap->dropped ? heap->last.bound : INFINITY;
}

/* Orders values so that the first count ones are the smallest; returns the largest of those. */
extern float select_floats(float *values, int length, int count);

#endif
