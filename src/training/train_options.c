/*
 * train_options.c: the options of train(): some for the training itself, others change the network's definition for it.
 *
 * "loss", "optimizer", "training" and "join" change the definition.  An object of another "type" replaces the definition's;
 * one of the same type, or without a type, changes single settings of it.  The network room checks the result.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/settings.h"
#include "training/train_options.h"

#define MOST_MINUTES 525600		/* a year */

static JsonbValue
text_value(const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = (char *) text;
	value.val.string.len = (int) strlen(text);
	return value;
}

static JsonbValue *
find_member(JsonbContainer *object, const JsonbValue *key)
{
	return getKeyJsonValueFromContainer(object, key->val.string.val, key->val.string.len, NULL);
}

static bool
is_object(const JsonbValue *value)
{
	return value != NULL && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

static void
push_value(JsonbParseState **state, JsonbValue *value)
{
	pushJsonbValue(state, WJB_VALUE, value);
}

/* Whether change has another "type" than base: then no setting of base applies to it. */
static bool
changes_type(JsonbContainer *base, JsonbContainer *change)
{
	JsonbValue	key = text_value("type");
	JsonbValue *old = find_member(base, &key);
	JsonbValue *new = find_member(change, &key);

	return old != NULL && new != NULL && old->type == jbvString && new->type == jbvString &&
		(old->val.string.len != new->val.string.len ||
		 memcmp(old->val.string.val, new->val.string.val, old->val.string.len) != 0);
}

/* Pushes one object: the members of base, replaced or merged with those of change, and what only change has. */
static JsonbValue *
push_merged(JsonbParseState **state, JsonbContainer *base, JsonbContainer *change)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	check_stack_depth();
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	iterator = JsonbIteratorInit(base);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		JsonbValue *over;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		pushJsonbValue(state, WJB_KEY, &key);
		over = find_member(change, &key);
		if (over == NULL)
			push_value(state, &value);
		else if (is_object(over) && is_object(&value) && !changes_type(value.val.binary.data, over->val.binary.data))
			push_merged(state, value.val.binary.data, over->val.binary.data);
		else
			push_value(state, over);
	}
	iterator = JsonbIteratorInit(change);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		if (find_member(base, &key) == NULL)
		{
			pushJsonbValue(state, WJB_KEY, &key);
			push_value(state, &value);
		}
	}
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
bad_option(const char *name, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value of the option \"%s\"", name),
			 errdetail("It must be %s.", expected)));
}

static double
number_of(const JsonbValue *value)
{
	return value->type == jbvNumeric
		? DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value->val.numeric))) : 0;
}

/* {"training": {"self_forgeries": value}}, the long form of the option. */
static Jsonb *
self_forgeries_change(JsonbValue *value)
{
	JsonbParseState *state = NULL;
	JsonbValue	training = text_value("training");
	JsonbValue	key = text_value("self_forgeries");

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &training);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	push_value(&state, value);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* True for an option of the training itself; false for one that changes the definition.  Raises on any other. */
static bool
read_option(const char *name, const JsonbValue *value, TrainOptions *options)
{
	if (strcmp(name, "threads") == 0)
	{
		double		number = number_of(value);

		if (number < 1 || number > LIMIT_THREADS || number != rint(number))
			bad_option(name, psprintf("a whole number from 1 to %d", LIMIT_THREADS));
		if (number > setting_training_threads)
			bad_option(name, psprintf("at most siamese.training_threads, which is %d", setting_training_threads));
		options->threads = (int) number;
		return true;
	}
	if (strcmp(name, "strict") == 0)
	{
		if (value->type != jbvBool)
			bad_option(name, "true or false");
		options->strict = value->val.boolean;
		return true;
	}
	if (strcmp(name, "promote") == 0)
	{
		if (value->type != jbvBool)
			bad_option(name, "true or false");
		options->promotion = value->val.boolean ? PROMOTE_ALWAYS : PROMOTE_NEVER;
		return true;
	}
	if (strcmp(name, "max_minutes") == 0)
	{
		double		number = number_of(value);

		if (!(number > 0 && number <= MOST_MINUTES))
			bad_option(name, psprintf("a number of minutes above 0, at most %d", MOST_MINUTES));
		options->max_minutes = number;
		return true;
	}
	if (strcmp(name, "start") == 0)
	{
		if (value->type != jbvString)
			bad_option(name, "the name of a model, or name@version");
		options->start = pnstrdup(value->val.string.val, value->val.string.len);
		return true;
	}
	if (strcmp(name, "learn_last") == 0)
	{
		double		number = number_of(value);

		if (value->type != jbvNumeric || fabs(number) > 1e9 || number != rint(number))
			bad_option(name, "a whole number, of layers with weights");
		options->learn_last = (int) number;
		return true;
	}
	if (strcmp(name, "self_forgeries") == 0)
	{
		double		number = number_of(value);

		if (number < 0 || number > LIMIT_BATCH || number != rint(number))
			bad_option(name, psprintf("a whole number from 0 to %d", LIMIT_BATCH));
		return true;
	}
	if (strcmp(name, "loss") == 0 || strcmp(name, "optimizer") == 0 || strcmp(name, "training") == 0)
	{
		if (!is_object(value))
			bad_option(name, "a JSON object");
	}
	else if (strcmp(name, "join") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown option \"%s\"", name),
				 errhint("The options are threads, strict, promote, max_minutes, start, learn_last, self_forgeries, join, loss, optimizer and training.")));
	return false;
}

