/*
 * embed_table.c: CALL siamese.embed_table(target, source, destination, model, batch): fills a column with embeddings.
 *
 * One pass over the table, some pages in each transaction: rows that have a source and no embedding of this model yet are
 * read, embedded on all threads, and updated.  A row that another session changed in between, or has locked, is left as it is;
 * the same pages are then scanned again, and row versions that were appended behind them are found when the scan gets there.
 * After an interruption the next call continues.
 *
 * It waits for a row that is locked only while it has locked none itself, so that it is in no deadlock with whoever writes.
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
#include "common/spi.h"
#include "model/column_users.h"
#include "model/embed.h"
#include "model/embed_table.h"
#include "model/embedder.h"
#include "model/ink_check.h"
#include "model/model.h"
#include "model/sql_samples.h"

#define MOST_BATCH 65536
#define FAILURES_SHOWN 10
#define MOST_PAGES 8192
#define MOST_REPEATS 10			/* scans of pages whose rows are changed meanwhile */

/* The columns, as the caller named them. */
typedef struct FillTarget
{
	Oid			table;
	char	   *name;			/* of the table, qualified */
	char	   *source;
	char	   *destination;
	Oid			embedding_type;
} FillTarget;

/* The rows of one fetch that need an embedding: all arrays [batch]. */
typedef struct FillBatch
{
	int			batch;			/* rows that are read, embedded and written at once */
	uint8	   *samples;
	const uint8 **sample;
	ItemPointerData *tid;
	TransactionId *xmin;
	float	   *embedding;
} FillBatch;

typedef struct FillProgress
{
	instr_time	start;
	int64		blocks;			/* of all parts, as far as is known */
	int64		blocks_done;
	int64		rows;
	int64		failed;
} FillProgress;

typedef struct TableFill
{
	FillTarget	target;
	char	   *model_name;
	Model	   *model;
	Embedder   *embedder;
	FillBatch	batch;
	FillProgress progress;
	InkCheck	ink_check;
} TableFill;

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

/* The tables that hold the rows: the target itself, or the leaves of a partitioned table. */
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

/* ---- some pages -------------------------------------------------------------------------------------------------- */

static void
note_failure(TableFill *fill, ItemPointer tid, const char *detail)
{
	if (fill->progress.failed++ < FAILURES_SHOWN)
		ereport(WARNING,
				(errmsg("row (%u,%u) of table \"%s\" was left out: its sample cannot be used",
						ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid), fill->target.name),
				 errdetail("%s", detail)));
}

/* Prepares the rows of a fetch that need an embedding; returns how many those are. */
static int
prepare_rows(TableFill *fill, SPITupleTable *fetched, uint64 count)
{
	const NetworkDefinition *definition = fill->model->definition;
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
		if (!isnull && DatumGetEmbedding(old)->model == fill->model->fingerprint)
			continue;
		tid = (ItemPointer) DatumGetPointer(SPI_getbinval(tuple, fetched->tupdesc, 1, &isnull));
		fill->batch.tid[waiting] = *tid;
		fill->batch.xmin[waiting] = DatumGetTransactionId(SPI_getbinval(tuple, fetched->tupdesc, 2, &isnull));
		fill->batch.sample[waiting] = fill->batch.samples + bytes * waiting;
		if (model_try_prepare_sample(definition, SPI_getbinval(tuple, fetched->tupdesc, 3, &isnull),
									 fill->batch.samples + bytes * waiting, &status))
		{
			ink_check_add(&fill->ink_check, definition, SPI_getbinval(tuple, fetched->tupdesc, 3, &isnull));
			waiting++;
		}
		else if (status.code == STATUS_NO_MEMORY || status.code == STATUS_INTERRUPTED)
			check_raise_status(&status);
		else
			note_failure(fill, tid, status.detail);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return waiting;
}

/*
 * Scans the pages first .. end - 1 of a part; returns how many rows were updated; *changed: how many were changed or locked
 * meanwhile; *waiting_for: one of them.
 */
static int64
fill_pages(TableFill *fill, SPIPlanPtr select, SPIPlanPtr update, BlockNumber first, BlockNumber end, int64 *changed,
		   ItemPointer waiting_for)
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

		SPI_cursor_fetch(portal, true, fill->batch.batch);
		if (SPI_processed == 0)
			break;
		waiting = prepare_rows(fill, SPI_tuptable, SPI_processed);
		SPI_freetuptable(SPI_tuptable);
		while (!embedder_run(fill->embedder, fill->batch.sample, waiting, fill->batch.embedding))
			CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < waiting; i++)
		{
			const FillBatch *batch = &fill->batch;
			Embedding  *embedding = model_make_embedding(fill->model, batch->embedding + (size_t) i * fill->model->dimensions);
			Datum		values[3] = {
				PointerGetDatum(embedding), PointerGetDatum(&batch->tid[i]), TransactionIdGetDatum(batch->xmin[i])
			};

			if (SPI_execute_plan(update, values, NULL, false, 0) != SPI_OK_UPDATE)
				elog(ERROR, "could not write an embedding");
			if (SPI_processed > 0)
				written++;
			else
			{
				(*changed)++;
				*waiting_for = batch->tid[i];
			}
			pfree(embedding);
		}
	}
	SPI_cursor_close(portal);
	return written;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

