/*
 * reference_specimens.c: the samples that a reference keeps for elastic matching.
 *
 * They stand behind its means and variances: float mean distance among them, uint16 count, uint16 SpecimenKind of all, then of each
 * uint16 length and its values; nothing is aligned.
 */
#include "postgres.h"

#include <math.h>

#include "common/compat.h"
#include "embedding/reference.h"

#define COUNT_AT sizeof(float)
#define KIND_AT (COUNT_AT + sizeof(uint16))
#define TAIL_HEADER (KIND_AT + sizeof(uint16))

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

static uint8 *
write_uint16(uint8 *byte, int value)
{
	uint16		number = (uint16) value;

	memcpy(byte, &number, sizeof number);
	return byte + sizeof number;
}

int
reference_specimens(const Reference *reference)
{
	return VARSIZE(reference) > REFERENCE_SIZE(reference->dimensions) ? read_uint16(tail_of(reference) + COUNT_AT) : 0;
}

SpecimenKind
reference_specimen_kind(const Reference *reference)
{
	return reference_specimens(reference) > 0 ? (SpecimenKind) read_uint16(tail_of(reference) + KIND_AT) : SPECIMEN_NONE;
}

void
reference_get_specimens(const Reference *reference, Specimen *specimen)
{
	const uint8 *byte = tail_of(reference) + TAIL_HEADER;
	int			count = reference_specimens(reference);

	for (int i = 0; i < count; i++)
	{
		specimen[i].kind = reference_specimen_kind(reference);
		specimen[i].length = read_uint16(byte);
		specimen[i].value = (uint8 *) byte + sizeof(uint16);
		byte = specimen[i].value + specimen_bytes(&specimen[i]);
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
	Specimen	specimen;
	int			count;
	int			kind;

	if (byte == end)
		return true;
	if (end - byte < (ptrdiff_t) TAIL_HEADER)
		return false;
	count = read_uint16(byte + COUNT_AT);
	kind = read_uint16(byte + KIND_AT);
	if (count != Min(reference->count, REFERENCE_SPECIMENS) || kind <= SPECIMEN_NONE || kind >= SPECIMEN_KINDS ||
		!(reference_own_distance(reference) >= 0) || isinf(reference_own_distance(reference)))
		return false;
	specimen.kind = (SpecimenKind) kind;
	byte += TAIL_HEADER;
	for (int i = 0; i < count; i++)
	{
		if (end - byte < (ptrdiff_t) sizeof(uint16))
			return false;
		specimen.length = read_uint16(byte);
		specimen.value = (uint8 *) byte + sizeof(uint16);
		if (specimen.length < specimen_least(specimen.kind) || specimen.length > specimen_most(specimen.kind) ||
			(Size) (end - specimen.value) < specimen_bytes(&specimen) || !specimen_is_valid(&specimen))
			return false;
		byte = specimen.value + specimen_bytes(&specimen);
	}
	return byte == end;
}

/* Mean distance of two of them; 0 if there is only one. */
static double
own_distance(const Specimen *specimen, int count)
{
	bool		symmetric = specimen_is_symmetric(specimen[0].kind);
	double		sum = 0;
	int			pairs = 0;

	for (int i = 0; i < count; i++)
		for (int k = symmetric ? i + 1 : 0; k < count; k++)
			if (k != i)
			{
				sum += specimen_distance(&specimen[i], &specimen[k]);
				pairs++;
			}
	return pairs > 0 ? sum / pairs : 0;
}

Reference *
reference_with_specimens(const Reference *reference, const Specimen *specimen, int count)
{
	Size		values = REFERENCE_SIZE(reference->dimensions);
	Size		size = values + TAIL_HEADER;
	Reference  *result;
	float		own = (float) own_distance(specimen, count);
	uint8	   *byte;

	Assert(count == Min(reference->count, REFERENCE_SPECIMENS));
	for (int i = 0; i < count; i++)
		size += sizeof(uint16) + specimen_bytes(&specimen[i]);
	result = palloc(size);
	memcpy(result, reference, values);
	SET_VARSIZE(result, size);
	byte = (uint8 *) result + values;
	memcpy(byte, &own, sizeof own);
	byte = write_uint16(write_uint16(byte + sizeof own, count), specimen[0].kind);
	for (int i = 0; i < count; i++)
	{
		byte = write_uint16(byte, specimen[i].length);
		memcpy(byte, specimen[i].value, specimen_bytes(&specimen[i]));
		byte += specimen_bytes(&specimen[i]);
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
