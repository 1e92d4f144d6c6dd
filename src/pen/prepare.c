/*
 * prepare.c: a trajectory -> a sample of fixed length, drift removed and scaled.
 *
 * Both kinds of resampling move along the trajectory by a measure that never decreases: time, or arc length.  Values between two
 * points are interpolated; whether the pen is down is taken from the nearer one.
 */
#include <math.h>

#include "pen/pen_internal.h"

typedef struct Track
{
	const PenRows *pen;
	bool		arc;
	double		rate;
	double		start;			/* the first point's time */
	double		pressure;		/* the highest */

	/* current position: between row and the next one */
	int			row;
	double		time[2];		/* of the two points, since the start */
	double		step;			/* measure between them */
} Track;

static double
time_at(const Track *track, int row, double last)
{
	if (track->pen->columns > 3)
		return fmax(pen_value(track->pen, row, 3) - track->start, last);	/* pen_check() has bounded the steps back */
	return row / track->rate;
}

static void
step_to(Track *track, int row)
{
	const PenRows *pen = track->pen;

	track->row = row;
	track->time[0] = row > 0 ? track->time[1] : 0;
	track->time[1] = time_at(track, row + 1, track->time[0]);
	track->step = track->time[1] - track->time[0];
	if (track->arc)
		track->step = hypot(pen_value(pen, row + 1, 0) - pen_value(pen, row, 0),
							pen_value(pen, row + 1, 1) - pen_value(pen, row, 1));
}

static double
between(double a, double b, double share)
{
	return a + share * (b - a);
}

/* The point at a share of the step, 0 to 1. */
static void
interpolate(const Track *track, double share, float *value)
{
	const PenRows *pen = track->pen;
	int			row = track->row;

	value[PEN_X] = (float) between(pen_value(pen, row, 0), pen_value(pen, row + 1, 0), share);
	value[PEN_Y] = (float) between(pen_value(pen, row, 1), pen_value(pen, row + 1, 1), share);
	value[PEN_TIME] = (float) between(track->time[0], track->time[1], share);
	value[PEN_PRESSURE] = 1;
	value[PEN_DOWN] = 1;
	if (pen->columns > 2)
	{
		double		a = fmax(pen_value(pen, row, 2), 0);	/* -1 also means pen up */
		double		b = fmax(pen_value(pen, row + 1, 2), 0);

		value[PEN_PRESSURE] = (float) (between(a, b, share) / track->pressure);
		value[PEN_DOWN] = (share < 0.5 ? a : b) > 0;
	}
}

static void
resample(Track *track, int length, float *sample)
{
	int			rows = track->pen->rows;
	double		total = 0;
	double		passed = 0;		/* the measure up to row */

	for (int i = 0; i + 1 < rows; i++)
	{
		step_to(track, i);
		total += track->step;
	}
	step_to(track, 0);
	for (int i = 0; i < length; i++)
	{
		double		goal = total * i / (length - 1);

		while (track->row + 2 < rows && passed + track->step < goal)
		{
			passed += track->step;
			step_to(track, track->row + 1);
		}
		interpolate(track, track->step > 0 ? fmin((goal - passed) / track->step, 1) : 0, sample + (size_t) i * PEN_VALUES);
	}
}

/*
 * Subtracts from one coordinate its mean, or its regression line on the index of the point; returns the remaining standard
 * deviation.  The residue of a straight line is rounding error: it becomes 0.
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

void
pen_resample(const PenRows *pen, const PenPreparation *preparation, float *sample)
{
	Track		track = {.pen = pen, .arc = preparation->resampling == PEN_RESAMPLING_ARC, .rate = preparation->rate};
	double		spread_x;
	double		spread_y;
	double		spread;

	if (pen->columns > 3)
		track.start = pen_value(pen, 0, 3);
	for (int row = 0; pen->columns > 2 && row < pen->rows; row++)
		track.pressure = fmax(track.pressure, pen_value(pen, row, 2));
	if (track.pressure <= 0)
		track.pressure = 1;
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
}

bool
pen_prepare(const PenRows *pen, const PenPreparation *preparation, float *sample, Status *status)
{
	if (!pen_check(pen, status))
		return false;
	pen_resample(pen, preparation, sample);
	return true;
}
