/*
 * looks.c: how detections look: their embeddings by one model, given or made here of images.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/settings.h"
#include "distance/distance.h"
#include "embedding/embedding.h"
#include "linking/looks.h"
#include "model/embedder.h"
#include "model/sql_samples.h"
#include "network/network.h"
#include "verification/calibration.h"

#define BATCH 256				/* images that are embedded at once */
#define VALUES 2				/* of a pair: distance, log odds */

struct Looks
{
	LooksModel	of;
	MemoryContext context;
	int			count;
	int			room;
	float	   *x;				/* [count, of.dimensions]; the first is NaN where it is unknown */
	TrackAppearance appearance;

	/* from images */
	Model	   *model;			/* NULL: embeddings are given */
	Embedder   *embedder;
	Size		raster_bytes;
	uint8	   *raster;			/* [BATCH, raster_bytes] */
	const uint8 **sample;		/* [BATCH] */
	int		   *waiting;		/* [BATCH]: whose they are */
	float	   *embedding;		/* [BATCH, of.dimensions] */
	int			batch;			/* that wait */
	int64		bad;
	char	   *first_bad;
};

static bool
compare(void *context, int pairs, const DetectionPair *pair, float *value, Status *status)
{
	const Looks *looks = context;
	int			n = looks->of.dimensions;

	for (int i = 0; i < pairs; i++, value += VALUES)
	{
		const float *a = looks->x + (Size) pair[i].from * n;
		const float *b = looks->x + (Size) pair[i].to * n;
		double		distance;
		double		probability;

		value[0] = value[1] = NAN;
		if (isnan(a[0]) || isnan(b[0]))
			continue;
		distance = distance_between(looks->of.metric, a, b, n);
		probability = calibration_probability(&looks->of.calibration, distance, 0.5);
		value[0] = (float) distance;
		value[1] = (float) log(probability / (1 - probability));
	}
	return true;
}

Looks *
looks_create(const LooksModel *model)
{
	Looks	   *looks = palloc0(sizeof(Looks));

	looks->of = *model;
	looks->context = CurrentMemoryContext;
	looks->room = 256;
	looks->x = palloc(sizeof(float) * looks->room * model->dimensions);
	looks->appearance = (TrackAppearance) {.context = looks, .values = VALUES, .compare = compare};
	return looks;
}

Looks *
looks_of_images(const LooksModel *of, Model *model)
{
	Looks	   *looks = looks_create(of);

	if (model->definition->input_kind != INPUT_IMAGE)
		check_raise_input_kind(true);
	looks->model = model;
	looks->raster_bytes = MAXALIGN(network_sample_bytes(model->definition));
	looks->raster = palloc_extended(looks->raster_bytes * BATCH, MCXT_ALLOC_HUGE);
	looks->sample = palloc(sizeof(uint8 *) * BATCH);
	looks->waiting = palloc(sizeof(int) * BATCH);
	looks->embedding = palloc(sizeof(float) * BATCH * of->dimensions);
	looks->embedder = embedder_create(model->network, model->weights, model->packed, thread_pool_create(setting_training_threads),
									  EMBEDDER_AT_ONCE);
	return looks;
}

static float *
add_unknown(Looks *looks)
{
	float	   *x;

	if (looks->count == looks->room)
	{
		looks->room *= 2;
		looks->x = repalloc_huge(looks->x, sizeof(float) * (Size) looks->room * looks->of.dimensions);
	}
	x = looks->x + (Size) looks->count++ * looks->of.dimensions;
	x[0] = NAN;
	return x;
}

static void
embed_waiting(Looks *looks)
{
	Size		bytes = sizeof(float) * looks->of.dimensions;

	while (!embedder_run(looks->embedder, looks->sample, looks->batch, looks->embedding))
		CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < looks->batch; i++)
		memcpy(looks->x + (Size) looks->waiting[i] * looks->of.dimensions, looks->embedding + (Size) i * looks->of.dimensions, bytes);
	looks->batch = 0;
}

static void
add_image(Looks *looks, Datum image)
{
	uint8	   *raster = looks->raster + looks->raster_bytes * looks->batch;
	Status		status;

	if (model_try_prepare_sample(looks->model->definition, image, raster, &status))
	{
		looks->sample[looks->batch] = raster;
		looks->waiting[looks->batch++] = looks->count - 1;
		if (looks->batch == BATCH)
			embed_waiting(looks);
	}
	else if (status.code == STATUS_NO_MEMORY || status.code == STATUS_INTERRUPTED || status.code == STATUS_LIBRARY)
		check_raise_status(&status);
	else if (looks->bad++ == 0)
		looks->first_bad = MemoryContextStrdup(looks->context, status.detail);
}

static void
check_model(const Looks *looks, const Embedding *embedding)
{
	if (embedding->model != looks->of.fingerprint)
		check_different_models(looks->of.fingerprint, embedding->model);
	if (embedding->dimensions != looks->of.dimensions)
		check_different_dimensions(looks->of.dimensions, embedding->dimensions);
}

void
looks_add(Looks *looks, Datum value, bool isnull)
{
	float	   *x = add_unknown(looks);

	if (isnull)
		return;
	if (looks->model != NULL)
		add_image(looks, value);
	else
	{
		const Embedding *embedding = DatumGetEmbedding(value);

		check_model(looks, embedding);
		memcpy(x, embedding->x, sizeof(float) * looks->of.dimensions);
	}
}

void
looks_finish(Looks *looks)
{
	if (looks->batch > 0)
		embed_waiting(looks);
	if (looks->bad > 0)
		ereport(WARNING,
				(errmsg("%lld images of detections cannot be used: these detections are linked by geometry alone",
						(long long) looks->bad),
				 errdetail("The first one: %s", looks->first_bad)));
	looks->bad = 0;
}

const TrackAppearance *
looks_appearance(Looks *looks)
{
	return &looks->appearance;
}
