/*
 * rename.c: siamese.rename_model(model, name).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/spi.h"
#include "model/names.h"
#include "model/rights.h"
#include "model/row_lookup.h"

PG_FUNCTION_INFO_V1(siamese_rename_model);

Datum
siamese_rename_model(PG_FUNCTION_ARGS)
{
	char	   *old = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *new = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			types[2] = {TEXTOID, TEXTOID};
	Datum		values[2];
	ModelCaller caller;
	uint64		renamed;

	check_may_write("siamese.rename_model()");
	model_plain_name(old);
	model_plain_name(new);
	model_lock_name(old, false);
	model_lock_name(new, false);
	SPI_connect();
	model_check_owner(old);
	values[0] = CStringGetTextDatum(old);
	values[1] = CStringGetTextDatum(new);
	model_act_as_owner(&caller);
	if (spi_execute("SELECT FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1 LIMIT 1",
					1, types, &values[1], SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("model \"%s\" already exists", new)));
	renamed = spi_execute("UPDATE siamese.model SET name = $2 WHERE name OPERATOR(pg_catalog.=) $1",
						  2, types, values, SPI_OK_UPDATE);
	spi_execute("UPDATE siamese.training_state SET name = $2 WHERE name OPERATOR(pg_catalog.=) $1",
				2, types, values, SPI_OK_UPDATE);
	spi_execute("UPDATE siamese.training_state_part SET name = $2 WHERE name OPERATOR(pg_catalog.=) $1",
				2, types, values, SPI_OK_UPDATE);
	model_act_as_caller(&caller);
	if (renamed == 0)
		model_raise_missing(old, 0);
	SPI_finish();
	PG_RETURN_VOID();
}
