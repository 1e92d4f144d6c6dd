/*
 * train.c: CALL siamese.train(model, examples, network, epochs, seed, options) and CALL siamese.resume(model): their
 * arguments, and what is made ready before the first step.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "common/check.h"
#include "common/host.h"
#include "training/memory.h"
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

/* Memory that the lists of samples and identities take: of the sampler, the split and the held-out ones. */
static Size
list_bytes(const Training *training)
{
	const Examples *examples = training->examples;
	Size		values = (Size) training->held_out_count * network_dimensions(training->learner->network);

	return (Size) examples->count * 3 * sizeof(int) + (Size) examples->labels * 128 + values * sizeof(float);
}

/* "6 held out", or with groups "6 held out (2 of 9 groups)". */
static char *
held_out_text(const Training *training)
{
	const Split *split = training->split;

	if (!training->examples->grouped)
		return psprintf("%d held out", split->held_out);
	return psprintf("%d held out (%d of %d groups)", split->held_out, split->held_out_groups, split->groups);
}

static void
check_same_examples(const Training *training)
{
	if (training->digest != NULL && strcmp(training->digest, training->examples->digest) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the examples of model \"%s\" have changed since its training began", training->model),
				 errdetail("Their query now gives %d samples of %d labels with another digest than then: %s",
						   training->examples->count, training->examples->labels, training->query),
				 errhint("Bring the rows back, or train a new version with the option {\"start\": \"%s@%d\"}.",
						 training->model, training->version)));
}

/* All that a training computes with, in its context. */
static void
prepare(Training *training)
{
	MemoryPlan	plan;
	Network    *network;
	Learner    *learner;
	int			held_out;
	Status		status;

	training->definition = definition_from_jsonb(training->options.definition);
	check_trainable(training->definition);
	for (;;)
	{
		if (training->spare_memory)
			network_spare_memory(training->definition);
		network = network_create(training->definition, host_server(), &status);
		if (network == NULL)
			check_raise_status(&status);
		if (memory_plan(&plan, training->definition, network, training->options.threads))
			break;
		if (training->spare_memory || training->version > 0)
			memory_plan_raise(&plan);
		network_destroy(network);
		training->spare_memory = true;
	}
	training->examples = examples_read(training->query, training->definition, plan.examples, plan.most_examples);
	check_same_examples(training);
	held_out = HELD_OUT_VALUES / network_dimensions(network);
	training->split = split_identities(training->examples, training->definition->training.held_out,
									   Min(HELD_OUT_SAMPLES, held_out),
									   (uint64) training->seed, training->options.strict);
	training->learner = learner = learner_create(training->definition, network, training->examples, training->split,
												 (uint64) training->seed, training->options.threads);
	held_out_gather(training);
	learner->samples_at_once = memory_plan_samples(&plan, learner_batch_size(learner),
												   training->examples->bytes + list_bytes(training), training->samples_at_once);
	training->memory = memory_plan_text(&plan, training->examples, learner_batch_size(learner), learner->samples_at_once);
	if (training->epoch_steps > 0)
		learner->progress.epoch_steps = training->epoch_steps;
}

static void
train(Training *training)
{
	MemoryContext caller = MemoryContextSwitchTo(training->context);
	Learner    *learner;

	start_resolve(training);
	prepare(training);
	learner = training->learner;
	if (training->options.max_minutes > 0)
		schedule_plan(training, training->epochs);
	else if (training->epochs == 0)
		training->epochs = training->definition->training.epochs;
	learner->progress.steps = learner->progress.epoch_steps * training->epochs;
	start_load(training);
	MemoryContextSwitchTo(caller);
	ereport(NOTICE,
			(errmsg("training \"%s\" with network \"%s\": %d samples, %d identities, %s; %d epochs of %lld steps of %d samples",
					training->model, training->network, training->examples->count,
					training->split->training + training->split->held_out, held_out_text(training),
					training->epochs, (long long) training->learner->progress.epoch_steps, learner_batch_size(training->learner)),
			 errdetail("%s", training->memory)));
	/* No snapshot is held while computing: vacuum goes on. */
	SPI_commit();
	loop_run(training);
}

