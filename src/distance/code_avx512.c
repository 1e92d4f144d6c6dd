/*
 * code_avx512.c: code kernels for AVX-512: 64 bytes of a row at once.
 *
 * The sums are written by hand: compilers find neither the sum of absolute differences of bytes nor the folding of four rows at
 * once.
 */
#include "distance/code_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE __m512i
step_l1(__m512i sum, __m512i a, __m512i b)
{
	return _mm512_add_epi64(sum, _mm512_sad_epu8(a, b));
}

INLINE __m512i
step_l2_squared(__m512i sum, __m512i a, __m512i b)
{
	__m512i		zero = _mm512_setzero_si512();
	__m512i		difference = _mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a));
	__m512i		low = _mm512_unpacklo_epi8(difference, zero);
	__m512i		high = _mm512_unpackhi_epi8(difference, zero);

	sum = _mm512_add_epi32(sum, _mm512_madd_epi16(low, low));
	return _mm512_add_epi32(sum, _mm512_madd_epi16(high, high));
}

/* The sum of sixteen numbers of 32 bits; those of l1 are the even ones of numbers of 64 bits, whose upper halves are 0. */
INLINE uint32_t
fold(__m512i sum)
{
	return (uint32_t) _mm512_reduce_add_epi32(sum);
}

/* For each quarter of four registers their four sums. */
INLINE __m512i
fold_lanes(__m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i		ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
	__m512i		cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));

	return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/* fold() for four at once. */
INLINE __m128i
fold_four(__m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i		all = fold_lanes(a, b, c, d);
	__m256i		half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

typedef __m512i (*StepFunction) (__m512i sum, __m512i a, __m512i b);

/* Bytes i .. i + 63 of a row, or those of the mask. */
INLINE __m512i
load(const uint8_t *codes, int i, __mmask64 rest)
{
	return rest ? _mm512_maskz_loadu_epi8(rest, codes + i) : _mm512_loadu_si512(codes + i);
}

/* Eight rows of 32 bytes, two in a register; x: the query twice. */
INLINE void
add_pairs(StepFunction step, __m512i x, const uint8_t *codes, uint32_t *sums)
{
	__m512i		zero = _mm512_setzero_si512();
	__m512i		a = step(zero, x, _mm512_loadu_si512(codes));
	__m512i		b = step(zero, x, _mm512_loadu_si512(codes + 64));
	__m512i		c = step(zero, x, _mm512_loadu_si512(codes + 128));
	__m512i		d = step(zero, x, _mm512_loadu_si512(codes + 192));
	__m512i		all = fold_lanes(a, b, c, d);
	__m256i		low = _mm512_castsi512_si256(all);
	__m256i		high = _mm512_extracti64x4_epi64(all, 1);
	__m128i		even = _mm_add_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
	__m128i		odd = _mm_add_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
	__m256i		sum = _mm256_set_m128i(_mm_unpackhi_epi32(even, odd), _mm_unpacklo_epi32(even, odd));

	_mm256_storeu_si256((__m256i *) sums, _mm256_add_epi32(_mm256_loadu_si256((const __m256i *) sums), sum));
}

INLINE void
sum_rows(StepFunction step, const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	int			row = 0;

	if (n == 32 && stride == 32)
	{
		__m512i		x = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *) query));

		for (; row + 8 <= count; row += 8, codes += 8 * 32)
			add_pairs(step, x, codes, sums + row);
	}
	for (; row + 4 <= count; row += 4, codes += 4 * stride)
	{
		__m512i		a = _mm512_setzero_si512();
		__m512i		b = a;
		__m512i		c = a;
		__m512i		d = a;

		for (int i = 0; i < n; i += 64)
		{
			__mmask64	rest = n - i < 64 ? ~UINT64_C(0) >> (64 - (n - i)) : 0;
			__m512i		x = load(query, i, rest);

			a = step(a, x, load(codes, i, rest));
			b = step(b, x, load(codes + stride, i, rest));
			c = step(c, x, load(codes + 2 * stride, i, rest));
			d = step(d, x, load(codes + 3 * stride, i, rest));
		}
		_mm_storeu_si128((__m128i *) (sums + row), _mm_add_epi32(_mm_loadu_si128((__m128i *) (sums + row)), fold_four(a, b, c, d)));
	}
	for (; row < count; row++, codes += stride)
	{
		__m512i		sum = _mm512_setzero_si512();

		for (int i = 0; i < n; i += 64)
		{
			__mmask64	rest = n - i < 64 ? ~UINT64_C(0) >> (64 - (n - i)) : 0;

			sum = step(sum, load(query, i, rest), load(codes, i, rest));
		}
		sums[row] += fold(sum);
	}
}

static void
sum_l1(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	sum_rows(step_l1, query, codes, n, stride, count, sums);
}

static void
sum_l2_squared(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	sum_rows(step_l2_squared, query, codes, n, stride, count, sums);
}

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

#define FLOATS 16

typedef __m512 Vector;

INLINE Vector
load_some(const void *x, uint32_t present)
{
	return _mm512_maskz_loadu_ps((__mmask16) present, x);
}

INLINE void
store_some(float *x, Vector vector, uint32_t present)
{
	_mm512_mask_storeu_ps(x, (__mmask16) present, vector);
}

INLINE Vector
smaller(Vector a, Vector b)
{
	return _mm512_min_ps(a, b);
}

INLINE Vector
larger(Vector a, Vector b)
{
	return _mm512_max_ps(a, b);
}

INLINE Vector
square_root(Vector x)
{
	return _mm512_sqrt_ps(x);
}

INLINE void
store_bytes(uint8_t *code, Vector bytes)
{
	_mm_storeu_si128((__m128i *) code, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(bytes)));
}

#define CODE_KERNELS code_avx512
#include "distance/code_kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
