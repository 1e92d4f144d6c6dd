/*
 * read_query.c: runs a query that the caller gave as text, and which may only read.
 *
 * A query that changes data itself is refused when it is planned.  What its functions do shows only when they run: so the
 * transaction is read-only meanwhile, except for temporary tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "common/read_query.h"
#include "common/spi.h"

#define ROWS_AT_ONCE 64

static void
check_reads_only(const ReadQuery *form, SPIPlanPtr plan)
{
	const CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));

	for (int i = 0; i < list_length(source->query_list); i++)
	{
		const Query *query = list_nth_node(Query, source->query_list, i);

		if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->rowMarks != NIL)
			ereport(ERROR,
					(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
					 errmsg("the %s' query may only read", form->name),
					 query->hasModifyingCTE ? errdetail("One of its WITH clauses changes data.") :
					 query->rowMarks != NIL ? errdetail("It locks rows.") :
					 errdetail("It is not a SELECT.")));
	}
}

static Portal
open_query(const ReadQuery *form, SPIPlanPtr plan)
{
	if (plan == NULL)
		elog(ERROR, "could not prepare the %s' query: %s", form->name, SPI_result_code_string(SPI_result));
	if (!SPI_is_cursor_plan(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the %s' query does not return rows", form->name),
				 errhint("%s", form->hint)));
	check_reads_only(form, plan);
	return SPI_cursor_open(NULL, plan, NULL, NULL, false);
}

static void
fetch_rows(Portal portal, ReadQueryRow work, void *argument)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "siamese rows", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, ROWS_AT_ONCE);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			MemoryContext caller = MemoryContextSwitchTo(scratch);

			CHECK_FOR_INTERRUPTS();
			work(argument, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
			MemoryContextSwitchTo(caller);
			MemoryContextReset(scratch);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	MemoryContextDelete(scratch);
}

/* PostgreSQL's message says which command was refused, but not why the transaction is read-only. */
static void
add_read_only_hint(void *argument)
{
	if (geterrcode() == ERRCODE_READ_ONLY_SQL_TRANSACTION)
		errhint("The query runs in a read-only transaction. Change data before, in a separate statement.");
}

void
read_query(const ReadQuery *form, const char *query, ReadQueryColumns columns, ReadQueryRow row, void *argument)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = add_read_only_hint};
	bool		read_only = XactReadOnly;

	error_context_stack = &callback;
	XactReadOnly = true;
	PG_TRY();
	{
		SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
		Portal		portal = open_query(form, plan);

		columns(argument, portal->tupDesc);
		if (row != NULL)
			fetch_rows(portal, row, argument);
		SPI_cursor_close(portal);
		SPI_freeplan(plan);
	}
	PG_FINALLY();
	{
		XactReadOnly = read_only;
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
}

uint64
read_query_into(const char *command, int expected)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = add_read_only_hint};
	bool		read_only = XactReadOnly;
	uint64		rows;

	error_context_stack = &callback;
	XactReadOnly = true;
	PG_TRY();
	{
		rows = spi_execute(command, 0, NULL, NULL, expected);
	}
	PG_FINALLY();
	{
		XactReadOnly = read_only;
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	return rows;
}
