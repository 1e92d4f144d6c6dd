/*
 * progress.c: siamese.training_progress: the running trainings.
 *
 * As CREATE INDEX and VACUUM do, a training writes a few numbers into its backend's entry in shared memory, which all sessions
 * can read at any moment, and which is cleared when its transaction is aborted or its backend ends.  So nothing has to be
 * committed, nothing is left over, and a step costs nothing.  PostgreSQL has no command type for extensions; its own views
 * look for theirs and pass over a number that none of them has.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "common/compat.h"
#include "common/limits.h"
#include "training/progress.h"

#define COMMAND_TRAINING ((ProgressCommandType) 0x5349414D)	/* "SIAM" */

/* The numbers of an entry; the name takes what is left of PGSTAT_NUM_PROGRESS_PARAM. */
typedef enum ProgressNumber
{
	NUMBER_STARTED,				/* TimestampTz, less what a resumed training took before */
	NUMBER_PHASE,
	NUMBER_EXAMPLES,
	NUMBER_VERSION,
	NUMBER_EPOCH,
	NUMBER_EPOCHS,
	NUMBER_STEP,
	NUMBER_STEPS,
	NUMBER_LOSS,				/* this and the next two: the bits of a float8; 0 until there is one */
	NUMBER_SPEED,
	NUMBER_REMAINING,
	NUMBER_NAME
} ProgressNumber;

#define NAME_NUMBERS ((LIMIT_MODEL_NAME + 1) / (int) sizeof(int64))

StaticAssertDecl(NUMBER_NAME + NAME_NUMBERS <= PGSTAT_NUM_PROGRESS_PARAM, "a training's progress fits into an entry");

static bool training_runs;

/* ---- the training's side --------------------------------------------------------------------------------------------- */

static void
set_number(ProgressNumber number, int64 value)
{
	if (training_runs)
		pgstat_progress_update_param(number, value);
}

static int64
bits_of(double value)
{
	int64		bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

void
progress_begin(const char *model)
{
	char		name[LIMIT_MODEL_NAME + 1] = "";

	pgstat_progress_start_command(COMMAND_TRAINING, InvalidOid);
	training_runs = true;
	strlcpy(name, model, sizeof name);
	for (int i = 0; i < NAME_NUMBERS; i++)
	{
		int64		part;

		memcpy(&part, name + i * sizeof part, sizeof part);
		set_number(NUMBER_NAME + i, part);
	}
	set_number(NUMBER_STARTED, GetCurrentTimestamp());
}

void
progress_elapsed(double seconds)
{
	set_number(NUMBER_STARTED, GetCurrentTimestamp() - (TimestampTz) (seconds * USECS_PER_SEC));
}

void
progress_phase(TrainingPhase phase)
{
	set_number(NUMBER_EXAMPLES, 0);
	set_number(NUMBER_PHASE, phase);
}

void
progress_examples(int64 count)
{
	set_number(NUMBER_EXAMPLES, count);
}

void
progress_epoch(const TrainingPlan *plan)
{
	static const int number[] = {
		NUMBER_EXAMPLES, NUMBER_PHASE, NUMBER_VERSION, NUMBER_EPOCH, NUMBER_EPOCHS, NUMBER_STEP, NUMBER_STEPS, NUMBER_LOSS, NUMBER_SPEED
	};
	const int64 value[] = {0, PHASE_LEARNING, plan->version, plan->epoch, plan->epochs, 0, plan->steps, 0, 0};

	if (training_runs)
		pgstat_progress_update_multi_param(lengthof(number), number, value);
}

void
progress_step(int64 step, double loss, double images_per_second, double remaining)
{
	static const int number[] = {NUMBER_STEP, NUMBER_LOSS, NUMBER_SPEED, NUMBER_REMAINING};
	const int64 value[] = {step, bits_of(loss), bits_of(images_per_second), bits_of(remaining)};

	if (training_runs)
		pgstat_progress_update_multi_param(lengthof(number), number, value);
}

void
progress_end(void)
{
	if (training_runs)
		pgstat_progress_end_command();
	training_runs = false;
}

/* ---- the reader's side ----------------------------------------------------------------------------------------------- */

static const char *
phase_name(int64 phase)
{
	static const char *const name[] = {
		[PHASE_READING] = "reading examples", [PHASE_TIMING] = "timing steps", [PHASE_REPEATING] = "repeating draws",
		[PHASE_LEARNING] = "learning", [PHASE_MEASURING] = "measuring held-out examples", [PHASE_COMMITTING] = "committing"
	};

	return phase >= 0 && phase < lengthof(name) ? name[phase] : "unknown";
}

static void
put_bits(Datum *values, bool *nulls, int column, int64 bits)
{
	double		value;

	memcpy(&value, &bits, sizeof value);
	nulls[column] = bits == 0;
	values[column] = Float8GetDatum(value);
}

static void
put_training(ReturnSetInfo *result, const PgBackendStatus *entry)
{
	const int64 *number = entry->st_progress_param;
	char		name[LIMIT_MODEL_NAME + 1];
	Datum		values[13];
	bool		nulls[13] = {false};

	memcpy(name, &number[NUMBER_NAME], sizeof name);
	name[LIMIT_MODEL_NAME] = '\0';
	values[0] = Int32GetDatum(entry->st_procpid);
	values[1] = CStringGetTextDatum(name);
	values[2] = Int32GetDatum((int32) number[NUMBER_VERSION]);
	nulls[2] = number[NUMBER_VERSION] == 0;
	values[3] = CStringGetTextDatum(phase_name(number[NUMBER_PHASE]));
	values[4] = Int64GetDatum(number[NUMBER_EXAMPLES]);
	nulls[4] = number[NUMBER_PHASE] != PHASE_READING && number[NUMBER_PHASE] != PHASE_MEASURING;
	for (int i = 0; i < 2; i++)
	{
		values[5 + i] = Int32GetDatum((int32) number[NUMBER_EPOCH + i]);
		values[7 + i] = Int64GetDatum(number[NUMBER_STEP + i]);
		nulls[5 + i] = nulls[7 + i] = number[NUMBER_EPOCH] == 0;
	}
	put_bits(values, nulls, 9, number[NUMBER_LOSS]);
	put_bits(values, nulls, 10, number[NUMBER_SPEED]);
	values[11] = Float8GetDatum((double) (GetCurrentTimestamp() - number[NUMBER_STARTED]) / USECS_PER_SEC);
	put_bits(values, nulls, 12, number[NUMBER_REMAINING]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(siamese_running_trainings);

/* Shows what pg_stat_progress_create_index would: trainings of this database, to those with the rights of who trains. */
Datum
siamese_running_trainings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			backends = pgstat_fetch_stat_numbackends();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 1; i <= backends; i++)
	{
		const LocalPgBackendStatus *local = compat_local_entry(i);
		const PgBackendStatus *entry = local != NULL ? &local->backendStatus : NULL;

		if (entry != NULL && entry->st_procpid > 0 && entry->st_progress_command == COMMAND_TRAINING &&
			entry->st_databaseid == MyDatabaseId &&
			(has_privs_of_role(GetUserId(), entry->st_userid) || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS)))
			put_training(result, entry);
	}
	return (Datum) 0;
}
