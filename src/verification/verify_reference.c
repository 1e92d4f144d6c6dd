/*
 * verify_reference.c: whether an embedding is of the person of a reference: distance(reference, embedding) and
 * verify(reference, embedding, far, frr); and references from their packed form.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/settings.h"
#include "model/model.h"
#include "model/row_cache.h"
#include "model/sql_samples.h"
#include "model/stored_calibration.h"
#include "verification/calibration.h"
#include "verification/reference_calibration.h"
#include "verification/verify.h"

const ReferenceCalibration *
references_of(const Reference *reference)
{
	const ReferenceCalibration *calibration = reference->model != 0 ? model_references(reference->model) : NULL;

	if (calibration != NULL && calibration->dimensions != reference->dimensions)
		check_raise_damaged_model(psprintf("Its calibration is for references of %d dimensions, not %d.",
										   calibration->dimensions, reference->dimensions));
	return calibration;
}

static double
distance_to(const Reference *reference, const Embedding *embedding, const ReferenceCalibration *calibration)
{
	float		few[512];
	float	   *point = embedding->dimensions <= lengthof(few) ? few : palloc(sizeof(float) * embedding->dimensions);
	double		distance;

	reference_point((Metric) embedding->metric, embedding->x, embedding->dimensions, point);
	distance = reference_distance(reference, point, calibration ? calibration->variance : NULL);
	if (point != few)
		pfree(point);
	return distance;
}

PG_FUNCTION_INFO_V1(siamese_distance_reference);

Datum
siamese_distance_reference(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	Embedding  *embedding = PG_GETARG_EMBEDDING(1);

	reference_check_comparable(reference, embedding);
	PG_RETURN_FLOAT8(distance_to(reference, embedding, references_of(reference)));
}

/*
 * The distance up to which to accept and that beyond which to reject.  If both rates can be met by one threshold, nothing is
 * inconclusive, and the threshold is as near to even odds as they allow.  If the model is no better than chance, everything is
 * inconclusive.
 */
static void
two_thresholds(const ReferenceScores *scores, bool has_far, double far, bool has_frr, double frr, double *accept, double *reject)
{
	double		even = calibration_even_threshold(&scores->scores, setting_prior);

	if (calibration_is_chance(&scores->scores))
	{
		*accept = -INFINITY;
		*reject = INFINITY;
		return;
	}
	*accept = has_far ? calibration_threshold(&scores->scores, far) : even;
	*reject = has_frr ? reference_rejected_threshold(scores, frr) : even;
	if (*accept > *reject && has_far && has_frr)
		*accept = *reject = Max(*reject, Min(*accept, even));
	else if (*accept > *reject)
		*accept = *reject = has_far ? *accept : *reject;
}

PG_FUNCTION_INFO_V1(siamese_verify_reference);

Datum
siamese_verify_reference(PG_FUNCTION_ARGS)
{
	Datum		values[5];
	bool		nulls[5] = {false};
	Reference  *reference;
	Embedding  *embedding;
	const ReferenceCalibration *calibration;
	const ReferenceScores *scores;
	double		distance;
	double		accept;
	double		reject;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	reference = PG_GETARG_REFERENCE(0);
	embedding = PG_GETARG_EMBEDDING(1);
	reference_check_comparable(reference, embedding);
	if (reference->model == 0)
		check_raise_no_model();
	calibration = references_of(reference);
	if (calibration == NULL)
		check_raise_no_references(reference->model);
	scores = reference_scores_of(calibration, reference->count);
	distance = distance_to(reference, embedding, calibration);
	two_thresholds(scores, !PG_ARGISNULL(2), PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2),
				   !PG_ARGISNULL(3), PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3), &accept, &reject);
	values[0] = CStringGetTextDatum(distance <= accept ? "genuine" : distance > reject ? "forged" : "inconclusive");
	values[1] = Float8GetDatum(calibration_probability(&scores->scores, distance, setting_prior));
	values[2] = Float8GetDatum(distance);
	values[3] = Float8GetDatum(accept);
	values[4] = Float8GetDatum(reject);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(verify_row(fcinfo), values, nulls)));
}

PG_FUNCTION_INFO_V1(siamese_reference_unpack);

Datum
siamese_reference_unpack(PG_FUNCTION_ARGS)
{
	bytea	   *packed;
	Model	   *model;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	packed = PG_GETARG_BYTEA_PP(0);
	model = model_by_name(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	model_check_embeds(model);
	PG_RETURN_POINTER(reference_unpack((const uint8 *) VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed), model->dimensions,
									   model->metric, model->fingerprint));
}
