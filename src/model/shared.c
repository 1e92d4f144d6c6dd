/*
 * shared.c: one copy of a model's weights for all backends of the server.
 *
 * A file below base/pgsql_tmp, mapped read-only by whoever has read the model's row: the server empties that folder when it
 * starts or recovers from a crash, and base backups leave it out.  Its name is the content's: fingerprint and packing, behind
 * the database, whose siamese.model tells when the file is not needed any more.
 *
 *	header, one page	what is in it: a SHA-256 of the definition, and one of all behind the header
 *	weights				as network_forward() takes them
 *	packed				what network_pack() makes of them
 *
 * Who finds no file makes one under a name of its own, compares what is in it with the fingerprint, seals it and renames it:
 * so a file of the final name is whole.  The seal is the file's time of modification, set to bits of the digest: a write
 * of any kind breaks it, and what has a broken seal is read through before it is believed.  Where no file can be made, the
 * weights go to memory of this backend alone.
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/file_perm.h"
#include "common/file_utils.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "common/check.h"
#include "common/host.h"
#include "common/settings.h"
#include "model/exported.h"
#include "model/model.h"

#define FOLDER "base/" PG_TEMP_FILES_DIR
#define FILE_PREFIX PG_TEMP_FILE_PREFIX "_siamese_"
#define HEADER_BYTES 4096
#define WRITTEN_AT_ONCE ((size_t) 8 * 1024 * 1024)
#define MAGIC UINT64_C(0x5349414d45534531)
#define KEPT_SECONDS (24 * 60 * 60)	/* a file that nobody has opened for so long is removed */
#define ADVISORY_CLASS 0x5349	/* of the lock: users' advisory locks have 1 and 2 */

typedef struct SharedHeader
{
	uint64		magic;
	uint64		fingerprint;
	uint64		packing;
	uint64		weights;		/* counts of reals */
	uint64		packed;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint8		definition[PG_SHA256_DIGEST_LENGTH];
} SharedHeader;

typedef struct Mapping
{
	MemoryContextCallback callback;
	void	   *base;
	size_t		bytes;
} Mapping;

/* Where the parts of a model's file lie. */
typedef struct FilePlan
{
	char		path[MAXPGPATH];
	size_t		weights;
	size_t		packed;
	size_t		packed_at;
	size_t		bytes;
	uint8		definition[PG_SHA256_DIGEST_LENGTH];	/* of its text: the weights were compared with it */
} FilePlan;

static void
name_file(char *path, uint64 fingerprint)
{
	snprintf(path, MAXPGPATH, FOLDER "/" FILE_PREFIX "%u_%016llx_%d", MyDatabaseId, (unsigned long long) fingerprint, NETWORK_PACKING);
}

static void
plan_file(const Model *model, Jsonb *definition, FilePlan *plan)
{
	const char *text = model_definition_text(definition);

	model_digest(text, strlen(text), plan->definition);
	plan->weights = network_weight_count(model->network);
	plan->packed = network_packed_count(model->network);
	plan->packed_at = TYPEALIGN(HEADER_BYTES, HEADER_BYTES + plan->weights * sizeof(real));
	plan->bytes = plan->packed_at + TYPEALIGN(HEADER_BYTES, plan->packed * sizeof(real));
	name_file(plan->path, model->fingerprint);
}

