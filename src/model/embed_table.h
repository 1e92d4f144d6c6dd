/*
 * embed_table.h: filling a column with the embeddings of another one.
 */
#ifndef SIAMESE_EMBED_TABLE_H
#define SIAMESE_EMBED_TABLE_H

#include "postgres.h"

typedef struct EmbedTableResult
{
	int64		rows;			/* embedded */
	int64		failed;			/* left out, since their samples cannot be used */
	double		seconds;
} EmbedTableResult;

/*
 * What siamese.embed_table() does, without its notice: fills the column destination in all rows that have a source and no
 * embedding of the model yet, so many rows at once.  Commits as it goes: called by a procedure, outside of an SPI connection.
 */
extern void embed_table(Oid table, const char *source, const char *destination, const char *model, int batch,
						EmbedTableResult *result);

#endif
