/*
 * code_neon.c: code kernels for 64-bit ARM, 16 bytes of a row at once.
 */
#include "distance/code_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>

static void
neon_l1(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	for (int row = 0; row < count; row++, codes += stride)
	{
		uint32x4_t	sum = vdupq_n_u32(0);
		uint32_t	rest = 0;
		int			i = 0;

		for (; i + 16 <= n; i += 16)
			sum = vpadalq_u16(sum, vpaddlq_u8(vabdq_u8(vld1q_u8(query + i), vld1q_u8(codes + i))));
		code_portable.l1(query + i, codes + i, n - i, stride, 1, &rest);
		sums[row] += vaddvq_u32(sum) + rest;
	}
}

static void
neon_l2_squared(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	for (int row = 0; row < count; row++, codes += stride)
	{
		uint32x4_t	sum = vdupq_n_u32(0);
		uint32_t	rest = 0;
		int			i = 0;

		for (; i + 16 <= n; i += 16)
		{
			uint8x16_t	difference = vabdq_u8(vld1q_u8(query + i), vld1q_u8(codes + i));

			sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(difference), vget_low_u8(difference)));
			sum = vpadalq_u16(sum, vmull_u8(vget_high_u8(difference), vget_high_u8(difference)));
		}
		code_portable.l2_squared(query + i, codes + i, n - i, stride, 1, &rest);
		sums[row] += vaddvq_u32(sum) + rest;
	}
}

const CodeKernels code_neon = {neon_l1, neon_l2_squared, code_quantise_portable, code_bounds_portable,
code_portable_row_code, code_portable_row_distance};

#endif
