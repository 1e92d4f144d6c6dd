/*
 * embed.c: embed(image, model), embed(images, model), embed(pen, model).
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "common/check.h"
#include "model/embed.h"
#include "model/model.h"
#include "model/server_network.h"
#include "model/sql_samples.h"

static void
check_values(const Model *model, const float *x)
{
	for (int i = 0; i < model->dimensions; i++)
		if (!isfinite(x[i]))
			check_raise_damaged_model(psprintf("Its network computes %g as component %d of an embedding.", x[i], i + 1));
}

Embedding *
model_make_embedding(const Model *model, const float *x)
{
	Embedding  *embedding = embedding_make(model->dimensions, model->metric, model->fingerprint);

	check_values(model, x);
	memcpy(embedding->x, x, sizeof(float) * model->dimensions);
	embedding_finish(embedding);
	return embedding;
}

static Embedding *
embed_raster(Model *model, const uint8 *raster)
{
	Embedding  *embedding = embedding_make(model->dimensions, model->metric, model->fingerprint);
	Status		status;

	if (!network_embed(model->network, model->weights, model->workspace, &raster, 1, embedding->x, &status))
		check_raise_status(&status);
	check_values(model, embedding->x);
	embedding_finish(embedding);
	return embedding;
}

Embedding *
model_embed_datum(Model *model, Datum datum)
{
	Status		status;

	if (!model_try_prepare_sample(model->definition, datum, model->raster, &status))
		check_raise_status(&status);
	return embed_raster(model, model->raster);
}

/* embed(image, model) and embed(pen, model) */
static Datum
embed_argument(FunctionCallInfo fcinfo, NetworkInputKind kind)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_EMBEDDING(model_embed_datum(model_embedding_argument(fcinfo, 1, kind), PG_GETARG_DATUM(0)));
}

PG_FUNCTION_INFO_V1(siamese_embed_image);

Datum
siamese_embed_image(PG_FUNCTION_ARGS)
{
	return embed_argument(fcinfo, INPUT_IMAGE);
}

PG_FUNCTION_INFO_V1(siamese_embed_pen);

Datum
siamese_embed_pen(PG_FUNCTION_ARGS)
{
	return embed_argument(fcinfo, INPUT_PEN);
}

#define IMAGES_AT_ONCE 16

PG_FUNCTION_INFO_V1(siamese_embed_images);

/* Several images at a time go through the network, so that its weights are read once for all of them. */
Datum
siamese_embed_images(PG_FUNCTION_ARGS)
{
	ArrayType  *images;
	Oid			element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	Model	   *model;
	NetworkWorkspace *workspace;
	Datum	   *value;
	bool	   *isnull;
	int			count;
	int			most;
	size_t		bytes;
	uint8	   *raster;
	float	   *x;
	const uint8 *input[IMAGES_AT_ONCE];
	int			row[IMAGES_AT_ONCE];
	int			waiting = 0;
	Status		status;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	model = model_embedding_argument(fcinfo, 1, INPUT_IMAGE);
	images = PG_GETARG_ARRAYTYPE_P(0);
	deconstruct_array(images, BYTEAOID, -1, false, TYPALIGN_INT, &value, &isnull, &count);
	bytes = network_sample_bytes(model->definition);
	most = Max(Min(count, IMAGES_AT_ONCE), 1);
	raster = palloc_extended(bytes * most, MCXT_ALLOC_HUGE);
	x = palloc(sizeof(float) * model->dimensions * most);
	workspace = server_workspace(model->network, Max(most, model->definition->views), false, model->packed);
	for (int i = 0; i <= count; i++)
	{
		if (waiting == most || (i == count && waiting > 0))
		{
			if (!network_embed(model->network, model->weights, workspace, input, waiting, x, &status))
				check_raise_status(&status);
			for (int k = 0; k < waiting; k++)
				value[row[k]] = PointerGetDatum(model_make_embedding(model, x + (size_t) k * model->dimensions));
			waiting = 0;
		}
		if (i == count || isnull[i])
			continue;
		CHECK_FOR_INTERRUPTS();
		input[waiting] = raster + bytes * waiting;
		row[waiting] = i;
		model_prepare_image(model->definition, DatumGetByteaPP(value[i]), raster + bytes * waiting++);
	}
	network_workspace_destroy(workspace);
	PG_RETURN_POINTER(construct_md_array(value, isnull, ARR_NDIM(images), ARR_DIMS(images), ARR_LBOUND(images),
										 element, -1, false, TYPALIGN_DOUBLE));
}
