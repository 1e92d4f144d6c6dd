/*
 * candidate_queue.c: candidates of a search.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "index/candidate_queue.h"

#define FIRST_SPACE 256

void
candidate_queue_reset(CandidateQueue *queue, int limit)
{
	queue->count = 0;
	queue->limit = limit;
	queue->dropped = false;
}

static void
sift_down(CandidateQueue *queue, int place)
{
	Candidate	moved = queue->items[place];

	for (;;)
	{
		int			child = 2 * place + 1;

		if (child >= queue->count)
			break;
		if (child + 1 < queue->count && candidate_less(&queue->items[child + 1], &queue->items[child]))
			child++;
		if (!candidate_less(&queue->items[child], &moved))
			break;
		queue->items[place] = queue->items[child];
		place = child;
	}
	queue->items[place] = moved;
}

#define SELECT_FUNCTION select_candidate
#define SELECT_TYPE Candidate
#define SELECT_LESS(a, b) candidate_less(a, b)
#include "index/quickselect.h"

static void
drop_farther_half(CandidateQueue *queue)
{
	queue->last = select_candidate(queue->items, queue->count, queue->limit);
	queue->dropped = true;
	queue->count = queue->limit;
	for (int i = queue->count / 2 - 1; i >= 0; i--)
		sift_down(queue, i);
}

void
candidate_queue_push(CandidateQueue *queue, const Candidate *candidate)
{
	int			place;

	if (queue->dropped && candidate_less(&queue->last, candidate))
		return;
	if (queue->count == queue->space)
	{
		int			space = queue->space ? queue->space * 2 : FIRST_SPACE;

		queue->items = queue->items ? repalloc_huge(queue->items, sizeof(Candidate) * (Size) space) :
			MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Candidate) * (Size) space);
		queue->space = space;
	}
	for (place = queue->count++; place > 0; place = (place - 1) / 2)
	{
		Candidate  *parent = &queue->items[(place - 1) / 2];

		if (!candidate_less(candidate, parent))
			break;
		queue->items[place] = *parent;
	}
	queue->items[place] = *candidate;
	if (queue->count / 2 >= queue->limit)
		drop_farther_half(queue);
}

Candidate
candidate_queue_pop(CandidateQueue *queue)
{
	Candidate	first = queue->items[0];

	queue->items[0] = queue->items[--queue->count];
	if (queue->count > 0)
		sift_down(queue, 0);
	return first;
}
