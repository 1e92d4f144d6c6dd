/*
 * check.c: the errors of the server rooms.
 *
 * SQLSTATEs: 22P02 and 22P03 for text and binary input; 42804 (datatype_mismatch) for embeddings of two models, as for arrays of
 * two element types; 54000 for limits.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"

#define EXCERPT_BYTES 64		/* of a user's text in a message */

static const struct
{
	int			sqlstate;
	const char *message;
}			status_errors[] = {
	[STATUS_OK] = {ERRCODE_INTERNAL_ERROR, "unexpected failure"},
	[STATUS_NO_MEMORY] = {ERRCODE_OUT_OF_MEMORY, "out of memory"},
	[STATUS_INTERRUPTED] = {ERRCODE_QUERY_CANCELED, "canceling statement due to user request"},
	[STATUS_LIBRARY] = {ERRCODE_UNDEFINED_FILE, "could not load image library"},
	[STATUS_MATRIX_LIBRARY] = {ERRCODE_UNDEFINED_FILE, "could not load matrix library"},
	[STATUS_IMAGE_FORMAT] = {ERRCODE_INVALID_BINARY_REPRESENTATION, "unsupported image format"},
	[STATUS_IMAGE_TOO_LARGE] = {ERRCODE_PROGRAM_LIMIT_EXCEEDED, "image is too large"},
	[STATUS_IMAGE_BROKEN] = {ERRCODE_INVALID_BINARY_REPRESENTATION, "could not decode image"},
	[STATUS_IMAGE_BLANK] = {ERRCODE_INVALID_PARAMETER_VALUE, "image is blank"},
	[STATUS_PEN] = {ERRCODE_INVALID_PARAMETER_VALUE, "invalid pen trajectory"},
	[STATUS_PEN_FORMAT] = {ERRCODE_INVALID_BINARY_REPRESENTATION, "could not read pen data"},
	[STATUS_DEFINITION] = {ERRCODE_INVALID_PARAMETER_VALUE, "invalid network definition"},
	[STATUS_ONNX_FORMAT] = {ERRCODE_INVALID_BINARY_REPRESENTATION, "could not read ONNX file"},
	[STATUS_ONNX_UNSUPPORTED] = {ERRCODE_FEATURE_NOT_SUPPORTED, "ONNX network cannot be imported"},
	[STATUS_ARGUMENT] = {ERRCODE_INVALID_PARAMETER_VALUE, "invalid argument"},
};

void
check_raise_status(const Status *status)
{
	StatusCode	code = status->code;

	/* Distinguishes statement_timeout from a cancel; returns only if the interrupt has been processed elsewhere. */
	if (code == STATUS_INTERRUPTED)
		CHECK_FOR_INTERRUPTS();

	if ((unsigned) code >= lengthof(status_errors))
		code = STATUS_OK;
	ereport(ERROR,
			(errcode(status_errors[code].sqlstate),
			 errmsg("%s", status_errors[code].message),
			 status->detail[0] ? errdetail("%s", status->detail) : 0,
			 status->hint[0] ? errhint("%s", status->hint) : 0));
	pg_unreachable();
}

void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (!PostmasterIsAlive())
		proc_exit(1);
}

/* PostgreSQL's own messages, with a hint. */
void
check_may_write(const char *function)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s during recovery", function),
				 errhint("Call it on the primary server: what it writes is replicated.")));
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s in a read-only transaction", function),
				 errhint("SET default_transaction_read_only = off, or begin the transaction with READ WRITE.")));
}

void
check_procedure_call(FunctionCallInfo fcinfo, const char *procedure, const char *detail)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("siamese.%s() cannot run inside a transaction block or a function", procedure),
				 errdetail("%s", detail),
				 errhint("CALL it by itself.")));
	check_may_write(psprintf("siamese.%s()", procedure));
}

void
check_raise_definition(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", status_errors[STATUS_DEFINITION].message),
			 errdetail("%s", detail)));
	pg_unreachable();
}

void
check_raise_damaged_model(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("model is damaged"),
			 errdetail("%s", detail),
			 errhint("Train it again, or restore siamese.model and siamese.model_weights from a backup.")));
	pg_unreachable();
}

void
check_raise_tracker(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("the model is a tracker: it links detections and embeds nothing"),
			 errhint("siamese.track() and siamese.link() use it.")));
	pg_unreachable();
}

/* A box of PostgreSQL's has its corners sorted, whichever way y grows. */
void
check_region(Datum box, const char *rows, int frame)
{
	const BOX  *region = DatumGetBoxP(box);
	double		width = region->high.x - region->low.x;
	double		height = region->high.y - region->low.y;

	if (!isfinite(width * height) || !(width > 0) || !(height > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a box of the %s has no area", rows),
				 errdetail("In frame %d: %s.", frame, DatumGetCString(DirectFunctionCall1(box_out, box)))));
}

