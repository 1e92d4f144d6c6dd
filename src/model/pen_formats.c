/*
 * pen_formats.c: SQL functions that read trajectories from pen files, as real[].
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "pen/pen.h"

static ArrayType *
array_of_trajectory(const PenTrajectory *trajectory)
{
	Size		bytes = (Size) trajectory->rows * trajectory->columns * sizeof(float);
	ArrayType  *array = palloc0(ARR_OVERHEAD_NONULLS(2) + bytes);

	SET_VARSIZE(array, ARR_OVERHEAD_NONULLS(2) + bytes);
	array->ndim = 2;
	array->dataoffset = 0;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = trajectory->rows;
	ARR_DIMS(array)[1] = trajectory->columns;
	ARR_LBOUND(array)[0] = ARR_LBOUND(array)[1] = 1;
	memcpy(ARR_DATA_PTR(array), trajectory->points, bytes);
	return array;
}

/* text and bytea have the same form. */
static Datum
read_file(PenReader reader, struct varlena *file)
{
	PenTrajectory trajectory;
	ArrayType  *array;
	Status		status;

	if (!reader((const uint8_t *) VARDATA_ANY(file), VARSIZE_ANY_EXHDR(file), host_server(), &trajectory, &status))
		check_raise_status(&status);
	array = array_of_trajectory(&trajectory);
	host_release(host_server(), trajectory.points);
	PG_RETURN_ARRAYTYPE_P(array);
}

PG_FUNCTION_INFO_V1(siamese_pen_from_svc2004);

Datum
siamese_pen_from_svc2004(PG_FUNCTION_ARGS)
{
	return read_file(pen_read_svc2004, PG_GETARG_VARLENA_PP(0));
}

PG_FUNCTION_INFO_V1(siamese_pen_from_inkml);

Datum
siamese_pen_from_inkml(PG_FUNCTION_ARGS)
{
	return read_file(pen_read_inkml, PG_GETARG_VARLENA_PP(0));
}

PG_FUNCTION_INFO_V1(siamese_pen_from_iso19794_7);

Datum
siamese_pen_from_iso19794_7(PG_FUNCTION_ARGS)
{
	return read_file(pen_read_iso19794_7, PG_GETARG_VARLENA_PP(0));
}
