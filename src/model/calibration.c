/*
 * calibration.c: from held-out distances to a threshold and a probability.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "common/check.h"
#include "model/model.h"

#define MAX_ITERATIONS 100
#define SUPPORTING_PAIRS 10.0	/* impostor pairs that must lie below a threshold before its FAR is believed */

double
calibration_probability(const ModelCalibration *calibration, double distance)
{
	return 1.0 / (1.0 + exp(calibration->slope * distance - calibration->offset));
}

/* One kind of pair's part of the loss's first and second derivatives, in (slope, offset). */
typedef struct Newton
{
	double		loss;
	double		gradient[2];
	double		hessian[3];		/* slope-slope, slope-offset, offset-offset */
} Newton;

static void
add_pairs(Newton *newton, const DistanceSet *set, double target, double scale, double slope, double offset)
{
	double		weight = 0.5 / (double) set->count;

	for (int64 i = 0; i < set->count; i++)
	{
		double		x = set->value[i] * scale;
		double		z = offset - slope * x;
		double		p = 1.0 / (1.0 + exp(-z));
		double		curvature = weight * p * (1 - p);

		/* log(1 + exp(z)) - target z, computed without overflow */
		newton->loss += weight * (fmax(z, 0) + log1p(exp(-fabs(z))) - target * z);
		newton->gradient[0] += weight * (target - p) * x;
		newton->gradient[1] += weight * (p - target);
		newton->hessian[0] += curvature * x * x;
		newton->hessian[1] -= curvature * x;
		newton->hessian[2] += curvature;
	}
}

static Newton
newton_at(const DistanceSet *genuine, const DistanceSet *impostor, double scale, double slope, double offset)
{
	Newton		newton = {0};

	add_pairs(&newton, genuine, (genuine->count + 1.0) / (genuine->count + 2.0), scale, slope, offset);
	add_pairs(&newton, impostor, 1.0 / (impostor->count + 2.0), scale, slope, offset);
	return newton;
}

/* Logistic regression by Newton's method with halved steps (Lin, Lin and Weng 2007, "A note on Platt's outputs"). */
static void
fit_probability(const DistanceSet *genuine, const DistanceSet *impostor, ModelCalibration *calibration)
{
	double		largest = Max(genuine->value[genuine->count - 1], impostor->value[impostor->count - 1]);
	double		scale = largest > 0 ? 1.0 / largest : 1.0;
	double		slope = 0;
	double		offset = 0;
	Newton		now = newton_at(genuine, impostor, scale, slope, offset);

	for (int iteration = 0; iteration < MAX_ITERATIONS; iteration++)
	{
		double		a = now.hessian[0] + 1e-12;
		double		b = now.hessian[1];
		double		c = now.hessian[2] + 1e-12;
		double		determinant = a * c - b * b;
		double		d_slope = -(c * now.gradient[0] - b * now.gradient[1]) / determinant;
		double		d_offset = -(a * now.gradient[1] - b * now.gradient[0]) / determinant;
		double		step = 1;
		Newton		next;

		if (fabs(now.gradient[0]) < 1e-9 && fabs(now.gradient[1]) < 1e-9)
			break;
		for (;;)
		{
			next = newton_at(genuine, impostor, scale, slope + step * d_slope, offset + step * d_offset);
			if (next.loss < now.loss || step < 1e-8)
				break;
			step /= 2;
		}
		if (next.loss >= now.loss)
			break;
		slope += step * d_slope;
		offset += step * d_offset;
		now = next;
	}
	/* A model that is worse than chance knows nothing; the probability must not fall with the likeness. */
	calibration->slope = slope > 0 ? slope * scale : 0;
	calibration->offset = slope > 0 ? offset : 0;
}

void
calibration_fit(const DistanceSet *genuine, const DistanceSet *impostor, ModelCalibration *calibration)
{
	double		lowest = Min(0.5, SUPPORTING_PAIRS / (double) impostor->count);

	calibration->threshold = score_distances(genuine, impostor).eer_threshold;
	fit_probability(genuine, impostor, calibration);
	calibration->points = lowest < 0.5 ? CALIBRATION_POINTS : 1;
	for (int i = 0; i < calibration->points; i++)
	{
		double		level = 0.5 * pow(lowest / 0.5, i / (double) Max(calibration->points - 1, 1));
		int64		below = (int64) floor(level * (double) impostor->count + 1e-9);
		double		above = impostor->value[Min(below, impostor->count - 1)];

		/* At most "below" impostors may be accepted: the threshold lies under the next one. */
		calibration->level[i] = level;
		calibration->quantile[i] = below > 0 && impostor->value[below - 1] < above
			? (impostor->value[below - 1] + above) / 2 : nextafter(above, -1);
	}
}

