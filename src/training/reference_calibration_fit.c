/*
 * reference_calibration_fit.c: how samples vary within an identity, and what distances to references mean.
 *
 * From each identity up to MOST_SETS references are made, of genuine samples that stand next to each other; its other
 * samples, and genuine samples of other identities, are compared with each.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "common/random.h"
#include "embedding/reference.h"
#include "model/stored_calibration.h"
#include "training/example_pairs.h"
#include "training/reference_calibration_fit.h"
#include "verification/calibration.h"
#include "verification/fusion.h"
#include "verification/reference_calibration.h"
#include "verification/score.h"

#define MOST_SETS 4				/* references of an identity, for each size */
#define RANDOM_IMPOSTORS 50000	/* about so many comparisons of a size; of more, a sample */

typedef struct Fit
{
	const float *point;			/* [samples, dimensions]: the embeddings as references compare them */
	int			dimensions;
	Metric		metric;
	const IdentitySamples *identity;
	int			identities;
	const float *variance;		/* [dimensions] */
	const ReferenceCalibration *own;	/* NULL, or to be moved */
} Fit;

/* Pooled variance of each component within an identity, with one degree of freedom less for each mean. */
static void
pool_variance(const Fit *fit, float *variance)
{
	double	   *sum = palloc0(sizeof(double) * fit->dimensions);
	double		freedom = 0;

	for (int i = 0; i < fit->identities; i++)
	{
		const IdentitySamples *identity = &fit->identity[i];
		const float *first = fit->point + (Size) identity->first * fit->dimensions;

		for (int c = 0; c < fit->dimensions; c++)
		{
			double		mean = 0;

			for (int k = 0; k < identity->genuine; k++)
				mean += first[(Size) k * fit->dimensions + c];
			mean /= Max(identity->genuine, 1);
			for (int k = 0; k < identity->genuine; k++)
				sum[c] += (first[(Size) k * fit->dimensions + c] - mean) * (first[(Size) k * fit->dimensions + c] - mean);
		}
		freedom += identity->genuine - 1;
	}
	for (int c = 0; c < fit->dimensions; c++)
		variance[c] = (float) (sum[c] / Max(freedom, 1));
	pfree(sum);
}

static void
compare(const Fit *fit, const Reference *reference, int set, int sample, PairKind kind, PairDistances *pairs)
{
	pair_set_add(&pairs->set[kind], reference_distance(reference, fit->point + (Size) sample * fit->dimensions, fit->variance),
				 set, sample);
}

/* Makes one reference, of the size samples from number set on, and compares with it; share: of the random impostors to take. */
static void
compare_all(const Fit *fit, const IdentitySamples *identity, int set, int size, double share, Random *random, PairDistances *pairs)
{
	Reference  *reference = reference_of_points(fit->point + (Size) set * fit->dimensions, size, fit->dimensions,
												fit->metric, 0, size);

	for (int k = 0; k < identity->genuine + identity->forged; k++)
	{
		int			sample = identity->first + k;

		if (sample < set || sample >= set + size)
			compare(fit, reference, set, sample, k < identity->genuine ? PAIR_GENUINE : PAIR_SKILLED, pairs);
	}
	for (int i = 0; i < fit->identities; i++)
	{
		for (int k = 0; k < fit->identity[i].genuine; k++)
			if (&fit->identity[i] != identity && random_uniform(random) < share)
				compare(fit, reference, set, fit->identity[i].first + k, PAIR_RANDOM, pairs);
	}
	pfree(reference);
}

/* The distance beyond which half of the genuine samples lie; 0 if there are too few of them to tell. */
static double
median_of(const ReferenceScores *scores)
{
	return scores->rejected > 0 && scores->rate[0] == 0.5 ? scores->threshold[0] : 0;
}

/* The ratio of the medians of genuine distances; 0 if one of them is not known. */
static double
ratio_of_medians(const ReferenceScores *own, const ReferenceScores *here)
{
	return median_of(own) > 0 ? median_of(here) / median_of(own) : 0;
}

/* Fits the scores; of people without forgeries it moves the model's own.  False if there are no genuine comparisons or no impostors. */
static bool
fit_scores(const Fit *fit, PairDistances *pairs, int size, bool fused, uint64 seed, ReferenceScores *scores)
{
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_sort(&pairs->set[kind]);
	if (pairs->set[PAIR_GENUINE].count == 0 || pairs->set[PAIR_RANDOM].count + pairs->set[PAIR_SKILLED].count == 0)
		return false;
	reference_scores_fit(pairs, size, seed, scores);
	if (fit->own != NULL && (fused ? fit->own->elastic_sizes : fit->own->sizes) > 0)
	{
		const ReferenceScores *own = reference_scores_of(fit->own, size, fused);
		double		ratio = ratio_of_medians(own, scores);

		if (ratio > 0)
			calibration_transfer(&own->scores, ratio, &scores->scores);
	}
	return true;
}

/* False if there are no genuine comparisons or no impostors. */
static bool
fit_size(const Fit *fit, int size, uint64 seed, const PairDistances *numbering, ReferenceScores *scores)
{
	PairDistances pairs = *numbering;	/* for its identities and groups */
	Random		random = random_stream(seed, UINT64_C(0x5265) + size);
	double		comparisons = 0;
	double		genuine = 0;

	for (int i = 0; i < fit->identities; i++)
		genuine += fit->identity[i].genuine;
	for (int i = 0; i < fit->identities; i++)
		comparisons += Min(MOST_SETS, fit->identity[i].genuine / size) * (genuine - fit->identity[i].genuine);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&pairs.set[kind]);
	for (int i = 0; i < fit->identities; i++)
	{
		const IdentitySamples *identity = &fit->identity[i];
		int			sets = Min(MOST_SETS, identity->genuine / size);

		for (int s = 0; identity->genuine > size && s < sets; s++)
			compare_all(fit, identity, identity->first + s * size, size, RANDOM_IMPOSTORS / Max(comparisons, 1), &random, &pairs);
	}
	return fit_scores(fit, &pairs, size, false, seed, scores);
}

