/*
 * cache.c: models that this backend has in memory.
 *
 * A version's weights never change, so what is loaded stays valid under its fingerprint.  What a name means, who may
 * read it, and the calibration do change: those answers are kept for a user and dropped whenever siamese.model or the
 * membership of roles changes, and not kept at all for a user whom row security concerns: a policy may look at anything.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "common/check.h"
#include "common/host.h"
#include "common/settings.h"
#include "model/model.h"
#include "model/references.h"

#define MODELS_KEPT 8

/* What a user's name of a model meant when it was last looked up. */
typedef struct NameKey
{
	Oid			user;
	int			version;
	char		name[LIMIT_MODEL_NAME + 1];
} NameKey;

typedef struct NameEntry
{
	NameKey		key;
	uint64		fingerprint;
} NameEntry;

typedef struct CalibrationKey
{
	Oid			user;
	uint32		filler;			/* zero: keys are compared as bytes */
	uint64		fingerprint;
} CalibrationKey;

typedef struct CalibrationEntry
{
	CalibrationKey key;
	ModelCalibration calibration;
	ReferenceCalibration *references;	/* in reference_memory; NULL: it has none */
} CalibrationEntry;

typedef struct LoadedModel
{
	uint64		fingerprint;
	Model	   *model;
	TimestampTz last_statement; /* that used it: a model in use is never dropped */
} LoadedModel;

static HTAB *names;
static HTAB *calibrations;
static HTAB *models;
static MemoryContext reference_memory;
static Oid	model_table = InvalidOid;
static bool answers_valid;

static void
model_table_changed(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == model_table)
		answers_valid = false;
}

static void
roles_changed(Datum argument, int cache, uint32 hash)
{
	answers_valid = false;
}

static HTAB *
create_table(const char *name, Size key, Size entry)
{
	HASHCTL		control = {.keysize = key, .entrysize = entry, .hcxt = CacheMemoryContext};

	return hash_create(name, 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
clear_table(HTAB *table)
{
	HASH_SEQ_STATUS scan;
	void	   *entry;

	hash_seq_init(&scan, table);
	while ((entry = hash_seq_search(&scan)) != NULL)
		hash_search(table, entry, HASH_REMOVE, NULL);
}

static void
prepare_answers(void)
{
	if (models == NULL)
	{
		CacheRegisterRelcacheCallback(model_table_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, (Datum) 0);
		names = create_table("siamese model names", sizeof(NameKey), sizeof(NameEntry));
		reference_memory = AllocSetContextCreate(CacheMemoryContext, "siamese references", ALLOCSET_SMALL_SIZES);
		calibrations = create_table("siamese calibrations", sizeof(CalibrationKey), sizeof(CalibrationEntry));
		models = create_table("siamese models", sizeof(uint64), sizeof(LoadedModel));
	}
	if (!answers_valid || check_enable_rls(model_table, InvalidOid, true) == RLS_ENABLED)
	{
		clear_table(names);
		clear_table(calibrations);
		MemoryContextReset(reference_memory);
		model_table = get_relname_relid("model", get_namespace_oid("siamese", false));
		answers_valid = true;
	}
}

/* Raises when a plain name has versions, but none that is finished.  Within model_find's SPI connection. */
static void
raise_unfinished(const char *name, int version)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	char	   *newest;

	if (version != 0)
		return;
	if (SPI_execute_with_args("SELECT version FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
							  " ORDER BY version USING OPERATOR(pg_catalog.>) LIMIT 1",
							  1, &type, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read siamese.model");
	if (SPI_processed == 0)
		return;
	newest = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("model \"%s\" has no finished version", name),
			 errhint("CALL siamese.resume('%s') goes on with its training; \"%s@%s\" names the best epoch until now.",
					 name, name, newest)));
}

uint64
model_find(const char *name, int *version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(name), Int32GetDatum(*version)};
	uint64		fingerprint;
	bool		isnull;

	SPI_connect();
	if (SPI_execute_with_args("SELECT fingerprint, version FROM " MODEL_ROW_OF_NAME, 2, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read siamese.model");
	if (SPI_processed == 0)
		raise_unfinished(name, *version);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 *version ? errmsg("model \"%s\" has no version %d", name, *version)
				 : errmsg("model \"%s\" does not exist", name),
				 errhint("SELECT name, version, finished_at FROM siamese.model lists the models; CALL siamese.train(...) makes one.")));
	fingerprint = model_fingerprint_parse(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	*version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_finish();
	return fingerprint;
}

/* Whether the current user may read all weights as they are stored: only then is it given what others read. */
static bool
may_share_weights(void)
{
	Oid			relation = get_relname_relid("model_weights", get_namespace_oid("siamese", false));

	return pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED;
}

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
	model_provide_weights(model, definition, may_share_weights());
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

	prepare_answers();
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
	NameKey		key;
	NameEntry  *answer;
	uint64		fingerprint;

	if (name == NULL)
		name = setting_model;
	if (name == NULL || name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no model is named"),
				 errhint("Pass the model's name, or SET siamese.model.")));
	prepare_answers();
	memset(&key, 0, sizeof key);
	key.user = GetUserId();
	model_parse_name(name, key.name, &key.version);
	answer = hash_search(names, &key, HASH_FIND, NULL);
	if (answer != NULL)
		fingerprint = answer->fingerprint;
	else
	{
		int			version = key.version;

		fingerprint = model_find(key.name, &version);
		/* The look-up may have accepted invalidations, but it read a snapshot taken before: ask again next time then. */
		if (answers_valid)
		{
			answer = hash_search(names, &key, HASH_ENTER, NULL);
			answer->fingerprint = fingerprint;
		}
	}

	return model_by_fingerprint(fingerprint);
}

