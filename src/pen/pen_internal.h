/*
 * pen_internal.h: what the files of the pen room share.
 */
#ifndef SIAMESE_PEN_INTERNAL_H
#define SIAMESE_PEN_INTERNAL_H

#include "common/limits.h"
#include "pen/pen.h"

static inline double
clamp(double value, double least, double most)
{
	return value < least ? least : value > most ? most : value;
}

#endif
