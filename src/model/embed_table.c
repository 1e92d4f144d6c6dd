/*
 * embed_table.c: CALL siamese.embed_table(target, source, destination, model, batch): fills a column of embeddings.
 *
 * The table is gone through once, some pages at a time; each such run is one transaction: its rows that have a source and
 * no embedding of this model yet are read, embedded on all threads, and written.  A row that somebody changed in between
 * keeps what it has; then the same pages are gone through again, and whatever new versions stand behind is met there.
 * Interrupted at any point, it goes on when it is called again.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/settings.h"
#include "model/embedder.h"

#define MOST_BATCH 65536
#define FAILURES_SHOWN 10
#define MOST_PAGES 8192
#define MOST_REPEATS 10			/* over pages whose rows keep changing */

typedef struct Filling
{
	Oid			target;			/* as the caller named it */
	char	   *target_name;
	char	   *source;
	char	   *destination;
	Oid			embedding_type;
	char	   *model_name;
	Model	   *model;
	int			batch;			/* rows that are read, embedded and written at once */
	Embedder   *embedder;

	/* [batch] */
	uint8	   *samples;
	const uint8 **sample;
	ItemPointerData *tid;
	TransactionId *xmin;
	float	   *embedding;

	/* progress */
	instr_time	start;
	int64		blocks;			/* of all parts, as far as is known */
	int64		blocks_done;
	int64		rows;
	int64		failed;
} Filling;

/* ---- the table ------------------------------------------------------------------------------------------------------ */

/* A column of samples for a model's definition, or of embeddings if that is NULL. */
static void
check_column(Oid relation, const char *name, const NetworkDefinition *definition)
{
	AttrNumber	number = get_attnum(relation, name);
	Oid			type;

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", name, get_rel_name(relation))));
	type = get_atttype(relation, number);
	if (definition != NULL ? !model_takes_type(definition->input_kind, type) : !embedding_is_type(getBaseType(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, not %s", name, format_type_be(type),
						definition != NULL ? model_sample_type_name(definition->input_kind) : "embedding")));
}

/* The tables that hold the rows: the target itself, or a partitioned table's leaves. */
static List *
find_parts(Oid target)
{
	List	   *parts = NIL;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(target, AccessShareLock, NULL))
	{
		char		kind = get_rel_relkind(lfirst_oid(cell));

		if (kind == RELKIND_RELATION)
			parts = lappend_oid(parts, lfirst_oid(cell));
		else if (kind != RELKIND_PARTITIONED_TABLE)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table", get_rel_name(lfirst_oid(cell)))));
	}
	return parts;
}

static BlockNumber
count_blocks(Oid part)
{
	Relation	relation = table_open(part, AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(relation);

	table_close(relation, AccessShareLock);
	return blocks;
}

static char *
qualified_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

/* ---- one run of pages ---------------------------------------------------------------------------------------------- */

static void
note_failure(Filling *filling, ItemPointer tid, const char *detail)
{
	if (filling->failed++ < FAILURES_SHOWN)
		ereport(WARNING,
				(errmsg("row (%u,%u) of table \"%s\" was left out: its sample cannot be used",
						ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid), filling->target_name),
				 errdetail("%s", detail)));
}

/* Prepares the rows of a fetch that need an embedding; returns how many those are. */
static int
prepare_rows(Filling *filling, SPITupleTable *fetched, uint64 count)
{
	const NetworkDefinition *definition = filling->model->definition;
	size_t		bytes = MAXALIGN(network_sample_bytes(definition));
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	int			waiting = 0;

	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple	tuple = fetched->vals[i];
		bool		isnull;
		Datum		old = SPI_getbinval(tuple, fetched->tupdesc, 4, &isnull);
		ItemPointer tid;
		Status		status;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scratch);
		if (!isnull && DatumGetEmbedding(old)->model == filling->model->fingerprint)
			continue;
		tid = (ItemPointer) DatumGetPointer(SPI_getbinval(tuple, fetched->tupdesc, 1, &isnull));
		filling->tid[waiting] = *tid;
		filling->xmin[waiting] = DatumGetTransactionId(SPI_getbinval(tuple, fetched->tupdesc, 2, &isnull));
		filling->sample[waiting] = filling->samples + bytes * waiting;
		if (model_try_prepare_sample(definition, SPI_getbinval(tuple, fetched->tupdesc, 3, &isnull),
									 filling->samples + bytes * waiting, &status))
			waiting++;
		else if (status.code == STATUS_NO_MEMORY || status.code == STATUS_INTERRUPTED)
			check_raise_status(&status);
		else
			note_failure(filling, tid, status.detail);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return waiting;
}

