/*
 * lookup.c: what the rows of siamese.model say: which version a name means, and which calibration counts for a fingerprint.
 *
 * They are read as the current user and under the snapshot of whoever asks.  An answer is kept for that user, and holds as
 * long as the question comes from the same statement of the client, under a snapshot that sees the same: whoever changes a row,
 * in whatever way, is seen by the first snapshot that sees the row.  So a statement reads each row once, by a plan that is
 * kept.  For a user whom row security concerns no answer is kept: a policy may look at anything.
 *
 * What a calibration's jsonb was read into stays as long as the row holds the same bytes, and if it does not, until the end of
 * the transaction: a pointer to it is good for that long, whatever is called meanwhile.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
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
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "common/check.h"
#include "common/settings.h"
#include "model/model.h"

#define ANSWERS_KEPT 256		/* of each kind; then all are forgotten */

/* ---- how long an answer holds --------------------------------------------------------------------------------------- */

/* What the answers were read with. */
typedef struct View
{
	TimestampTz statement;
	SnapshotData snapshot;		/* its lists are in xids: first those of xip, then those of subxip */
	TransactionId *xids;
	Size		room;			/* for so many xids */
	char		setting[LIMIT_MODEL_NAME + 16]; /* siamese.model, which decides between calibrations */
} View;

static View view;
static bool view_valid;			/* false: privileges or subtransactions changed */
static uint64 view_number;		/* rises with each other view: answers say theirs */

static void
relation_changed(Datum argument, Oid relation)
{
	view_valid = false;
}

static void
rights_changed(Datum argument, int cache, uint32 hash)
{
	view_valid = false;
}

/* What a subtransaction has written is gone with it, but the snapshot looks the same. */
static void
subtransaction_ended(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *argument)
{
	view_valid = false;
}

/* A copied snapshot has no list of subtransactions where that overflowed. */
static Size
subxids(const SnapshotData *snapshot)
{
	return snapshot->subxip != NULL && snapshot->subxcnt > 0 ? (Size) snapshot->subxcnt : 0;
}

/* Whether both snapshots see the same. */
static bool
same_snapshot(const SnapshotData *a, const SnapshotData *b)
{
	return a->xmin == b->xmin && a->xmax == b->xmax && a->curcid == b->curcid &&
		a->suboverflowed == b->suboverflowed && a->takenDuringRecovery == b->takenDuringRecovery &&
		a->xcnt == b->xcnt && subxids(a) == subxids(b) &&
		(a->xcnt == 0 || memcmp(a->xip, b->xip, sizeof(TransactionId) * a->xcnt) == 0) &&
		(subxids(a) == 0 || memcmp(a->subxip, b->subxip, sizeof(TransactionId) * subxids(a)) == 0);
}

static void
keep_view(const SnapshotData *snapshot, const char *setting)
{
	Size		needed = snapshot->xcnt + subxids(snapshot);

	view_number++;
	view_valid = false;
	if (view.room < needed || view.xids == NULL)
	{
		Size		room = Max(needed, 64);

		view.room = 0;
		view.xids = view.xids == NULL ? MemoryContextAlloc(CacheMemoryContext, sizeof(TransactionId) * room)
			: repalloc(view.xids, sizeof(TransactionId) * room);
		view.room = room;
	}
	view.statement = GetCurrentStatementStartTimestamp();
	view.snapshot = *snapshot;
	view.snapshot.subxcnt = (int32) subxids(snapshot);
	view.snapshot.xip = view.xids;
	view.snapshot.subxip = view.xids + snapshot->xcnt;
	if (snapshot->xcnt > 0)
		memcpy(view.snapshot.xip, snapshot->xip, sizeof(TransactionId) * snapshot->xcnt);
	if (subxids(snapshot) > 0)
		memcpy(view.snapshot.subxip, snapshot->subxip, sizeof(TransactionId) * subxids(snapshot));
	strlcpy(view.setting, setting, sizeof view.setting);
	view_valid = true;
}

/* ---- the answers ----------------------------------------------------------------------------------------------------- */

typedef struct NameKey
{
	Oid			user;
	int			version;
	char		name[LIMIT_MODEL_NAME + 1];
} NameKey;

typedef struct NameEntry
{
	NameKey		key;
	uint64		view;
	uint64		fingerprint;
} NameEntry;

typedef struct CalibrationKey
{
	Oid			user;
	uint32		filler;			/* zero: keys are compared as bytes */
	uint64		fingerprint;
} CalibrationKey;

typedef struct CalibrationAnswer
{
	MemoryContext context;		/* holds all of it */
	ModelCalibration calibration;
	ReferenceCalibration *references;	/* NULL: it has none */
	Jsonb	   *source;			/* what it was read from */
} CalibrationAnswer;

typedef struct CalibrationEntry
{
	CalibrationKey key;
	uint64		view;
	CalibrationAnswer *answer;
} CalibrationEntry;

static HTAB *names;
static HTAB *calibrations;

