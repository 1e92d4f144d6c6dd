/*
 * rights.c: who may change models, and in whose name their tables are written.
 *
 * Who may read a row of siamese.model may use the model.  Nobody but the tables' owner may write them, or read weights and
 * states of trainings: functions do that in the owner's place, for single statements of their own, once they have checked
 * what the caller may.  A query that the caller gave never runs so.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "common/check.h"
#include "model/model.h"

void
model_act_as_owner(ModelActor *caller)
{
	Oid			relation = get_relname_relid("model", get_namespace_oid("siamese", false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s\" does not exist", "siamese.model")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(&caller->user, &caller->context);
	SetUserIdAndSecContext(owner, caller->context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
model_act_as_caller(const ModelActor *caller)
{
	SetUserIdAndSecContext(caller->user, caller->context);
}

char *
model_check_owner(const char *name)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	char	   *owner = GetUserNameFromId(GetUserId(), false);
	ModelActor	caller;

	model_act_as_owner(&caller);
	if (SPI_execute_with_args("SELECT created_by FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
							  " ORDER BY version USING OPERATOR(pg_catalog.<) LIMIT 1",
							  1, &type, &value, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read siamese.model");
	model_act_as_caller(&caller);
	if (SPI_processed > 0)
	{
		Oid			role;

		owner = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		role = get_role_oid(owner, true);
		if (!superuser() && (!OidIsValid(role) || !has_privs_of_role(GetUserId(), role)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("must be owner of model \"%s\"", name),
					 errhint("Its owner is the role that made its first version; take another name for a model of your own.")));
	}
	return owner;
}
