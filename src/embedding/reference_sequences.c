/*
 * reference_sequences.c: the trajectories that a reference keeps for elastic matching.
 *
 * They stand behind its means and variances: float mean distance among them, uint16 count, then of each uint16 length and
 * int8 [ELASTIC_VALUES, length]; nothing is aligned.
 */
#include "postgres.h"

#include <math.h>

#include "common/check.h"
#include "common/compat.h"
#include "common/host.h"
#include "embedding/reference.h"

#define OWN_BYTES sizeof(float)
#define TAIL_HEADER (OWN_BYTES + sizeof(uint16))

static const uint8 *
tail_of(const Reference *reference)
{
	return (const uint8 *) reference + REFERENCE_SIZE(reference->dimensions);
}

static uint16
read_uint16(const uint8 *byte)
{
	uint16		value;

	memcpy(&value, byte, sizeof value);
	return value;
}

int
reference_sequences(const Reference *reference)
{
	return VARSIZE(reference) > REFERENCE_SIZE(reference->dimensions) ? read_uint16(tail_of(reference) + OWN_BYTES) : 0;
}

void
reference_get_sequences(const Reference *reference, ElasticSequence *sequence)
{
	const uint8 *byte = tail_of(reference) + TAIL_HEADER;
	int			count = reference_sequences(reference);

	for (int i = 0; i < count; i++)
	{
		sequence[i].length = read_uint16(byte);
		sequence[i].value = (int8_t *) (byte + sizeof(uint16));
		byte += sizeof(uint16) + (Size) sequence[i].length * ELASTIC_VALUES;
	}
}

double
reference_own_distance(const Reference *reference)
{
	float		own;

	memcpy(&own, tail_of(reference), sizeof own);
	return own;
}

bool
reference_tail_is_valid(const Reference *reference)
{
	const uint8 *byte = tail_of(reference);
	const uint8 *end = (const uint8 *) reference + VARSIZE(reference);
	int			count;

	if (byte == end)
		return true;
	if (end - byte < (ptrdiff_t) TAIL_HEADER)
		return false;
	count = read_uint16(byte + OWN_BYTES);
	if (count != Min(reference->count, REFERENCE_SEQUENCES) || !(reference_own_distance(reference) >= 0) ||
		isinf(reference_own_distance(reference)))
		return false;
	byte += TAIL_HEADER;
	for (int i = 0; i < count; i++)
	{
		int			length;

		if (end - byte < (ptrdiff_t) sizeof(uint16))
			return false;
		length = read_uint16(byte);
		byte += sizeof(uint16);
		if (length < ELASTIC_LEAST || length > ELASTIC_MOST || end - byte < (ptrdiff_t) length * ELASTIC_VALUES)
			return false;
		byte += (Size) length * ELASTIC_VALUES;
	}
	return byte == end;
}

/* Mean distance of two of them; 0 if there is only one. */
static double
own_distance(const ElasticSequence *sequence, int count)
{
	double		sum = 0;

	for (int i = 0; i < count; i++)
		for (int k = 0; k < count; k++)
			if (k != i)
				sum += reference_sequence_distance(&sequence[i], &sequence[k]);
	return count > 1 ? sum / (count * (count - 1)) : 0;
}

void
reference_sequence_of_sample(const float *sample, int length, ElasticSequence *sequence)
{
	Status		status;

	if (!elastic_sequence_of_sample(sample, length, host_server(), sequence, &status))
		check_raise_status(&status);
}

double
reference_sequence_distance(const ElasticSequence *a, const ElasticSequence *b)
{
	double		distance;
	Status		status;

	if (!elastic_distance(a, b, host_server(), &distance, &status))
		check_raise_status(&status);
	return distance;
}

Reference *
reference_with_sequences(const Reference *reference, const ElasticSequence *sequence, int count)
{
	Size		values = REFERENCE_SIZE(reference->dimensions);
	Size		size = values + TAIL_HEADER;
	Reference  *result;
	float		own = (float) own_distance(sequence, count);
	uint16		number = (uint16) count;
	uint8	   *byte;

	Assert(count == Min(reference->count, REFERENCE_SEQUENCES));
	for (int i = 0; i < count; i++)
		size += sizeof(uint16) + (Size) sequence[i].length * ELASTIC_VALUES;
	result = palloc(size);
	memcpy(result, reference, values);
	SET_VARSIZE(result, size);
	byte = (uint8 *) result + values;
	memcpy(byte, &own, sizeof own);
	memcpy(byte + OWN_BYTES, &number, sizeof number);
	byte += TAIL_HEADER;
	for (int i = 0; i < count; i++)
	{
		uint16		length = (uint16) sequence[i].length;

		memcpy(byte, &length, sizeof length);
		memcpy(byte + sizeof length, sequence[i].value, (Size) length * ELASTIC_VALUES);
		byte += sizeof length + (Size) length * ELASTIC_VALUES;
	}
	return result;
}

double
elastic_score(const double *distance, int count, double own, double usual)
{
	double		pairs = count * (count - 1) / 2.0;
	double		sum = 0;
	double		least = INFINITY;

	for (int i = 0; i < count; i++)
	{
		sum += distance[i];
		least = Min(least, distance[i]);
	}
	own = (pairs * own + REFERENCE_OWN_SHRINKAGE * usual) / (pairs + REFERENCE_OWN_SHRINKAGE);
	return (sum / count + least) / 2 / sqrt(Max(own, REFERENCE_LEAST_OWN));
}