/* ---- with elastic matching ------------------------------------------------------------------------------------------ */

typedef struct FusionSamples
{
	FusionSample *sample;
	int64		count;
	int64		room;
} FusionSamples;

static void
add_fusion_sample(FusionSamples *samples, FusionSample sample)
{
	if (samples->count == samples->room)
	{
		samples->room = Max(1024, 2 * samples->room);
		samples->sample = samples->sample == NULL ? palloc_extended(sizeof(FusionSample) * samples->room, MCXT_ALLOC_HUGE)
			: repalloc_huge(samples->sample, sizeof(FusionSample) * samples->room);
	}
	samples->sample[samples->count++] = sample;
}

/* Makes one reference of size samples on file, from number first on, and compares all questions with it. */
static void
fuse_all(const Fit *fit, double usual, const ElasticIdentity *row, int first, int size, FusionSamples *samples)
{
	int			set = fit->identity[row->identity].first + first;
	Reference  *reference = reference_of_points(fit->point + (Size) set * fit->dimensions, size, fit->dimensions,
												fit->metric, 0, size);
	double		distance[REFERENCE_SPECIMENS];
	double		own = 0;

	for (int i = first; i < first + size; i++)
		for (int k = first; k < first + size; k++)
			own += row->distance[i * row->questions + k];
	own /= Max(size * (size - 1), 1);
	for (int q = 0; q < row->questions; q++)
	{
		const float *point = fit->point + (Size) row->question[q] * fit->dimensions;

		if (q >= first && q < first + size)
			continue;
		for (int i = 0; i < size; i++)
			distance[i] = row->distance[(first + i) * row->questions + q];
		add_fusion_sample(samples, (FusionSample) {row->kind[q], set, row->question[q],
							  reference_distance(reference, point, fit->variance), elastic_score(distance, size, own, usual)});
	}
	pfree(reference);
}

/* False if there are no genuine comparisons or no impostors. */
static bool
fit_elastic_size(const Fit *fit, const ElasticTable *table, double usual, int size, uint64 seed, const PairDistances *numbering,
				 ReferenceScores *scores)
{
	PairDistances pairs = *numbering;	/* for its identities and groups */
	FusionSamples samples = {0};
	int			identities = 0;

	for (int i = 0; i < table->identities; i++)
	{
		const ElasticIdentity *row = &table->identity[i];
		int			sets = fit->identity[row->identity].genuine > size ? Min(MOST_SETS, row->on_file / size) : 0;

		identities += sets > 0;
		for (int s = 0; s < sets; s++)
			fuse_all(fit, usual, row, s * size, size, &samples);
	}
	scores->weight = fit->own != NULL && fit->own->elastic_sizes > 0 ? reference_scores_of(fit->own, size, true)->weight
		: fusion_weight(samples.sample, samples.count, identities);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&pairs.set[kind]);
	for (int64 i = 0; i < samples.count; i++)
	{
		const FusionSample *sample = &samples.sample[i];

		pair_set_add(&pairs.set[sample->kind], reference_fused_distance(sample->distance, sample->elastic, scores->weight),
					 sample->reference, sample->question);
	}
	return fit_scores(fit, &pairs, size, true, seed, scores);
}

ReferenceCalibration *
reference_calibration_fit(const EmbeddedExamples *embedded, const ElasticTable *elastic, const ReferenceCalibration *own, uint64 seed,
						  const PairDistances *pairs)
{
	ReferenceCalibration *calibration = palloc0(sizeof(ReferenceCalibration));
	int			dimensions = embedded->dimensions;
	int			samples;
	IdentitySamples *identity = identity_samples(embedded, &samples);
	Fit			fit = {.dimensions = dimensions, .metric = embedded->metric, .identity = identity, .identities = embedded->labels};
	float	   *point = palloc_extended(sizeof(float) * Max(samples, 1) * dimensions, MCXT_ALLOC_HUGE);

	for (int i = 0; i < samples; i++)
		reference_point(embedded->metric, embedded->embedding + (Size) i * dimensions, dimensions, point + (Size) i * dimensions);
	fit.point = point;
	calibration->dimensions = dimensions;
	calibration->variance = palloc(sizeof(float) * dimensions);
	if (own != NULL)
		memcpy(calibration->variance, own->variance, sizeof(float) * dimensions);
	else
		pool_variance(&fit, calibration->variance);
	fit.own = own;
	fit.variance = calibration->variance;
	for (int i = 0; i < REFERENCE_SIZES; i++)
	{
		if (fit_size(&fit, reference_sizes[i], seed, pairs, &calibration->size[calibration->sizes]))
			calibration->sizes++;
	}
	if (elastic != NULL && elastic->usual > 0)
	{
		calibration->usual = own != NULL && own->elastic_sizes > 0 ? own->usual : elastic->usual;
		for (int i = 0; i < REFERENCE_SIZES; i++)
		{
			if (fit_elastic_size(&fit, elastic, calibration->usual, reference_sizes[i], seed, pairs,
								 &calibration->elastic[calibration->elastic_sizes]))
				calibration->elastic_sizes++;
		}
	}
	pfree(point);
	pfree(identity);
	return calibration;
}

double
reference_calibration_ratio(const ReferenceCalibration *own, const ReferenceCalibration *here)
{
	double		ratio = 0;

	if (here->sizes > 0)
		ratio = ratio_of_medians(reference_scores_of(own, here->size[0].references, false), &here->size[0]);
	return ratio > 0 ? ratio : 1;
}
