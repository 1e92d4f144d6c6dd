/*
 * row_lookup.c: queries of siamese.model: which version a name means, and which calibration applies to a fingerprint.
 *
 * They run as the current user and under the caller's snapshot, by plans that are kept.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/limits.h"
#include "common/settings.h"
#include "common/spi.h"
#include "model/names.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/stored_calibration.h"
#include "model/stored_weights.h"

/*
 * Inside an SPI connection: runs a query of siamese.model as the current user, by the plan in *kept, which is made if there is
 * none.  A kept plan checks the privilege to read the table each time, but not the privilege to use its schema.
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
		SPIPlanPtr	plan;

		model_check_release(get_relname_relid("model", namespace));
		plan = spi_prepare(query, arguments, types);
		if (SPI_keepplan(plan) != 0)
			elog(ERROR, "could not keep the plan of \"%s\"", query);
		*kept = plan;
	}
	if (SPI_execute_plan(*kept, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", query);
}

/* Raises if a plain name has versions, but none that is finished and promoted.  Inside an SPI connection. */
static void
raise_unfinished(const char *name, int version)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	bool		unfinished;

	if (version != 0 || spi_read("SELECT version, finished_at FROM siamese.model WHERE name OPERATOR(pg_catalog.=) $1"
								 " ORDER BY finished_at USING OPERATOR(pg_catalog.>) NULLS LAST,"
								 " version USING OPERATOR(pg_catalog.>) LIMIT 1", 1, &type, &value, 1) == 0)
		return;
	spi_datum(2, &unfinished);
	if (!unfinished)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no promoted version", name),
				 errhint("SELECT siamese.promote('%s@%s') makes the name mean its version %s.", name, spi_text(1), spi_text(1))));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("model \"%s\" has no finished version", name),
			 errhint("CALL siamese.resume('%s') continues its training; \"%s@%s\" names the epoch that it has kept so far.",
					 name, name, spi_text(1))));
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

	SPI_connect();
	read_rows(&plan, "SELECT fingerprint, version FROM " MODEL_ROW_OF_NAME, 2, types, values);
	if (SPI_processed == 0)
	{
		raise_unfinished(name, *version);
		model_raise_missing(name, *version);
	}
	fingerprint = model_fingerprint_parse(spi_text(1));
	*version = spi_int(2);
	SPI_finish();
	return fingerprint;
}

Jsonb *
model_definition(const char *name, int version, char **network)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(name), Int32GetDatum(version)};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inner;
	Jsonb	   *definition;
	bool		isnull;

	SPI_connect();
	read_rows(&plan, "SELECT definition, network FROM " MODEL_ROW_OF_NAME, 2, types, values);
	if (SPI_processed == 0)
		model_raise_missing(name, version);
	inner = MemoryContextSwitchTo(caller);
	definition = DatumGetJsonbPCopy(spi_datum(1, &isnull));
	*network = pstrdup(spi_text(2));
	MemoryContextSwitchTo(inner);
	SPI_finish();
	return definition;
}

/*
 * Of the rows with a fingerprint ($3) the one whose calibration applies: the version that the setting siamese.model names ($1,
 * $2); else, of those that have one, a version of the name that has had the fingerprint longest, and of those the one that the plain name means.  So
 * the order in which copies of a model are imported does not matter.
 */
#define CALIBRATION_THAT_APPLIES \
	"WITH named AS (SELECT name, version FROM " MODEL_ROW_OF_NAME ")" \
	" SELECT calibration, name, version FROM siamese.model m WHERE fingerprint OPERATOR(pg_catalog.=) $3" \
	" ORDER BY EXISTS (SELECT FROM named n WHERE n.name OPERATOR(pg_catalog.=) m.name" \
	" AND n.version OPERATOR(pg_catalog.=) m.version) USING OPERATOR(pg_catalog.>)," \
	" (calibration IS NOT NULL) USING OPERATOR(pg_catalog.>)," \
	" (name OPERATOR(pg_catalog.=) (SELECT h.name FROM siamese.model h WHERE h.fingerprint OPERATOR(pg_catalog.=) $3" \
	" ORDER BY h.created_at USING OPERATOR(pg_catalog.<), h.name USING OPERATOR(pg_catalog.<) LIMIT 1)) USING OPERATOR(pg_catalog.>)," \
	" promoted_at USING OPERATOR(pg_catalog.>) NULLS LAST," \
	" finished_at USING OPERATOR(pg_catalog.>) NULLS LAST, version USING OPERATOR(pg_catalog.>) LIMIT 1"