void
check_raise_input_kind(bool pen)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 pen ? errmsg("the model takes pen trajectories, not images")
			 : errmsg("the model takes images, not pen trajectories"),
			 errhint("Its network's \"input.kind\" says so; pass %s.", pen ? "real[]" : "bytea")));
	pg_unreachable();
}

void
check_raise_pairs_only(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the model compares pairs of samples and has no embeddings"),
			 errdetail("Its network has a layer \"pair\": it sees two samples at once."),
			 errhint("Pass both samples to verify(a, b, model), or find candidates by the embeddings of another model first.")));
	pg_unreachable();
}

void
check_raise_not_of_pairs(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("the model makes embeddings and does not compare pairs of samples"),
			 errdetail("Its network has no layer \"pair\"."),
			 errhint("Compare its embeddings, or pass a model whose network has such a layer.")));
	pg_unreachable();
}

void
check_raise_no_references(uint64 model)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the model has no calibration for references"),
			 errdetail("The held-out identities of the model %016llx had too few genuine samples to fit one.",
					   (unsigned long long) model),
			 errhint("Train with more samples per identity; distance(reference, embedding) needs no calibration.")));
	pg_unreachable();
}

void
check_raise_uncalibrated(const char *model)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("model \"%s\" has no calibration yet", model),
			 errdetail("It was imported from an ONNX file, which knows no thresholds and probabilities."),
			 errhint("SELECT siamese.calibrate(model, examples) fits them on samples of your own; distances need none.")));
	pg_unreachable();
}

void
check_raise_not_trigger(const char *function)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("%s was not called by a trigger", function)));
}

void
check_raise_no_model(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the embeddings belong to no model"),
			 errdetail("Threshold and probability belong to the model that made both embeddings."),
			 errhint("Create them with embed(), or compare the distance <-> with a threshold of your own.")));
	pg_unreachable();
}

bool
check_dimensions(int64 dimensions, struct Node *escontext)
{
	if (dimensions >= 1 && dimensions <= LIMIT_DIMENSIONS)
		return true;
	if (dimensions < 1)
		errsave(escontext,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("embedding must have at least 1 dimension")));
	else
		errsave(escontext,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("embedding cannot have more than %d dimensions", LIMIT_DIMENSIONS),
				 errdetail("It has %lld dimensions.", (long long) dimensions)));
	return false;
}

bool
check_finite(double value, int index, struct Node *escontext)
{
	if (isfinite(value))
		return true;
	errsave(escontext,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("embedding values must be finite"),
			 errdetail("Value %d is %s.", index + 1, isnan(value) ? "NaN" : "infinite")));
	return false;
}

bool
check_expected_dimensions(int32 expected, int dimensions, struct Node *escontext)
{
	if (expected == -1 || expected == dimensions)
		return true;
	errsave(escontext,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("embedding has the wrong number of dimensions"),
			 errdetail("Expected %d dimensions, not %d.", expected, dimensions)));
	return false;
}

Metric
check_metric_name(const char *name)
{
	Metric		metric = METRIC_L2;

	if (!metric_of_name(name, strlen(name), &metric))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown distance \"%s\"", name),
				 errhint("Known distances are \"l2\", \"l1\" and \"cosine\".")));
	return metric;
}

void
check_count(const char *name, int value, int limit)
{
	if (value < 1 || value > limit)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of %s is out of range: %d", name, value),
				 errdetail("It must be from 1 to %d.", limit)));
}

bool
check_radius(double radius, struct Node *escontext)
{
	if (radius >= 0)
		return true;
	errsave(escontext,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("radius of a ball must be zero or more"),
			 errdetail("The radius is %g.", radius)));
	return false;
}

bool
check_bad_text(struct Node *escontext, const char *type_name, const char *text, const char *detail, ...)
{
	int			length = strlen(text);
	int			shown = pg_mbcliplen(text, length, EXCERPT_BYTES);
	char		sentence[STATUS_TEXT];
	va_list		arguments;

	va_start(arguments, detail);
	vsnprintf(sentence, sizeof sentence, detail, arguments);
	va_end(arguments);
	errsave(escontext,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%.*s%s\"", type_name, shown, text, shown < length ? "..." : ""),
			 errdetail("%s", sentence)));
	return false;
}

bool
check_text_range(struct Node *escontext, const char *type_name, const char *number, int length)
{
	errsave(escontext,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("\"%.*s\" is out of range for type %s", pg_mbcliplen(number, length, EXCERPT_BYTES), number,
					type_name)));
	return false;
}

void
check_bad_binary(const char *type_name, const char *detail, ...)
{
	char		sentence[STATUS_TEXT];
	va_list		arguments;

	va_start(arguments, detail);
	vsnprintf(sentence, sizeof sentence, detail, arguments);
	va_end(arguments);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary representation of type %s", type_name),
			 errdetail("%s", sentence)));
	pg_unreachable();
}

void
check_corrupted(const char *type_name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored value of type %s is corrupted or was written by a later version", type_name)));
	pg_unreachable();
}

