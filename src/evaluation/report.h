/*
 * report.h: the parts of siamese.report(): a page of HTML with inline SVG, without scripts and external files.
 *
 * The page is ASCII: all text from the database goes through report_text().
 */
#ifndef SIAMESE_REPORT_H
#define SIAMESE_REPORT_H

#include "lib/stringinfo.h"

#include "evaluation/evaluation.h"
#include "evaluation/reliability.h"
#include "evaluation/thresholds.h"
#include "model/stored_calibration.h"
#include "verification/bootstrap.h"
#include "verification/score.h"

/* ---- text (report_text.c) ------------------------------------------------------------------------------------------ */

/* Escaped for HTML, characters beyond ASCII as character references, control characters as blanks; cut after most characters. */
extern void report_text(StringInfo out, const char *text, int most);

/* "3.21 %", and the interval if there is one: "2.80 % to 3.70 %"; the number of decimals depends on the value. */
extern void report_percent(StringInfo out, double share, ScoreInterval interval);
extern char *report_percent_text(double share);	/* "3.21 %" */
extern void report_count(StringInfo out, int64 count);	/* with thousands separators */

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
	bool		whole;			/* ticks only at whole numbers */
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

/* title and description are for screen readers; they are constants, not escaped. */
extern void chart_begin(Chart *chart, const char *title, const char *description);
extern void chart_end(Chart *chart);

/* class: of the style sheet, "genuine", "random", "skilled", "guide". */
extern void chart_line(Chart *chart, const char *class, const Point *point, int points);
extern void chart_area(Chart *chart, const char *class, const Point *point, int points);	/* closed, filled */
extern void chart_dot(Chart *chart, const char *class, Point point);
extern void chart_bar(Chart *chart, const char *class, double x, double low, double high);	/* vertical error bar */
extern void chart_mark(Chart *chart, double x, const char *label);	/* a labelled vertical line */

/* ---- figures (report_figures.c) ------------------------------------------------------------------------------------ */

typedef struct Report
{
	StringInfo	out;
	Evaluation	evaluation;
	double		prior;
	int			refs;			/* decisions by references of so many samples; 0: pairs */
	Bootstrap  *resampled;		/* at a grid of thresholds that has the model's */
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

/* The epochs of the model's training; inside an SPI connection.  False if they are not recorded. */
extern bool figure_training(Report *report);

/* ---- pictures (report_pictures.c) ---------------------------------------------------------------------------------- */

/* The pairs with the largest errors, as the network sees them. */
extern void pictures_mistakes(Report *report);

#endif
