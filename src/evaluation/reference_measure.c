/*
 * reference_measure.c: references of examples.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "common/check.h"
#include "evaluation/reference_measure.h"
#include "model/row_lookup.h"
#include "model/sql_samples.h"
#include "verification/verify.h"

const ReferenceCalibration *
reference_measure_calibration(const Evaluation *evaluation)
{
	const ReferenceCalibration *references;

	model_check_embeds(evaluation->model);
	references = model_references_of(evaluation->name);
	if (references == NULL)
		check_raise_no_references(evaluation->model->fingerprint);
	return references;
}

ReferenceMeasure
reference_measure(const Evaluation *evaluation)
{
	const ReferenceCalibration *calibration = reference_measure_calibration(evaluation);

	return (ReferenceMeasure) {
		.evaluation = evaluation, .calibration = calibration, .elastic = calibration->elastic_sizes > 0,
		.point = palloc(sizeof(float) * evaluation->model->dimensions), .buffer = palloc(evaluation->examples->raster_bytes)
	};
}

static void
point_of(const ReferenceMeasure *measure, int example, float *point)
{
	const Evaluation *evaluation = measure->evaluation;
	int			dimensions = evaluation->model->dimensions;

	reference_point(evaluation->model->metric, evaluation->embedding + (Size) example * dimensions, dimensions, point);
}

static Specimen
specimen_of(const ReferenceMeasure *measure, int example)
{
	SpecimenSource source = model_specimen_source(measure->evaluation->model->definition);
	const uint8 *raster;

	examples_fetch(measure->evaluation->examples, &example, 1, measure->buffer, &raster);
	return specimen_of_sample(&source, raster);
}

Reference *
reference_measure_make(const ReferenceMeasure *measure, const int *example, int count)
{
	const Model *model = measure->evaluation->model;
	float	   *point = palloc_extended(sizeof(float) * count * model->dimensions, MCXT_ALLOC_HUGE);
	Specimen	specimen[REFERENCE_SPECIMENS];
	int			specimens = Min(count, REFERENCE_SPECIMENS);
	Reference  *plain;
	Reference  *reference;

	for (int i = 0; i < count; i++)
		point_of(measure, example[i], point + (Size) i * model->dimensions);
	plain = reference_of_points(point, count, model->dimensions, model->metric, model->fingerprint, count);
	pfree(point);
	if (!measure->elastic)
		return plain;
	for (int i = 0; i < specimens; i++)
		specimen[i] = specimen_of(measure, example[count - specimens + i]);
	reference = reference_with_specimens(plain, specimen, specimens);
	for (int i = 0; i < specimens; i++)
		specimen_release(&specimen[i]);
	pfree(plain);
	return reference;
}

double
reference_measure_distance(const ReferenceMeasure *measure, const Reference *reference, int example, const ReferenceScores **scores)
{
	Question	question = {.point = measure->point};
	Specimen	specimen;
	double		distance;

	CHECK_FOR_INTERRUPTS();
	point_of(measure, example, measure->point);
	if (measure->elastic)
	{
		specimen = specimen_of(measure, example);
		question.specimen = &specimen;
	}
	distance = verify_distance(reference, &question, measure->calibration, scores);
	if (measure->elastic)
		specimen_release(&specimen);
	return distance;
}
