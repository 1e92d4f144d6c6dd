/*
 * text.c: text input and output of embedding and ball; what a reference's takes is in reference_text.c.
 *
 *   embedding:  [1,2,3]                       no model, distance l2
 *               [1,2,3]@l1                    no model
 *               [1,2,3]@l1:0123456789abcdef   the model of this fingerprint
 *   ball:       <EMBEDDING,RADIUS>
 *
 * White space may stand around each number and around the whole.  Numbers are printed with the fewest digits that
 * give the same float back.
 */
#include "postgres.h"

#include <errno.h>
#include <math.h>

#include "common/shortest_dec.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "embedding/embedding.h"
#include "embedding/embedding_internal.h"

PG_FUNCTION_INFO_V1(siamese_embedding_in);
PG_FUNCTION_INFO_V1(siamese_embedding_out);
PG_FUNCTION_INFO_V1(siamese_ball_in);
PG_FUNCTION_INFO_V1(siamese_ball_out);

#define FINGERPRINT_DIGITS 16

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void
text_skip_space(TextParser *parser)
{
	while (is_space(*parser->at))
		parser->at++;
}

bool
text_take(TextParser *parser, char c)
{
	if (*parser->at != c)
		return false;
	parser->at++;
	return true;
}

bool
text_fail(TextParser *parser, const char *detail)
{
	return check_bad_text(parser->escontext, parser->type_name, parser->text, "%s", detail);
}

/* A float with white space around; an underflow is rounded to 0, as every decimal is rounded. */
static bool
parse_float(TextParser *parser, float *value)
{
	const char *start;
	char	   *end;

	text_skip_space(parser);
	start = parser->at;
	errno = 0;
	*value = strtof(start, &end);
	if (end == start)
		return text_fail(parser, "There must be a number before each comma and before \"]\".");
	if (errno == ERANGE && isinf(*value))
		return check_text_range(parser->escontext, parser->type_name, start, (int) (end - start));
	parser->at = end;
	text_skip_space(parser);
	return true;
}

bool
text_parse_double(TextParser *parser, double *value, const char *missing)
{
	const char *start;
	char	   *end;

	text_skip_space(parser);
	start = parser->at;
	errno = 0;
	*value = strtod(start, &end);
	if (end == start)
		return text_fail(parser, missing);
	if (errno == ERANGE && isinf(*value))
		return check_text_range(parser->escontext, parser->type_name, start, (int) (end - start));
	parser->at = end;
	text_skip_space(parser);
	return true;
}

/* Exactly 16 hexadecimal digits, not all 0. */
static bool
parse_fingerprint(TextParser *parser, uint64 *model)
{
	int			digits = 0;

	*model = 0;
	for (; is_name_character(*parser->at); parser->at++, digits++)
	{
		char		c = *parser->at;
		int			digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0 || digits == FINGERPRINT_DIGITS)
			return text_fail(parser, "The model's fingerprint must have 16 hexadecimal digits and no more.");
		*model = *model << 4 | (uint64) digit;
	}
	if (digits != FINGERPRINT_DIGITS)
		return text_fail(parser, "The model's fingerprint must have 16 hexadecimal digits.");
	if (*model == 0)
		return text_fail(parser, "The model's fingerprint must not be zero.");
	return true;
}

/* What follows "]": nothing, "@metric" or "@metric:fingerprint". */
static bool
parse_origin(TextParser *parser, Metric *metric, uint64 *model)
{
	const char *start;

	*metric = METRIC_L2;
	*model = 0;
	if (!text_take(parser, '@'))
		return true;
	start = parser->at;
	while (is_name_character(*parser->at))
		parser->at++;
	if (!metric_of_name(start, parser->at - start, metric))
		return text_fail(parser, "After \"@\" must stand the distance: \"l2\", \"l1\" or \"cosine\".");
	return !text_take(parser, ':') || parse_fingerprint(parser, model);
}

