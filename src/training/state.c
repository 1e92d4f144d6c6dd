/*
 * state.c: the state of a training that is not finished: siamese.training_state and siamese.training_state_part.
 *
 * It is what cannot be computed again from the version's row: weights, their average, the optimizer's memory, and which
 * epoch was the best.  The sampler follows from the seed and the number of steps.  A part is as large as lets two of its
 * row versions share a page: then each update finds the version before the last one dead on the same page and takes its
 * place (a heap-only tuple), and a state does not grow, however many epochs there are and whether or not vacuum comes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "common/check.h"
#include "training/train.h"

#define PART_VALUES 990			/* 3,960 bytes beside a header, a name of 63 bytes and two numbers: 4,080 at most */
#define PARTS_AT_ONCE 256

typedef struct StateArray
{
	real	   *values;
	size_t		count;
} StateArray;

#define ARRAYS 3

/* What is stored, in this order; an average that is not kept has no values. */
static int
state_arrays(const Learner *learner, StateArray *array)
{
	size_t		weights = network_weight_count(learner->network);
	size_t		parts = 0;

	array[0] = (StateArray) {learner->weights, weights};
	array[1] = (StateArray) {learner->average, learner->average != learner->weights ? weights : 0};
	array[2] = (StateArray) {learner->memory, network_optimizer_count(learner->network)};
	for (int i = 0; i < ARRAYS; i++)
		parts += (array[i].count + PART_VALUES - 1) / PART_VALUES;
	return (int) parts;
}

static void
raise_lost(const Training *training)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the state of training of version %d of model \"%s\" was removed", training->version, training->model)));
}

static void
store_parts(const Training *training, bool first)
{
	Oid			types[4] = {TEXTOID, INT4OID, INT4OID, BYTEAOID};
	Datum		values[4];
	StateArray	array[ARRAYS];
	bytea	   *bytes = palloc(VARHDRSZ + PART_VALUES * sizeof(float));
	SPIPlanPtr	plan;
	int			part = 0;

	plan = SPI_prepare(first
					   ? "INSERT INTO siamese.training_state_part (name, version, part, bytes) VALUES ($1, $2, $3, $4)"
					   : "UPDATE siamese.training_state_part SET bytes = $4 WHERE name OPERATOR(pg_catalog.=) $1"
					   " AND version OPERATOR(pg_catalog.=) $2 AND part OPERATOR(pg_catalog.=) $3", 4, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare the writing of a state of training");
	values[0] = CStringGetTextDatum(training->model);
	values[1] = Int32GetDatum(training->version);
	values[3] = PointerGetDatum(bytes);
	state_arrays(training->learner, array);
	for (int i = 0; i < ARRAYS; i++)
		for (size_t done = 0; done < array[i].count; done += PART_VALUES)
		{
			size_t		count = Min(PART_VALUES, array[i].count - done);

			model_encode_weights(array[i].values + done, count, VARDATA(bytes));
			SET_VARSIZE(bytes, VARHDRSZ + count * sizeof(float));
			values[2] = Int32GetDatum(part++);
			if (SPI_execute_plan(plan, values, NULL, false, 0) != (first ? SPI_OK_INSERT : SPI_OK_UPDATE))
				elog(ERROR, "could not write a state of training");
			if (SPI_processed != 1)
				raise_lost(training);
		}
	SPI_freeplan(plan);
	pfree(bytes);
}

void
state_store(const Training *training, int epoch, double elapsed, Oid user, bool first)
{
	Oid			types[12] = {TEXTOID, INT4OID, INT4OID, INT8OID, INT4OID, TEXTOID, INT4OID, FLOAT8OID, FLOAT8OID, INT4OID, BOOLOID,
		TEXTOID};
	Datum		values[12];
	StateArray	array[ARRAYS];

	values[0] = CStringGetTextDatum(training->model);
	values[1] = Int32GetDatum(training->version);
	values[2] = Int32GetDatum(epoch);
	values[3] = Int64GetDatum(training->learner->progress.epoch_steps);
	values[4] = Int32GetDatum(training->learner->samples_at_once);
	values[5] = CStringGetTextDatum(training->examples->digest);
	values[6] = Int32GetDatum(training->best_epoch);
	values[7] = Float8GetDatum(training->best_error);
	values[8] = Float8GetDatum(elapsed);
	values[9] = Int32GetDatum(state_arrays(training->learner, array));
	values[10] = BoolGetDatum(training->spare_memory);
	values[11] = CStringGetTextDatum(GetUserNameFromId(user, false));
	if (first)
	{
		/* only the newest version of a name can be resumed */
		model_execute("DELETE FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1", 1, types, values,
						SPI_OK_DELETE);
		model_execute("DELETE FROM siamese.training_state WHERE name OPERATOR(pg_catalog.=) $1", 1, types, values,
						SPI_OK_DELETE);
		model_execute("INSERT INTO siamese.training_state (name, version, epoch, epoch_steps, samples_at_once,"
						" examples_digest, best_epoch, best_error, elapsed, parts, spare_memory,"
						" started_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", 12, types, values, SPI_OK_INSERT);
	}
	else
	{
		model_execute("UPDATE siamese.training_state SET epoch = $3, epoch_steps = $4, samples_at_once = $5,"
						" examples_digest = $6, best_epoch = $7, best_error = $8, elapsed = $9, parts = $10, spare_memory = $11"
						" WHERE name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2",
						11, types, values, SPI_OK_UPDATE);
		if (SPI_processed != 1)
			raise_lost(training);
	}
	store_parts(training, first);
}

void
state_load(Training *training)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->model), Int32GetDatum(training->version)};
	StateArray	array[ARRAYS];
	int			parts = state_arrays(training->learner, array);
	int			part = 0;
	int			i = 0;
	size_t		done = 0;
	SPIPlanPtr	plan;
	Portal		portal;
	ModelActor	caller;

	model_act_as_owner(&caller);
	plan = SPI_prepare("SELECT part, bytes FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1"
					   " AND version OPERATOR(pg_catalog.=) $2 ORDER BY part USING OPERATOR(pg_catalog.<)", 2, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare the reading of a state of training");
	portal = SPI_cursor_open(NULL, plan, values, NULL, true);
	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, PARTS_AT_ONCE);
		for (uint64 row = 0; row < SPI_processed; row++, part++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[row];
			bool		isnull;
			bytea	   *bytes = DatumGetByteaPP(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));
			size_t		count;

			while (i < ARRAYS && done == array[i].count)
			{
				i++;
				done = 0;
			}
			count = i < ARRAYS ? Min(PART_VALUES, array[i].count - done) : 0;
			if (DatumGetInt32(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull)) != part || count == 0 ||
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
		check_raise_damaged_model(psprintf("The state of training of version %d of model \"%s\" has %d of %d usable parts.",
										   training->version, training->model, part, parts));
}

void
state_drop(const Training *training)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(training->model), Int32GetDatum(training->version)};

	model_execute("DELETE FROM siamese.training_state_part WHERE name OPERATOR(pg_catalog.=) $1"
					" AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
	model_execute("DELETE FROM siamese.training_state WHERE name OPERATOR(pg_catalog.=) $1"
					" AND version OPERATOR(pg_catalog.=) $2", 2, types, values, SPI_OK_DELETE);
}
