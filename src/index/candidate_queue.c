/*
 * candidate_queue.c: candidates of a search.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "index/candidate_queue.h"

#define HEAP_FIRST_SPACE 256

void
heap_reset(CandidateHeap *heap, int keep)
{
	heap->count = 0;
	heap->keep = keep;
	heap->dropped = false;
}

static void
sift_down(CandidateHeap *heap, int place)
{
	Candidate	moved = heap->items[place];

	for (;;)
	{
		int			child = 2 * place + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count && candidate_less(&heap->items[child + 1], &heap->items[child]))
			child++;
		if (!candidate_less(&heap->items[child], &moved))
			break;
		heap->items[place] = heap->items[child];
		place = child;
	}
	heap->items[place] = moved;
}

/* Hoare's selection: afterwards the smallest keep ones come first, and the largest of them is at keep - 1. */
static void
drop_half(CandidateHeap *heap)
{
	int			low = 0;
	int			high = heap->count - 1;
	int			place = heap->keep - 1;

	while (low < high)
	{
		Candidate	pivot = heap->items[low + (high - low) / 2];
		int			i = low;
		int			j = high;

		while (i <= j)
		{
			while (candidate_less(&heap->items[i], &pivot))
				i++;
			while (candidate_less(&pivot, &heap->items[j]))
				j--;
			if (i <= j)
			{
				Candidate	swapped = heap->items[i];

				heap->items[i++] = heap->items[j];
				heap->items[j--] = swapped;
			}
		}
		if (place <= j)
			high = j;
		else if (place >= i)
			low = i;
		else
			break;
	}
	heap->last = heap->items[place];
	heap->dropped = true;
	heap->count = heap->keep;
	for (int i = heap->count / 2 - 1; i >= 0; i--)
		sift_down(heap, i);
}

void
heap_push(CandidateHeap *heap, const Candidate *candidate)
{
	int			place;

	if (heap->dropped && candidate_less(&heap->last, candidate))
		return;
	if (heap->count == heap->space)
	{
		int			space = heap->space ? heap->space * 2 : HEAP_FIRST_SPACE;

		heap->items = heap->items ? repalloc_huge(heap->items, sizeof(Candidate) * (Size) space) :
			MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Candidate) * (Size) space);
		heap->space = space;
	}
	for (place = heap->count++; place > 0; place = (place - 1) / 2)
	{
		Candidate  *parent = &heap->items[(place - 1) / 2];

		if (!candidate_less(candidate, parent))
			break;
		heap->items[place] = *parent;
	}
	heap->items[place] = *candidate;
	if (heap->count / 2 >= heap->keep)
		drop_half(heap);
}

Candidate
heap_pop(CandidateHeap *heap)
{
	Candidate	first = heap->items[0];

	heap->items[0] = heap->items[--heap->count];
	if (heap->count > 0)
		sift_down(heap, 0);
	return first;
}

float
select_floats(float *values, int length, int count)
{
	int			low = 0;
	int			high = length - 1;
	int			place = count - 1;

	while (low < high)
	{
		float		pivot = values[low + (high - low) / 2];
		int			i = low;
		int			j = high;

		while (i <= j)
		{
			while (values[i] < pivot)
				i++;
			while (pivot < values[j])
				j--;
			if (i <= j)
			{
				float		swapped = values[i];

				values[i++] = values[j];
				values[j--] = swapped;
			}
		}
		if (place <= j)
			high = j;
		else if (place >= i)
			low = i;
		else
			break;
	}
	return values[place];
}
