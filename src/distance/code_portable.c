/*
 * code_portable.c: code kernels in plain C.
 */
#include "distance/code_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#endif

#define INLINE static inline __attribute__((always_inline))

static void
sum_l1(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	for (int row = 0; row < count; row++, codes += stride)
	{
		uint32_t	sum = 0;

		for (int i = 0; i < n; i++)
			sum += abs(query[i] - codes[i]);
		sums[row] += sum;
	}
}

static void
sum_l2_squared(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	for (int row = 0; row < count; row++, codes += stride)
	{
		uint32_t	sum = 0;

		for (int i = 0; i < n; i++)
		{
			int			difference = query[i] - codes[i];

			sum += difference * difference;
		}
		sums[row] += sum;
	}
}

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

#define FLOATS 4

typedef float Vector __attribute__((vector_size(FLOATS * sizeof(float))));
typedef int32_t Mask __attribute__((vector_size(FLOATS * sizeof(int32_t))));

INLINE Vector
load_some(const void *x, uint32_t present)
{
	Vector		vector = {0};

	for (int i = 0; i < FLOATS && present >> i != 0; i++)
		memcpy((float *) &vector + i, (const float *) x + i, sizeof(float));
	return vector;
}

INLINE void
store_some(float *x, Vector vector, uint32_t present)
{
	for (int i = 0; i < FLOATS && present >> i != 0; i++)
		x[i] = vector[i];
}

INLINE Vector
choose(Mask condition, Vector a, Vector b)
{
	return (Vector) (((Mask) a & condition) | ((Mask) b & ~condition));
}

INLINE Vector
smaller(Vector a, Vector b)
{
	return choose(a < b, a, b);
}

INLINE Vector
larger(Vector a, Vector b)
{
	return choose(a > b, a, b);
}

INLINE Vector
square_root(Vector x)
{
	for (int i = 0; i < FLOATS; i++)
		x[i] = sqrtf(x[i]);
	return x;
}

INLINE void
store_bytes(uint8_t *code, Vector bytes)
{
	for (int i = 0; i < FLOATS; i++)
		code[i] = (uint8_t) bytes[i];
}

#define CODE_KERNELS code_portable
#include "distance/code_kernels.inc"
