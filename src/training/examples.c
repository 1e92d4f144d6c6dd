/*
 * examples.c: reads the rows of the examples' query: prepared rasters, labels, groups.
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
#include "model/sql_samples.h"
#include "network/network.h"
#include "training/examples.h"
#include "training/examples_internal.h"
#include "training/numbered_names.h"
#include "training/progress.h"
#include "training/raster_store.h"

#define ROWS_BETWEEN_LIMITS 256

/* The column's type, or that which its domain is over. */
static Oid
column_type(TupleDesc descriptor, int column)
{
	return getBaseType(TupleDescAttr(descriptor, column)->atttypid);
}

/* Which columns are which: behind the label they go by their place, but for the one named "frame". */
static void
place_columns(ExamplesReader *reader, TupleDesc descriptor)
{
	int			others = 0;

	for (int i = 2; i < descriptor->natts; i++)
	{
		if (reader->frame_column == 0 && strcmp(NameStr(TupleDescAttr(descriptor, i)->attname), "frame") == 0)
			reader->frame_column = i + 1;
		else if (++others == 1)
			reader->genuine_column = i + 1;
		else
			reader->group_column = i + 1;
	}
	if (descriptor->natts < 2 || others > 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg_plural("the examples' query returns %d column", "the examples' query returns %d columns",
							   descriptor->natts, descriptor->natts),
				 errdetail("It must return (sample, label), (sample, label, genuine) or (sample, label, genuine, group); besides these it"
						   " may return a column named frame.")));
}

static void
check_frame_type(ExamplesReader *reader, TupleDesc descriptor)
{
	if (reader->frame_column == 0)
		return;
	reader->examples->framed = true;
	reader->frame_type = column_type(descriptor, reader->frame_column - 1);
	if (reader->frame_type != INT2OID && reader->frame_type != INT4OID && reader->frame_type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the column \"frame\" of the examples is of type %s, not integer",
						format_type_be(TupleDescAttr(descriptor, reader->frame_column - 1)->atttypid)),
				 errhint("It tells when in its video a sample was seen; a column of another meaning needs another name.")));
}

static void
check_columns(void *argument, TupleDesc descriptor)
{
	ExamplesReader *reader = argument;
	bool		varlena;
	int			genuine;

	place_columns(reader, descriptor);
	genuine = reader->genuine_column - 1;
	if (!model_takes_type(reader->definition->input_kind, column_type(descriptor, 0)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the first column of the examples is of type %s, not %s",
						format_type_be(TupleDescAttr(descriptor, 0)->atttypid),
						model_sample_type_name(reader->definition->input_kind)),
				 reader->definition->input_kind == INPUT_PEN ?
				 errhint("The network takes trajectories of a pen: rows of x, y, then pressure, then time.") :
				 errhint("It is the image itself, not its path or its text form.")));
	if (genuine >= 0 && column_type(descriptor, genuine) != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the third column of the examples is of type %s, not boolean",
						format_type_be(TupleDescAttr(descriptor, genuine)->atttypid)),
				 errhint("It tells genuine samples (true) from forgeries of the label (false); without forgeries, pass true.")));
	getTypeOutputInfo(TupleDescAttr(descriptor, 1)->atttypid, &reader->label_output, &varlena);
	if (reader->group_column > 0)
	{
		reader->groups = numbered_names_create();
		getTypeOutputInfo(TupleDescAttr(descriptor, reader->group_column - 1)->atttypid, &reader->group_output, &varlena);
	}
	check_frame_type(reader, descriptor);
}

static int
label_number(ExamplesReader *reader, const char *name)
{
	Examples   *examples = reader->examples;
	int			number = numbered_names_number(reader->labels, name);

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

/* The group that a row gives its label; NULL gives none. */
static void
note_group(ExamplesReader *reader, HeapTuple tuple, TupleDesc descriptor, ExampleLabel *label)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, descriptor, reader->group_column, &isnull);
	int			group;

	if (isnull)
		return;
	group = numbered_names_number(reader->groups, OidOutputFunctionCall(reader->group_output, value));
	if (label->group != NO_GROUP && label->group != group)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("label \"%s\" of the examples is in two groups, \"%s\" and \"%s\"", label->name,
						reader->groups->name[label->group], reader->groups->name[group]),
				 errhint("A label is one identity. If it is another one in each group, make the label of both columns:"
						 " SELECT sample, (\"group\", label), ...")));
	label->group = group;
}