/* Whether {"training": {"held_out": ...}} is among the options. */
static bool
asks_held_out(Jsonb *given)
{
	JsonbValue	training = text_value("training");
	JsonbValue	held_out = text_value("held_out");
	JsonbValue *value = find_member(&given->root, &training);

	return is_object(value) && find_member(value->val.binary.data, &held_out) != NULL;
}

char *
train_options_start(Jsonb *given)
{
	JsonbValue	key = text_value("start");
	JsonbValue *value = JB_ROOT_IS_OBJECT(given) ? find_member(&given->root, &key) : NULL;

	return value != NULL && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

void
train_options_read(Jsonb *given, Jsonb *network_definition, TrainOptions *options)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;
	JsonbParseState *changes = NULL;
	JsonbParseState *merged = NULL;
	JsonbValue	self_forgeries = text_value("self_forgeries");
	JsonbValue *more;
	Jsonb	   *change;

	options->threads = setting_training_threads;
	options->given = given;
	options->strict = true;
	options->promotion = PROMOTE_IF_HARMLESS;
	options->max_minutes = 0;
	options->start = NULL;
	options->learn_last = LEARN_ALL;
	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options are not a JSON object")));
	if (!JB_ROOT_IS_OBJECT(network_definition))
		check_raise_definition("It is not a JSON object.");

	pushJsonbValue(&changes, WJB_BEGIN_OBJECT, NULL);
	iterator = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		const char *name;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		name = pnstrdup(key.val.string.val, key.val.string.len);
		if (!read_option(name, &value, options))
		{
			pushJsonbValue(&changes, WJB_KEY, &key);
			push_value(&changes, &value);
		}
	}
	if (options->learn_last != LEARN_ALL && options->start == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the option \"learn_last\" needs the option \"start\""),
				 errdetail("The layers that do not learn would keep random weights."),
				 errhint("Name the model to begin from: {\"start\": \"...\", \"learn_last\": %d}.", options->learn_last)));
	change = JsonbValueToJsonb(pushJsonbValue(&changes, WJB_END_OBJECT, NULL));
	options->definition = JsonbValueToJsonb(push_merged(&merged, &network_definition->root, &change->root));
	options->held_out = asks_held_out(given);
	more = find_member(&given->root, &self_forgeries);
	if (more != NULL)
	{
		merged = NULL;
		options->definition = JsonbValueToJsonb(push_merged(&merged, &options->definition->root, &self_forgeries_change(more)->root));
	}
}

void
train_options_resume(TrainOptions *options)
{
	JsonbValue	strict = text_value("strict");
	JsonbValue	minutes = text_value("max_minutes");
	JsonbValue	promote = text_value("promote");
	JsonbValue	learn_last = text_value("learn_last");
	JsonbValue *value;

	value = find_member(&options->given->root, &strict);
	options->strict = value == NULL || value->type != jbvBool || value->val.boolean;
	value = find_member(&options->given->root, &minutes);
	options->max_minutes = value != NULL ? number_of(value) : 0;
	value = find_member(&options->given->root, &promote);
	options->promotion = value == NULL || value->type != jbvBool ? PROMOTE_IF_HARMLESS
		: value->val.boolean ? PROMOTE_ALWAYS : PROMOTE_NEVER;
	options->held_out = asks_held_out(options->given);
	options->start = NULL;
	value = find_member(&options->given->root, &learn_last);
	options->learn_last = value != NULL ? (int) number_of(value) : LEARN_ALL;
}

void
train_options_set_start(TrainOptions *options, const char *start)
{
	JsonbValue	key = text_value("start");
	JsonbValue	value = text_value(start);
	JsonbParseState *changes = NULL;
	JsonbParseState *merged = NULL;
	Jsonb	   *change;

	pushJsonbValue(&changes, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&changes, WJB_KEY, &key);
	push_value(&changes, &value);
	change = JsonbValueToJsonb(pushJsonbValue(&changes, WJB_END_OBJECT, NULL));
	options->given = JsonbValueToJsonb(push_merged(&merged, &options->given->root, &change->root));
}
