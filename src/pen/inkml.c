/*
 * inkml.c: reader of InkML: a pass over the tags that uses <trace> and the elements that define its channels.
 */
#include <math.h>

#include "pen/inkml_internal.h"

typedef struct Ink
{
	PenText		text;
	PenPoints	points;
	InkContexts contexts;
	double		length_unit;	/* of the first trace's X, in millimetres; 0: unknown */
	bool		with_time;		/* all traces have T */
	bool		restarted;		/* T of some trace counts from the beginning of that trace */
	double		origin;			/* of the time; T may be the time of day */
	double		time;			/* of the last point, relative to the first one */
} Ink;

/* The current mode of a channel's numbers. */
typedef struct Channel
{
	char		mode;			/* '!' explicit, '\'' first difference, '"' second difference */
	double		value;
	double		difference;
} Channel;

static void
set_value(Channel *channel, double value)
{
	channel->difference = value - channel->value;
	channel->value = value;
}

/* One value of a channel with its prefix; "*": unchanged, "?": unknown, T and F: booleans. */
static bool
read_value(Ink *ink, Channel *channel, bool boolean, Status *status)
{
	PenText    *text = &ink->text;
	double		number;

	pen_text_skip_blanks(text, true);
	if (text->at < text->end && (*text->at == '!' || *text->at == '\'' || *text->at == '"'))
		channel->mode = (char) *text->at++;
	pen_text_skip_blanks(text, true);
	if (text->at < text->end && *text->at == '*')
	{
		text->at++;
		channel->value += channel->mode == '!' ? 0 : channel->difference;
		return true;
	}
	if (text->at < text->end && (*text->at == '?' || (boolean && (*text->at == 'T' || *text->at == 'F'))))
	{
		if (*text->at != '?')
			set_value(channel, *text->at == 'T');
		text->at++;
		return true;
	}
	if (!pen_text_number(text, &number))
		return pen_xml_bad(text, "a trace contains something other than decimal numbers", status);
	if (channel->mode == '!')
		set_value(channel, number);
	else
	{
		channel->difference = number + (channel->mode == '"' ? channel->difference : 0);
		channel->value += channel->difference;
	}
	return true;
}

/* The values of one point up to its comma; role [INK_OTHER + 1]: the values by role. */
static bool
read_point(Ink *ink, const InkFormat *format, Channel *channel, double *role, Status *status)
{
	PenText    *text = &ink->text;

	for (int i = 0; i < format->channels; i++)
	{
		pen_text_skip_blanks(text, true);
		if (i >= format->regular && (text->at == text->end || *text->at == ',' || *text->at == '<'))
			break;
		if (!read_value(ink, &channel[i], format->boolean[i], status))
			return false;
		role[format->role[i]] = channel[i].value;
	}
	pen_text_skip_blanks(text, true);
	if (text->at < text->end && *text->at == ',')
		text->at++;
	else if (text->at < text->end && *text->at != '<')
		return pen_xml_bad(text, "a point has more numbers than channels", status);
	pen_text_skip_blanks(text, true);
	return true;
}

/* Sets the time of a point.  Returns the time of the pen-up copy before it; NAN if T restarts there. */
static double
take_time(Ink *ink, double time, bool first)
{
	bool		restarts;

	if (ink->points.rows == 0)
		ink->origin = time;
	restarts = first && time - ink->origin < ink->time;
	if (restarts)
	{
		ink->origin = time - ink->time;
		ink->restarted = true;
	}
	ink->time = pen_time_after(ink->time, time - ink->origin);
	return restarts ? NAN : ink->time;
}

static bool
is_attribute(const PenTag *tag, const char *name, const char *wanted)
{
	PenText		value;

	return pen_xml_attribute(tag, name, &value) && pen_text_equals(&value, wanted);
}

