/*
 * points.c: shared by the readers: a growing list of points, and scanning of text.
 */
#include <float.h>
#include <math.h>

#include "pen/pen_internal.h"

#define FIRST_ROOM 256

static bool
make_room(PenPoints *points, Status *status)
{
	int			room = points->room > 0 ? 2 * points->room : FIRST_ROOM;
	float	   *values = host_allocate(points->host, (size_t) room * 4, sizeof(float), status);

	if (values == NULL)
		return false;
	if (points->rows > 0)
		memcpy(values, points->values, (size_t) points->rows * 4 * sizeof(float));
	host_release(points->host, points->values);
	points->values = values;
	points->room = room;
	return true;
}

bool
pen_check_length(size_t length, Status *status)
{
	if (length <= LIMIT_PEN_BYTES)
		return true;
	return status_set(status, STATUS_PEN_FORMAT, "", "It has %zu bytes; the limit is %d.", length, LIMIT_PEN_BYTES);
}

bool
pen_points_add(PenPoints *points, double x, double y, double pressure, double time, Status *status)
{
	float	   *value;

	if (points->rows >= LIMIT_PEN_POINTS)
		return status_set(status, STATUS_PEN_FORMAT, "", "It has more than %d points.", LIMIT_PEN_POINTS);
	if (points->rows == points->room && !make_room(points, status))
		return false;
	value = points->values + (size_t) points->rows++ * 4;
	value[0] = (float) x;
	value[1] = (float) y;
	value[2] = (float) pressure;
	value[3] = (float) time;
	return true;
}

bool
pen_points_lift(PenPoints *points, double x, double y, double time, Status *status)
{
	if (points->rows > 0)
	{
		const float *last = points->values + (size_t) (points->rows - 1) * 4;

		if (!pen_points_add(points, last[0], last[1], 0, last[3], status))
			return false;
	}
	return pen_points_add(points, x, y, 0, time, status);
}

void
pen_points_release(PenPoints *points)
{
	host_release(points->host, points->values);
	points->values = NULL;
}

bool
pen_points_finish(PenPoints *points, bool with_time, PenTrajectory *trajectory, Status *status)
{
	int			columns = with_time ? 4 : 3;

	if (points->rows == 0)
		return status_set(status, STATUS_PEN_FORMAT, "", "It has no points.");
	for (int row = 0; row < points->rows; row++)
		memmove(points->values + (size_t) row * columns, points->values + (size_t) row * 4, columns * sizeof(float));
	trajectory->points = points->values;
	trajectory->rows = points->rows;
	trajectory->columns = columns;
	points->values = NULL;
	return true;
}

int
pen_text_line(const PenText *text)
{
	int			line = 1;

	for (const uint8_t *at = text->start; at < text->at; at++)
		line += *at == '\n';
	return line;
}

void
pen_text_skip_blanks(PenText *text, bool lines)
{
	while (text->at < text->end &&
		   (*text->at == ' ' || *text->at == '\t' || (lines && (*text->at == '\n' || *text->at == '\r'))))
		text->at++;
}

bool
pen_text_number(PenText *text, double *number)
{
	const uint8_t *at = text->at;
	bool		negative = false;
	double		value = 0;
	int			digits = 0;
	int			shift = 0;		/* power of ten */

	if (at < text->end && (*at == '-' || *at == '+'))
		negative = *at++ == '-';
	for (bool fraction = false; at < text->end; at++)
	{
		if (*at == '.' && !fraction)
			fraction = true;
		else if (*at >= '0' && *at <= '9')
		{
			value = value * 10 + (*at - '0');
			shift -= fraction;
			if (++digits > 40)
				return false;
		}
		else
			break;
	}
	if (digits == 0)
		return false;
	if (at < text->end && (*at == 'e' || *at == 'E'))
	{
		const uint8_t *digit = at + 1;
		bool		down = false;
		int			exponent = 0;

		if (digit < text->end && (*digit == '-' || *digit == '+'))
			down = *digit++ == '-';
		if (digit < text->end && *digit >= '0' && *digit <= '9')
		{
			for (; digit < text->end && *digit >= '0' && *digit <= '9'; digit++)
				exponent = exponent < 1000 ? exponent * 10 + (*digit - '0') : exponent;
			shift += down ? -exponent : exponent;
			at = digit;
		}
	}
	value *= pow(10, shift);
	if (!(value <= FLT_MAX))
		return false;
	*number = negative ? -value : value;
	text->at = at;
	return true;
}
