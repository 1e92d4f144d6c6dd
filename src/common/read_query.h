/*
 * read_query.h: a query that the caller gave as text, and which may only read.
 */
#ifndef SIAMESE_READ_QUERY_H
#define SIAMESE_READ_QUERY_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

/* For messages. */
typedef struct ReadQuery
{
	const char *name;			/* what its rows are, in the plural: "examples" */
	const char *hint;			/* which columns it should return, a sentence */
} ReadQuery;

typedef void (*ReadQueryColumns) (void *argument, TupleDesc descriptor);
typedef void (*ReadQueryRow) (void *argument, HeapTuple tuple, TupleDesc descriptor);

/*
 * Runs the query inside the current SPI connection, with the transaction read-only meanwhile: calls columns once, then row for
 * each row, in a memory context that is reset after it; row NULL: for its columns alone.  Raises if the query does, or may do,
 * anything but read.
 */
extern void read_query(const ReadQuery *form, const char *query, ReadQueryColumns columns, ReadQueryRow row, void *argument);

/*
 * The same way, a command of the extension's own which contains such a query, whose columns were read before, and writes into temporary
 * tables alone.  expected: SPI_OK_...
 */
extern uint64 read_query_into(const char *command, int expected);

#endif