static HTAB *
create_table(const char *name, Size key, Size entry)
{
	HASHCTL		control = {.keysize = key, .entrysize = entry, .hcxt = CacheMemoryContext};

	return hash_create(name, 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Whoever points to it may go on until the end of the transaction. */
static void
retire(CalibrationAnswer *answer)
{
	if (answer != NULL)
		MemoryContextSetParent(answer->context, TopTransactionContext);
}

static void
forget_answers(void)
{
	HASH_SEQ_STATUS scan;
	NameEntry  *name;
	CalibrationEntry *entry;

	hash_seq_init(&scan, names);
	while ((name = hash_seq_search(&scan)) != NULL)
		hash_search(names, &name->key, HASH_REMOVE, NULL);
	hash_seq_init(&scan, calibrations);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		retire(entry->answer);
		hash_search(calibrations, &entry->key, HASH_REMOVE, NULL);
	}
}

/* To be called before an answer is looked for: the number of the view that it must have been read with. */
static uint64
current_view(void)
{
	const char *setting = setting_model ? setting_model : "";
	Oid			model_table;

	if (names == NULL)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, rights_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, rights_changed, (Datum) 0);
		RegisterSubXactCallback(subtransaction_ended, NULL);
		calibrations = create_table("siamese calibrations", sizeof(CalibrationKey), sizeof(CalibrationEntry));
		names = create_table("siamese model names", sizeof(NameKey), sizeof(NameEntry));
	}
	if (hash_get_num_entries(names) > ANSWERS_KEPT || hash_get_num_entries(calibrations) > ANSWERS_KEPT)
		forget_answers();
	if (!ActiveSnapshotSet())
		return ++view_number;
	model_table = get_relname_relid("model", get_namespace_oid("siamese", false));
	if (!view_valid || view.statement != GetCurrentStatementStartTimestamp() ||
		!same_snapshot(&view.snapshot, GetActiveSnapshot()) || strncmp(view.setting, setting, sizeof view.setting - 1) != 0 ||
		check_enable_rls(model_table, InvalidOid, true) == RLS_ENABLED)
		keep_view(GetActiveSnapshot(), setting);
	return view_number;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/*
 * Inside an SPI connection: runs a query that reads siamese.model, as the current user, by the plan in *kept, which is made when
 * there is none.  A kept plan asks again for the right to read the table, but not for that to look into its schema.
 */
static void
read_rows(SPIPlanPtr *kept, const char *query, int arguments, Oid *types, Datum *values)
{
	Oid			namespace = get_namespace_oid("siamese", false);
	AclResult	right = compat_namespace_right(namespace, GetUserId(), ACL_USAGE);

	if (right != ACLCHECK_OK)
		aclcheck_error(right, OBJECT_SCHEMA, "siamese");
	if (*kept == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(query, arguments, types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare the reading of siamese.model");
		*kept = plan;
	}
	if (SPI_execute_plan(*kept, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read siamese.model");
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

void
model_raise_missing(const char *name, int version)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 version ? errmsg("model \"%s\" has no version %d", name, version)
			 : errmsg("model \"%s\" does not exist", name),
			 errhint("SELECT name, version, finished_at FROM siamese.model lists the models; CALL siamese.train(...) makes one.")));
}

uint64
model_find(const char *name, int *version)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(name), Int32GetDatum(*version)};
	uint64		fingerprint;
	bool		isnull;

	SPI_connect();
	read_rows(&plan, "SELECT fingerprint, version FROM " MODEL_ROW_OF_NAME, 2, types, values);
	if (SPI_processed == 0)
		raise_unfinished(name, *version);
	if (SPI_processed == 0)
		model_raise_missing(name, *version);
	fingerprint = model_fingerprint_parse(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	*version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_finish();
	return fingerprint;
}

uint64
model_find_named(const char *name)
{
	uint64		number = current_view();
	NameKey		key;
	NameEntry  *entry;
	uint64		fingerprint;
	int			version;

	memset(&key, 0, sizeof key);
	key.user = GetUserId();
	model_parse_name(name, key.name, &key.version);
	entry = hash_search(names, &key, HASH_FIND, NULL);
	if (entry != NULL && entry->view == number)
		return entry->fingerprint;
	version = key.version;
	fingerprint = model_find(key.name, &version);
	entry = hash_search(names, &key, HASH_ENTER, NULL);
	entry->view = number;
	entry->fingerprint = fingerprint;
	return fingerprint;
}

/*
 * Of the rows with a fingerprint ($3) the one whose calibration counts: the version that the setting siamese.model names ($1,
 * $2); else that of the name which has had the fingerprint for longest, and of its versions the one that its plain name
 * would mean.  The order in which copies came does not matter then.
 */
#define CALIBRATION_THAT_COUNTS \
	"WITH named AS (SELECT name, version FROM " MODEL_ROW_OF_NAME ")" \
	" SELECT calibration, name, version FROM siamese.model m WHERE fingerprint OPERATOR(pg_catalog.=) $3" \
	" ORDER BY EXISTS (SELECT FROM named n WHERE n.name OPERATOR(pg_catalog.=) m.name" \
	" AND n.version OPERATOR(pg_catalog.=) m.version) USING OPERATOR(pg_catalog.>)," \
	" (name OPERATOR(pg_catalog.=) (SELECT h.name FROM siamese.model h WHERE h.fingerprint OPERATOR(pg_catalog.=) $3" \
	" ORDER BY h.created_at USING OPERATOR(pg_catalog.<), h.name USING OPERATOR(pg_catalog.<) LIMIT 1)) USING OPERATOR(pg_catalog.>)," \
	" finished_at USING OPERATOR(pg_catalog.>) NULLS LAST, version USING OPERATOR(pg_catalog.>) LIMIT 1"

