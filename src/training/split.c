/*
 * split.c: which identities train and which are held out.
 */
#include "postgres.h"

#include "training/training.h"

Split *
split_identities(const Examples *examples, double held_out, int most_samples, uint64 seed, bool strict)
{
	Split	   *split = palloc0(sizeof(Split));
	int		   *usable = palloc(sizeof(int) * Max(examples->labels, 1));
	int			count = 0;
	int			single = 0;
	int64		samples = 0;
	const char *first_single = NULL;
	Random		random = random_stream(seed, 1);

	for (int i = 0; i < examples->labels; i++)
	{
		if (examples->label[i].genuine >= 2)
			usable[count++] = i;
		else if (single++ == 0)
			first_single = examples->label[i].name;
	}
	if (single > 0 && strict)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%d of %d labels have fewer than two genuine samples", single, examples->labels),
				 errdetail("The first is \"%s\".", first_single),
				 errhint("Leave them out in the query, or pass the option {\"strict\": false} to have them left out.")));
	if (count < SPLIT_LEAST_IDENTITIES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("too few identities to learn from: %d", count),
				 errdetail("At least %d labels with two genuine samples or more are needed.", SPLIT_LEAST_IDENTITIES),
				 errhint("The second column of the examples tells who or what a sample shows.")));
	if (single > 0)
		ereport(WARNING,
				(errmsg("%d of %d labels were left out: they have fewer than two genuine samples", single, examples->labels),
				 errdetail("The first is \"%s\".", first_single)));

	for (int i = count - 1; i > 0; i--)
	{
		int			other = (int) random_below(&random, (uint32) i + 1);
		int			swap = usable[i];

		usable[i] = usable[other];
		usable[other] = swap;
	}
	split->held_out = 0;
	while (split->held_out < Max(2, Min(count - 2, (int) rint(count * held_out))))
	{
		const ExampleLabel *label = &examples->label[usable[split->held_out]];

		samples += label->genuine + label->forged;
		if (split->held_out >= 2 && samples > most_samples)
			break;
		split->held_out++;
	}
	split->training = count - split->held_out;
	split->held_out_label = usable;
	split->training_label = usable + split->held_out;
	return split;
}
