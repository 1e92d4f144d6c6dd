/*
 * checkpoint.c: the checkpoint of an unfinished training: siamese.training_state and siamese.training_state_part.
 *
 * It has what cannot be derived from the version's row: weights, their average, the optimizer's memory, which epoch was kept,
 * and the least error so far with its bootstrap replicates, which decide on the epochs to come.  The sampler follows from the seed and the number of steps.  Two row versions of a part fit into one page:
 * then each update finds the last but one version dead on the same page and reuses its space (a heap-only tuple), and a
 * checkpoint does not grow with the number of epochs, even without a vacuum.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "common/compat.h"
#include "common/spi.h"
#include "model/rights.h"
#include "model/stored_weights.h"
#include "training/learner.h"
#include "training/training.h"

#define PART_VALUES 990			/* 3,960 bytes beside a header, a name of 63 bytes and two numbers: 4,080 at most */
#define PARTS_AT_ONCE 256

typedef struct CheckpointArray
{
	real	   *values;
	size_t		count;
} CheckpointArray;

#define ARRAYS 4

/* What is stored, in this order, without an average if there is none; returns the number of parts. */
static int
checkpoint_arrays(const Training *training, CheckpointArray *array)
{
	const Learner *learner = training->learner;
	size_t		weights = network_weight_count(learner->network);
	size_t		parts = 0;

	array[0] = (CheckpointArray) {learner->weights, weights};
	array[1] = (CheckpointArray) {learner->average, learner->average != learner->weights ? weights : 0};
	array[2] = (CheckpointArray) {learner->memory, network_optimizer_count(learner->network)};
	array[3] = (CheckpointArray) {(real *) training->version.least_replicate, BOOTSTRAP_REPLICATES};
	for (int i = 0; i < ARRAYS; i++)
		parts += (array[i].count + PART_VALUES - 1) / PART_VALUES;
	return (int) parts;
}

static void
raise_removed(const Training *training)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the checkpoint of version %d of model \"%s\" was removed",
					training->version.number, training->request.model)));
}

static void
store_parts(const Training *training, bool first)
{
	Oid			types[4] = {TEXTOID, INT4OID, INT4OID, BYTEAOID};
	Datum		values[4];
	CheckpointArray array[ARRAYS];
	bytea	   *bytes = palloc(VARHDRSZ + PART_VALUES * sizeof(float));
	SPIPlanPtr	plan;
	int			part = 0;

	plan = spi_prepare(first
					   ? "INSERT INTO siamese.training_state_part (name, version, part, bytes) VALUES ($1, $2, $3, $4)"
					   : "UPDATE siamese.training_state_part SET bytes = $4 WHERE name OPERATOR(pg_catalog.=) $1"
					   " AND version OPERATOR(pg_catalog.=) $2 AND part OPERATOR(pg_catalog.=) $3", 4, types);
	values[0] = CStringGetTextDatum(training->request.model);
	values[1] = Int32GetDatum(training->version.number);
	values[3] = PointerGetDatum(bytes);
	checkpoint_arrays(training, array);
	for (int i = 0; i < ARRAYS; i++)
		for (size_t done = 0; done < array[i].count; done += PART_VALUES)
		{
			size_t		count = Min(PART_VALUES, array[i].count - done);

			model_encode_weights(array[i].values + done, count, VARDATA(bytes));
			SET_VARSIZE(bytes, VARHDRSZ + count * sizeof(float));
			values[2] = Int32GetDatum(part++);
			if (SPI_execute_plan(plan, values, NULL, false, 0) != (first ? SPI_OK_INSERT : SPI_OK_UPDATE))
				elog(ERROR, "could not write a checkpoint");
			if (SPI_processed != 1)
				raise_removed(training);
		}
	SPI_freeplan(plan);
	pfree(bytes);
}

