/*
 * names.c: names of models: their syntax, and the lock on making the next version.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"

#include "common/compat.h"
#include "common/limits.h"
#include "common/settings.h"
#include "model/names.h"

bool
model_try_parse_name(const char *name, char *plain, int *version)
{
	const char *at = strrchr(name, '@');
	size_t		length = at ? (size_t) (at - name) : strlen(name);

	*version = 0;
	if (at != NULL)
	{
		char	   *end;
		long		number = strtol(at + 1, &end, 10);

		*version = at[1] < '1' || at[1] > '9' || *end != '\0' || number > PG_INT32_MAX ? -1 : (int) number;
	}
	if (*version < 0 || length == 0 || length > LIMIT_MODEL_NAME)
		return false;
	memset(plain, 0, LIMIT_MODEL_NAME + 1);
	memcpy(plain, name, length);
	return true;
}

void
model_parse_name(const char *name, char *plain, int *version)
{
	if (model_try_parse_name(name, plain, version))
		return;
	if (*version < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid version of a model: \"%s\"", name),
				 errhint("Write name@version, for example \"signatures@3\".")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("invalid name of a model: \"%s\"", name),
			 errdetail("A name has 1 to %d bytes.", LIMIT_MODEL_NAME)));
}

void
model_plain_name(const char *name)
{
	int			version;
	char		plain[LIMIT_MODEL_NAME + 1];

	model_parse_name(name, plain, &version);
	if (strchr(name, '@') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a model: \"%s\"", name),
				 errhint("Leave out \"@\": versions are numbered automatically.")));
}

static LOCKTAG session_tag;		/* a session makes one version at a time */

/*
 * A hash of the name as an object of the table siamese.model: no advisory lock of a user's can conflict with it.  part: 1 to make
 * the next version, 2 to promote one.
 */
static LOCKTAG
name_tag(const char *name, uint16 part)
{
	Oid			relation = get_relname_relid("model", get_namespace_oid("siamese", false));
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, relation, DatumGetUInt32(hash_any((const unsigned char *) name, strlen(name))), part);
	return tag;
}

void
model_lock_name(const char *name, bool session)
{
	LOCKTAG		tag = name_tag(name, 1);

	if (LockAcquire(&tag, ExclusiveLock, session, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("model \"%s\" is being trained by another session", name),
				 errhint("siamese.training_progress shows how far it is.")));
	if (session)
		session_tag = tag;
}

/* Also called after an error, so it must not look anything up. */
void
model_unlock_name(void)
{
	LockRelease(&session_tag, ExclusiveLock, true);
}

void
model_lock_promotion(const char *name)
{
	LOCKTAG		tag = name_tag(name, 2);

	LockAcquire(&tag, ExclusiveLock, false, false);
}

const char *
model_trigger_argument(bytea *arguments, int n)
{
	const char *argument = VARDATA_ANY(arguments);

	for (int i = 0; i < n; i++)
		argument += strlen(argument) + 1;
	return argument;
}

const char *
model_trigger_model(bytea *arguments, int count)
{
	if (count > 2)
		return model_trigger_argument(arguments, 2);
	return setting_model != NULL ? setting_model : "";
}
