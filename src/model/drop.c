/*
 * drop.c: siamese.drop_model(model), and the trigger that removes what belongs to a removed version.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/drop.h"
#include "model/names.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/shared_weights.h"
#include "model/stored_weights.h"

void
model_drop_unused_weights(uint64 fingerprint)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(fingerprint));

	if (spi_execute("DELETE FROM siamese.model_weights w WHERE w.fingerprint OPERATOR(pg_catalog.=) $1 AND NOT EXISTS"
					" (SELECT 1 FROM siamese.model m WHERE m.fingerprint OPERATOR(pg_catalog.=) w.fingerprint)",
					1, &type, &value, SPI_OK_DELETE) > 0)
		shared_weights_remove(fingerprint);
}

PG_FUNCTION_INFO_V1(siamese_drop_model);

Datum
siamese_drop_model(PG_FUNCTION_ARGS)
{
	char		name[LIMIT_MODEL_NAME + 1];
	int			version;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	ModelCaller caller;
	uint64		dropped;

	check_may_write("siamese.drop_model()");
	model_parse_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), name, &version);
	model_lock_name(name, false);
	SPI_connect();
	model_check_owner(name);
	values[0] = CStringGetTextDatum(name);
	values[1] = Int32GetDatum(version);
	model_act_as_owner(&caller);
	dropped = spi_execute("DELETE FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 AND"
						  " ($2 OPERATOR(pg_catalog.=) 0 OR version OPERATOR(pg_catalog.=) $2)",
						  2, types, values, SPI_OK_DELETE);
	model_act_as_caller(&caller);
	if (dropped == 0)
		model_raise_missing(name, version);
	SPI_finish();
	PG_RETURN_INT32((int32) dropped);
}

PG_FUNCTION_INFO_V1(siamese_model_removed);

/* AFTER DELETE ... FOR EACH ROW: removes weights that no version uses any more, and the checkpoint of the version's training. */
Datum
siamese_model_removed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	descriptor;
	ModelCaller caller;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_DELETE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		check_raise_not_trigger("siamese.model_removed()");
	descriptor = RelationGetDescr(data->tg_relation);
	SPI_connect();
	values[0] = SPI_getbinval(data->tg_trigtuple, descriptor, SPI_fnumber(descriptor, "name"), &isnull);
	values[1] = SPI_getbinval(data->tg_trigtuple, descriptor, SPI_fnumber(descriptor, "version"), &isnull);
	model_act_as_owner(&caller);
	spi_execute("DELETE FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1"
				" AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
	spi_execute("DELETE FROM siamese.training_state WHERE name OPERATOR(pg_catalog.=) $1"
				" AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
	model_drop_unused_weights(model_fingerprint_parse(SPI_getvalue(data->tg_trigtuple, descriptor,
																	SPI_fnumber(descriptor, "fingerprint"))));
	model_act_as_caller(&caller);
	SPI_finish();
	return PointerGetDatum(NULL);
}
