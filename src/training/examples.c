/*
 * examples.c: the rows of the user's query -> prepared rasters, by identity.
 *
 * While rows come in, a row is an Entry with a digest of its raster, which is what it is sorted by: the rasters themselves
 * may be on disk.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/read_query.h"
#include "training/numbered_names.h"
#include "training/raster_store.h"
#include "training/training.h"

#define DIGEST_BYTES 16			/* kept of a raster's SHA-256 */
#define ROWS_BETWEEN_LIMITS 256
#define NO_GROUP (-1)

typedef struct Entry
{
	int			label;
	int			slot;
	bool		genuine;
	uint8		digest[DIGEST_BYTES];
} Entry;

typedef struct Reader
{
	Examples   *examples;
	const NetworkDefinition *definition;
	MemoryContext context;		/* of the result */
	Names	   *labels;			/* by first appearance; sorted afterwards */
	Names	   *groups;			/* NULL: the query has none */
	Size		memory;			/* that all of the examples may take ... */
	Size		most;			/* ... unless the list of them alone takes more, up to this */
	int			room;			/* of entry */
	Entry	   *entry;
	int			label_room;
	uint8	   *raster;			/* the one being prepared */
	pg_cryptohash_ctx *hash;
	Oid			label_output;
	Oid			group_output;
	bool		has_genuine;
	int64		row;
} Reader;

/* Of a domain the type that it is over. */
static Oid
column_type(TupleDesc descriptor, int column)
{
	return getBaseType(TupleDescAttr(descriptor, column)->atttypid);
}

static void
check_columns(void *argument, TupleDesc descriptor)
{
	Reader	   *reader = argument;
	bool		varlena;

	if (descriptor->natts < 2 || descriptor->natts > 4)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg_plural("the examples' query returns %d column", "the examples' query returns %d columns",
							   descriptor->natts, descriptor->natts),
				 errdetail("It must return (sample, label), (sample, label, genuine) or (sample, label, genuine, group).")));
	if (!model_takes_type(reader->definition->input_kind, column_type(descriptor, 0)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the first column of the examples is of type %s, not %s",
						format_type_be(TupleDescAttr(descriptor, 0)->atttypid),
						model_sample_type_name(reader->definition->input_kind)),
				 reader->definition->input_kind == INPUT_PEN ?
				 errhint("The network takes trajectories of a pen: rows of x, y, then pressure, then time.") :
				 errhint("It is the image itself, not its path or its text form.")));
	reader->has_genuine = descriptor->natts > 2;
	if (reader->has_genuine && column_type(descriptor, 2) != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the third column of the examples is of type %s, not boolean",
						format_type_be(TupleDescAttr(descriptor, 2)->atttypid)),
				 errhint("It tells genuine samples (true) from forgeries of the label (false); where there are none, it is true.")));
	getTypeOutputInfo(TupleDescAttr(descriptor, 1)->atttypid, &reader->label_output, &varlena);
	if (descriptor->natts > 3)
	{
		reader->groups = names_create();
		getTypeOutputInfo(TupleDescAttr(descriptor, 3)->atttypid, &reader->group_output, &varlena);
	}
}

static int
label_number(Reader *reader, const char *name)
{
	Examples   *examples = reader->examples;
	int			number = names_number(reader->labels, name);

	if (number == examples->labels)
	{
		if (number == reader->label_room)
		{
			reader->label_room *= 2;
			examples->label = repalloc_huge(examples->label, reader->label_room * sizeof(ExampleLabel));
		}
		examples->label[examples->labels++] = (ExampleLabel) {.name = reader->labels->name[number], .group = NO_GROUP};
	}
	return number;
}

/* What one row says of its label's group; NULL says nothing. */
static void
note_group(Reader *reader, HeapTuple tuple, TupleDesc descriptor, ExampleLabel *label)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, descriptor, 4, &isnull);
	int			group;

	if (isnull)
		return;
	group = names_number(reader->groups, OidOutputFunctionCall(reader->group_output, value));
	if (label->group != NO_GROUP && label->group != group)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("label \"%s\" of the examples is in two groups, \"%s\" and \"%s\"", label->name,
						reader->groups->name[label->group], reader->groups->name[group]),
				 errhint("A label is one identity. If it means another one in each group, make the label of both columns:"
						 " SELECT sample, (\"group\", label), ...")));
	label->group = group;
}

