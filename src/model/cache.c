/*
 * cache.c: models that this backend has in memory.
 *
 * A version's weights never change, so what is loaded stays valid under its fingerprint.  Who may use it is asked anew in
 * each statement, with the name (lookup.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/host.h"
#include "common/settings.h"
#include "model/model.h"

#define MODELS_KEPT 8

typedef struct LoadedModel
{
	uint64		fingerprint;
	Model	   *model;
	TimestampTz last_statement; /* that used it: a model in use is never dropped */
} LoadedModel;

static HTAB *models;

/* Builds the model in a context of its own below the current one; the caller keeps it. */
static Model *
load_model(uint64 fingerprint)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	Jsonb	   *definition;
	Model	   *model;
	Status		status;
	bool		isnull;

	SPI_connect();
	if (SPI_execute_with_args("SELECT definition FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1",
							  1, &type, &value, NULL, true, 1) != SPI_OK_SELECT || SPI_processed == 0)
		elog(ERROR, "could not read siamese.model");
	definition = DatumGetJsonbP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));

	caller = MemoryContextSwitchTo(context);
	model = palloc0(sizeof(Model));
	model->fingerprint = fingerprint;
	model->context = context;
	model->definition = definition_from_jsonb(definition);
	model->network = network_create(model->definition, host_server(), &status);
	if (model->network == NULL)
		check_raise_status(&status);
	model->metric = model->definition->metric;
	model->dimensions = network_dimensions(model->network);
	model->workspace = network_workspace_create(model->network, model->definition->views, false, host_server(), &status);
	if (model->workspace == NULL)
		check_raise_status(&status);
	model->raster = palloc(network_sample_bytes(model->definition));
	MemoryContextSwitchTo(caller);
	model_provide_weights(model, definition);
	network_workspace_use(model->workspace, model->packed);
	SPI_finish();
	return model;
}

/* Makes room for one more model: the one whose last use is longest ago goes, unless this statement uses them all. */
static void
drop_oldest_model(void)
{
	HASH_SEQ_STATUS scan;
	LoadedModel *entry;
	LoadedModel *oldest = NULL;

	if (hash_get_num_entries(models) < MODELS_KEPT)
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

		drop_oldest_model();
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
				 errmsg("no model is named"),
				 errhint("Pass the model's name, or SET siamese.model.")));
	return model_by_fingerprint(model_find_named(name));
}