/* Bytes of labels and groups. */
static Size
name_bytes(const ExamplesReader *reader)
{
	return reader->labels->bytes + (reader->groups != NULL ? reader->groups->bytes : 0);
}

/* The list of rows cannot go to disk, so what it needs is taken from the rasters. */
static void
keep_within_memory(ExamplesReader *reader)
{
	Size		list = name_bytes(reader) + (Size) reader->examples->count * sizeof(ExampleEntry);

	if (list > reader->most)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the list of the examples does not fit into maintenance_work_mem"),
				 errdetail("After %d rows with %d labels it needs %zu kB of the %zu kB that are available for it.",
						   reader->examples->count, reader->examples->labels, list / 1024, reader->most / 1024),
				 errhint("Raise maintenance_work_mem; it is %d kB.", maintenance_work_mem)));
	raster_store_limit(reader->examples->rasters, reader->memory - Min(list, reader->memory));
}

static void
digest_of(ExamplesReader *reader, const uint8 *bytes, size_t count, uint8 *digest)
{
	if (pg_cryptohash_init(reader->hash) < 0 || pg_cryptohash_update(reader->hash, bytes, count) < 0 ||
		pg_cryptohash_final(reader->hash, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a SHA-256");
}

/* NULL is an error: counting such a sample as genuine, or as forged, would be a guess. */
static bool
is_genuine(const ExamplesReader *reader, HeapTuple tuple, TupleDesc descriptor, const char *label)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, descriptor, reader->genuine_column, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the third column of the examples is NULL in row " INT64_FORMAT, reader->row),
				 errdetail("The row's label is \"%s\". The column tells genuine samples (true) from forgeries of the label (false).",
						   label),
				 errhint("If NULL means genuine, write coalesce(..., true); else leave these rows out.")));
	return DatumGetBool(value);
}

static int32
frame_of(const ExamplesReader *reader, HeapTuple tuple, TupleDesc descriptor)
{
	bool		isnull;
	Datum		value = SPI_getbinval(tuple, descriptor, reader->frame_column, &isnull);
	int64		frame;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the column \"frame\" of the examples is NULL in row " INT64_FORMAT, reader->row),
				 errhint("Leave such rows out, or the column.")));
	frame = reader->frame_type == INT2OID ? DatumGetInt16(value) : reader->frame_type == INT4OID ? DatumGetInt32(value)
		: DatumGetInt64(value);
	if (frame < PG_INT32_MIN || frame > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the column \"frame\" of the examples is out of range in row " INT64_FORMAT, reader->row),
				 errdetail("It is %lld; frames are from %d to %d.", (long long) frame, PG_INT32_MIN, PG_INT32_MAX)));
	return (int32) frame;
}

static void
read_row(void *argument, HeapTuple tuple, TupleDesc descriptor)
{
	ExamplesReader *reader = argument;
	Examples   *examples = reader->examples;
	bool		sample_null;
	bool		label_null;
	Datum		sample = SPI_getbinval(tuple, descriptor, 1, &sample_null);
	Datum		label = SPI_getbinval(tuple, descriptor, 2, &label_null);
	bool		genuine = true;
	int32		frame = 0;
	char	   *name;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	ExampleEntry *entry;
	Status		status;

	reader->row++;
	if (sample_null || label_null)
	{
		examples->problems.null_rows++;
		return;
	}
	name = OidOutputFunctionCall(reader->label_output, label);
	if (reader->genuine_column > 0)
		genuine = is_genuine(reader, tuple, descriptor, name);
	if (reader->frame_column > 0)
		frame = frame_of(reader, tuple, descriptor);
	if (!model_try_prepare_sample(reader->definition, sample, reader->raster, &status))
	{
		if (status.code == STATUS_NO_MEMORY || status.code == STATUS_INTERRUPTED)
			check_raise_status(&status);
		if (examples->problems.bad_rows++ == 0)
		{
			MemoryContext old = MemoryContextSwitchTo(reader->context);

			examples->problems.first_bad = psprintf("Row " INT64_FORMAT ", label \"%s\": %s", reader->row, name, status.detail);
			MemoryContextSwitchTo(old);
		}
		return;
	}
	ink_check_add(&reader->ink_check, reader->definition, sample);
	if (examples->count == reader->room)
	{
		if (reader->room > PG_INT32_MAX / 2)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many examples")));
		reader->room *= 2;
		reader->entry = repalloc_huge(reader->entry, reader->room * sizeof(ExampleEntry));
	}
	digest_of(reader, reader->raster, examples->raster_bytes, digest);
	entry = &reader->entry[examples->count++];
	entry->label = label_number(reader, name);
	if (reader->groups != NULL)
		note_group(reader, tuple, descriptor, &examples->label[entry->label]);
	entry->genuine = genuine;
	entry->frame = frame;
	entry->slot = raster_store_add(examples->rasters, reader->raster);
	memcpy(entry->digest, digest, EXAMPLE_DIGEST_BYTES);
	progress_examples(examples->count);
	if (examples->count % ROWS_BETWEEN_LIMITS == 0)
		keep_within_memory(reader);
}

