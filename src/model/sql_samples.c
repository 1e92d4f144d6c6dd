/*
 * sql_samples.c: SQL values -> samples as a network takes them: images in bytea, pen trajectories in arrays of numbers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "common/settings.h"
#include "image/image.h"
#include "model/model.h"
#include "model/sql_samples.h"
#include "pen/pen.h"

static bool
try_prepare_image(const NetworkDefinition *definition, bytea *image, uint8 *raster, Status *status)
{
	return image_prepare((const uint8 *) VARDATA_ANY(image), VARSIZE_ANY_EXHDR(image), &definition->image,
						 setting_max_pixels, host_server(), raster, status);
}

void
model_prepare_image(const NetworkDefinition *definition, bytea *image, uint8 *raster)
{
	Status		status;

	if (!try_prepare_image(definition, image, raster, &status))
		check_raise_status(&status);
}

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
model_is_number_type(Oid type)
{
	return type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID || type == INT2OID || type == INT4OID || type == INT8OID;
}

double
model_number(Datum value, Oid type)
{
	switch (type)
	{
		case FLOAT8OID:
			return DatumGetFloat8(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return (double) DatumGetInt64(value);
		default:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
	}
}

/* The values of an array of numbers other than real, as doubles. */
static const double *
wide_values(ArrayType *pen)
{
	Oid			type = ARR_ELEMTYPE(pen);
	int			count = ArrayGetNItems(ARR_NDIM(pen), ARR_DIMS(pen));
	double	   *wide;
	Datum	   *value;
	int16		length;
	bool		by_value;
	char		alignment;

	if (type == FLOAT8OID)
		return (const double *) ARR_DATA_PTR(pen);
	wide = palloc(sizeof(double) * Max(count, 1));
	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	deconstruct_array(pen, type, length, by_value, alignment, &value, NULL, &count);
	for (int i = 0; i < count; i++)
		wide[i] = model_number(value[i], type);
	return wide;
}

bool
model_try_pen_rows(ArrayType *pen, PenRows *rows, Status *status)
{
	if (!model_is_number_type(ARR_ELEMTYPE(pen)))
		return status_set(status, STATUS_PEN, "A pen's trajectory is real[] or double precision[]: '{{x,y},{x,y},...}'.",
						  "The array is of %s.", format_type_be(ARR_ELEMTYPE(pen)));
	if (ARR_NDIM(pen) != 2)
		return status_set(status, STATUS_PEN, "Each point is a row: '{{x,y},{x,y},...}'.",
						  "The array has %d dimension%s; it must have 2.", ARR_NDIM(pen), ARR_NDIM(pen) == 1 ? "" : "s");
	if (array_contains_nulls(pen))
		return status_set(status, STATUS_PEN, "", "Row %d: it contains NULL.", row_of_null(pen));
	*rows = (PenRows) {.rows = ARR_DIMS(pen)[0], .columns = ARR_DIMS(pen)[1]};
	if (ARR_ELEMTYPE(pen) == FLOAT4OID)
		rows->single = (const float *) ARR_DATA_PTR(pen);
	else
		rows->wide = wide_values(pen);
	return true;
}

bool
model_try_prepare_pen(const NetworkDefinition *definition, ArrayType *pen, uint8 *sample, Status *status)
{
	PenRows		rows;

	return model_try_pen_rows(pen, &rows, status) && pen_prepare(&rows, &definition->pen, (float *) (void *) sample, status);
}

SpecimenSource
model_specimen_source(const NetworkDefinition *definition)
{
	const ImagePreparation *image = &definition->image;

	if (definition->input_kind == INPUT_PEN)
		return (SpecimenSource) {.kind = SPECIMEN_PEN, .length = definition->pen.length};
	if (image->channels != 1 || image->polarity == IMAGE_POLARITY_NONE)
		return (SpecimenSource) {.kind = SPECIMEN_NONE};
	return (SpecimenSource) {.kind = SPECIMEN_PICTURE, .width = image->width, .height = image->height};
}

bool
model_takes_type(NetworkInputKind kind, Oid type)
{
	return kind == INPUT_PEN ? model_is_number_type(get_base_element_type(type)) : getBaseType(type) == BYTEAOID;
}

const char *
model_sample_type_name(NetworkInputKind kind)
{
	return kind == INPUT_PEN ? "real[] or double precision[]" : "bytea";
}

bool
model_try_prepare_sample(const NetworkDefinition *definition, Datum datum, uint8 *sample, Status *status)
{
	if (definition->input_kind == INPUT_PEN)
		return model_try_prepare_pen(definition, DatumGetArrayTypeP(datum), sample, status);
	return try_prepare_image(definition, DatumGetByteaPP(datum), sample, status);
}

Model *
model_argument(FunctionCallInfo fcinfo, int n, NetworkInputKind kind)
{
	Model	   *model = model_by_name(PG_NARGS() <= n || PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n)));

	if (model->definition->input_kind != kind)
		check_raise_input_kind(model->definition->input_kind == INPUT_PEN);
	return model;
}

void
model_check_embeds(const Model *model)
{
	if (model->scorer != NULL)
		check_raise_pairs_only();
}

Model *
model_embedding_argument(FunctionCallInfo fcinfo, int n, NetworkInputKind kind)
{
	Model	   *model = model_argument(fcinfo, n, kind);

	model_check_embeds(model);
	return model;
}
