/*
 * stored_calibration.c: siamese.model.calibration.
 *
 *     {"format": 1,
 *      "threshold": 0.71,                        distance of ~= and of verify() at even odds
 *      "method": "isotonic", "prior": 0.5,       "isotonic" or "logistic"
 *      "log_odds": [[distance, log odds], ...],  1 to 64 knots
 *      "rates": [{"rate": 0.01, "threshold": 0.52, "threshold_interval": [0.5, 0.54], "rate_interval": [0.008, 0.012],
 *                 "relative_error": 0.1}, ...],  0 to 64, falling
 *      "identities": 48, "groups": 6,            "groups" only where identities belong together
 *      "samples": 960, "pairs": {"genuine": 9120, "random": 200000, "skilled": 0}}
 *
 * A row may have been written by hand, so everything that is read is checked.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "common/check.h"
#include "model/stored_calibration.h"

#define FORMAT 1

static const char *const method_names[] = {"logistic", "isotonic"};

const char *
pair_kind_name(PairKind kind)
{
	return kind == PAIR_GENUINE ? "genuine" : kind == PAIR_RANDOM ? "random" : "skilled";
}

bool
calibration_is_chance(const ModelCalibration *calibration)
{
	return calibration->knot[0].log_odds <= calibration->knot[calibration->knots - 1].log_odds;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

Jsonb *
calibration_to_jsonb(const ModelCalibration *calibration)
{
	StringInfoData text;
	Jsonb	   *json;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"format\": %d, \"threshold\": %.17g, \"method\": \"%s\", \"prior\": %.9g, \"log_odds\": [",
					 FORMAT, calibration->threshold, method_names[calibration->method], calibration->prior);
	for (int i = 0; i < calibration->knots; i++)
		appendStringInfo(&text, "%s[%.17g, %.9g]", i ? ", " : "", calibration->knot[i].distance, calibration->knot[i].log_odds);
	appendStringInfoString(&text, "], \"rates\": [");
	for (int i = 0; i < calibration->rates; i++)
	{
		const CalibrationRate *rate = &calibration->rate[i];

		appendStringInfo(&text, "%s{\"rate\": %.9g, \"threshold\": %.17g, \"threshold_interval\": [%.9g, %.9g],"
						 " \"rate_interval\": [%.6g, %.6g], \"relative_error\": %.6g}",
						 i ? ", " : "", rate->rate, rate->threshold, rate->threshold_interval.low, rate->threshold_interval.high,
						 rate->rate_interval.low, rate->rate_interval.high, rate->relative_error);
	}
	appendStringInfo(&text, "], \"identities\": %d, ", calibration->fitted_on.identities);
	if (calibration->fitted_on.groups > 0)
		appendStringInfo(&text, "\"groups\": %d, ", calibration->fitted_on.groups);
	appendStringInfo(&text, "\"samples\": %d, \"pairs\": {", calibration->fitted_on.samples);
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		appendStringInfo(&text, "%s\"%s\": " INT64_FORMAT, kind ? ", " : "", pair_kind_name((PairKind) kind),
						 calibration->fitted_on.pairs[kind]);
	appendStringInfoString(&text, "}}");
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
	pfree(text.data);
	return json;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static void
refuse(const char *what)
{
	check_raise_damaged_model(psprintf("Its calibration has an invalid \"%s\".", what));
}

static double
number_of(const JsonbValue *value, const char *what)
{
	double		number;

	if (value == NULL || value->type != jbvNumeric)
		check_raise_damaged_model(psprintf("Its calibration has no number \"%s\".", what));
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (!isfinite(number))
		refuse(what);
	return number;
}

static double
read_number(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	return number_of(getKeyJsonValueFromContainer(object, key, strlen(key), &value), key);
}

static int64
read_count(JsonbContainer *object, const char *key)
{
	double		number = read_number(object, key);

	if (number < 0 || number > 1e15 || number != floor(number))
		refuse(key);
	return (int64) number;
}

static int
read_int(JsonbContainer *object, const char *key)
{
	int64		count = read_count(object, key);

	return (int) Min(count, PG_INT32_MAX);
}

/* An array of that key with so many elements. */
static JsonbContainer *
read_array(JsonbContainer *object, const char *key, int least, int most)
{
	JsonbValue	value;
	JsonbValue *found = getKeyJsonValueFromContainer(object, key, strlen(key), &value);

	if (found == NULL || found->type != jbvBinary || !JsonContainerIsArray(found->val.binary.data))
		check_raise_damaged_model(psprintf("Its calibration has no array \"%s\".", key));
	if (JsonContainerSize(found->val.binary.data) < least || JsonContainerSize(found->val.binary.data) > most)
		check_raise_damaged_model(psprintf("Its calibration's \"%s\" has %d elements; it may have %d to %d.", key,
										   (int) JsonContainerSize(found->val.binary.data), least, most));
	return found->val.binary.data;
}

