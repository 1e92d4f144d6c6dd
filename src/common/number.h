/*
 * number.h: small helpers for numbers that several rooms need.
 */
#ifndef SIAMESE_NUMBER_H
#define SIAMESE_NUMBER_H

static inline double
clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* For qsort() and bsearch(), ascending. */
static inline int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return (x > y) - (x < y);
}

static inline int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

#endif
