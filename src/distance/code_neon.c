/*
 * code_neon.c: code kernels for 64-bit ARM, 16 bytes of a row at once; the sums by hand, as in code_avx2.c.
 */
#include "distance/code_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#endif

#define INLINE static inline __attribute__((always_inline))

/* The last bytes of a row, one by one. */
static uint32_t
sum_rest(bool l1, const uint8_t *query, const uint8_t *code, int n)
{
	uint32_t	sum = 0;

	for (int i = 0; i < n; i++)
	{
		int			difference = query[i] - code[i];

		sum += l1 ? abs(difference) : difference * difference;
	}
	return sum;
}

static void
sum_l1(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	for (int row = 0; row < count; row++, codes += stride)
	{
		uint32x4_t	sum = vdupq_n_u32(0);
		int			i = 0;

		for (; i + 16 <= n; i += 16)
			sum = vpadalq_u16(sum, vpaddlq_u8(vabdq_u8(vld1q_u8(query + i), vld1q_u8(codes + i))));
		sums[row] += vaddvq_u32(sum) + sum_rest(true, query + i, codes + i, n - i);
	}
}

static void
sum_l2_squared(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	for (int row = 0; row < count; row++, codes += stride)
	{
		uint32x4_t	sum = vdupq_n_u32(0);
		int			i = 0;

		for (; i + 16 <= n; i += 16)
		{
			uint8x16_t	difference = vabdq_u8(vld1q_u8(query + i), vld1q_u8(codes + i));

			sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(difference), vget_low_u8(difference)));
			sum = vpadalq_u16(sum, vmull_u8(vget_high_u8(difference), vget_high_u8(difference)));
		}
		sums[row] += vaddvq_u32(sum) + sum_rest(false, query + i, codes + i, n - i);
	}
}

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

#define FLOATS 4

typedef float32x4_t Vector;

INLINE Vector
load_some(const void *x, uint32_t present)
{
	float		lanes[FLOATS] = {0};

	for (int i = 0; i < FLOATS && present >> i != 0; i++)
		memcpy(&lanes[i], (const float *) x + i, sizeof(float));
	return vld1q_f32(lanes);
}

INLINE void
store_some(float *x, Vector vector, uint32_t present)
{
	float		lanes[FLOATS];

	vst1q_f32(lanes, vector);
	for (int i = 0; i < FLOATS && present >> i != 0; i++)
		x[i] = lanes[i];
}

INLINE Vector
smaller(Vector a, Vector b)
{
	return vbslq_f32(vcltq_f32(a, b), a, b);
}

INLINE Vector
larger(Vector a, Vector b)
{
	return vbslq_f32(vcgtq_f32(a, b), a, b);
}

INLINE Vector
square_root(Vector x)
{
	return vsqrtq_f32(x);
}

INLINE void
store_bytes(uint8_t *code, Vector bytes)
{
	for (int i = 0; i < FLOATS; i++)
		code[i] = (uint8_t) bytes[i];
}

#define CODE_KERNELS code_neon
#include "distance/code_kernels.inc"

#endif
