/*
 * embed.c: embed(image, model) and siamese.preview(image, model).
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/host.h"
#include "common/settings.h"
#include "image/image.h"
#include "model/model.h"

bool
model_try_prepare_image(const NetworkDefinition *definition, bytea *image, uint8 *raster, Status *status)
{
	return image_prepare((const uint8 *) VARDATA_ANY(image), VARSIZE_ANY_EXHDR(image), &definition->image,
						 setting_max_pixels, host_server(), raster, status);
}

void
model_prepare_image(const NetworkDefinition *definition, bytea *image, uint8 *raster)
{
	Status		status;

	if (!model_try_prepare_image(definition, image, raster, &status))
		check_raise_status(&status);
}

Embedding *
model_embed_raster(Model *model, const uint8 *raster)
{
	Embedding  *embedding = embedding_make(model->dimensions, model->metric, model->fingerprint);
	Status		status;

	if (!network_embed(model->network, model->weights, model->workspace, &raster, 1, embedding->x, &status))
		check_raise_status(&status);
	for (int i = 0; i < model->dimensions; i++)
		if (!isfinite(embedding->x[i]))
			check_raise_damaged_model(psprintf("The network gives %g as component %d of an embedding.",
											   embedding->x[i], i + 1));
	embedding_finish(embedding);
	return embedding;
}

Model *
model_argument(FunctionCallInfo fcinfo, int n, NetworkInputKind kind)
{
	Model	   *model = model_by_name(PG_NARGS() <= n || PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n)));

	if (model->definition->input_kind != kind)
		check_raise_input_kind(model->definition->input_kind == INPUT_PEN);
	return model;
}

PG_FUNCTION_INFO_V1(siamese_embed_image);

Datum
siamese_embed_image(PG_FUNCTION_ARGS)
{
	bytea	   *image;
	Model	   *model;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	model = model_argument(fcinfo, 1, INPUT_IMAGE);
	image = PG_GETARG_BYTEA_PP(0);
	model_prepare_image(model->definition, image, model->raster);
	PG_FREE_IF_COPY(image, 0);
	PG_RETURN_POINTER(model_embed_raster(model, model->raster));
}

PG_FUNCTION_INFO_V1(siamese_preview);

Datum
siamese_preview(PG_FUNCTION_ARGS)
{
	Model	   *model;
	uint8_t    *png;
	size_t		length;
	bytea	   *result;
	Status		status;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	model = model_argument(fcinfo, 1, INPUT_IMAGE);
	model_prepare_image(model->definition, PG_GETARG_BYTEA_PP(0), model->raster);
	if (!image_encode_png(model->raster, model->definition->image.width, model->definition->image.height,
						  model->definition->image.channels, host_server(), &png, &length, &status))
		check_raise_status(&status);
	result = palloc(VARHDRSZ + length);
	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), png, length);
	PG_RETURN_BYTEA_P(result);
}