/* Numbers that follow from the labels' order; a label of which no row names a group has one of its own. */
static void
number_groups(Reader *reader)
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

/* Bytes of labels and groups. */
static Size
name_bytes(const Reader *reader)
{
	return reader->labels->bytes + (reader->groups != NULL ? reader->groups->bytes : 0);
}

/*
 * The list of rows cannot be spilled: the rasters give way to it.
 */
static void
keep_within_memory(Reader *reader)
{
	Size		list = name_bytes(reader) + (Size) reader->examples->count * sizeof(Entry);

	if (list > reader->most)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the list of the examples does not fit into maintenance_work_mem"),
				 errdetail("After %d rows with %d labels it needs %zu kB of the %zu kB that are left for it.",
						   reader->examples->count, reader->examples->labels, list / 1024, reader->most / 1024),
				 errhint("Raise maintenance_work_mem; it is %d kB.", maintenance_work_mem)));
	raster_store_limit(reader->examples->rasters, reader->memory - Min(list, reader->memory));
}

static void
digest_of(Reader *reader, const uint8 *bytes, size_t count, uint8 *digest)
{
	if (pg_cryptohash_init(reader->hash) < 0 || pg_cryptohash_update(reader->hash, bytes, count) < 0 ||
		pg_cryptohash_final(reader->hash, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a SHA-256");
}

/* NULL is neither: a sample of unknown worth would be counted as somebody's own, or as forged. */
static bool
is_genuine(const Reader *reader, HeapTuple tuple, TupleDesc descriptor, const char *label)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, descriptor, 3, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the third column of the examples is NULL in row " INT64_FORMAT, reader->row),
				 errdetail("The row's label is \"%s\". The column tells genuine samples (true) from forgeries of the label (false).",
						   label),
				 errhint("If NULL means genuine, write coalesce(..., true); else leave these rows out.")));
	return DatumGetBool(value);
}

static void
read_row(void *argument, HeapTuple tuple, TupleDesc descriptor)
{
	Reader	   *reader = argument;
	Examples   *examples = reader->examples;
	bool		sample_null;
	bool		label_null;
	Datum		sample = SPI_getbinval(tuple, descriptor, 1, &sample_null);
	Datum		label = SPI_getbinval(tuple, descriptor, 2, &label_null);
	bool		genuine = true;
	char	   *name;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	Entry	   *entry;
	Status		status;

	reader->row++;
	if (sample_null || label_null)
	{
		examples->null_rows++;
		return;
	}
	name = OidOutputFunctionCall(reader->label_output, label);
	if (reader->has_genuine)
		genuine = is_genuine(reader, tuple, descriptor, name);
	if (!model_try_prepare_sample(reader->definition, sample, reader->raster, &status))
	{
		if (status.code == STATUS_NO_MEMORY || status.code == STATUS_INTERRUPTED)
			check_raise_status(&status);
		if (examples->bad_rows++ == 0)
		{
			MemoryContext old = MemoryContextSwitchTo(reader->context);

			examples->first_bad = psprintf("Row " INT64_FORMAT ", label \"%s\": %s", reader->row, name, status.detail);
			MemoryContextSwitchTo(old);
		}
		return;
	}
	if (examples->count == reader->room)
	{
		if (reader->room > PG_INT32_MAX / 2)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many examples")));
		reader->room *= 2;
		reader->entry = repalloc_huge(reader->entry, reader->room * sizeof(Entry));
	}
	digest_of(reader, reader->raster, examples->raster_bytes, digest);
	entry = &reader->entry[examples->count++];
	entry->label = label_number(reader, name);
	if (reader->groups != NULL)
		note_group(reader, tuple, descriptor, &examples->label[entry->label]);
	entry->genuine = genuine;
	entry->slot = raster_store_add(examples->rasters, reader->raster);
	memcpy(entry->digest, digest, DIGEST_BYTES);
	if (examples->count % ROWS_BETWEEN_LIMITS == 0)
		keep_within_memory(reader);
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
	const Entry *x = a;
	const Entry *y = b;
	int			order;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	if (x->genuine != y->genuine)
		return x->genuine ? -1 : 1;
	order = memcmp(x->digest, y->digest, DIGEST_BYTES);
	return order != 0 ? order : (x->slot > y->slot) - (x->slot < y->slot);
}

