/*
 * inkml_context.c: the channels of the traces of an InkML document.
 *
 * <traceFormat> defines channels, within <context>, within <inkSource>, or on its own; all three can be named and referenced.
 * Traces and groups without reference use the current context; contexts within <definitions> do not become current.
 */
#include "pen/inkml_internal.h"

void
ink_contexts_begin(InkContexts *contexts, PenText *text)
{
	memset(contexts, 0, sizeof(*contexts));
	contexts->text = text;
	contexts->format[0] = (InkFormat) {.role = {INK_X, INK_Y}, .channels = 2, .regular = 2, .has = {true, true}};
	contexts->formats = 1;
	contexts->first = contexts->current = INK_NONE;
}

/* The index of a format, shared by equal ones. */
static bool
intern(InkContexts *contexts, const InkFormat *format, int *number, Status *status)
{
	for (*number = 0; *number < contexts->formats; (*number)++)
	{
		if (memcmp(&contexts->format[*number], format, sizeof(*format)) == 0)
			return true;
	}
	if (contexts->formats == INK_FORMATS)
		return pen_xml_bad(contexts->text, "there are more than 64 trace formats", status);
	memcpy(&contexts->format[contexts->formats++], format, sizeof(*format));
	return true;
}

static PenText
name_of(const PenTag *tag)
{
	PenText		name = {NULL, NULL, NULL};

	if (!pen_xml_attribute(tag, "xml:id", &name))
		pen_xml_attribute(tag, "id", &name);
	return name;
}

static bool
set_name(InkContexts *contexts, PenText name, int format, Status *status)
{
	if (name.at == name.end)
		return true;
	if (contexts->names == INK_NAMES)
		return pen_xml_bad(contexts->text, "there are more than 256 named contexts and formats", status);
	contexts->named[contexts->names].name = name;
	contexts->named[contexts->names++].format = format;
	return true;
}

/* The format referenced by an attribute; *format is unchanged if there is no such attribute, or if its target has no format. */
static bool
refer(const InkContexts *contexts, const PenTag *tag, const char *attribute, int *format, Status *status)
{
	PenText		value;
	size_t		length;

	if (!pen_xml_attribute(tag, attribute, &value) || value.at == value.end)
		return true;
	value.at += *value.at == '#';
	if (pen_text_equals(&value, "DefaultContext"))
	{
		*format = 0;
		return true;
	}
	length = (size_t) (value.end - value.at);
	for (int i = contexts->names - 1; i >= 0; i--)
	{
		const PenText *name = &contexts->named[i].name;

		if ((size_t) (name->end - name->at) == length && memcmp(name->at, value.at, length) == 0)
		{
			if (contexts->named[i].format != INK_NONE)
				*format = contexts->named[i].format;
			return true;
		}
	}
	return pen_xml_bad(contexts->text, "an element refers to a context or format that is not defined before it", status);
}

/* ---- units --------------------------------------------------------------------------------------------------------- */

static const struct
{
	const char *name;
	bool		time;
	double		unit;			/* seconds or millimetres */
}			units[] = {
	{"s", true, 1}, {"ms", true, 1e-3}, {"us", true, 1e-6}, {"\xC2\xB5s", true, 1e-6}, {"\xCE\xBCs", true, 1e-6},
	{"ns", true, 1e-9},
	{"m", false, 1000}, {"cm", false, 10}, {"mm", false, 1}, {"in", false, 25.4},
	{"pt", false, 25.4 / 72}, {"pc", false, 25.4 / 6}
};

static double
unit_of(const PenText *name, bool time)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (units[i].time == time && pen_text_equals(name, units[i].name))
			return units[i].unit;
	}
	return 0;
}

static InkRole
role_of(const PenText *name)
{
	static const char *const names[] = {"X", "Y", "F", "T"};
	int			role = 0;

	while (role < INK_ROLES && !pen_text_equals(name, names[role]))
		role++;
	return (InkRole) role;
}

