/*
 * settings_internal.h: rules for the settings of a definition, one a key: what it may hold, and where it is stored.
 */
#ifndef SIAMESE_NETWORK_SETTINGS_INTERNAL_H
#define SIAMESE_NETWORK_SETTINGS_INTERNAL_H

#include "network/definition.h"

typedef enum RuleKind
{
	RULE_INTEGER,				/* int */
	RULE_SIDES,					/* int [2], height and width: 3 or [3, 5] */
	RULE_MARGINS,				/* SettingMargins: 1, [1, 2]: height and width, or [1, 2, 3, 4]: top, left, bottom, right */
	RULE_REAL,					/* double */
	RULE_COLOURS,				/* double [3], of red, green and blue: 0.5 or [0.4, 0.5, 0.6] */
	RULE_BOOLEAN,				/* bool */
	RULE_CHOICE,				/* int, or an enum: index into choices */
	RULE_CHOICES,				/* SettingChoices: an array of them */
	RULE_TYPE,					/* pointer to one of a table of types */
	RULE_NAME,					/* char [LAYER_NAME] */
	RULE_REFERENCE,				/* LayerReference: the number or the name of a layer */
	RULE_REFERENCES				/* LayerReference [MOST_REFERENCES]: one of them, or an array */
} RuleKind;

/* A list of rules ends with a NULL key. */
typedef struct SettingRule
{
	const char *key;
	RuleKind	kind;
	size_t		offset;			/* in the target of setting_store() */
	double		least;
	double		most;
	const void *choices;		/* of RULE_CHOICE and RULE_CHOICES: const char *const [], of RULE_TYPE: const void *const [],
								 * pointers to structures whose first member is their name; both end with NULL */
} SettingRule;

#define MOST_CHOICES 32

typedef struct SettingChoices
{
	int			count;
	int			choice[MOST_CHOICES];	/* index into choices, from 1; 0: not given */
} SettingChoices;

typedef struct SettingMargins
{
	int			count;			/* 0: not given; of one number 4; of an array its length, which may be wrong */
	int			side[4];
} SettingMargins;

#define LAYER_NAME 32
#define MOST_REFERENCES 8

typedef struct LayerReference
{
	bool		given;
	int			number;			/* from 1; 0: the network's input */
	char		name[LAYER_NAME];	/* unless it is "": instead of the number */
} LayerReference;

/*
 * Stores a setting in target by the rules; common, such rules too, may be NULL.  key is the part of the path below the
 * place that where names in messages.
 */
extern bool setting_store(const SettingRule *rules, const SettingRule *common, const char *where, const char *key,
						  const NetworkSetting *setting, void *target, Status *status);

#endif
