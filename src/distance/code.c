/*
 * code.c: coding of rows and queries, and the kernels in plain C.
 */
#include "distance/code.h"

#include <float.h>
#include <math.h>

#include "distance/code_internal.h"
#include "distance/code_rows.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#endif

const CodeKernels *
code_kernels_of(CpuLevel level)
{
	switch (level)
	{
		case CPU_PORTABLE:
			return &code_portable;
#if defined(__x86_64__)
		case CPU_AVX2:
			return &code_avx2;
		case CPU_AVX512:
			return &code_avx512;
#elif defined(__aarch64__)
		case CPU_NEON:
			return &code_neon;
#endif
		default:
			return NULL;
	}
}

const CodeKernels *
code_kernels(void)
{
	return code_kernels_of(cpu_level());
}

/* ---- portable ---------------------------------------------------------------------------------------------------- */

static void
portable_l1(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
{
	for (int row = 0; row < count; row++, codes += stride)
	{
		uint32_t	sum = 0;

		for (int i = 0; i < n; i++)
		{
			int			difference = query[i] - codes[i];

			sum += difference < 0 ? -difference : difference;
		}
		sums[row] += sum;
	}
}

static void
portable_l2_squared(const uint8_t *query, const uint8_t *codes, int n, size_t stride, int count, uint32_t *sums)
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

void
code_quantise_portable(bool l1, const float *x, const float *centre, float inverse, int n, uint8_t *code, float sums[3])
{
	float		whole = 0;
	float		rounded = 0;
	float		clipped = 0;

	for (int i = 0; i < n; i++)
	{
		float		t = (x[i] - centre[i]) * inverse;
		float		limited = t < -CODE_REACH ? -CODE_REACH : t > CODE_REACH ? CODE_REACH : t;
		float		integer = rintf(limited);
		float		error = limited - integer;
		float		clip = t - limited;

		code[i] = (uint8_t) (CODE_ZERO + (int) integer);
		whole += l1 ? fabsf(t) : t * t;
		rounded += l1 ? fabsf(error) : error * error;
		clipped += l1 ? fabsf(clip) : clip * clip;
	}
	sums[0] = whole;
	sums[1] = rounded;
	sums[2] = clipped;
}

void
code_bounds_portable(bool l1, const uint32_t *sums, const float *slacks, int count, const CodeQuery *query, float *bounds)
{
	float		clip = l1 ? query->clip : query->clip * query->clip;
	float		scale = query->step * CODE_SHRINK_RESULT;

	for (int i = 0; i < count; i++)
	{
		float		distance = l1 ? (float) sums[i] : sqrtf((float) sums[i]);
		float		inside = distance * CODE_SHRINK_SUM - query->error;
		float		bound;

		inside = inside > 0 ? inside : 0;
		bound = l1 ? clip + inside : sqrtf(clip + inside * inside);
		bound = (bound * CODE_SHRINK_ROOT - slacks[i]) * scale;
		/* written so that a NaN becomes 0 */
		bounds[i] = bound > 0 ? (bound < FLT_MAX ? bound : FLT_MAX) : 0;
	}
}

void
code_portable_row_code(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code, double *slack,
				 double *outside)
{
	code_rows_code(l1, x, centre, inverse, n, code, slack, outside);
}

double
code_portable_row_distance(bool l1, const float *x, const float *centre, double inverse, int n, const uint8_t *code)
{
	return code_rows_distance(l1, x, centre, inverse, n, code);
}

const CodeKernels code_portable = {portable_l1, portable_l2_squared, code_quantise_portable, code_bounds_portable,
code_portable_row_code, code_portable_row_distance};

/* As quantise, in double, for values whose differences or squares overflow in float. */
static void
quantise_far(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code, double sums[3])
{
	sums[0] = sums[1] = sums[2] = 0;
	for (int i = 0; i < n; i++)
	{
		double		t = (x[i] - (double) centre[i]) * inverse;
		double		limited = t < -CODE_REACH ? -CODE_REACH : t > CODE_REACH ? CODE_REACH : t;
		double		integer = rint(limited);
		double		error = limited - integer;
		double		clip = t - limited;

		code[i] = (uint8_t) (CODE_ZERO + (int) integer);
		sums[0] += l1 ? fabs(t) : t * t;
		sums[1] += l1 ? fabs(error) : error * error;
		sums[2] += l1 ? fabs(clip) : clip * clip;
	}
}

/* ---- queries and rows -------------------------------------------------------------------------------------------- */

/* A lower bound in units: not below 0, and no more than the bounds' arithmetic takes. */
static float
limited(double bound)
{
	return bound > 0 ? (float) fmin(bound, CODE_LIMIT) : 0;
}

void
code_query(Metric metric, const float *x, double rounding, const float *centre, float step, int n, uint8_t *code, CodeQuery *query)
{
	bool		l1 = metric == METRIC_L1;
	float		narrow[3];
	double		sums[3];
	float		blur = CODE_QUERY_ROUNDING * (l1 ? (float) n : sqrtf((float) n)) + (float) (rounding / step);
	float		summing = 2e-6f + n * 1.2e-7f;	/* n additions in float, relative */

	code_kernels()->quantise(l1, x, centre, 1 / step, n, code, narrow);
	for (int i = 0; i < 3; i++)
		sums[i] = narrow[i];
	if (!isfinite(narrow[0]))
		quantise_far(l1, x, centre, 1 / (double) step, n, code, sums);
	query->step = step;
	query->distance = limited((l1 ? sums[0] : sqrt(sums[0])) * (1 - summing) - rounding / step);
	query->error = (float) (l1 ? sums[1] : sqrt(sums[1])) * (1 + summing) + blur;
	query->clip = limited((l1 ? sums[2] : sqrt(sums[2])) * (1 - summing) - blur);
}

static float
round_up(double units)
{
	double		enlarged = units * (1 + 2e-6) + 1e-6;

	return enlarged < FLT_MAX ? nextafterf((float) enlarged, INFINITY) : INFINITY;
}

float
code_row(Metric metric, const float *x, double rounding, const float *centre, float step, int n, uint8_t *code, float *clipped)
{
	double		sum;
	double		outside;

	code_kernels()->row_code(metric == METRIC_L1, x, centre, 1 / (double) step, n, code, &sum, &outside);
	if (clipped)
		*clipped = round_up(metric == METRIC_L1 ? outside : sqrt(outside));
	return round_up((metric == METRIC_L1 ? sum : sqrt(sum)) + rounding / step);
}

float
code_row_distance(Metric metric, const float *x, double rounding, const float *centre, float step, int n, const uint8_t *code)
{
	double		sum = code_kernels()->row_distance(metric == METRIC_L1, x, centre, 1 / (double) step, n, code);

	return round_up((metric == METRIC_L1 ? sum : sqrt(sum)) + rounding / step);
}

double
code_distance(Metric metric, uint32_t sum)
{
	return metric == METRIC_L1 ? sum : sqrt(sum);
}
