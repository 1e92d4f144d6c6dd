/*
 * spi.h: the extension's own SQL statements, in the current SPI connection.
 */
#ifndef SIAMESE_SPI_H
#define SIAMESE_SPI_H

#include "postgres.h"

#include "executor/spi.h"

/*
 * Both raise an internal error unless the result is as expected; they return how many rows were read or written, and leave
 * those that came back in SPI_tuptable.
 *
 * spi_read: at most this many rows (0: all) of a SELECT, under the active snapshot.
 * spi_execute: a command, or a SELECT that has to see what others have just committed: under a new snapshot.  expected:
 * SPI_OK_...
 */
extern uint64 spi_read(const char *query, int arguments, Oid *types, Datum *values, long most);
extern uint64 spi_execute(const char *command, int arguments, Oid *types, Datum *values, int expected);

/* Prepares a statement; raises an internal error if that fails. */
extern SPIPlanPtr spi_prepare(const char *query, int arguments, Oid *types);

/* Columns, from 1, of a row of the last result; the first row unless it is named. */
extern Datum spi_datum(int column, bool *isnull);
extern Datum spi_datum_of(uint64 row, int column, bool *isnull);
extern int32 spi_int(int column);
extern char *spi_text(int column);	/* by the type's output function; NULL for NULL */

#endif
