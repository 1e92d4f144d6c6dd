/*
 * shared_weights.c: one copy of a model's weights for all backends of the server.
 *
 * It is a file below base/pgsql_tmp, which backends map read-only after they have read the model's row.  The server empties
 * that folder when it starts or recovers from a crash, and base backups leave it out.  The file's name has the database, whose
 * siamese.model shows whether the file is still needed, the fingerprint and the version of the packing.
 *
 *	header, one page	sizes, a SHA-256 of the definition, and one of everything after the header
 *	weights				as network_forward() takes them
 *	packed				what network_pack() makes of them
 *
 * A backend that finds no file writes one under a temporary name, checks its content against the fingerprint, seals it and
 * renames it: so a file with the final name is complete.  The seal is the file's time of modification, set to bits of the
 * digest: any write breaks it, and a file with a broken seal is used only after its digest was computed again.  If no file
 * can be made, the weights are loaded into memory of this backend.
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
#include "common/spi.h"
#include "model/model.h"
#include "model/rights.h"
#include "model/server_network.h"
#include "model/shared_weights.h"
#include "model/stored_weights.h"

#define FOLDER "base/" PG_TEMP_FILES_DIR
#define FILE_PREFIX PG_TEMP_FILE_PREFIX "_siamese_"
#define HEADER_BYTES 4096
#define WRITTEN_AT_ONCE ((size_t) 8 * 1024 * 1024)
#define MAGIC UINT64_C(0x5349414d45534531)
#define KEPT_SECONDS (24 * 60 * 60)	/* after its last use */
#define ADVISORY_CLASS 0x5349	/* of the lock; users' advisory locks have 1 and 2 */

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

/* The layout of a model's file. */
typedef struct FileLayout
{
	char		path[MAXPGPATH];
	size_t		weights;
	size_t		packed;
	size_t		packed_at;
	size_t		bytes;
	uint8		definition[PG_SHA256_DIGEST_LENGTH];	/* of its text: the fingerprint was checked with it */
} FileLayout;

static void
name_file(char *path, uint64 fingerprint)
{
	snprintf(path, MAXPGPATH, FOLDER "/" FILE_PREFIX "%u_%016llx_%d", MyDatabaseId, (unsigned long long) fingerprint, NETWORK_PACKING);
}

static void
lay_out_file(const Model *model, Jsonb *definition, FileLayout *layout)
{
	const char *text = model_definition_text(definition);

	model_digest(text, strlen(text), layout->definition);
	layout->weights = network_weight_count(model->network);
	layout->packed = network_packed_count(model->network);
	layout->packed_at = TYPEALIGN(HEADER_BYTES, HEADER_BYTES + layout->weights * sizeof(real));
	layout->bytes = layout->packed_at + TYPEALIGN(HEADER_BYTES, layout->packed * sizeof(real));
	name_file(layout->path, model->fingerprint);
}

/* The time that seals a file with this digest. */
static struct timespec
seal_of(const uint8 *digest)
{
	uint32		words[2];

	memcpy(words, digest, sizeof words);
	return (struct timespec) {.tv_sec = words[0] >> 2, .tv_nsec = words[1] % 1000000000};
}

/* ---- mapping ------------------------------------------------------------------------------------------------------- */

static void
unmap(void *argument)
{
	Mapping    *mapping = argument;

	munmap(mapping->base, mapping->bytes);
}

static bool
header_fits(const SharedHeader *header, const Model *model, const FileLayout *layout)
{
	return header->magic == MAGIC && header->fingerprint == model->fingerprint && header->packing == NETWORK_PACKING &&
		header->weights == layout->weights && header->packed == layout->packed &&
		memcmp(header->definition, layout->definition, sizeof layout->definition) == 0;
}

static bool
seal_holds(const SharedHeader *header, const struct stat *stat)
{
	struct timespec seal = seal_of(header->digest);

	return stat->st_mtim.tv_sec == seal.tv_sec && stat->st_mtim.tv_nsec == seal.tv_nsec;
}

