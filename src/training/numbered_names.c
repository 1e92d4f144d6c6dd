/*
 * numbered_names.c: texts numbered by their first appearance.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "training/numbered_names.h"

#define NAME_BYTES 160			/* of a name, besides the text */

typedef struct NameEntry
{
	const char *name;			/* the key; hashed and compared as a string */
	int			number;
} NameEntry;

static uint32
name_hash(const void *key, Size size)
{
	const char *name = *(const char *const *) key;

	return DatumGetUInt32(hash_any((const unsigned char *) name, strlen(name)));
}

static int
name_match(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

NumberedNames *
numbered_names_create(void)
{
	NumberedNames *names = palloc0(sizeof(NumberedNames));
	HASHCTL		control = {
		.keysize = sizeof(char *), .entrysize = sizeof(NameEntry),
		.hash = name_hash, .match = name_match, .hcxt = CurrentMemoryContext
	};

	names->context = CurrentMemoryContext;
	names->numbers = hash_create("siamese names", 1024, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	names->room = 1024;
	names->name = palloc(sizeof(char *) * names->room);
	return names;
}

int
numbered_names_number(NumberedNames *names, const char *name)
{
	bool		found;
	NameEntry  *entry = hash_search(names->numbers, &name, HASH_ENTER, &found);

	if (!found)
	{
		if (names->count == names->room)
		{
			names->room *= 2;
			names->name = repalloc_huge(names->name, sizeof(char *) * names->room);
		}
		entry->name = MemoryContextStrdup(names->context, name);
		entry->number = names->count++;
		names->name[entry->number] = (char *) entry->name;
		names->bytes += NAME_BYTES + strlen(name);
	}
	return entry->number;
}

void
numbered_names_freeze(NumberedNames *names)
{
	hash_destroy(names->numbers);
	names->numbers = NULL;
}
