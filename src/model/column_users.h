/*
 * column_users.h: what a new model of a column of embeddings meets.  All functions inside an SPI connection.
 */
#ifndef SIAMESE_COLUMN_USERS_H
#define SIAMESE_COLUMN_USERS_H

#include "postgres.h"

/* Raises if an index over the column destination of a table (a part, not the partitioned one) holds embeddings of another model. */
extern void column_check_indexes(Oid part, const char *source, const char *destination, const char *model, uint64 fingerprint);

/* Warns of each trigger siamese.embed_on_write that writes embeddings of another model into the column of the table. */
extern void column_warn_triggers(Oid table, const char *destination, const char *model, uint64 fingerprint);

/* Lists, in a NOTICE, columns with references of other weights of the plain name, in tables whose owner's rights the user has. */
extern void column_report_references(const char *plain, const char *model, uint64 fingerprint);

#endif
