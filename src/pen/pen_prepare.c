/*
 * pen_prepare.c: a trajectory -> a sample of fixed length, drift removed and scaled.
 *
 * Both kinds of resampling walk along the trajectory by a measure that never falls: the time, or the way.  Values between
 * two points are interpolated; the pen is down where it is at the nearer one.
 */
#include <math.h>

#include "pen/pen_internal.h"

typedef struct Track
{
	const float *points;
	int			rows;
	int			columns;
	bool		arc;
	double		rate;
	double		start;			/* the first point's time */
	double		pressure;		/* the highest */
} Track;

static inline const float *
point_at(const Track *track, int row)
{
	return track->points + (size_t) row * track->columns;
}

static inline double
time_at(const Track *track, int row)
{
	return track->columns > 3 ? point_at(track, row)[3] - track->start : row / track->rate;
}

/* The measure from row to the next one. */
static inline double
step_from(const Track *track, int row)
{
	const float *a = point_at(track, row);
	const float *b = point_at(track, row + 1);

	if (!track->arc)
		return time_at(track, row + 1) - time_at(track, row);
	return hypot((double) b[0] - a[0], (double) b[1] - a[1]);
}

/* The point at a share of the step from row to the next one. */
static void
interpolate(const Track *track, int row, double share, float *value)
{
	const float *a = point_at(track, row);
	const float *b = point_at(track, row + 1);

	value[PEN_X] = (float) (a[0] + share * ((double) b[0] - a[0]));
	value[PEN_Y] = (float) (a[1] + share * ((double) b[1] - a[1]));
	value[PEN_TIME] = (float) (time_at(track, row) + share * (time_at(track, row + 1) - time_at(track, row)));
	value[PEN_PRESSURE] = 1;
	value[PEN_DOWN] = 1;
	if (track->columns > 2)
	{
		value[PEN_PRESSURE] = (float) ((a[2] + share * ((double) b[2] - a[2])) / track->pressure);
		value[PEN_DOWN] = (share < 0.5 ? a : b)[2] > 0;
	}
}

static void
resample(const Track *track, int length, float *sample)
{
	double		total = 0;
	double		passed = 0;		/* the measure up to row */
	double		step = step_from(track, 0);
	int			row = 0;

	for (int i = 0; i + 1 < track->rows; i++)
		total += step_from(track, i);
	for (int i = 0; i < length; i++)
	{
		double		goal = total * i / (length - 1);

		while (row + 2 < track->rows && passed + step < goal)
		{
			passed += step;
			step = step_from(track, ++row);
		}
		interpolate(track, row, step > 0 ? fmin((goal - passed) / step, 1) : 0, sample + (size_t) i * PEN_VALUES);
	}
}

/*
 * Subtracts from one coordinate its mean, or its regression line on the point's number; returns the spread that is left.
 * What is left of a straight line is rounding: it becomes 0.
 */
static double
centre(float *sample, int length, int value, bool drift)
{
	double		middle = (length - 1) / 2.0;
	double		mean = 0;
	double		covariance = 0;
	double		before = 0;
	double		after = 0;
	double		slope;

	for (int i = 0; i < length; i++)
		mean += sample[(size_t) i * PEN_VALUES + value];
	mean /= length;
	for (int i = 0; i < length; i++)
	{
		double		difference = sample[(size_t) i * PEN_VALUES + value] - mean;

		covariance += (i - middle) * difference;
		before += difference * difference;
	}
	slope = drift ? covariance / (length * ((double) length * length - 1) / 12) : 0;
	for (int i = 0; i < length; i++)
	{
		float	   *at = &sample[(size_t) i * PEN_VALUES + value];
		double		left = *at - mean - slope * (i - middle);

		*at = (float) left;
		after += left * left;
	}
	if (after > before * 1e-10)
		return sqrt(after / length);
	for (int i = 0; i < length; i++)
		sample[(size_t) i * PEN_VALUES + value] = 0;
	return 0;
}

bool
pen_prepare(const float *points, int rows, int columns, const PenPreparation *preparation, float *sample, Status *status)
{
	Track		track = {points, rows, columns, preparation->resampling == PEN_RESAMPLING_ARC, preparation->rate, 0, 0};
	double		spread_x;
	double		spread_y;
	double		spread;

	if (!pen_check(points, rows, columns, status))
		return false;
	if (columns > 3)
		track.start = points[3];
	for (int row = 0; columns > 2 && row < rows; row++)
		track.pressure = fmax(track.pressure, point_at(&track, row)[2]);
	resample(&track, preparation->length, sample);

	spread_x = centre(sample, preparation->length, PEN_X, preparation->drift);
	spread_y = centre(sample, preparation->length, PEN_Y, preparation->drift);
	spread = preparation->scale == PEN_SCALE_BOTH ? hypot(spread_x, spread_y) : spread_y;
	if (spread < spread_x * 1e-3)
		spread = spread_x;		/* a flat stroke */
	for (int i = 0; i < preparation->length && spread > 0; i++)
	{
		float	   *value = sample + (size_t) i * PEN_VALUES;

		value[PEN_X] = (float) (value[PEN_X] / spread);
		value[PEN_Y] = (float) (value[PEN_Y] / spread);
	}
	return true;
}
