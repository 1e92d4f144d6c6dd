/*
 * feature.c: features of a prepared sample; pen.h has their formulas and sources.
 */
#include <math.h>
#include <string.h>

#include "pen/pen_internal.h"

const char *const pen_feature_names[] = {
	"pen", "x", "y", "speed", "centripetal_acceleration", "tangential_acceleration", "direction_cos", "direction_sin",
	"curvature_cos", "curvature_sin", "pressure", "pressure_change", "log_speed", "log_curvature_radius", "velocity_x",
	"velocity_y", "acceleration", "time", "duration", NULL
};

/* The quantities that features are computed from, one value per point. */
typedef struct Motion
{
	int			length;
	const float *sample;
	double		clock[LIMIT_INPUT_SIDE];	/* five-point difference of the times */
	double		vx[LIMIT_INPUT_SIDE];
	double		vy[LIMIT_INPUT_SIDE];
	double		v[LIMIT_INPUT_SIDE];
	double		ax[LIMIT_INPUT_SIDE];
	double		ay[LIMIT_INPUT_SIDE];
	double		speed;			/* rms of v */
	double		acceleration;	/* rms of a */
	double		least;			/* keeps the radius finite where the pen rests or moves straight */
} Motion;

static inline double
value_at(const Motion *motion, int i, PenValue value)
{
	return motion->sample[(size_t) i * PEN_VALUES + value];
}

/* Numerator of the regression through five points; beyond the ends, the last point is repeated. */
static inline double
five_points(const double *series, int length, int i)
{
	int			a = i > 0 ? i - 1 : 0;
	int			b = i + 1 < length ? i + 1 : length - 1;
	int			aa = i > 1 ? i - 2 : 0;
	int			bb = i + 2 < length ? i + 2 : length - 1;

	return series[b] - series[a] + 2 * (series[bb] - series[aa]);
}

/* Derivative of a series by time; 0 where the time does not advance. */
static void
derive(const Motion *motion, const double *series, double *derivative)
{
	for (int i = 0; i < motion->length; i++)
		derivative[i] = motion->clock[i] > 0 ? five_points(series, motion->length, i) / motion->clock[i] : 0;
}

static void
copy_value(const Motion *motion, PenValue value, double *series)
{
	for (int i = 0; i < motion->length; i++)
		series[i] = value_at(motion, i, value);
}

static double
root_mean_square(const double *x, const double *y, int length)
{
	double		sum = 0;

	for (int i = 0; i < length; i++)
		sum += x[i] * x[i] + (y ? y[i] * y[i] : 0);
	return sqrt(sum / length);
}

static void
measure_motion(Motion *motion)
{
	double		series[LIMIT_INPUT_SIDE] = {0};
	int			length = motion->length;

	copy_value(motion, PEN_TIME, series);
	for (int i = 0; i < length; i++)
		motion->clock[i] = five_points(series, length, i);
	copy_value(motion, PEN_X, series);
	derive(motion, series, motion->vx);
	copy_value(motion, PEN_Y, series);
	derive(motion, series, motion->vy);
	derive(motion, motion->vx, motion->ax);
	derive(motion, motion->vy, motion->ay);
	for (int i = 0; i < length; i++)
		motion->v[i] = sqrt(motion->vx[i] * motion->vx[i] + motion->vy[i] * motion->vy[i]);
	motion->speed = root_mean_square(motion->v, NULL, length);
	motion->acceleration = root_mean_square(motion->ax, motion->ay, length);
	motion->least = pow(motion->speed / 100, 3);
}

static inline double
ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* Direction of movement; (0, 0) where the pen (nearly) rests. */
static inline void
direction(const Motion *motion, int i, double *cosine, double *sine)
{
	bool		rests = motion->v[i] <= motion->speed * 1e-6;

	*cosine = rests ? 0 : motion->vx[i] / motion->v[i];
	*sine = rests ? 0 : motion->vy[i] / motion->v[i];
}

/* Turn from the direction at the previous point to that at the next one. */
static inline void
turn(const Motion *motion, int i, double *cosine, double *sine)
{
	double		c0;
	double		s0;
	double		c1;
	double		s1;

	direction(motion, i > 0 ? i - 1 : 0, &c0, &s0);
	direction(motion, i + 1 < motion->length ? i + 1 : i, &c1, &s1);
	*cosine = c0 * c1 + s0 * s1;
	*sine = c0 * s1 - s0 * c1;
}

