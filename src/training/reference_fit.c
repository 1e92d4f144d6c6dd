/*
 * reference_fit.c: how people vary, and what distances to references mean, from held-out identities.
 *
 * Of each identity some sets of genuine samples are its references in turn, all its other samples and the genuine ones of
 * other identities are compared with them.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "common/random.h"
#include "verification/verification.h"
#include "training/training.h"

#define MOST_SETS 4				/* of references, of an identity */
#define RANDOM_IMPOSTORS 50000	/* of a size; more are sampled */

/* One identity among the points. */
typedef struct Person
{
	int			first;
	int			genuine;
	int			forged;
} Person;

typedef struct Fit
{
	const float *point;			/* [samples, dimensions] */
	int			dimensions;
	Metric		metric;
	const Person *person;
	int			persons;
	const float *variance;
} Fit;

/* Variance of each component within a person, corrected for the means that were fitted. */
static void
pool_variance(const Fit *fit, float *variance)
{
	double	   *sum = palloc0(sizeof(double) * fit->dimensions);
	double		freedom = 0;

	for (int p = 0; p < fit->persons; p++)
	{
		const Person *person = &fit->person[p];
		const float *first = fit->point + (Size) person->first * fit->dimensions;

		for (int i = 0; i < fit->dimensions; i++)
		{
			double		mean = 0;

			for (int k = 0; k < person->genuine; k++)
				mean += first[(Size) k * fit->dimensions + i];
			mean /= Max(person->genuine, 1);
			for (int k = 0; k < person->genuine; k++)
				sum[i] += (first[(Size) k * fit->dimensions + i] - mean) * (first[(Size) k * fit->dimensions + i] - mean);
		}
		freedom += person->genuine - 1;
	}
	for (int i = 0; i < fit->dimensions; i++)
		variance[i] = (float) (sum[i] / Max(freedom, 1));
	pfree(sum);
}

static void
compare(const Fit *fit, const Reference *reference, int set, int sample, PairKind kind, PairDistances *pairs)
{
	pair_set_add(&pairs->set[kind], reference_distance(reference, fit->point + (Size) sample * fit->dimensions, fit->variance),
				 set, sample);
}

/* All comparisons with one set of references, which begins with the sample of number set. */
static void
compare_all(const Fit *fit, const Person *person, int set, int size, double share, Random *random, PairDistances *pairs)
{
	Reference  *reference = reference_of_points(fit->point + (Size) set * fit->dimensions, size, fit->dimensions,
												fit->metric, 0, size);

	for (int k = 0; k < person->genuine + person->forged; k++)
	{
		int			sample = person->first + k;

		if (sample < set || sample >= set + size)
			compare(fit, reference, set, sample, k < person->genuine ? PAIR_GENUINE : PAIR_SKILLED, pairs);
	}
	for (int p = 0; p < fit->persons; p++)
	{
		for (int k = 0; k < fit->person[p].genuine; k++)
			if (&fit->person[p] != person && random_uniform(random) < share)
				compare(fit, reference, set, fit->person[p].first + k, PAIR_RANDOM, pairs);
	}
	pfree(reference);
}

static bool
fit_size(const Fit *fit, int size, uint64 seed, const PairDistances *samples, ReferenceScores *scores)
{
	PairDistances pairs = *samples;
	Random		random = random_stream(seed, UINT64_C(0x5265) + size);
	double		comparisons = 0;
	double		genuine = 0;

	for (int p = 0; p < fit->persons; p++)
		genuine += fit->person[p].genuine;
	for (int p = 0; p < fit->persons; p++)
		comparisons += Min(MOST_SETS, fit->person[p].genuine / size) * (genuine - fit->person[p].genuine);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_init(&pairs.set[kind]);
	for (int p = 0; p < fit->persons; p++)
	{
		const Person *person = &fit->person[p];
		int			sets = Min(MOST_SETS, person->genuine / size);

		for (int s = 0; person->genuine > size && s < sets; s++)
			compare_all(fit, person, person->first + s * size, size, RANDOM_IMPOSTORS / Max(comparisons, 1), &random, &pairs);
	}
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		pair_set_sort(&pairs.set[kind]);
	if (pairs.set[PAIR_GENUINE].count == 0 || pairs.set[PAIR_RANDOM].count + pairs.set[PAIR_SKILLED].count == 0)
		return false;
	reference_scores_fit(&pairs, size, seed, scores);
	return true;
}

ReferenceCalibration *
references_fit(const Examples *examples, const int *labels, int label_count, const float *embedding, Metric metric,
			   int dimensions, uint64 seed, const PairDistances *samples)
{
	ReferenceCalibration *calibration = palloc0(sizeof(ReferenceCalibration));
	Person	   *person = palloc(sizeof(Person) * Max(label_count, 1));
	Fit			fit = {.dimensions = dimensions, .metric = metric, .person = person, .persons = label_count};
	float	   *point;
	int			count = 0;

	for (int p = 0; p < label_count; p++)
	{
		const ExampleLabel *label = &examples->label[labels[p]];

		person[p] = (Person) {count, label->genuine, label->forged};
		count += label->genuine + label->forged;
	}
	point = palloc_extended(sizeof(float) * Max(count, 1) * dimensions, MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
		reference_point(metric, embedding + (Size) i * dimensions, dimensions, point + (Size) i * dimensions);
	fit.point = point;
	calibration->dimensions = dimensions;
	calibration->variance = palloc(sizeof(float) * dimensions);
	pool_variance(&fit, calibration->variance);
	fit.variance = calibration->variance;
	for (int i = 0; i < REFERENCE_SIZES; i++)
	{
		if (fit_size(&fit, reference_sizes[i], seed, samples, &calibration->size[calibration->sizes]))
			calibration->sizes++;
	}
	pfree(point);
	pfree(person);
	return calibration;
}
