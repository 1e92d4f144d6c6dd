/*
 * explanation.c: explain_verification(): why a signature is far from a person.
 *
 * A pen's trajectory is explained by occlusion (Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks",
 * section 4.2): each property of each section of the writing is replaced by the signature's mean, and the network runs
 * again; by how much the distance falls is the contribution of that part.  Of an embedding alone there are only its
 * components, and the section that each depends on.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/check.h"
#include "model/model.h"
#include "model/sql_samples.h"
#include "model/stored_calibration.h"
#include "verification/verify.h"

#define SECTIONS 5				/* of the writing, of equal time or length */

typedef enum Property
{
	PROPERTY_SHAPE,
	PROPERTY_SPEED,
	PROPERTY_PRESSURE,
	PROPERTY_LIFTS
} Property;

#define PROPERTIES 4

static const char *const property_names[PROPERTIES] = {"shape", "speed", "pressure", "pen lifts"};

static Property
property_of(PenFeature feature)
{
	switch (feature)
	{
		case PEN_FEATURE_PEN:
			return PROPERTY_LIFTS;
		case PEN_FEATURE_PRESSURE:
		case PEN_FEATURE_PRESSURE_CHANGE:
			return PROPERTY_PRESSURE;
		case PEN_FEATURE_X:
		case PEN_FEATURE_Y:
		case PEN_FEATURE_DIRECTION_COS:
		case PEN_FEATURE_DIRECTION_SIN:
		case PEN_FEATURE_CURVATURE_COS:
		case PEN_FEATURE_CURVATURE_SIN:
		case PEN_FEATURE_LOG_RADIUS:
			return PROPERTY_SHAPE;
		case PEN_FEATURE_SPEED:
		case PEN_FEATURE_CENTRIPETAL:
		case PEN_FEATURE_TANGENTIAL:
		case PEN_FEATURE_LOG_SPEED:
		case PEN_FEATURE_VELOCITY_X:
		case PEN_FEATURE_VELOCITY_Y:
		case PEN_FEATURE_ACCELERATION:
		case PEN_FEATURE_TIME:
		case PEN_FEATURE_DURATION:
			return PROPERTY_SPEED;
	}
	return PROPERTY_SHAPE;
}

/* ---- a trajectory ------------------------------------------------------------------------------------------------- */

typedef struct Occlusion
{
	Model	   *model;
	const Reference *reference;
	const float *variance;		/* NULL: unknown */
	float	   *input;			/* [length, features] */
	float	   *occluded;		/* the same, with one part replaced by the mean */
	float	   *embedding;		/* [dimensions] */
	float	   *point;			/* [dimensions]: the embedding as references compare it */
} Occlusion;

static double
distance_of_input(Occlusion *occlusion, const float *input)
{
	Model	   *model = occlusion->model;
	Status		status;

	if (!network_forward(model->network, model->weights, model->workspace, input, 1, occlusion->embedding, &status))
		check_raise_status(&status);
	reference_point(model->metric, occlusion->embedding, model->dimensions, occlusion->point);
	return reference_distance(occlusion->reference, occlusion->point, occlusion->variance);
}

/* The distance with a property of a section occluded; NAN if that property is no input of the network. */
static double
distance_without(Occlusion *occlusion, int section, Property property)
{
	const PenPreparation *pen = &occlusion->model->definition->pen;
	int			features = pen->feature_count;
	int			first = pen->length * section / SECTIONS;
	int			last = pen->length * (section + 1) / SECTIONS;
	bool		seen = false;

	memcpy(occlusion->occluded, occlusion->input, sizeof(float) * pen->length * features);
	for (int f = 0; f < features; f++)
	{
		double		mean = 0;

		if (property_of((PenFeature) pen->feature[f]) != property)
			continue;
		seen = true;
		for (int i = 0; i < pen->length; i++)
			mean += occlusion->input[(Size) i * features + f];
		mean /= pen->length;
		for (int i = first; i < last; i++)
			occlusion->occluded[(Size) i * features + f] = (float) mean;
	}
	return seen ? distance_of_input(occlusion, occlusion->occluded) : NAN;
}

PG_FUNCTION_INFO_V1(siamese_explain_pen);

Datum
siamese_explain_pen(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Occlusion	occlusion = {0};
	const ReferenceCalibration *calibration;
	Reference  *reference;
	Model	   *model;
	int			values;
	double		whole;
	Status		status;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	model = occlusion.model = model_embedding_argument(fcinfo, 2, INPUT_PEN);
	reference = PG_GETARG_REFERENCE(0);
	if (reference->model != model->fingerprint)
		check_different_models(reference->model, model->fingerprint);
	calibration = references_of(reference);
	occlusion.reference = reference;
	occlusion.variance = calibration ? calibration->variance : NULL;
	if (!model_try_prepare_pen(model->definition, PG_GETARG_ARRAYTYPE_P(1), model->raster, &status))
		check_raise_status(&status);
	values = network_input_values(model->network);
	occlusion.input = palloc(sizeof(float) * values);
	occlusion.occluded = palloc(sizeof(float) * values);
	occlusion.embedding = palloc(sizeof(float) * model->dimensions);
	occlusion.point = palloc(sizeof(float) * model->dimensions);
	network_input_from_raster(model->definition, model->raster, occlusion.input);
	whole = distance_of_input(&occlusion, occlusion.input);
	for (int section = 0; section < SECTIONS; section++)
	{
		for (int property = 0; property < PROPERTIES; property++)
		{
			double		without = distance_without(&occlusion, section, (Property) property);
			Datum		row[4];
			bool		nulls[4] = {false};

			if (isnan(without))
				continue;
			row[0] = Int32GetDatum(section + 1);
			row[1] = CStringGetTextDatum(property_names[property]);
			row[2] = Float8GetDatum(whole - without);
			row[3] = Float8GetDatum(whole);
			tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
		}
	}
	return (Datum) 0;
}

/* ---- an embedding ------------------------------------------------------------------------------------------------- */

PG_FUNCTION_INFO_V1(siamese_explain_embedding);

Datum
siamese_explain_embedding(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const ReferenceCalibration *calibration;
	Reference  *reference;
	Embedding  *embedding;
	float	   *point;
	float	   *deviation;
	int			places = 1;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	reference = PG_GETARG_REFERENCE(0);
	embedding = PG_GETARG_EMBEDDING(1);
	reference_check_comparable(reference, embedding);
	calibration = references_of(reference);
	if (reference->model != 0)
		places = network_embedding_places(model_by_fingerprint(reference->model)->network);
	point = palloc(sizeof(float) * reference->dimensions);
	deviation = palloc(sizeof(float) * reference->dimensions);
	reference_point((Metric) embedding->metric, embedding->x, embedding->dimensions, point);
	reference_deviations(reference, point, calibration ? calibration->variance : NULL, deviation);
	for (int i = 0; i < reference->dimensions; i++)
	{
		Datum		row[6];
		bool		nulls[6] = {false};

		row[0] = Int32GetDatum(i + 1);
		row[1] = Int32GetDatum(i / (reference->dimensions / places) + 1);
		nulls[1] = places == 1;
		row[2] = Float8GetDatum(point[i]);
		row[3] = Float8GetDatum(reference->x[i]);
		row[4] = Float8GetDatum(deviation[i] != 0 ? ((double) point[i] - reference->x[i]) / deviation[i] : 0);
		nulls[4] = deviation[i] == 0;
		row[5] = Float8GetDatum(deviation[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	return (Datum) 0;
}
