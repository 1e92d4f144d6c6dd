/*
 * examples_sort.c: the rows that were read -> examples sorted by label and content.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "utils/memutils.h"

#include "training/examples.h"
#include "training/examples_internal.h"

/* Numbers groups in the order of labels; a label of which no row names a group gets one of its own. */
static void
number_groups(ExamplesReader *reader)
{
	Examples   *examples = reader->examples;
	int			names = reader->groups != NULL ? reader->groups->count : 0;
	int		   *number = palloc_extended(sizeof(int) * (names + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < names; i++)
		number[i] = NO_GROUP;
	for (int i = 0; i < examples->labels; i++)
	{
		ExampleLabel *label = &examples->label[i];

		if (label->group == NO_GROUP)
			label->group = examples->groups++;
		else
		{
			if (number[label->group] == NO_GROUP)
				number[label->group] = examples->groups++;
			label->group = number[label->group];
		}
	}
	examples->grouped = reader->groups != NULL;
	pfree(number);
}

static int
compare_labels(const void *a, const void *b, void *argument)
{
	const ExampleLabel *label = argument;

	return strcmp(label[*(const int *) a].name, label[*(const int *) b].name);
}

static int
compare_entries(const void *a, const void *b)
{
	const ExampleEntry *x = a;
	const ExampleEntry *y = b;
	int			order;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	if (x->genuine != y->genuine)
		return x->genuine ? -1 : 1;
	order = memcmp(x->digest, y->digest, EXAMPLE_DIGEST_BYTES);
	if (order != 0)
		return order;
	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static int
compare_digests(const void *a, const void *b, void *argument)
{
	const ExampleEntry *entry = argument;
	int			x = *(const int *) a;
	int			y = *(const int *) b;
	int			order = memcmp(entry[x].digest, entry[y].digest, EXAMPLE_DIGEST_BYTES);

	return order != 0 ? order : (x > y) - (x < y);
}

/*
 * Of rows with the same label and the same prepared sample only the first is kept: two copies are at distance 0 with any
 * network, which would make each look good.  The entries are sorted.
 */
static void
leave_out_copies(ExamplesReader *reader)
{
	Examples   *examples = reader->examples;
	int			kept = 0;

	for (int i = 0; i < examples->count; i++)
	{
		const ExampleEntry *before = kept > 0 ? &reader->entry[kept - 1] : NULL;
		const ExampleEntry *entry = &reader->entry[i];

		if (before != NULL && before->label == entry->label && before->genuine == entry->genuine &&
			memcmp(before->digest, entry->digest, EXAMPLE_DIGEST_BYTES) == 0)
			continue;
		reader->entry[kept++] = *entry;
	}
	examples->problems.copies = examples->count - kept;
	examples->count = kept;
}

/*
 * Two rows of the same sample that cannot both be right: genuine under two labels, or both genuine and forged under one.  A
 * genuine sample of one label may well be a forgery of another.  order: by content, then by label, genuine ones first.
 */
static bool
find_contradiction(const ExampleEntry *entry, const int *order, int count, const ExampleEntry **a, const ExampleEntry **b)
{
	const ExampleEntry *genuine = NULL;

	for (int i = 0; i < count; i++)
	{
		*a = i > 0 && entry[order[i]].label == entry[order[i - 1]].label ? &entry[order[i - 1]] : genuine;
		*b = &entry[order[i]];
		if (*a != NULL && ((*b)->genuine || (*a)->label == (*b)->label))
			return true;
		if ((*b)->genuine)
			genuine = *b;
	}
	return false;
}

/* The entries are sorted, without copies. */
static void
count_contradictions(ExamplesReader *reader)
{
	Examples   *examples = reader->examples;
	const ExampleEntry *entry = reader->entry;
	int		   *order = palloc_extended(sizeof(int) * (examples->count + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < examples->count; i++)
		order[i] = i;
	qsort_arg(order, examples->count, sizeof(int), compare_digests, reader->entry);
	for (int i = 0, end; i < examples->count; i = end)
	{
		const ExampleEntry *a;
		const ExampleEntry *b;

		for (end = i + 1; end < examples->count; end++)
			if (memcmp(entry[order[i]].digest, entry[order[end]].digest, EXAMPLE_DIGEST_BYTES) != 0)
				break;
		if (!find_contradiction(entry, order + i, end - i, &a, &b) || examples->problems.contradictions++ > 0)
			continue;
		examples->problems.first_contradiction = a->label != b->label
			? psprintf("One of them is a genuine sample of both \"%s\" and \"%s\".", examples->label[a->label].name,
					   examples->label[b->label].name)
			: psprintf("One of them is both a genuine sample and a forgery of \"%s\".", examples->label[a->label].name);
	}
	pfree(order);
}

/* The digest of the set of rows: labels by name, each with its group and its samples, those with their frames. */
static char *
digest_of_rows(ExamplesReader *reader)
{
	const Examples *examples = reader->examples;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char	   *text = palloc(2 * sizeof digest + 1);
	bool		fine = pg_cryptohash_init(reader->hash) >= 0;

	for (int i = 0; fine && i < examples->count; i++)
	{
		const ExampleEntry *entry = &reader->entry[i];
		const ExampleLabel *label = &examples->label[entry->label];

		if (i == 0 || entry->label != entry[-1].label)
		{
			fine = pg_cryptohash_update(reader->hash, (const uint8 *) label->name, strlen(label->name) + 1) >= 0;
			if (examples->grouped)
				fine = fine && pg_cryptohash_update(reader->hash, (const uint8 *) &label->group, sizeof label->group) >= 0;
		}
		fine = fine && pg_cryptohash_update(reader->hash, (const uint8 *) (entry->genuine ? "g" : "f"), 1) >= 0 &&
			pg_cryptohash_update(reader->hash, entry->digest, EXAMPLE_DIGEST_BYTES) >= 0;
		if (examples->framed)
			fine = fine && pg_cryptohash_update(reader->hash, (const uint8 *) &entry->frame, sizeof entry->frame) >= 0;
	}
	if (!fine || pg_cryptohash_final(reader->hash, digest, sizeof digest) < 0)
		elog(ERROR, "could not compute a SHA-256");
	for (int i = 0; i < (int) sizeof digest; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

void
examples_sort(ExamplesReader *reader)
{
	Examples   *examples = reader->examples;
	int		   *order = palloc_extended(sizeof(int) * (examples->labels + 1), MCXT_ALLOC_HUGE);
	int		   *rank = palloc_extended(sizeof(int) * (examples->labels + 1), MCXT_ALLOC_HUGE);
	ExampleLabel *sorted = MemoryContextAllocHuge(reader->context, sizeof(ExampleLabel) * (examples->labels + 1));

	for (int i = 0; i < examples->labels; i++)
		order[i] = i;
	qsort_arg(order, examples->labels, sizeof(int), compare_labels, examples->label);
	for (int i = 0; i < examples->labels; i++)
	{
		rank[order[i]] = i;
		sorted[i] = examples->label[order[i]];
	}
	examples->label = sorted;
	number_groups(reader);
	for (int i = 0; i < examples->count; i++)
		reader->entry[i].label = rank[reader->entry[i].label];
	qsort(reader->entry, examples->count, sizeof(ExampleEntry), compare_entries);
	leave_out_copies(reader);
	count_contradictions(reader);
	examples->digest = digest_of_rows(reader);
	pfree(order);
	pfree(rank);

	/* an example is shorter than an entry and takes its place */
	examples->example = (Example *) reader->entry;
	for (int i = 0; i < examples->count; i++)
	{
		ExampleEntry entry = reader->entry[i];

		examples->example[i] = (Example) {entry.label, entry.genuine, entry.slot, entry.frame};
	}
	examples->example = repalloc_huge(examples->example, sizeof(Example) * (Size) Max(examples->count, 1));
	for (int i = examples->count - 1; i >= 0; i--)
	{
		ExampleLabel *label = &examples->label[examples->example[i].label];

		label->first = i;
		if (examples->example[i].genuine)
			label->genuine++;
		else
			label->forged++;
	}
}
