/*
 * specimen.c: specimens of pens and of pictures.
 */
#include "postgres.h"

#include "common/check.h"
#include "common/host.h"
#include "embedding/specimen.h"
#include "image/deformation.h"
#include "pen/elastic.h"

typedef struct SpecimenType
{
	const char *name;
	int			unit;
	int			least;
	int			most;
	bool		symmetric;
} SpecimenType;

static const SpecimenType types[SPECIMEN_KINDS] = {
	[SPECIMEN_PEN] = {"trajectory", ELASTIC_VALUES, ELASTIC_LEAST, ELASTIC_MOST, false},
	[SPECIMEN_PICTURE] = {"picture", DEFORMATION_PLACE, 0, DEFORMATION_MOST, true},
};

const char *
specimen_name(SpecimenKind kind)
{
	return types[kind].name;
}

int
specimen_unit(SpecimenKind kind)
{
	return types[kind].unit;
}

int
specimen_least(SpecimenKind kind)
{
	return types[kind].least;
}

int
specimen_most(SpecimenKind kind)
{
	return types[kind].most;
}

bool
specimen_is_symmetric(SpecimenKind kind)
{
	return types[kind].symmetric;
}

static ElasticSequence
sequence_of(const Specimen *specimen)
{
	return (ElasticSequence) {.length = specimen->length, .value = (int8_t *) specimen->value};
}

static DeformationPlaces
places_of(const Specimen *specimen)
{
	return (DeformationPlaces) {.count = specimen->length, .place = specimen->value};
}

/* No value is beyond what elastic_sequence() cuts off at. */
static bool
sequence_is_valid(const Specimen *specimen)
{
	const int8_t *value = (const int8_t *) specimen->value;

	for (Size i = 0; i < specimen_bytes(specimen); i++)
	{
		if (value[i] < -INT8_MAX)
			return false;
	}
	return true;
}

bool
specimen_is_valid(const Specimen *specimen)
{
	DeformationPlaces places = places_of(specimen);

	return specimen->kind == SPECIMEN_PEN ? sequence_is_valid(specimen) : deformation_is_valid(&places);
}

Specimen
specimen_of_sample(const SpecimenSource *source, const void *sample)
{
	Specimen	specimen = {.kind = source->kind};
	ElasticSequence sequence;
	DeformationPlaces places;
	Status		status;

	if (source->kind == SPECIMEN_PEN)
	{
		if (!elastic_sequence_of_sample(sample, source->length, host_server(), &sequence, &status))
			check_raise_status(&status);
		specimen.length = sequence.length;
		specimen.value = (uint8 *) sequence.value;
	}
	else
	{
		Assert(source->kind == SPECIMEN_PICTURE);
		if (!deformation_places(sample, source->width, source->height, host_server(), &places, &status))
			check_raise_status(&status);
		specimen.length = places.count;
		specimen.value = places.place;
	}
	return specimen;
}

double
specimen_distance(const Specimen *a, const Specimen *b)
{
	ElasticSequence sequence[2] = {sequence_of(a), sequence_of(b)};
	DeformationPlaces places[2] = {places_of(a), places_of(b)};
	double		distance;
	Status		status;

	if (a->kind == SPECIMEN_PICTURE)
		return deformation_distance(&places[0], &places[1]);
	if (!elastic_distance(&sequence[0], &sequence[1], host_server(), &distance, &status))
		check_raise_status(&status);
	return distance;
}

void
specimen_release(Specimen *specimen)
{
	host_release(host_server(), specimen->value);
	specimen->value = NULL;
}
