/*
 * row_cache.c: what the rows of siamese.model say, read once a statement.
 *
 * Rows are read as the current user and under the caller's snapshot (row_lookup.c).  An answer is kept for that user and is
 * valid while the question comes from the same statement of the client, under a snapshot that sees the same rows: any
 * change of a row, however it is made, takes effect with the first snapshot that sees it.  For a user to whom row security
 * applies no answer is kept, since a policy may depend on anything.
 *
 * What a calibration's jsonb was parsed into is kept as long as the row has the same bytes, and after that until the end of
 * the transaction: pointers to it stay valid that long, whatever is called in between.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
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
#include "common/compat.h"
#include "common/limits.h"
#include "common/settings.h"
#include "model/names.h"
#include "model/row_cache.h"
#include "model/row_lookup.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"

#define ANSWERS_KEPT 256		/* of each kind; with more, all are dropped */

/* ---- how long an answer is valid ------------------------------------------------------------------------------------ */

/* What answers depend on besides the user: answers read with another view are not used. */
typedef struct View
{
	TimestampTz statement;
	SnapshotData snapshot;		/* its arrays are in xids: those of xip, then those of subxip */
	TransactionId *xids;
	Size		room;			/* for so many xids */
	char		setting[LIMIT_MODEL_NAME + 16]; /* siamese.model, which chooses between calibrations */
} View;

static View view;
static bool view_valid;			/* false: privileges changed, or a subtransaction ended */
static uint64 view_number;		/* of the current view: each answer is stored with its own */

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

/* What an aborted subtransaction wrote is gone, but the snapshot looks the same. */
static void
subtransaction_ended(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *argument)
{
	view_valid = false;
}

/* A copied snapshot has no array of subtransactions where that overflowed. */
static Size
subxids(const SnapshotData *snapshot)
{
	return snapshot->subxip != NULL && snapshot->subxcnt > 0 ? (Size) snapshot->subxcnt : 0;
}

/* Whether both snapshots see the same rows. */
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
	Jsonb	   *source;			/* what it was parsed from */
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

/* Pointers to it stay valid until the end of the transaction. */
static void
retire(CalibrationAnswer *answer)
{
	if (answer != NULL)
		MemoryContextSetParent(answer->context, TopTransactionContext);
}

static void
drop_answers(void)
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

/* The number of the view that an answer must have been read with; to be called before one is looked up. */
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
		drop_answers();
	if (!ActiveSnapshotSet())
		return ++view_number;
	model_table = get_relname_relid("model", get_namespace_oid("siamese", false));
	if (!view_valid || view.statement != GetCurrentStatementStartTimestamp() ||
		!same_snapshot(&view.snapshot, GetActiveSnapshot()) || strncmp(view.setting, setting, sizeof view.setting - 1) != 0 ||
		check_enable_rls(model_table, InvalidOid, true) == RLS_ENABLED)
		keep_view(GetActiveSnapshot(), setting);
	return view_number;
}

/* ---- names ----------------------------------------------------------------------------------------------------------- */

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

/* ---- calibrations ---------------------------------------------------------------------------------------------------- */

/* Parses a calibration; all of it lives in a context of its own below CacheMemoryContext. */
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

/* NULL: there is no such model, or the user may not read its row, or it is uncalibrated. */
static const CalibrationAnswer *
find_calibration(uint64 fingerprint, bool *uncalibrated)
{
	uint64		number = current_view();
	CalibrationKey key = {.user = GetUserId(), .fingerprint = fingerprint};
	CalibrationEntry *entry = hash_search(calibrations, &key, HASH_FIND, NULL);
	CalibrationAnswer *answer;
	Jsonb	   *source;
	char	   *name;
	char	   *version;
	bool		found;

	*uncalibrated = false;
	if (entry != NULL && entry->view == number)
		return entry->answer;
	SPI_connect();
	found = model_read_calibration(fingerprint, &source, &name, &version);
	if (!found || source == NULL)
	{
		*uncalibrated = found;
		SPI_finish();
		return NULL;
	}
	/* looked up again: a row security policy may have asked the same question in between */
	entry = hash_search(calibrations, &key, HASH_FIND, NULL);
	answer = entry ? entry->answer : NULL;
	if (answer == NULL || VARSIZE(answer->source) != VARSIZE(source) || memcmp(answer->source, source, VARSIZE(source)) != 0)
	{
		CalibrationAnswer *fresh = make_answer(source);

		retire(answer);
		answer = fresh;
	}
	entry = hash_search(calibrations, &key, HASH_ENTER, NULL);
	entry->view = number;
	entry->answer = answer;
	SPI_finish();
	return answer;
}

static const CalibrationAnswer *
calibration_answer(uint64 fingerprint)
{
	bool		uncalibrated;
	const CalibrationAnswer *answer = find_calibration(fingerprint, &uncalibrated);

	if (uncalibrated)
		check_raise_uncalibrated(model_fingerprint_text(fingerprint));
	if (answer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the model of the embedding does not exist"),
				 errdetail("No row of siamese.model that you may read has the fingerprint %016llx.",
						   (unsigned long long) fingerprint),
				 errhint("Thresholds belong to a model: keep it as long as you keep its embeddings.")));
	return answer;
}

const ModelCalibration *
model_find_calibration(uint64 fingerprint)
{
	bool		uncalibrated;
	const CalibrationAnswer *answer = find_calibration(fingerprint, &uncalibrated);

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
