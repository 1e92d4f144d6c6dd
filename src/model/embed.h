/*
 * embed.h: one sample -> its embedding.
 */
#ifndef SIAMESE_EMBED_H
#define SIAMESE_EMBED_H

#include "postgres.h"

#include "embedding/embedding.h"
#include "model/model.h"

/* A value of a type that the model takes; raises if it is a bad one. */
extern Embedding *model_embed_datum(Model *model, Datum datum);

/* The embedding of a network's output; raises unless all of x [dimensions] is finite. */
extern Embedding *model_make_embedding(const Model *model, const float *x);

#endif
