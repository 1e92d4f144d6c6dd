/*
 * column_users.h: what a new model of a column of embeddings meets.  All functions inside an SPI connection.
 */
#ifndef SIAMESE_COLUMN_USERS_H
#define SIAMESE_COLUMN_USERS_H

#include "postgres.h"

/*
 * Columns of references in tables of the caller's own, where no policy or view of anybody else runs, as what stands behind SELECT and
 * before further conditions, of relation c and attribute a: the relation as it stands behind FROM; the column and the extension's schema,
 * quoted; table.column as a user writes it.
 */
#define COLUMN_REFERENCES \
	"pg_catalog.format('%s%I.%I', CASE c.relkind WHEN 'r' THEN 'ONLY ' ELSE '' END, s.nspname, c.relname)," \
	" pg_catalog.quote_ident(a.attname), pg_catalog.quote_ident(n.nspname)," \
	" pg_catalog.format('%s.%I', c.oid::pg_catalog.regclass, a.attname)" \
	" FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.extnamespace" \
	" JOIN pg_catalog.pg_type t ON t.typnamespace OPERATOR(pg_catalog.=) n.oid AND t.typname OPERATOR(pg_catalog.=) 'reference'" \
	" JOIN pg_catalog.pg_attribute a ON a.atttypid OPERATOR(pg_catalog.=) t.oid AND NOT a.attisdropped" \
	" JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}')" \
	" AND NOT c.relispartition AND c.relpersistence OPERATOR(pg_catalog.<>) 't' AND pg_catalog.pg_has_role(c.relowner, 'USAGE')" \
	" JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace" \
	" WHERE x.extname OPERATOR(pg_catalog.=) 'siamese'"

/* Raises if an index over the column destination of a table (a part, not the partitioned one) holds embeddings of another model. */
extern void column_check_indexes(Oid part, const char *source, const char *destination, const char *model, uint64 fingerprint);

/* Warns of each trigger siamese.embed_on_write that writes embeddings of another model into the column of the table. */
extern void column_warn_triggers(Oid table, const char *destination, const char *model, uint64 fingerprint);

/* Lists, in a NOTICE, columns with references of other weights of the plain name, in tables whose owner's rights the user has. */
extern void column_report_references(const char *plain, const char *model, uint64 fingerprint);

#endif
