/*
 * batch_sampler.c: which samples make the next batch.
 *
 * Identities are drawn in a shuffled order, which is shuffled again after each pass, so that all are drawn equally often; so
 * are the samples of each identity.  An identity has one place in the order for each of its variants: four with turns, one
 * for each quarter turn; and with a shared distortion as many as fill the classes of a batch, each with a new distortion
 * whenever it is drawn.
 *
 * With a frame_distance, an identity's samples in a batch are near the first one in time: others would make no positive pairs.
 */
#include "postgres.h"

#include "network/network.h"
#include "training/batch_sampler.h"
#include "training/examples.h"
#include "training/split.h"

#define MOST_SAMPLES 16			/* of one identity in a batch */

/* count numbers from first on in shuffled order, dealt again and again. */
typedef struct Deck
{
	int			count;
	int			next;
	int		   *card;
} Deck;

typedef struct Identity
{
	int			label;
	Deck		genuine;
	Deck		forged;
	int		   *by_frame;		/* [genuine.count]: the genuine ones in time; NULL: time does not matter */
} Identity;

struct BatchSampler
{
	const Examples *examples;
	Random		random;
	int			turns;			/* 1 or 4 */
	int			variants;		/* of an identity, a multiple of turns */
	bool		shares;			/* each draw has a shared distortion */
	int			classes;		/* of a batch */
	int			samples;		/* of a class */
	int			self_forgeries; /* of them */
	int			frame_distance; /* 0: any */
	int			identities;
	Identity   *identity;
	Deck		order;			/* of identity * variants + variant */
};

static void
deck_init(Deck *deck, int first, int count)
{
	deck->count = count;
	deck->next = count;
	deck->card = count > 0 ? palloc(sizeof(int) * count) : NULL;
	for (int i = 0; i < count; i++)
		deck->card[i] = first + i;
}

static int
deck_draw(Deck *deck, Random *random)
{
	if (deck->next == deck->count)
	{
		deck->next = 0;
		random_shuffle(random, deck->card, deck->count);
	}
	return deck->card[deck->next++];
}

static int
compare_frames(const void *a, const void *b, void *argument)
{
	const Example *example = argument;
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	if (example[x].frame != example[y].frame)
		return example[x].frame < example[y].frame ? -1 : 1;
	return (x > y) - (x < y);
}

static void
sort_by_frame(const BatchSampler *sampler, Identity *identity)
{
	int			count = identity->genuine.count;

	identity->by_frame = palloc(sizeof(int) * Max(count, 1));
	memcpy(identity->by_frame, identity->genuine.card, sizeof(int) * count);
	qsort_arg(identity->by_frame, count, sizeof(int), compare_frames, sampler->examples->example);
}

/* How many of the genuine samples were seen before this frame. */
static int
count_before(const BatchSampler *sampler, const Identity *identity, int64 frame)
{
	int			low = 0;
	int			high = identity->genuine.count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (sampler->examples->example[identity->by_frame[middle]].frame < frame)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Another genuine sample near this one in time; where there is none, any. */
static int
draw_near(BatchSampler *sampler, Identity *identity, int first)
{
	int64		frame = sampler->examples->example[first].frame;
	int			from = count_before(sampler, identity, frame - sampler->frame_distance);
	int			to = count_before(sampler, identity, frame + sampler->frame_distance + 1);
	int			drawn;

	if (to - from < 2)
		return deck_draw(&identity->genuine, &sampler->random);
	do
		drawn = identity->by_frame[from + (int) random_below(&sampler->random, (uint32) (to - from))];
	while (drawn == first);
	return drawn;
}

BatchSampler *
batch_sampler_create(const Examples *examples, const Split *split, const NetworkDefinition *definition, uint64 seed)
{
	const NetworkTraining *training = &definition->training;
	BatchSampler *sampler = palloc0(sizeof(BatchSampler));
	int			wanted = training->classes * training->samples;

	sampler->examples = examples;
	sampler->random = random_stream(seed, 2);
	sampler->turns = training->turns ? 4 : 1;
	sampler->shares = network_shares_distortion(definition);
	sampler->variants = sampler->turns;
	if (sampler->shares && split->training > 0)
		sampler->variants *= (training->classes + split->training * sampler->turns - 1) / (split->training * sampler->turns);
	sampler->self_forgeries = training->self_forgeries;
	sampler->frame_distance = examples->framed ? training->frame_distance : 0;
	sampler->identities = split->training;
	sampler->identity = palloc0(sizeof(Identity) * split->training);
	for (int i = 0; i < split->training; i++)
	{
		const ExampleLabel *label = &examples->label[split->training_label[i]];

		sampler->identity[i].label = split->training_label[i];
		deck_init(&sampler->identity[i].genuine, label->first, label->genuine);
		deck_init(&sampler->identity[i].forged, label->first + label->genuine, label->forged);
		if (sampler->frame_distance > 0)
			sort_by_frame(sampler, &sampler->identity[i]);
	}
	deck_init(&sampler->order, 0, split->training * sampler->variants);

	/* with fewer identities than a batch has classes each gives more samples, so that the batch keeps its size */
	sampler->classes = Min(training->classes, sampler->order.count);
	sampler->samples = Max(training->samples, Min(wanted / sampler->classes, MOST_SAMPLES));
	return sampler;
}

int
batch_sampler_size(const BatchSampler *sampler)
{
	return sampler->classes * sampler->samples;
}

/*
 * Sample s of class c is at ((s + c) mod samples) * classes + c.  So each thread's part of the batch has samples of (nearly)
 * all classes, genuine and forged ones mixed: the batch statistics, which each thread computes for its part, differ little
 * and do not reveal what is forged.
 */
void
batch_sampler_next(BatchSampler *sampler, Batch *batch)
{
	for (int c = 0; c < sampler->classes; c++)
	{
		int			card = deck_draw(&sampler->order, &sampler->random);
		Identity   *identity = &sampler->identity[card / sampler->variants];
		int			variant = card % sampler->variants;
		uint64		shared = sampler->shares ? random_next(&sampler->random) | 1 : 0;

		/* a third of the samples that are not self-made forgeries, and at least two of them are genuine */
		int			own = sampler->samples - sampler->self_forgeries;
		int			forged = identity->forged.count > 0 ? Min((own + 1) / 3, own - 2) : 0;
		int			first = -1;

		for (int s = 0; s < sampler->samples; s++)
		{
			int			n = (s + c) % sampler->samples * sampler->classes + c;
			bool		genuine = s < own - forged;
			bool		forge = s >= own;
			Deck	   *deck = genuine || forge ? &identity->genuine : &identity->forged;

			if (first >= 0 && genuine && sampler->frame_distance > 0)
				batch->example[n] = draw_near(sampler, identity, first);
			else
				batch->example[n] = deck_draw(deck, &sampler->random);
			first = s == 0 ? batch->example[n] : first;
			batch->frame[n] = sampler->examples->example[batch->example[n]].frame;
			batch->label[n] = identity->label * sampler->variants + variant;
			batch->genuine[n] = genuine;
			batch->copy[n] = (NetworkCopy) {.turn = variant % sampler->turns, .forge = forge, .shared = shared};
		}
	}
	batch->n = sampler->classes * sampler->samples;
}
