/*
 * elastic_table.h: elastic distances among specimens of the same people, and of others, for the calibration of references.
 *
 * They do not depend on a network's weights: a training makes the table once.
 */
#ifndef SIAMESE_ELASTIC_TABLE_H
#define SIAMESE_ELASTIC_TABLE_H

#include "postgres.h"

#include "embedding/specimen.h"
#include "model/stored_calibration.h"
#include "training/example_pairs.h"

#define ELASTIC_IDENTITIES 100	/* of more, a sample by seed: each takes about 50 ms */
#define ELASTIC_ON_FILE 12		/* samples of an identity that references are made of: a few people say more by more of them ... */
#define ELASTIC_ON_FILE_OF_MANY 6	/* ... than many */
#define ELASTIC_FEW 30
#define ELASTIC_GENUINE 24		/* samples that they are compared with: of the identity ... */
#define ELASTIC_IMPOSTORS 16	/* ... its forgeries, and genuine ones of others */
#define ELASTIC_QUESTIONS (ELASTIC_GENUINE + 2 * ELASTIC_IMPOSTORS)

typedef struct ElasticIdentity
{
	int			identity;		/* its place among the labels */
	int			on_file;		/* its first genuine samples, which are also the first questions */
	int			questions;
	int32	   *question;		/* [questions]: numbers of samples, as example_pairs.h counts them */
	PairKind   *kind;			/* [questions] */
	float	   *distance;		/* [on_file, questions] */
} ElasticIdentity;

typedef struct ElasticTable
{
	int			identities;		/* those with at least two genuine samples */
	ElasticIdentity *identity;
	double		usual;			/* mean distance of two genuine samples of one identity; 0 if there are none */
} ElasticTable;

/*
 * Whether there is something to learn for references of such samples: of pens always; of pictures if there are forgeries among them, or if
 * the model's own calibration (NULL: it has none) learned from some.
 */
extern bool elastic_table_is_due(const EmbeddedExamples *embedded, SpecimenSource source, const ReferenceCalibration *own);

/* Of examples that specimens can be made of, in the current memory context.  Raises on a cancel. */
extern ElasticTable *elastic_table_create(const EmbeddedExamples *embedded, SpecimenSource source, uint64 seed);

#endif
