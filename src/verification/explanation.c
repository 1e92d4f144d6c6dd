/*
 * explanation.c: explain_verification(): why a signature was rejected.
 *
 * Against a pen's trajectory the answer is in words of the field.  Each property of each section of the writing is levelled
 * to the signature's own mean, and the network runs again: how much nearer the rest is to the person is what that part
 * contributed to the distance (occlusion: Zeiler, Fergus 2014, "Visualizing and understanding convolutional networks",
 * section 4.2).  Against an embedding alone there are only its components, and the section that each one looks at.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "common/check.h"
#include "common/host.h"
#include "verification/verification.h"

#define SECTIONS 5				/* of the writing, of equal time or way */

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

/* What is compared: the person, and people in general. */
typedef struct Person
{
	const Reference *reference;
	const float *variance;		/* NULL: unknown */
} Person;

/* ---- a trajectory ------------------------------------------------------------------------------------------------- */

typedef struct Questioned
{
	Model	   *model;
	Person		person;
	float	   *input;			/* [length, features] */
	float	   *changed;		/* the same, with one part levelled */
	float	   *embedding;		/* [dimensions] */
	float	   *point;
} Questioned;

static double
distance_of_input(Questioned *questioned, const float *input)
{
	Model	   *model = questioned->model;
	Status		status;

	if (!network_forward(model->network, model->weights, model->workspace, input, 1, questioned->embedding, &status))
		check_raise_status(&status);
	reference_point(model->metric, questioned->embedding, model->dimensions, questioned->point);
	return reference_distance(questioned->person.reference, questioned->point, questioned->person.variance);
}

/* The distance when a property of a section is levelled; NAN if the network does not see that property. */
static double
distance_without(Questioned *questioned, int section, Property property)
{
	const PenPreparation *pen = &questioned->model->definition->pen;
	int			features = pen->feature_count;
	int			first = pen->length * section / SECTIONS;
	int			last = pen->length * (section + 1) / SECTIONS;
	bool		seen = false;

	memcpy(questioned->changed, questioned->input, sizeof(float) * pen->length * features);
	for (int f = 0; f < features; f++)
	{
		double		mean = 0;

		if (property_of((PenFeature) pen->feature[f]) != property)
			continue;
		seen = true;
		for (int i = 0; i < pen->length; i++)
			mean += questioned->input[(Size) i * features + f];
		mean /= pen->length;
		for (int i = first; i < last; i++)
			questioned->changed[(Size) i * features + f] = (float) mean;
	}
	return seen ? distance_of_input(questioned, questioned->changed) : NAN;
}

PG_FUNCTION_INFO_V1(siamese_explain_pen);

Datum
siamese_explain_pen(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Questioned	questioned = {0};
	const ReferenceCalibration *calibration;
	Reference  *reference;
	Model	   *model;
	int			values;
	double		whole;
	Status		status;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	model = questioned.model = model_argument(fcinfo, 2, INPUT_PEN);
	reference = PG_GETARG_REFERENCE(0);
	if (reference->model != model->fingerprint)
		check_different_models(reference->model, model->fingerprint);
	calibration = references_of(reference);
	questioned.person = (Person) {reference, calibration ? calibration->variance : NULL};
	if (!model_try_prepare_pen(model->definition, PG_GETARG_ARRAYTYPE_P(1), model->raster, &status))
		check_raise_status(&status);
	values = network_input_values(model->network);
	questioned.input = palloc(sizeof(float) * values);
	questioned.changed = palloc(sizeof(float) * values);
	questioned.embedding = palloc(sizeof(float) * model->dimensions);
	questioned.point = palloc(sizeof(float) * model->dimensions);
	network_input_from_raster(model->definition, model->raster, questioned.input);
	whole = distance_of_input(&questioned, questioned.input);
	for (int section = 0; section < SECTIONS; section++)
	{
		for (int property = 0; property < PROPERTIES; property++)
		{
			double		without = distance_without(&questioned, section, (Property) property);
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
