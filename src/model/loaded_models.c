/*
 * loaded_models.c: the models that this backend has in memory.
 *
 * A version's weights never change, so what is loaded stays valid under its fingerprint.  Whether the user may read the
 * model's row is checked in each statement, when the name is looked up (row_cache.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "common/settings.h"
#include "common/spi.h"
#include "model/definition_jsonb.h"
#include "model/model.h"
#include "model/pair_scorer.h"
#include "model/row_cache.h"
#include "model/server_network.h"
#include "model/shared_weights.h"
#include "model/stored_weights.h"

#define MODELS_LOADED 8			/* more only while one statement uses them all */

typedef struct LoadedModel
{
	uint64		fingerprint;
	Model	   *model;
	TimestampTz last_statement; /* that used it; its models are not dropped before it ends */
} LoadedModel;

static HTAB *models;

/* In a context of its own below the current one, so that an error frees it. */
static Model *
load_model(uint64 fingerprint)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	Jsonb	   *definition;
	Model	   *model;
	bool		isnull;

	SPI_connect();
	if (spi_read("SELECT definition FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1",
				 1, &type, &value, 1) == 0)
		elog(ERROR, "siamese.model has no row with the fingerprint %s", model_fingerprint_text(fingerprint));
	definition = DatumGetJsonbP(spi_datum(1, &isnull));

	caller = MemoryContextSwitchTo(context);
	model = palloc0(sizeof(Model));
	model->fingerprint = fingerprint;
	model->context = context;
	model->definition = definition_from_jsonb(definition);
	model->network = server_network(model->definition);
	model->metric = model->definition->metric;
	model->dimensions = network_dimensions(model->network);
	model->raster = palloc(network_sample_bytes(model->definition));
	MemoryContextSwitchTo(caller);
	shared_weights_provide(model, definition);
	MemoryContextSwitchTo(context);
	if (network_head(model->network) != NULL)
	{
		model->scorer = pair_scorer_of_model(model, thread_pool_create(1), 1);
		model->side = palloc(2 * network_side_bytes(model->network));
	}
	else
		model->workspace = server_workspace(model->network, model->definition->views, false, model->packed);
	MemoryContextSwitchTo(caller);
	SPI_finish();
	return model;
}

/* Makes room for one more model: drops the least recently used one, unless this statement uses them all. */
static void
drop_least_recent_model(void)
{
	HASH_SEQ_STATUS scan;
	LoadedModel *entry;
	LoadedModel *oldest = NULL;

	if (hash_get_num_entries(models) < MODELS_LOADED)
		return;
	hash_seq_init(&scan, models);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->last_statement != GetCurrentStatementStartTimestamp() &&
			(oldest == NULL || entry->last_statement < oldest->last_statement))
			oldest = entry;
	if (oldest != NULL)
	{
		MemoryContextDelete(oldest->model->context);
		hash_search(models, &oldest->fingerprint, HASH_REMOVE, NULL);
	}
}

Model *
model_by_fingerprint(uint64 fingerprint)
{
	LoadedModel *loaded;

	if (models == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(uint64), .entrysize = sizeof(LoadedModel), .hcxt = CacheMemoryContext};

		models = hash_create("siamese models", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	loaded = hash_search(models, &fingerprint, HASH_FIND, NULL);
	if (loaded == NULL)
	{
		Model	   *model = load_model(fingerprint);

		drop_least_recent_model();
		loaded = hash_search(models, &fingerprint, HASH_ENTER, NULL);
		loaded->model = model;
		MemoryContextSetParent(model->context, CacheMemoryContext);
	}
	loaded->last_statement = GetCurrentStatementStartTimestamp();
	return loaded->model;
}

Model *
model_by_name(const char *name)
{
	if (name == NULL)
		name = setting_model;
	if (name == NULL || name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no model is given"),
				 errhint("Pass the model's name, or SET siamese.model.")));
	return model_by_fingerprint(model_find_named(name));
}
