/*
 * pen_internal.h: what the files of the pen room share.
 */
#ifndef SIAMESE_PEN_INTERNAL_H
#define SIAMESE_PEN_INTERNAL_H

#include <string.h>

#include "common/limits.h"
#include "common/number.h"
#include "pen/pen.h"

/* ---- preparation: prepare.c -------------------------------------------------------------------------------------- */

/* pen_prepare() of a trajectory that is known to be a good one; a pressure that is 0 in all rows stays so. */
extern void pen_resample(const PenRows *pen, const PenPreparation *preparation, float *sample);

/* ---- reading: points.c ---------------------------------------------------------------------------------------- */

/* Whether a file is short enough to be read. */
extern bool pen_check_length(size_t length, Status *status);

/* A growing list of points, float [4] each: x, y, pressure, time. */
typedef struct PenPoints
{
	const Host *host;
	float	   *values;
	int			rows;
	int			room;
} PenPoints;

/* False with STATUS_PEN_FORMAT if there are LIMIT_PEN_POINTS already, or if out of memory. */
extern bool pen_points_add(PenPoints *points, double x, double y, double pressure, double time, Status *status);

/* Lifts the pen: repeats the last point with pressure 0, then adds the next one with pressure 0, at the given time. */
extern bool pen_points_lift(PenPoints *points, double x, double y, double time, Status *status);
extern void pen_points_release(PenPoints *points);

/* Hands the points over, with or without time.  Needs at least one point. */
extern bool pen_points_finish(PenPoints *points, bool with_time, PenTrajectory *trajectory, Status *status);

/* A position in a text. */
typedef struct PenText
{
	const uint8_t *at;
	const uint8_t *end;
	const uint8_t *start;
} PenText;

extern int	pen_text_line(const PenText *text); /* line number, from 1 */
extern void pen_text_skip_blanks(PenText *text, bool lines);	/* spaces and tabs; lines: also line ends */

/* A decimal number, independent of the locale; false and no change if there is none or it is too large for a float. */
extern bool pen_text_number(PenText *text, double *number);

extern bool pen_text_equals(const PenText *value, const char *text);

/* ---- XML: xml.c ----------------------------------------------------------------------------------------------- */

typedef struct PenTag
{
	const uint8_t *name;		/* without prefix */
	size_t		name_length;
	const uint8_t *attributes;
	const uint8_t *end;			/* of the attributes */
	bool		closes;			/* </name> */
	bool		empty;			/* <name/> */
} PenTag;

/* Reports an error in the current line; false. */
extern bool pen_xml_bad(const PenText *text, const char *what, Status *status);

/* The next tag; *found is false at the end of the text. */
extern bool pen_xml_next(PenText *text, PenTag *tag, bool *found, Status *status);
extern bool pen_xml_is_named(const PenTag *tag, const char *name);

/* The value of an attribute, verbatim between its quotes. */
extern bool pen_xml_attribute(const PenTag *tag, const char *name, PenText *value);

#endif
