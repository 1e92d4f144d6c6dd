/*
 * split.c: which identities train and which are held out.
 *
 * Error rates on held-out identities hold for new people only if nothing of the held-out ones was learned.  Where identities
 * belong together (characters of one alphabet, signers of one branch), whole groups must be held out: a new alphabet
 * differs more from the training data than a new character of a known one.
 */
#include "postgres.h"

#include "training/examples.h"
#include "training/split.h"
#include "verification/bootstrap.h"
#include "verification/calibration.h"

/* The usable labels by group: those of group i are label[first[i]] .. label[first[i + 1] - 1]. */
typedef struct Grouped
{
	int			count;			/* of labels */
	int			groups;
	int		   *label;			/* [count] */
	int		   *first;			/* [groups + 1] */
	int		   *order;			/* [groups]: the groups, held-out ones first */
} Grouped;

static int64
label_samples(const Examples *examples, int label)
{
	return (int64) examples->label[label].genuine + examples->label[label].forged;
}

/* Lists the labels with two genuine samples, those of each group in the order of labels. */
static void
gather(const Examples *examples, Grouped *grouped)
{
	int		   *place = palloc_extended(sizeof(int) * (examples->groups + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int			start = 0;

	grouped->label = palloc_extended(sizeof(int) * (examples->labels + 1), MCXT_ALLOC_HUGE);
	grouped->first = palloc_extended(sizeof(int) * (examples->groups + 1), MCXT_ALLOC_HUGE);
	grouped->order = palloc_extended(sizeof(int) * (examples->groups + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < examples->labels; i++)
		if (examples->label[i].genuine >= 2)
			place[examples->label[i].group]++;
	for (int g = 0; g < examples->groups; g++)
	{
		int			size = place[g];

		place[g] = start;
		if (size > 0)
		{
			grouped->order[grouped->groups] = grouped->groups;
			grouped->first[grouped->groups++] = start;
		}
		start += size;
	}
	grouped->first[grouped->groups] = start;
	grouped->count = start;
	for (int i = 0; i < examples->labels; i++)
		if (examples->label[i].genuine >= 2)
			grouped->label[place[examples->label[i].group]++] = i;
	pfree(place);
}

static void
check_labels(const Examples *examples, int usable, bool strict)
{
	int			single = examples->labels - usable;
	const char *first_single = NULL;

	for (int i = 0; i < examples->labels && first_single == NULL; i++)
		if (examples->label[i].genuine < 2)
			first_single = examples->label[i].name;
	if (single > 0 && strict)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%d of %d labels have fewer than two genuine samples", single, examples->labels),
				 errdetail("The first is \"%s\".", first_single),
				 errhint("Leave them out in the query, or pass the option {\"strict\": false}, which leaves them out.")));
	if (usable < SPLIT_LEAST_IDENTITIES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("too few identities to learn from: %d", usable),
				 errdetail("At least %d labels with two genuine samples or more are needed.", SPLIT_LEAST_IDENTITIES),
				 errhint("The second column of the examples tells who or what a sample shows.")));
	if (single > 0)
		ereport(WARNING,
				(errmsg("%d of %d labels were left out: they have fewer than two genuine samples", single, examples->labels),
				 errdetail("The first is \"%s\".", first_single)));
}

static int
group_size(const Grouped *grouped, int group)
{
	return grouped->first[group + 1] - grouped->first[group];
}

static int64
group_samples(const Examples *examples, const Grouped *grouped, int group)
{
	int64		samples = 0;

	for (int i = grouped->first[group]; i < grouped->first[group + 1]; i++)
		samples += label_samples(examples, grouped->label[i]);
	return samples;
}

/* Holds out the group at place i of order; returns the number of its identities. */
static int
hold_out(Grouped *grouped, Split *split, int i)
{
	int			group = grouped->order[i];

	/* held-out groups come first, the others keep their order */
	memmove(&grouped->order[split->held_out_groups + 1], &grouped->order[split->held_out_groups],
			sizeof(int) * (i - split->held_out_groups));
	grouped->order[split->held_out_groups++] = group;
	return group_size(grouped, group);
}

int
split_wanted(int identities, const SplitRequest *request)
{
	int			wanted = (int) rint(identities * request->share);

	if (!request->asked)
	{
		wanted = Max(wanted, Min(CALIBRATION_FEW, identities / 4));
		wanted = Max(wanted, Min(BOOTSTRAP_LEAST_GROUPS, identities / 3));
	}
	return Max(2, Min(identities - 2, wanted));
}

/* Chooses the groups to hold out; returns how many identities they have. */
static int
choose_groups(const Examples *examples, Grouped *grouped, const SplitRequest *request, Split *split)
{
	int			wanted = split_wanted(grouped->count, request);
	int			held = 0;
	int64		samples = 0;

	for (int i = 0; i < grouped->groups && held < wanted; i++)
	{
		int			size = group_size(grouped, grouped->order[i]);

		if (abs(held + size - wanted) >= wanted - held || held + size > grouped->count - 2)
			continue;
		samples += group_samples(examples, grouped, grouped->order[i]);
		if (held >= 2 && samples > request->most_samples)
			break;
		held += hold_out(grouped, split, i);
	}
	/* where every group left is too large for the share, take the smallest */
	while (held < 2 && split->held_out_groups < grouped->groups)
	{
		int			least = split->held_out_groups;

		for (int i = least + 1; i < grouped->groups; i++)
			if (group_size(grouped, grouped->order[i]) < group_size(grouped, grouped->order[least]))
				least = i;
		held += hold_out(grouped, split, least);
	}
	if (held > grouped->count - 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("too few groups to hold out one: %d", grouped->groups),
				 errdetail("The %d identities are split by whole groups, with at least two identities to learn from and two"
						   " held out.", grouped->count),
				 errhint("The fourth column of the examples tells which identities belong together; without it, single"
						 " identities are held out.")));
	return held;
}

Split *
split_identities(const Examples *examples, const SplitRequest *request, uint64 seed)
{
	Split	   *split = palloc0(sizeof(Split));
	Grouped		grouped = {0};
	Random		random = random_stream(seed, 1);
	int64		samples = 0;
	int			held;
	int		   *label;

	gather(examples, &grouped);
	check_labels(examples, grouped.count, request->strict);
	random_shuffle(&random, grouped.order, grouped.groups);
	held = choose_groups(examples, &grouped, request, split);

	label = palloc_extended(sizeof(int) * grouped.count, MCXT_ALLOC_HUGE);
	for (int i = 0, n = 0; i < grouped.groups; i++)
	{
		int			size = group_size(&grouped, grouped.order[i]);

		memcpy(label + n, grouped.label + grouped.first[grouped.order[i]], sizeof(int) * size);
		n += size;
	}
	split->groups = grouped.groups;
	split->training = grouped.count - held;
	split->training_label = label + held;
	split->held_out_label = label;
	for (int i = 0; i < held; i++)
		samples += label_samples(examples, label[i]);
	if (samples > request->most_samples)
		random_shuffle(&random, label, held);
	while (held > 2 && samples > request->most_samples)
	{
		held--;
		samples -= label_samples(examples, label[held]);
	}
	split->held_out = held;
	pfree(grouped.label);
	pfree(grouped.first);
	pfree(grouped.order);
	return split;
}