/* For siamese.embedding_progress; committed with the rows. */
static void
record_progress(const TableFill *fill, bool finished)
{
	Oid			types[9] = {TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID, BOOLOID};
	Datum		values[9] = {
		CStringGetTextDatum(fill->target.name), CStringGetTextDatum(fill->target.destination),
		CStringGetTextDatum(fill->model_name), Int64GetDatum(fill->progress.blocks_done), Int64GetDatum(fill->progress.blocks),
		Int64GetDatum(fill->progress.rows), Int64GetDatum(fill->progress.failed),
		Float8GetDatum(seconds_since(fill->progress.start)),
		BoolGetDatum(finished)
	};

	spi_execute("INSERT INTO siamese.embedding_run AS r (target, destination, started_by, model, blocks_done, blocks,"
				" rows, failed, seconds, finished_at)"
				" VALUES ($1, $2, current_user, $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN pg_catalog.clock_timestamp() END)"
				" ON CONFLICT (target, destination, started_by) DO UPDATE SET model = excluded.model,"
				" blocks_done = excluded.blocks_done, blocks = excluded.blocks, rows = excluded.rows,"
				" failed = excluded.failed, seconds = excluded.seconds, committed_at = pg_catalog.clock_timestamp(),"
				" finished_at = excluded.finished_at", 9, types, values, SPI_OK_INSERT);
}

static SPIPlanPtr
keep_plan(const char *query, int arguments, Oid *types)
{
	SPIPlanPtr	plan = spi_prepare(query, arguments, types);

	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", query);
	return plan;
}

static void
fill_part(TableFill *fill, Oid part)
{
	Oid			bound_types[2] = {TIDOID, TIDOID};
	Oid			update_types[3] = {fill->target.embedding_type, TIDOID, XIDOID};
	const char *table = qualified_name(part);
	const char *source = quote_identifier(fill->target.source);
	const char *destination = quote_identifier(fill->target.destination);
	SPIPlanPtr	select = keep_plan(psprintf("SELECT ctid, xmin, %s, %s FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.>=) $1"
											" AND ctid OPERATOR(pg_catalog.<) $2 AND %s IS NOT NULL",
											source, destination, table, source), 2, bound_types);
	SPIPlanPtr	update = keep_plan(psprintf("UPDATE ONLY %s SET %s = $1 WHERE ctid OPERATOR(pg_catalog.=) (SELECT ctid FROM ONLY %s"
											" WHERE ctid OPERATOR(pg_catalog.=) $2 AND xmin OPERATOR(pg_catalog.=) $3"
											" FOR NO KEY UPDATE SKIP LOCKED)", table, destination, table), 3, update_types);
	SPIPlanPtr	wait = keep_plan(psprintf("SELECT FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE", table), 1,
								 bound_types);
	BlockNumber pages = 16;		/* in one transaction; later as many as have about a batch of rows */
	BlockNumber blocks = count_blocks(part);
	int			again = 0;

	for (BlockNumber first = 0; first < blocks;)
	{
		BlockNumber end = Min((uint64) first + pages, blocks);
		int64		failed = fill->progress.failed;
		int64		changed;
		ItemPointerData waiting_for;
		int64		written = fill_pages(fill, select, update, first, end, &changed, &waiting_for);
		BlockNumber known = blocks;

		fill->progress.rows += written;
		if (changed == 0 || again++ == MOST_REPEATS)
		{
			fill->progress.blocks_done += end - first;
			first = end;
			again = 0;
		}
		else
			fill->progress.failed = failed;	/* these rows are scanned and counted again */
		/* new row versions, and rows inserted meanwhile, are behind */
		blocks = count_blocks(part);
		fill->progress.blocks += (int64) blocks - known;
		record_progress(fill, false);
		ink_check_warn(&fill->ink_check);
		SPI_commit();
		if (changed > 0)
		{
			Datum		value = PointerGetDatum(&waiting_for);

			/* in a transaction of its own */
			if (SPI_execute_plan(wait, &value, NULL, false, 1) != SPI_OK_SELECT)
				elog(ERROR, "could not wait for a row");
			SPI_commit();
		}
		check_interrupts();
		pages = written == 0 ? pages * 2 : (BlockNumber) (pages * (double) fill->batch.batch / written);
		pages = Max(Min(pages, MOST_PAGES), 1);
	}
	SPI_freeplan(select);
	SPI_freeplan(update);
	SPI_freeplan(wait);
}

