/*
 * report_text.c: text and numbers of the report.  The page is well-formed XML, too, so that a test can read it.
 */
#include "postgres.h"

#include <math.h>

#include "common/base64.h"
#include "mb/pg_wchar.h"

#include "evaluation/report.h"
#include "model/stored_calibration.h"

/* In a database of encoding SQL_ASCII, bytes that are not UTF-8 become replacement characters. */
static char *
to_utf8(const char *text)
{
	StringInfoData utf8;

	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		return pg_server_to_any(text, strlen(text), PG_UTF8);
	initStringInfo(&utf8);
	for (int left = strlen(text), length; left > 0; left -= length, text += length)
	{
		length = pg_encoding_verifymbchar(PG_UTF8, text, left);
		if (length > 0)
			appendBinaryStringInfo(&utf8, text, length);
		else
		{
			appendStringInfoString(&utf8, "\xEF\xBF\xBD");
			length = 1;
		}
	}
	return utf8.data;
}

void
report_text(StringInfo out, const char *text, int most)
{
	char	   *utf8 = to_utf8(text);
	const unsigned char *next = (const unsigned char *) utf8;

	for (int n = 0; *next != '\0'; n++)
	{
		int			length = pg_utf_mblen(next);
		pg_wchar	character = length == 1 ? *next : utf8_to_unicode(next);

		if (n == most)
		{
			appendStringInfoString(out, "&#x2026;");
			break;
		}
		if (character == '&' || character == '<' || character == '>' || character == '"' || character == '\'')
			appendStringInfo(out, "&#%d;", (int) character);
		else if (character < ' ' || character == 0x7F || (character >= 0x80 && character < 0xA0) ||
				 (character & 0xFFFE) == 0xFFFE)
			appendStringInfoChar(out, ' ');
		else if (character < 0x7F)
			appendStringInfoChar(out, (char) character);
		else
			appendStringInfo(out, "&#x%x;", (unsigned) character);
		next += length;
	}
}

char *
report_percent_text(double share)
{
	double		percent = 100 * share;

	if (isnan(share))
		return pstrdup("?");
	if (percent != 0 && percent < 0.01)
		return psprintf("%.1g %%", percent);
	return psprintf(percent < 1 ? "%.3f %%" : percent < 99.95 ? "%.2f %%" : "%.1f %%", percent);
}

void
report_percent(StringInfo out, double share, ScoreInterval interval)
{
	appendStringInfo(out, "<b>%s</b>", report_percent_text(share));
	if (!isnan(interval.low))
		appendStringInfo(out, " <small>%s to %s</small>", report_percent_text(interval.low),
						 report_percent_text(interval.high));
}

void
report_count(StringInfo out, int64 count)
{
	char		digits[32];
	int			length = snprintf(digits, sizeof digits, INT64_FORMAT, count);

	for (int i = 0; i < length; i++)
	{
		if (i > 0 && (length - i) % 3 == 0)
			appendStringInfoChar(out, ',');
		appendStringInfoChar(out, digits[i]);
	}
}

void
report_data(StringInfo out, const char *type, const void *bytes, size_t length)
{
	int			room = pg_b64_enc_len((int) length);
	char	   *text = palloc(room + 1);
	int			used = pg_b64_encode(bytes, (int) length, text, room);

	if (used < 0)
		elog(ERROR, "could not encode a picture");
	appendStringInfo(out, "data:%s;base64,", type);
	appendBinaryStringInfo(out, text, used);
	pfree(text);
}
