/*
 * select_float.c: the smallest of some floats, and so medians.
 */
#include "postgres.h"

#include "index/select_float.h"

#define SELECT_FUNCTION select_float
#define SELECT_TYPE float
#define SELECT_LESS(a, b) (*(a) < *(b))
#include "index/quickselect.h"

float
index_select_float(float *values, int length, int count)
{
	return select_float(values, length, count);
}
