/*
 * select_float.h: the smallest of some floats.
 */
#ifndef SIAMESE_INDEX_SELECT_FLOAT_H
#define SIAMESE_INDEX_SELECT_FLOAT_H

/* Orders values so that the first count ones are the smallest; returns the largest of those. */
extern float index_select_float(float *values, int length, int count);

#endif
