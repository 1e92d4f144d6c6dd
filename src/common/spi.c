/*
 * spi.c: the extension's own SQL statements, in the current SPI connection.
 */
#include "postgres.h"

#include "common/spi.h"

static void
check_result(const char *command, int result, int expected)
{
	if (result != expected)
		elog(ERROR, "could not execute \"%s\": %s", command, SPI_result_code_string(result));
}

uint64
spi_read(const char *query, int arguments, Oid *types, Datum *values, long most)
{
	check_result(query, SPI_execute_with_args(query, arguments, types, values, NULL, true, most), SPI_OK_SELECT);
	return SPI_processed;
}

uint64
spi_execute(const char *command, int arguments, Oid *types, Datum *values, int expected)
{
	check_result(command, SPI_execute_with_args(command, arguments, types, values, NULL, false, 0), expected);
	return SPI_processed;
}

SPIPlanPtr
spi_prepare(const char *query, int arguments, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(query, arguments, types);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query, SPI_result_code_string(SPI_result));
	return plan;
}

Datum
spi_datum_of(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

Datum
spi_datum(int column, bool *isnull)
{
	return spi_datum_of(0, column, isnull);
}

int32
spi_int(int column)
{
	bool		isnull;

	return DatumGetInt32(spi_datum(column, &isnull));
}

char *
spi_text(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}
