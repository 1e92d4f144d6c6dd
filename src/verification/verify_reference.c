/*
 * verify_reference.c: whether an embedding or a sample is of the person of a reference: distance(reference, ...) and
 * verify(reference, ..., far, frr); and references from their packed form.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/settings.h"
#include "model/embed.h"
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

Model *
verify_model_of(const Reference *reference, NetworkInputKind kind)
{
	Model	   *model;

	if (reference->model == 0)
		check_raise_no_model();
	(void) references_of(reference);	/* reads the row as the current user */
	model = model_by_fingerprint(reference->model);
	if (model->definition->input_kind != kind)
		check_raise_input_kind(model->definition->input_kind == INPUT_PEN);
	return model;
}

bool
verify_keeps_specimens(const Model *model)
{
	SpecimenSource source = model_specimen_source(model->definition);
	const ReferenceCalibration *calibration;

	if (source.kind != SPECIMEN_PICTURE)
		return source.kind == SPECIMEN_PEN;
	calibration = model_references(model->fingerprint);
	return calibration != NULL && calibration->elastic_sizes > 0;
}

Specimen
verify_specimen(const Model *model)
{
	SpecimenSource source = model_specimen_source(model->definition);

	return specimen_of_sample(&source, model->raster);
}

Specimen
verify_specimen_for(const Reference *reference, const Model *model)
{
	SpecimenSource source = model_specimen_source(model->definition);
	SpecimenKind kept = reference_specimen_kind(reference);

	if (source.kind != kept)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the reference keeps specimens of kind \"%s\", but its model has none of that kind", specimen_name(kept)),
				 errhint("The reference was not made by reference() with this model; make it anew from samples.")));
	return specimen_of_sample(&source, model->raster);
}

static double
elastic_score_of(const Reference *reference, const Specimen *question, double usual)
{
	Specimen	specimen[REFERENCE_SPECIMENS];
	double		distance[REFERENCE_SPECIMENS];
	int			count = reference_specimens(reference);

	reference_get_specimens(reference, specimen);
	for (int i = 0; i < count; i++)
		distance[i] = specimen_distance(&specimen[i], question);
	return elastic_score(distance, count, reference_own_distance(reference), usual);
}

double
verify_distance(const Reference *reference, const Question *question, const ReferenceCalibration *calibration,
				const ReferenceScores **scores)
{
	double		distance = reference_distance(reference, question->point, calibration ? calibration->variance : NULL);
	bool		fused = calibration != NULL && calibration->elastic_sizes > 0 && question->specimen != NULL &&
		reference_specimens(reference) > 0;

	*scores = calibration != NULL ? reference_scores_of(calibration, reference->count, fused) : NULL;
	if (!fused)
		return distance;
	return reference_fused_distance(distance, elastic_score_of(reference, question->specimen, calibration->usual), (*scores)->weight);
}

/* ---- in SQL ------------------------------------------------------------------------------------------------------ */

#define FEW_DIMENSIONS 512

/* An embedding or a sample in work. */
typedef struct Asked
{
	Question	question;
	Specimen	specimen;
	float		few[FEW_DIMENSIONS];	/* room for the point */
} Asked;

static void
ask_embedding(const Reference *reference, const Embedding *embedding, Asked *asked)
{
	int			dimensions = embedding->dimensions;
	float	   *point = dimensions <= FEW_DIMENSIONS ? asked->few : palloc(sizeof(float) * dimensions);

	reference_check_comparable(reference, embedding);
	reference_point((Metric) embedding->metric, embedding->x, dimensions, point);
	asked->question = (Question) {.point = point};
}

/* A sample of that kind, embedded with the reference's model. */
static void
ask_sample(const Reference *reference, Datum sample, NetworkInputKind kind, Asked *asked)
{
	Model	   *model = verify_model_of(reference, kind);

	ask_embedding(reference, model_embed_datum(model, sample), asked);
	if (reference_specimens(reference) > 0)
	{
		asked->specimen = verify_specimen_for(reference, model);
		asked->question.specimen = &asked->specimen;
	}
}

static Datum
distance_datum(const Reference *reference, const Asked *asked)
{
	const ReferenceScores *scores;

	return Float8GetDatum(verify_distance(reference, &asked->question, references_of(reference), &scores));
}

PG_FUNCTION_INFO_V1(siamese_distance_reference);

Datum
siamese_distance_reference(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	Asked		asked;

	ask_embedding(reference, PG_GETARG_EMBEDDING(1), &asked);
	return distance_datum(reference, &asked);
}

static Datum
distance_of_sample(FunctionCallInfo fcinfo, NetworkInputKind kind)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	Asked		asked;

	ask_sample(reference, PG_GETARG_DATUM(1), kind, &asked);
	return distance_datum(reference, &asked);
}

PG_FUNCTION_INFO_V1(siamese_distance_reference_image);

Datum
siamese_distance_reference_image(PG_FUNCTION_ARGS)
{
	return distance_of_sample(fcinfo, INPUT_IMAGE);
}

PG_FUNCTION_INFO_V1(siamese_distance_reference_pen);

Datum
siamese_distance_reference_pen(PG_FUNCTION_ARGS)
{
	return distance_of_sample(fcinfo, INPUT_PEN);
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

/* The row of verify(); far and frr are arguments 2 and 3. */
static Datum
decide(FunctionCallInfo fcinfo, const Reference *reference, const Asked *asked)
{
	Datum		values[5];
	bool		nulls[5] = {false};
	const ReferenceCalibration *calibration;
	const ReferenceScores *scores;
	double		distance;
	double		accept;
	double		reject;

	if (reference->model == 0)
		check_raise_no_model();
	calibration = references_of(reference);
	if (calibration == NULL)
		check_raise_no_references(reference->model);
	distance = verify_distance(reference, &asked->question, calibration, &scores);
	two_thresholds(scores, !PG_ARGISNULL(2), PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2),
				   !PG_ARGISNULL(3), PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3), &accept, &reject);
	values[0] = CStringGetTextDatum(distance <= accept ? "genuine" : distance > reject ? "forged" : "inconclusive");
	values[1] = Float8GetDatum(calibration_probability(&scores->scores, distance, setting_prior));
	values[2] = Float8GetDatum(distance);
	values[3] = Float8GetDatum(accept);
	values[4] = Float8GetDatum(reject);
	return HeapTupleGetDatum(heap_form_tuple(verify_row(fcinfo), values, nulls));
}

PG_FUNCTION_INFO_V1(siamese_verify_reference);

Datum
siamese_verify_reference(PG_FUNCTION_ARGS)
{
	Reference  *reference;
	Asked		asked;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	reference = PG_GETARG_REFERENCE(0);
	ask_embedding(reference, PG_GETARG_EMBEDDING(1), &asked);
	PG_RETURN_DATUM(decide(fcinfo, reference, &asked));
}

static Datum
verify_sample(FunctionCallInfo fcinfo, NetworkInputKind kind)
{
	Reference  *reference;
	Asked		asked;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	reference = PG_GETARG_REFERENCE(0);
	ask_sample(reference, PG_GETARG_DATUM(1), kind, &asked);
	PG_RETURN_DATUM(decide(fcinfo, reference, &asked));
}

PG_FUNCTION_INFO_V1(siamese_verify_reference_image);

Datum
siamese_verify_reference_image(PG_FUNCTION_ARGS)
{
	return verify_sample(fcinfo, INPUT_IMAGE);
}

PG_FUNCTION_INFO_V1(siamese_verify_reference_pen);

Datum
siamese_verify_reference_pen(PG_FUNCTION_ARGS)
{
	return verify_sample(fcinfo, INPUT_PEN);
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
