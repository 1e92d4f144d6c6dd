/*
 * stored_reference_calibration.c: the part "references" of siamese.model.calibration.
 *
 * A row may have been written by hand, so everything that is read is checked.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "embedding/reference.h"
#include "model/stored_calibration.h"

static void
append_sizes(StringInfo text, const ReferenceScores *size, int sizes, bool weighted)
{
	appendStringInfoString(text, "\"sizes\": [");
	for (int i = 0; i < sizes; i++)
	{
		Jsonb	   *scores = calibration_to_jsonb(&size[i].scores);

		appendStringInfo(text, "%s{\"references\": %d, ", i ? ", " : "", size[i].references);
		if (weighted)
			appendStringInfo(text, "\"weight\": %.6g, ", size[i].weight);
		appendStringInfoString(text, "\"rejected\": [");
		for (int k = 0; k < size[i].rejected; k++)
			appendStringInfo(text, "%s[%.9g, %.17g]", k ? ", " : "", size[i].rate[k], size[i].threshold[k]);
		appendStringInfoString(text, "], \"scores\": ");
		JsonbToCString(text, &scores->root, VARSIZE(scores));
		appendStringInfoChar(text, '}');
	}
	appendStringInfoChar(text, ']');
}

Jsonb *
calibration_with_references(Jsonb *calibration, const ReferenceCalibration *references)
{
	StringInfoData text;

	if (references == NULL || references->sizes == 0)
		return calibration;
	initStringInfo(&text);
	JsonbToCString(&text, &calibration->root, VARSIZE(calibration));
	Assert(text.data[text.len - 1] == '}');
	text.data[--text.len] = '\0';
	appendStringInfoString(&text, ", \"references\": {\"variance\": [");
	for (int i = 0; i < references->dimensions; i++)
		appendStringInfo(&text, "%s%.6g", i ? ", " : "", references->variance[i]);
	appendStringInfoString(&text, "], ");
	append_sizes(&text, references->size, references->sizes, false);
	if (references->elastic_sizes > 0)
	{
		appendStringInfo(&text, ", \"elastic\": {\"usual\": %.6g, ", references->usual);
		append_sizes(&text, references->elastic, references->elastic_sizes, true);
		appendStringInfoChar(&text, '}');
	}
	appendStringInfoString(&text, "}}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

static void
refuse(const char *what)
{
	check_raise_damaged_model(psprintf("Its calibration has an invalid \"references.%s\".", what));
}

static double
number_of(const JsonbValue *value, const char *what)
{
	double		number = NAN;

	if (value != NULL && value->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (!isfinite(number))
		refuse(what);
	return number;
}

/* The array or the object of that key. */
static JsonbContainer *
inner(JsonbContainer *object, const char *key, bool array, int most)
{
	JsonbValue	value;
	JsonbValue *found = getKeyJsonValueFromContainer(object, key, strlen(key), &value);

	if (found == NULL || found->type != jbvBinary ||
		(array ? !JsonContainerIsArray(found->val.binary.data) : !JsonContainerIsObject(found->val.binary.data)) ||
		(array && JsonContainerSize(found->val.binary.data) > most))
		refuse(key);
	return found->val.binary.data;
}

static void
read_size(JsonbContainer *object, bool weighted, ReferenceScores *size)
{
	JsonbValue	value;
	JsonbValue *found = getKeyJsonValueFromContainer(object, "references", strlen("references"), &value);
	double		references = number_of(found, "references");
	JsonbContainer *rejected = inner(object, "rejected", true, REFERENCE_REJECTED);

	if (references < 1 || references > REFERENCE_LARGEST_WINDOW || references != floor(references))
		refuse("references");
	size->references = (int) references;
	size->weight = 0;
	if (weighted)
		size->weight = number_of(getKeyJsonValueFromContainer(object, "weight", strlen("weight"), &value), "elastic.weight");
	if (size->weight < 0 || size->weight > 1)
		refuse("elastic.weight");
	size->rejected = JsonContainerSize(rejected);
	for (int i = 0; i < size->rejected; i++)
	{
		JsonbValue *pair = getIthJsonbValueFromContainer(rejected, i);

		if (pair->type != jbvBinary || !JsonContainerIsArray(pair->val.binary.data) ||
			JsonContainerSize(pair->val.binary.data) != 2)
			refuse("rejected");
		size->rate[i] = number_of(getIthJsonbValueFromContainer(pair->val.binary.data, 0), "rejected");
		size->threshold[i] = number_of(getIthJsonbValueFromContainer(pair->val.binary.data, 1), "rejected");
		if (size->rate[i] <= 0 || size->rate[i] > 0.5 ||
			(i > 0 && (size->rate[i] >= size->rate[i - 1] || size->threshold[i] < size->threshold[i - 1])))
			refuse("rejected");
	}
	found = getKeyJsonValueFromContainer(object, "scores", strlen("scores"), &value);
	if (found == NULL || found->type != jbvBinary || !JsonContainerIsObject(found->val.binary.data))
		refuse("scores");
	calibration_from_jsonb(JsonbValueToJsonb(found), &size->scores);
}

/* The "sizes" of the object: at least one. */
static int
read_sizes(JsonbContainer *object, bool weighted, ReferenceScores *size)
{
	JsonbContainer *array = inner(object, "sizes", true, REFERENCE_SIZES);
	int			sizes = JsonContainerSize(array);

	for (int i = 0; i < sizes; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);

		if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
			refuse("sizes");
		read_size(value->val.binary.data, weighted, &size[i]);
		if (i > 0 && size[i].references <= size[i - 1].references)
			refuse("sizes");
	}
	if (sizes == 0)
		refuse("sizes");
	return sizes;
}

ReferenceCalibration *
references_from_jsonb(Jsonb *calibration)
{
	JsonbValue	value;
	JsonbValue *found;
	JsonbContainer *root;
	JsonbContainer *array;
	ReferenceCalibration *references;

	if (!JB_ROOT_IS_OBJECT(calibration))
		refuse("variance");
	found = getKeyJsonValueFromContainer(&calibration->root, "references", strlen("references"), &value);
	if (found == NULL)
		return NULL;
	if (found->type != jbvBinary || !JsonContainerIsObject(found->val.binary.data))
		refuse("variance");
	root = found->val.binary.data;
	references = palloc0(sizeof(ReferenceCalibration));
	array = inner(root, "variance", true, LIMIT_DIMENSIONS);
	references->dimensions = JsonContainerSize(array);
	references->variance = palloc(sizeof(float) * Max(references->dimensions, 1));
	for (int i = 0; i < references->dimensions; i++)
	{
		references->variance[i] = (float) number_of(getIthJsonbValueFromContainer(array, i), "variance");
		if (!(references->variance[i] >= 0 && isfinite(references->variance[i])))
			refuse("variance");
	}
	references->sizes = read_sizes(root, false, references->size);
	if (getKeyJsonValueFromContainer(root, "elastic", strlen("elastic"), &value) != NULL)
	{
		JsonbContainer *elastic = inner(root, "elastic", false, 0);

		references->usual = number_of(getKeyJsonValueFromContainer(elastic, "usual", strlen("usual"), &value), "elastic.usual");
		if (references->usual <= 0)
			refuse("elastic.usual");
		references->elastic_sizes = read_sizes(elastic, true, references->elastic);
	}
	return references;
}