/* Seconds and nanoseconds that the digest asks for. */
static struct timespec
seal_of(const uint8 *digest)
{
	uint32		words[2];

	memcpy(words, digest, sizeof words);
	return (struct timespec) {.tv_sec = words[0] >> 2, .tv_nsec = words[1] % 1000000000};
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

static void
unmap(void *argument)
{
	Mapping    *mapping = argument;

	munmap(mapping->base, mapping->bytes);
}

static bool
header_fits(const SharedHeader *header, const Model *model, const FilePlan *plan)
{
	return header->magic == MAGIC && header->fingerprint == model->fingerprint && header->packing == NETWORK_PACKING &&
		header->weights == plan->weights && header->packed == plan->packed &&
		memcmp(header->definition, plan->definition, sizeof plan->definition) == 0;
}

static bool
seal_holds(const SharedHeader *header, const struct stat *stat)
{
	struct timespec seal = seal_of(header->digest);

	return stat->st_mtim.tv_sec == seal.tv_sec && stat->st_mtim.tv_nsec == seal.tv_nsec;
}

/* Reads all of it; an error (a cancel) takes the mapping with it. */
static bool
digest_holds(char *base, const FilePlan *plan)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	PG_TRY();
	{
		model_digest(base + HEADER_BYTES, plan->bytes - HEADER_BYTES, digest);
	}
	PG_CATCH();
	{
		munmap(base, plan->bytes);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return memcmp(digest, ((const SharedHeader *) base)->digest, sizeof digest) == 0;
}

/* Maps the file if there is a good one. */
static bool
map_file(Model *model, const FilePlan *plan)
{
	int			fd = OpenTransientFile(plan->path, O_RDONLY | PG_BINARY);
	struct stat stat;
	char	   *base;
	const SharedHeader *header;
	bool		good;

	if (fd < 0)
		return false;
	if (fstat(fd, &stat) != 0 || stat.st_size != (off_t) plan->bytes || !S_ISREG(stat.st_mode) || stat.st_uid != geteuid())
	{
		CloseTransientFile(fd);
		return false;
	}
	/* no MAP_POPULATE: pages come sixteen at a time when they are read, sooner than all of them here */
	base = mmap(NULL, plan->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (base != MAP_FAILED)
	{
		struct timespec used[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

		(void) futimens(fd, used);	/* only tells how long ago the last use was */
	}
	CloseTransientFile(fd);
	if (base == MAP_FAILED)
		return false;
	header = (const SharedHeader *) base;
	good = header_fits(header, model, plan);
	if (good && !seal_holds(header, &stat))
		good = digest_holds(base, plan);
	if (!good)
	{
		munmap(base, plan->bytes);
		return false;
	}
	{
		Mapping    *mapping = MemoryContextAlloc(model->context, sizeof(Mapping));

		*mapping = (Mapping) {.callback = {.func = unmap, .arg = mapping}, .base = base, .bytes = plan->bytes};
		MemoryContextRegisterResetCallback(model->context, &mapping->callback);
	}
	model->weights = (const real *) (base + HEADER_BYTES);
	model->packed = (const real *) (base + plan->packed_at);
	return true;
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

/* Weights as they are stored, packed, compared with the fingerprint.  Inside an SPI connection. */
static void
fill(const Model *model, Jsonb *definition, real *weights, real *packed)
{
	size_t		count = network_weight_count(model->network);

	model_load_weights(model->fingerprint, weights, count);
	if (model_fingerprint(definition, weights, count) != model->fingerprint)
		check_raise_damaged_model(psprintf("Its definition and weights do not have the fingerprint %016llx.",
										   (unsigned long long) model->fingerprint));
	network_pack(model->network, weights, packed);
}

/* What the file holds, in memory of the current context. */
static char *
make_contents(const Model *model, Jsonb *definition, const FilePlan *plan)
{
	Status		status;
	char	   *contents = host_allocate_zero(host_server(), plan->bytes, 1, &status);
	SharedHeader *header = (SharedHeader *) contents;

	if (contents == NULL)
		check_raise_status(&status);
	fill(model, definition, (real *) (contents + HEADER_BYTES), (real *) (contents + plan->packed_at));
	*header = (SharedHeader) {
		.magic = MAGIC, .fingerprint = model->fingerprint, .packing = NETWORK_PACKING,
		.weights = plan->weights, .packed = plan->packed
	};
	memcpy(header->definition, plan->definition, sizeof header->definition);
	model_digest(contents + HEADER_BYTES, plan->bytes - HEADER_BYTES, header->digest);
	return contents;
}

/*
 * Written, not mapped and filled: the system then keeps the file in large pieces, which it maps at once.  What a sync has
 * brought to the disk cannot be lost behind the seal.  Returns an errno, 0 when it is done; EINTR also for a cancel.
 */
static int
write_contents(int fd, const char *contents, size_t bytes)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, seal_of(((const SharedHeader *) contents)->digest)};
	Status		status;

	for (size_t done = 0; done < bytes;)
	{
		ssize_t		some = pwrite(fd, contents + done, Min(bytes - done, WRITTEN_AT_ONCE), (off_t) done);

		if (some < 0 && errno != EINTR)
			return errno;
		if (host_interrupted(host_server(), &status))
			return EINTR;
		done += Max(some, 0);
	}
	return fsync(fd) != 0 || futimens(fd, times) != 0 ? errno : 0;
}

/* False, with errno, when the disk does not let it.  Raises when the weights are damaged. */
static bool
make_file(const Model *model, Jsonb *definition, const FilePlan *plan)
{
	char	   *contents = make_contents(model, definition, plan);
	char		path[MAXPGPATH];
	int			fd = -1;
	int			failure = 0;

	snprintf(path, sizeof path, "%s.%d", plan->path, MyProcPid);
	(void) unlink(path);
	if ((MakePGDirectory(FOLDER) != 0 && errno != EEXIST) ||
		(fd = OpenTransientFile(path, O_RDWR | O_CREAT | O_EXCL | PG_BINARY)) < 0)
		failure = errno;
	if (fd >= 0)
	{
		failure = write_contents(fd, contents, plan->bytes);
		if (failure == 0 && rename(path, plan->path) != 0)
			failure = errno;
		CloseTransientFile(fd);
		if (failure != 0)
			(void) unlink(path);
	}
	host_release(host_server(), contents);
	CHECK_FOR_INTERRUPTS();
	errno = failure;
	return failure == 0;
}

/* ---- removing ------------------------------------------------------------------------------------------------------ */

static List *forgotten;			/* paths, of the current transaction */

static void
transaction_ended(XactEvent event, void *argument)
{
	ListCell   *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT)
		foreach(cell, forgotten)
			(void) unlink(lfirst(cell));
	forgotten = NIL;
}

void
model_forget_weights(uint64 fingerprint)
{
	static bool registered = false;
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	char	   *path = palloc(MAXPGPATH);

	name_file(path, fingerprint);
	forgotten = lappend(forgotten, path);
	MemoryContextSwitchTo(caller);
	if (!registered)
		RegisterXactCallback(transaction_ended, NULL);
	registered = true;
}

/* Whether a file of this name may be of use: of another database, nothing but whether that is there can be known. */
static bool
is_known(const char *name)
{
	unsigned int database;
	unsigned long long fingerprint;
	int			end = 0;
	Oid			type = TEXTOID;
	Datum		value;
	ModelActor	caller;

	if (sscanf(name, FILE_PREFIX "%u_%16llx_%*d%n", &database, &fingerprint, &end) != 2 || name[end] != '\0')
		return true;
	if (database != MyDatabaseId)
		return SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database));
	value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	model_act_as_owner(&caller);
	if (SPI_execute_with_args("SELECT FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1",
							  1, &type, &value, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read siamese.model");
	model_act_as_caller(&caller);
	return SPI_processed > 0;
}

/* Files of models that are gone, those that nobody has opened for long, and what a killed backend left. */
static void
remove_unused(void)
{
	DIR		   *folder = AllocateDir(FOLDER);
	struct dirent *entry;
	time_t		now = time(NULL);

	while (folder != NULL && (entry = ReadDirExtended(folder, FOLDER, LOG)) != NULL)
	{
		char		path[MAXPGPATH];
		struct stat stat;

		if (strncmp(entry->d_name, FILE_PREFIX, strlen(FILE_PREFIX)) != 0)
			continue;
		snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
		if (lstat(path, &stat) == 0 && (stat.st_atim.tv_sec + KEPT_SECONDS < now || !is_known(entry->d_name)))
			(void) unlink(path);
	}
	if (folder != NULL)
		FreeDir(folder);
}

/* The file is made by one backend; those that come meanwhile wait for it rather than write their own. */
static bool
map_or_make(Model *model, Jsonb *definition)
{
	static bool warned = false;
	FilePlan		plan;
	LOCKTAG		tag;
	bool		mapped;
	bool		made;

	plan_file(model, definition, &plan);
	if (map_file(model, &plan))
		return true;
	SET_LOCKTAG_ADVISORY(tag, InvalidOid, (uint32) (model->fingerprint >> 32), (uint32) model->fingerprint, ADVISORY_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	mapped = map_file(model, &plan);
	if (!mapped)
	{
		remove_unused();
		made = make_file(model, definition, &plan);
		if (!made && !warned)
		{
			warned = true;
			ereport(WARNING,
					(errmsg("could not make a shared copy of a model's weights: %m"),
					 errdetail("It would have %zu bytes in \"%s\".", plan.bytes, plan.path),
					 errhint("This session keeps weights in memory of its own.")));
		}
		mapped = made && map_file(model, &plan);
	}
	LockRelease(&tag, ExclusiveLock, false);
	return mapped;
}

void
model_provide_weights(Model *model, Jsonb *definition)
{
	MemoryContext caller;
	real	   *weights;
	real	   *packed;
	size_t		packed_count;
	Status		status;

	if (setting_share_weights && map_or_make(model, definition))
		return;
	caller = MemoryContextSwitchTo(model->context);
	weights = host_allocate(host_server(), network_weight_count(model->network), sizeof(real), &status);
	if (weights == NULL)
		check_raise_status(&status);
	packed_count = network_packed_count(model->network);
	packed = host_allocate(host_server(), Max(packed_count, 1), sizeof(real), &status);
	if (packed == NULL)
		check_raise_status(&status);
	MemoryContextSwitchTo(caller);
	fill(model, definition, weights, packed);
	model->weights = weights;
	model->packed = packed;
}