/* <channelProperty channel="X" name="resolution" value="1000" units="1/in"/>; with units="mm" the value is the size of a unit. */
static bool
take_resolution(InkContexts *contexts, const PenTag *tag, Status *status)
{
	PenText		value;
	InkRole		role;
	double		number;
	double		unit;
	bool		inverse;

	if (!pen_xml_attribute(tag, "name", &value) || !pen_text_equals(&value, "resolution") ||
		!pen_xml_attribute(tag, "channel", &value))
		return true;
	role = role_of(&value);
	if (role == INK_OTHER || role == INK_F || !pen_xml_attribute(tag, "value", &value))
		return true;
	if (!pen_text_number(&value, &number) || !(number > 0))
		return pen_xml_bad(contexts->text, "a resolution is not a positive number", status);
	if (!pen_xml_attribute(tag, "units", &value))
		return true;
	inverse = value.end - value.at > 2 && memcmp(value.at, "1/", 2) == 0;
	value.at += inverse ? 2 : 0;
	unit = unit_of(&value, role == INK_T);
	contexts->resolution[role] = clamp(inverse ? unit / number : unit * number, 0, 1e9);
	return true;
}

/* ---- elements ------------------------------------------------------------------------------------------------------ */

static bool
add_channel(InkContexts *contexts, const PenTag *tag, Status *status)
{
	InkFormat  *format = &contexts->open;
	PenText		value;
	InkRole		role;

	if (format->channels == INK_CHANNELS)
		return pen_xml_bad(contexts->text, "there are more than 32 channels", status);
	if (!pen_xml_attribute(tag, "name", &value))
		return pen_xml_bad(contexts->text, "a channel has no name", status);
	role = role_of(&value);
	if (role != INK_OTHER && format->has[role])
		role = INK_OTHER;
	if (role != INK_OTHER)
	{
		format->has[role] = true;
		if (role != INK_F && pen_xml_attribute(tag, "units", &value) && !pen_text_equals(&value, "dev"))
		{
			format->unit[role] = unit_of(&value, role == INK_T);
			if (role == INK_T && format->unit[role] == 0)
				return pen_xml_bad(contexts->text, "the units of channel T must be s, ms, us or ns", status);
		}
	}
	format->boolean[format->channels] = pen_xml_attribute(tag, "type", &value) && pen_text_equals(&value, "boolean");
	format->role[format->channels++] = (uint8_t) role;
	if (!contexts->in_intermittent)
		format->regular = format->channels;
	return true;
}

static bool
trace_format(InkContexts *contexts, const PenTag *tag, Status *status)
{
	int			number;

	if (!tag->closes)
	{
		memset(&contexts->open, 0, sizeof(contexts->open));
		contexts->format_name = name_of(tag);
		contexts->in_format = !tag->empty;
		contexts->in_intermittent = false;
		return true;
	}
	if (!contexts->in_format)
		return true;
	contexts->in_format = false;
	if (!intern(contexts, &contexts->open, &number, status))
		return false;
	if (contexts->first == INK_NONE)
		contexts->first = number;
	if (contexts->in_source)
		contexts->source = number;
	else if (contexts->in_context)
		contexts->context = number;
	return set_name(contexts, contexts->format_name, number, status);
}

/* At the end of <inkSource>, its resolutions become the units of channels that have none. */
static bool
close_source(InkContexts *contexts, Status *status)
{
	InkFormat	format;
	int			number;

	contexts->in_source = false;
	if (contexts->source == INK_NONE)
		return true;
	memcpy(&format, &contexts->format[contexts->source], sizeof(format));
	for (int role = 0; role < INK_ROLES; role++)
	{
		if (format.has[role] && format.unit[role] == 0)
			format.unit[role] = contexts->resolution[role];
	}
	if (!intern(contexts, &format, &number, status))
		return false;
	if (contexts->first == contexts->source)
		contexts->first = number;
	if (contexts->in_context)
		contexts->context = number;
	return set_name(contexts, contexts->source_name, number, status);
}