static int
compare_digests(const void *a, const void *b, void *argument)
{
	const Entry *entry = argument;
	int			x = *(const int *) a;
	int			y = *(const int *) b;
	int			order = memcmp(entry[x].digest, entry[y].digest, DIGEST_BYTES);

	return order != 0 ? order : (x > y) - (x < y);
}

/*
 * Of rows that are the same to the network, under the same label, the first counts: a pair of copies is at distance 0
 * whatever the network, and would make any look good.  The entries are sorted.
 */
static void
leave_out_copies(Reader *reader)
{
	Examples   *examples = reader->examples;
	int			kept = 0;

	for (int i = 0; i < examples->count; i++)
	{
		const Entry *before = kept > 0 ? &reader->entry[kept - 1] : NULL;
		const Entry *entry = &reader->entry[i];

		if (before != NULL && before->label == entry->label && before->genuine == entry->genuine &&
			memcmp(before->digest, entry->digest, DIGEST_BYTES) == 0)
			continue;
		reader->entry[kept++] = *entry;
	}
	examples->copies = examples->count - kept;
	examples->count = kept;
}

/*
 * Two rows of the same sample that cannot both be right: a genuine one of two labels, or genuine and forged under one.  That
 * somebody's own sample is a forgery of another is well possible.  order: by content, then by label, genuine ones first.
 */
