/*
 * pen_inkml.c: reader of InkML.
 *
 * A walk over the tags with eyes for <traceFormat>, <channel> and <trace> alone, whatever their prefix.  No entity is
 * resolved and nothing is looked up: a document type declaration is refused.
 */
#include "pen/pen_internal.h"

#define MOST_CHANNELS 32

typedef enum Role
{
	ROLE_X,
	ROLE_Y,
	ROLE_F,
	ROLE_T,
	ROLE_NONE
} Role;

#define ROLES 4

typedef struct Tag
{
	const uint8_t *name;		/* without prefix */
	size_t		name_length;
	const uint8_t *attributes;
	const uint8_t *end;			/* of the attributes */
	bool		closes;			/* </name> */
	bool		empty;			/* <name/> */
} Tag;

typedef struct Ink
{
	PenText		text;
	PenPoints	points;
	Role		role[MOST_CHANNELS];	/* of the channels, in their order */
	int			channels;
	bool		format_seen;
	bool		in_format;
	bool		has[ROLES];
	double		time_unit;		/* seconds of one T */
	double		start;			/* of the first point; T may be the time of the day */
	double		time;			/* of the last point, less the start */
} Ink;

/* How numbers of one channel are meant, until they are meant otherwise. */
typedef struct Channel
{
	char		mode;			/* '!' explicit, '\'' first difference, '"' second difference */
	double		value;
	double		difference;
} Channel;

static bool
bad(const Ink *ink, const char *what, Status *status)
{
	return status_set(status, STATUS_PEN_FORMAT, "", "Line %d: %s.", pen_text_line(&ink->text), what);
}

/* Moves behind the next occurrence of a mark. */
static bool
skip_past(Ink *ink, const char *mark, Status *status)
{
	size_t		length = strlen(mark);

	for (; (size_t) (ink->text.end - ink->text.at) >= length; ink->text.at++)
	{
		if (memcmp(ink->text.at, mark, length) == 0)
		{
			ink->text.at += length;
			return true;
		}
	}
	return bad(ink, "a comment or an instruction does not end", status);
}

static bool
is_name_end(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '/' || c == '>' || c == '=';
}

static bool
is_named(const Tag *tag, const char *name)
{
	return tag->name_length == strlen(name) && memcmp(tag->name, name, tag->name_length) == 0;
}

/* The next tag; *found is false at the end of the text. */
static bool
next_tag(Ink *ink, Tag *tag, bool *found, Status *status)
{
	PenText    *text = &ink->text;
	const uint8_t *start;
	uint8_t		quote = 0;

	*found = false;
	for (;;)
	{
		while (text->at < text->end && *text->at != '<')
			text->at++;
		if (text->end - text->at < 2)
			return true;
		if (text->at[1] == '?')
		{
			if (!skip_past(ink, "?>", status))
				return false;
		}
		else if (text->at[1] == '!')
		{
			if (text->end - text->at < 4 || memcmp(text->at, "<!--", 4) != 0)
				return bad(ink, "declarations and CDATA sections are not read", status);
			if (!skip_past(ink, "-->", status))
				return false;
		}
		else
			break;
	}
	tag->closes = text->at[1] == '/';
	start = text->at + (tag->closes ? 2 : 1);
	tag->name = start;
	while (start < text->end && !is_name_end(*start))
	{
		if (*start++ == ':')
			tag->name = start;
	}
	tag->name_length = (size_t) (start - tag->name);
	tag->attributes = start;
	for (; start < text->end && (quote != 0 || *start != '>'); start++)
	{
		if (quote == 0 && (*start == '"' || *start == '\''))
			quote = *start;
		else if (*start == quote)
			quote = 0;
	}
	if (start == text->end)
		return bad(ink, "a tag does not end", status);
	tag->empty = start[-1] == '/';
	tag->end = start;
	text->at = start + 1;
	*found = true;
	return true;
}

/* The value of an attribute, as it stands between its quotes. */
static bool
attribute(const Tag *tag, const char *name, PenText *value)
{
	const uint8_t *at = tag->attributes;
	size_t		length = strlen(name);

	while (at < tag->end)
	{
		const uint8_t *key;
		const uint8_t *from;
		size_t		key_length;
		uint8_t		quote;

		while (at < tag->end && is_name_end(*at))
			at++;
		key = at;
		while (at < tag->end && !is_name_end(*at))
			at++;
		key_length = (size_t) (at - key);
		while (at < tag->end && is_name_end(*at))
			at++;
		if (at == tag->end || (*at != '"' && *at != '\''))
			return false;
		quote = *at++;
		from = at;
		while (at < tag->end && *at != quote)
			at++;
		if (key_length == length && memcmp(key, name, length) == 0)
		{
			*value = (PenText) {from, at, from};
			return true;
		}
		at++;
	}
	return false;
}

static bool
equals(const PenText *value, const char *text)
{
	return (size_t) (value->end - value->at) == strlen(text) && memcmp(value->at, text, strlen(text)) == 0;
}