static void
fill_table(TableFill *fill)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext caller;
	ListCell   *cell;
	List	   *parts;

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	caller = MemoryContextSwitchTo(context);
	parts = find_parts(fill->target.table);
	MemoryContextSwitchTo(caller);
	foreach(cell, parts)
		column_check_indexes(lfirst_oid(cell), fill->target.source, fill->target.destination, fill->model_name, fill->model->fingerprint);
	column_warn_triggers(fill->target.table, fill->target.destination, fill->model_name, fill->model->fingerprint);
	foreach(cell, parts)
		fill->progress.blocks += count_blocks(lfirst_oid(cell));
	foreach(cell, parts)
		fill_part(fill, lfirst_oid(cell));
	record_progress(fill, true);
	SPI_commit();
	SPI_finish();
}

static void
prepare_fill(TableFill *fill)
{
	const Model *model = fill->model = model_by_name(fill->model_name);
	size_t		bytes = MAXALIGN(network_sample_bytes(model->definition));
	Oid			type;
	int32		modifier;
	Oid			collation;

	model_check_embeds(model);
	check_column(fill->target.table, fill->target.source, model->definition);
	check_column(fill->target.table, fill->target.destination, NULL);
	get_atttypetypmodcoll(fill->target.table, get_attnum(fill->target.table, fill->target.destination),
						  &type, &modifier, &collation);
	fill->target.embedding_type = getBaseTypeAndTypmod(type, &modifier);
	check_expected_dimensions(modifier, model->dimensions, NULL);
	fill->batch.samples = palloc_extended(bytes * fill->batch.batch, MCXT_ALLOC_HUGE);
	fill->batch.sample = palloc(sizeof(uint8 *) * fill->batch.batch);
	fill->batch.tid = palloc(sizeof(ItemPointerData) * fill->batch.batch);
	fill->batch.xmin = palloc(sizeof(TransactionId) * fill->batch.batch);
	fill->batch.embedding = palloc_extended(sizeof(float) * (Size) fill->batch.batch * model->dimensions, MCXT_ALLOC_HUGE);
	fill->embedder = embedder_create(model->network, model->weights, model->packed, thread_pool_create(setting_training_threads),
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

void
embed_table(Oid table, const char *source, const char *destination, const char *model, int batch, EmbedTableResult *result)
{
	MemoryContext context = AllocSetContextCreate(PortalContext, "siamese embed_table", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	TableFill	fill = {0};
	LOCKTAG		tag;

	INSTR_TIME_SET_CURRENT(fill.progress.start);
	fill.target.table = table;
	fill.target.source = pstrdup(source);
	fill.target.destination = pstrdup(destination);
	fill.batch.batch = batch;
	fill.target.name = qualified_name(fill.target.table);
	fill.model_name = pstrdup(model);
	prepare_fill(&fill);

	/* one call at a time for a column; a session lock, since the procedure commits */
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, get_relname_relid("embedding_run", get_namespace_oid("siamese", false)),
					   fill.target.table, get_attnum(fill.target.table, fill.target.destination));
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("column \"%s\" of %s is being filled by another session", fill.target.destination, fill.target.name),
				 errhint("siamese.embedding_progress shows its progress.")));
	PG_TRY();
	{
		fill_table(&fill);
	}
	PG_FINALLY();
	{
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	*result = (EmbedTableResult) {
		.rows = fill.progress.rows, .failed = fill.progress.failed, .seconds = seconds_since(fill.progress.start)
	};
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

PG_FUNCTION_INFO_V1(siamese_embed_table);

Datum
siamese_embed_table(PG_FUNCTION_ARGS)
{
	int			batch;
	EmbedTableResult result;

	check_call(fcinfo);
	batch = PG_GETARG_INT32(4);
	if (get_rel_name(PG_GETARG_OID(0)) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no table with the OID %u", PG_GETARG_OID(0))));
	if (batch < 1 || batch > MOST_BATCH)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("batch of %d rows is out of range", batch),
				 errdetail("It must be from 1 to %d.", MOST_BATCH)));
	embed_table(PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)),
				PG_ARGISNULL(3) ? (setting_model == NULL ? "" : setting_model) : text_to_cstring(PG_GETARG_TEXT_PP(3)), batch, &result);
	ereport(NOTICE,
			(errmsg("%lld rows embedded, %lld left out, %.0f a second", (long long) result.rows, (long long) result.failed,
					(double) result.rows / Max(result.seconds, 1e-9))));
	return (Datum) 0;
}
