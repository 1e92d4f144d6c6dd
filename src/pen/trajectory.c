/*
 * trajectory.c: checks whether an array is a usable trajectory.
 */
#include <float.h>
#include <math.h>

#include "common/limits.h"
#include "pen/pen.h"

static const char *const column_names[] = {"x", "y", "the pressure", "the time"};

#define LIFTED (-1.0)			/* pressure of a lifted pen, besides 0 */
#define TIME_HINT "The fourth column is the time in seconds."

/* Bounds of most steps of time, in seconds: 20,000 points a second to 4. */
#define SHORTEST_STEP 5e-5
#define LONGEST_STEP 0.25

#define LEAST_ROUNDINGS 8		/* a step must be so many times the rounding error, or speeds suffer */
#define USUAL_STEP 0.01

static bool
check_values(const PenRows *pen, Status *status)
{
	double		last = 0;

	for (int row = 0; row < pen->rows; row++)
	{
		for (int i = 0; i < pen->columns; i++)
		{
			double		value = pen_value(pen, row, i);

			if (!isfinite(value))
				return status_set(status, STATUS_PEN, "", "Row %d: %s is %s.", row + 1, column_names[i],
								  isnan(value) ? "NaN" : "infinite");
			if (i < 2 && fabs(value) > FLT_MAX)
				return status_set(status, STATUS_PEN, "", "Row %d: %s is %g, outside the range of real.", row + 1,
								  column_names[i], value);
			if (i == 2 && value < 0 && value != LIFTED)
				return status_set(status, STATUS_PEN,
								  "The third column is the pressure, or 0 and 1 for pen up and down; -1 also means pen up.",
								  "Row %d: the pressure is %g; it must not be negative.", row + 1, value);
			if (i == 3)
			{
				double		time = row > 0 ? pen_time_after(last, value) : value;

				if (row > 0 && time < last)
					return status_set(status, STATUS_PEN, TIME_HINT " It continues across all strokes.",
									  "Row %d: the time runs backwards, from %.9g to %.9g.", row + 1, last, value);
				last = time;
			}
		}
	}
	return true;
}

/* Whether all values of a column are equal. */
static bool
is_constant(const PenRows *pen, int column)
{
	for (int row = 1; row < pen->rows; row++)
	{
		if (pen_value(pen, row, column) != pen_value(pen, 0, column))
			return false;
	}
	return true;
}

/* Whether the pen is down somewhere. */
static bool
is_down(const PenRows *pen)
{
	for (int row = 0; row < pen->rows; row++)
	{
		if (pen_value(pen, row, 2) > 0)
			return true;
	}
	return false;
}

/* Whether the times are plausible as seconds, and rounding has not destroyed their steps. */
static bool
check_time(const PenRows *pen, Status *status)
{
	double		start = pen_value(pen, 0, 3);
	double		last = start;
	double		largest = fabs(start);
	double		rounding;
	double		mean;
	int			steps = 0;		/* that advance */
	int			short_ones = 0;
	int			long_ones = 0;

	for (int row = 1; row < pen->rows; row++)
	{
		double		time = pen_time_after(last, pen_value(pen, row, 3));
		double		step = time - last;

		largest = fmax(largest, fabs(time));
		steps += step > 0;
		short_ones += step > 0 && step < SHORTEST_STEP;
		long_ones += step >= LONGEST_STEP;
		last = time;
	}
	mean = (last - start) / (pen->rows - 1);
	rounding = largest * (pen->single ? FLT_EPSILON : DBL_EPSILON);
	if (rounding * LEAST_ROUNDINGS > (steps > 0 ? mean : USUAL_STEP))
		return status_set(status, STATUS_PEN,
						  "Subtract the time of the first point before converting to real, or pass double precision[].",
						  "The time goes from %.9g to %.9g in %d points: this far from 0, %s rounds it to steps of %.2g s.",
						  start, last, pen->rows, pen->single ? "real" : "double precision", rounding);
	if (steps == 0)
		return status_set(status, STATUS_PEN, "Omit the time if it is not known.",
						  "The time does not advance: it is %.9g in all %d rows.", start, pen->rows);
	if (last - start > LIMIT_PEN_SECONDS || long_ones * 2 > steps || short_ones * 2 > steps)
		return status_set(status, STATUS_PEN, TIME_HINT " Divide milliseconds by 1000, microseconds by 1000000.",
						  "The trajectory lasts %.6g s with %d points, %.2g s apart; a signature takes seconds, and a tablet"
						  " records about 100 points in each.", last - start, pen->rows, mean);
	return true;
}

bool
pen_check(const PenRows *pen, Status *status)
{
	int			rows = pen->rows;
	int			columns = pen->columns;

	if (columns < 2 || columns > 4)
		return status_set(status, STATUS_PEN, "", "A row has %d value%s; it must have 2 to 4: x, y, then pressure, then time.",
						  columns, columns == 1 ? "" : "s");
	if (rows < LIMIT_PEN_POINTS_LEAST || rows > LIMIT_PEN_POINTS)
		return status_set(status, STATUS_PEN, "", "It has %d point%s; it must have %d to %d.", rows, rows == 1 ? "" : "s",
						  LIMIT_PEN_POINTS_LEAST, LIMIT_PEN_POINTS);
	if (!check_values(pen, status))
		return false;
	if (is_constant(pen, 0) && is_constant(pen, 1))
		return status_set(status, STATUS_PEN, "", "The pen does not move: x is %g and y is %g in all %d rows.",
						  pen_value(pen, 0, 0), pen_value(pen, 0, 1), rows);
	if (columns > 2 && !is_down(pen))
		return status_set(status, STATUS_PEN, "", "The pen is never down: the pressure is 0 in all %d rows.", rows);
	return columns < 4 || check_time(pen, status);
}