static bool
add_channel(Ink *ink, const Tag *tag, Status *status)
{
	static const char *const names[] = {"X", "Y", "F", "T"};
	PenText		value;
	Role		role = ROLE_NONE;

	if (ink->channels == MOST_CHANNELS)
		return bad(ink, "there are more than 32 channels", status);
	if (!attribute(tag, "name", &value))
		return bad(ink, "a channel has no name", status);
	for (int i = 0; i < ROLES; i++)
	{
		if (equals(&value, names[i]) && !ink->has[i])
			role = (Role) i;
	}
	if (role != ROLE_NONE)
		ink->has[role] = true;
	if (role == ROLE_T && attribute(tag, "units", &value) && equals(&value, "s"))
		ink->time_unit = 1;
	ink->role[ink->channels++] = role;
	return true;
}

/* One number of a channel, with its prefix. */
static bool
read_value(Ink *ink, Channel *channel, Status *status)
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
	if (!pen_text_number(text, &number))
		return bad(ink, "a trace has something else than a decimal number", status);
	if (channel->mode == '!')
	{
		channel->difference = number - channel->value;
		channel->value = number;
	}
	else
	{
		channel->difference = number + (channel->mode == '"' ? channel->difference : 0);
		channel->value += channel->difference;
	}
	return true;
}

/* The content of <trace>: points separated by commas. */
static bool
read_trace(Ink *ink, const Tag *tag, Status *status)
{
	PenText    *text = &ink->text;
	Channel		channel[MOST_CHANNELS];
	PenText		value;
	double		offset = 0;
	bool		down = !(attribute(tag, "type", &value) && equals(&value, "penUp"));
	bool		first = true;

	if (attribute(tag, "timeOffset", &value) && pen_text_number(&value, &offset))
		offset /= 1000;
	for (int i = 0; i < ink->channels; i++)
		channel[i] = (Channel) {.mode = '!'};
	pen_text_skip_blanks(text, true);
	while (text->at < text->end && *text->at != '<')
	{
		double		role[ROLES + 1] = {0};

		for (int i = 0; i < ink->channels; i++)
		{
			if (!read_value(ink, &channel[i], status))
				return false;
			role[ink->role[i]] = channel[i].value;
		}
		pen_text_skip_blanks(text, true);
		if (text->at < text->end && *text->at == ',')
			text->at++;
		else if (text->at < text->end && *text->at != '<')
			return bad(ink, "a point has more numbers than there are channels", status);
		pen_text_skip_blanks(text, true);

		if (ink->has[ROLE_T])
		{
			double		time = offset + role[ROLE_T] * ink->time_unit;

			if (ink->points.rows == 0)
				ink->start = time;
			ink->time = time - ink->start;
		}
		if (first && ink->points.rows > 0 &&
			!pen_points_lift(&ink->points, role[ROLE_X], role[ROLE_Y], ink->time, status))
			return false;
		first = false;
		if (!pen_points_add(&ink->points, role[ROLE_X], role[ROLE_Y], !down ? 0 : ink->has[ROLE_F] ? role[ROLE_F] : 1,
							ink->time, status))
			return false;
	}
	if (text->end - text->at < 2 || text->at[1] != '/')
		return bad(ink, "a trace has something else than numbers, or does not end", status);
	return true;
}

static bool
read_tag(Ink *ink, const Tag *tag, Status *status)
{
	if (is_named(tag, "traceFormat"))
	{
		ink->in_format = !ink->format_seen && !tag->closes && !tag->empty;
		if (ink->in_format)
		{
			ink->format_seen = true;
			ink->channels = 0;
			memset(ink->has, 0, sizeof(ink->has));
		}
		return true;
	}
	if (is_named(tag, "channel") && ink->in_format && !tag->closes)
		return add_channel(ink, tag, status);
	if (is_named(tag, "trace") && !tag->closes && !tag->empty)
	{
		if (!ink->has[ROLE_X] || !ink->has[ROLE_Y])
			return bad(ink, "the traces have no channels X and Y", status);
		return read_trace(ink, tag, status);
	}
	return true;
}

static bool
read_ink(Ink *ink, Status *status)
{
	for (;;)
	{
		Tag			tag;
		bool		found;

		if (!next_tag(ink, &tag, &found, status))
			return false;
		if (!found)
			return true;
		if (host_interrupted(ink->points.host, status) || !read_tag(ink, &tag, status))
			return false;
	}
}

bool
pen_read_inkml(const uint8_t *bytes, size_t length, const Host *host, PenTrajectory *trajectory, Status *status)
{
	Ink			ink = {
		.text = {bytes, bytes + length, bytes}, .points = {.host = host}, .role = {ROLE_X, ROLE_Y}, .channels = 2,
		.has = {true, true}, .time_unit = 0.001
	};

	if (length > LIMIT_PEN_BYTES)
		return status_set(status, STATUS_PEN_FORMAT, "", "It has %zu bytes; it may have %d.", length, LIMIT_PEN_BYTES);
	if (read_ink(&ink, status) && pen_points_finish(&ink.points, ink.has[ROLE_T], trajectory, status))
		return true;
	pen_points_release(&ink.points);
	return false;
}
