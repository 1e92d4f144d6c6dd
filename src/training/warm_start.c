/*
 * warm_start.c: the option "start" of train(): training begins with another model's weights.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/spi.h"
#include "model/definition_jsonb.h"
#include "model/names.h"
#include "model/row_lookup.h"
#include "model/server_network.h"
#include "model/stored_weights.h"
#include "network/network.h"
#include "training/learner.h"
#include "training/train_options.h"
#include "training/training.h"

void
warm_start_resolve(Training *training)
{
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;

	if (training->request.options.start == NULL)
		return;
	model_parse_name(training->request.options.start, plain, &version);
	training->start_fingerprint = model_find(plain, &version);
	train_options_set_start(&training->request.options, psprintf("%s@%d", plain, version));
}

/* All memory for it is freed before the first step. */
void
warm_start_load(Training *training)
{
	MemoryContext context;
	MemoryContext caller;
	Oid			type = TEXTOID;
	Datum		value;
	Network    *network;
	real	   *weights;
	Status		status;
	bool		isnull;

	if (training->request.options.start == NULL)
		return;
	context = AllocSetContextCreate(training->context, "siamese start", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	value = CStringGetTextDatum(model_fingerprint_text(training->start_fingerprint));
	if (spi_execute("SELECT definition FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1",
					1, &type, &value, SPI_OK_SELECT) != 1)
		check_raise_damaged_model(psprintf("Version %s was removed.", training->request.options.start));
	value = spi_datum(1, &isnull);
	network = server_network(definition_from_jsonb(DatumGetJsonbP(value)));
	weights = server_reals(network_weight_count(network));
	model_load_weights(training->start_fingerprint, weights, network_weight_count(network));
	if (!network_copy_weights(network, weights, training->learner->network, training->learner->weights, &status))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has other layers than the network to be trained", training->request.options.start),
				 errdetail("%s", status.detail),
				 errhint("Leave the network out: then it is the model's own.")));
	learner_set_weights(training->learner);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
