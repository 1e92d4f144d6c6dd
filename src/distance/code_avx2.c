/*
 * code_avx2.c: code kernels for AVX2, 32 bytes of a row at once.
 */
#include "distance/code_internal.h"
#include "distance/code_rows.h"

#if defined(__x86_64__)

#include <float.h>
#include <immintrin.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx2,fma")	/* gcc 14 forgets a function's own when the pragma above raises the level */
#endif

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma")))

AVX2_INLINE __m256i
step_l1(__m256i sum, __m256i a, __m256i b)
{
	return _mm256_add_epi64(sum, _mm256_sad_epu8(a, b));
}

AVX2_INLINE __m256i
step_l2(__m256i sum, __m256i a, __m256i b)
{
	__m256i		zero = _mm256_setzero_si256();
	__m256i		difference = _mm256_or_si256(_mm256_subs_epu8(a, b), _mm256_subs_epu8(b, a));
	__m256i		low = _mm256_unpacklo_epi8(difference, zero);
	__m256i		high = _mm256_unpackhi_epi8(difference, zero);

	sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, low));
	return _mm256_add_epi32(sum, _mm256_madd_epi16(high, high));
}

/* The sum of eight numbers of 32 bits; those of l1 are the even ones of numbers of 64 bits, whose upper halves are 0. */
AVX2_INLINE uint32_t
fold(__m256i sum)
{
	__m128i		half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));

	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
	return (uint32_t) _mm_cvtsi128_si32(half);
}

typedef __m256i (*StepFunction) (__m256i sum, __m256i a, __m256i b);

AVX2_INLINE void
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

AVX2 static void
avx2_l1(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	sum_rows(step_l1, query, codes, n, stride, count, sums);
}

AVX2 static void
avx2_l2_squared(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	sum_rows(step_l2, query, codes, n, stride, count, sums);
}

AVX2_INLINE float
fold_floats(__m256 sum)
{
	__m128		half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));

	half = _mm_add_ps(half, _mm_movehl_ps(half, half));
	return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}

AVX2 static void
avx2_quantise(bool l1, const float *x, const float *centre, float inverse, int n, uint8_t *code, float sums[3])
{
	__m256		whole = _mm256_setzero_ps();
	__m256		rounded = _mm256_setzero_ps();
	__m256		clipped = _mm256_setzero_ps();
	__m256		scale = _mm256_set1_ps(inverse);
	__m256		reach = _mm256_set1_ps(CODE_REACH);
	__m256		below = _mm256_set1_ps(-CODE_REACH);
	__m256		positive = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
	int			i = 0;

	for (; i + 8 <= n; i += 8)
	{
		__m256		t = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(centre + i)), scale);
		__m256		limited = _mm256_min_ps(_mm256_max_ps(t, below), reach);
		__m256i		integer = _mm256_cvtps_epi32(limited);
		__m256		error = _mm256_sub_ps(limited, _mm256_cvtepi32_ps(integer));
		__m256		clip = _mm256_sub_ps(t, limited);
		__m256i		bytes = _mm256_add_epi32(integer, _mm256_set1_epi32(CODE_ZERO));
		__m128i		shorts = _mm_packus_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));

		_mm_storel_epi64((__m128i *) (code + i), _mm_packus_epi16(shorts, shorts));
		if (l1)
		{
			whole = _mm256_add_ps(whole, _mm256_and_ps(t, positive));
			rounded = _mm256_add_ps(rounded, _mm256_and_ps(error, positive));
			clipped = _mm256_add_ps(clipped, _mm256_and_ps(clip, positive));
		}
		else
		{
			whole = _mm256_fmadd_ps(t, t, whole);
			rounded = _mm256_fmadd_ps(error, error, rounded);
			clipped = _mm256_fmadd_ps(clip, clip, clipped);
		}
	}
	code_quantise_portable(l1, x + i, centre + i, inverse, n - i, code + i, sums);
	sums[0] += fold_floats(whole);
	sums[1] += fold_floats(rounded);
	sums[2] += fold_floats(clipped);
}

AVX2 static void
avx2_bounds(bool l1, const uint32_t *sums, const float *slacks, int count, const CodeQuery *query, float *bounds)
{
	__m256		clip = _mm256_set1_ps(l1 ? query->clip : query->clip * query->clip);
	__m256		scale = _mm256_set1_ps(query->step * CODE_SHRINK_RESULT);
	__m256		error = _mm256_set1_ps(query->error);
	__m256		zero = _mm256_setzero_ps();
	int			i = 0;

	for (; i + 8 <= count; i += 8)
	{
		__m256		distance = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *) (sums + i)));
		__m256		inside;
		__m256		bound;

		if (!l1)
			distance = _mm256_sqrt_ps(distance);
		/* max gives its second operand for a NaN */
		inside = _mm256_max_ps(_mm256_sub_ps(_mm256_mul_ps(distance, _mm256_set1_ps(CODE_SHRINK_SUM)), error), zero);
		bound = l1 ? _mm256_add_ps(clip, inside) : _mm256_sqrt_ps(_mm256_fmadd_ps(inside, inside, clip));
		bound = _mm256_sub_ps(_mm256_mul_ps(bound, _mm256_set1_ps(CODE_SHRINK_ROOT)), _mm256_loadu_ps(slacks + i));
		bound = _mm256_max_ps(_mm256_mul_ps(bound, scale), zero);
		_mm256_storeu_ps(bounds + i, _mm256_min_ps(bound, _mm256_set1_ps(FLT_MAX)));
	}
	code_bounds_portable(l1, sums + i, slacks + i, count - i, query, bounds + i);
}

AVX2 static void
avx2_row_code(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code, double *slack,
				 double *outside)
{
	code_rows_code(l1, x, centre, inverse, n, code, slack, outside);
}

AVX2 static double
avx2_row_distance(bool l1, const float *x, const float *centre, double inverse, int n, const uint8_t *code)
{
	return code_rows_distance(l1, x, centre, inverse, n, code);
}

const CodeKernels code_avx2 = {avx2_l1, avx2_l2_squared, avx2_quantise, avx2_bounds, avx2_row_code, avx2_row_distance};

#endif