void
checkpoint_store(const Training *training, int epoch, double elapsed, Oid user, bool first)
{
	Oid			types[12] = {TEXTOID, INT4OID, INT4OID, INT8OID, INT4OID, TEXTOID, INT4OID, FLOAT8OID, FLOAT8OID, INT4OID, BOOLOID,
		TEXTOID};
	Datum		values[12];
	CheckpointArray array[ARRAYS];

	values[0] = CStringGetTextDatum(training->request.model);
	values[1] = Int32GetDatum(training->version.number);
	values[2] = Int32GetDatum(epoch);
	values[3] = Int64GetDatum(training->learner->progress.epoch_steps);
	values[4] = Int32GetDatum(training->learner->samples_at_once);
	values[5] = CStringGetTextDatum(training->examples->digest);
	values[6] = Int32GetDatum(training->version.kept_epoch);
	values[7] = Float8GetDatum(training->version.least_eer);
	values[8] = Float8GetDatum(elapsed);
	values[9] = Int32GetDatum(checkpoint_arrays(training, array));
	values[10] = BoolGetDatum(training->spare_memory);
	values[11] = CStringGetTextDatum(GetUserNameFromId(user, false));
	if (first)
	{
		/* only the newest version of a name can be resumed */
		spi_execute("DELETE FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1", 1, types, values,
					SPI_OK_DELETE);
		spi_execute("DELETE FROM siamese.training_state WHERE name OPERATOR(pg_catalog.=) $1", 1, types, values,
					SPI_OK_DELETE);
		spi_execute("INSERT INTO siamese.training_state (name, version, epoch, epoch_steps, samples_at_once,"
					" examples_digest, kept_epoch, least_eer, elapsed, parts, spare_memory,"
					" started_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", 12, types, values, SPI_OK_INSERT);
	}
	else
	{
		spi_execute("UPDATE siamese.training_state SET epoch = $3, epoch_steps = $4, samples_at_once = $5,"
					" examples_digest = $6, kept_epoch = $7, least_eer = $8, elapsed = $9, parts = $10, spare_memory = $11"
					" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2",
					11, types, values, SPI_OK_UPDATE);
		if (SPI_processed != 1)
			raise_removed(training);
	}
	store_parts(training, first);
}

void
checkpoint_load(Training *training)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->request.model), Int32GetDatum(training->version.number)};
	CheckpointArray array[ARRAYS];
	int			parts = checkpoint_arrays(training, array);
	int			part = 0;
	int			i = 0;
	size_t		done = 0;
	SPIPlanPtr	plan;
	Portal		portal;
	ModelCaller caller;

	model_act_as_owner(&caller);
	plan = spi_prepare("SELECT part, bytes FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1"
					   " AND version OPERATOR(pg_catalog.=) $2 ORDER BY part USING OPERATOR(pg_catalog.<)", 2, types);
	portal = SPI_cursor_open(NULL, plan, values, NULL, true);
	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, PARTS_AT_ONCE);
		for (uint64 row = 0; row < SPI_processed; row++, part++)
		{
			bool		isnull;
			bytea	   *bytes = DatumGetByteaPP(spi_datum_of(row, 2, &isnull));
			size_t		count;

			while (i < ARRAYS && done == array[i].count)
			{
				i++;
				done = 0;
			}
			count = i < ARRAYS ? Min(PART_VALUES, array[i].count - done) : 0;
			if (DatumGetInt32(spi_datum_of(row, 1, &isnull)) != part || count == 0 ||
				VARSIZE_ANY_EXHDR(bytes) != count * sizeof(float))
				break;
			model_decode_weights(VARDATA_ANY(bytes), count, array[i].values + done);
			done += count;
		}
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed == PARTS_AT_ONCE && part % PARTS_AT_ONCE == 0);
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	model_act_as_caller(&caller);
	if (part != parts)
		check_raise_damaged_model(psprintf("The checkpoint of version %d of model \"%s\" has %d of %d usable parts.",
										   training->version.number, training->request.model, part, parts));
}

void
checkpoint_drop(const Training *training)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->request.model), Int32GetDatum(training->version.number)};

	spi_execute("DELETE FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1"
				" AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
	spi_execute("DELETE FROM siamese.training_state WHERE name OPERATOR(pg_catalog.=) $1"
				" AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
}
