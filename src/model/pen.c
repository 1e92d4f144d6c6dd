/*
 * pen.c: trajectories as real[]; siamese.preview(pen, model).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "common/check.h"
#include "common/host.h"
#include "model/model.h"
#include "pen/pen.h"

/* Row, from 1, of the first NULL of an array that has one. */
static int
row_of_null(ArrayType *pen)
{
	const bits8 *present = ARR_NULLBITMAP(pen);
	int			i = 0;

	while (present[i / 8] & (1 << (i % 8)))
		i++;
	return i / ARR_DIMS(pen)[1] + 1;
}

bool
model_try_prepare_pen(const NetworkDefinition *definition, ArrayType *pen, uint8 *sample, Status *status)
{
	Assert(ARR_ELEMTYPE(pen) == FLOAT4OID);
	if (ARR_NDIM(pen) != 2)
		return status_set(status, STATUS_PEN, "Each point is a row: '{{x,y},{x,y},...}'.",
						  "The array has %d dimension%s; it must have 2.", ARR_NDIM(pen), ARR_NDIM(pen) == 1 ? "" : "s");
	if (array_contains_nulls(pen))
		return status_set(status, STATUS_PEN, "", "Row %d: there is NULL in it.", row_of_null(pen));
	return pen_prepare((const float *) ARR_DATA_PTR(pen), ARR_DIMS(pen)[0], ARR_DIMS(pen)[1], &definition->pen,
					   (float *) (void *) sample, status);
}

Oid
model_sample_type(const NetworkDefinition *definition)
{
	return definition->input_kind == INPUT_PEN ? FLOAT4ARRAYOID : BYTEAOID;
}

bool
model_try_prepare_sample(const NetworkDefinition *definition, Datum datum, uint8 *sample, Status *status)
{
	if (definition->input_kind == INPUT_PEN)
		return model_try_prepare_pen(definition, DatumGetArrayTypeP(datum), sample, status);
	return model_try_prepare_image(definition, DatumGetByteaPP(datum), sample, status);
}

PG_FUNCTION_INFO_V1(siamese_preview_pen);

Datum
siamese_preview_pen(PG_FUNCTION_ARGS)
{
	Model	   *model;
	char	   *svg;
	size_t		length;
	bytea	   *result;
	Status		status;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	model = model_argument(fcinfo, 1, INPUT_PEN);
	if (!model_try_prepare_pen(model->definition, PG_GETARG_ARRAYTYPE_P(0), model->raster, &status) ||
		!pen_draw(&model->definition->pen, (const float *) (void *) model->raster, host_server(), &svg, &length, &status))
		check_raise_status(&status);
	result = palloc(VARHDRSZ + length);
	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), svg, length);
	PG_RETURN_BYTEA_P(result);
}
