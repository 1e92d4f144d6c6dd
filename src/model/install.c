/*
 * install.c: siamese.install_model(name): a pretrained model of the extension's own folder becomes a model of this database.
 *
 * The name must be one that siamese.pretrained lists, so that no other file of the server can be read.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/spi.h"
#include "model/import.h"

#define MOST_BYTES (64 * 1024 * 1024)

/* palloc'd in that context; NULL if the query returns no row. */
static char *
look_up(const char *query, int arguments, Datum *values, MemoryContext context)
{
	Oid			types[2] = {TEXTOID, TEXTOID};
	char	   *text;

	spi_read(query, arguments, types, values, 1);
	if (SPI_processed == 0)
		return NULL;
	text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return MemoryContextStrdup(context, text);
}

/* The whole file. */
static char *
read_model(const char *name, size_t *length)
{
	char		folder[MAXPGPATH];
	char	   *path;
	FILE	   *file;
	struct stat about;
	char	   *bytes;

	get_share_path(my_exec_path, folder);
	path = psprintf("%s/extension/siamese-%s.model", folder, name);
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open the file of the pretrained model \"%s\": %m", name),
				 errdetail("It is \"%s\".", path),
				 errhint("It belongs beside the extension's script: install the extension again.")));
	if (fstat(fileno(file), &about) != 0 || about.st_size > MOST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the file of the pretrained model \"%s\" is damaged", name),
				 errdetail("\"%s\" cannot be read or has more than %d bytes.", path, MOST_BYTES)));
	*length = (size_t) about.st_size;
	bytes = palloc(*length + 1);
	if (fread(bytes, 1, *length, file) != *length)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", path)));
	FreeFile(file);
	return bytes;
}

PG_FUNCTION_INFO_V1(siamese_install_model);

Datum
siamese_install_model(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2] = {PointerGetDatum(PG_GETARG_TEXT_PP(0))};
	char	   *fingerprint;
	char	   *there = NULL;
	char	   *bytes;
	size_t		length;

	check_may_write("siamese.install_model()");
	SPI_connect();
	fingerprint = look_up("SELECT fingerprint FROM siamese.pretrained WHERE name OPERATOR(pg_catalog.=) $1", 1, values, context);
	if (fingerprint != NULL)
	{
		values[1] = CStringGetTextDatum(fingerprint);
		there = look_up("SELECT pg_catalog.concat(name, '@', version) FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
						" AND fingerprint OPERATOR(pg_catalog.=) $2 AND finished_at IS NOT NULL ORDER BY version DESC LIMIT 1", 2, values, context);
	}
	SPI_finish();
	if (fingerprint == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no pretrained model \"%s\"", name),
				 errhint("SELECT name, purpose, not_for FROM siamese.pretrained lists them; siamese.import_model() takes others.")));
	if (there != NULL)
	{
		ereport(NOTICE, (errmsg("pretrained model \"%s\" is already there as %s", name, there)));
		PG_RETURN_TEXT_P(cstring_to_text(there));
	}
	bytes = read_model(name, &length);
	there = model_import("siamese.install_model()", name, bytes, length);
	pfree(bytes);
	PG_RETURN_TEXT_P(cstring_to_text(there));
}
