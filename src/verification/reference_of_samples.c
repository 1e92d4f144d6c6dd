/*
 * reference_of_samples.c: references from samples themselves: the aggregate reference(sample, model [, window]) and
 * reference_update(reference, sample).
 *
 * The reference also keeps the specimens that elastic matching compares, where verify_keeps_specimens() says so.
 */
#include "postgres.h"

#include "fmgr.h"

#include "common/compat.h"
#include "embedding/reference.h"
#include "model/embed.h"
#include "model/model.h"
#include "model/sql_samples.h"
#include "verification/verify.h"

static Datum
add_sample(FunctionCallInfo fcinfo, NetworkInputKind kind)
{
	MemoryContext context;
	ReferenceState *state = PG_ARGISNULL(0) ? NULL : (ReferenceState *) PG_GETARG_POINTER(0);
	int			window;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	window = reference_window_argument(fcinfo, 3);
	if (!PG_ARGISNULL(1))
	{
		Model	   *model = model_embedding_argument(fcinfo, 2, kind);
		Embedding  *embedding = model_embed_datum(model, PG_GETARG_DATUM(1));
		bool		kept = verify_keeps_specimens(model);
		Specimen	specimen;

		if (kept)
			specimen = verify_specimen(model);
		state = reference_state_add(state, context, embedding, kept ? &specimen : NULL, window);
		if (kept)
			specimen_release(&specimen);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(siamese_reference_add_image);

Datum
siamese_reference_add_image(PG_FUNCTION_ARGS)
{
	return add_sample(fcinfo, INPUT_IMAGE);
}

PG_FUNCTION_INFO_V1(siamese_reference_add_pen);

Datum
siamese_reference_add_pen(PG_FUNCTION_ARGS)
{
	return add_sample(fcinfo, INPUT_PEN);
}

/* With the new specimen behind those that it has, of which the oldest ends if there is no more room. */
static Reference *
update_specimens(const Reference *old, const Reference *updated, const Specimen *new)
{
	Specimen	specimen[REFERENCE_SPECIMENS + 1];
	int			kept = reference_specimens(old);
	int			count = Min(updated->count, REFERENCE_SPECIMENS);

	reference_get_specimens(old, specimen);
	specimen[kept] = *new;
	return reference_with_specimens(updated, specimen + kept + 1 - count, count);
}

static Datum
update_with_sample(FunctionCallInfo fcinfo, NetworkInputKind kind)
{
	Reference  *old = PG_GETARG_REFERENCE(0);
	Model	   *model = verify_model_of(old, kind);
	Reference  *updated = reference_updated(old, model_embed_datum(model, PG_GETARG_DATUM(1)));
	Specimen	specimen;

	if (reference_specimens(old) == 0)
		PG_RETURN_POINTER(updated);
	specimen = verify_specimen_for(old, model);
	PG_RETURN_POINTER(update_specimens(old, updated, &specimen));
}

PG_FUNCTION_INFO_V1(siamese_reference_update_image);

Datum
siamese_reference_update_image(PG_FUNCTION_ARGS)
{
	return update_with_sample(fcinfo, INPUT_IMAGE);
}

PG_FUNCTION_INFO_V1(siamese_reference_update_pen);

Datum
siamese_reference_update_pen(PG_FUNCTION_ARGS)
{
	return update_with_sample(fcinfo, INPUT_PEN);
}
