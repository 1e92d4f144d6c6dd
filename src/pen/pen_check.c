/*
 * pen_check.c: whether a trajectory is one.
 */
#include <math.h>

#include "common/limits.h"
#include "pen/pen.h"

static const char *const column_names[] = {"x", "y", "the pressure", "the time"};

static bool
check_values(const float *points, int rows, int columns, Status *status)
{
	for (int row = 0; row < rows; row++)
	{
		const float *point = points + (size_t) row * columns;

		for (int i = 0; i < columns; i++)
		{
			if (!isfinite(point[i]))
				return status_set(status, STATUS_PEN, "", "Row %d: %s is %s.", row + 1, column_names[i],
								  isnan(point[i]) ? "NaN" : "infinite");
		}
		if (columns > 2 && point[2] < 0)
			return status_set(status, STATUS_PEN, "The third column is the pressure, or 0 and 1 for pen up and down.",
							  "Row %d: the pressure is %g but cannot be negative.", row + 1, point[2]);
		if (columns > 3 && row > 0 && point[3] < point[3 - columns])
			return status_set(status, STATUS_PEN, "The fourth column is the time in seconds.",
							  "Row %d: the time runs backwards, from %.9g to %.9g.", row + 1, point[3 - columns], point[3]);
	}
	return true;
}

/* Whether a column has one value alone. */
static bool
is_constant(const float *points, int rows, int columns, int column)
{
	for (int row = 1; row < rows; row++)
	{
		if (points[(size_t) row * columns + column] != points[column])
			return false;
	}
	return true;
}

bool
pen_check(const float *points, int rows, int columns, Status *status)
{
	if (columns < 2 || columns > 4)
		return status_set(status, STATUS_PEN, "", "A row has %d value%s; it must have 2 to 4: x, y, then pressure, then time.",
						  columns, columns == 1 ? "" : "s");
	if (rows < LIMIT_PEN_POINTS_LEAST || rows > LIMIT_PEN_POINTS)
		return status_set(status, STATUS_PEN, "", "It has %d point%s; it must have %d to %d.", rows, rows == 1 ? "" : "s",
						  LIMIT_PEN_POINTS_LEAST, LIMIT_PEN_POINTS);
	if (!check_values(points, rows, columns, status))
		return false;
	if (is_constant(points, rows, columns, 0) && is_constant(points, rows, columns, 1))
		return status_set(status, STATUS_PEN, "", "The pen does not move: x is %g and y is %g in all %d rows.",
						  points[0], points[1], rows);
	if (columns > 2 && points[2] == 0 && is_constant(points, rows, columns, 2))
		return status_set(status, STATUS_PEN, "", "The pen is never down: the pressure is 0 in all %d rows.", rows);
	if (columns > 3 && is_constant(points, rows, columns, 3))
		return status_set(status, STATUS_PEN, "Leave the time out if it is not known.",
						  "The time does not advance: it is %.9g in all %d rows.", points[3], rows);
	return true;
}