/* One pass over the pages first .. end - 1 of a part: how many rows got their embedding, and how many changed meanwhile. */
static int64
fill_pages(Filling *filling, SPIPlanPtr select, SPIPlanPtr update, BlockNumber first, BlockNumber end, int64 *changed)
{
	ItemPointerData bound[2];
	Datum		bounds[2] = {PointerGetDatum(&bound[0]), PointerGetDatum(&bound[1])};
	Portal		portal;
	int64		written = 0;

	*changed = 0;
	ItemPointerSet(&bound[0], first, 0);
	ItemPointerSet(&bound[1], end, 0);
	portal = SPI_cursor_open(NULL, select, bounds, NULL, false);
	for (;;)
	{
		int			waiting;

		SPI_cursor_fetch(portal, true, filling->batch);
		if (SPI_processed == 0)
			break;
		waiting = prepare_rows(filling, SPI_tuptable, SPI_processed);
		SPI_freetuptable(SPI_tuptable);
		while (!embedder_run(filling->embedder, filling->sample, waiting, filling->embedding))
			CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < waiting; i++)
		{
			Embedding  *embedding = model_make_embedding(filling->model, filling->embedding + (size_t) i * filling->model->dimensions);
			Datum		values[3] = {PointerGetDatum(embedding), PointerGetDatum(&filling->tid[i]), TransactionIdGetDatum(filling->xmin[i])};

			if (SPI_execute_plan(update, values, NULL, false, 0) != SPI_OK_UPDATE)
				elog(ERROR, "could not write an embedding");
			if (SPI_processed > 0)
				written++;
			else
				(*changed)++;
			pfree(embedding);
		}
	}
	SPI_cursor_close(portal);
	return written;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

/* For siamese.embedding_progress; commits with the rows. */
static void
record_progress(const Filling *filling, bool finished)
{
	Oid			types[9] = {TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID, BOOLOID};
	Datum		values[9] = {
		CStringGetTextDatum(filling->target_name), CStringGetTextDatum(filling->destination),
		CStringGetTextDatum(filling->model_name), Int64GetDatum(filling->blocks_done), Int64GetDatum(filling->blocks),
		Int64GetDatum(filling->rows), Int64GetDatum(filling->failed), Float8GetDatum(seconds_since(filling->start)),
		BoolGetDatum(finished)
	};

	if (SPI_execute_with_args("INSERT INTO siamese.embedding_run AS r (target, destination, started_by, model, blocks_done, blocks,"
							  " rows, failed, seconds, finished_at)"
							  " VALUES ($1, $2, current_user, $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN pg_catalog.clock_timestamp() END)"
							  " ON CONFLICT (target, destination, started_by) DO UPDATE SET model = excluded.model,"
							  " blocks_done = excluded.blocks_done, blocks = excluded.blocks, rows = excluded.rows,"
							  " failed = excluded.failed, seconds = excluded.seconds, committed_at = pg_catalog.clock_timestamp(),"
							  " finished_at = excluded.finished_at",
							  9, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write siamese.embedding_run");
}

static SPIPlanPtr
keep_plan(const char *query, int arguments, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(query, arguments, types);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", query, SPI_result_code_string(SPI_result));
	return plan;
}

static void
fill_part(Filling *filling, Oid part)
{
	Oid			bound_types[2] = {TIDOID, TIDOID};
	Oid			update_types[3] = {filling->embedding_type, TIDOID, XIDOID};
	const char *table = qualified_name(part);
	const char *source = quote_identifier(filling->source);
	const char *destination = quote_identifier(filling->destination);
	SPIPlanPtr	select = keep_plan(psprintf("SELECT ctid, xmin, %s, %s FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.>=) $1"
											" AND ctid OPERATOR(pg_catalog.<) $2 AND %s IS NOT NULL",
											source, destination, table, source), 2, bound_types);
	SPIPlanPtr	update = keep_plan(psprintf("UPDATE ONLY %s SET %s = $1 WHERE ctid OPERATOR(pg_catalog.=) $2"
											" AND xmin OPERATOR(pg_catalog.=) $3", table, destination), 3, update_types);
	BlockNumber pages = 16;		/* of one transaction; then so many that about a batch of rows comes together */
	BlockNumber blocks = count_blocks(part);
	int			again = 0;

	for (BlockNumber first = 0; first < blocks;)
	{
		BlockNumber end = Min((uint64) first + pages, blocks);
		int64		failed = filling->failed;
		int64		changed;
		int64		written = fill_pages(filling, select, update, first, end, &changed);
		BlockNumber known = blocks;

		filling->rows += written;
		if (changed == 0 || again++ == MOST_REPEATS)
		{
			filling->blocks_done += end - first;
			first = end;
			again = 0;
		}
		else
			filling->failed = failed;	/* they will be met once more */
		/* new versions, and rows that came in meanwhile, stand behind */
		blocks = count_blocks(part);
		filling->blocks += (int64) blocks - known;
		record_progress(filling, false);
		SPI_commit();
		CHECK_FOR_INTERRUPTS();
		pages = written == 0 ? pages * 2 : (BlockNumber) (pages * (double) filling->batch / written);
		pages = Max(Min(pages, MOST_PAGES), 1);
	}
	SPI_freeplan(select);
	SPI_freeplan(update);
}

static void
fill(Filling *filling)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext caller;
	ListCell   *cell;
	List	   *parts;

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	caller = MemoryContextSwitchTo(context);
	parts = find_parts(filling->target);
	MemoryContextSwitchTo(caller);
	foreach(cell, parts)
		filling->blocks += count_blocks(lfirst_oid(cell));
	foreach(cell, parts)
		fill_part(filling, lfirst_oid(cell));
	record_progress(filling, true);
	SPI_commit();
	SPI_finish();
}

static void
prepare_filling(Filling *filling)
{
	const Model *model = filling->model = model_by_name(filling->model_name);
	size_t		bytes = MAXALIGN(network_sample_bytes(model->definition));
	Oid			type;
	int32		modifier;
	Oid			collation;

	check_column(filling->target, filling->source, model->definition);
	check_column(filling->target, filling->destination, NULL);
	get_atttypetypmodcoll(filling->target, get_attnum(filling->target, filling->destination), &type, &modifier, &collation);
	filling->embedding_type = getBaseTypeAndTypmod(type, &modifier);
	check_expected_dimensions(modifier, model->dimensions, NULL);
	filling->samples = palloc_extended(bytes * filling->batch, MCXT_ALLOC_HUGE);
	filling->sample = palloc(sizeof(uint8 *) * filling->batch);
	filling->tid = palloc(sizeof(ItemPointerData) * filling->batch);
	filling->xmin = palloc(sizeof(TransactionId) * filling->batch);
	filling->embedding = palloc_extended(sizeof(float) * (Size) filling->batch * model->dimensions, MCXT_ALLOC_HUGE);
	filling->embedder = embedder_create(model->network, model->weights, model->packed, thread_pool_create(setting_training_threads),
										EMBEDDER_AT_ONCE);
}

static void
check_call(FunctionCallInfo fcinfo)
{
	static const char *const argument[] = {"target", "source", "destination", "model", "batch"};

	check_procedure_call(fcinfo, "embed_table", "It commits as it goes.");
	for (int i = 0; i < 5; i++)
		if (i != 3 && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only the model of siamese.embed_table() may be NULL"),
					 errdetail("Its argument \"%s\" is.", argument[i])));
}

