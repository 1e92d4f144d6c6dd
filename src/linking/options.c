/*
 * options.c: options that are numbers, as jsonb.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "linking/options.h"

static void
raise_unknown(const char *name, const NumberOption *option, int count)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < count; i++)
		appendStringInfo(&known, "%s%s", i == 0 ? "" : i == count - 1 ? " and " : ", ", option[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option \"%s\"", name),
			 errhint("The options are %s.", known.data)));
}

static void
read_number(const JsonbValue *value, const NumberOption *option)
{
	double		number = value->type != jbvNumeric ? NAN :
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));

	if (!(number >= option->least && number <= option->most) || (option->whole && number != rint(number)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value of the option \"%s\"", option->name),
				 errdetail("It must be a %s from %g to %g.", option->whole ? "whole number" : "number", option->least, option->most)));
	*option->value = number;
}

void
options_read(Jsonb *given, const NumberOption *option, int count)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options are not a JSON object")));
	iterator = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		const char *name;
		int			i = 0;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		name = pnstrdup(key.val.string.val, key.val.string.len);
		while (i < count && strcmp(option[i].name, name) != 0)
			i++;
		if (i == count)
			raise_unknown(name, option, count);
		read_number(&value, &option[i]);
	}
}

void
check_frame_rate(double rate)
{
	if (!(rate >= LEAST_FRAME_RATE && rate <= MOST_FRAME_RATE))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("frame rate is out of range: %g", rate),
				 errdetail("It must be from %g to %g frames a second.", LEAST_FRAME_RATE, MOST_FRAME_RATE)));
}
