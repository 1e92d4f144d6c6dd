/*
 * verify.h: what the SQL functions of this room share.
 */
#ifndef SIAMESE_VERIFY_H
#define SIAMESE_VERIFY_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "embedding/reference.h"
#include "model/model.h"
#include "model/stored_calibration.h"

/* The row type that the function returns, looked up once for all calls of a query and stored in its fn_extra (verify.c). */
extern TupleDesc verify_row(FunctionCallInfo fcinfo);

/*
 * The calibration for a reference, read as the current user; NULL: its model has none for references.  Raises if it does not
 * fit, or if the model of the reference is missing.  Valid until the end of the transaction (verify_reference.c).
 */
extern const ReferenceCalibration *references_of(const Reference *reference);

/* What is asked about. */
typedef struct Question
{
	const float *point;			/* [dimensions]: its embedding, as references compare it (reference_point()) */
	const Specimen *specimen;	/* of the same sample, of the kind of the reference's; NULL: there is none */
} Question;

/*
 * The distance by which verify(reference, ...) decides, and the scores that it goes with: fused with elastic matching where the
 * reference, the question and the calibration allow it.  calibration, and then *scores, may be NULL.  The question is of the reference's
 * model (verify_reference.c).
 */
extern double verify_distance(const Reference *reference, const Question *question, const ReferenceCalibration *calibration,
							  const ReferenceScores **scores);

/* The model of the reference, read as the current user; raises if it is missing or takes no samples of that kind (verify_reference.c). */
extern Model *verify_model_of(const Reference *reference, NetworkInputKind kind);

/*
 * Whether references of samples keep specimens for elastic matching: of pens always; of pictures of ink where the model's calibration
 * knows forgeries, since strangers are told apart without.
 */
extern bool verify_keeps_specimens(const Model *model);

/*
 * What elastic matching compares of the sample that the model has embedded last: that is in its buffer.  In the current memory context
 * (verify_reference.c).  For a reference that has specimens: raises unless they are of the model's kind.
 */
extern Specimen verify_specimen(const Model *model);
extern Specimen verify_specimen_for(const Reference *reference, const Model *model);

#endif