static bool
ink_source(InkContexts *contexts, const PenTag *tag, Status *status)
{
	if (tag->closes)
		return !contexts->in_source || close_source(contexts, status);
	if (tag->empty)
		return true;
	contexts->in_source = true;
	contexts->source = INK_NONE;
	contexts->source_name = name_of(tag);
	memset(contexts->resolution, 0, sizeof(contexts->resolution));
	return true;
}

static bool
context(InkContexts *contexts, const PenTag *tag, Status *status)
{
	if (!tag->closes)
	{
		contexts->in_context = true;
		contexts->context = INK_NONE;
		contexts->context_name = name_of(tag);
		if (!refer(contexts, tag, "contextRef", &contexts->context, status) ||
			!refer(contexts, tag, "inkSourceRef", &contexts->context, status) ||
			!refer(contexts, tag, "traceFormatRef", &contexts->context, status))
			return false;
		if (!tag->empty)
			return true;
	}
	if (!contexts->in_context)
		return true;
	contexts->in_context = false;
	if (contexts->definitions == 0 && contexts->context != INK_NONE)
		contexts->current = contexts->context;
	return set_name(contexts, contexts->context_name, contexts->context, status);
}

static bool
trace_group(InkContexts *contexts, const PenTag *tag, Status *status)
{
	int			format = contexts->groups > 0 ? contexts->group[contexts->groups - 1] : INK_NONE;

	if (tag->closes)
	{
		contexts->groups -= contexts->groups > 0;
		return true;
	}
	if (tag->empty)
		return true;
	if (contexts->groups == INK_GROUPS)
		return pen_xml_bad(contexts->text, "trace groups are nested more than 32 deep", status);
	if (!refer(contexts, tag, "contextRef", &format, status))
		return false;
	contexts->group[contexts->groups++] = format;
	return true;
}

bool
ink_contexts_tag(InkContexts *contexts, const PenTag *tag, Status *status)
{
	if (pen_xml_is_named(tag, "definitions"))
		contexts->definitions += tag->empty ? 0 : !tag->closes ? 1 : contexts->definitions > 0 ? -1 : 0;
	else if (pen_xml_is_named(tag, "intermittentChannels"))
		contexts->in_intermittent = !tag->closes && !tag->empty;
	else if (pen_xml_is_named(tag, "channel") && contexts->in_format && !tag->closes)
		return add_channel(contexts, tag, status);
	else if (pen_xml_is_named(tag, "channelProperty") && contexts->in_source && !tag->closes)
		return take_resolution(contexts, tag, status);
	else if (pen_xml_is_named(tag, "traceFormat"))
		return trace_format(contexts, tag, status);
	else if (pen_xml_is_named(tag, "inkSource"))
		return ink_source(contexts, tag, status);
	else if (pen_xml_is_named(tag, "context"))
		return context(contexts, tag, status);
	else if (pen_xml_is_named(tag, "traceGroup"))
		return trace_group(contexts, tag, status);
	return true;
}

const InkFormat *
ink_contexts_of_trace(const InkContexts *contexts, const PenTag *trace, Status *status)
{
	int			format = INK_NONE;

	if (contexts->groups > 0)
		format = contexts->group[contexts->groups - 1];
	if (!refer(contexts, trace, "contextRef", &format, status))
		return NULL;
	if (format == INK_NONE)
		format = contexts->current;
	if (format == INK_NONE)
		format = contexts->first;
	if (format == INK_NONE)
		format = 0;
	if (!contexts->format[format].has[INK_X] || !contexts->format[format].has[INK_Y])
	{
		pen_xml_bad(contexts->text, "the traces have no channels X and Y", status);
		return NULL;
	}
	return &contexts->format[format];
}
