/*
 * reference_aggregate.c: the aggregate reference(embedding [, window]), and the state of those over samples
 * (verification/reference_of_samples.c).
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

struct ReferenceState
{
	int			window;
	int64		count;			/* of all embeddings */
	Embedding  *origin;			/* dimensions, metric and model of all of them; the values do not matter */
	float	   *point;			/* [space, dimensions] */
	int			space;			/* at most window */
	bool		elastic;		/* each embedding came with a specimen */
	Specimen	specimen[REFERENCE_SPECIMENS];	/* a ring of the last ones */
};

int
reference_window_argument(FunctionCallInfo fcinfo, int n)
{
	int			window = PG_NARGS() > n && !PG_ARGISNULL(n) ? PG_GETARG_INT32(n) : REFERENCE_WINDOW;

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

static void
keep_specimen(ReferenceState *state, MemoryContext context, const Specimen *specimen)
{
	Specimen   *slot = &state->specimen[state->count % REFERENCE_SPECIMENS];
	Size		bytes = specimen_bytes(specimen);

	if (slot->value != NULL)
		pfree(slot->value);
	*slot = *specimen;
	slot->value = MemoryContextAlloc(context, bytes + 1);	/* a picture may have no places */
	memcpy(slot->value, specimen->value, bytes);
}

ReferenceState *
reference_state_add(ReferenceState *state, MemoryContext context, const Embedding *embedding, const Specimen *specimen, int window)
{
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
	/* a calibration that changes meanwhile may change whether there are specimens */
	state->elastic = specimen != NULL && (state->elastic || state->count == 0);
	if (state->elastic)
		keep_specimen(state, context, specimen);
	reference_point((Metric) embedding->metric, embedding->x, embedding->dimensions,
					state->point + (Size) (state->count % state->window) * embedding->dimensions);
	state->count++;
	return state;
}

Datum
siamese_reference_add(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	ReferenceState *state = PG_ARGISNULL(0) ? NULL : (ReferenceState *) PG_GETARG_POINTER(0);
	int			window;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	window = reference_window_argument(fcinfo, 2);
	if (!PG_ARGISNULL(1))
		state = reference_state_add(state, context, PG_GETARG_EMBEDDING(1), NULL, window);
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* The specimens in their order, the oldest first. */
static Reference *
add_specimens(const ReferenceState *state, const Reference *reference)
{
	Specimen	specimen[REFERENCE_SPECIMENS];
	int			count = Min(reference->count, REFERENCE_SPECIMENS);

	for (int i = 0; i < count; i++)
		specimen[i] = state->specimen[(state->count - count + i) % REFERENCE_SPECIMENS];
	return reference_with_specimens(reference, specimen, count);
}

/* Leaves the state as it is: a window may ask again. */
Datum
siamese_reference_final(PG_FUNCTION_ARGS)
{
	ReferenceState *state;
	Reference  *reference;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (ReferenceState *) PG_GETARG_POINTER(0);
	reference = reference_of_points(state->point, (int) Min(state->count, state->window), state->origin->dimensions,
									(Metric) state->origin->metric, state->origin->model, state->window);
	PG_RETURN_POINTER(state->elastic ? add_specimens(state, reference) : reference);
}
