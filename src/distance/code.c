/*
 * code.c: choice of the kernels; codes of rows and queries.
 */
#include "distance/code.h"

#include <float.h>
#include <math.h>

#include "distance/code_internal.h"

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

/* ---- queries and rows -------------------------------------------------------------------------------------------- */

/* As quantise, in double, for values whose differences or squares overflow in float. */
static void
quantise_far(bool l1, const float *x, const float *centre, double inverse, int n, uint8_t *code, double *error_sum,
			 double *clip_sum)
{
	*error_sum = *clip_sum = 0;
	for (int i = 0; i < n; i++)
	{
		double		t = (x[i] - (double) centre[i]) * inverse;
		double		limited = t < -CODE_REACH ? -CODE_REACH : t > CODE_REACH ? CODE_REACH : t;
		double		integer = rint(limited);
		double		error = limited - integer;
		double		clip = t - limited;

		code[i] = (uint8_t) (CODE_ZERO + (int) integer);
		*error_sum += l1 ? fabs(error) : error * error;
		*clip_sum += l1 ? fabs(clip) : clip * clip;
	}
}

/* A lower bound in units: not below 0, and no more than the bounds' arithmetic takes. */
static float
limited(double bound)
{
	return bound > 0 ? (float) fmin(bound, CODE_LIMIT) : 0;
}

/* An upper bound in units as a float, and some more for what its terms lost. */
static float
round_up(double units)
{
	double		enlarged = units * (1 + 2e-6) + 1e-6;

	return enlarged < FLT_MAX ? nextafterf((float) enlarged, INFINITY) : INFINITY;
}

void
code_query(Metric metric, const float *x, double rounding, const float *centre, float step, int n, uint8_t *code, CodeQuery *query)
{
	bool		l1 = metric == METRIC_L1;
	float		narrow_error;
	float		narrow_clip;
	double		error;
	double		clip;
	double		margin = CODE_QUERY_ROUNDING * (l1 ? n : sqrt(n)) + rounding / step;
	double		summing = 2e-6 + n * 1.2e-7;	/* n additions in float, relative */

	code_kernels()->quantise(l1, x, centre, 1 / step, n, code, &narrow_error, &narrow_clip);
	error = narrow_error;
	clip = narrow_clip;
	if (!isfinite(narrow_clip))
		quantise_far(l1, x, centre, 1 / (double) step, n, code, &error, &clip);
	query->step = step;
	query->error = round_up((l1 ? error : sqrt(error)) * (1 + summing) + margin);
	query->clip = limited((l1 ? clip : sqrt(clip)) * (1 - summing) - margin);
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
