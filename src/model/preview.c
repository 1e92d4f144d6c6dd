/*
 * preview.c: siamese.preview(sample, model): an image as a PNG, or a trajectory as an SVG, as the network sees it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "common/bytea.h"
#include "common/check.h"
#include "common/host.h"
#include "image/image.h"
#include "model/ink_check.h"
#include "model/model.h"
#include "model/sql_samples.h"
#include "pen/pen.h"

PG_FUNCTION_INFO_V1(siamese_preview);

Datum
siamese_preview(PG_FUNCTION_ARGS)
{
	Model	   *model;
	uint8_t    *png;
	size_t		length;
	InkCheck	check = {0};
	Status		status;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	model = model_argument(fcinfo, 1, INPUT_IMAGE);
	model_prepare_image(model->definition, PG_GETARG_BYTEA_PP(0), model->raster);
	ink_check_add(&check, model->definition, PG_GETARG_DATUM(0));
	ink_check_warn(&check);
	if (!image_encode_png(model->raster, model->definition->image.width, model->definition->image.height,
						  model->definition->image.channels, host_server(), &png, &length, &status))
		check_raise_status(&status);
	PG_RETURN_BYTEA_P(bytea_of(png, length));
}

PG_FUNCTION_INFO_V1(siamese_preview_pen);

Datum
siamese_preview_pen(PG_FUNCTION_ARGS)
{
	Model	   *model;
	char	   *svg;
	size_t		length;
	Status		status;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	model = model_argument(fcinfo, 1, INPUT_PEN);
	if (!model_try_prepare_pen(model->definition, PG_GETARG_ARRAYTYPE_P(0), model->raster, &status) ||
		!pen_draw(&model->definition->pen, (const float *) (void *) model->raster, host_server(), &svg, &length, &status))
		check_raise_status(&status);
	PG_RETURN_BYTEA_P(bytea_of(svg, length));
}