static void
resume(Training *training, int version)
{
	MemoryContext caller;
	Learner    *learner;

	resume_read(training, version);
	caller = MemoryContextSwitchTo(training->context);
	prepare(training);
	MemoryContextSwitchTo(caller);
	learner = training->learner;
	learner->progress.steps = learner->progress.epoch_steps * training->epochs;
	state_load(training);
	while (!learner_go_to(learner, learner->progress.epoch_steps * training->epoch))
		CHECK_FOR_INTERRUPTS();
	ereport(NOTICE,
			(errmsg("training \"%s\" goes on: version %d, after epoch %d of %d",
					training->model, training->version, training->epoch, training->epochs),
			 errdetail("%s", training->memory)));
	SPI_commit();
	loop_run(training);
}

/*
 * Wherever an error comes from, once there is an epoch to go on from: a cancel and a termination say in detail and hint what
 * is left, any other error says in its context where it came.
 */
static void
tell_what_is_left(void *argument)
{
	const Training *training = argument;
	int			code = geterrcode();

	if (training->epoch == 0 || ERRCODE_TO_CATEGORY(code) == ERRCODE_SUCCESSFUL_COMPLETION ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_WARNING)
		return;
	if (code == ERRCODE_QUERY_CANCELED || code == ERRCODE_ADMIN_SHUTDOWN)
	{
		errdetail("The training of \"%s\" stops after epoch %d of %d.", training->model, training->epoch, training->epochs);
		errhint("CALL siamese.resume('%s') goes on from there; until then \"%s@%d\" names its best epoch.",
				training->model, training->model, training->version);
	}
	else
		errcontext("training of version %d of model \"%s\", after epoch %d of %d",
				   training->version, training->model, training->epoch, training->epochs);
}

/* One call: the work is train's, or with resumed resume's for this version. */
static void
run(Training *training, bool resumed, int version)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = tell_what_is_left, .arg = training};

	error_context_stack = &callback;
	model_lock_name(training->model, true); /* of the session: transactions come and go */
	PG_TRY();
	{
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		if (!resumed)
			training->owner = MemoryContextStrdup(training->context, model_check_owner(training->model));
		if (resumed)
			resume(training, version);
		else
			train(training);
		SPI_finish();
	}
	PG_FINALLY();
	{
		model_unlock_name();
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
}

/* Starts the clock, and enters a context that all of a training lives in; returns the one to go back to. */
static MemoryContext
begin(FunctionCallInfo fcinfo, const char *procedure, Training *training)
{
	check_procedure_call(fcinfo, procedure, "It commits after each epoch.");
	memset(training, 0, sizeof *training);
	INSTR_TIME_SET_CURRENT(training->start);
	training->context = AllocSetContextCreate(PortalContext, "siamese training", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(training->context);
	return PortalContext;
}

static void
end(Training *training, MemoryContext caller)
{
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(training->context);
}

PG_FUNCTION_INFO_V1(siamese_train);

Datum
siamese_train(PG_FUNCTION_ARGS)
{
	static const char *const argument[] = {"model", "examples", "network", "epochs", "seed", "options"};
	Training	training;
	MemoryContext caller;

	caller = begin(fcinfo, "train", &training);
	for (int i = 0; i < 6; i++)
		if (i != 3 && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only the epochs of siamese.train() may be NULL"),
					 errdetail("Its argument \"%s\" is.", argument[i])));
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
	training_options(PG_GETARG_JSONB_P_COPY(5), definition_of_network(training.network), &training.options);
	run(&training, false, 0);
	end(&training, caller);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(siamese_resume);

Datum
siamese_resume(PG_FUNCTION_ARGS)
{
	Training	training;
	MemoryContext caller;
	char		plain[LIMIT_MODEL_NAME + 1];
	int			version;

	caller = begin(fcinfo, "resume", &training);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the model of siamese.resume() may not be NULL")));
	model_parse_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), plain, &version);
	training.model = pstrdup(plain);
	run(&training, true, version);
	end(&training, caller);
	return (Datum) 0;
}
