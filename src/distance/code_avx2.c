/*
 * code_avx2.c: code kernels for AVX2 and FMA: 32 bytes of a row at once.
 *
 * The sums are written by hand: compilers find neither the sum of absolute differences of bytes nor how to square it.
 */
#include "distance/code_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx2,fma")
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE __m256i
step_l1(__m256i sum, __m256i a, __m256i b)
{
	return _mm256_add_epi64(sum, _mm256_sad_epu8(a, b));
}

INLINE __m256i
step_l2_squared(__m256i sum, __m256i a, __m256i b)
{
	__m256i		zero = _mm256_setzero_si256();
	__m256i		difference = _mm256_or_si256(_mm256_subs_epu8(a, b), _mm256_subs_epu8(b, a));
	__m256i		low = _mm256_unpacklo_epi8(difference, zero);
	__m256i		high = _mm256_unpackhi_epi8(difference, zero);

	sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, low));
	return _mm256_add_epi32(sum, _mm256_madd_epi16(high, high));
}

/* The sum of eight numbers of 32 bits; those of l1 are the even ones of numbers of 64 bits, whose upper halves are 0. */
INLINE uint32_t
fold(__m256i sum)
{
	__m128i		half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));

	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
	return (uint32_t) _mm_cvtsi128_si32(half);
}

typedef __m256i (*StepFunction) (__m256i sum, __m256i a, __m256i b);

INLINE void
sum_rows(StepFunction step, const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	int			whole = n & ~31;
	uint8_t		query_rest[32] = {0};

	memcpy(query_rest, query + whole, n - whole);
	for (int row = 0; row < count; row++, codes += stride)
	{
		__m256i		sum = _mm256_setzero_si256();
		int			i = 0;

		for (; i < whole; i += 32)
			sum = step(sum, _mm256_loadu_si256((const __m256i *) (query + i)), _mm256_loadu_si256((const __m256i *) (codes + i)));
		if (i < n)
		{
			uint8_t		rest[32] = {0};

			memcpy(rest, codes + i, n - i);
			sum = step(sum, _mm256_loadu_si256((const __m256i *) query_rest), _mm256_loadu_si256((const __m256i *) rest));
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

#define FLOATS 8

typedef __m256 Vector;

/* A lane each: all bits, if its bit is set. */
INLINE __m256i
lanes_of(uint32_t present)
{
	__m256i		bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);

	return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int) present), bits), bits);
}

INLINE Vector
load_some(const void *x, uint32_t present)
{
	return _mm256_maskload_ps(x, lanes_of(present));
}

INLINE void
store_some(float *x, Vector vector, uint32_t present)
{
	_mm256_maskstore_ps(x, lanes_of(present), vector);
}

INLINE Vector
smaller(Vector a, Vector b)
{
	return _mm256_min_ps(a, b);
}

INLINE Vector
larger(Vector a, Vector b)
{
	return _mm256_max_ps(a, b);
}

INLINE Vector
square_root(Vector x)
{
	return _mm256_sqrt_ps(x);
}

INLINE void
store_bytes(uint8_t *code, Vector bytes)
{
	__m256i		words = _mm256_cvtps_epi32(bytes);
	__m128i		shorts = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));

	_mm_storel_epi64((__m128i *) code, _mm_packus_epi16(shorts, shorts));
}

#define CODE_KERNELS code_avx2
#include "distance/code_kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
