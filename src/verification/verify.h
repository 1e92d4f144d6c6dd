/*
 * verify.h: what the SQL functions of this room share.
 */
#ifndef SIAMESE_VERIFY_H
#define SIAMESE_VERIFY_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "embedding/reference.h"
#include "model/stored_calibration.h"

/* The row type that the function returns, looked up once for all calls of a query and stored in its fn_extra (verify.c). */
extern TupleDesc verify_row(FunctionCallInfo fcinfo);

/*
 * The calibration for a reference, read as the current user; NULL: its model has none for references.  Raises if it does not
 * fit, or if the model of the reference is missing.  Valid until the end of the transaction (verify_reference.c).
 */
extern const ReferenceCalibration *references_of(const Reference *reference);

#endif