/* The content of <trace>: points separated by commas. */
static bool
read_trace(Ink *ink, const PenTag *tag, Status *status)
{
	PenText    *text = &ink->text;
	const InkFormat *format = ink_contexts_of_trace(&ink->contexts, tag, status);
	Channel		channel[INK_CHANNELS];
	PenText		value;
	double		offset = 0;
	double		x_unit;
	double		y_unit;
	bool		down = !is_attribute(tag, "type", "penUp");
	bool		continues = is_attribute(tag, "continuation", "middle") || is_attribute(tag, "continuation", "end");
	bool		first = true;

	if (format == NULL)
		return false;
	if (pen_xml_attribute(tag, "timeOffset", &value) && pen_text_number(&value, &offset))
		offset /= 1000;
	if (ink->points.rows == 0)
		ink->length_unit = format->unit[INK_X];
	x_unit = ink->length_unit > 0 && format->unit[INK_X] > 0 ? format->unit[INK_X] / ink->length_unit : 1;
	y_unit = ink->length_unit > 0 && format->unit[INK_Y] > 0 ? format->unit[INK_Y] / ink->length_unit : 1;
	for (int i = 0; i < format->channels; i++)
		channel[i] = (Channel) {.mode = '!'};
	pen_text_skip_blanks(text, true);
	while (text->at < text->end && *text->at != '<')
	{
		double		role[INK_OTHER + 1] = {0};
		double		lift = 0;
		double		x;
		double		y;

		if (!read_point(ink, format, channel, role, status))
			return false;
		x = role[INK_X] * x_unit;
		y = role[INK_Y] * y_unit;
		if (format->has[INK_T])
			lift = take_time(ink, offset + role[INK_T] * (format->unit[INK_T] > 0 ? format->unit[INK_T] : 0.001), first);
		else
			ink->with_time = false;
		if (first && !continues && ink->points.rows > 0 && !pen_points_lift(&ink->points, x, y, lift, status))
			return false;
		first = false;
		if (!pen_points_add(&ink->points, x, y, !down ? 0 : format->has[INK_F] ? role[INK_F] : 1, ink->time, status))
			return false;
	}
	if (text->end - text->at < 2 || text->at[1] != '/')
		return pen_xml_bad(text, "a trace contains something other than numbers, or is not terminated", status);
	return true;
}

/*
 * Estimates the gaps before traces whose T restarts, marked by NAN at the second pen-up point: their length at the mean speed of
 * all strokes, at most a second.  All later times are shifted accordingly.
 */
static void
fill_gaps(PenPoints *points)
{
	double		way = 0;
	double		duration = 0;
	double		shift = 0;

	for (int pass = 0; pass < 2; pass++)
	{
		for (int row = 1; row < points->rows; row++)
		{
			float	   *point = points->values + (size_t) row * 4;
			const float *last = point - 4;
			double		step = hypot((double) point[0] - last[0], (double) point[1] - last[1]);

			if (pass == 0 && last[2] > 0 && point[2] > 0)
			{
				way += step;
				duration += (double) point[3] - last[3];
			}
			else if (pass == 1 && isnan(point[3]))
			{
				double		gap = way > 0 ? fmin(step * duration / way, 1) : 0;

				shift += gap;
				point[3] = (float) (last[3] + gap);
			}
			else if (pass == 1)
				point[3] = (float) (point[3] + shift);
		}
	}
}

static bool
read_ink(Ink *ink, Status *status)
{
	for (;;)
	{
		PenTag		tag;
		bool		found;

		if (!pen_xml_next(&ink->text, &tag, &found, status))
			return false;
		if (!found)
			return true;
		if (host_interrupted(ink->points.host, status))
			return false;
		if (pen_xml_is_named(&tag, "trace"))
		{
			if (!tag.closes && !tag.empty && !read_trace(ink, &tag, status))
				return false;
		}
		else if (!ink_contexts_tag(&ink->contexts, &tag, status))
			return false;
	}
}

bool
pen_read_inkml(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status)
{
	Ink			ink = {.text = {bytes, bytes + length, bytes}, .points = {.host = host}, .with_time = true};
	bool		done;

	if (!pen_check_length(length, status))
		return false;
	ink_contexts_begin(&ink.contexts, &ink.text);
	done = read_ink(&ink, status);
	if (done && ink.restarted)
		fill_gaps(&ink.points);
	if (done && pen_points_finish(&ink.points, ink.with_time, trajectory, status))
		return true;
	pen_points_release(&ink.points);
	return false;
}