double
calibration_threshold(const ModelCalibration *calibration, double far)
{
	double		lowest = calibration->level[calibration->points - 1];
	int			i = 0;
	double		share;

	if (isnan(far) || far <= 0 || far > 0.5)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("false-accept rate %g is out of range", far),
				 errdetail("It must be greater than 0 and at most 0.5.")));
	if (far < lowest * (1 - 1e-9))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the model's held-out data cannot support a false-accept rate of %g", far),
				 errdetail("The lowest rate that its impostor pairs support is %.2g.", lowest),
				 errhint("Train with more identities held out, or ask for a higher rate.")));
	while (i + 1 < calibration->points && calibration->level[i + 1] > far)
		i++;
	if (i + 1 >= calibration->points)
		return calibration->quantile[calibration->points - 1];
	share = log(calibration->level[i] / far) / log(calibration->level[i] / calibration->level[i + 1]);
	return calibration->quantile[i] + Min(share, 1.0) * (calibration->quantile[i + 1] - calibration->quantile[i]);
}

/* ---- as jsonb: {"threshold", "slope", "offset", "far": [[level, distance], ...]} ---------------------------------- */

static void
push_number(JsonbParseState **state, JsonbIteratorToken token, double number)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("%.17g", number)),
															ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	pushJsonbValue(state, token, &value);
}

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = (char *) key;
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

Jsonb *
calibration_to_jsonb(const ModelCalibration *calibration)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_key(&state, "threshold");
	push_number(&state, WJB_VALUE, calibration->threshold);
	push_key(&state, "slope");
	push_number(&state, WJB_VALUE, calibration->slope);
	push_key(&state, "offset");
	push_number(&state, WJB_VALUE, calibration->offset);
	push_key(&state, "far");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < calibration->points; i++)
	{
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		push_number(&state, WJB_ELEM, calibration->level[i]);
		push_number(&state, WJB_ELEM, calibration->quantile[i]);
		pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static double
number_of(const JsonbValue *value, const char *what)
{
	if (value == NULL || value->type != jbvNumeric)
		check_raise_damaged_model(psprintf("Its calibration has no number \"%s\".", what));
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value->val.numeric)));
}

void
calibration_from_jsonb(Jsonb *json, ModelCalibration *calibration)
{
	JsonbValue	value;
	JsonbValue *far;

	if (!JB_ROOT_IS_OBJECT(json))
		check_raise_damaged_model("Its calibration is not a JSON object.");
	calibration->threshold = number_of(getKeyJsonValueFromContainer(&json->root, "threshold", 9, &value), "threshold");
	calibration->slope = number_of(getKeyJsonValueFromContainer(&json->root, "slope", 5, &value), "slope");
	calibration->offset = number_of(getKeyJsonValueFromContainer(&json->root, "offset", 6, &value), "offset");
	far = getKeyJsonValueFromContainer(&json->root, "far", 3, &value);
	if (far == NULL || far->type != jbvBinary || !JsonContainerIsArray(far->val.binary.data))
		check_raise_damaged_model("Its calibration has no array \"far\".");
	calibration->points = JsonContainerSize(far->val.binary.data);
	if (calibration->points < 1 || calibration->points > CALIBRATION_POINTS)
		check_raise_damaged_model(psprintf("Its calibration has %d points; it may have 1 to %d.",
										   calibration->points, CALIBRATION_POINTS));
	for (int i = 0; i < calibration->points; i++)
	{
		JsonbValue *pair = getIthJsonbValueFromContainer(far->val.binary.data, i);

		if (pair->type != jbvBinary || !JsonContainerIsArray(pair->val.binary.data) ||
			JsonContainerSize(pair->val.binary.data) != 2)
			check_raise_damaged_model("Its calibration's \"far\" is not a list of pairs.");
		calibration->level[i] = number_of(getIthJsonbValueFromContainer(pair->val.binary.data, 0), "far");
		calibration->quantile[i] = number_of(getIthJsonbValueFromContainer(pair->val.binary.data, 1), "far");
	}
}
