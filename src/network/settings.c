/*
 * settings.c: one setting of a definition, checked by a rule and stored.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "network/settings_internal.h"

/* "type, maps, kernel": what is known at a place, for the hint; cut at a comma if it does not fit. */
static void
list_keys(const SettingRule *rules, char *list, size_t size)
{
	for (; rules != NULL && rules->key != NULL; rules++)
	{
		size_t		length = strlen(list);

		if (length + strlen(rules->key) + 8 > size)
		{
			snprintf(list + length, size - length, ", ...");
			return;
		}
		snprintf(list + length, size - length, "%s%s", length > 0 ? ", " : "", rules->key);
	}
}

/* "[12]": an element of an array. */
static bool
is_element(const char *text, int *element)
{
	int			number = 0;

	if (*text++ != '[' || *text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
	{
		if (number < MOST_CHOICES)
			number = number * 10 + (*text - '0');
	}
	*element = number;
	return text[0] == ']' && text[1] == '\0';
}

/* The rule for a key, and for RULE_SIDES which side, -1: both; for arrays which element.  NULL if there is none. */
static const SettingRule *
find_rule(const SettingRule *rules, const char *key, int *side)
{
	*side = -1;
	for (; rules != NULL && rules->key != NULL; rules++)
	{
		size_t		length = strlen(rules->key);

		if (strcmp(rules->key, key) == 0)
			return rules;
		if (rules->kind == RULE_SIDES && strncmp(rules->key, key, length) == 0 &&
			(strcmp(key + length, "[0]") == 0 || strcmp(key + length, "[1]") == 0))
		{
			*side = key[length + 1] - '0';
			return rules;
		}
		if ((rules->kind == RULE_CHOICES || rules->kind == RULE_REFERENCES || rules->kind == RULE_MARGINS) &&
			strncmp(rules->key, key, length) == 0 && is_element(key + length, side) &&
			(rules->kind != RULE_MARGINS || *side < 4))
			return rules;
		if (rules->kind == RULE_COLOURS && strncmp(rules->key, key, length) == 0 && is_element(key + length, side) && *side < 3)
			return rules;
		*side = -1;
	}
	return NULL;
}

/* An empty object stands where rules know keys below it. */
static bool
is_known_group(const SettingRule *rules, const char *key)
{
	size_t		length = strlen(key);

	for (; rules != NULL && rules->key != NULL; rules++)
	{
		if (strncmp(rules->key, key, length) == 0 && rules->key[length] == '.')
			return true;
	}
	return false;
}

static bool
wrong_kind(const char *where, const char *key, const char *wanted, Status *status)
{
	return status_set(status, STATUS_DEFINITION, "", "%s: \"%s\" must be %s.", where, key, wanted);
}

static bool
store_number(const SettingRule *rule, int side, const char *where, const char *key, const NetworkSetting *setting,
			 char *place, Status *status)
{
	double		number = setting->number;

	if (setting->kind != SETTING_NUMBER)
		return wrong_kind(where, key, "a number", status);
	if (!(number >= rule->least && number <= rule->most))
		return status_set(status, STATUS_DEFINITION, "", "%s: \"%s\" is %g but must be from %.10g to %.10g.",
						  where, key, number, rule->least, rule->most);
	if (rule->kind == RULE_REAL || rule->kind == RULE_COLOURS)
	{
		for (int i = 0; i < (rule->kind == RULE_COLOURS ? 3 : 1); i++)
			if (side < 0 || side == i)
				memcpy(place + i * sizeof(number), &number, sizeof(number));
		return true;
	}
	if (number != floor(number))
		return status_set(status, STATUS_DEFINITION, "", "%s: \"%s\" is %g but must be a whole number.",
						  where, key, number);
	if (rule->kind == RULE_INTEGER)
		((int *) place)[0] = (int) number;
	else if (rule->kind == RULE_MARGINS)
	{
		SettingMargins *margins = (SettingMargins *) place;

		for (int i = 0; i < 4; i++)
			if (side < 0 || side == i)
				margins->side[i] = (int) number;
		if (side < 0)
			margins->count = 4;
		else if (margins->count <= side)
			margins->count = side + 1;
	}
	else
	{
		if (side != 1)
			((int *) place)[0] = (int) number;
		if (side != 0)
			((int *) place)[1] = (int) number;
	}
	return true;
}

/* The name of a rule's choice; NULL after the last one. */
static const char *
choice_name(const SettingRule *rule, int i)
{
	const char *const *names = rule->choices;
	const void *const *types = rule->choices;

	if (rule->kind != RULE_TYPE)
		return names[i];
	return types[i] != NULL ? *(const char *const *) types[i] : NULL;
}

static bool
find_choice(const SettingRule *rule, const char *where, const char *key, const char *text, int *choice, Status *status)
{
	char		hint[STATUS_TEXT] = "One of: ";
	const char *name;

	for (int i = 0; (name = choice_name(rule, i)) != NULL; i++)
	{
		if (strcmp(name, text) == 0)
		{
			*choice = i;
			return true;
		}
		snprintf(hint + strlen(hint), sizeof(hint) - strlen(hint), "%s%s", i > 0 ? ", " : "", name);
	}
	snprintf(hint + strlen(hint), sizeof(hint) - strlen(hint), ".");
	return status_set(status, STATUS_DEFINITION, hint, "%s: \"%s\" is unknown for \"%s\".", where, text, key);
}

static bool
store_element(const SettingRule *rule, int element, const char *where, const char *key, const NetworkSetting *setting,
			  SettingChoices *list, Status *status)
{
	int			choice;

	if (element < 0)
		return wrong_kind(where, key, "an array of texts", status);
	if (element >= MOST_CHOICES)
		return status_set(status, STATUS_DEFINITION, "", "%s: \"%s\" has more than %d elements.", where, rule->key,
						  MOST_CHOICES);
	if (setting->kind != SETTING_TEXT)
		return wrong_kind(where, key, "a text", status);
	if (!find_choice(rule, where, rule->key, setting->text, &choice, status))
		return false;
	list->choice[element] = choice + 1;
	if (list->count <= element)
		list->count = element + 1;
	return true;
}

static bool
store_type(const SettingRule *rule, const char *where, const char *key, const NetworkSetting *setting, char *place,
		   Status *status)
{
	const void *const *types = rule->choices;
	int			choice;

	if (setting->kind != SETTING_TEXT)
		return wrong_kind(where, key, "a text", status);
	if (!find_choice(rule, where, key, setting->text, &choice, status))
		return false;
	memcpy(place, &types[choice], sizeof(types[choice]));
	return true;
}

static bool
store_name(const char *where, const char *key, const char *text, char *place, Status *status)
{
	if (text[0] == '\0' || strlen(text) >= LAYER_NAME)
		return status_set(status, STATUS_DEFINITION, "", "%s: \"%s\" must have 1 to %d bytes.", where, key,
						  LAYER_NAME - 1);
	snprintf(place, LAYER_NAME, "%s", text);
	return true;
}

static bool
store_reference(const SettingRule *rule, const char *where, const char *key, const NetworkSetting *setting,
				LayerReference *reference, Status *status)
{
	SettingRule number = *rule;

	reference->given = true;
	if (setting->kind == SETTING_TEXT)
		return store_name(where, key, setting->text, reference->name, status);
	number.kind = RULE_INTEGER;
	return store_number(&number, -1, where, key, setting, (char *) &reference->number, status);
}

/* An element of an array, or the only one, not in an array. */
static bool
store_references(const SettingRule *rule, int element, const char *where, const char *key, const NetworkSetting *setting,
				 LayerReference *list, Status *status)
{
	if (element >= MOST_REFERENCES)
		return status_set(status, STATUS_DEFINITION, "", "%s: \"%s\" has more than %d elements.", where, rule->key,
						  MOST_REFERENCES);
	return store_reference(rule, where, key, setting, &list[element > 0 ? element : 0], status);
}

bool
setting_store(const SettingRule *rules, const SettingRule *common, const char *where, const char *key,
			  const NetworkSetting *setting, void *target, Status *status)
{
	int			side;
	const SettingRule *rule = find_rule(rules, key, &side);
	char	   *place;

	if (rule == NULL)
		rule = find_rule(common, key, &side);
	if (rule == NULL)
	{
		char		list[STATUS_TEXT - 16] = "";
		char		hint[STATUS_TEXT];

		if (setting->kind == SETTING_EMPTY && (is_known_group(rules, key) || is_known_group(common, key)))
			return true;
		list_keys(common, list, sizeof(list));
		list_keys(rules, list, sizeof(list));
		snprintf(hint, sizeof(hint), "Known here: %s.", list);
		return status_set(status, STATUS_DEFINITION, hint, "%s: setting \"%.64s\" is unknown.", where, key);
	}
	if (setting->kind == SETTING_EMPTY)
		return true;			/* null: the default */

	place = (char *) target + rule->offset;
	switch (rule->kind)
	{
		case RULE_BOOLEAN:
			if (setting->kind != SETTING_BOOLEAN)
				return wrong_kind(where, key, "true or false", status);
			*(bool *) place = setting->number != 0;
			return true;
		case RULE_CHOICE:
			if (setting->kind != SETTING_TEXT)
				return wrong_kind(where, key, "a text", status);
			return find_choice(rule, where, key, setting->text, (int *) place, status);
		case RULE_TYPE:
			return store_type(rule, where, key, setting, place, status);
		case RULE_CHOICES:
			return store_element(rule, side, where, key, setting, (SettingChoices *) place, status);
		case RULE_NAME:
			if (setting->kind != SETTING_TEXT)
				return wrong_kind(where, key, "a text", status);
			return store_name(where, key, setting->text, place, status);
		case RULE_REFERENCE:
			return store_reference(rule, where, key, setting, (LayerReference *) place, status);
		case RULE_REFERENCES:
			return store_references(rule, side, where, key, setting, (LayerReference *) place, status);
		case RULE_INTEGER:
		case RULE_SIDES:
		case RULE_MARGINS:
		case RULE_REAL:
		case RULE_COLOURS:
			return store_number(rule, side, where, key, setting, place, status);
	}
	return false;
}