/* Reads all of it; an error, such as a cancel, unmaps it. */
static bool
digest_holds(char *base, const FileLayout *layout)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	PG_TRY();
	{
		model_digest(base + HEADER_BYTES, layout->bytes - HEADER_BYTES, digest);
	}
	PG_CATCH();
	{
		munmap(base, layout->bytes);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return memcmp(digest, ((const SharedHeader *) base)->digest, sizeof digest) == 0;
}

/* Maps the file if there is a valid one. */
static bool
map_file(Model *model, const FileLayout *layout)
{
	int			fd = OpenTransientFile(layout->path, O_RDONLY | PG_BINARY);
	struct stat stat;
	char	   *base;
	const SharedHeader *header;
	bool		good;

	if (fd < 0)
		return false;
	if (fstat(fd, &stat) != 0 || stat.st_size != (off_t) layout->bytes || !S_ISREG(stat.st_mode) || stat.st_uid != geteuid())
	{
		CloseTransientFile(fd);
		return false;
	}
	/* no MAP_POPULATE: reading maps sixteen pages at a time, which is faster than mapping all of them here */
	base = mmap(NULL, layout->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (base != MAP_FAILED)
	{
		struct timespec used[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

		(void) futimens(fd, used);	/* the time of the last use; a failure does no harm */
	}
	CloseTransientFile(fd);
	if (base == MAP_FAILED)
		return false;
	header = (const SharedHeader *) base;
	good = header_fits(header, model, layout);
	if (good && !seal_holds(header, &stat))
		good = digest_holds(base, layout);
	if (!good)
	{
		munmap(base, layout->bytes);
		return false;
	}
	{
		Mapping    *mapping = MemoryContextAlloc(model->context, sizeof(Mapping));

		*mapping = (Mapping) {.callback = {.func = unmap, .arg = mapping}, .base = base, .bytes = layout->bytes};
		MemoryContextRegisterResetCallback(model->context, &mapping->callback);
	}
	model->weights = (const real *) (base + HEADER_BYTES);
	model->packed = (const real *) (base + layout->packed_at);
	return true;
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

/* Loads weights, checks them against the fingerprint and packs them.  Inside an SPI connection. */
static void
load_and_pack(const Model *model, Jsonb *definition, real *weights, real *packed)
{
	size_t		count = network_weight_count(model->network);

	model_load_weights(model->fingerprint, weights, count);
	if (model_fingerprint(definition, weights, count) != model->fingerprint)
		check_raise_damaged_model(psprintf("Its definition and weights do not have the fingerprint %016llx.",
										   (unsigned long long) model->fingerprint));
	network_pack(model->network, weights, packed);
}

/* The content of the file, in the current memory context. */
static char *
make_contents(const Model *model, Jsonb *definition, const FileLayout *layout)
{
	Status		status;
	char	   *contents = host_allocate_zero(host_server(), layout->bytes, 1, &status);
	SharedHeader *header = (SharedHeader *) contents;

	if (contents == NULL)
		check_raise_status(&status);
	load_and_pack(model, definition, (real *) (contents + HEADER_BYTES), (real *) (contents + layout->packed_at));
	*header = (SharedHeader) {
		.magic = MAGIC, .fingerprint = model->fingerprint, .packing = NETWORK_PACKING,
		.weights = layout->weights, .packed = layout->packed
	};
	memcpy(header->definition, layout->definition, sizeof header->definition);
	model_digest(contents + HEADER_BYTES, layout->bytes - HEADER_BYTES, header->digest);
	return contents;
}

/*
 * Written rather than mapped and filled: the system then caches the file in large pieces, which it maps at once.  It is synced
 * before it is sealed, so that no sealed file can lack data.  Returns an errno, 0 on success; EINTR also for a cancel.
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

/* False, with errno, if the file cannot be written.  Raises if the weights are damaged. */
static bool
make_file(const Model *model, Jsonb *definition, const FileLayout *layout)
{
	char	   *contents = make_contents(model, definition, layout);
	char		path[MAXPGPATH];
	int			fd = -1;
	int			failure = 0;

	snprintf(path, sizeof path, "%s.%d", layout->path, MyProcPid);
	(void) unlink(path);
	if ((MakePGDirectory(FOLDER) != 0 && errno != EEXIST) ||
		(fd = OpenTransientFile(path, O_RDWR | O_CREAT | O_EXCL | PG_BINARY)) < 0)
		failure = errno;
	if (fd >= 0)
	{
		failure = write_contents(fd, contents, layout->bytes);
		if (failure == 0 && rename(path, layout->path) != 0)
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

static List *removed_paths;		/* to unlink when the current transaction commits */

static void
transaction_ended(XactEvent event, void *argument)
{
	ListCell   *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT)
		foreach(cell, removed_paths)
			(void) unlink(lfirst(cell));
	removed_paths = NIL;
}

void
shared_weights_remove(uint64 fingerprint)
{
	static bool registered = false;
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);
	char	   *path = palloc(MAXPGPATH);

	name_file(path, fingerprint);
	removed_paths = lappend(removed_paths, path);
	MemoryContextSwitchTo(caller);
	if (!registered)
		RegisterXactCallback(transaction_ended, NULL);
	registered = true;
}

/* Whether a file of this name may still be needed; for another database, only whether that database exists can be checked. */
static bool
may_be_needed(const char *name)
{
	unsigned int database;
	unsigned long long fingerprint;
	int			end = 0;
	Oid			type = TEXTOID;
	Datum		value;
	ModelCaller caller;

	if (sscanf(name, FILE_PREFIX "%u_%16llx_%*d%n", &database, &fingerprint, &end) != 2 || name[end] != '\0')
		return true;
	if (database != MyDatabaseId)
		return SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database));
	value = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	model_act_as_owner(&caller);
	spi_read("SELECT FROM siamese.model WHERE fingerprint OPERATOR(pg_catalog.=) $1 LIMIT 1", 1, &type, &value, 1);
	model_act_as_caller(&caller);
	return SPI_processed > 0;
}

/* Files of removed models, those unused for long, and what killed backends left. */
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
		if (lstat(path, &stat) == 0 && (stat.st_atim.tv_sec + KEPT_SECONDS < now || !may_be_needed(entry->d_name)))
			(void) unlink(path);
	}
	if (folder != NULL)
		FreeDir(folder);
}