/* Inside an SPI connection; false: there is no such row. */
static bool
read_calibration(uint64 fingerprint)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[3] = {TEXTOID, INT4OID, TEXTOID};
	Datum		values[3];
	char		name[LIMIT_MODEL_NAME + 1] = "";
	int			version = 0;

	/* a name that cannot be one is no version's */
	if (setting_model == NULL || !model_try_parse_name(setting_model, name, &version))
		name[0] = '\0';
	values[0] = CStringGetTextDatum(name);
	values[1] = Int32GetDatum(version);
	values[2] = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	read_rows(&plan, CALIBRATION_THAT_COUNTS, 3, types, values);
	return SPI_processed > 0;
}

char *
model_other_calibration(uint64 fingerprint, const char *name, Jsonb *calibration)
{
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	char	   *other;
	Datum		value;
	bool		isnull;

	if (setting_model != NULL && model_try_parse_name(setting_model, plain, &version) && version == 0 && strcmp(plain, name) == 0)
		return NULL;
	if (!read_calibration(fingerprint))
		return NULL;
	other = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (strcmp(other, name) == 0 || isnull || compareJsonbContainers(&DatumGetJsonbP(value)->root, &calibration->root) == 0)
		return NULL;
	return psprintf("%s@%s", other, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3));
}

/* Reads a row's calibration; all of it lives in a context of its own below CacheMemoryContext. */
static CalibrationAnswer *
make_answer(Jsonb *source)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese calibration", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CalibrationAnswer *answer = palloc0(sizeof(CalibrationAnswer));

	answer->context = context;
	answer->source = memcpy(palloc(VARSIZE(source)), source, VARSIZE(source));
	calibration_from_jsonb(answer->source, &answer->calibration);
	answer->references = references_from_jsonb(answer->source);
	MemoryContextSwitchTo(caller);
	MemoryContextSetParent(context, CacheMemoryContext);
	return answer;
}

/* NULL: there is no such model, or the user may not read it. */
static const CalibrationAnswer *
find_calibration(uint64 fingerprint)
{
	uint64		number = current_view();
	CalibrationKey key = {.user = GetUserId(), .fingerprint = fingerprint};
	CalibrationEntry *entry = hash_search(calibrations, &key, HASH_FIND, NULL);
	CalibrationAnswer *answer;
	Datum		value;
	Jsonb	   *source;
	bool		isnull;
	bool		found;

	if (entry != NULL && entry->view == number)
		return entry->answer;
	SPI_connect();
	if (!read_calibration(fingerprint))
	{
		SPI_finish();
		return NULL;
	}
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		check_raise_damaged_model(psprintf("The model %016llx has no calibration.", (unsigned long long) fingerprint));
	source = DatumGetJsonbP(value);
	/* looked for again: a policy may have asked the same meanwhile */
	entry = hash_search(calibrations, &key, HASH_FIND, NULL);
	answer = entry ? entry->answer : NULL;
	if (answer == NULL || VARSIZE(answer->source) != VARSIZE(source) || memcmp(answer->source, source, VARSIZE(source)) != 0)
	{
		CalibrationAnswer *fresh = make_answer(source);

		retire(answer);
		answer = fresh;
	}
	entry = hash_search(calibrations, &key, HASH_ENTER, &found);
	entry->view = number;
	entry->answer = answer;
	SPI_finish();
	return answer;
}

static const CalibrationAnswer *
calibration_answer(uint64 fingerprint)
{
	const CalibrationAnswer *answer = find_calibration(fingerprint);

	if (answer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the model that made the embedding is not here"),
				 errdetail("No row of siamese.model that you may read has the fingerprint %016llx.",
						   (unsigned long long) fingerprint),
				 errhint("A threshold belongs to a model: keep the model as long as its embeddings.")));
	return answer;
}

const ModelCalibration *
model_find_calibration(uint64 fingerprint)
{
	const CalibrationAnswer *answer = find_calibration(fingerprint);

	return answer ? &answer->calibration : NULL;
}

const ModelCalibration *
model_calibration(uint64 fingerprint)
{
	return &calibration_answer(fingerprint)->calibration;
}

const ReferenceCalibration *
model_references(uint64 fingerprint)
{
	return calibration_answer(fingerprint)->references;
}

void
model_calibration_of(const char *name, ModelCalibration *calibration)
{
	static SPIPlanPtr plan = NULL;
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
	read_rows(&plan, "SELECT calibration FROM " MODEL_ROW_OF_NAME, 2, types, values);
	if (SPI_processed != 1)
		elog(ERROR, "could not read siamese.model");
	calibration_from_jsonb(DatumGetJsonbP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)), calibration);
	SPI_finish();
}
