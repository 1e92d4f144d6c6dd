/*
 * reference.c: making, opening and comparing references.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "embedding/reference.h"

PG_FUNCTION_INFO_V1(siamese_reference_dimensions);
PG_FUNCTION_INFO_V1(siamese_reference_metric);
PG_FUNCTION_INFO_V1(siamese_reference_model);
PG_FUNCTION_INFO_V1(siamese_reference_count);
PG_FUNCTION_INFO_V1(siamese_reference_mean);
PG_FUNCTION_INFO_V1(siamese_reference_update);

#define LEAST_VARIANCE 1e-12	/* what keeps a distance finite where everything is the same */

/*
 * Sums over components go in so many parts beside each other, which the compiler turns into vectors: one query asks a
 * million references.
 */
#define LANES 8

Reference *
reference_of_datum(Datum datum)
{
	Reference  *reference = (Reference *) PG_DETOAST_DATUM(datum);

	if (unlikely(VARSIZE(reference) < REFERENCE_SIZE(1) || reference->version != REFERENCE_VERSION ||
				 reference->metric >= METRIC_COUNT || reference->dimensions < 1 ||
				 VARSIZE(reference) < REFERENCE_SIZE(reference->dimensions) ||
				 reference->count < 1 || reference->count > reference->window || !reference_tail_is_valid(reference)))
		check_corrupted("reference");
	return reference;
}

Reference *
reference_make(int dimensions, Metric metric, uint64 model, int window)
{
	Reference  *reference;

	check_dimensions(dimensions, NULL);
	reference = palloc0(REFERENCE_SIZE(dimensions));
	SET_VARSIZE(reference, REFERENCE_SIZE(dimensions));
	reference->dimensions = (uint16) dimensions;
	reference->metric = (uint8) metric;
	reference->version = REFERENCE_VERSION;
	reference->model = model;
	reference->window = (uint16) window;
	return reference;
}

void
reference_finish(Reference *reference)
{
	int			dimensions = reference->dimensions;

	for (int i = 0; i < 2 * dimensions; i++)
	{
		if (reference->x[i] == 0)
			reference->x[i] = 0;
		if (i >= dimensions && !(reference->x[i] <= REFERENCE_LARGEST_SPREAD * REFERENCE_LARGEST_SPREAD))
			check_spread(i - dimensions, sqrt(reference->x[i]), REFERENCE_LARGEST_SPREAD);
	}
}

void
reference_point(Metric metric, const float *x, int dimensions, float *point)
{
	double		part[LANES] = {0};
	double		square = 0;
	double		factor;
	int			i;

	if (metric != METRIC_COSINE)
	{
		memcpy(point, x, sizeof(float) * dimensions);
		return;
	}
	for (i = 0; i + LANES <= dimensions; i += LANES)
	{
		for (int lane = 0; lane < LANES; lane++)
			part[lane] += (double) x[i + lane] * x[i + lane];
	}
	for (; i < dimensions; i++)
		square += (double) x[i] * x[i];
	for (int lane = 0; lane < LANES; lane++)
		square += part[lane];
	factor = square > 0 ? sqrt(dimensions / square) : 0;
	for (i = 0; i < dimensions; i++)
		point[i] = (float) (x[i] * factor);
}

Reference *
reference_of_points(const float *point, int count, int dimensions, Metric metric, uint64 model, int window)
{
	Reference  *reference = reference_make(dimensions, metric, model, window);
	int			used = Min(count, window);
	const float *first = point + (Size) (count - used) * dimensions;

	reference->count = (uint16) used;
	for (int i = 0; i < dimensions; i++)
	{
		double		mean = 0;
		double		square = 0;

		for (int k = 0; k < used; k++)
			mean += first[(Size) k * dimensions + i];
		mean /= used;
		for (int k = 0; k < used; k++)
			square += (first[(Size) k * dimensions + i] - mean) * (first[(Size) k * dimensions + i] - mean);
		reference->x[i] = (float) mean;
		reference->x[dimensions + i] = (float) (square / used);
	}
	reference_finish(reference);
	return reference;
}

void
reference_check_comparable(const Reference *reference, const Embedding *embedding)
{
	if (unlikely(reference->model != embedding->model))
		check_different_models(reference->model, embedding->model);
	if (unlikely(reference->metric != embedding->metric))
		check_different_metrics((Metric) reference->metric, (Metric) embedding->metric);
	if (unlikely(reference->dimensions != embedding->dimensions))
		check_different_dimensions(reference->dimensions, embedding->dimensions);
}

