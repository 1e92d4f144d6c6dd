/*
 * ink_check.h: a warning where photographs meet a network for ink on paper, which learns little from them.
 */
#ifndef SIAMESE_INK_CHECK_H
#define SIAMESE_INK_CHECK_H

#include "postgres.h"

#include "network/definition.h"

typedef struct InkCheck
{
	int			images;
	int			photographs;	/* of these */
	bool		warned;
} InkCheck;

/* Looks at an image that the definition could prepare, if it is for ink and is one of the first hundred; else nothing. */
extern void ink_check_add(InkCheck *check, const NetworkDefinition *definition, Datum sample);

/* Warns, once, if most of them look like photographs. */
extern void ink_check_warn(InkCheck *check);

#endif