Embedding *
text_parse_embedding(TextParser *parser)
{
	Embedding  *embedding;
	int64		dimensions = 1;
	Metric		metric;

	text_skip_space(parser);
	if (!text_take(parser, '['))
	{
		text_fail(parser, "An embedding must begin with \"[\".");
		return NULL;
	}
	text_skip_space(parser);
	if (*parser->at == ']')
		dimensions = 0;
	for (const char *c = parser->at; *c != '\0' && *c != ']'; c++)
		if (*c == ',')
			dimensions++;
	if (!check_dimensions(dimensions, parser->escontext))
		return NULL;

	embedding = embedding_allocate((int) dimensions, METRIC_L2, 0);
	for (int i = 0; i < dimensions; i++)
	{
		if (i > 0 && !text_take(parser, ','))
		{
			text_fail(parser, "There must be a comma or \"]\" after each number.");
			return NULL;
		}
		if (!parse_float(parser, &embedding->x[i]))
			return NULL;
	}
	if (!text_take(parser, ']'))
	{
		text_fail(parser, "There must be a comma or \"]\" after each number.");
		return NULL;
	}
	if (!parse_origin(parser, &metric, &embedding->model) || !embedding_finish_soft(embedding, parser->escontext))
		return NULL;
	embedding->metric = (uint8) metric;
	return embedding;
}

bool
text_parse_end(TextParser *parser)
{
	text_skip_space(parser);
	return *parser->at == '\0' || text_fail(parser, "There is junk at the end.");
}

void
text_append_embedding(StringInfo out, const Embedding *embedding)
{
	enlargeStringInfo(out, embedding->dimensions * (FLOAT_SHORTEST_DECIMAL_LEN + 1));
	for (int i = 0; i < embedding->dimensions; i++)
	{
		char		number[FLOAT_SHORTEST_DECIMAL_LEN];

		appendStringInfoChar(out, i == 0 ? '[' : ',');
		appendBinaryStringInfo(out, number, float_to_shortest_decimal_bufn(embedding->x[i], number));
	}
	appendStringInfoChar(out, ']');
	if (embedding->model != 0)
		appendStringInfo(out, "@%s:%016llx", metric_name((Metric) embedding->metric),
						 (unsigned long long) embedding->model);
	else if (embedding->metric != METRIC_L2)
		appendStringInfo(out, "@%s", metric_name((Metric) embedding->metric));
}

Datum
siamese_embedding_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	TextParser		parser = {"embedding", text, text, fcinfo->context};
	Embedding  *embedding = text_parse_embedding(&parser);

	if (embedding == NULL || !text_parse_end(&parser) ||
		!check_expected_dimensions(PG_GETARG_INT32(2), embedding->dimensions, parser.escontext))
		PG_RETURN_NULL();
	PG_RETURN_EMBEDDING(embedding);
}

Datum
siamese_embedding_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	text_append_embedding(&out, PG_GETARG_EMBEDDING(0));
	PG_RETURN_CSTRING(out.data);
}

Datum
siamese_ball_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	TextParser		parser = {"ball", text, text, fcinfo->context};
	Embedding  *center;
	double		radius;

	text_skip_space(&parser);
	if (!text_take(&parser, '<'))
	{
		text_fail(&parser, "A ball must begin with \"<\".");
		PG_RETURN_NULL();
	}
	center = text_parse_embedding(&parser);
	if (center == NULL)
		PG_RETURN_NULL();
	text_skip_space(&parser);
	if (!text_take(&parser, ','))
	{
		text_fail(&parser, "There must be a comma between the centre and the radius.");
		PG_RETURN_NULL();
	}
	if (!text_parse_double(&parser, &radius, "There must be a number for the radius."))
		PG_RETURN_NULL();
	if (!text_take(&parser, '>'))
	{
		text_fail(&parser, "There must be \">\" after the radius.");
		PG_RETURN_NULL();
	}
	if (!text_parse_end(&parser) || !check_radius(radius, parser.escontext))
		PG_RETURN_NULL();
	PG_RETURN_BALL(ball_make(center, radius));
}

Datum
siamese_ball_out(PG_FUNCTION_ARGS)
{
	Ball	   *ball = PG_GETARG_BALL(0);
	char		number[DOUBLE_SHORTEST_DECIMAL_LEN];
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '<');
	text_append_embedding(&out, ball_center(ball));
	appendStringInfoChar(&out, ',');
	appendBinaryStringInfo(&out, number, double_to_shortest_decimal_bufn(ball->radius, number));
	appendStringInfoChar(&out, '>');
	PG_RETURN_CSTRING(out.data);
}
