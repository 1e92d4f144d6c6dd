/*
 * report.h: the parts of siamese.report(): a page of HTML with inline SVG, no script, nothing from elsewhere.
 *
 * The page is ASCII: all text that comes from outside goes through report_text().
 */
#ifndef SIAMESE_REPORT_H
#define SIAMESE_REPORT_H

#include "lib/stringinfo.h"

#include "evaluation/reliability.h"
#include "evaluation/evaluation.h"

/* ---- text (report_text.c) ------------------------------------------------------------------------------------------ */

/* Escaped for HTML, other characters than ASCII as references, control characters as blanks; at most that many characters. */
extern void report_text(StringInfo out, const char *text, int most);

/* "3.21 %", with the interval if there is one: "3.21 % (2.80 to 3.70)"; digits behind the point as the value needs them. */
extern void report_percent(StringInfo out, double share, ScoreInterval interval);
extern char *report_percent_text(double share);	/* "3.21 %" */
extern void report_count(StringInfo out, int64 count);	/* thousands apart */

/* A data: URI. */
extern void report_data(StringInfo out, const char *type, const void *bytes, size_t length);

/* ---- charts (report_chart.c) --------------------------------------------------------------------------------------- */

typedef enum AxisScale
{
	AXIS_LINEAR,
	AXIS_LOG,
	AXIS_NORMAL					/* shares, by the quantile of the normal distribution */
} AxisScale;

typedef struct Axis
{
	const char *label;
	AxisScale	scale;
	double		low;
	double		high;
	bool		percent;		/* ticks in per cent */
	bool		whole;			/* ticks at whole numbers alone */
} Axis;

typedef struct Chart
{
	StringInfo	out;
	Axis		x;
	Axis		y;
} Chart;

typedef struct Point
{
	double		x;
	double		y;
} Point;

/* title and description are read aloud where the picture cannot be seen; they are plain text of ours. */
extern void chart_begin(Chart *chart, const char *title, const char *description);
extern void chart_end(Chart *chart);

/* class: of the style sheet, "genuine", "random", "skilled", "guide". */
extern void chart_line(Chart *chart, const char *class, const Point *point, int points);
extern void chart_area(Chart *chart, const char *class, const Point *point, int points);	/* closed, filled */
extern void chart_dot(Chart *chart, const char *class, Point point);
extern void chart_bar(Chart *chart, const char *class, double x, double low, double high);	/* upright error bar */
extern void chart_upright(Chart *chart, double x, const char *label);	/* a marked place of the x axis */

/* ---- figures (report_figures.c) ------------------------------------------------------------------------------------ */

typedef struct Report
{
	StringInfo	out;
	Evaluation	evaluation;
	double		prior;
	Bootstrap  *resampled;		/* at a grid with the model's threshold and the stated ones */
	Score		score[PAIR_KINDS];	/* by impostors */
	ScoreInterval eer[PAIR_KINDS];
	Reliability reliability;
	ThresholdCheck check[THRESHOLD_CHECKS];
	int			checks;
} Report;

extern void figure_histogram(Report *report);
extern void figure_roc(Report *report);
extern void figure_det(Report *report);
extern void figure_reliability(Report *report);

/* Epochs of the model's training; inside an SPI connection.  False when none are known. */
extern bool figure_training(Report *report);

/* ---- pictures (report_pictures.c) ---------------------------------------------------------------------------------- */

/* The pairs that the model is most wrong about, as the network sees them. */
extern void pictures_mistakes(Report *report);

#endif
