/*
 * options.h: options that are numbers, as jsonb.
 */
#ifndef SIAMESE_LINKING_OPTIONS_H
#define SIAMESE_LINKING_OPTIONS_H

#include "postgres.h"

#include "utils/jsonb.h"

typedef struct NumberOption
{
	const char *name;
	double		least;			/* of the values that are allowed */
	double		most;
	bool		whole;
	double	   *value;			/* is left as it is where the option is not given */
} NumberOption;

/* Raises if given is no object, has other members, or numbers out of range. */
extern void options_read(Jsonb *given, const NumberOption *option, int count);

#define MOST_FRAME_RATE 100000.0	/* frames a second */
#define LEAST_FRAME_RATE 0.00001

/* Raises unless it is in this range. */
extern void check_frame_rate(double rate);

#endif
