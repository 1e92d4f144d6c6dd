/*
 * xml.c: tags of an XML document.
 *
 * No entities, no external references: a document type declaration is an error.
 */
#include "pen/pen_internal.h"

bool
pen_xml_bad(const PenText *text, const char *what, Status *status)
{
	return status_set(status, STATUS_PEN_FORMAT, "", "Line %d: %s.", pen_text_line(text), what);
}

/* Skips past the next occurrence of a mark. */
static bool
skip_past(PenText *text, const char *mark, Status *status)
{
	size_t		length = strlen(mark);

	for (; (size_t) (text->end - text->at) >= length; text->at++)
	{
		if (memcmp(text->at, mark, length) == 0)
		{
			text->at += length;
			return true;
		}
	}
	return pen_xml_bad(text, "unterminated comment or processing instruction", status);
}

static bool
is_name_end(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '/' || c == '>' || c == '=';
}

bool
pen_xml_is_named(const PenTag *tag, const char *name)
{
	return tag->name_length == strlen(name) && memcmp(tag->name, name, tag->name_length) == 0;
}

bool
pen_xml_next(PenText *text, PenTag *tag, bool *found, Status *status)
{
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
			if (!skip_past(text, "?>", status))
				return false;
		}
		else if (text->at[1] == '!')
		{
			if (text->end - text->at < 4 || memcmp(text->at, "<!--", 4) != 0)
				return pen_xml_bad(text, "declarations and CDATA sections are not supported", status);
			if (!skip_past(text, "-->", status))
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
		return pen_xml_bad(text, "unterminated tag", status);
	tag->empty = start[-1] == '/';
	tag->end = start;
	text->at = start + 1;
	*found = true;
	return true;
}

bool
pen_xml_attribute(const PenTag *tag, const char *name, PenText *value)
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

bool
pen_text_equals(const PenText *value, const char *text)
{
	return (size_t) (value->end - value->at) == strlen(text) && memcmp(value->at, text, strlen(text)) == 0;
}
