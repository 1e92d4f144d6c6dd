/*
 * reference_aggregate.c: the aggregate reference(embedding [, window]).
 *
 * The last embeddings of the input's order count, so its state is a ring of them: ORDER BY within the call says which.
 */
#include "postgres.h"

#include "fmgr.h"

#include "common/check.h"
#include "common/compat.h"
#include "embedding/reference.h"

PG_FUNCTION_INFO_V1(siamese_reference_add);
PG_FUNCTION_INFO_V1(siamese_reference_final);

typedef struct ReferenceState
{
	int			window;
	int64		count;			/* of all embeddings */
	Embedding  *origin;			/* dimensions, metric and model of all of them; the values do not matter */
	float	   *point;			/* [space, dimensions] */
	int			space;			/* at most window */
} ReferenceState;

static int
window_argument(FunctionCallInfo fcinfo)
{
	int			window = PG_NARGS() > 2 && !PG_ARGISNULL(2) ? PG_GETARG_INT32(2) : REFERENCE_WINDOW;

	if (window < 1 || window > REFERENCE_LARGEST_WINDOW)
		check_window(window, REFERENCE_LARGEST_WINDOW);
	return window;
}

static ReferenceState *
make_state(MemoryContext context, const Embedding *embedding, int window)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	ReferenceState *state = palloc0(sizeof(ReferenceState));

	state->window = window;
	state->origin = embedding_make(embedding->dimensions, (Metric) embedding->metric, embedding->model);
	state->space = Min(window, REFERENCE_WINDOW);
	state->point = palloc_extended(sizeof(float) * state->space * embedding->dimensions, MCXT_ALLOC_HUGE);
	MemoryContextSwitchTo(old);
	return state;
}

Datum
siamese_reference_add(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	ReferenceState *state = PG_ARGISNULL(0) ? NULL : (ReferenceState *) PG_GETARG_POINTER(0);
	Embedding  *embedding;
	int			window;
	int			slot;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	window = window_argument(fcinfo);
	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	embedding = PG_GETARG_EMBEDDING(1);
	if (state == NULL)
		state = make_state(context, embedding, window);
	else
	{
		embedding_check_comparable(state->origin, embedding);
		if (window != state->window)
			check_window_changed(state->window, window);
	}
	if (state->count == state->space && state->space < state->window)
	{
		state->space = Min(2 * state->space, state->window);
		state->point = repalloc_huge(state->point, sizeof(float) * state->space * embedding->dimensions);
	}
	slot = (int) (state->count++ % state->window);
	reference_point((Metric) embedding->metric, embedding->x, embedding->dimensions,
					state->point + (Size) slot * embedding->dimensions);
	PG_RETURN_POINTER(state);
}

/* Leaves the state as it is: a window may ask again. */
Datum
siamese_reference_final(PG_FUNCTION_ARGS)
{
	ReferenceState *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (ReferenceState *) PG_GETARG_POINTER(0);
	PG_RETURN_POINTER(reference_of_points(state->point, (int) Min(state->count, state->window), state->origin->dimensions,
										  (Metric) state->origin->metric, state->origin->model, state->window));
}
