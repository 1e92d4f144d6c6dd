/*
 * manage.c: siamese.drop_model(model), siamese.rename_model(model, name), and the trigger behind a version that is removed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "common/check.h"
#include "model/model.h"

/* Runs a command of names and versions in the owner's name; the number of rows that it changed. */
static uint64
change(const char *command, int arguments, Datum *values, int expected)
{
	Oid			types[2] = {TEXTOID, arguments == 2 && expected == SPI_OK_DELETE ? INT4OID : TEXTOID};
	ModelActor	caller;

	model_act_as_owner(&caller);
	if (SPI_execute_with_args(command, arguments, types, values, NULL, false, 0) != expected)
		elog(ERROR, "could not execute \"%s\"", command);
	model_act_as_caller(&caller);
	return SPI_processed;
}

void
model_drop_unused_weights(uint64 fingerprint)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(fingerprint));

	if (SPI_execute_with_args("DELETE FROM siamese.model_weights w WHERE w.fingerprint OPERATOR(pg_catalog.=) $1 AND NOT EXISTS"
							  " (SELECT 1 FROM siamese.model m WHERE m.fingerprint OPERATOR(pg_catalog.=) w.fingerprint)",
							  1, &type, &value, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not remove weights");
	if (SPI_processed > 0)
		model_forget_weights(fingerprint);
}

PG_FUNCTION_INFO_V1(siamese_drop_model);

Datum
siamese_drop_model(PG_FUNCTION_ARGS)
{
	char		name[LIMIT_MODEL_NAME + 1];
	int			version;
	Datum		values[2];
	uint64		dropped;

	check_may_write("siamese.drop_model()");
	model_parse_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), name, &version);
	model_lock_name(name, false);
	SPI_connect();
	model_check_owner(name);
	values[0] = CStringGetTextDatum(name);
	values[1] = Int32GetDatum(version);
	dropped = change("DELETE FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 AND"
					 " ($2 OPERATOR(pg_catalog.=) 0 OR version OPERATOR(pg_catalog.=) $2)", 2, values, SPI_OK_DELETE);
	if (dropped == 0)
		model_raise_missing(name, version);
	SPI_finish();
	PG_RETURN_INT32((int32) dropped);
}

PG_FUNCTION_INFO_V1(siamese_rename_model);

Datum
siamese_rename_model(PG_FUNCTION_ARGS)
{
	char	   *old = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *new = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Datum		values[2];

	check_may_write("siamese.rename_model()");
	model_plain_name(old);
	model_plain_name(new);
	model_lock_name(old, false);
	model_lock_name(new, false);
	SPI_connect();
	model_check_owner(old);
	values[0] = CStringGetTextDatum(new);
	if (change("SELECT FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 LIMIT 1", 1, values, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("model \"%s\" already exists", new)));
	values[0] = CStringGetTextDatum(old);
	values[1] = CStringGetTextDatum(new);
	if (change("UPDATE siamese.model SET name = $2 WHERE name OPERATOR(pg_catalog.=) $1", 2, values, SPI_OK_UPDATE) == 0)
		model_raise_missing(old, 0);
	change("UPDATE siamese.training_state SET name = $2 WHERE name OPERATOR(pg_catalog.=) $1", 2, values, SPI_OK_UPDATE);
	change("UPDATE siamese.training_state_part SET name = $2 WHERE name OPERATOR(pg_catalog.=) $1", 2, values, SPI_OK_UPDATE);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(siamese_model_removed);

/* AFTER DELETE ... FOR EACH ROW: weights that no version uses any more go, and the state of the version's training. */
Datum
siamese_model_removed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	descriptor;
	ModelActor	caller;
	Datum		values[2];
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_DELETE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		check_raise_not_trigger("siamese.model_removed()");
	descriptor = RelationGetDescr(data->tg_relation);
	SPI_connect();
	values[0] = SPI_getbinval(data->tg_trigtuple, descriptor, SPI_fnumber(descriptor, "name"), &isnull);
	values[1] = SPI_getbinval(data->tg_trigtuple, descriptor, SPI_fnumber(descriptor, "version"), &isnull);
	change("DELETE FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1"
		   " AND version OPERATOR(pg_catalog.=) $2", 2, values, SPI_OK_DELETE);
	change("DELETE FROM siamese.training_state WHERE name OPERATOR(pg_catalog.=) $1"
		   " AND version OPERATOR(pg_catalog.=) $2", 2, values, SPI_OK_DELETE);
	model_act_as_owner(&caller);
	model_drop_unused_weights(model_fingerprint_parse(SPI_getvalue(data->tg_trigtuple, descriptor,
																	SPI_fnumber(descriptor, "fingerprint"))));
	model_act_as_caller(&caller);
	SPI_finish();
	return PointerGetDatum(NULL);
}
