/*
 * svc2004.c: reader of SVC2004's text files.
 */
#include <math.h>

#include "pen/pen_internal.h"

#define COLUMNS_TASK1 4
#define COLUMNS_TASK2 7

enum
{
	COLUMN_X,
	COLUMN_Y,
	COLUMN_TIME,
	COLUMN_PEN,
	COLUMN_AZIMUTH,
	COLUMN_ALTITUDE,
	COLUMN_PRESSURE
};

/* The numbers of the next line that is not empty.  *count is 0 at the end. */
static bool
read_line(PenText *text, double *value, int *count, Status *status)
{
	*count = 0;
	pen_text_skip_blanks(text, true);
	while (text->at < text->end && *text->at != '\n' && *text->at != '\r')
	{
		if (*count == COLUMNS_TASK2)
			return status_set(status, STATUS_PEN_FORMAT, "", "Line %d has more than %d numbers.", pen_text_line(text),
							  COLUMNS_TASK2);
		if (!pen_text_number(text, &value[*count]))
			return status_set(status, STATUS_PEN_FORMAT, "", "Line %d: number %d is not a number, or is out of range.",
							  pen_text_line(text), *count + 1);
		(*count)++;
		if (text->at < text->end && *text->at != ' ' && *text->at != '\t' && *text->at != '\n' && *text->at != '\r')
			return status_set(status, STATUS_PEN_FORMAT, "", "Line %d: numbers must be separated by blanks.",
							  pen_text_line(text));
		pen_text_skip_blanks(text, false);
	}
	return true;
}

static bool
read_points(PenText *text, PenPoints *points, Status *status)
{
	double		value[COLUMNS_TASK2];
	double		expected;
	double		start = 0;
	double		last = 0;
	int			columns = 0;
	int			count;
	int			read = 0;

	if (!read_line(text, value, &count, status))
		return false;
	expected = value[0];
	if (count != 1 || expected != floor(expected) || expected < 1 || expected > LIMIT_PEN_POINTS)
		return status_set(status, STATUS_PEN_FORMAT, "", "Line 1 must be the number of points, 1 to %d.", LIMIT_PEN_POINTS);
	for (;;)
	{
		bool		down;
		double		time;

		if (!read_line(text, value, &count, status))
			return false;
		if (count == 0)
			break;
		if (columns == 0)
			columns = count;
		if (count != columns || (columns != COLUMNS_TASK1 && columns != COLUMNS_TASK2))
			return status_set(status, STATUS_PEN_FORMAT, "", "Line %d has %d numbers; all lines must have %d, or all %d.",
							  pen_text_line(text), count, COLUMNS_TASK1, COLUMNS_TASK2);
		if (read == 0)
			start = value[COLUMN_TIME];
		time = pen_time_after(last, (value[COLUMN_TIME] - start) / 1000);
		last = time;
		down = value[COLUMN_PEN] != 0;
		if (read > 0 && !down && !pen_points_lift(points, value[COLUMN_X], value[COLUMN_Y], time, status))
			return false;
		if (!pen_points_add(points, value[COLUMN_X], value[COLUMN_Y], columns == COLUMNS_TASK2 ? value[COLUMN_PRESSURE] : 1,
							time, status))
			return false;
		read++;
	}
	if (read != expected)
		return status_set(status, STATUS_PEN_FORMAT, "", "Line 1 announces %.0f points, but there are %d.", expected, read);
	return true;
}

bool
pen_read_svc2004(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status)
{
	PenText		text = {bytes, bytes + length, bytes};
	PenPoints	points = {.host = host};

	if (!pen_check_length(length, status))
		return false;
	if (read_points(&text, &points, status) && pen_points_finish(&points, true, trajectory, status))
		return true;
	pen_points_release(&points);
	return false;
}
