/*
 * distance_neon.c: distance kernels for 64-bit ARM: 32 lanes are sixteen registers of two doubles.
 */
#include "distance/distance_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define NEON_INLINE static inline __attribute__((always_inline))

/* Four elements: the low two go to sums[0], the high two to sums[1]. */
NEON_INLINE void
step_l1(float64x2_t *sums, float32x4_t a, float32x4_t b)
{
	float32x4_t difference = vabdq_f32(a, b);

	sums[0] = vaddq_f64(sums[0], vcvt_f64_f32(vget_low_f32(difference)));
	sums[1] = vaddq_f64(sums[1], vcvt_high_f64_f32(difference));
}

NEON_INLINE void
step_l2_squared(float64x2_t *sums, float32x4_t a, float32x4_t b)
{
	float32x4_t difference = vsubq_f32(a, b);
	float64x2_t low = vcvt_f64_f32(vget_low_f32(difference));
	float64x2_t high = vcvt_high_f64_f32(difference);

	sums[0] = vfmaq_f64(sums[0], low, low);
	sums[1] = vfmaq_f64(sums[1], high, high);
}

NEON_INLINE void
step_inner(float64x2_t *sums, float32x4_t a, float32x4_t b)
{
	sums[0] = vfmaq_f64(sums[0], vcvt_f64_f32(vget_low_f32(a)), vcvt_f64_f32(vget_low_f32(b)));
	sums[1] = vfmaq_f64(sums[1], vcvt_high_f64_f32(a), vcvt_high_f64_f32(b));
}

typedef void (*StepFunction) (float64x2_t *sums, float32x4_t a, float32x4_t b);

NEON_INLINE void
step_block(StepFunction step, float64x2_t *sums, const float *a, const float *b)
{
	step(sums, vld1q_f32(a), vld1q_f32(b));
	step(sums + 2, vld1q_f32(a + 4), vld1q_f32(b + 4));
	step(sums + 4, vld1q_f32(a + 8), vld1q_f32(b + 8));
	step(sums + 6, vld1q_f32(a + 12), vld1q_f32(b + 12));
	step(sums + 8, vld1q_f32(a + 16), vld1q_f32(b + 16));
	step(sums + 10, vld1q_f32(a + 20), vld1q_f32(b + 20));
	step(sums + 12, vld1q_f32(a + 24), vld1q_f32(b + 24));
	step(sums + 14, vld1q_f32(a + 28), vld1q_f32(b + 28));
}

NEON_INLINE double
sum_steps(StepFunction step, const float *a, const float *b, int n)
{
	float64x2_t sums[16];
	double		lanes[8];
	int			i = 0;

	for (int j = 0; j < 16; j++)
		sums[j] = vdupq_n_f64(0);
	for (; i + DISTANCE_LANES <= n; i += DISTANCE_LANES)
		step_block(step, sums, a + i, b + i);
	if (i < n)
	{
		DistanceTail tail;

		distance_tail(&tail, a + i, b + i, n - i);
		step_block(step, sums, tail.a, tail.b);
	}
	for (int j = 0; j < 4; j++)
		vst1q_f64(lanes + 2 * j, vaddq_f64(vaddq_f64(sums[j], sums[j + 8]), vaddq_f64(sums[j + 4], sums[j + 12])));
	return distance_fold(lanes);
}

static double
neon_l1(const float *a, const float *b, int n)
{
	double		sum = sum_steps(step_l1, a, b, n);

	return isinf(sum) ? distance_l1_halved(a, b, n) : sum;
}

static double
neon_l2_squared(const float *a, const float *b, int n)
{
	double		sum = sum_steps(step_l2_squared, a, b, n);

	return isinf(sum) ? distance_l2_squared_halved(a, b, n) : sum;
}

static double
neon_inner(const float *a, const float *b, int n)
{
	return sum_steps(step_inner, a, b, n);
}

const DistanceKernels distance_neon = {neon_l1, neon_l2_squared, neon_inner};

#endif
