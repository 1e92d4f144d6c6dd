/*
 * rights.c: who may change models, and running statements as the owner of their tables.
 *
 * Whoever may read a row of siamese.model may use the model.  Only the tables' owner may write them, or read weights and
 * checkpoints: functions become the owner for single statements of their own, after they have checked the caller's rights.
 * A query that the caller gave never runs as the owner.
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

#include "common/spi.h"
#include "model/rights.h"

void
model_check_release(Oid relation)
{
	if (get_attnum(relation, "promoted_at") == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("extension \"siamese\" of this database is of an older release than its library"),
				 errhint("Run ALTER EXTENSION siamese UPDATE.")));
}

void
model_act_as_owner(ModelCaller *caller)
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
	model_check_release(relation);
	GetUserIdAndSecContext(&caller->user, &caller->context);
	SetUserIdAndSecContext(owner, caller->context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
model_act_as_caller(const ModelCaller *caller)
{
	SetUserIdAndSecContext(caller->user, caller->context);
}

char *
model_check_owner(const char *name)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	char	   *owner = GetUserNameFromId(GetUserId(), false);
	ModelCaller caller;

	model_act_as_owner(&caller);
	spi_execute("SELECT created_by FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
				" ORDER BY version USING OPERATOR(pg_catalog.<) LIMIT 1", 1, &type, &value, SPI_OK_SELECT);
	model_act_as_caller(&caller);
	if (SPI_processed > 0)
	{
		Oid			role;

		owner = spi_text(1);
		role = get_role_oid(owner, true);
		if (!superuser() && (!OidIsValid(role) || !has_privs_of_role(GetUserId(), role)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("must be owner of model \"%s\"", name),
					 errhint("The role that made its first version owns the name; choose another name for a model of your own.")));
	}
	return owner;
}
