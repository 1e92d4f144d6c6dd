/*
 * remake_references.h: references of persons, made anew of their samples while a column of embeddings is migrated.
 */
#ifndef SIAMESE_REMAKE_REFERENCES_H
#define SIAMESE_REMAKE_REFERENCES_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "model/migration.h"

typedef struct PersonKey
{
	char	   *column;			/* of the primary key, quoted */
	Oid			type;			/* not a domain */
	char	   *type_name;		/* qualified */
	char	   *collate;		/* " COLLATE ...", or "" */
	char	   *equal;			/* OPERATOR(...) */
} PersonKey;

/* A column of references. */
typedef struct PersonReferences
{
	Oid			table;
	char	   *name;			/* table.column, as the user writes it; what follows is qualified and quoted */
	char	   *relation;		/* as it stands behind FROM and UPDATE */
	char	   *column;
	char	   *schema;			/* of the extension */
	char	   *query;			/* that gives key and sample */
	List	   *keys;			/* PersonKey of the table's primary key */
	char	   *work;			/* temporary table with a row a person, while the transaction lasts */
	int64		made;			/* how many were */
	int64		left;			/* of the old model, since there is no sample */
	char	   *left_keys;		/* of the first ones */
} PersonReferences;

/*
 * What samples, an object of "table.column": "query", asks for: PersonReferences in the migration's context, NIL for NULL.  Raises if a
 * column, its table's key or what a query returns is not as it must be, or the query names a person whom the table has not.  All
 * functions inside an SPI connection.
 */
extern List *remake_parse(const ColumnMigration *migration, Jsonb *samples);

/* Makes the references of other versions anew, into a temporary table: several times, until next to nothing has changed meanwhile. */
extern void remake_references(const ColumnMigration *migration);

/* Those that have changed since, and then all into their tables.  With the tables locked against writers. */
extern void remake_apply(const ColumnMigration *migration);

/* NOTICEs; outside of an SPI connection. */
extern void remake_report(const ColumnMigration *migration);

#endif
