/*
 * specimen.h: a sample of a person as elastic matching compares it: what a reference keeps beside the embeddings' statistics.
 *
 * A specimen of a pen is the sequence of pen/elastic.h, one of a picture of ink the places of image/deformation.h.  Either is made of the
 * sample as the model's network sees it.
 */
#ifndef SIAMESE_SPECIMEN_H
#define SIAMESE_SPECIMEN_H

#include "postgres.h"

typedef enum SpecimenKind
{
	SPECIMEN_NONE,				/* of other samples nothing is kept */
	SPECIMEN_PEN,
	SPECIMEN_PICTURE,
	SPECIMEN_KINDS
} SpecimenKind;

/* The prepared samples of a model. */
typedef struct SpecimenSource
{
	SpecimenKind kind;
	int			length;			/* of a pen: points */
	int			width;			/* of a picture: pixels, of one byte each */
	int			height;
} SpecimenSource;

typedef struct Specimen
{
	SpecimenKind kind;			/* not SPECIMEN_NONE */
	int			length;			/* points of a sequence, or places of a picture */
	uint8	   *value;			/* [specimen_bytes()]; of host_server(), if it was made by specimen_of_sample() */
} Specimen;

extern const char *specimen_name(SpecimenKind kind);	/* "trajectory", "picture" */

/* Of one point or place; and how many there are at least and at most. */
extern int	specimen_unit(SpecimenKind kind);
extern int	specimen_least(SpecimenKind kind);
extern int	specimen_most(SpecimenKind kind);

/* Whether the distance of two is the same both ways. */
extern bool specimen_is_symmetric(SpecimenKind kind);

static inline Size
specimen_bytes(const Specimen *specimen)
{
	return (Size) specimen->length * specimen_unit(specimen->kind);
}

/* Whether the values, which somebody else wrote, are such as specimen_of_sample() makes; the length is checked by the caller. */
extern bool specimen_is_valid(const Specimen *specimen);

/* sample: as the source's network takes it.  Raises if there is no memory; for the main thread. */
extern Specimen specimen_of_sample(const SpecimenSource *source, const void *sample);

/* Of two of one kind, the one on file first: elastic_distance() or deformation_distance().  Raises if there is no memory; for the main thread. */
extern double specimen_distance(const Specimen *a, const Specimen *b);

extern void specimen_release(Specimen *specimen);

#endif
