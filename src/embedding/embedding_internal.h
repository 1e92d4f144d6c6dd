/*
 * embedding_internal.h: what the files of the embedding room share.
 */
#ifndef SIAMESE_EMBEDDING_INTERNAL_H
#define SIAMESE_EMBEDDING_INTERNAL_H

#include "lib/stringinfo.h"

#include "embedding/embedding.h"

struct Node;

/* embedding_make() without the check, for dimensions that were checked. */
extern Embedding *embedding_allocate(int dimensions, Metric metric, uint64 model);

/* As embedding_finish(), reporting through escontext; false after a soft error. */
extern bool embedding_finish_soft(Embedding *embedding, struct Node *escontext);

/* ---- text.c --------------------------------------------------------------------------------------------------------- */

/* One input in work. */
typedef struct TextParser
{
	const char *type_name;
	const char *text;			/* all of it, for messages */
	const char *at;
	struct Node *escontext;
} TextParser;

extern void text_skip_space(TextParser *parser);
extern bool text_take(TextParser *parser, char c);	/* the character stands here: goes on behind it */
extern bool text_fail(TextParser *parser, const char *detail);	/* always false, or raises */
/* With white space around; missing: the detail where there is no number. */
extern bool text_parse_double(TextParser *parser, double *value, const char *missing);
extern bool text_parse_end(TextParser *parser);
extern Embedding *text_parse_embedding(TextParser *parser); /* stops behind it; NULL after a soft error */
extern void text_append_embedding(StringInfo out, const Embedding *embedding);

#endif
