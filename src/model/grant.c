/*
 * grant.c: siamese.grant_use(role), grant_train(role) and their counterparts: two sets of rights, each by one call.
 *
 * Whoever may execute these functions may give and take the sets: the statements run as the owner of the schema's tables.  So an
 * officer who is no superuser can be given that right, and no other, by GRANT EXECUTE.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/spi.h"
#include "model/rights.h"

/* Rights, and what they are on. */
static const char *const use[][2] = {
	{"USAGE", "SCHEMA siamese"},
	{"SELECT", "siamese.model, siamese.model_examples, siamese.network, siamese.pretrained, siamese.training, siamese.training_epoch,"
	" siamese.training_progress, siamese.embedding_progress"},
	{"SELECT, INSERT, UPDATE, DELETE", "siamese.embedding_run"}
};

static const char *const train[][2] = {
	{"EXECUTE", "PROCEDURE siamese.train, siamese.resume, siamese.train_tracker, siamese.migrate_column"},
	{"EXECUTE", "FUNCTION siamese.calibrate, siamese.promote, siamese.rename_model, siamese.drop_model, siamese.install_model,"
	" siamese.import_model, siamese.import_onnx, siamese.export_model, siamese.export_onnx"},
	{"INSERT", "siamese.network"}
};

/* As a statement names it; raises if there is no such role. */
static const char *
role_of(FunctionCallInfo fcinfo)
{
	const char *name = NameStr(*PG_GETARG_NAME(0));

	return get_role_oid_or_public(name) == ACL_ID_PUBLIC ? "PUBLIC" : quote_identifier(name);
}

static void
run(const char *const set[][2], int count, const char *verb, const char *preposition, const char *role)
{
	for (int i = 0; i < count; i++)
		spi_execute(psprintf("%s %s ON %s %s %s", verb, set[i][0], set[i][1], preposition, role), 0, NULL, NULL, SPI_OK_UTILITY);
}

static void
give(const char *const set[][2], int count, const char *role)
{
	run(set, count, "GRANT", "TO", role);
}

static void
take(const char *const set[][2], int count, const char *role)
{
	run(set, count, "REVOKE", "FROM", role);
}

/* A role may have a right from elsewhere, which REVOKE passes over in silence. */
static void
report_left(FunctionCallInfo fcinfo, const char *has, const char *what, const char *function)
{
	Oid			type = NAMEOID;
	Datum		value = PG_GETARG_DATUM(0);
	bool		isnull;

	spi_execute(psprintf("SELECT %s", has), 1, &type, &value, SPI_OK_SELECT);
	if (DatumGetBool(spi_datum(1, &isnull)))
		ereport(NOTICE,
				(errmsg("role \"%s\" may still %s", NameStr(*PG_GETARG_NAME(0)), what),
				 errdetail("It has that right from PUBLIC, as a member of another role, or as a superuser."),
				 errhint("SELECT %s('public') takes it from PUBLIC.", function)));
}

/* ---- the four functions ------------------------------------------------------------------------------------------------ */

static void
grant_use(FunctionCallInfo fcinfo, const char *role)
{
	give(use, lengthof(use), role);
}

static void
grant_train(FunctionCallInfo fcinfo, const char *role)
{
	give(use, lengthof(use), role);
	give(train, lengthof(train), role);
}

/* Without the rights to use models, those to train them are of no use: both go. */
static void
revoke_use(FunctionCallInfo fcinfo, const char *role)
{
	take(train, lengthof(train), role);
	take(use, lengthof(use), role);
	report_left(fcinfo, "pg_catalog.has_table_privilege($1, 'siamese.model', 'SELECT')", "use models", "siamese.revoke_use");
}

static void
revoke_train(FunctionCallInfo fcinfo, const char *role)
{
	take(train, lengthof(train), role);
	report_left(fcinfo, "pg_catalog.has_function_privilege($1,"
				" 'siamese.train(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.int4,pg_catalog.int8,pg_catalog.jsonb)', 'EXECUTE')",
				"train models", "siamese.revoke_train");
}

/* Runs one of them as the owner; name is what a message calls it. */
static Datum
act(FunctionCallInfo fcinfo, const char *name, void (*change) (FunctionCallInfo fcinfo, const char *role))
{
	const char *role = role_of(fcinfo);
	ModelCaller caller;

	check_may_write(name);
	SPI_connect();
	model_act_as_owner(&caller);
	change(fcinfo, role);
	model_act_as_caller(&caller);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(siamese_grant_use);

Datum
siamese_grant_use(PG_FUNCTION_ARGS)
{
	return act(fcinfo, "siamese.grant_use()", grant_use);
}

PG_FUNCTION_INFO_V1(siamese_grant_train);

Datum
siamese_grant_train(PG_FUNCTION_ARGS)
{
	return act(fcinfo, "siamese.grant_train()", grant_train);
}

PG_FUNCTION_INFO_V1(siamese_revoke_use);

Datum
siamese_revoke_use(PG_FUNCTION_ARGS)
{
	return act(fcinfo, "siamese.revoke_use()", revoke_use);
}

PG_FUNCTION_INFO_V1(siamese_revoke_train);

Datum
siamese_revoke_train(PG_FUNCTION_ARGS)
{
	return act(fcinfo, "siamese.revoke_train()", revoke_train);
}