PG_FUNCTION_INFO_V1(siamese_embed_table);

Datum
siamese_embed_table(PG_FUNCTION_ARGS)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context;
	Filling		filling = {0};
	LOCKTAG		tag;
	double		seconds;

	check_call(fcinfo);
	INSTR_TIME_SET_CURRENT(filling.start);
	context = AllocSetContextCreate(PortalContext, "siamese embed_table", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	filling.target = PG_GETARG_OID(0);
	filling.source = text_to_cstring(PG_GETARG_TEXT_PP(1));
	filling.destination = text_to_cstring(PG_GETARG_TEXT_PP(2));
	filling.batch = PG_GETARG_INT32(4);
	if (get_rel_name(filling.target) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no table with the OID %u", filling.target)));
	if (filling.batch < 1 || filling.batch > MOST_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("batch of %d rows is out of range", filling.batch),
				 errdetail("It must be from 1 to %d.", MOST_BATCH)));
	filling.target_name = qualified_name(filling.target);
	filling.model_name = PG_ARGISNULL(3) ? pstrdup(setting_model == NULL ? "" : setting_model) : text_to_cstring(PG_GETARG_TEXT_PP(3));
	prepare_filling(&filling);

	/* one at a time for a column; of the session, since transactions come and go */
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, get_relname_relid("embedding_run", get_namespace_oid("siamese", false)),
					   filling.target, get_attnum(filling.target, filling.destination));
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("column \"%s\" of %s is being filled by another session", filling.destination, filling.target_name),
				 errhint("siamese.embedding_progress shows how far it is.")));
	PG_TRY();
	{
		fill(&filling);
	}
	PG_FINALLY();
	{
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	seconds = seconds_since(filling.start);
	ereport(NOTICE,
			(errmsg("%lld rows embedded, %lld left out, %.0f a second", (long long) filling.rows, (long long) filling.failed,
					(double) filling.rows / Max(seconds, 1e-9))));
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(context);
	return (Datum) 0;
}
