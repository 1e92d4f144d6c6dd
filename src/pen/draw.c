/*
 * draw.c: a prepared sample as an SVG: the trajectory, and below it each feature over the points.
 *
 * Each stroke is drawn as paths whose width shows the pressure in four steps; pen-up movements are thin and grey.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pen/pen_internal.h"

#define WIDTH 640.0
#define TRAJECTORY 240.0		/* height of its part */
#define STRIP 44.0				/* of a feature */
#define LEFT 170.0				/* of the curves, after the name */
#define MARGIN 10.0
#define WIDTHS 4				/* steps of the line's width */
#define POINT_BYTES 24			/* upper bound for a point in a path */
#define TEXT_BYTES 512			/* upper bound for any other piece */

typedef struct Canvas
{
	char	   *text;
	size_t		length;
	size_t		room;
} Canvas;

__attribute__((format(printf, 2, 3)))
static void
put(Canvas *canvas, const char *format, ...)
{
	va_list		arguments;
	int			length;

	va_start(arguments, format);
	length = vsnprintf(canvas->text + canvas->length, canvas->room - canvas->length, format, arguments);
	va_end(arguments);
	if (length > 0 && (size_t) length < canvas->room - canvas->length)
		canvas->length += (size_t) length;
}

static int
line_width(const float *value)
{
	int			step = (int) (value[PEN_PRESSURE] * WIDTHS);

	if (value[PEN_DOWN] < 0.5f)
		return -1;
	return step < WIDTHS ? step : WIDTHS - 1;
}

static void
draw_trajectory(Canvas *canvas, const float *sample, int length)
{
	double		least[2] = {INFINITY, INFINITY};
	double		most[2] = {-INFINITY, -INFINITY};
	double		scale;
	double		shift[2];

	for (int i = 0; i < length; i++)
		for (int axis = 0; axis < 2; axis++)
		{
			double		value = sample[(size_t) i * PEN_VALUES + axis];

			least[axis] = fmin(least[axis], value);
			most[axis] = fmax(most[axis], value);
		}
	scale = fmin((WIDTH - 2 * MARGIN) / fmax(most[0] - least[0], 1e-6),
				 (TRAJECTORY - 2 * MARGIN) / fmax(most[1] - least[1], 1e-6));
	shift[0] = WIDTH / 2 - scale * (least[0] + most[0]) / 2;
	shift[1] = TRAJECTORY / 2 + scale * (least[1] + most[1]) / 2;
	for (int i = 1, last = -2; i < length; i++)
	{
		const float *from = sample + (size_t) (i - 1) * PEN_VALUES;
		const float *to = from + PEN_VALUES;
		int			width = line_width(to);

		if (width != last)
		{
			if (last != -2)
				put(canvas, "\"/>\n");
			put(canvas, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-linecap=\"round\" d=\"M%.1f %.1f",
				width < 0 ? "#bbb" : "#124", width < 0 ? 0.7 : 1.0 + width,
				shift[0] + scale * from[PEN_X], shift[1] - scale * from[PEN_Y]);
			last = width;
		}
		put(canvas, "L%.1f %.1f", shift[0] + scale * to[PEN_X], shift[1] - scale * to[PEN_Y]);
	}
	put(canvas, "\"/>\n");
}

static void
draw_feature(Canvas *canvas, const PenPreparation *preparation, const float *input, int feature)
{
	double		middle = TRAJECTORY + STRIP * (feature + 0.5);
	int			count = preparation->feature_count;

	put(canvas, "<text x=\"%g\" y=\"%.1f\">%s</text><path stroke=\"#ddd\" d=\"M%g %.1fH%g\"/>\n"
		"<path fill=\"none\" stroke=\"#124\" d=\"M", MARGIN, middle + 4, pen_feature_names[preparation->feature[feature]],
		LEFT, middle, WIDTH - MARGIN);
	for (int i = 0; i < preparation->length; i++)
		put(canvas, "%s%.1f %.1f", i > 0 ? "L" : "", LEFT + (WIDTH - MARGIN - LEFT) * i / (preparation->length - 1),
			middle - (STRIP / 2 - 3) * input[(size_t) i * count + feature]);
	put(canvas, "\"/>\n");
}

bool
pen_draw(const PenPreparation *preparation, const float *sample, const Host *host, char **svg, size_t *length,
		 Status *status)
{
	int			count = preparation->feature_count;
	double		height = TRAJECTORY + STRIP * count + MARGIN;
	Canvas		canvas = {NULL, 0, (size_t) (preparation->length * (count + 8) * POINT_BYTES + (count + 4) * TEXT_BYTES)};
	float	   *input = host_allocate(host, (size_t) preparation->length * count, sizeof(float), status);

	if (input == NULL)
		return false;
	/* a new path may begin at each point, which takes the space of seven more points */
	canvas.text = host_allocate(host, canvas.room, 1, status);
	if (canvas.text == NULL)
	{
		host_release(host, input);
		return false;
	}
	pen_features(preparation, sample, input);
	put(&canvas, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" viewBox=\"0 0 %g %g\" "
		"font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		WIDTH, height, WIDTH, height);
	draw_trajectory(&canvas, sample, preparation->length);
	for (int i = 0; i < count; i++)
		draw_feature(&canvas, preparation, input, i);
	put(&canvas, "</svg>\n");
	host_release(host, input);
	*svg = canvas.text;
	*length = canvas.length;
	return true;
}
