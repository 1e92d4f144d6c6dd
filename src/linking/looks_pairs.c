/*
 * looks_pairs.c: how alike detections look to a network with a layer "pair": the whole of Leal-Taixe 2016.
 *
 * Of a pair, the tracker gets what goes into the head's last dense layer, as the paper's section 4, and before it distance and
 * calibrated log odds.  A head costs much more than a lookup, and a tracker asks for the same pairs in several passes and views:
 * what was compared is kept, until that takes the memory that it may; then all of it is forgotten.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "linking/looks_internal.h"

#define BEFORE_HIDDEN 2			/* values: distance, log odds */
#define PAIRS_AT_A_TIME 1024

typedef struct PairLook
{
	DetectionPair pair;			/* the key */
	float	   *value;			/* [values] */
} PairLook;

static void
forget(Looks *looks)
{
	HASHCTL		control = {.keysize = sizeof(DetectionPair), .entrysize = sizeof(PairLook), .hcxt = looks->pairs};

	MemoryContextReset(looks->pairs);
	looks->compared = hash_create("siamese pairs of detections", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Those of the pairs that are known and not compared yet: their numbers in pair, once each. */
static int
find_new(Looks *looks, int pairs, const DetectionPair *pair, PairLook **fresh)
{
	int			count = 0;

	for (int i = 0; i < pairs; i++)
	{
		PairLook   *look;
		bool		found;

		if (!looks->known[pair[i].from] || !looks->known[pair[i].to])
			continue;
		look = hash_search(looks->compared, &pair[i], HASH_ENTER, &found);
		if (found)
			continue;
		look->value = NULL;
		fresh[count++] = look;
	}
	return count;
}

static void
take_back(Looks *looks, PairLook *const *fresh, int count)
{
	for (int i = 0; i < count; i++)
	{
		DetectionPair pair = fresh[i]->pair;

		hash_search(looks->compared, &pair, HASH_REMOVE, NULL);
	}
}

/* Runs the heads of new pairs; false if it was interrupted. */
static bool
compare_new(Looks *looks, PairLook *const *fresh, int count)
{
	int			values = looks->appearance.values;
	int			hidden = values - BEFORE_HIDDEN;
	NetworkPair *sides = palloc(sizeof(NetworkPair) * count);
	double	   *log_odds = palloc(sizeof(double) * count);
	float	   *layer = palloc_extended(sizeof(float) * (Size) count * hidden, MCXT_ALLOC_HUGE);
	bool		done;

	for (int i = 0; i < count; i++)
		sides[i] = (NetworkPair) {fresh[i]->pair.from, fresh[i]->pair.to, false};
	done = pair_scorer_compare(looks->scorer, looks->kept, sides, count, log_odds, layer);
	for (int i = 0; i < count && done; i++)
	{
		fresh[i]->value = MemoryContextAlloc(looks->pairs, sizeof(float) * values);
		fresh[i]->value[0] = (float) -log_odds[i];
		fresh[i]->value[1] = looks_log_odds(&looks->of, -log_odds[i]);
		memcpy(fresh[i]->value + BEFORE_HIDDEN, layer + (Size) i * hidden, sizeof(float) * hidden);
	}
	pfree(sides);
	pfree(log_odds);
	pfree(layer);
	return done;
}

static void
give(const Looks *looks, const DetectionPair *pair, float *value)
{
	const PairLook *look = hash_search(looks->compared, pair, HASH_FIND, NULL);
	int			values = looks->appearance.values;

	if (look != NULL)
		memcpy(value, look->value, sizeof(float) * values);
	else
		for (int k = 0; k < values; k++)
			value[k] = NAN;
}

static bool
compare(void *context, int pairs, const DetectionPair *pair, float *value, Status *status)
{
	Looks	   *looks = context;
	PairLook  **fresh = palloc(sizeof(PairLook *) * PAIRS_AT_A_TIME);

	for (int first = 0; first < pairs; first += PAIRS_AT_A_TIME)
	{
		int			part = Min(PAIRS_AT_A_TIME, pairs - first);
		int			count = find_new(looks, part, pair + first, fresh);

		if (count > 0 && !compare_new(looks, fresh, count))
		{
			take_back(looks, fresh, count);
			pfree(fresh);
			return status_set(status, STATUS_INTERRUPTED, NULL, "The work was interrupted.");
		}
		for (int i = 0; i < part; i++)
			give(looks, &pair[first + i], value + (Size) (first + i) * looks->appearance.values);
		if (MemoryContextMemAllocated(looks->pairs, true) > looks->pairs_memory)
			forget(looks);
	}
	pfree(fresh);
	return true;
}

void
looks_compare_pairs(Looks *looks, ThreadPool *pool)
{
	Size		hidden = network_hidden_values(looks->model->network);

	if (hidden + BEFORE_HIDDEN > TRACKER_MOST_VALUES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the last hidden layer of the appearance is too wide for a tracker"),
				 errdetail("It has %zu values; it may have %d.", hidden, TRACKER_MOST_VALUES - BEFORE_HIDDEN)));
	looks->scorer = pair_scorer_of_model(looks->model, pool, PAIRS_AT_ONCE);
	looks->pairs = AllocSetContextCreate(looks->context, "siamese pairs", ALLOCSET_DEFAULT_SIZES);
	forget(looks);
	looks->appearance = (TrackAppearance) {.context = looks, .values = (int) hidden + BEFORE_HIDDEN, .scaled = BEFORE_HIDDEN, .compare = compare};
}
