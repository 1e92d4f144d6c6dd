/*
 * report_chart.c: axes and marks of a chart, as inline SVG.
 *
 * Colours and fonts come from the style sheet, so that dark mode and printing apply to charts as well.
 */
#include "postgres.h"

#include <math.h>

#include "evaluation/report.h"

/* In the units of the viewBox. */
#define WIDTH 520
#define HEIGHT 340
#define LEFT 62
#define RIGHT 24
#define TOP 14
#define BOTTOM 50
#define MOST_TICKS 16

/* The normal distribution's quantile, by bisection: charts need few of them. */
static double
normal_quantile(double share)
{
	double		low = -8;
	double		high = 8;

	for (int i = 0; i < 60; i++)
	{
		double		middle = (low + high) / 2;

		if (0.5 * erfc(-middle / M_SQRT2) < share)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

static double
scaled(const Axis *axis, double value)
{
	value = fmin(fmax(value, axis->low), axis->high);
	return axis->scale == AXIS_LOG ? log(value) : axis->scale == AXIS_NORMAL ? normal_quantile(value) : value;
}

/* 0 at the low end, 1 at the high one. */
static double
place(const Axis *axis, double value)
{
	double		low = scaled(axis, axis->low);
	double		high = scaled(axis, axis->high);

	return high > low ? (scaled(axis, value) - low) / (high - low) : 0.5;
}

static double
chart_x(const Chart *chart, double value)
{
	return LEFT + place(&chart->x, value) * (WIDTH - LEFT - RIGHT);
}

static double
chart_y(const Chart *chart, double value)
{
	return HEIGHT - BOTTOM - place(&chart->y, value) * (HEIGHT - TOP - BOTTOM);
}

/* ---- axes ---------------------------------------------------------------------------------------------------------- */

static int
axis_ticks(const Axis *axis, double *tick)
{
	static const double shares[] = {0.0001, 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9};
	int			ticks = 0;

	if (axis->scale == AXIS_NORMAL)
	{
		for (int i = 0; i < lengthof(shares); i++)
			if (shares[i] >= axis->low && shares[i] <= axis->high)
				tick[ticks++] = shares[i];
	}
	else if (axis->scale == AXIS_LOG)
	{
		for (int power = (int) ceil(log10(axis->low) - 1e-9); power <= log10(axis->high) + 1e-9 && ticks < MOST_TICKS; power++)
			tick[ticks++] = pow(10, power);
	}
	else
	{
		double		range = axis->high - axis->low;
		double		step = pow(10, floor(log10(fmax(range, 1e-300) / 5)));

		step *= range / step > 25 ? 5 : range / step > 10 ? 2 : 1;
		if (axis->whole)
			step = fmax(step, 1);
		for (double value = ceil(axis->low / step - 1e-9) * step;
			 value <= axis->high + step * 1e-9 && ticks < MOST_TICKS; value += step)
			tick[ticks++] = fabs(value) < step * 1e-9 ? 0 : value;
	}
	return ticks;
}

static char *
tick_text(const Axis *axis, double value)
{
	return axis->percent ? psprintf("%g %%", 100 * value) : psprintf("%g", value);
}

void
chart_begin(Chart *chart, const char *title, const char *description)
{
	double		tick[MOST_TICKS];
	int			ticks;

	appendStringInfo(chart->out, "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>%s</title><desc>%s</desc>\n",
					 WIDTH, HEIGHT, title, description);
	ticks = axis_ticks(&chart->x, tick);
	for (int i = 0; i < ticks; i++)
	{
		double		x = chart_x(chart, tick[i]);

		appendStringInfo(chart->out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
						 x, TOP, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 17, tick_text(&chart->x, tick[i]));
	}
	ticks = axis_ticks(&chart->y, tick);
	for (int i = 0; i < ticks; i++)
	{
		double		y = chart_y(chart, tick[i]);

		appendStringInfo(chart->out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
						 LEFT, y, WIDTH - RIGHT, LEFT - 7, y + 4, tick_text(&chart->y, tick[i]));
	}
	appendStringInfo(chart->out, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
	appendStringInfo(chart->out, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
					 (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, chart->x.label);
	appendStringInfo(chart->out, "<text class=\"label\" transform=\"translate(13 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
					 (TOP + HEIGHT - BOTTOM) / 2, chart->y.label);
}

void
chart_end(Chart *chart)
{
	appendStringInfoString(chart->out, "</svg>\n");
}

/* ---- marks --------------------------------------------------------------------------------------------------------- */

static void
put_path(Chart *chart, const char *class, const Point *point, int points, bool closed)
{
	appendStringInfo(chart->out, "<path class=\"%s %s\" d=\"", closed ? "area" : "line", class);
	for (int i = 0; i < points; i++)
		appendStringInfo(chart->out, "%s%.1f %.1f", i ? "L" : "M", chart_x(chart, point[i].x), chart_y(chart, point[i].y));
	appendStringInfo(chart->out, "%s\"/>\n", closed ? "Z" : "");
}

void
chart_line(Chart *chart, const char *class, const Point *point, int points)
{
	if (points > 1)
		put_path(chart, class, point, points, false);
}

void
chart_area(Chart *chart, const char *class, const Point *point, int points)
{
	if (points > 2)
		put_path(chart, class, point, points, true);
}

void
chart_dot(Chart *chart, const char *class, Point point)
{
	appendStringInfo(chart->out, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", class,
					 chart_x(chart, point.x), chart_y(chart, point.y));
}

void
chart_bar(Chart *chart, const char *class, double x, double low, double high)
{
	double		at = chart_x(chart, x);

	appendStringInfo(chart->out, "<path class=\"bar %s\" d=\"M%.1f %.1fV%.1fM%.1f %.1fh6m-6 %.1fh6\"/>\n", class, at,
					 chart_y(chart, low), chart_y(chart, high), at - 3, chart_y(chart, low),
					 chart_y(chart, high) - chart_y(chart, low));
}

void
chart_mark(Chart *chart, double x, const char *label)
{
	double		at = chart_x(chart, x);
	bool		left = at > (LEFT + WIDTH - RIGHT) * 0.6;

	if (!(x >= chart->x.low && x <= chart->x.high))
		return;
	appendStringInfo(chart->out, "<path class=\"mark\" d=\"M%.1f %dV%d\"/><text class=\"marked\" x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
					 at, TOP, HEIGHT - BOTTOM, at + (left ? -5 : 5), TOP + 12, left ? "end" : "start", label);
}
