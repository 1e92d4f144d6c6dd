/*
 * read_query.h: a query that the caller hands over as text, which can read and nothing else.
 */
#ifndef SIAMESE_READ_QUERY_H
#define SIAMESE_READ_QUERY_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

/* For messages. */
typedef struct ReadQuery
{
	const char *name;			/* of what its rows are, in the plural: "examples" */
	const char *hint;			/* which query it should be, a sentence */
} ReadQuery;

typedef void (*ReadQueryColumns) (void *argument, TupleDesc descriptor);
typedef void (*ReadQueryRow) (void *argument, HeapTuple tuple, TupleDesc descriptor);

/*
 * Runs the query inside the current SPI connection, in a transaction that is read-only as long as it runs: columns is called
 * once, then row for each one, in a memory context that is reset behind it.  Raises when the query does or may do anything but read.
 */
extern void read_query(const ReadQuery *form, const char *query, ReadQueryColumns columns, ReadQueryRow row, void *argument);

#endif
