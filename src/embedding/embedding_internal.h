/*
 * embedding_internal.h: what the files of the embedding room share.
 */
#ifndef SIAMESE_EMBEDDING_INTERNAL_H
#define SIAMESE_EMBEDDING_INTERNAL_H

#include "embedding/embedding.h"

struct Node;

/* embedding_make() without the check, for dimensions that were checked. */
extern Embedding *embedding_allocate(int dimensions, Metric metric, uint64 model);

/* As embedding_finish(), reporting through escontext; false after a soft error. */
extern bool embedding_finish_soft(Embedding *embedding, struct Node *escontext);

#endif
