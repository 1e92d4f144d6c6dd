/*
 * train.c: CALL siamese.train(model, examples, network, epochs, seed, options): its arguments, and what is made ready
 * before the first step.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "training/train.h"

static void
check_trainable(const NetworkDefinition *definition)
{
	if (definition->training.turns && definition->image.width != definition->image.height)
		check_raise_definition(psprintf("\"training.turns\" needs a square input, not %d x %d.",
										definition->image.width, definition->image.height));
	if (definition->training.samples < 2)
		check_raise_definition("\"training.samples\" must be at least 2: a pair of one identity needs two samples.");
}

static void
train(Training *training)
{
	MemoryContext caller;

	caller = MemoryContextSwitchTo(training->context);
	training->definition = definition_from_jsonb(training->options.definition);
	check_trainable(training->definition);
	if (training->epochs == 0)
		training->epochs = training->definition->training.epochs;
	training->examples = examples_read(training->query, training->definition,
									   (Size) maintenance_work_mem * 1024);
	training->split = split_identities(training->examples, training->definition->training.held_out,
									   (uint64) training->seed, training->options.strict);
	training->learner = learner_create(training->definition, training->examples, training->split, training->epochs,
									   (uint64) training->seed, training->options.threads);
	held_out_gather(training);
	MemoryContextSwitchTo(caller);
	ereport(NOTICE,
			(errmsg("training \"%s\" with network \"%s\": %d samples, %d identities, %d held out; %lld steps of %d samples an epoch",
					training->model, training->network, training->examples->count,
					training->split->training + training->split->held_out, training->split->held_out,
					(long long) training->learner->progress.epoch_steps, learner_batch_size(training->learner))));
	/* No snapshot is held while computing: vacuum goes on. */
	SPI_commit();
	loop_run(training);
}

PG_FUNCTION_INFO_V1(siamese_train);

Datum
siamese_train(PG_FUNCTION_ARGS)
{
	Training	training = {0};
	MemoryContext portal_context = PortalContext;
	Jsonb	   *network_definition;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("siamese.train() cannot run inside a transaction block or a function"),
				 errdetail("It commits after each epoch."),
				 errhint("CALL it by itself.")));
	for (int i = 0; i < 6; i++)
		if (i != 3 && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only the epochs of siamese.train() may be NULL")));

	INSTR_TIME_SET_CURRENT(training.start);
	training.context = AllocSetContextCreate(portal_context, "siamese training", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(training.context);
	training.model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	training.query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	training.network = text_to_cstring(PG_GETARG_TEXT_PP(2));
	training.seed = PG_GETARG_INT64(4);
	model_plain_name(training.model);
	if (!PG_ARGISNULL(3))
	{
		training.epochs = PG_GETARG_INT32(3);
		if (training.epochs < 1 || training.epochs > 100000)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("number of epochs is out of range: %d", training.epochs),
					 errdetail("It must be from 1 to 100000.")));
	}
	network_definition = definition_of_network(training.network);
	training_options(PG_GETARG_JSONB_P(5), network_definition, &training.options);

	model_lock_name(training.model, true);	/* of the session: transactions come and go */
	PG_TRY();
	{
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		train(&training);
		SPI_finish();
	}
	PG_FINALLY();
	{
		model_unlock_name();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(portal_context);
	MemoryContextDelete(training.context);
	return (Datum) 0;
}
