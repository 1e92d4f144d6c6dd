/*
 * pair_measure.c: distances of pairs of examples by a network with a layer "pair".
 *
 * Sides of samples are kept until there is no room for the next ones.  Pairs are taken by tiles, of half as many samples on
 * each side as there is room for, so that a side that was made serves as many pairs as possible.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/limits.h"
#include "model/pair_scorer.h"
#include "training/pair_measure.h"

#define PAIRS_BETWEEN 4096		/* that wait for their comparison */
#define SAMPLES_AT_ONCE 64		/* of each thread, between two fetches of rasters */
#define NO_PLACE (-1)

struct PairMeasure
{
	const Network *network;
	ThreadPool *pool;
	PairScorer *scorer;
	const Examples *examples;
	const int  *example;		/* [samples] */
	int			samples;
	int			capacity;		/* sides that there is room for */
	int		   *place;			/* [samples]: of a sample's side; NO_PLACE */
	int		   *owner;			/* [capacity]: the sample of a place */
	int			placed;			/* places taken ... */
	int			made;			/* ... of which so many have their side */
	char	   *side;			/* [capacity, side bytes] */
	int			fetched;		/* rasters at once */
	uint8	   *buffer;			/* [fetched, raster bytes] */
	const uint8 **raster;		/* [fetched] */
	int			waiting;
	NetworkPair pair[PAIRS_BETWEEN];	/* by places */
	double		log_odds[PAIRS_BETWEEN];
};

int64
pair_measure_limit(const Network *network, double multiplications, int64 most)
{
	double		pair = 2.0 * (double) network_multiplications(network_head(network));

	return (int64) fmin(fmax(multiplications / fmax(pair, 1), PAIRS_LEAST), (double) most);
}

static void
forget_sides(PairMeasure *measure)
{
	for (int i = 0; i < measure->placed; i++)
		measure->place[measure->owner[i]] = NO_PLACE;
	measure->placed = measure->made = 0;
}

PairMeasure *
pair_measure_create(const Network *network, const real *weights, ThreadPool *pool, const Examples *examples, const int *example,
					int samples, Size bytes)
{
	PairMeasure *measure = palloc_extended(sizeof(PairMeasure), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Size		room = bytes / network_side_bytes(network);

	measure->network = network;
	measure->pool = pool;
	measure->scorer = pair_scorer_create(network, weights, NULL, pool, PAIRS_AT_ONCE);
	measure->examples = examples;
	measure->example = example;
	measure->samples = samples;
	measure->capacity = (int) Max(Min(room, (Size) samples), 2);
	measure->place = palloc_extended(sizeof(int) * Max(samples, 1), MCXT_ALLOC_HUGE);
	measure->owner = palloc_extended(sizeof(int) * measure->capacity, MCXT_ALLOC_HUGE);
	for (int i = 0; i < samples; i++)
		measure->place[i] = NO_PLACE;
	measure->side = palloc_extended(measure->capacity * network_side_bytes(network), MCXT_ALLOC_HUGE);
	measure->fetched = SAMPLES_AT_ONCE * thread_pool_size(pool);
	measure->fetched = Min(measure->fetched, measure->capacity);
	measure->buffer = palloc_extended((Size) measure->fetched * examples->raster_bytes, MCXT_ALLOC_HUGE);
	measure->raster = palloc(sizeof(uint8 *) * measure->fetched);
	return measure;
}

/* Makes the sides that places were taken for. */
static void
make_sides(PairMeasure *measure)
{
	int			index[SAMPLES_AT_ONCE * LIMIT_THREADS];
	int			n;

	for (; measure->made < measure->placed; measure->made += n)
	{
		n = Min(measure->fetched, measure->placed - measure->made);
		for (int i = 0; i < n; i++)
			index[i] = measure->example[measure->owner[measure->made + i]];
		examples_fetch(measure->examples, index, n, measure->buffer, measure->raster);
		while (!pair_scorer_sides(measure->scorer, measure->raster, n, measure->side +
								  measure->made * network_side_bytes(measure->network)))
			CHECK_FOR_INTERRUPTS();
	}
}

/* Compares the pairs that wait; their distances go to the places that end before "end". */
static void
compare_waiting(PairMeasure *measure, Pair *end)
{
	make_sides(measure);
	while (!pair_scorer_compare(measure->scorer, measure->side, measure->pair, measure->waiting, measure->log_odds, NULL))
		CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < measure->waiting; i++)
		end[i - measure->waiting].distance = -measure->log_odds[i];
	measure->waiting = 0;
}

static int
place_of(PairMeasure *measure, int sample)
{
	if (measure->place[sample] == NO_PLACE)
	{
		measure->owner[measure->placed] = sample;
		measure->place[sample] = measure->placed++;
	}
	return measure->place[sample];
}

static int
compare_tiles(const void *a, const void *b, void *argument)
{
	const Pair *x = a;
	const Pair *y = b;
	int			side = *(const int *) argument;

	if (x->a / side != y->a / side)
		return x->a / side < y->a / side ? -1 : 1;
	if (x->b / side != y->b / side)
		return x->b / side < y->b / side ? -1 : 1;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return (x->b > y->b) - (x->b < y->b);
}

void
pair_measure_run(PairMeasure *measure, PairSet *set)
{
	int			tile = measure->capacity / 2;

	qsort_arg(set->pair, set->count, sizeof(Pair), compare_tiles, &tile);
	for (int64 i = 0; i < set->count; i++)
	{
		Pair	   *pair = &set->pair[i];
		int			missing = (measure->place[pair->a] == NO_PLACE) + (measure->place[pair->b] == NO_PLACE);

		if (measure->waiting == PAIRS_BETWEEN || measure->placed + missing > measure->capacity)
			compare_waiting(measure, pair);
		if (measure->placed + missing > measure->capacity)
			forget_sides(measure);
		measure->pair[measure->waiting].a = place_of(measure, pair->a);
		measure->pair[measure->waiting].b = place_of(measure, pair->b);
		measure->waiting++;
	}
	compare_waiting(measure, set->pair + set->count);
}