/* Two numbers. */
static ScoreInterval
pair_of(JsonbContainer *array, const char *what)
{
	if (JsonContainerSize(array) != 2)
		refuse(what);
	return (ScoreInterval) {number_of(getIthJsonbValueFromContainer(array, 0), what),
		number_of(getIthJsonbValueFromContainer(array, 1), what)};
}

static ScoreInterval
read_interval(JsonbContainer *object, const char *key)
{
	ScoreInterval interval = pair_of(read_array(object, key, 2, 2), key);

	if (interval.low > interval.high)
		refuse(key);
	return interval;
}

static JsonbContainer *
element(JsonbContainer *array, int i, bool object, const char *what)
{
	JsonbValue *value = getIthJsonbValueFromContainer(array, i);

	if (value->type != jbvBinary ||
		!(object ? JsonContainerIsObject(value->val.binary.data) : JsonContainerIsArray(value->val.binary.data)))
		refuse(what);
	return value->val.binary.data;
}

static void
read_knots(JsonbContainer *root, ModelCalibration *calibration)
{
	JsonbContainer *array = read_array(root, "log_odds", 1, CALIBRATION_KNOTS);

	calibration->knots = JsonContainerSize(array);
	for (int i = 0; i < calibration->knots; i++)
	{
		ScoreInterval knot = pair_of(element(array, i, false, "log_odds"), "log_odds");

		calibration->knot[i] = (CalibrationKnot) {knot.low, knot.high};
		if (i > 0 && (calibration->knot[i].distance <= calibration->knot[i - 1].distance ||
					  calibration->knot[i].log_odds > calibration->knot[i - 1].log_odds))
			refuse("log_odds");
	}
}

static void
read_rates(JsonbContainer *root, ModelCalibration *calibration)
{
	JsonbContainer *array = read_array(root, "rates", 0, CALIBRATION_RATES);

	calibration->rates = JsonContainerSize(array);
	for (int i = 0; i < calibration->rates; i++)
	{
		JsonbContainer *object = element(array, i, true, "rates");
		CalibrationRate *rate = &calibration->rate[i];

		*rate = (CalibrationRate) {
			.rate = read_number(object, "rate"), .threshold = read_number(object, "threshold"),
			.threshold_interval = read_interval(object, "threshold_interval"),
			.rate_interval = read_interval(object, "rate_interval"),
			.relative_error = read_number(object, "relative_error")
		};
		if (rate->rate <= 0 || rate->rate > 0.5 || rate->relative_error < 0 ||
			rate->rate_interval.low < 0 || rate->rate_interval.high > 1 ||
			(i > 0 && (rate->rate >= rate[-1].rate || rate->threshold > rate[-1].threshold)))
			refuse("rates");
	}
}

static CalibrationMethod
read_method(JsonbContainer *root)
{
	JsonbValue	value;
	JsonbValue *found = getKeyJsonValueFromContainer(root, "method", 6, &value);

	for (int i = 0; found != NULL && found->type == jbvString && i < lengthof(method_names); i++)
		if (found->val.string.len == strlen(method_names[i]) &&
			memcmp(found->val.string.val, method_names[i], found->val.string.len) == 0)
			return (CalibrationMethod) i;
	refuse("method");
	pg_unreachable();
}

void
calibration_from_jsonb(Jsonb *json, ModelCalibration *calibration)
{
	JsonbContainer *root = &json->root;
	JsonbValue	value;
	JsonbValue *pairs;

	memset(calibration, 0, sizeof *calibration);
	if (!JB_ROOT_IS_OBJECT(json))
		check_raise_damaged_model("Its calibration is not a JSON object.");
	if (read_number(root, "format") != FORMAT)
		check_raise_damaged_model(psprintf("Its calibration is of format %g; this version of the extension reads %d.",
										   read_number(root, "format"), FORMAT));
	calibration->threshold = read_number(root, "threshold");
	calibration->prior = read_number(root, "prior");
	if (calibration->prior <= 0 || calibration->prior >= 1)
		refuse("prior");
	calibration->method = read_method(root);
	read_knots(root, calibration);
	if (calibration_is_chance(calibration))
		calibration->threshold = CALIBRATION_NO_THRESHOLD;
	read_rates(root, calibration);
	calibration->fitted_on.identities = read_int(root, "identities");
	if (getKeyJsonValueFromContainer(root, "groups", 6, &value) != NULL)
		calibration->fitted_on.groups = read_int(root, "groups");
	calibration->fitted_on.samples = read_int(root, "samples");
	pairs = getKeyJsonValueFromContainer(root, "pairs", 5, &value);
	if (pairs == NULL || pairs->type != jbvBinary || !JsonContainerIsObject(pairs->val.binary.data))
		refuse("pairs");
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		calibration->fitted_on.pairs[kind] = read_count(pairs->val.binary.data, pair_kind_name((PairKind) kind));
}