/* The fingerprint as text; 0 is no model.  text holds at least 17 bytes. */
static const char *
model_text(uint64 model, char *text)
{
	if (model == 0)
		return "none";
	snprintf(text, 17, "%016llx", (unsigned long long) model);
	return text;
}

void
check_different_models(uint64 a_model, uint64 b_model)
{
	char		a[17];
	char		b[17];

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("embeddings of different models cannot be compared"),
			 errdetail("The models' fingerprints are %s and %s.", model_text(a_model, a), model_text(b_model, b)),
			 errhint("Embed both with the same version of one model, as in embed(..., 'name@version').")));
	pg_unreachable();
}

void
check_different_metrics(Metric a, Metric b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("embeddings with different distances cannot be compared"),
			 errdetail("The distances are %s and %s.", metric_name(a), metric_name(b)),
			 errhint("Use to_embedding(real[], metric) with the same metric for both, or one of l1_distance, "
					 "l2_distance and cosine_distance.")));
	pg_unreachable();
}

void
check_concatenation(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("cannot concatenate the embeddings"),
			 errdetail("%s", detail),
			 errhint("To join their values, use to_embedding(a::real[] || b::real[], 'l2').")));
}

void
check_different_dimensions(int a, int b)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("embeddings of different dimensions cannot be compared"),
			 errdetail("The dimensions are %d and %d.", a, b)));
	pg_unreachable();
}

void
check_window(int window, int most)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("window of a reference is out of range: %d", window),
			 errdetail("It must be from 1 to %d.", most)));
	pg_unreachable();
}

void
check_window_changed(int before, int window)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("window of a reference cannot change within one aggregate"),
			 errdetail("It was %d and is %d.", before, window)));
	pg_unreachable();
}

void
check_raise_needs_sample(bool pen)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a reference with %s cannot be updated with an embedding", pen ? "trajectories" : "pictures"),
			 errhint("Pass the %s itself: reference_update(reference, %s).", pen ? "trajectory" : "image", pen ? "pen" : "image")));
	pg_unreachable();
}

void
check_spread(int index, double spread, double most)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the embeddings of a reference are too far apart"),
			 errdetail("Component %d has a spread of %g; the limit is %g.", index + 1, spread, most)));
}

void
check_array_nulls(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("array must not contain nulls to become an embedding")));
	pg_unreachable();
}

void
check_array_dimensions(int dimensions)
{
	ereport(ERROR,
			(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
			 errmsg("array must be one-dimensional to become an embedding"),
			 errdetail("It has %d dimensions.", dimensions)));
	pg_unreachable();
}

void
check_typmod(const char *detail, ...)
{
	char		sentence[STATUS_TEXT];
	va_list		arguments;

	va_start(arguments, detail);
	vsnprintf(sentence, sizeof sentence, detail, arguments);
	va_end(arguments);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid type modifier of type embedding"),
			 errdetail("%s", sentence)));
	pg_unreachable();
}

void
check_index_corrupted(const char *index, uint32 block, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is corrupted at block %u", index, block),
			 errdetail("%s", detail),
			 errhint("Please REINDEX it.")));
	pg_unreachable();
}

void
check_index_contents(const char *index, uint64 model, Metric metric, int dimensions, uint64 other_model, Metric other_metric,
					 int other_dimensions)
{
	char		a[17];
	char		b[17];

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 model != other_model ? errmsg("index \"%s\" holds embeddings of another model", index) :
			 metric != other_metric ? errmsg("index \"%s\" holds embeddings with another distance", index) :
			 errmsg("index \"%s\" holds embeddings of other dimensions", index),
			 errdetail("Its embeddings are of model %s, with distance %s and %d dimensions; "
					   "this one is of model %s, with distance %s and %d.",
					   model_text(model, a), metric_name(metric), dimensions,
					   model_text(other_model, b), metric_name(other_metric), other_dimensions),
			 errhint("An index holds embeddings of one model.  Use one version of it for all rows; or drop the index, embed all "
					 "rows again and create the index anew; or create a partial index for each model.  Once all rows are "
					 "deleted, VACUUM prepares the index for another model.")));
	pg_unreachable();
}

void
check_index_format(const char *index, int format, int known)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" has format %d", index, format),
			 errdetail("This release of siamese reads and writes format %d.", known),
			 errhint("Please REINDEX it: its rows are not affected.")));
	pg_unreachable();
}

void
check_index_missing(Oid oid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("there is no index with the OID %u", oid)));
	pg_unreachable();
}

void
check_index_partitioned(const char *index)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("index \"%s\" is partitioned", index),
			 errdetail("It has no rows of its own."),
			 errhint("Use the indexes of its partitions, which pg_partition_tree() lists.")));
	pg_unreachable();
}

void
check_index_kind(const char *relation)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("\"%s\" is not a siamese index", relation)));
	pg_unreachable();
}

void
check_index_other_temp(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot access temporary indexes of other sessions")));
	pg_unreachable();
}
