/*
 * migration.c: the statements of a column's migration.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "common/spi.h"
#include "model/migration.h"

void
migration_run(const char *command)
{
	spi_execute(command, 0, NULL, NULL, SPI_OK_UTILITY);
}

uint64
migration_catalog(const ColumnMigration *migration, const char *query, const char *column)
{
	Oid			types[2] = {OIDOID, INT2OID};
	Datum		values[2] = {ObjectIdGetDatum(migration->table), Int16GetDatum(get_attnum(migration->table, column))};

	return spi_execute(query, 2, types, values, SPI_OK_SELECT);
}

char *
migration_cell(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}