/* NULL: there is no such model, or the user may not read it. */
static const CalibrationEntry *
find_calibration(uint64 fingerprint)
{
	CalibrationKey key;
	CalibrationEntry *entry;
	ModelCalibration calibration;
	ReferenceCalibration *references;
	MemoryContext caller;
	Oid			type = TEXTOID;
	Datum		value;
	bool		isnull = true;

	prepare_answers();
	memset(&key, 0, sizeof key);
	key.user = GetUserId();
	key.fingerprint = fingerprint;
	entry = hash_search(calibrations, &key, HASH_FIND, NULL);
	if (entry != NULL)
		return entry;

	value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	SPI_connect();
	if (SPI_execute_with_args("SELECT calibration FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1"
							  " ORDER BY created_at USING OPERATOR(pg_catalog.>), version USING OPERATOR(pg_catalog.>) LIMIT 1",
							  1, &type, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read siamese.model");
	if (SPI_processed == 0)
	{
		SPI_finish();
		return NULL;
	}
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		check_raise_damaged_model(psprintf("The model %016llx has no calibration.", (unsigned long long) fingerprint));
	calibration_from_jsonb(DatumGetJsonbP(value), &calibration);
	caller = MemoryContextSwitchTo(reference_memory);
	references = references_from_jsonb(DatumGetJsonbP(value));
	MemoryContextSwitchTo(caller);
	SPI_finish();
	entry = hash_search(calibrations, &key, HASH_ENTER, NULL);
	entry->calibration = calibration;
	entry->references = references;
	return entry;
}

static const CalibrationEntry *
calibration_entry(uint64 fingerprint)
{
	const CalibrationEntry *entry = find_calibration(fingerprint);

	if (entry == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the model that made the embedding is not here"),
				 errdetail("No row of siamese.model that you may read has the fingerprint %016llx.",
						   (unsigned long long) fingerprint),
				 errhint("A threshold belongs to a model: keep the model as long as its embeddings.")));
	return entry;
}

const ModelCalibration *
model_find_calibration(uint64 fingerprint)
{
	const CalibrationEntry *entry = find_calibration(fingerprint);

	return entry ? &entry->calibration : NULL;
}

const ModelCalibration *
model_calibration(uint64 fingerprint)
{
	return &calibration_entry(fingerprint)->calibration;
}

const ReferenceCalibration *
model_references(uint64 fingerprint)
{
	return calibration_entry(fingerprint)->references;
}

void
model_calibration_of(const char *name, ModelCalibration *calibration)
{
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	bool		isnull;

	if (name == NULL)
		name = setting_model;
	model_parse_name(name, plain, &version);
	values[0] = CStringGetTextDatum(plain);
	values[1] = Int32GetDatum(version);
	SPI_connect();
	if (SPI_execute_with_args("SELECT calibration FROM " MODEL_ROW_OF_NAME, 2, types, values, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read siamese.model");
	calibration_from_jsonb(DatumGetJsonbP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)), calibration);
	SPI_finish();
}

/*
 * siamese.model_changed(): the trigger on siamese.model that tells every backend to ask again.
 */
PG_FUNCTION_INFO_V1(siamese_model_changed);

Datum
siamese_model_changed(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcacheByRelid(get_relname_relid("model", get_namespace_oid("siamese", false)));
	return PointerGetDatum(NULL);
}
