/*
 * code_avx512.c: code kernels for AVX-512, 64 bytes of a row at once.
 */
#include "distance/code_internal.h"
#include "distance/code_rows.h"

#if defined(__x86_64__)

#include <float.h>
#include <immintrin.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")	/* gcc 14 forgets a function's own when the pragma above raises the level */
#endif

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define AVX512_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))

AVX512_INLINE __m512i
step_l1(__m512i sum, __m512i a, __m512i b)
{
	return _mm512_add_epi64(sum, _mm512_sad_epu8(a, b));
}

AVX512_INLINE __m512i
step_l2(__m512i sum, __m512i a, __m512i b)
{
	__m512i		zero = _mm512_setzero_si512();
	__m512i		difference = _mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a));
	__m512i		low = _mm512_unpacklo_epi8(difference, zero);
	__m512i		high = _mm512_unpackhi_epi8(difference, zero);

	sum = _mm512_add_epi32(sum, _mm512_madd_epi16(low, low));
	return _mm512_add_epi32(sum, _mm512_madd_epi16(high, high));
}

/* The sum of sixteen numbers of 32 bits; those of l1 are the even ones of numbers of 64 bits, whose upper halves are 0. */
AVX512_INLINE uint32_t
fold(__m512i sum)
{
	return (uint32_t) _mm512_reduce_add_epi32(sum);
}

/* For each quarter of four registers their four sums. */
AVX512_INLINE __m512i
fold_lanes(__m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i		ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
	__m512i		cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));

	return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/* fold() for four at once. */
AVX512_INLINE __m128i
fold_four(__m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i		all = fold_lanes(a, b, c, d);
	__m256i		half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

typedef __m512i (*StepFunction) (__m512i sum, __m512i a, __m512i b);

/* Bytes i .. i + 63 of a row, or those of the mask. */
AVX512_INLINE __m512i
load(const uint8_t *codes, int i, __mmask64 rest)
{
	return rest ? _mm512_maskz_loadu_epi8(rest, codes + i) : _mm512_loadu_si512(codes + i);
}

/* Eight rows of 32 bytes, two in a register; x: the query twice. */
AVX512_INLINE void
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

AVX512_INLINE void
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

AVX512 static void
avx512_l1(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	sum_rows(step_l1, query, codes, n, stride, count, sums);
}

AVX512 static void
avx512_l2_squared(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	sum_rows(step_l2, query, codes, n, stride, count, sums);
}

AVX512 static void
avx512_quantise(bool l1, const float *x, const float *centre, float inverse, int n, uint8_t *code, float sums[3])
{
	__m512		whole = _mm512_setzero_ps();
	__m512		rounded = _mm512_setzero_ps();
	__m512		clipped = _mm512_setzero_ps();
	__m512		scale = _mm512_set1_ps(inverse);
	__m512		reach = _mm512_set1_ps(CODE_REACH);
	__m512		below = _mm512_set1_ps(-CODE_REACH);

	for (int i = 0; i < n; i += 16)
	{
		__mmask16	mask = n - i < 16 ? (__mmask16) ((1u << (n - i)) - 1) : (__mmask16) 0xffff;
		__m512		t = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i),
													_mm512_maskz_loadu_ps(mask, centre + i)), scale);
		__m512		limited = _mm512_min_ps(_mm512_max_ps(t, below), reach);
		__m512i		integer = _mm512_cvtps_epi32(limited);
		__m512		error = _mm512_sub_ps(limited, _mm512_cvtepi32_ps(integer));
		__m512		clip = _mm512_sub_ps(t, limited);

		_mm512_mask_cvtepi32_storeu_epi8(code + i, mask, _mm512_add_epi32(integer, _mm512_set1_epi32(CODE_ZERO)));
		if (l1)
		{
			whole = _mm512_add_ps(whole, _mm512_abs_ps(t));
			rounded = _mm512_add_ps(rounded, _mm512_abs_ps(error));
			clipped = _mm512_add_ps(clipped, _mm512_abs_ps(clip));
		}
		else
		{
			whole = _mm512_fmadd_ps(t, t, whole);
			rounded = _mm512_fmadd_ps(error, error, rounded);
			clipped = _mm512_fmadd_ps(clip, clip, clipped);
		}
	}
	sums[0] = _mm512_reduce_add_ps(whole);
	sums[1] = _mm512_reduce_add_ps(rounded);
	sums[2] = _mm512_reduce_add_ps(clipped);
}

AVX512 static void
avx512_bounds(bool l1, const uint32_t *sums, const float *slacks, int count, const CodeQuery *query, float *bounds)
{
	__m512		clip = _mm512_set1_ps(l1 ? query->clip : query->clip * query->clip);
	__m512		scale = _mm512_set1_ps(query->step * CODE_SHRINK_RESULT);
	__m512		error = _mm512_set1_ps(query->error);
	__m512		zero = _mm512_setzero_ps();

	for (int i = 0; i < count; i += 16)
	{
		__mmask16	mask = count - i < 16 ? (__mmask16) ((1u << (count - i)) - 1) : (__mmask16) 0xffff;
		__m512		distance = _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(mask, sums + i));
		__m512		inside;
		__m512		bound;

		if (!l1)
			distance = _mm512_sqrt_ps(distance);
		/* max gives its second operand for a NaN */
		inside = _mm512_max_ps(_mm512_sub_ps(_mm512_mul_ps(distance, _mm512_set1_ps(CODE_SHRINK_SUM)), error), zero);
		bound = l1 ? _mm512_add_ps(clip, inside) : _mm512_sqrt_ps(_mm512_fmadd_ps(inside, inside, clip));
		bound = _mm512_sub_ps(_mm512_mul_ps(bound, _mm512_set1_ps(CODE_SHRINK_ROOT)), _mm512_maskz_loadu_ps(mask, slacks + i));
		bound = _mm512_max_ps(_mm512_mul_ps(bound, scale), zero);
		_mm512_mask_storeu_ps(bounds + i, mask, _mm512_min_ps(bound, _mm512_set1_ps(FLT_MAX)));
	}
}

AVX512 static void
avx512_row_code(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code, double *slack,
				 double *outside)
{
	code_rows_code(l1, x, centre, inverse, n, code, slack, outside);
}

AVX512 static double
avx512_row_distance(bool l1, const float *x, const float *centre, double inverse, int n, const uint8_t *code)
{
	return code_rows_distance(l1, x, centre, inverse, n, code);
}

const CodeKernels code_avx512 = {avx512_l1, avx512_l2_squared, avx512_quantise, avx512_bounds, avx512_row_code, avx512_row_distance};

#endif