bool
model_read_calibration(uint64 fingerprint, Jsonb **calibration, char **name, char **version)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[3] = {TEXTOID, INT4OID, TEXTOID};
	Datum		values[3];
	char		named[LIMIT_MODEL_NAME + 1] = "";
	int			named_version = 0;
	Datum		value;
	bool		isnull;

	/* no version has an empty name */
	if (setting_model == NULL || !model_try_parse_name(setting_model, named, &named_version))
		named[0] = '\0';
	values[0] = CStringGetTextDatum(named);
	values[1] = Int32GetDatum(named_version);
	values[2] = CStringGetTextDatum(model_fingerprint_text(fingerprint));
	read_rows(&plan, CALIBRATION_THAT_APPLIES, 3, types, values);
	if (SPI_processed == 0)
		return false;
	value = spi_datum(1, &isnull);
	*calibration = isnull ? NULL : DatumGetJsonbP(value);
	*name = spi_text(2);
	*version = spi_text(3);
	return true;
}

char *
model_other_calibration(uint64 fingerprint, const char *name, Jsonb *calibration)
{
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	Jsonb	   *other;
	char	   *other_name;
	char	   *other_version;

	if (setting_model != NULL && model_try_parse_name(setting_model, plain, &version) && version == 0 && strcmp(plain, name) == 0)
		return NULL;
	if (!model_read_calibration(fingerprint, &other, &other_name, &other_version))
		return NULL;
	if (strcmp(other_name, name) == 0 || other == NULL || calibration == NULL || compareJsonbContainers(&other->root, &calibration->root) == 0)
		return NULL;
	return psprintf("%s@%s", other_name, other_version);
}

/* The jsonb of the named version's calibration, or NULL; inside an SPI connection, whose memory holds it. */
static Jsonb *
find_calibration_of(const char *name)
{
	static SPIPlanPtr plan = NULL;
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2];
	Datum		value;
	bool		isnull;

	model_parse_name(name, plain, &version);
	values[0] = CStringGetTextDatum(plain);
	values[1] = Int32GetDatum(version);
	read_rows(&plan, "SELECT calibration FROM " MODEL_ROW_OF_NAME, 2, types, values);
	if (SPI_processed != 1)
		elog(ERROR, "siamese.model has no row of \"%s\"", name);
	value = spi_datum(1, &isnull);
	return isnull ? NULL : DatumGetJsonbP(value);
}

static Jsonb *
calibration_of_version(const char *name)
{
	Jsonb	   *calibration = find_calibration_of(name);

	if (calibration == NULL)
		check_raise_uncalibrated(name);
	return calibration;
}

bool
model_try_calibration_of(const char *name, ModelCalibration *calibration)
{
	Jsonb	   *found;

	SPI_connect();
	found = find_calibration_of(name != NULL ? name : setting_model);
	if (found != NULL)
		calibration_from_jsonb(found, calibration);
	SPI_finish();
	return found != NULL;
}

void
model_calibration_of(const char *name, ModelCalibration *calibration)
{
	SPI_connect();
	calibration_from_jsonb(calibration_of_version(name != NULL ? name : setting_model), calibration);
	SPI_finish();
}

ReferenceCalibration *
model_references_of(const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inner;
	ReferenceCalibration *references;
	Jsonb	   *calibration;

	SPI_connect();
	calibration = calibration_of_version(name != NULL ? name : setting_model);
	inner = MemoryContextSwitchTo(caller);
	references = references_from_jsonb(calibration);
	MemoryContextSwitchTo(inner);
	SPI_finish();
	return references;
}
