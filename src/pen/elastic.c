/*
 * elastic.c: elastic matching of two trajectories: what of them is compared, and by which loops.
 */
#include "pen/elastic.h"

#include <math.h>
#include <string.h>

#include "common/number.h"
#include "pen/elastic_internal.h"
#include "pen/pen_internal.h"

static const PenPreparation preparation = {
	.resampling = PEN_RESAMPLING_TIME,
	.drift = true,
	.scale = PEN_SCALE_BOTH,
	.rate = ELASTIC_RATE,
	.feature_count = ELASTIC_VALUES,
	.feature = {PEN_FEATURE_X, PEN_FEATURE_Y, PEN_FEATURE_CENTRIPETAL, PEN_FEATURE_TANGENTIAL, PEN_FEATURE_PRESSURE},
};

static int
points_of(const PenRows *pen)
{
	double		seconds = pen->columns > 3 ? pen_value(pen, pen->rows - 1, 3) - pen_value(pen, 0, 3) : (double) (pen->rows - 1) / ELASTIC_RATE;

	return (int) clamp(seconds * ELASTIC_RATE + 1.0, ELASTIC_LEAST, ELASTIC_MOST);
}

/* One value of all points in standard deviations, as bytes; all 0 if it does not change. */
static void
standardize(const float *input, int length, int8_t *value)
{
	double		mean = 0.0;
	double		square = 0.0;
	double		scale;

	for (int i = 0; i < length; i++)
		mean += input[i * ELASTIC_VALUES] / length;
	for (int i = 0; i < length; i++)
		square += (input[i * ELASTIC_VALUES] - mean) * (input[i * ELASTIC_VALUES] - mean) / length;
	scale = square > 1e-12 ? ELASTIC_UNIT / sqrt(square) : 0.0;
	for (int i = 0; i < length; i++)
		value[i] = (int8_t) rint(clamp(scale * (input[i * ELASTIC_VALUES] - mean), -127.0, 127.0));
}

/* Of a trajectory that is known to be a good one. */
static bool
make_sequence(const PenRows *pen, const Host *host, ElasticSequence *sequence, Status *status)
{
	PenPreparation prepared = preparation;
	float	   *sample;
	float	   *input;

	sequence->value = NULL;
	sequence->length = prepared.length = points_of(pen);
	sample = host_allocate(host, (size_t) sequence->length * (PEN_VALUES + ELASTIC_VALUES), sizeof(float), status);
	if (sample == NULL)
		return false;
	sequence->value = host_allocate(host, (size_t) sequence->length, ELASTIC_VALUES, status);
	if (sequence->value == NULL)
	{
		host_release(host, sample);
		return false;
	}
	input = sample + (size_t) sequence->length * PEN_VALUES;
	pen_resample(pen, &prepared, sample);
	pen_features(&prepared, sample, input);
	for (int k = 0; k < ELASTIC_VALUES; k++)
		standardize(input + k, sequence->length, sequence->value + (size_t) k * sequence->length);
	host_release(host, sample);
	return true;
}

bool
elastic_sequence(const PenRows *pen, const Host *host, ElasticSequence *sequence, Status *status)
{
	sequence->value = NULL;
	return pen_check(pen, status) && make_sequence(pen, host, sequence, status);
}

bool
elastic_sequence_of_sample(const float *sample, int length, const Host *host, ElasticSequence *sequence, Status *status)
{
	float	   *rows = host_allocate(host, (size_t) length * 4, sizeof(float), status);
	const PenRows pen = {.single = rows, .rows = length, .columns = 4};
	bool		made;

	sequence->value = NULL;
	if (rows == NULL)
		return false;
	for (int i = 0; i < length; i++)
	{
		const float *value = sample + (size_t) i * PEN_VALUES;

		rows[4 * i] = value[PEN_X];
		rows[4 * i + 1] = value[PEN_Y];
		rows[4 * i + 2] = value[PEN_DOWN] > 0 ? value[PEN_PRESSURE] : 0;
		rows[4 * i + 3] = value[PEN_TIME];
	}
	made = make_sequence(&pen, host, sequence, status);
	host_release(host, rows);
	return made;
}

ElasticWarp
elastic_warp_of(CpuLevel level)
{
	switch (level)
	{
#if defined(__x86_64__)
		case CPU_AVX2:
			return elastic_warp_avx2;
		case CPU_AVX512:
			return elastic_warp_avx512;
#endif
		default:				/* 64-bit ARM has vectors in plain C, too */
			return elastic_warp_portable;
	}
}

bool
elastic_distance(const ElasticSequence *a, const ElasticSequence *b, const Host *host, double *distance, Status *status)
{
	size_t		a_bytes = (size_t) a->length * ELASTIC_VALUES;
	size_t		b_bytes = (size_t) b->length * ELASTIC_VALUES;
	size_t		sums = 3 * ELASTIC_SUMS(a->length) * sizeof(int32_t);
	int32_t    *work = host_allocate(host, sums + a_bytes + b_bytes + 2 * ELASTIC_LANES, 1, status);
	int8_t	   *forwards;
	int8_t	   *backwards;

	if (work == NULL)
		return false;
	forwards = (int8_t *) work + sums;
	backwards = forwards + a_bytes + ELASTIC_LANES;
	memcpy(forwards, a->value, a_bytes);
	memset(forwards + a_bytes, 0, ELASTIC_LANES);
	for (int k = 0; k < ELASTIC_VALUES; k++)
	{
		for (int i = 0; i < b->length; i++)
			backwards[k * b->length + i] = b->value[k * b->length + b->length - 1 - i];
	}
	memset(backwards + b_bytes, 0, ELASTIC_LANES);
	*distance = (double) elastic_warp_of(cpu_level())(forwards, a->length, backwards, b->length, work) / ELASTIC_UNIT / a->length;
	host_release(host, work);
	return true;
}
