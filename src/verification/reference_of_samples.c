/*
 * reference_of_samples.c: references from samples themselves: the aggregate reference(sample, model [, window]) and
 * reference_update(reference, sample).
 *
 * Of a pen's trajectory the reference also keeps the sequence that elastic matching compares: that of the sample as the model's
 * network sees it.
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
		ElasticSequence sequence;

		if (kind == INPUT_PEN)
			verify_sequence_of_sample(model, &sequence);
		state = reference_state_add(state, context, embedding, kind == INPUT_PEN ? &sequence : NULL, window);
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

/* With the new sequence behind those that it has, of which the oldest ends if there is no more room. */
static Reference *
update_sequences(const Reference *old, const Reference *updated, const ElasticSequence *new)
{
	ElasticSequence sequence[REFERENCE_SEQUENCES + 1];
	int			kept = reference_sequences(old);
	int			count = Min(updated->count, REFERENCE_SEQUENCES);

	reference_get_sequences(old, sequence);
	sequence[kept] = *new;
	return reference_with_sequences(updated, sequence + kept + 1 - count, count);
}

static Datum
update_with_sample(FunctionCallInfo fcinfo, NetworkInputKind kind)
{
	Reference  *old = PG_GETARG_REFERENCE(0);
	Model	   *model = verify_model_of(old, kind);
	Reference  *updated = reference_updated(old, model_embed_datum(model, PG_GETARG_DATUM(1)));
	ElasticSequence sequence;

	if (reference_sequences(old) == 0)
		PG_RETURN_POINTER(updated);
	verify_sequence_of_sample(model, &sequence);
	PG_RETURN_POINTER(update_sequences(old, updated, &sequence));
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