static bool
find_contradiction(const Entry *entry, const int *order, int count, const Entry **a, const Entry **b)
{
	const Entry *genuine = NULL;

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

/* The entries are sorted, and no copies are left. */
static void
count_contradictions(Reader *reader)
{
	Examples   *examples = reader->examples;
	const Entry *entry = reader->entry;
	int		   *order = palloc_extended(sizeof(int) * (examples->count + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < examples->count; i++)
		order[i] = i;
	qsort_arg(order, examples->count, sizeof(int), compare_digests, reader->entry);
	for (int i = 0, end; i < examples->count; i = end)
	{
		const Entry *a;
		const Entry *b;

		for (end = i + 1; end < examples->count && memcmp(entry[order[i]].digest, entry[order[end]].digest, DIGEST_BYTES) == 0; end++)
			;
		if (!find_contradiction(entry, order + i, end - i, &a, &b) || examples->contradictions++ > 0)
			continue;
		examples->first_contradiction = a->label != b->label
			? psprintf("One of them is a genuine one of \"%s\" and of \"%s\".", examples->label[a->label].name,
					   examples->label[b->label].name)
			: psprintf("One of them is a genuine one and a forgery of \"%s\".", examples->label[a->label].name);
	}
	pfree(order);
}

/* What the rows were, whatever their order: labels by name, and of each its group and its samples. */
static char *
digest_of_all(Reader *reader)
{
	const Examples *examples = reader->examples;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char	   *text = palloc(2 * sizeof digest + 1);
	bool		fine = pg_cryptohash_init(reader->hash) >= 0;

	for (int i = 0; fine && i < examples->count; i++)
	{
		const Entry *entry = &reader->entry[i];
		const ExampleLabel *label = &examples->label[entry->label];

		if (i == 0 || entry->label != entry[-1].label)
		{
			fine = pg_cryptohash_update(reader->hash, (const uint8 *) label->name, strlen(label->name) + 1) >= 0;
			if (examples->grouped)
				fine = fine && pg_cryptohash_update(reader->hash, (const uint8 *) &label->group, sizeof label->group) >= 0;
		}
		fine = fine && pg_cryptohash_update(reader->hash, (const uint8 *) (entry->genuine ? "g" : "f"), 1) >= 0 &&
			pg_cryptohash_update(reader->hash, entry->digest, DIGEST_BYTES) >= 0;
	}
	if (!fine || pg_cryptohash_final(reader->hash, digest, sizeof digest) < 0)
		elog(ERROR, "could not compute a SHA-256");
	for (int i = 0; i < (int) sizeof digest; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

/* Labels by name, examples by label and content: the order of the rows leaves no trace. */
static void
sort_examples(Reader *reader)
{
	Examples   *examples = reader->examples;
	int		   *order = palloc_extended(sizeof(int) * (examples->labels + 1), MCXT_ALLOC_HUGE);
	int		   *rank = palloc_extended(sizeof(int) * (examples->labels + 1), MCXT_ALLOC_HUGE);
	ExampleLabel *sorted = MemoryContextAllocHuge(reader->context, sizeof(ExampleLabel) * (examples->labels + 1));

	for (int i = 0; i < examples->labels; i++)
		order[i] = i;
	keep_within_memory(reader);
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
	qsort(reader->entry, examples->count, sizeof(Entry), compare_entries);
	leave_out_copies(reader);
	count_contradictions(reader);
	examples->digest = digest_of_all(reader);
	pfree(order);
	pfree(rank);

	/* an example is shorter than an entry and takes its place */
	examples->example = (Example *) reader->entry;
	for (int i = 0; i < examples->count; i++)
	{
		Entry		entry = reader->entry[i];

		examples->example[i] = (Example) {entry.label, entry.genuine, entry.slot};
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
	examples->bytes = raster_store_memory(examples->rasters) + name_bytes(reader) +
		(Size) examples->count * sizeof(Example);
}

static void
warn_of_rows(const Examples *examples)
{
	if (examples->null_rows > 0)
		ereport(WARNING,
				(errmsg_plural("%lld row was left out: its sample or label is NULL",
							   "%lld rows were left out: their sample or label is NULL",
							   examples->null_rows, (long long) examples->null_rows)));
	if (examples->bad_rows > 0)
		ereport(WARNING,
				(errmsg_plural("%lld row was left out: its sample cannot be used",
							   "%lld rows were left out: their samples cannot be used",
							   examples->bad_rows, (long long) examples->bad_rows),
				 errdetail("%s", examples->first_bad)));
	if (examples->copies > 0)
		ereport(WARNING,
				(errmsg_plural("%lld row was left out: another one of its label has the same sample",
							   "%lld rows were left out: others of their labels have the same samples",
							   examples->copies, (long long) examples->copies)));
	if (examples->contradictions > 0)
		ereport(WARNING,
				(errmsg_plural("%lld sample stands under two labels, or as genuine and as forged",
							   "%lld samples stand under two labels, or as genuine and as forged",
							   examples->contradictions, (long long) examples->contradictions),
				 errdetail("%s", examples->first_contradiction),
				 errhint("What is the same cannot be told apart: the error rates are worse than they would be without these rows.")));
}

static const ReadQuery form = {
	"examples", "Pass a SELECT that returns (sample, label), (sample, label, genuine) or (sample, label, genuine, group)."
};

Examples *
examples_read(const char *query, const NetworkDefinition *definition, Size memory, Size most)
{
	Reader		reader = {0};
	int			raster_bytes = (int) network_sample_bytes(definition);

	reader.context = CurrentMemoryContext;
	reader.definition = definition;
	reader.labels = names_create();
	reader.examples = palloc0(sizeof(Examples));
	reader.examples->raster_bytes = raster_bytes;
	reader.examples->rasters = raster_store_create(raster_bytes, memory);
	reader.memory = memory;
	reader.most = Max(memory, most);
	reader.raster = palloc(raster_bytes);
	reader.hash = pg_cryptohash_create(PG_SHA256);
	reader.room = reader.label_room = 1024;
	reader.entry = palloc(sizeof(Entry) * reader.room);
	reader.examples->label = palloc(sizeof(ExampleLabel) * reader.label_room);

	read_query(&form, query, check_columns, read_row, &reader);
	MemoryContextSwitchTo(reader.context);	/* SPI leaves its own behind, which ends with the connection */
	sort_examples(&reader);
	names_end(reader.labels);
	if (reader.groups != NULL)
		names_end(reader.groups);
	pg_cryptohash_free(reader.hash);
	pfree(reader.raster);
	warn_of_rows(reader.examples);
	return reader.examples;
}

bool
examples_spilled(const Examples *examples)
{
	return raster_store_spilled(examples->rasters);
}

void
examples_fetch(const Examples *examples, const int *index, int count, uint8 *buffer, const uint8 **raster)
{
	for (int i = 0; i < count; i++)
		raster[i] = raster_store_get(examples->rasters, examples->example[index[i]].slot,
									 buffer + (Size) i * examples->raster_bytes);
}