/* What stands for people's variance when nothing is known of them. */
static double
own_variance(const Reference *reference)
{
	double		sum = 0;

	for (int i = 0; i < reference->dimensions; i++)
		sum += reference_variance(reference)[i];
	return sum / reference->dimensions;
}

/* A component's variance for a new signature. */
static inline float
spread_square(const Reference *reference, int i, float prior)
{
	float		count = reference->count;
	float		square = count * reference_variance(reference)[i] + (float) REFERENCE_SHRINKAGE * prior;

	return (square / (count - 1 + (float) REFERENCE_SHRINKAGE) + (float) LEAST_VARIANCE) * (1 + 1 / count);
}

static inline float
deviation_of(const Reference *reference, const float *point, int i, float prior)
{
	return (point[i] - reference->x[i]) / sqrtf(spread_square(reference, i, prior));
}

static pg_attribute_always_inline double
absolute_deviations(const Reference *reference, const float *point, const float *variance, float common)
{
	float		part[LANES] = {0};
	double		sum = 0;
	int			i;

	for (i = 0; i + LANES <= reference->dimensions; i += LANES)
	{
		for (int lane = 0; lane < LANES; lane++)
			part[lane] += fabsf(deviation_of(reference, point, i + lane, variance ? variance[i + lane] : common));
	}
	for (; i < reference->dimensions; i++)
		sum += fabsf(deviation_of(reference, point, i, variance ? variance[i] : common));
	for (int lane = 0; lane < LANES; lane++)
		sum += part[lane];
	return sum;
}

double
reference_distance(const Reference *reference, const float *point, const float *variance)
{
	double		sum;

	if (variance != NULL)
		sum = absolute_deviations(reference, point, variance, 0);
	else
		sum = absolute_deviations(reference, point, NULL, (float) own_variance(reference));
	return sum / reference->dimensions;
}

void
reference_deviations(const Reference *reference, const float *point, const float *variance, float *deviation)
{
	float		common = variance ? 0 : (float) own_variance(reference);

	for (int i = 0; i < reference->dimensions; i++)
		deviation[i] = deviation_of(reference, point, i, variance ? variance[i] : common);
}

Reference *
reference_updated(const Reference *old, const Embedding *embedding)
{
	int			dimensions = old->dimensions;
	float	   *point = palloc(sizeof(float) * dimensions);
	Reference  *reference;
	double		weight;

	reference_check_comparable(old, embedding);
	reference_point((Metric) old->metric, embedding->x, dimensions, point);
	reference = reference_make(dimensions, (Metric) old->metric, old->model, old->window);
	reference->count = (uint16) Min(old->count + 1, old->window);
	weight = 1.0 / reference->count;
	for (int i = 0; i < dimensions; i++)
	{
		double		difference = (double) point[i] - old->x[i];

		reference->x[i] = (float) (old->x[i] + weight * difference);
		reference->x[dimensions + i] = (float) ((1 - weight) * (reference_variance(old)[i] + weight * difference * difference));
	}
	pfree(point);
	reference_finish(reference);
	return reference;
}

/* ---- in SQL ------------------------------------------------------------------------------------------------------ */

Datum
siamese_reference_dimensions(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_REFERENCE(0)->dimensions);
}

Datum
siamese_reference_metric(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(metric_name((Metric) PG_GETARG_REFERENCE(0)->metric)));
}

Datum
siamese_reference_model(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);

	if (reference->model == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%016llx", (unsigned long long) reference->model)));
}

Datum
siamese_reference_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_REFERENCE(0)->count);
}

Datum
siamese_reference_mean(PG_FUNCTION_ARGS)
{
	Reference  *reference = PG_GETARG_REFERENCE(0);
	Embedding  *mean = embedding_make(reference->dimensions, (Metric) reference->metric, reference->model);

	memcpy(mean->x, reference->x, sizeof(float) * reference->dimensions);
	embedding_finish(mean);
	PG_RETURN_EMBEDDING(mean);
}

/*
 * One more embedding, without those before.  Until the window is full that is the same as making the reference anew; from
 * then on each new one weighs 1/window and the others fade by as much.
 */
Datum
siamese_reference_update(PG_FUNCTION_ARGS)
{
	Reference  *old = PG_GETARG_REFERENCE(0);
	Reference  *updated = reference_updated(old, PG_GETARG_EMBEDDING(1));

	if (reference_specimens(old) > 0)
		check_raise_needs_sample(reference_specimen_kind(old) == SPECIMEN_PEN);
	PG_RETURN_POINTER(updated);
}