static void
warn_of_problems(const ExampleProblems *problems)
{
	if (problems->null_rows > 0)
		ereport(WARNING,
				(errmsg_plural("%lld row was left out: its sample or label is NULL",
							   "%lld rows were left out: their sample or label is NULL",
							   problems->null_rows, (long long) problems->null_rows)));
	if (problems->bad_rows > 0)
		ereport(WARNING,
				(errmsg_plural("%lld row was left out: its sample cannot be used",
							   "%lld rows were left out: their samples cannot be used",
							   problems->bad_rows, (long long) problems->bad_rows),
				 errdetail("%s", problems->first_bad)));
	if (problems->copies > 0)
		ereport(WARNING,
				(errmsg_plural("%lld row was left out: another one of its label has the same sample",
							   "%lld rows were left out: others of their labels have the same samples",
							   problems->copies, (long long) problems->copies)));
	if (problems->contradictions > 0)
		ereport(WARNING,
				(errmsg_plural("%lld sample has two labels, or is both genuine and forged",
							   "%lld samples have two labels, or are both genuine and forged",
							   problems->contradictions, (long long) problems->contradictions),
				 errdetail("%s", problems->first_contradiction),
				 errhint("Identical samples cannot be told apart, so these rows raise the error rates.")));
}

static const ReadQuery form = {
	"examples", "Pass a SELECT that returns (sample, label), (sample, label, genuine) or (sample, label, genuine, group)."
};

Examples *
examples_read(const char *query, const NetworkDefinition *definition, Size memory, Size most)
{
	ExamplesReader reader = {0};
	int			raster_bytes = (int) network_sample_bytes(definition);

	reader.context = CurrentMemoryContext;
	reader.definition = definition;
	reader.labels = numbered_names_create();
	reader.examples = palloc0(sizeof(Examples));
	reader.examples->raster_bytes = raster_bytes;
	reader.examples->rasters = raster_store_create(raster_bytes, memory);
	reader.memory = memory;
	reader.most = Max(memory, most);
	reader.raster = palloc(raster_bytes);
	reader.hash = pg_cryptohash_create(PG_SHA256);
	reader.room = reader.label_room = 1024;
	reader.entry = palloc(sizeof(ExampleEntry) * reader.room);
	reader.examples->label = palloc(sizeof(ExampleLabel) * reader.label_room);

	read_query(&form, query, check_columns, read_row, &reader);
	ink_check_warn(&reader.ink_check);
	MemoryContextSwitchTo(reader.context);	/* SPI has switched to its own, which ends with the connection */
	keep_within_memory(&reader);
	examples_sort(&reader);
	reader.examples->bytes = raster_store_memory(reader.examples->rasters) + name_bytes(&reader) +
		(Size) reader.examples->count * sizeof(Example);
	numbered_names_freeze(reader.labels);
	if (reader.groups != NULL)
		numbered_names_freeze(reader.groups);
	pg_cryptohash_free(reader.hash);
	pfree(reader.raster);
	warn_of_problems(&reader.examples->problems);
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