/* One backend makes the file; others that need it meanwhile wait for that one instead of writing their own. */
static bool
map_or_make(Model *model, Jsonb *definition)
{
	static bool warned = false;
	FileLayout	layout;
	LOCKTAG		tag;
	bool		mapped;
	bool		made;

	lay_out_file(model, definition, &layout);
	if (map_file(model, &layout))
		return true;
	SET_LOCKTAG_ADVISORY(tag, InvalidOid, (uint32) (model->fingerprint >> 32), (uint32) model->fingerprint, ADVISORY_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	mapped = map_file(model, &layout);
	if (!mapped)
	{
		remove_unused();
		made = make_file(model, definition, &layout);
		if (!made && !warned)
		{
			warned = true;
			ereport(WARNING,
					(errmsg("could not make a shared copy of a model's weights: %m"),
					 errdetail("It would have %zu bytes, in \"%s\".", layout.bytes, layout.path),
					 errhint("This session loads weights into its own memory.")));
		}
		mapped = made && map_file(model, &layout);
	}
	LockRelease(&tag, ExclusiveLock, false);
	return mapped;
}

void
shared_weights_provide(Model *model, Jsonb *definition)
{
	MemoryContext caller;
	real	   *weights;
	real	   *packed;

	if (setting_share_weights && map_or_make(model, definition))
		return;
	caller = MemoryContextSwitchTo(model->context);
	weights = server_reals(network_weight_count(model->network));
	packed = server_reals(network_packed_count(model->network));
	MemoryContextSwitchTo(caller);
	load_and_pack(model, definition, weights, packed);
	model->weights = weights;
	model->packed = packed;
}
