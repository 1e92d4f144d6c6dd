/*
 * network_help.c: see network_help.h.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "network_help.h"

#define MOST_SETTINGS 16384	/* an imported network may have a thousand layers */
#define PATH_BYTES 96

static NetworkSetting settings[MOST_SETTINGS];
static char paths[MOST_SETTINGS][PATH_BYTES];
static char texts[MOST_SETTINGS][PATH_BYTES];
static int	setting_count;

/* Fuzzers link this file too, and they are no cmocka programs. */
static void
need(bool condition, const char *what, const char *more)
{
	if (condition)
		return;
	fprintf(stderr, "%s: %s\n", what, more);
	abort();
}

static const char *
skip_blank(const char *text)
{
	return text + strspn(text, " \n\t,:");
}

/* One quoted text; returns behind it. */
static const char *
read_text(const char *text, char *to)
{
	size_t		length = strcspn(text + 1, "'");

	snprintf(to, PATH_BYTES, "%.*s", (int) length, text + 1);
	return text + length + 2;
}

static const char *
read_value(const char *text, const char *path)
{
	NetworkSetting *setting;
	char		key[PATH_BYTES];
	char		below[2 * PATH_BYTES + 16];
	bool		object = *text == '{';
	char	   *end;

	if ((object && *skip_blank(text + 1) != '}') || (*text == '[' && *skip_blank(text + 1) != ']'))
	{
		text = skip_blank(text + 1);
		for (int i = 0; *text != '}' && *text != ']'; i++)
		{
			if (object)
			{
				text = skip_blank(read_text(text, key));
				snprintf(below, sizeof(below), "%s%s%s", path, *path != '\0' ? "." : "", key);
			}
			else
				snprintf(below, sizeof(below), "%s[%d]", path, i);
			text = skip_blank(read_value(text, below));
		}
		return text + 1;
	}

	need(setting_count < MOST_SETTINGS, "too many settings", path);
	setting = &settings[setting_count];
	snprintf(paths[setting_count], PATH_BYTES, "%s", path);
	*setting = (NetworkSetting) {.path = paths[setting_count], .text = texts[setting_count]};
	setting_count++;
	if (*text == '\'')
	{
		setting->kind = SETTING_TEXT;
		return read_text(text, texts[setting - settings]);
	}
	if (*text == '{' || *text == '[')
	{
		setting->kind = SETTING_EMPTY;
		return skip_blank(text + 1) + 1;
	}
	if (strncmp(text, "null", 4) == 0)
	{
		setting->kind = SETTING_EMPTY;
		return text + 4;
	}
	if (strncmp(text, "true", 4) == 0 || strncmp(text, "false", 5) == 0)
	{
		setting->kind = SETTING_BOOLEAN;
		setting->number = *text == 't';
		return text + (*text == 't' ? 4 : 5);
	}
	setting->kind = SETTING_NUMBER;
	setting->number = strtod(text, &end);
	need(end != text, "not JSON", text);
	return end;
}

const NetworkSetting *
help_settings(const char *text, int *count)
{
	setting_count = 0;
	read_value(skip_blank(text), "");
	*count = setting_count;
	return settings;
}

NetworkDefinition *
help_define(const char *text)
{
	Status		status;
	int			count;
	const NetworkSetting *leaves = help_settings(text, &count);
	NetworkDefinition *definition = network_define(leaves, count, test_host(), &status);

	need(definition != NULL, "refused", status.detail);
	return definition;
}

Network *
help_network(const char *text)
{
	Status		status;
	NetworkDefinition *definition = help_define(text);
	Host	   *host = test_host();
	Network    *network = network_create(definition, host, &status);

	need(network != NULL, "no network", status.detail);
	host_release(host, definition);
	return network;
}

void
help_refused(const char *text, Status *status)
{
	int			count;
	const NetworkSetting *leaves = help_settings(text, &count);
	NetworkDefinition *definition;

	memset(status, 0, sizeof(*status));
	definition = network_define(leaves, count, test_host(), status);
	need(definition == NULL, "accepted", text);
}

void
help_fill(real *values, size_t count, unsigned seed)
{
	for (size_t i = 0; i < count; i++)
	{
		uint32_t	hash = (uint32_t) (i + 1) * 2654435761u + seed * 40503u;

		hash ^= hash >> 15;
		hash *= 2246822519u;
		hash ^= hash >> 13;
		values[i] = (real) ((hash >> 8) / 8388608.0 - 1);
	}
}
