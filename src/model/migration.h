/*
 * migration.h: what the files of a migration have in common: one call of siamese.migrate_column().
 */
#ifndef SIAMESE_MIGRATION_H
#define SIAMESE_MIGRATION_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/palloc.h"

#include "common/limits.h"
#include "network/definition.h"

typedef struct ColumnMigration
{
	MemoryContext context;		/* outlives the transactions; holds what follows */
	Oid			table;
	char	   *name;			/* of the table, qualified and quoted, as is all that follows but for columns */
	char	   *source;			/* columns, unquoted */
	char	   *destination;
	char	   *shadow;
	char	   *trigger;		/* that keeps the shadow true */
	char		plain[LIMIT_MODEL_NAME + 1];
	char	   *model;			/* name@version */
	int			version;
	uint64		fingerprint;
	int			dimensions;
	NetworkInputKind input_kind;
	bool		promotes;		/* the name means other weights so far */
	List	   *references;		/* PersonReferences (remake_references.h) that are made anew */
} ColumnMigration;

typedef struct MigrationIndex
{
	Oid			old;
	char	   *name;
	char	   *shadow;			/* name of the same index over the shadow */
} MigrationIndex;

/* A utility statement; inside an SPI connection. */
extern void migration_run(const char *command);

/* A catalog query with the table ($1, oid) and the number of a column ($2, smallint; 0: there is none); inside an SPI connection. */
extern uint64 migration_catalog(const ColumnMigration *migration, const char *query, const char *column);

/* A value of its rows, the column from 1, as text. */
extern char *migration_cell(uint64 row, int column);

/*
 * MigrationIndex of each index that depends on the column: its own, and those with expressions and predicates; in the
 * migration's context.  Inside an SPI connection.
 */
extern List *migration_indexes(const ColumnMigration *migration);

/* Builds them over the shadow, unless that was done before.  Commits; outside of an SPI connection. */
extern void migration_build_indexes(const ColumnMigration *migration);

/* Waits for the table, and for those of the references against writers, without a deadlock.  Inside an SPI connection. */
extern void migration_lock_tables(const ColumnMigration *migration);

#endif
