/*
 * calibrate.c: siamese.calibrate(model, examples, seed): a new version with the same network, calibrated on other identities.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/spi.h"
#include "evaluation/evaluation.h"
#include "model/names.h"
#include "model/promote.h"
#include "model/rights.h"
#include "model/row_lookup.h"
#include "model/sql_samples.h"
#include "model/stored_calibration.h"
#include "training/example_pairs.h"
#include "training/examples.h"
#include "training/held_out_error.h"
#include "training/reference_calibration_fit.h"
#include "verification/bootstrap.h"
#include "verification/calibration.h"

/* With fewer labels of two genuine samples, or groups of them, nothing can be said about how they differ. */
static void
check_identities(const Examples *examples)
{
	bool	   *seen = palloc0(Max(examples->groups, 1));
	int			usable = 0;
	int			groups = 0;

	for (int i = 0; i < examples->labels; i++)
		if (examples->label[i].genuine >= 2)
		{
			usable++;
			groups += !seen[examples->label[i].group];
			seen[examples->label[i].group] = true;
		}
	pfree(seen);
	if (usable < BOOTSTRAP_LEAST_GROUPS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("too few identities to calibrate with: %d", usable),
				 errdetail("At least %d labels with two genuine samples or more are needed; a false-accept rate of 1 %% needs"
						   " dozens.", BOOTSTRAP_LEAST_GROUPS)));
	if (groups < BOOTSTRAP_LEAST_GROUPS)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("too few groups to calibrate with: %d", groups),
				 errdetail("At least %d groups are needed, with identities of two genuine samples or more.",
						   BOOTSTRAP_LEAST_GROUPS),
				 errhint("Without the fourth column of the examples each identity is independent; the rates are then valid for"
						 " new people of these groups.")));
}

static Jsonb *
scores_to_jsonb(const Evaluation *evaluation)
{
	const PairDistances *pairs = &evaluation->pairs;
	HeldOutError error;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"calibrated_identities\": %d, ", pairs->identities);
	if (evaluation->examples->grouped)
		appendStringInfo(&text, "\"calibrated_groups\": %d, ", pairs->groups);
	appendStringInfo(&text, "\"calibrated_samples\": %d", pairs->samples);
	held_out_error(pairs, evaluation->seed, &error);
	held_out_error_append(&text, &error);
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

/* Copies this version to the name's next one, with another calibration; returns its number. */
static int
store_version(const char *name, int version, const char *query, Jsonb *calibration, Jsonb *scores)
{
	Oid			types[4] = {TEXTOID, INT4OID, JSONBOID, JSONBOID};
	Oid			query_types[4] = {TEXTOID, INT4OID, INT4OID, TEXTOID};
	Datum		values[4] = {
		CStringGetTextDatum(name), Int32GetDatum(version), JsonbPGetDatum(calibration), JsonbPGetDatum(scores)
	};
	ModelCaller caller;

	model_act_as_owner(&caller);
	if (spi_execute("INSERT INTO siamese.model (name, version, network, fingerprint, definition, metric, dimensions,"
					" created_by, seed, epochs, threads, scores, calibration, finished_at, promoted_at)"
					" SELECT name, (SELECT pg_catalog.max(n.version) FROM siamese.model n"
					" WHERE n.name OPERATOR(pg_catalog.=) $1) OPERATOR(pg_catalog.+) 1, network, fingerprint,"
					" definition, metric, dimensions, created_by, seed, epochs, threads, $4, $3,"
					" pg_catalog.clock_timestamp(), NULL"
					" FROM " MODEL_ROW_OF_NAME " RETURNING version", 4, types, values, SPI_OK_INSERT_RETURNING) != 1)
		elog(ERROR, "siamese.model has no version %d of \"%s\"", version, name);
	version = spi_int(1);
	values[2] = Int32GetDatum(version);
	values[3] = CStringGetTextDatum(query);
	spi_execute("INSERT INTO siamese.model_examples (name, version, training, calibration)"
				" VALUES ($1, $3, (SELECT e.training FROM siamese.model_examples e"
				" WHERE e.name OPERATOR(pg_catalog.=) $1 AND e.version OPERATOR(pg_catalog.=) $2), $4)",
				4, query_types, values, SPI_OK_INSERT);
	model_act_as_caller(&caller);
	return version;
}

/*
 * The model's own calibration of references, if it is to be moved: the examples have no forgeries, but it was fitted with some, and
 * without them anybody who imitates would be accepted.  Else NULL.
 */
static ReferenceCalibration *
own_calibration(const Evaluation *evaluation)
{
	if (evaluation->measure != NULL || evaluation->pairs.set[PAIR_SKILLED].count > 0 ||
		evaluation->calibration.fitted_on.pairs[PAIR_SKILLED] == 0)
		return NULL;
	return model_references_of(evaluation->name);
}

PG_FUNCTION_INFO_V1(siamese_calibrate);

Datum
siamese_calibrate(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;
	int			from;
	double		ratio = 1;
	MemoryContext caller;
	MemoryContext scratch = evaluation_enter(&caller);
	Evaluation	evaluation;
	EmbeddedExamples embedded;
	ModelCalibration calibration;
	ReferenceCalibration *own;
	SpecimenSource source;
	ElasticTable *elastic = NULL;
	ReferenceCalibration *references = NULL;
	PromotionResult promotion;
	Jsonb	   *fitted;
	char	   *result;

	check_may_write("siamese.calibrate()");
	/* which version is meant, and whether the caller may make the next one, is settled before anything is computed */
	model_parse_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), plain, &version);
	model_find(plain, &version);
	model_lock_name(plain, false);
	SPI_connect();
	model_check_owner(plain);
	SPI_finish();
	evaluation_run_uncalibrated(psprintf("%s@%d", plain, version), query, (uint64) PG_GETARG_INT64(2), &evaluation);
	evaluation_pairs(&evaluation);
	check_identities(evaluation.examples);
	own = own_calibration(&evaluation);
	calibration_fit(&evaluation.pairs, evaluation.seed, &calibration);
	embedded = evaluation_embedded(&evaluation);
	source = model_specimen_source(evaluation.model->definition);
	if (evaluation.measure == NULL && elastic_table_is_due(&embedded, source, own))
		elastic = elastic_table_create(&embedded, source, evaluation.seed);
	if (evaluation.measure == NULL)
		references = reference_calibration_fit(&embedded, elastic, own, evaluation.seed, &evaluation.pairs);
	if (own != NULL)
	{
		ratio = reference_calibration_ratio(own, references);
		calibration_transfer(&evaluation.calibration, ratio, &calibration);
	}
	fitted = calibration_with_references(calibration_to_jsonb(&calibration), references);
	SPI_connect();
	from = version;
	version = store_version(plain, version, query, fitted, scores_to_jsonb(&evaluation));
	promotion = model_promote_version(plain, version, PROMOTE_SAME_WEIGHTS, InvalidOid, scratch);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	result = psprintf("%s@%d", plain, version);
	calibration_warn_of_chance(result, &calibration);
	if (own != NULL)
		ereport(NOTICE,
				(errmsg("the examples have no forgeries: those of \"%s@%d\" are assumed", plain, from),
				 errdetail("Genuine samples lie %.3g times as far from each other as there. Probabilities are moved by that, less the fewer people there are;"
						   " thresholds of false-accept rates are kept unless random impostors ask for less.", ratio),
				 errhint("With forgeries of a dozen people, siamese.calibrate() would measure them.")));
	calibration_warn_of_few(result, &calibration);
	model_report_promotion(plain, version, &promotion);
	evaluation_leave(scratch, caller);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}