static void
pressure_changes(const Motion *motion, double *change)
{
	double		series[LIMIT_INPUT_SIDE] = {0};
	double		scale;

	copy_value(motion, PEN_PRESSURE, series);
	derive(motion, series, change);
	scale = 3 * root_mean_square(change, NULL, motion->length);
	for (int i = 0; i < motion->length; i++)
		change[i] = ratio(change[i], scale);
}

static double
feature_at(const Motion *motion, PenFeature feature, int i)
{
	double		v = motion->v[i];
	double		cross = motion->vx[i] * motion->ay[i] - motion->vy[i] * motion->ax[i];
	double		cosine;
	double		sine;
	double		duration = value_at(motion, motion->length - 1, PEN_TIME);

	switch (feature)
	{
		case PEN_FEATURE_PEN:
			return value_at(motion, i, PEN_DOWN) * 2 - 1;
		case PEN_FEATURE_X:
			return value_at(motion, i, PEN_X) / 4;
		case PEN_FEATURE_Y:
			return value_at(motion, i, PEN_Y) / 4;
		case PEN_FEATURE_SPEED:
			return ratio(v, 2 * motion->speed) - 1;
		case PEN_FEATURE_CENTRIPETAL:
			return v > 0 ? ratio(cross / v, 2 * motion->acceleration) : 0;
		case PEN_FEATURE_TANGENTIAL:
			return v > 0 ? ratio((motion->vx[i] * motion->ax[i] + motion->vy[i] * motion->ay[i]) / v,
								 2 * motion->acceleration) : 0;
		case PEN_FEATURE_DIRECTION_COS:
			direction(motion, i, &cosine, &sine);
			return cosine;
		case PEN_FEATURE_DIRECTION_SIN:
			direction(motion, i, &cosine, &sine);
			return sine;
		case PEN_FEATURE_CURVATURE_COS:
			turn(motion, i, &cosine, &sine);
			return cosine;
		case PEN_FEATURE_CURVATURE_SIN:
			turn(motion, i, &cosine, &sine);
			return sine;
		case PEN_FEATURE_PRESSURE:
			return value_at(motion, i, PEN_PRESSURE) * 2 - 1;
		case PEN_FEATURE_LOG_SPEED:
			return log((v + motion->speed / 100 + 1e-9) / 10) / 4;
		case PEN_FEATURE_LOG_RADIUS:
			return log((v * v * v + motion->least + 1e-30) / (fabs(cross) + motion->least + 1e-30)) / 5;
		case PEN_FEATURE_VELOCITY_X:
			return ratio(motion->vx[i], 3 * motion->speed);
		case PEN_FEATURE_VELOCITY_Y:
			return ratio(motion->vy[i], 3 * motion->speed);
		case PEN_FEATURE_ACCELERATION:
			return ratio(sqrt(motion->ax[i] * motion->ax[i] + motion->ay[i] * motion->ay[i]), 2 * motion->acceleration) - 1;
		case PEN_FEATURE_TIME:
			return ratio(value_at(motion, i, PEN_TIME), duration) * 2 - 1;
		case PEN_FEATURE_DURATION:
			return log((duration + 1e-9) / 3) / 2;
		case PEN_FEATURE_PRESSURE_CHANGE:
			break;				/* computed for the whole series */
	}
	return 0;
}

void
pen_features(const PenPreparation *preparation, const float *sample, float *input)
{
	Motion		motion;
	int			count = preparation->feature_count;

	motion.length = preparation->length;
	motion.sample = sample;
	measure_motion(&motion);
	for (int f = 0; f < count; f++)
	{
		PenFeature	feature = (PenFeature) preparation->feature[f];
		double		change[LIMIT_INPUT_SIDE];

		if (feature == PEN_FEATURE_PRESSURE_CHANGE)
			pressure_changes(&motion, change);
		for (int i = 0; i < motion.length; i++)
		{
			double		value = feature == PEN_FEATURE_PRESSURE_CHANGE ? change[i] : feature_at(&motion, feature, i);

			input[(size_t) i * count + f] = (float) clamp(value, -1, 1);
		}
	}
}
