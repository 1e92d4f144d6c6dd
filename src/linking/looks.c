/*
 * looks.c: how detections look: what one model makes of them, given (embeddings) or made here of images.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/settings.h"
#include "distance/distance.h"
#include "embedding/embedding.h"
#include "linking/looks_internal.h"
#include "model/embedder.h"
#include "model/sql_samples.h"
#include "network/network.h"

#define VALUES 2				/* of a pair: distance, log odds */

static bool
compare(void *context, int pairs, const DetectionPair *pair, float *value, Status *status)
{
	const Looks *looks = context;

	for (int i = 0; i < pairs; i++, value += VALUES)
	{
		double		distance;

		value[0] = value[1] = NAN;
		if (!looks->known[pair[i].from] || !looks->known[pair[i].to])
			continue;
		distance = distance_between(looks->of.metric, looks_kept(looks, pair[i].from), looks_kept(looks, pair[i].to), looks->of.dimensions);
		value[0] = (float) distance;
		value[1] = looks_log_odds(&looks->of, distance);
	}
	return true;
}

static Looks *
create(const LooksModel *of, Size bytes)
{
	Looks	   *looks = palloc0(sizeof(Looks));

	looks->of = *of;
	looks->context = CurrentMemoryContext;
	looks->room = 256;
	looks->bytes = bytes;
	looks->kept = palloc_extended(bytes * looks->room, MCXT_ALLOC_HUGE);
	looks->known = palloc(sizeof(bool) * looks->room);
	looks->appearance = (TrackAppearance) {.context = looks, .values = VALUES, .scaled = VALUES, .compare = compare};
	return looks;
}

Looks *
looks_create(const LooksModel *of)
{
	if (of->compares_pairs)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the appearance of the tracker compares images, not embeddings"),
				 errdetail("Its network has a layer \"pair\"."),
				 errhint("Let the query return the images of the detections, for siamese.link() or siamese.train_tracker().")));
	return create(of, sizeof(float) * of->dimensions);
}

Looks *
looks_of_images(const LooksModel *of, Model *model, int kilobytes)
{
	ThreadPool *pool;
	Looks	   *looks;

	if (model->definition->input_kind != INPUT_IMAGE)
		check_raise_input_kind(true);
	looks = create(of, of->compares_pairs ? network_side_bytes(model->network) : sizeof(float) * of->dimensions);
	looks->model = model;
	looks->pairs_memory = (Size) kilobytes * 1024;
	looks->raster_bytes = MAXALIGN(network_sample_bytes(model->definition));
	looks->raster = palloc_extended(looks->raster_bytes * LOOKS_BATCH, MCXT_ALLOC_HUGE);
	looks->sample = palloc(sizeof(uint8 *) * LOOKS_BATCH);
	looks->waiting = palloc(sizeof(int) * LOOKS_BATCH);
	looks->made = palloc_extended(looks->bytes * LOOKS_BATCH, MCXT_ALLOC_HUGE);
	pool = thread_pool_create(setting_training_threads);
	if (of->compares_pairs)
		looks_compare_pairs(looks, pool);
	else
		looks->embedder = embedder_create(model->network, model->weights, model->packed, pool, EMBEDDER_AT_ONCE);
	return looks;
}

/* Its number. */
static int
add_unknown(Looks *looks)
{
	if (looks->count == looks->room)
	{
		looks->room *= 2;
		looks->kept = repalloc_huge(looks->kept, looks->bytes * looks->room);
		looks->known = repalloc_huge(looks->known, sizeof(bool) * looks->room);
	}
	looks->known[looks->count] = false;
	return looks->count++;
}

static void
embed_waiting(Looks *looks)
{
	while (looks->scorer != NULL ? !pair_scorer_sides(looks->scorer, looks->sample, looks->batch, looks->made) :
		   !embedder_run(looks->embedder, looks->sample, looks->batch, (float *) looks->made))
		CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < looks->batch; i++)
	{
		memcpy(looks_kept(looks, looks->waiting[i]), looks->made + looks->bytes * i, looks->bytes);
		looks->known[looks->waiting[i]] = true;
	}
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
		if (looks->batch == LOOKS_BATCH)
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
	int			number = add_unknown(looks);

	if (isnull)
		return;
	if (looks->model != NULL)
		add_image(looks, value);
	else
	{
		const Embedding *embedding = DatumGetEmbedding(value);

		check_model(looks, embedding);
		memcpy(looks_kept(looks, number), embedding->x, looks->bytes);
		looks->known[number] = true;
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
