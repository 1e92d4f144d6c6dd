/*
 * import.h: an exported model, of which nothing is believed, becomes the next version of a name.
 */
#ifndef SIAMESE_IMPORT_H
#define SIAMESE_IMPORT_H

#include "postgres.h"

/* Returns name@version, palloc'd.  function: what errors call it.  Inside no SPI connection. */
extern char *model_import(const char *function, const char *name, const char *exported, size_t length);

#endif
